"""Cuts a figure out of a flat background: drawings on paper, cartoons on white, photos before an even wall.

Where the background is plain (`refine.flat_background`), what differs from it is the figure's ink; what the ink
encloses is the figure's inside, even when it has the paper's colour.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from dancegen.people.masks.refine import flat_background

LEAST_REST = 0.85  # and of the picture away from the limbs
LEAST_CORE = 0.8  # share of the limbs' axes that the figure must cover
MOST_SPILL = 0.25  # share of the figure that may be far from the limbs
GAPS = (0.006, 0.012, 0.02, 0.03, 0.045)  # shares of the longer side: gaps in the outline that are closed
AROUND = 0.02  # share of the longer side: what counts as a faint line's surroundings
THIN = 0.025  # half the width of strokes, shares of the figure's height
BEYOND, MOST_BEYOND = 1.2, 0.1  # radii, and the share of a limb's inside that may lie farther from every axis
HOLE = 0.75  # an enclosed piece of background colour this far from every axis (in radii) is no part of the body


@dataclass(frozen=True)
class FlatFigure:
    """A figure cut out of its background.

    Attributes:
        mask: float32 (H, W) in 0..1.
        hollow: share of the figure that has the background's colour: high in line drawings, low in photos.
        strokes: whether it is drawn in lines alone, nothing filled.
    """

    mask: np.ndarray
    hollow: float
    strokes: bool


def flat_figure(pixels: np.ndarray, distance: np.ndarray, rough: np.ndarray | None = None) -> FlatFigure | None:
    """The figure on a flat background.

    Args:
        pixels: uint8 (H, W, 3), at most about 1,000 pixels a side.
        distance: (H, W), each pixel's distance to the limbs in radii (`prior.limb_distance`).
        rough: (H, W) in 0..1, another mask, asked about enclosed pieces of the background's colour: inside or hole.

    Returns:
        None where the background is not flat or the figure cannot be told from it.
    """
    colours = pixels.astype(np.float32)
    model = flat_background(colours)
    if model is None:
        return None
    background, tolerance = model
    differs = np.linalg.norm(colours - background, axis=-1) / tolerance  # (H, W); above 1 = not background
    rest = distance > 3
    if rest.any() and (differs[rest] < 1).mean() < LEAST_REST:
        return None
    ink = (differs > 1) & ~_shadow(colours, background, tolerance, distance)
    ink = _keep_near_limbs(ink & ((differs > 2) | _find_darker(colours, tolerance)), distance)
    likely = np.where(distance < HOLE, 1.0, 0.0) if rough is None else rough
    inside = _without_holes(ink, _enclose(ink, 0), distance, likely)
    for gap in GAPS:
        inside |= _keep_bodily(_enclose(ink, round(gap * max(ink.shape))) & ~inside, distance, likely)
    inside = _keep_attached(inside, distance)
    core = distance < 0.35
    # Within a limb's width is near enough: a stick figure's lines are not on the axes.
    near = _dilate(inside, round(0.02 * max(ink.shape)))
    if not core.any() or near[core].mean() < LEAST_CORE or (distance[inside] > 2.5).mean() > MOST_SPILL:
        return None
    hollow, strokes = float(1 - ink[inside].mean()), _is_strokes(ink)
    if strokes:  # a pencil's line is paler at its sides
        inside = _dilate(inside, max(round(0.003 * max(ink.shape)), 1))
    return FlatFigure(_soft_edge(colours, background, inside, tolerance), hollow, strokes)


def flat_outline(pixels: np.ndarray) -> np.ndarray | None:
    """The largest thing on a flat background, before any joint is known.

    Args:
        pixels: uint8 (H, W, 3), at most about 1,000 pixels a side.

    Returns:
        (H, W) bool; None where the background is not flat or hardly anything is on it.
    """
    colours = pixels.astype(np.float32)
    model = flat_background(colours)
    if model is None:
        return None
    background, tolerance = model
    ink = np.linalg.norm(colours - background, axis=-1) > tolerance
    ink = ndimage.binary_opening(ink, np.ones((2, 2)))
    inside = _enclose(ink, round(0.006 * max(ink.shape)))
    labels, count = ndimage.label(inside)
    if not count:
        return None
    largest = labels == 1 + int(np.argmax(ndimage.sum_labels(inside, labels, np.arange(1, count + 1))))
    return largest if 0.02 < largest.mean() < 0.8 else None


def _find_darker(colours: np.ndarray, tolerance: float) -> np.ndarray:
    """Faint ink on unevenly lit paper: what is darker or lighter than its surroundings, (H, W) bool."""
    grey = colours.mean(-1)
    return np.abs(grey - ndimage.gaussian_filter(grey, AROUND * max(grey.shape))) > 0.3 * tolerance


def _is_strokes(ink: np.ndarray) -> bool:
    """Whether the ink (H, W) is thin everywhere, compared with the figure's height."""
    rows = np.flatnonzero(ink.any(1))
    if not len(rows):
        return False
    half = float(np.quantile(ndimage.distance_transform_edt(ink)[ink], 0.9))
    return half < THIN * float(np.ptp(rows))


def _keep_near_limbs(ink: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """Ink without specks and without what is not connected to the limbs."""
    ink = ndimage.binary_opening(ink, np.ones((2, 2))) | (ink & (distance < 1))
    return ink & (distance < 6)


def _enclose(ink: np.ndarray, gap: int) -> np.ndarray:
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


def _without_holes(ink: np.ndarray, inside: np.ndarray, distance: np.ndarray, likely: np.ndarray) -> np.ndarray:
    """Takes out enclosed background, as between an arm and the waist: what no limb's axis comes near."""
    labels, count = ndimage.label(inside & ~ink)
    if not count:
        return inside
    pieces = np.arange(1, count + 1)
    nearest = np.asarray(ndimage.minimum(distance, labels, pieces))
    believed = np.asarray(ndimage.mean(likely, labels, pieces))
    return inside & ~np.isin(labels, 1 + np.flatnonzero((nearest > HOLE) & (believed < 0.5)))


def _keep_bodily(region: np.ndarray, distance: np.ndarray, likely: np.ndarray) -> np.ndarray:
    """The pieces of a region that lie along the axes of limbs, not in a corner between two."""
    labels, count = ndimage.label(region)
    if not count:
        return region
    pieces = np.arange(1, count + 1)
    mean = np.asarray(ndimage.mean(distance, labels, pieces))
    on_axis = np.asarray(ndimage.mean(distance < 0.5, labels, pieces))
    beyond = np.asarray(ndimage.mean(distance > BEYOND, labels, pieces))
    believed = np.asarray(ndimage.mean(likely, labels, pieces))
    along = (mean < 0.9) & (on_axis > 0.35) & (beyond < MOST_BEYOND)
    return np.isin(labels, 1 + np.flatnonzero(along & (believed > 0.4)))


def _keep_attached(inside: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """The pieces that touch a limb's axis."""
    labels, count = ndimage.label(inside)
    if not count:
        return inside
    closest = ndimage.minimum(distance, labels, np.arange(1, count + 1))
    return np.isin(labels, 1 + np.flatnonzero(np.asarray(closest) < 0.8))


def _shadow(colours: np.ndarray, background: np.ndarray, tolerance: float, distance: np.ndarray) -> np.ndarray:
    """Smooth, darker background away from the limbs: a shadow on the floor, not a pencil's line. (H, W) bool."""
    share = (colours * background).sum(-1) / np.maximum((background * background).sum(-1), 1)  # (H, W)
    hue = np.linalg.norm(colours - share[..., None] * background, axis=-1) < 0.7 * tolerance
    grey = colours.mean(axis=-1)
    smooth = np.abs(grey - ndimage.gaussian_filter(grey, 0.006 * max(grey.shape))) < 0.6 * tolerance
    return hue & smooth & (share > 0.4) & (share < 1) & (distance > 0.9)


def _soft_edge(colours: np.ndarray, background: np.ndarray, inside: np.ndarray, tolerance: float) -> np.ndarray:
    """The figure with edge pixels as opaque as they are mixed from the figure's nearby colour and the background's."""
    solid = ndimage.binary_erosion(inside, iterations=2)
    weight = ndimage.uniform_filter(solid.astype(np.float32), 9)
    near = [ndimage.uniform_filter(np.where(solid, colours[..., c], 0), 9) for c in range(3)]
    figure = np.stack(near, axis=-1) / np.maximum(weight, 1e-3)[..., None]  # (H, W, 3) mean colour of the figure nearby
    span = figure - background
    length = (span * span).sum(-1)
    share = ((colours - background) * span).sum(-1) / np.maximum(length, 1)
    told = (weight > 0.02) & (length > (2 * tolerance) ** 2)  # where figure and background differ enough to say
    edge = inside & ~solid & told
    soft = inside.astype(np.float32)
    soft[edge] = np.clip(share[edge] * 1.1, 0, 1)
    return soft
