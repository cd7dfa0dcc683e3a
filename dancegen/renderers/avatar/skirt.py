"""Cloth that spans both legs: where it is, and that it goes with both.

Glossary: K = 15 limbs; h x w cells.
"""

from __future__ import annotations

import numpy as np

from dancegen.body import joints as J
from dancegen.body import limbs as L
from dancegen.renderers.avatar.sheets import Grid

PAIRS = ((L.R_THIGH, L.L_THIGH), (L.R_SHIN, L.L_SHIN))


def span_legs(weights: np.ndarray, grid: Grid) -> None:
    """Cloth above the hem goes with both legs, in the share of its way from the one to the other; in place."""
    share, cloth = to_left(grid), above_hem(grid)
    for right, left in PAIRS:
        both = weights[right] + weights[left]
        weights[right] = np.where(cloth, both * (1 - share), weights[right])
        weights[left] = np.where(cloth, both * share, weights[left])


def to_left(grid: Grid) -> np.ndarray:
    """(h, w) how far each cell is on its way from the right leg's axis to the left one's, 0..1."""
    rows = grid.places[:, 0, 1]
    right, left = (
        np.interp(rows, grid.local[list(chain), 1], grid.local[list(chain), 0])[:, None] for chain in J.LEG_CHAINS
    )
    apart = np.where(np.abs(left - right) < 1, 1, left - right)
    share: np.ndarray = np.clip((grid.places[..., 0] - right) / apart, 0, 1)
    return share


def above_hem(grid: Grid) -> np.ndarray:
    """(h, w) bool: the rows of the cloth that spans both legs."""
    middle = [np.mean([grid.local[chain[step], 1] for chain in J.LEG_CHAINS]) for step in range(3)]
    above: np.ndarray = grid.places[..., 1] < np.interp(grid.hem, [0, 1, 2], middle) + 0.01 * grid.height
    return above
