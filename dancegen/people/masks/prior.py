"""Where a body with these joints can be in the picture: the prior of every mask.

Glossary: d = distance of a pixel to the nearest limb, in radii of that limb: 0 on its axis, 1 on the skin of a usual
body, about 2 on a skirt's hem or long hair.
"""

from __future__ import annotations

import numpy as np

from dancegen.body import joints as J
from dancegen.body import limbs as L
from dancegen.body.geometry import from_axes
from dancegen.body.limbs import limb_axes

# The joints that each limb needs to be drawn; the head has a usual place, and a foot is below its ankle.
NEEDS = {**L.LIMB_JOINTS, L.HEAD: (J.NECK,), L.R_FOOT: (J.R_ANKLE,), L.L_FOOT: (J.L_ANKLE,)}


def limb_distance(
    points: np.ndarray, seen: np.ndarray, height: float, size: tuple[int, int], scale: float = 1.0
) -> np.ndarray:
    """d for each pixel; `Posture.distance` asks for it.

    Args:
        points: (V, 2) pixels.
        seen: (V,) bool, limbs with a joint that is not seen are left out.
        height: of the body, pixels.
        size: (W, H) of the result.
        scale: size / picture size.

    Returns:
        (H, W) float32.
    """
    axes = (limb_axes(points, height) * scale).astype(np.float32)  # (K, 2, 2)
    x, y = np.arange(size[0], dtype=np.float32), np.arange(size[1], dtype=np.float32)
    nearest = np.full((size[1], size[0]), 1e3, np.float32)
    for limb, needs in NEEDS.items():  # one by one: all fields of a large picture would take hundreds of megabytes
        if seen[list(needs)].all():
            radius = np.float32(L.RADII[limb] * height * scale)
            np.minimum(nearest, from_axes(axes[limb], x, y)[1] / radius, out=nearest)
    return nearest
