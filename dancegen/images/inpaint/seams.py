"""Levelling the seams between copied pieces of a picture: a Poisson equation with doubts.

Source: Perez, Gangnet, Blake, "Poisson Image Editing" (2003). The step from each pixel to the next should be its
source's own. Where two pieces do not fit at all, the step between them counts little: an edge stays an edge.

Glossary: h x w the picture; n pixels of the hole; e pairs of neighbours of which one at least is in the hole.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import binary_dilation, gaussian_filter
from scipy.sparse import coo_matrix, diags
from scipy.sparse.linalg import splu

from dancegen.images.inpaint.exemplar import guess_across

MISFIT = 0.08  # from about this difference on two pieces are taken not to belong together
LIMIT = 0.1  # no piece is made lighter or darker by more
# Over a wide hole small steps add up. So the level is held to what is straight across the hole, where the two agree.
HOLD, LEAST_HOLD = 0.02, 1e-3
AGREE = 0.03
BLUR = 4  # pixels over which levels are compared


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
