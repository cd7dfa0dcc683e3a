"""What is done to whole pictures: another size, holes filled smoothly, masks grown and moved onto edges, colours freed.

Glossary: B batch; h x w or H x W the picture.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from scipy.ndimage import uniform_filter


def resize(picture: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """(C, h, w) at another size (h', w'), without aliasing: (C, h', w'), 0..1."""
    if tuple(picture.shape[-2:]) == tuple(size):
        return picture
    return F.interpolate(picture[None], size, mode="bicubic", align_corners=False, antialias=True)[0].clamp(0, 1)


def as_tensor(pixels: np.ndarray, device: torch.device) -> torch.Tensor:
    """uint8 (H, W, 3) -> (3, H, W) float32 0..1."""
    return torch.tensor(pixels).to(device).permute(2, 0, 1).float() / 255


def as_pixels(picture: torch.Tensor) -> np.ndarray:
    """(C, h, w) 0..1 -> uint8 (h, w, C)."""
    return (picture.clamp(0, 1) * 255 + 0.5).to(torch.uint8).permute(1, 2, 0).contiguous().cpu().numpy()


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


def grow(mask: torch.Tensor, radius: float) -> torch.Tensor:
    """The largest value within a square of this radius (pixels; negative shrinks a mask): (B, n, h, w), same shape."""
    if radius < 0:
        return 1 - grow(1 - mask, -radius)
    by = round(radius)
    wide = F.max_pool2d(mask, (1, 2 * by + 1), 1, (0, by))
    return F.max_pool2d(wide, (2 * by + 1, 1), 1, (by, 0))


def separate(picture: torch.Tensor, matte: torch.Tensor, band: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Foreground colours and a refined edge, from what is certain on either side of it.

    Inside a band around the matte's edge each pixel is taken as a mixture of the nearest certain person's colour and
    the nearest certain background colour; where the two differ, that tells the coverage better than the detector.

    Args:
        picture: (B, 3, h, w) 0..1.
        matte: (B, 1, h, w) 0..1 as the detector gave it.
        band: half width of the uncertain band, pixels.

    Returns:
        colours (B, 3, h, w) of the person, also beyond the edge; matte (B, 1, h, w), refined.
    """
    inside = grow((matte > 0.9).float(), -band)
    outside = grow((matte < 0.1).float(), -band)
    person, around = spread(picture, inside), spread(picture, outside)
    contrast = person - around
    power = (contrast**2).sum(1, keepdim=True)
    coverage = (((picture - around) * contrast).sum(1, keepdim=True) / power.clamp_min(1e-4)).clamp(0, 1)
    # The linear mixture overstates faint coverage: stretched a little towards 0 and 1.
    coverage = ((coverage - 0.15) / 0.7).clamp(0, 1)
    enough = (inside.sum((1, 2, 3), keepdim=True) > 16) & (outside.sum((1, 2, 3), keepdim=True) > 16)
    trust = power / (power + 0.05) * (1 - inside) * (1 - outside) * enough
    refined = matte * (1 - trust) + coverage * trust
    pure = torch.maximum(inside, ((refined - 0.85) / 0.14).clamp(0, 1))
    near = torch.where(enough, spread(picture, pure), picture)
    return picture * pure + near * (1 - pure), refined


def guided_filter(guide: np.ndarray, mask: np.ndarray, radius: int, epsilon: float) -> np.ndarray:
    """The mask, its edge moved onto the picture's: a locally linear function of the picture's colours.

    Source: He, Sun, Tang, "Guided Image Filtering", ECCV 2010, with a colour guide.

    Args:
        guide: (H, W, 3) float32 in 0..1.
        mask: (H, W) float32 in 0..1.
        radius: half the side of the windows, pixels.
        epsilon: regularisation in squared colour units; smaller follows weaker edges.

    Returns:
        (H, W) float32 in 0..1.
    """
    size = 2 * radius + 1

    def mean(values: np.ndarray) -> np.ndarray:
        return uniform_filter(values, size, mode="nearest", output=np.float32)

    channels = [np.ascontiguousarray(guide[..., c], np.float32) for c in range(3)]
    means = [mean(c) for c in channels]
    mask_mean = mean(mask)
    covariance = np.stack([mean(c * mask) - m * mask_mean for c, m in zip(channels, means, strict=True)], axis=-1)
    spread = np.empty((*mask.shape, 3, 3), np.float32)
    for i in range(3):
        for j in range(i, 3):
            spread[..., i, j] = mean(channels[i] * channels[j]) - means[i] * means[j]
            spread[..., j, i] = spread[..., i, j]
        spread[..., i, i] += epsilon
    slope = _solve3(spread, covariance)  # (H, W, 3), a of the paper
    offset = mask_mean - sum(slope[..., c] * means[c] for c in range(3))  # b
    out = mean(offset) + sum(mean(slope[..., c]) * channels[c] for c in range(3))
    return np.clip(out, 0, 1).astype(np.float32)


def _solve3(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Solves the symmetric 3 x 3 systems a x = b by cofactors, much faster than LAPACK one pixel at a time."""
    c00 = a[..., 1, 1] * a[..., 2, 2] - a[..., 1, 2] ** 2
    c01 = a[..., 0, 2] * a[..., 1, 2] - a[..., 0, 1] * a[..., 2, 2]
    c02 = a[..., 0, 1] * a[..., 1, 2] - a[..., 0, 2] * a[..., 1, 1]
    c11 = a[..., 0, 0] * a[..., 2, 2] - a[..., 0, 2] ** 2
    c12 = a[..., 0, 1] * a[..., 0, 2] - a[..., 0, 0] * a[..., 1, 2]
    c22 = a[..., 0, 0] * a[..., 1, 1] - a[..., 0, 1] ** 2
    determinant = a[..., 0, 0] * c00 + a[..., 0, 1] * c01 + a[..., 0, 2] * c02
    x = np.stack(
        [
            c00 * b[..., 0] + c01 * b[..., 1] + c02 * b[..., 2],
            c01 * b[..., 0] + c11 * b[..., 1] + c12 * b[..., 2],
            c02 * b[..., 0] + c12 * b[..., 1] + c22 * b[..., 2],
        ],
        axis=-1,
    )
    return x / np.maximum(determinant, 1e-12)[..., None]
