"""The person's mask: the best of what the file, a flat background, the detectors and the limbs say, refined.

The quality of the video hangs on this mask more than on anything else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from scipy import ndimage

from dancegen.images.picture import ConditionalImage
from dancegen.people.located import Detection
from dancegen.people.masks.refine import flat_background, refine_mask

if TYPE_CHECKING:
    from dancegen.people.network.network import SubjectNetwork

WORK_SIDE = 768  # pixels of the longer side on which pieces are judged
AGREE = 0.93  # share of a soft mask's sure pixels that a flat-background figure must hold to be believed
BETWEEN = 0.1  # radii over which one person's mask gives way to another's
HOLLOW = 0.08  # a figure with more of the background's colour inside is a line drawing: colours say nothing there


def person_mask(
    image: ConditionalImage,
    found: Detection,
    network: Callable[[], SubjectNetwork] | None,
    others: Sequence[Detection] = (),
) -> tuple[np.ndarray, str]:
    """The mask and who made it.

    In this order: the file's own transparency; a figure cut out of a flat background; the detector's mask or the
    network's, moved onto the picture's edges; with neither, the limbs' outline. What is nearer to others is theirs.

    Args:
        network: loads the network, where it is asked.
        others: the other people of the picture, who have torsos.

    Returns:
        (H, W) float32 in 0..1 and a word for the report.
    """
    small, scale = limit_size(image.pixels, WORK_SIDE)
    size = small.shape[1], small.shape[0]
    distance = found.distance(size, scale)
    if not others:
        return _lone_mask(image, found, network, distance, distance)
    theirs = np.minimum.reduce([other.distance(size, scale) for other in others])
    mask, source = _lone_mask(image, found, network, distance, np.minimum(distance, theirs))
    mine = _resize(np.clip(0.5 + (theirs - distance) / BETWEEN, 0, 1).astype(np.float32), mask.shape)
    return mask * mine, source


def _lone_mask(
    image: ConditionalImage,
    found: Detection,
    network: Callable[[], SubjectNetwork] | None,
    distance: np.ndarray,
    anybody: np.ndarray,
) -> tuple[np.ndarray, str]:
    """`person_mask` of one person; `distance` (h, w) to their limbs and to `anybody`'s, on the small picture."""
    if image.alpha is not None:
        return _without_strays(image.alpha, distance), "transparency"
    small, scale = limit_size(image.pixels, WORK_SIDE)
    soft, source = _soft_mask(image, found, network)
    soft = _without_strays(soft, distance)
    rough = _resize(soft, distance.shape)
    crowd = anybody is not distance  # then another mask knows nothing of holes in others
    flat = None
    if flat_background(small.astype(np.float32)) is not None:
        from dancegen.people.masks.flat import flat_figure

        flat = flat_figure(small, anybody, rough if source != "limbs" and not crowd else None)
    # What no line closes off is paper: where lines are all there is to see, no other mask knows better.
    lines = flat is not None and flat.strokes and flat.hollow >= HOLLOW
    if flat is None or not (lines or source == "limbs" or _agrees(flat.mask, rough, distance)):
        return refine_mask(image.pixels, soft, found), source
    drawing = flat.hollow >= HOLLOW
    cut = _without_strays(flat.mask, distance) if crowd else flat.mask
    if not drawing and source != "limbs":
        cut = _combine(cut, rough, distance, found.height * scale)
    full = _resize(cut, soft.shape)
    return full if drawing else refine_mask(image.pixels, full, found), "flat background"


def _soft_mask(
    image: ConditionalImage, found: Detection, network: Callable[[], SubjectNetwork] | None
) -> tuple[np.ndarray, str]:
    """The detector's mask, else the network's, else one grown from the limbs."""
    if found.mask is not None:
        return found.mask, found.mask_detector or found.detector
    if network is not None:
        return network().segment(image.pixels, found.joints, found.confidence).mask, "network"
    return np.clip(1.6 - found.distance(image.size), 0, 1).astype(np.float32), "limbs"


def _agrees(flat: np.ndarray, soft: np.ndarray, distance: np.ndarray) -> bool:
    """Whether the flat-background figure holds what a believable soft mask is sure of; all (h, w)."""
    sure = soft > 0.8
    axes = distance < 0.35
    believable = sure.any() and (soft[axes] > 0.5).mean() > 0.85 and (distance[sure] > 2).mean() < 0.15
    return not believable or float(flat[sure].mean()) > AGREE


def _combine(flat: np.ndarray, soft: np.ndarray, distance: np.ndarray, height: float) -> np.ndarray:
    """The flat-background figure without what the soft mask and the limbs know nothing of (a shadow); all (h, w)."""
    figure, person = flat > 0.5, soft > 0.4
    if (figure & person).sum() < 0.7 * (figure | person).sum():
        return flat
    reach = 0.02 * height
    return flat * ((ndimage.distance_transform_edt(~person) < reach) | (distance < 0.9))


def _without_strays(mask: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """The mask without pieces that touch no limb, and without pin holes."""
    small = _resize(mask, distance.shape) > 0.3
    labels, count = ndimage.label(small)
    if not count:
        return mask
    closest = np.asarray(ndimage.minimum(distance, labels, np.arange(1, count + 1)))
    kept = np.isin(labels, 1 + np.flatnonzero(closest < 0.8))
    near = _resize(ndimage.binary_dilation(kept, iterations=3).astype(np.float32), mask.shape)
    return (mask * (near > 0.5)).astype(np.float32)


def _resize(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A float map at another size (h, w), bilinear with antialiasing."""
    if values.shape == tuple(shape):
        return values
    picture = Image.fromarray(np.ascontiguousarray(values, np.float32))
    return np.asarray(picture.resize((shape[1], shape[0]), Image.Resampling.BILINEAR))


def limit_size(pixels: np.ndarray, side: int) -> tuple[np.ndarray, float]:
    """The picture (H, W, 3) made so small that no side is above `side`, and its new size / its old."""
    height, width = pixels.shape[:2]
    scale = min(1.0, side / max(width, height))
    shape = (max(round(height * scale), 1), max(round(width * scale), 1))
    return _resize_picture(pixels, shape), scale


def _resize_picture(pixels: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    if pixels.shape[:2] == tuple(shape):
        return pixels
    return np.asarray(Image.fromarray(pixels).resize((shape[1], shape[0]), Image.Resampling.BOX))
