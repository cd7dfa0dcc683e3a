"""Skirts, coats and dresses: cloth that spans both legs is stretched between them instead of splitting along them.

Between the axes of the two legs a place of the target is looked up as a mixture of both legs' maps, in the share of its
way from the one to the other; beside and below the cloth each leg's own map holds.

Glossary: a level is a share of the way down both legs, 0 at the hips, 1 at the knees, 2 at the ankles; the hem is the
lowest level of the cloth; h x w the picture.
"""

from __future__ import annotations

import numpy as np
import torch

from dancegen.body import limbs as L
from dancegen.body.geometry import from_axes

PAIRS = {L.R_THIGH: (L.L_THIGH, 0), L.L_THIGH: (L.R_THIGH, 0), L.R_SHIN: (L.L_SHIN, 1), L.L_SHIN: (L.R_SHIN, 1)}
WAIST = 0.35  # level from which on the cloth is the legs' and not the torso's
FADE = 0.08  # levels over which the cloth ends


def leg_axes(joints: np.ndarray) -> np.ndarray:
    """The ends of thighs and shins, in pairs: (V, 2+) -> (2 segments, 2 sides right and left, 2 ends, 2 xy)."""
    bones = [[L.SEGMENTS[limb] for limb in pair] for pair in ((L.R_THIGH, L.L_THIGH), (L.R_SHIN, L.L_SHIN))]
    return joints[np.array(bones)][..., :2].astype(np.float64)


def not_cloth(joints: np.ndarray, hem: float, size: tuple[int, int]) -> torch.Tensor:
    """How much less the cloth above the hem is the shins' and the torso's: (1, K, h, w) radii; joints (V, 2+)."""
    height, width = size
    x, y = torch.arange(width) + 0.5, torch.arange(height) + 0.5
    levels = [_project(ends, x, y)[0] for ends in leg_axes(joints)[0]]
    mean = (levels[0] + levels[1]) / 2
    above = ((hem - mean) / FADE).clamp(0, 1)
    added = torch.zeros(1, L.K, height, width)
    for shin in (L.R_SHIN, L.L_SHIN):
        added[:, shin] = 2 * above
    added[:, L.LOWER_TORSO] = 2 * above * ((mean - WAIST) / FADE).clamp(0, 1)
    return added


def lend_cloth(shares: torch.Tensor, joints: np.ndarray) -> torch.Tensor:
    """Shares (1, K, h, w) with the cloth between the hips lent to the thighs: stretched, it comes into sight lower."""
    height, width = shares.shape[-2:]
    x, y = torch.arange(width) + 0.5, torch.arange(height) + 0.5
    axes = leg_axes(joints)[0]
    (right, to_right), (left, to_left) = (_project(ends, x, y) for ends in axes)
    hips, knees = (float(np.linalg.norm(axes[0, end] - axes[1, end])) for end in (0, 1))
    mean = (right + left) / 2
    apart = hips + (knees - hips) * mean.clamp(0, 1) + 1
    between = ((1.3 * apart - to_right - to_left) / (0.2 * apart)).clamp(0, 1) * (mean > 0)
    lent = shares[:, L.LOWER_TORSO] * between.to(shares)
    shares = shares.clone()
    for thigh in (L.R_THIGH, L.L_THIGH):
        shares[:, thigh] = torch.maximum(shares[:, thigh], lent)
    return shares


def span_legs(
    limb: int, maps: np.ndarray, axes: np.ndarray, hem: float, x: torch.Tensor, y: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor] | None:
    """How far a skirt moves the source places of a leg's piece: shifts of x and y in source pixels, (bh, bw) each.

    Args:
        maps: (K, 2, 3) target -> source pixels.
        axes: of the source, from `leg_axes`.
        x: (bw,), y: (bh,) target pixels.

    Returns:
        None where the cloth ends above this piece, or one of the legs has no length.
    """
    other, segment = PAIRS[limb]
    if hem <= segment + 0.05 or abs(np.linalg.det(maps[[limb, other], :, :2])).min() < 1e-6:  # a leg without length
        return None
    first, second = (limb, other) if limb in (L.R_THIGH, L.R_SHIN) else (other, limb)
    ends = [project_forward(maps[k], axes[segment, side]) for side, k in enumerate((first, second))]  # target pixels
    level, aside = zip(*(_project(end, x, y) for end in ends), strict=True)
    gap = [float(np.linalg.norm(ends[1][end] - ends[0][end])) for end in (0, 1)]
    mean = (level[0] + level[1]) / 2
    width = gap[0] + (gap[1] - gap[0]) * mean.clamp(0, 1)
    least = 0.15 * float(np.linalg.norm(ends[0][1] - ends[0][0]))
    to_second = (0.5 + 0.5 * (aside[0] - aside[1]) / width.clamp_min(least)).clamp(0, 1)
    share = to_second if limb == first else 1 - to_second
    share = share * ((hem - segment - mean) / FADE).clamp(0, 1)
    apart = maps[other].astype(np.float64) - maps[limb]
    shifts = [float(apart[a, 0]) * x[None] + float(apart[a, 1]) * y[:, None] + float(apart[a, 2]) for a in (0, 1)]
    return share * shifts[0], share * shifts[1]


def project_forward(backward: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Source places (n, 2) seen in the target."""
    return np.linalg.solve(backward[:, :2].astype(np.float64), (points - backward[:, 2]).T).T


def _project(ends: np.ndarray, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """How far along a segment each pixel lies (0..1 on it) and its distance to the segment: (bh, bw) each."""
    return from_axes(torch.from_numpy(ends).to(x), x, y)
