"""How long the bones of somebody in a picture are.

Glossary: V = 18 joints, L = 17 bones.
"""

from __future__ import annotations

import numpy as np

from dancegen.body import joints as J
from dancegen.body.proportions import measure
from dancegen.body.sequence import BONE_LENGTHS


def bones_of(points: np.ndarray, seen: np.ndarray, height: float) -> np.ndarray:
    """The lengths (L,) of a body's bones in body heights; a face is as large as its neck is long."""
    size = {name: length / height for name, length in measure(points, seen).lengths.items()}
    bones = np.asarray(BONE_LENGTHS, np.float64).copy()
    bones[[0, 1]] = size["shoulders"]
    bones[[2, 4]], bones[[3, 5]] = size["upper_arm"], size["forearm"]
    bones[[6, 9]] = np.hypot(size["torso"], size["hips"])
    bones[[7, 10]], bones[[8, 11]] = size["thigh"], size["shin"]
    if seen[J.NOSE]:
        neck = float(np.linalg.norm(points[J.NOSE] - points[J.NECK])) / height
        bones[12:] *= np.clip(neck / bones[12], 0.6, 2.5)
    return bones
