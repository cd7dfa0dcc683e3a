"""Cuts a figure out of a flat background: drawings on paper, cartoons on white, photos before an even wall.

The background is a colour that changes slowly over the picture (a quadratic surface per channel, fitted to the
border). Where it is that plain, what differs from it is the figure's ink; what the ink encloses is the figure's inside,
even when it has the paper's colour.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

LEAST_BORDER = 0.6  # share of the border that must be background
LEAST_CORE = 0.8  # share of the limbs' axes that the figure must cover
MOST_SPILL = 0.25  # share of the figure that may be far from the limbs
GAPS = (0.006, 0.012, 0.02, 0.03, 0.045)  # shares of the longer side: gaps in the outline that are closed
HOLE = 0.75  # an enclosed piece of background colour this far from every axis (in radii) is no part of the body


def flat_mask(pixels: np.ndarray, distance: np.ndarray) -> np.ndarray | None:
    """The figure on a flat background.

    Args:
        pixels: uint8 (H, W, 3), at most about 1,000 pixels a side.
        distance: (H, W), each pixel's distance to the limbs in radii (`prior.limb_distance`).

    Returns:
        float32 (H, W) in 0..1; None where the background is not flat or the figure cannot be told from it.
    """
    colours = pixels.astype(np.float32)
    model = _background(colours)
    if model is None:
        return None
    background, tolerance = model
    differs = np.linalg.norm(colours - background, axis=-1) / tolerance  # (H, W); above 1 = not background
    ink = _near_limbs(differs > 1, distance)
    inside = _without_holes(ink, _enclosed(ink, 0), distance)
    for gap in GAPS:
        inside |= _bodily(_enclosed(ink, round(gap * max(ink.shape))) & ~inside, distance)
    inside = _attached(inside, distance)
    core = distance < 0.35
    # Within a limb's width is near enough: a stick figure's lines are not on the axes.
    near = _dilate(inside, round(0.02 * max(ink.shape)))
    if not core.any() or near[core].mean() < LEAST_CORE or (distance[inside] > 2.5).mean() > MOST_SPILL:
        return None
    return _soft_edge(inside, differs)


def _background(colours: np.ndarray) -> tuple[np.ndarray, float] | None:
    """The background's colour (H, W, 3) and how far from it a pixel may be; None where it is not flat."""
    height, width = colours.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    x, y = x / max(width - 1, 1) * 2 - 1, y / max(height - 1, 1) * 2 - 1
    terms = np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], axis=-1)  # (H, W, 6)
    ring = np.zeros((height, width), bool)
    thick = max(round(0.02 * max(height, width)), 2)
    ring[:thick], ring[-thick:], ring[:, :thick], ring[:, -thick:] = True, True, True, True
    a, b = terms[ring], colours[ring]
    keep = np.linalg.norm(b - np.median(b, axis=0), axis=1) < 60
    for limit in (40.0, 25.0, 15.0):
        if keep.mean() < LEAST_BORDER:
            return None
        fit = np.linalg.lstsq(a[keep], b[keep], rcond=None)[0]  # (6, 3)
        residual = np.linalg.norm(a @ fit - b, axis=1)
        keep = residual < limit
    if keep.mean() < LEAST_BORDER:
        return None
    spread = float(np.sqrt((residual[keep] ** 2).mean()))
    background = terms @ fit
    tolerance = max(4.0 * spread, 12.0)
    # The border may be flat by chance (a floor, a sky): most of the picture away from the figure must be like it.
    return (background, tolerance) if spread < 8 else None


def _near_limbs(ink: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """Ink without specks and without what is not connected to the limbs."""
    ink = ndimage.binary_opening(ink, np.ones((2, 2))) | (ink & (distance < 1))
    return ink & (distance < 6)


def _enclosed(ink: np.ndarray, gap: int) -> np.ndarray:
    """Ink and what it encloses, with gaps of the outline of up to about 2 x `gap` pixels closed."""
    padded = np.pad(ink, gap + 2)
    wall = _dilate(padded, gap) if gap else padded
    outside = ndimage.label(~wall)[0]
    outside = outside == outside[0, 0]
    solid = ~outside
    if gap:  # give back what the thick wall took from outside
        solid = ~_dilate(outside, gap) | padded
    return solid[gap + 2 : -gap - 2, gap + 2 : -gap - 2]


def _dilate(mask: np.ndarray, radius: int) -> np.ndarray:
    return ndimage.distance_transform_edt(~mask) <= radius


def _without_holes(ink: np.ndarray, inside: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """Takes out enclosed background, as between an arm and the waist: what no limb's axis comes near."""
    labels, count = ndimage.label(inside & ~ink)
    nearest = np.asarray(ndimage.minimum(distance, labels, np.arange(1, count + 1))) if count else np.zeros(0)
    return inside & ~np.isin(labels, 1 + np.flatnonzero(nearest > HOLE))


def _bodily(region: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """The pieces of a region that lie along the axes of limbs, not in a corner between two."""
    labels, count = ndimage.label(region)
    if not count:
        return region
    pieces = np.arange(1, count + 1)
    mean = np.asarray(ndimage.mean(distance, labels, pieces))
    on_axis = np.asarray(ndimage.mean(distance < 0.5, labels, pieces))
    return np.isin(labels, 1 + np.flatnonzero((mean < 0.9) & (on_axis > 0.35)))


def _attached(inside: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """The pieces that touch a limb's axis."""
    labels, count = ndimage.label(inside)
    if not count:
        return inside
    closest = ndimage.minimum(distance, labels, np.arange(1, count + 1))
    return np.isin(labels, 1 + np.flatnonzero(np.asarray(closest) < 0.8))


def _soft_edge(inside: np.ndarray, differs: np.ndarray) -> np.ndarray:
    """A mask whose edge pixels are as opaque as their ink is dark."""
    edge = inside & ~ndimage.binary_erosion(inside)
    soft = inside.astype(np.float32)
    soft[edge] = np.clip(differs[edge] / 4, 0.3, 1)
    return soft
