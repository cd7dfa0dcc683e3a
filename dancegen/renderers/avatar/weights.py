"""How much each place of a piece goes with each bone: the limbs' regions, blurred, with a wide ramp along the spine."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import binary_dilation, gaussian_filter

from dancegen.body import joints as J
from dancegen.body import limbs as L
from dancegen.body.limbs import K
from dancegen.renderers.avatar.sheets import Grid, Sheet

SOFT = 0.008  # heights over which a bent limb bends
BEGINS = (L.HEAD, L.R_UPPER_ARM, L.L_UPPER_ARM, L.R_THIGH, L.L_THIGH)
WIDER = 1.3  # times more at shoulders, hips and neck
RAMP = (0.35, 0.8)  # levels down the spine between which the chest's turn becomes the hips'
PAIRS = ((L.R_THIGH, L.L_THIGH), (L.R_SHIN, L.L_SHIN))


def skin_weights(sheet: Sheet, grid: Grid, softer: float = 1.0) -> np.ndarray:
    """(K, h, w), which sum to 1; smooth beyond the piece's outline too; `softer` times as far."""
    weights = np.zeros((K, *grid.cells))
    around = binary_dilation(sheet.mask, iterations=2).astype(float)
    for limb in np.unique(sheet.owner):
        sigma = max(softer * SOFT * (WIDER if limb in BEGINS else 1.0) * grid.height, 0.7)
        share = gaussian_filter(around, sigma)
        weights[limb] = gaussian_filter((sheet.owner == limb) * around, sigma) / np.maximum(share, 1e-6)
    torso = weights[L.UPPER_TORSO] + weights[L.LOWER_TORSO]
    low = np.clip((grid.level - RAMP[0]) / (RAMP[1] - RAMP[0]), 0, 1)
    low = low * low * (3 - 2 * low)
    weights[L.UPPER_TORSO], weights[L.LOWER_TORSO] = torso * (1 - low), torso * low
    if grid.hem and L.R_THIGH in sheet.limbs:
        _span_legs(weights, grid)
    nothing = weights.sum(0) < 1e-6
    weights[:, nothing] = 0
    weights[sheet.owner[nothing], nothing] = 1
    weights /= weights.sum(0)
    return weights


def _span_legs(weights: np.ndarray, grid: Grid) -> None:
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


def leg_difference(grid: Grid, weights: np.ndarray) -> np.ndarray:
    """How much more each cell goes with the right leg than with the left: (h, w), 0 in cloth, or without a skirt."""
    if not grid.hem:
        return np.zeros(grid.cells)
    sides = [weights[upper : upper + 3].sum(0) for upper in (L.R_THIGH, L.L_THIGH)]
    return np.where(above_hem(grid), 0, sides[0] - sides[1])
