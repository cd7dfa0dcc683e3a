"""Filling a hole with the picture's own texture: PatchMatch (Barnes 2009, Wexler 2007) from a coarse filling.

`exemplar` says on a small picture where each pixel is taken from, edges first. On a finer one every pixel near the hole
then looks for the known patch that resembles its own surroundings, and the hole is voted from the found patches. The
found places are carried to the full picture at the end.

There the seams between the copied pieces are levelled, by a Poisson equation with doubts (Perez, Gangnet, Blake,
"Poisson Image Editing", 2003): the step from each pixel to the next should be its source's own, but where two pieces do
not fit at all, the step between them counts little: an edge stays an edge.

Glossary: p patches of `PATCH` x `PATCH` pixels; n targets, the pixels whose patch touches the hole; h x w a level; of
the seams: n pixels of the hole, e pairs of neighbours of which one at least is in the hole.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import binary_dilation, distance_transform_edt, gaussian_filter, zoom
from scipy.sparse import coo_matrix, diags
from scipy.sparse.linalg import splu

from dancegen.images.inpaint.exemplar import HALF, PATCH, find_sources, guess_across

MISFIT = 0.08  # from about this difference on two pieces are taken not to belong together
LIMIT = 0.1  # no piece is made lighter or darker by more
# Over a wide hole small steps add up. So the level is held to what is straight across the hole, where the two agree.
HOLD, LEAST_HOLD = 0.02, 1e-3
AGREE = 0.03
BLUR = 4  # pixels over which levels are compared
# The longer side and the hole's area at most, pixels: where edges are carried into the hole, where patches are told.
COARSE = (112, 2200)
FINE = (224, 10000)
ROUNDS = 2
HEIGHT_COST = 0.06  # beside the patches' mean squared difference, per squared share of the picture's own height


def copy_places(picture: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The picture (h, w, 3) at `places` (h, w, 2), row and column: (h, w, 3)."""
    return picture[places[..., 0], places[..., 1]]


def seam_colours(picture: np.ndarray, hole: np.ndarray, places: np.ndarray) -> np.ndarray:
    """What to add to the copied pixels of a hole so that its seams are not seen.

    Args:
        picture: (h, w, 3) float32 0..1.
        hole: (h, w) bool.
        places: (h, w, 2) row and column that each pixel of the hole is copied from.

    Returns:
        (h, w, 3), 0 outside the hole.
    """
    rows, columns = np.indices(hole.shape)
    places = np.where(hole[..., None], places, np.stack([rows, columns], -1))
    made = copy_places(picture, places)
    index = np.full(hole.shape, -1)
    index[hole] = np.arange(int(hole.sum()))
    pairs = [_steps(picture, made, places, index, dy, dx) for dy, dx in ((0, 1), (1, 0))]
    here, there, weight, step = (np.concatenate(parts) for parts in zip(*pairs, strict=True))
    away = gaussian_filter(guess_across(picture, ~hole) - made, (BLUR, BLUR, 0))[hole]  # (n, 3)
    hold = HOLD / (1 + (away**2).mean(-1) / AGREE**2) ** 2 + LEAST_HOLD  # (n,)
    values = np.zeros(picture.shape, np.float32)
    values[hole] = _balance(here, there, weight, step, hold, away)
    return LIMIT * np.tanh(values / LIMIT)


def _steps(
    picture: np.ndarray, made: np.ndarray, places: np.ndarray, index: np.ndarray, dy: int, dx: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """All pairs in one direction: both pixels' numbers (e,) (-1 = known), weights (e,), steps wanted beyond `made`."""
    height, width = index.shape
    y, x = np.nonzero(binary_dilation(index >= 0)[: height - dy, : width - dx])
    a, b = index[y, x], index[y + dy, x + dx]
    pair = (a >= 0) | (b >= 0)
    y, x, a, b = y[pair], x[pair], a[pair], b[pair]

    def beyond(rows: np.ndarray, columns: np.ndarray, sign: int) -> np.ndarray:
        """The colour beside a pixel's source: (e, 3)."""
        source = places[rows, columns]
        return picture[
            np.clip(source[:, 0] + sign * dy, 0, height - 1), np.clip(source[:, 1] + sign * dx, 0, width - 1)
        ]

    # What the one's source goes on with, less what is there, and the other way round: both 0 within one piece.
    on = beyond(y, x, 1) - made[y + dy, x + dx]
    back = made[y, x] - beyond(y + dy, x + dx, -1)
    on, back = np.where((a >= 0)[:, None], on, back), np.where((b >= 0)[:, None], back, on)
    misfit = np.maximum((on**2).mean(-1), (back**2).mean(-1))
    return a, b, 1 / (1 + misfit / MISFIT**2) ** 2, (on + back) / 2


def _balance(
    here: np.ndarray, there: np.ndarray, weight: np.ndarray, step: np.ndarray, hold: np.ndarray, away: np.ndarray
) -> np.ndarray:
    """Least squares of (there - here - step), by `weight`, and of (value - away), by `hold`: (n, 3)."""
    count = len(hold)
    both = (here >= 0) & (there >= 0)
    diagonal, right = hold.astype(np.float64), (hold[:, None] * away).astype(np.float64)
    for side, sign in ((here, -1.0), (there, 1.0)):
        inner = side >= 0
        np.add.at(diagonal, side[inner], weight[inner])
        np.add.at(right, side[inner], sign * (weight[:, None] * step)[inner])
    off = coo_matrix((-weight[both], (here[both], there[both])), shape=(count, count))
    matrix = (off + off.T + diags(diagonal)).tocsc()
    solved: np.ndarray = splu(matrix, permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True}).solve(right)
    return solved


def fill_with_patches(picture: np.ndarray, hole: np.ndarray, seed: int = 0) -> np.ndarray | None:
    """Paint the hole with patches of its surroundings.

    Args:
        picture: (H, W, 3) float32 0..1.
        hole: (H, W) bool.
        seed: of the random search.

    Returns:
        (H, W, 3), equal to `picture` outside the hole; None where too little of the picture is known.
    """
    rng = np.random.default_rng(seed)
    coarse, finest = (_scale(hole, *limits) for limits in (COARSE, FINE))
    coarse_hole = _shrink(hole.astype(np.float32), coarse) > 0.02
    places = find_sources(_shrink(picture, coarse), coarse_hole) if min(coarse_hole.shape) > PATCH else None
    if places is None:
        return None
    small_hole = _shrink(hole.astype(np.float32), finest) > 0.02
    level = _Level(_shrink(picture, finest), small_hole, rng)
    level.begin(places)
    for _ in range(ROUNDS):
        level.search()
        level.vote()
    level.search()
    return _carry(picture, hole, level.places, seam_colours(level.known, small_hole, level.places))


def _scale(hole: np.ndarray, side: int, area: int) -> float:
    """How much smaller the picture must be for these limits."""
    return float(min(1.0, side / max(hole.shape), np.sqrt(area / max(int(hole.sum()), 1))))


class _Level:
    """One size of the picture and the places found so far; `places` is (h, w, 2) row and column of the source."""

    def __init__(self, known: np.ndarray, hole: np.ndarray, rng: np.random.Generator) -> None:
        self.hole, self.rng = hole, rng
        self.height, self.width = hole.shape
        self.known = known.astype(np.float32)
        self.current = self.known
        square = np.ones((PATCH, PATCH), bool)
        inner = np.zeros_like(hole)
        inner[HALF : self.height - HALF, HALF : self.width - HALF] = True
        self.usable = ~binary_dilation(hole, square) & inner
        if not self.usable.any():
            self.usable = ~hole & inner
        self.rows, self.columns = np.nonzero(binary_dilation(hole, square))  # n targets
        self.features = self._features()
        self.places = np.zeros((self.height, self.width, 2), np.int64)
        _, nearest = distance_transform_edt(~self.usable, return_indices=True)
        self.nearest = np.moveaxis(nearest, 0, -1)  # (h, w, 2): the nearest usable source of any pixel

    def begin(self, coarser: np.ndarray) -> None:
        """Start from the places (hc, wc, 2) found on a coarser picture."""
        rows, columns = self.rows, self.columns
        scale = np.array([self.height / coarser.shape[0], self.width / coarser.shape[1]])
        y, x = ((rows + 0.5) / scale[0]).astype(int), ((columns + 0.5) / scale[1]).astype(int)
        y, x = np.minimum(y, coarser.shape[0] - 1), np.minimum(x, coarser.shape[1] - 1)
        row = rows + np.round((coarser[y, x, 0] - y) * scale[0]).astype(int)
        column = columns + np.round((coarser[y, x, 1] - x) * scale[1]).astype(int)
        self.found = self._to_valid(row, column)
        self.places[rows, columns] = self.found
        self.current = np.where(self.hole[..., None], copy_places(self.current, self.places), self.current)
        self.targets = self._patches()
        self.cost = self._cost(self.found)

    def search(self) -> None:
        """Propagate good places from neighbours at several distances, and try random ones around the best."""
        self.targets = self._patches()
        self.cost = self._cost(self.found)
        for step in (8, 4, 2, 1):
            self.places[self.rows, self.columns] = self.found
            for dy, dx in ((0, step), (0, -step), (step, 0), (-step, 0)):
                y = np.clip(self.rows + dy, 0, self.height - 1)
                x = np.clip(self.columns + dx, 0, self.width - 1)
                place = self.places[y, x]
                use = place.any(1)
                self._try(
                    np.where(use, place[:, 0] - dy, self.found[:, 0]), np.where(use, place[:, 1] - dx, self.found[:, 1])
                )
        radius = max(self.height, self.width) / 2
        while radius >= 1:
            jump = self.rng.uniform(-1, 1, (len(self.rows), 2)) * radius
            self._try(
                self.found[:, 0] + jump[:, 0].round().astype(int) // 2,
                self.found[:, 1] + jump[:, 1].round().astype(int),
            )
            radius /= 3
        self.places[self.rows, self.columns] = self.found

    def vote(self) -> None:
        """Repaint the hole: every pixel is the mean of what the patches over it propose, good matches first."""
        sigma = np.quantile(self.cost, 0.6) + 1e-6
        weight = np.exp(-self.cost / (2 * sigma)).astype(np.float32) + 1e-4
        size = self.height * self.width
        sums, weights = np.zeros((size, 3)), np.zeros(size)
        for dy in range(-HALF, HALF + 1):
            for dx in range(-HALF, HALF + 1):
                y, x = self.rows + dy, self.columns + dx
                inside = (y >= 0) & (y < self.height) & (x >= 0) & (x < self.width)
                index = y[inside] * self.width + x[inside]
                colour = self.current[self.found[inside, 0] + dy, self.found[inside, 1] + dx]
                part = weight[inside]
                weights += np.bincount(index, part, size)
                for channel in range(3):
                    sums[:, channel] += np.bincount(index, part * colour[:, channel], size)
        voted = (sums / np.maximum(weights, 1e-9)[:, None]).reshape(self.height, self.width, 3)
        self.current = np.where(self.hole[..., None], voted, self.current).astype(np.float32)

    def _features(self) -> np.ndarray:
        """All patches of the current picture, the border continued: (h * w, PATCH * PATCH * 3)."""
        padded = np.pad(self.current, ((HALF, HALF), (HALF, HALF), (0, 0)), mode="edge")
        windows: np.ndarray = np.lib.stride_tricks.sliding_window_view(  # type: ignore[call-overload]
            padded, (PATCH, PATCH), (0, 1)
        )  # (h, w, 3, P, P)
        return np.ascontiguousarray(windows[..., ::2, ::2]).reshape(self.height * self.width, -1)

    def _patches(self) -> np.ndarray:
        self.features = self._features()
        return self.features[self.rows * self.width + self.columns]

    def _to_valid(self, row: np.ndarray, column: np.ndarray) -> np.ndarray:
        """Places moved to the nearest usable one: (n, 2)."""
        row, column = np.clip(row, 0, self.height - 1), np.clip(column, 0, self.width - 1)
        return self.nearest[row, column]

    def _cost(self, places: np.ndarray) -> np.ndarray:
        """Mean squared difference of the patches, and of the heights they are taken from: (n,)."""
        source = self.features[places[:, 0] * self.width + places[:, 1]]
        difference = source - self.targets
        lift = (places[:, 0] - self.rows) / self.height
        return np.einsum("nf,nf->n", difference, difference) / difference.shape[1] + HEIGHT_COST * lift**2

    def _try(self, row: np.ndarray, column: np.ndarray) -> None:
        places = self._to_valid(row, column)
        cost = self._cost(places)
        better = cost < self.cost
        self.found[better], self.cost[better] = places[better], cost[better]


def _carry(picture: np.ndarray, hole: np.ndarray, places: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """The found places at the picture's full size: each pixel the mean of five neighbours' proposals, and `levels`."""
    height, width = hole.shape
    scale = np.array([height / places.shape[0], width / places.shape[1]])
    rows, columns = np.nonzero(hole)
    y, x = (rows + 0.5) / scale[0], (columns + 0.5) / scale[1]
    total = np.zeros((len(rows), 3), np.float32)
    for dy, dx in ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0)):
        cell_y = np.clip(y.astype(int) + dy, 0, places.shape[0] - 1)
        cell_x = np.clip(x.astype(int) + dx, 0, places.shape[1] - 1)
        place = places[cell_y, cell_x]
        source_y = np.clip(rows + np.round((place[:, 0] - cell_y) * scale[0]).astype(int), 0, height - 1)
        source_x = np.clip(columns + np.round((place[:, 1] - cell_x) * scale[1]).astype(int), 0, width - 1)
        total += picture[source_y, source_x]
    result = picture.copy()
    result[rows, columns] = total / 5 + _resize(levels, (height, width))[rows, columns]
    return result


def _shrink(values: np.ndarray, scale: float) -> np.ndarray:
    """Block means: (H, W, ...) -> about `scale` times the size."""
    height, width = (max(1, round(side * scale)) for side in values.shape[:2])
    return _resize(values, (height, width), area=True)


def _resize(values: np.ndarray, size: tuple[int, int], area: bool = False) -> np.ndarray:
    if values.shape[:2] == size:
        return values
    if area:
        for axis in (0, 1):
            edges = np.linspace(0, values.shape[axis], size[axis] + 1).astype(int)
            starts = np.minimum(edges[:-1], values.shape[axis] - 1)
            counts = np.maximum(np.diff(edges), 1)
            shape = [1] * values.ndim
            shape[axis] = size[axis]
            values = np.add.reduceat(values, starts, axis) / counts.reshape(shape)
        return values.astype(np.float32)
    factors = [size[0] / values.shape[0], size[1] / values.shape[1]] + [1.0] * (values.ndim - 2)
    return zoom(values, factors, order=1, mode="nearest", grid_mode=True)
