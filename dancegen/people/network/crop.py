"""Square crops of a picture for the subject network, and the way back.

A `Box` is a square in picture pixels; it may hang over the picture's edge, where the crop repeats the edge.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

JOINT_MARGIN = 0.35  # of the longer side of the joints' extent, all around: head, hands and feet lie beyond the joints
MASK_MARGIN = 0.5
LONG = 1.25  # the ratio of sides from which a picture is also looked at in squares


@dataclass(frozen=True)
class Box:
    """The square from (left, top), `side` long; picture px."""

    left: float
    top: float
    side: float

    @classmethod
    def around_picture(cls, width: int, height: int) -> Box:
        """The smallest square that holds the whole picture in its middle."""
        side = float(max(width, height))
        return cls((width - side) / 2, (height - side) / 2, side)

    def to_crop(self, points: np.ndarray, size: int) -> np.ndarray:
        """Picture px (..., 2) to px of the crop of `size`."""
        return (np.asarray(points, np.float32) - [self.left, self.top]) * (size / self.side)

    def to_picture(self, points: np.ndarray, size: int) -> np.ndarray:
        """Px of the crop of `size` (..., 2) to picture px."""
        return points * (self.side / size) + np.array([self.left, self.top])


def first_boxes(width: int, height: int) -> list[Box]:
    """Where to look for a person first: the whole picture, and three squares along the longer side of a long one."""
    boxes = [Box.around_picture(width, height)]
    side = float(min(width, height))
    if max(width, height) > LONG * side:
        spare = max(width, height) - side
        starts = (0.0, spare / 2, spare)
        boxes += [Box(start, 0.0, side) if width > height else Box(0.0, start, side) for start in starts]
    return boxes


def box_around_joints(joints: np.ndarray, confidence: np.ndarray, width: int, height: int) -> Box:
    """The square around the known joints with room for head, hands and feet; the whole picture if there are few."""
    known = joints[confidence > min(0.1, float(confidence.max()) / 2)]
    if len(known) < 3:
        return Box.around_picture(width, height)
    return _square(known.min(axis=0), known.max(axis=0), JOINT_MARGIN, width, height)


def box_around_mask(mask: np.ndarray, width: int, height: int) -> Box:
    """The square around a mask (H, W) with surroundings to paint from."""
    rows, columns = np.flatnonzero((mask > 0.02).any(axis=1)), np.flatnonzero((mask > 0.02).any(axis=0))
    low, high = np.array([columns[0], rows[0]], float), np.array([columns[-1] + 1, rows[-1] + 1], float)
    return _square(low, high, MASK_MARGIN, width, height)


def crop_square(pixels: np.ndarray, box: Box, size: int) -> np.ndarray:
    """(size, size, C) uint8: the box of the picture (H, W, C), averaged down where it is larger, edges repeated."""
    height, width = pixels.shape[:2]
    left, top = int(np.floor(box.left)), int(np.floor(box.top))
    right, bottom = int(np.ceil(box.left + box.side)), int(np.ceil(box.top + box.side))
    inside = pixels[max(0, top) : min(height, bottom), max(0, left) : min(width, right)]
    pad = ((max(0, -top), max(0, bottom - height)), (max(0, -left), max(0, right - width)), (0, 0))
    padded = np.pad(inside, pad, mode="edge")
    area = (box.left - left, box.top - top, box.left - left + box.side, box.top - top + box.side)
    picture = Image.fromarray(padded[..., 0] if pixels.shape[2] == 1 else padded)
    square = np.asarray(picture.resize((size, size), Image.Resampling.BILINEAR, area))
    return np.array(square).reshape(size, size, pixels.shape[2])


def paste_square(values: np.ndarray, box: Box, width: int, height: int) -> np.ndarray:
    """A crop's values (size, size) back in the picture: (H, W) float32, 0 outside the box."""
    low_x, low_y = max(0, int(np.floor(box.left))), max(0, int(np.floor(box.top)))
    high_x, high_y = min(width, int(np.ceil(box.left + box.side))), min(height, int(np.ceil(box.top + box.side)))
    full = np.zeros((height, width), np.float32)
    if high_x <= low_x or high_y <= low_y:
        return full
    scale = values.shape[0] / box.side
    area = [(low_x - box.left) * scale, (low_y - box.top) * scale]
    area += [(high_x - box.left) * scale, (high_y - box.top) * scale]
    area = [float(np.clip(value, 0, values.shape[0])) for value in area]
    picture = Image.fromarray(np.ascontiguousarray(values, np.float32))
    size = (high_x - low_x, high_y - low_y)
    resized = picture.resize(size, Image.Resampling.BILINEAR, (area[0], area[1], area[2], area[3]))
    full[low_y:high_y, low_x:high_x] = np.asarray(resized)
    return full


def _square(low: np.ndarray, high: np.ndarray, margin: float, width: int, height: int) -> Box:
    """The square around low..high, widened by `margin` of its longer side, no larger than the picture needs."""
    longest = max(float((high - low).max()), 8.0)
    side = min(longest * (1 + 2 * margin * 0.6), 1.5 * max(width, height))
    middle = (low + high) / 2
    return Box(float(middle[0] - side / 2), float(middle[1] - side / 2), float(side))
