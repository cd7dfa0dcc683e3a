"""How much each place of a piece goes with each bone: the limbs' regions, blurred, with a wide ramp along the spine."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import binary_dilation, gaussian_filter

from dancegen.body import limbs as L
from dancegen.body.limbs import K
from dancegen.renderers.avatar.sheets import Grid, Sheet

SOFT = 0.008  # heights over which a bent limb bends
BEGINS = (L.HEAD, L.R_UPPER_ARM, L.L_UPPER_ARM, L.R_THIGH, L.L_THIGH)
WIDER = 1.3  # times more at shoulders, hips and neck
RAMP = (0.35, 0.8)  # levels down the spine between which the chest's turn becomes the hips'


def skin_weights(sheet: Sheet, grid: Grid, soft: float = SOFT) -> np.ndarray:
    """(K, h, w), which sum to 1; smooth beyond the piece's outline too; `soft` heights far."""
    weights = np.zeros((K, *grid.cells))
    around = binary_dilation(sheet.mask, iterations=2).astype(float)
    for limb in np.unique(sheet.owner):
        sigma = max(soft * (WIDER if limb in BEGINS else 1.0) * grid.height, 0.7)
        share = gaussian_filter(around, sigma)
        weights[limb] = gaussian_filter((sheet.owner == limb) * around, sigma) / np.maximum(share, 1e-6)
    torso = weights[L.UPPER_TORSO] + weights[L.LOWER_TORSO]
    low = np.clip((grid.level - RAMP[0]) / (RAMP[1] - RAMP[0]), 0, 1)
    low = low * low * (3 - 2 * low)
    weights[L.UPPER_TORSO], weights[L.LOWER_TORSO] = torso * (1 - low), torso * low
    if grid.hem and L.R_THIGH in sheet.limbs:
        from dancegen.renderers.avatar.skirt import span_legs

        span_legs(weights, grid)
    nothing = weights.sum(0) < 1e-6
    weights[:, nothing] = 0
    weights[sheet.owner[nothing], nothing] = 1
    weights /= weights.sum(0)
    return weights


def leg_difference(grid: Grid, weights: np.ndarray) -> np.ndarray:
    """How much more each cell goes with the right leg than with the left: (h, w), 0 in cloth, or without a skirt."""
    if not grid.hem:
        return np.zeros(grid.cells)
    from dancegen.renderers.avatar.skirt import above_hem

    sides = [weights[upper : upper + 3].sum(0) for upper in (L.R_THIGH, L.L_THIGH)]
    return np.where(above_hem(grid), 0, sides[0] - sides[1])
