"""Filling holes smoothly: push-pull over a pyramid."""

from __future__ import annotations

import torch
import torch.nn.functional as F


def push_pull(values: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Spread the known values into the unknown: near a known pixel its own colour, far away a wide mean.

    Args:
        values: (B, C, h, w).
        weight: (B, 1, h, w) in 0..1; 1 is known (kept exactly), 0 is unknown.

    Returns:
        (B, C, h, w).
    """
    if max(values.shape[-2:]) == 1:
        return values
    return values * weight + spread(values, weight) * (1 - weight)


def spread(values: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """`push_pull` at half the size, for uses that need no exact values where they are known; same shapes."""
    height, width = values.shape[-2:]
    pad = (0, width % 2, 0, height % 2)
    # Premultiplied means: a coarse pixel is the weighted mean of the known pixels under it.
    stacked = 4 * F.avg_pool2d(F.pad(torch.cat([values * weight, weight], 1), pad), 2)  # (B, C + 1, h / 2, w / 2)
    share = stacked[:, -1:]
    filled = push_pull(stacked[:, :-1] / share.clamp_min(1e-6), share.clamp_max(1))
    return F.interpolate(filled, scale_factor=2, mode="bilinear", align_corners=False)[..., :height, :width]
