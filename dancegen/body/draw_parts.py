"""Hands and faces as OpenPose's family of tools draws them: what body pictures have besides the 17 limbs."""

from __future__ import annotations

import colorsys

import numpy as np

from dancegen.body.draw import stroke

# (parent, child) of the 21 points of a hand: four bones a finger, from the thumb.
FINGERS = tuple(
    (0 if bone == 0 else 4 * finger + bone, 4 * finger + bone + 1) for finger in range(5) for bone in range(4)
)
FINGER_COLOURS = tuple(
    np.array(colorsys.hsv_to_rgb(number / len(FINGERS), 1, 1), np.float32) * 255 for number in range(len(FINGERS))
)
POINT = np.array([0, 0, 255], np.float32)  # the colour of a hand's points
WHITE = np.array([255, 255, 255], np.float32)  # and of a face's


def draw_hand(out: np.ndarray, points: np.ndarray, half_width: float, dot_radius: float) -> None:
    """One hand into a picture, in place.

    Args:
        out: uint8 (H, W, 3) RGB.
        points: (HAND, 3) x, y in pixels and confidence; points of 0 and their bones are not drawn.
        half_width: of a bone, pixels.
        dot_radius: of a point, pixels.
    """
    places, seen = np.asarray(points[:, :2], np.float32), points[:, 2] > 0
    for (a, b), colour in zip(FINGERS, FINGER_COLOURS, strict=True):
        if seen[a] and seen[b]:
            stroke(out, places[a], places[b], half_width, colour)
    for place in places[seen]:
        stroke(out, place, place, dot_radius, POINT)


def draw_face(out: np.ndarray, points: np.ndarray, dot_radius: float) -> None:
    """The points of a face (F, 3), as `draw_hand` those of a hand: white dots."""
    for place in np.asarray(points[points[:, 2] > 0, :2], np.float32):
        stroke(out, place, place, dot_radius, WHITE)
