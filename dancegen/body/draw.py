"""Skeletons as pictures: previews, overlays, contact sheets and the pose videos that ControlNet reads.

Shapes are drawn by their exact distance to each pixel inside a small box around them, so edges are smooth at any size
and a frame costs a few milliseconds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dancegen.body.geometry import from_axes
from dancegen.body.joints import BONES, COLOURS
from dancegen.body.sequence import SkeletonSequence


@dataclass(frozen=True)
class Look:
    """How limbs and joints are drawn.

    Attributes:
        half_width: of a limb, pixels; None = 1/150 of the canvas' longer side, at least 1.5 px.
        dot_radius: of a joint, pixels; None = 1.3 half-widths.
        limb_shade: limbs have their joint's colour times this.
        ellipses: limbs are ellipses (OpenPose's own drawing) rather than strokes with round ends.
        by_length: limbs are as wide as MusePose draws them, whatever `half_width`: 1 pixel where they are shorter than
            5, one more with each doubling, 8 at most.
    """

    half_width: float | None = None
    dot_radius: float | None = None
    limb_shade: float = 0.75
    ellipses: bool = False
    by_length: bool = False


PREVIEW = Look()
# controlnet_aux's and AnimateAnyone's drawing: what models conditioned on OpenPose pictures were trained on.
CONTROLNET = Look(half_width=4, dot_radius=4, limb_shade=0.6, ellipses=True)
LENGTHS = (5, 10, 20, 40, 80, 160, 320)  # pixels of a limb, at which MusePose draws it a pixel wider to each side


def draw_skeleton(canvas: np.ndarray, joints: np.ndarray, confidence: np.ndarray, look: Look = PREVIEW) -> np.ndarray:
    """One skeleton over a picture.

    Args:
        canvas: uint8 (H, W, 3) RGB; not changed.
        joints: (V, 2 or more), x and y in pixels of the canvas; parts outside the canvas are cut off.
        confidence: (V,); joints of confidence 0 and their limbs are not drawn.
        look: how it is drawn.

    Returns:
        uint8 (H, W, 3), a new picture.
    """
    out = canvas.copy()
    half_width = look.half_width or max(1.5, max(canvas.shape[:2]) / 150)
    radius = look.dot_radius or 1.3 * half_width
    points = np.asarray(joints, np.float32)[:, :2]
    seen = np.asarray(confidence) > 0
    for (a, b), colour in zip(BONES, COLOURS, strict=False):
        if seen[a] and seen[b]:
            shade = np.asarray(colour, np.float32) * look.limb_shade
            wide = _width_by_length(points[a], points[b]) if look.by_length else half_width
            stroke(out, points[a], points[b], wide, shade, look.ellipses)
    for point, visible, colour in zip(points, seen, COLOURS, strict=True):
        if visible:
            stroke(out, point, point, radius, np.asarray(colour, np.float32))
    return out


def draw_strip(
    sequence: SkeletonSequence, count: int, cell: tuple[int, int], background: int = 255, look: Look = PREVIEW
) -> np.ndarray:
    """Poses of a dance side by side, evenly spaced in time, for contact sheets.

    Each pose stands in the middle of its own cell (its travel is not shown), all at one scale and on one ground line,
    so that jumps and crouches show. Works for canonical sequences and for sequences in pixels.

    Args:
        sequence: the dance, at least one pose.
        count: how many poses.
        cell: (width, height) of one cell in pixels.
        background: grey level, 0..255.
        look: how it is drawn.

    Returns:
        uint8 (height, count * width, 3).
    """
    width, height = cell
    at = np.linspace(0, len(sequence) - 1, count).round().astype(int)
    poses, seen = sequence.joints[at, :, :2], sequence.confidence[at]  # (count, V, 2), (count, V)
    visible = np.where(seen[..., None] > 0, poses, np.nan)
    if np.isnan(visible).all():
        return np.full((height, count * width, 3), background, np.uint8)
    middle = (poses[..., 0] * (seen > 0)).sum(axis=1) / np.maximum((seen > 0).sum(axis=1), 1)  # (count,)
    top, ground = float(np.nanmin(visible[..., 1])), float(np.nanmax(visible[..., 1]))
    reach = float(np.nanmax(np.abs(visible[..., 0] - middle[:, None])))
    scale = min(0.88 * height / max(ground - top, 1e-6), 0.47 * width / max(reach, 1e-6))
    cells = []
    for pose, confidence, x in zip(poses, seen, middle, strict=True):
        placed = (pose - (x, ground)) * scale + (width / 2, 0.94 * height)  # (V, 2)
        cells.append(draw_skeleton(np.full((height, width, 3), background, np.uint8), placed, confidence, look))
    return np.concatenate(cells, axis=1)


def _width_by_length(a: np.ndarray, b: np.ndarray) -> float:
    return 1.0 + float(np.searchsorted(LENGTHS, np.hypot(*(b - a)), side="right"))


def stroke(
    out: np.ndarray, a: np.ndarray, b: np.ndarray, radius: float, colour: np.ndarray, ellipse: bool = False
) -> None:
    """Blends one stroke (a capsule from a to b, or the ellipse with the axis a-b) into `out`, in place."""
    height, width = out.shape[:2]
    margin = radius + 1
    x0, y0 = np.maximum(np.floor(np.minimum(a, b) - margin), 0).astype(int)
    x1, y1 = np.minimum(np.ceil(np.maximum(a, b) + margin) + 1, (width, height)).astype(int)
    if x0 >= x1 or y0 >= y1:
        return
    x, y = np.arange(x0, x1, dtype=np.float32), np.arange(y0, y1, dtype=np.float32)
    if ellipse:
        distance = _ellipse_distance(x[None, :], y[:, None], a, b, radius)  # (h, w), negative inside
    else:
        distance = from_axes(np.stack([a, b]), x, y)[1] - radius
    cover = np.clip(0.5 - distance, 0, 1)[..., None]  # (h, w, 1): the edge is one pixel wide
    patch = out[y0:y1, x0:x1]
    patch[:] = (patch + cover * (colour - patch) + 0.5).astype(np.uint8)


def _ellipse_distance(x: np.ndarray, y: np.ndarray, a: np.ndarray, b: np.ndarray, radius: float) -> np.ndarray:
    """Signed distance (first order) of each pixel (h, w) to the ellipse with half-axes |a-b|/2 and `radius`."""
    dx, dy = float(b[0] - a[0]) / 2, float(b[1] - a[1]) / 2
    half = max(float(np.hypot(dx, dy)), 0.5)
    px, py = x - float(a[0]) - dx, y - float(a[1]) - dy
    along, across = (px * dx + py * dy) / half, (py * dx - px * dy) / half
    value = (along / half) ** 2 + (across / radius) ** 2 - 1
    slope = 2 * np.sqrt((along / half**2) ** 2 + (across / radius**2) ** 2)
    return value / np.maximum(slope, 1e-6)
