"""Moves a rough mask onto the picture's own edges.

Three kinds of evidence are added up as log odds, a few times over: the rough mask, the limbs, and colour: whether the
neighbourhood has this colour more inside the mask or outside it (the colour models of Rother et al.'s GrabCut, but
local). Between rounds the guided filter lets pixels of one colour agree, in place of a graph cut.

Glossary: p = probability that a pixel is the person.
"""

from __future__ import annotations

import numpy as np
from PIL import Image
from scipy import ndimage

from dancegen.images.filters import guided_filter
from dancegen.people.located import Posture

PERSON_SIDE = 400  # the colour evidence is gathered with the person about this tall, pixels
COLOURS = 32
ROUNDS = 2
BLOCK = 4
COLOUR_WEIGHT = 1.5
LEAST_BORDER = 0.7  # share of the border that must be of one colour, if the background is flat
WINDOW = 0.06  # body heights: how far colours are compared


def refine_mask(pixels: np.ndarray, soft: np.ndarray, person: Posture) -> np.ndarray:
    """The rough mask on the picture's edges.

    Args:
        pixels: uint8 (H, W, 3).
        soft: (H, W) float32 in 0..1, the rough mask.
        person: whose mask it is.

    Returns:
        (H, W) float32 in 0..1.
    """
    height = person.height
    box = _box(soft, height)
    if box is None:
        return soft
    inner = (slice(box[1], box[3]), slice(box[0], box[2]))
    scale = min(1.0, PERSON_SIDE / height)
    size = (max(round((box[2] - box[0]) * scale), 8), max(round((box[3] - box[1]) * scale), 8))
    guide = _resize(pixels[inner], size).astype(np.float32) / 255  # (h, w, 3)
    rough = _resize(soft[inner], size)  # (h, w)
    distance = person.distance(size, size[0] / (box[2] - box[0]), corner=box[:2])
    p = _posterior(guide, rough, distance, height * scale)
    full_guide = pixels[inner].astype(np.float32) / 255
    full = _resize(p, (box[2] - box[0], box[3] - box[1]))
    radius = max(round(1.5 / scale), 2)
    edge = guided_filter(full_guide, full, radius, 1e-3)
    out = np.zeros_like(soft)
    out[inner] = _contrast(edge)
    return out


def _posterior(guide: np.ndarray, rough: np.ndarray, distance: np.ndarray, height: float) -> np.ndarray:
    """p (h, w) from the picture (h, w, 3), the rough mask (h, w) and the distance to the limbs (h, w)."""
    prior = _log_odds(rough) + np.clip(1.5 * (0.6 - distance), -2, 0.9)
    colours = _colours(guide)
    p = 1 / (1 + np.exp(-prior))
    for _ in range(ROUNDS):
        evidence = _colour_evidence(colours, p, WINDOW * height)
        p = 1 / (1 + np.exp(-(prior + COLOUR_WEIGHT * evidence)))
        p = guided_filter(guide, p.astype(np.float32), max(round(0.006 * height), 2), 3e-4)
    return p


def _log_odds(p: np.ndarray) -> np.ndarray:
    p = np.clip(p, 0.02, 0.98)
    return np.log(p / (1 - p))


def _colours(guide: np.ndarray) -> np.ndarray:
    """Each pixel's colour as one of about `COLOURS` that the picture has: (h, w) int."""
    picture = Image.fromarray((guide * 255).astype(np.uint8))
    small = picture.reduce(max(min(picture.size) // 100, 1))
    palette = small.quantize(COLOURS, method=Image.Quantize.MEDIANCUT, kmeans=2)
    return np.asarray(picture.quantize(palette=palette, dither=Image.Dither.NONE))


def _colour_evidence(colours: np.ndarray, p: np.ndarray, window: float) -> np.ndarray:
    """Log of how much likelier a pixel's colour is inside than outside, nearby: (h, w).

    Counted on blocks of `BLOCK` x `BLOCK` pixels, which the windows are much larger than.
    """
    shape = p.shape
    rows, columns = np.arange(shape[0]) // BLOCK, np.arange(shape[1]) // BLOCK
    p = p.astype(np.float32)
    reach = window / BLOCK
    area_in, area_out = _blur(_blocks(p), reach) + 1e-3, _blur(_blocks(1 - p), reach) + 1e-3
    ratio = np.zeros(shape, np.float32)
    for colour in range(int(colours.max()) + 1):
        here = colours == colour
        if not here.any():
            continue
        inside = _blur(_blocks(here * p), reach) / area_in
        outside = _blur(_blocks(here * (1 - p)), reach) / area_out
        log = np.log((inside + 0.02) / (outside + 0.02))  # (blocks, blocks)
        ratio[here] = log[rows][:, columns][here]
    return ratio


def _blocks(values: np.ndarray) -> np.ndarray:
    """Means over `BLOCK` x `BLOCK` pixels, the edge repeated: (h, w) -> (h / BLOCK, w / BLOCK)."""
    padded = np.pad(values, [(0, -side % BLOCK) for side in values.shape], mode="edge").astype(np.float32)
    h, w = padded.shape
    return padded.reshape(h // BLOCK, BLOCK, w // BLOCK, BLOCK).mean(axis=(1, 3))


def _blur(values: np.ndarray, window: float) -> np.ndarray:
    """A cheap, nearly Gaussian blur: two box filters."""
    size = max(round(window), 1) * 2 + 1
    once = ndimage.uniform_filter(values, size, mode="nearest", output=np.float32)
    return ndimage.uniform_filter(once, size, mode="nearest", output=np.float32)


def _box(soft: np.ndarray, height: float) -> tuple[int, int, int, int] | None:
    """Left, top, right, bottom of the mask with room around it; None for an empty mask."""
    rows, columns = np.flatnonzero((soft > 0.1).any(axis=1)), np.flatnonzero((soft > 0.1).any(axis=0))
    if not len(rows):
        return None
    room = round(0.12 * height)
    bottom, right = soft.shape
    return (
        max(int(columns[0]) - room, 0),
        max(int(rows[0]) - room, 0),
        min(int(columns[-1]) + room + 1, right),
        min(int(rows[-1]) + room + 1, bottom),
    )


def _contrast(p: np.ndarray) -> np.ndarray:
    """Pulls nearly certain pixels to certainty, so that no ghost of the background stays."""
    return np.clip((p - 0.2) / 0.6, 0, 1).astype(np.float32)


def flat_background(colours: np.ndarray) -> tuple[np.ndarray, float] | None:
    """A picture's background, where it is a colour that changes slowly: a quadratic surface fitted to its border.

    Args:
        colours: (H, W, 3) float32 of 255.

    Returns:
        its colour (H, W, 3) and how far from it a pixel may be; None where it is not flat.
    """
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
    return (background, tolerance) if spread < 8 else None


def _resize(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A picture or a float map at another size (w, h)."""
    if (values.shape[1], values.shape[0]) == tuple(size):
        return values
    return np.asarray(
        Image.fromarray(np.ascontiguousarray(values)).resize(
            size, Image.Resampling.BOX if size[0] < values.shape[1] else Image.Resampling.BICUBIC
        )
    )
