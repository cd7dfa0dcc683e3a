"""Filling a hole piece by piece from its rim: edges that end at the hole are carried on into it first.

Source: Criminisi, Perez, Toyama, "Region Filling and Object Removal by Exemplar-Based Image Inpainting" (2004). Done on
a small picture, it says where every pixel of the hole is taken from; `patches` refines that on a larger one.

Glossary: p patches of `PATCH` x `PATCH` pixels; h x w the small picture; "front" the pixels of the hole at its rim.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import binary_dilation, binary_erosion, gaussian_filter

PATCH = 7
HALF = PATCH // 2
# What a far source costs beside the mean squared difference of colours, per squared share of the picture's longer side:
# what is near is likelier the same thing, and texture is taken from beside the hole, not from above.
ASIDE_COST, LIFT_COST = 0.01, 0.1
GUESS = 0.5  # how much an unknown pixel counts beside a known one: what is straight across the hole is likely there too
PLAIN = 0.02  # what a front without any edge counts, in units of the picture's gradients


def find_sources(picture: np.ndarray, hole: np.ndarray) -> np.ndarray | None:
    """Where each pixel of the hole is best taken from.

    Args:
        picture: (h, w, 3) float32 0..1, small: at most about 100 pixels a side.
        hole: (h, w) bool.

    Returns:
        (h, w, 2) row and column of the source, each pixel's own outside the hole; None where hardly anything is known.
    """
    inner = np.zeros_like(hole)
    inner[HALF:-HALF, HALF:-HALF] = True
    usable = ~binary_dilation(hole, np.ones((PATCH, PATCH), bool)) & inner
    if usable.sum() < PATCH * PATCH:
        return None
    return _Filling(picture, hole, usable).fill()


def guess_across(picture: np.ndarray, known: np.ndarray, upright: bool = True) -> np.ndarray:
    """A guess from the known pixels straight left, right and, if `upright`, above and below, the nearer the more.

    Args:
        picture: (h, w, 3); known: (h, w) bool.

    Returns:
        (h, w, 3) float32, the picture itself where it is known.
    """
    total, amount = np.zeros(picture.shape, np.float32), np.full(known.shape, 1e-9, np.float32)
    rows, columns = np.indices(known.shape)
    for axis, place in ((1, columns), (0, rows))[: 1 + upright]:
        far = known.shape[axis]
        before = np.maximum.accumulate(np.where(known, place, -far), axis)
        after = np.flip(np.minimum.accumulate(np.flip(np.where(known, place, 2 * far), axis), axis), axis)
        for nearest in (before, after):
            seen = (nearest >= 0) & (nearest < far)
            weight = seen / (np.abs(place - nearest) + 0.5) ** 2
            at = np.clip(nearest, 0, far - 1)
            total += weight[..., None] * (picture[at, columns] if axis == 0 else picture[rows, at])
            amount += weight
    return np.where(known[..., None], picture, total / amount[..., None]).astype(np.float32)


class _Filling:
    """The picture while it is filled; all arrays have a border of HALF pixels around the picture."""

    def __init__(self, picture: np.ndarray, hole: np.ndarray, usable: np.ndarray) -> None:
        border = ((HALF, HALF), (HALF, HALF))
        self.pixels = np.pad(np.where(hole[..., None], 0, picture), (*border, (0, 0))).astype(np.float32)
        self.known = np.pad(~hole, border)
        self.guess = np.pad(guess_across(picture, ~hole), (*border, (0, 0)), mode="edge")
        self.hole = np.pad(hole, border)
        self.confidence = self.known.astype(np.float32)
        rows, columns = np.indices(hole.shape)
        self.places = np.pad(np.stack([rows, columns], -1), (*border, (0, 0)))
        self.rows, self.columns = np.nonzero(usable)  # p sources, in the picture
        windows = np.lib.stride_tricks.sliding_window_view(self.pixels, (PATCH, PATCH), (0, 1))  # type: ignore[call-overload]
        self.sources = windows[self.rows, self.columns].reshape(len(self.rows), 3, -1)  # (p, 3, P * P)
        # |source - target|^2 over the known pixels is one product with [source^2 summed over colours, source].
        flat = self.sources.reshape(len(self.rows), -1)
        self.table = np.ascontiguousarray(np.concatenate([(self.sources**2).sum(1), -2 * flat], 1))  # (p, 4 * P * P)
        self.size = max(hole.shape)

    def fill(self) -> np.ndarray:
        """Patch after patch, the most urgent first."""
        while self.hole.any():
            front = np.argwhere(self.hole & binary_dilation(self.known))
            if not len(front):
                break
            row, column = front[np.argmax(self._priority(front))]
            self._fill(int(row), int(column))
        return self.places[HALF:-HALF, HALF:-HALF]

    def _priority(self, front: np.ndarray) -> np.ndarray:
        """Much known around, and an edge that runs into the hole: (front pixels,)."""
        known = self.known.astype(np.float32)
        trust = _box_sums(self.confidence)[front[:, 0], front[:, 1]] / PATCH**2
        normal = np.gradient(gaussian_filter(known, 1.0))
        dy, dx = np.gradient(self.pixels.mean(-1))
        whole = binary_erosion(self.known, np.ones((3, 3), bool))
        dy, dx = dy * whole, dx * whole
        # An edge runs across the gradient: its flow over the front is gradient x normal.
        flow = np.zeros(len(front), np.float32)
        y, x = front[:, 0], front[:, 1]
        ny, nx = normal[0][y, x], normal[1][y, x]
        length = np.hypot(ny, nx) + 1e-6
        for oy in range(-2, 3):
            for ox in range(-2, 3):
                qy, qx = np.clip(y + oy, 0, known.shape[0] - 1), np.clip(x + ox, 0, known.shape[1] - 1)
                flow = np.maximum(flow, np.abs(dx[qy, qx] * ny - dy[qy, qx] * nx) / length)
        priority: np.ndarray = trust * (flow + PLAIN)
        return priority

    def _fill(self, row: int, column: int) -> None:
        """Fill the unknown pixels of the patch around one pixel from the best source."""
        window = (slice(row - HALF, row + HALF + 1), slice(column - HALF, column + HALF + 1))
        known, target = self.known[window], self.pixels[window]
        mask = np.where(known, 1.0, GUESS * self.hole[window]).reshape(-1).astype(np.float32)
        wanted = np.where(known[..., None], target, self.guess[window])
        query = np.concatenate([mask, (np.moveaxis(wanted, -1, 0).reshape(3, -1) * mask).reshape(-1)])
        count = max(float(mask.sum()), 1.0)
        cost = (self.table @ query) / (3 * count)
        y, x = row - HALF, column - HALF  # in the picture
        lift, side = (self.rows - y) / self.size, (self.columns - x) / self.size
        best = int(np.argmin(cost + LIFT_COST * lift**2 + ASIDE_COST * side**2))
        new = ~known & self.hole[window]
        source = np.moveaxis(self.sources[best].reshape(3, PATCH, PATCH), 0, -1)
        target[new] = source[new]
        oy, ox = np.mgrid[-HALF : HALF + 1, -HALF : HALF + 1]
        at = np.stack([self.rows[best] + oy, self.columns[best] + ox], -1)
        self.places[window][new] = at[new]
        self.confidence[window][new] = self.confidence[window][known].sum() / PATCH**2 if known.any() else 0.0
        self.known[window] |= new
        self.hole[window] &= ~new


def _box_sums(values: np.ndarray) -> np.ndarray:
    """Sums over PATCH x PATCH windows, nothing beyond the border: same shape."""
    padded = np.pad(values, HALF + 1)[:-1, :-1].cumsum(0).cumsum(1)
    return padded[PATCH:, PATCH:] - padded[:-PATCH, PATCH:] - padded[PATCH:, :-PATCH] + padded[:-PATCH, :-PATCH]
