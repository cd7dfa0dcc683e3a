"""The guided filter: moves a mask's edge onto the picture's edge.

Source: He, Sun, Tang, "Guided Image Filtering", ECCV 2010, with a colour guide.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import uniform_filter


def guided_filter(guide: np.ndarray, mask: np.ndarray, radius: int, epsilon: float) -> np.ndarray:
    """The mask as a locally linear function of the picture's colours.

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
