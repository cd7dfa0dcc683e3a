"""Pose videos: skeletons drawn in OpenPose's colours on black, read back by colour.

The 18 joints are dots whose hues are 20 degrees apart; limbs have the same hues, darker. A joint is the largest dot of
its hue. Some writers exchange red and blue: whichever order lets limbs lie between their joints is right.

Glossary: H, W a frame's size, V = 18 joints.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import find_objects, label

from dancegen.body.joints import BONES, V

DARK, BRIGHT = 40, 190  # levels of the largest channel: of the black around, and of a joint's dot at least
DULL = 0.55  # saturation below which a pixel is no drawn limb
BLACK_SHARE, COLOUR_SHARE = 0.6, 0.85  # a pose video is black so far, and so much of the rest is of these colours
LEAST_PIXELS = 4  # of a dot
LEAST_JOINTS = 4  # that are drawn of somebody
STEP = 20.0  # degrees of hue between two joints
NEAR_HUE = 0.42  # of STEP


def is_pose_picture(pixels: np.ndarray) -> bool:
    """Whether a frame (H, W, 3) shows drawn skeletons on black; black alone is none."""
    high, saturation, _ = _hues(pixels)
    lit = high > DARK
    if lit.mean() > 1 - BLACK_SHARE or lit.sum() < LEAST_JOINTS * LEAST_PIXELS:
        return False
    vivid = lit & (high > 2 * DARK)
    return bool((saturation[vivid] > DULL).mean() > COLOUR_SHARE) if vivid.any() else False


def read_pose(pixels: np.ndarray) -> np.ndarray:
    """The joints of the drawn person: (V, 3) pixels and confidence, 0, 0, 0 where one is not drawn."""
    lit = pixels.max(-1) > DARK
    rows, columns = np.flatnonzero(lit.any(1)), np.flatnonzero(lit.any(0))
    if not len(rows):
        return np.zeros((V, 3))
    part = pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    body = max((_read(order) for order in (part, part[..., ::-1])), key=lambda found: found[1])[0]
    body[body[:, 2] > 0, :2] += columns[0], rows[0]
    return body


def _read(pixels: np.ndarray) -> tuple[np.ndarray, int]:
    """The joints, and how many limbs lie between them in their colour."""
    high, saturation, hue = _hues(pixels)
    nearest = np.round(hue / STEP).astype(int) % V
    off = np.abs((hue / STEP - nearest + V / 2) % V - V / 2)
    clean = (saturation > DULL) & (off < NEAR_HUE) & (high > DARK)
    bright = clean & (high > BRIGHT)
    body = np.zeros((V, 3))
    for joint in range(V):
        dot = _roundest_spot(bright & (nearest == joint))
        if dot is not None:
            body[joint] = *dot, 1.0
    limbs = 0
    for bone, (parent, child) in enumerate(BONES):  # outward from the neck: what no limb leads to is a finger
        drawn = _is_drawn(clean & (nearest == bone), body[parent], body[child])
        limbs += drawn
        if not drawn:
            body[child] = 0
    return (body if (body[:, 2] > 0).sum() >= LEAST_JOINTS else np.zeros((V, 3))), limbs


def _roundest_spot(lit: np.ndarray) -> tuple[float, float] | None:
    """The middle (x, y) of the largest round spot of (H, W) bool: fingers are long."""
    parts, _ = label(lit, np.ones((3, 3)))
    best, middle = 0.0, None
    for number, (rows, columns) in enumerate(find_objects(parts), 1):
        spot = parts[rows, columns] == number
        area, (height, width) = int(spot.sum()), spot.shape
        worth = area * (area / (height * width)) * (min(height, width) / max(height, width))
        if area >= LEAST_PIXELS and worth > best:
            ys, xs = np.nonzero(spot)
            best, middle = worth, (columns.start + xs.mean() + 0.5, rows.start + ys.mean() + 0.5)
    return middle


def _is_drawn(limb: np.ndarray, first: np.ndarray, second: np.ndarray) -> bool:
    """Whether most of the way between two joints has the limb's colour (H, W) bool."""
    if first[2] <= 0 or second[2] <= 0:
        return False
    ways = [(first + share * (second - first))[:2].astype(int) for share in (0.3, 0.5, 0.7)]
    return sum(bool(limb[max(y - 2, 0) : y + 3, max(x - 2, 0) : x + 3].any()) for x, y in ways) > 1


def _hues(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The largest channel, saturation 0..1 and hue 0..360 of each pixel: (H, W) each."""
    levels = pixels.astype(np.float32)
    high, low = levels.max(-1), levels.min(-1)
    span = np.maximum(high - low, 1e-3)
    red, green, blue = levels[..., 0], levels[..., 1], levels[..., 2]
    rest = np.where(high == green, 2 + (blue - red) / span, 4 + (red - green) / span)
    hue = np.where(high == red, (green - blue) / span, rest)
    return high, span / np.maximum(high, 1), (hue * 60) % 360
