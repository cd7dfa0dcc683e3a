"""Measures of pictures and videos, pure numpy.

All take RGB in 0..1, float32, (h, w, 3); a person mask is (h, w) in 0..1.

- PSNR: -10 log10 of the mean squared error over all pixels and channels, dB.
- SSIM: structural similarity of the grey pictures, Gaussian window of 1.5 pixels, mean over the picture.
- person L1: mean absolute error over the pixels of the real frame's person mask.
- sharpness: gradient energy inside the person, generated / real; 1 is as sharp as the real frame.
- ghost: mean absolute difference to the true background where the person stood and no longer stands.
- flicker: mean absolute change from frame to frame where neither frame has the person.
- PCK@t: share of joints within t body heights of the requested ones.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import gaussian_filter

from dancegen.body.joints import body_height


def psnr(picture: np.ndarray, truth: np.ndarray) -> float:
    """Peak signal-to-noise ratio, dB; identical pictures give 100."""
    error = float(np.mean((picture.astype(np.float64) - truth) ** 2))
    return 100.0 if error < 1e-10 else -10 * float(np.log10(error))


def grey(picture: np.ndarray) -> np.ndarray:
    """Luma of an RGB picture: (h, w, 3) -> (h, w)."""
    return picture.astype(np.float64) @ np.array([0.299, 0.587, 0.114])


def ssim(picture: np.ndarray, truth: np.ndarray) -> float:
    """Mean structural similarity of the grey pictures (Wang et al. 2004; Gaussian window, sigma 1.5)."""
    a, b = grey(picture), grey(truth)

    def mean(values: np.ndarray) -> np.ndarray:
        return gaussian_filter(values, 1.5, truncate=3.5)

    mean_a, mean_b = mean(a), mean(b)
    var_a, var_b, cov = mean(a * a) - mean_a**2, mean(b * b) - mean_b**2, mean(a * b) - mean_a * mean_b
    c1, c2 = 0.01**2, 0.03**2
    score = (2 * mean_a * mean_b + c1) * (2 * cov + c2) / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2))
    return float(score.mean())


def person_l1(picture: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> float:
    """Mean absolute error over the mask of the true person."""
    error = np.abs(picture.astype(np.float64) - truth).mean(-1)
    return float((error * mask).sum() / max(float(mask.sum()), 1e-6))


def sharpness(picture: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> float:
    """Gradient energy inside the person, generated / real."""

    def energy(values: np.ndarray) -> float:
        dy, dx = np.gradient(grey(values))
        return float(((dx**2 + dy**2) * mask).sum())

    return energy(picture) / max(energy(truth), 1e-9)


def ghost(picture: np.ndarray, background: np.ndarray, stood: np.ndarray, stands: np.ndarray) -> float:
    """Mean difference to the true background where the person stood (mask) and no longer stands (mask).

    Both masks are shrunk to their certain parts; NaN where the person never left.
    """
    left = (stood > 0.9) & (gaussian_filter(stands.astype(np.float64), 2) < 0.02)
    if left.sum() < 20:
        return float("nan")
    return float(np.abs(picture.astype(np.float64) - background).mean(-1)[left].mean())


def flicker(frames: Sequence[np.ndarray], masks: Sequence[np.ndarray]) -> float:
    """Mean absolute change from frame to frame outside both frames' (widened) person masks."""
    changes = []
    for before, after, mask_before, mask_after in zip(frames, frames[1:], masks, masks[1:], strict=False):
        person = gaussian_filter(np.maximum(mask_before, mask_after).astype(np.float64), 4) > 0.02
        changes.append(np.abs(after.astype(np.float64) - before).mean(-1)[~person].mean())
    return float(np.mean(changes)) if changes else float("nan")


def pck(found: np.ndarray, requested: np.ndarray, seen: np.ndarray, share: float) -> float:
    """Share of joints found within `share` body heights of the requested ones.

    Args:
        found, requested: (V, 2+) pixels.
        seen: (V,) which joints count (confident in the real frame).
    """
    distance = np.linalg.norm(found[:, :2] - requested[:, :2], axis=-1)
    near = distance <= share * float(body_height(requested[:, :2]))
    return float(near[seen].mean()) if seen.any() else float("nan")
