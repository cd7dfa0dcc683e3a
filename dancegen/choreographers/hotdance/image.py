"""Poses as pictures, and back.

Each coordinate of each joint is a channel; the picture is `bins` high and as wide as there are frames. The column of a
frame holds the coordinate "two-hot": shared between the two nearest bins, so that nothing is rounded off. A joint that
is not seen leaves its column empty. Coordinates are shares of a square picture's side, with a margin for hands that
leave it; depth is the distance from the mid-hip, away from the camera, in the same unit.

Time is counted in beats: 8 frames each.

Glossary: B pictures, V = 18 joints, C = 3 V channels (all x, then y, then depth), W bins, T frames.
"""

from __future__ import annotations

import torch
from torch import Tensor

from dancegen.body.joints import V

MARGIN = 0.1  # of the side, that coordinates may leave the picture by
NEAR = 2  # bins round the peak that a coordinate is read from


def to_bins(points: Tensor, bins: int) -> Tensor:
    """(B, T, V, 3) x, y, depth to fractional bins (B, C, T)."""
    shares = points + points.new_tensor([0.0, 0.0, 0.5])
    at = (shares + MARGIN) / (1 + 2 * MARGIN) * bins - 0.5
    return at.clamp(0, bins - 1.001).permute(0, 3, 2, 1).flatten(1, 2)


def from_bins(at: Tensor, bins: int) -> Tensor:
    """The inverse of `to_bins`: (B, C, T) -> (B, T, V, 3)."""
    shares = (at + 0.5) / bins * (1 + 2 * MARGIN) - MARGIN
    return shares.unflatten(1, (3, V)).permute(0, 3, 2, 1) - at.new_tensor([0.0, 0.0, 0.5])


def draw(at: Tensor, bins: int, seen: Tensor | None = None) -> Tensor:
    """The picture (B, C, W, T) of fractional bins (B, C, T); `seen` (B, C, T) is 0 where the column stays empty."""
    low = at.floor()
    pair, share = torch.stack([low, low + 1], dim=2).long(), (at - low)[:, :, None]
    marks = torch.cat([1 - share, share], dim=2)
    picture = at.new_zeros(*at.shape[:2], bins, at.shape[2])
    return picture.scatter_(2, pair, marks if seen is None else marks * seen[:, :, None])


def read(logits: Tensor) -> Tensor:
    """The fractional bins (B, C, T) that a picture of logits (B, C, W, T) shows: its mean round the highest bin.

    A mean over the whole height would be drawn to the middle by the least doubt.
    """
    bins = logits.shape[2]
    peak = logits.argmax(dim=2, keepdim=True)
    near = peak + torch.arange(-NEAR, NEAR + 1, device=logits.device)[:, None]  # (B, C, 2 NEAR + 1, T)
    inside = (near >= 0) & (near < bins)
    level = logits.gather(2, near.clamp(0, bins - 1)).masked_fill(~inside, -torch.inf).softmax(dim=2)
    return (level * near).sum(dim=2)
