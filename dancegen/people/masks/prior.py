"""Where a body with these joints can be in the picture: the prior of every mask.

Glossary: d = distance of a pixel to the nearest limb, in radii of that limb: 0 on its axis, 1 on the skin of a usual
body, about 2 on a skirt's hem or long hair.
"""

from __future__ import annotations

import numpy as np

from dancegen.body.joints import (
    L_ANKLE,
    L_ELBOW,
    L_HIP,
    L_KNEE,
    L_SHOULDER,
    L_WRIST,
    NECK,
    R_ANKLE,
    R_ELBOW,
    R_HIP,
    R_KNEE,
    R_SHOULDER,
    R_WRIST,
)
from dancegen.body.limbs import RADII, limb_segments
from dancegen.body.proportions import complete, measure, usual_places

# The joints that each limb of `limbs.LIMB_NAMES` needs to be drawn.
NEEDS: tuple[tuple[int, ...], ...] = (
    (NECK,),
    (NECK,),
    (NECK,),
    (R_SHOULDER, R_ELBOW),
    (R_ELBOW, R_WRIST),
    (R_ELBOW, R_WRIST),
    (L_SHOULDER, L_ELBOW),
    (L_ELBOW, L_WRIST),
    (L_ELBOW, L_WRIST),
    (R_HIP, R_KNEE),
    (R_KNEE, R_ANKLE),
    (R_ANKLE,),
    (L_HIP, L_KNEE),
    (L_KNEE, L_ANKLE),
    (L_ANKLE,),
)


def limb_distance(joints: np.ndarray, confidence: np.ndarray, size: tuple[int, int], scale: float = 1.0) -> np.ndarray:
    """d for each pixel.

    Args:
        joints: (V, 2) pixels.
        confidence: (V,), limbs with a joint of 0 are left out.
        size: (W, H) of the result.
        scale: size / picture size.

    Returns:
        (H, W) float32.
    """
    _, seen = complete(joints, confidence)
    points = usual_places(joints, confidence)
    height = measure(joints, confidence).height
    segments = limb_segments(points, height) * scale  # (K, 2, 2)
    x = np.arange(size[0], dtype=np.float32)[None, :]
    y = np.arange(size[1], dtype=np.float32)[:, None]
    nearest = np.full((size[1], size[0]), 1e3, np.float32)
    for (a, b), radius, needs in zip(segments, RADII, NEEDS, strict=True):
        if not seen[list(needs)].all():
            continue
        dx, dy = b - a
        px, py = x - np.float32(a[0]), y - np.float32(a[1])
        along = np.clip((px * dx + py * dy) / max(dx * dx + dy * dy, 1e-6), 0, 1).astype(np.float32)
        distance = np.hypot(px - along * dx, py - along * dy) / (radius * height * scale)
        np.minimum(nearest, distance, out=nearest, casting="same_kind")
    return nearest
