"""What a person detector returns, and whether it can be believed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dancegen.body import joints as J
from dancegen.body.joints import body_height, mid_hip
from dancegen.people.posture import Posture, has_torso

TORSO = (J.R_SHOULDER, J.L_SHOULDER, J.R_HIP, J.L_HIP)


@dataclass(frozen=True, eq=False)
class Detection(Posture):
    """A person as a detector sees them.

    Attributes:
        joints: (V, 2) float32 pixels.
        confidence: (V,) float32 in 0..1, 0 = not in the picture.
        mask: (H, W) float32 in 0..1, or None where the detector makes none.
        detector: its name.
        mask_detector: who made the mask; empty for the detector itself.
        depth: (V,) float32 pixels, how far each joint is behind the mid-hip; None where it does not say.
        knuckles: (2, 2) float32 pixels, x and y of the middle of the right and the left hand's knuckles; None likewise.
    """

    joints: np.ndarray
    confidence: np.ndarray
    mask: np.ndarray | None
    detector: str
    mask_detector: str = ""
    depth: np.ndarray | None = None
    knuckles: np.ndarray | None = None


def implausible(joints: np.ndarray, confidence: np.ndarray, size: tuple[int, int]) -> str:
    """Why this cannot be a person, or "" if it can.

    Args:
        joints: (V, 2) pixels.
        confidence: (V,).
        size: (W, H) of the picture.
    """
    seen = np.asarray(confidence) > 0
    if seen.sum() < 4:
        return "too few joints"
    if not has_torso(confidence):
        return ""  # a face only: said elsewhere, with the missing joints
    points = np.asarray(joints, np.float64)
    span = points[seen].max(axis=0) - points[seen].min(axis=0)
    if max(span) < 0.06 * max(size) or max(span) < 12:
        return "too small"
    if seen[[J.NECK, *TORSO]].all():
        torso = float(np.linalg.norm(points[J.NECK] - mid_hip(points)))
        shoulders = float(np.linalg.norm(points[J.R_SHOULDER] - points[J.L_SHOULDER]))
        if torso < 0.12 * max(span) and torso < 0.5 * shoulders:
            return "no torso between shoulders and hips"
    if seen.all():
        height = float(body_height(points))
        if height > 6 * max(span):
            return "limbs that do not fit each other"
    return ""
