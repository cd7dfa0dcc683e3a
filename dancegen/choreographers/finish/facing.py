"""The dance faces the camera within LIMIT: one picture shows one side of a person.

Glossary: T poses, L = 17 bones (the order of `joints.BONES`).
"""

from __future__ import annotations

import numpy as np

from dancegen.body.canonical import BONE_LENGTHS

SOFT, LIMIT = np.radians(25.0), np.radians(36.0)  # turns up to SOFT are left alone, none passes LIMIT
R_SHOULDER_LIMB, L_SHOULDER_LIMB, R_HIP_LIMB, L_HIP_LIMB = 0, 1, 6, 9  # all from the neck


def yaw(directions: np.ndarray) -> np.ndarray:
    """The angle (T,) in radians by which the body, hips more than shoulders, is turned from the camera; (T, L, 3)."""
    shoulders = BONE_LENGTHS[R_SHOULDER_LIMB] * (directions[:, R_SHOULDER_LIMB] - directions[:, L_SHOULDER_LIMB])
    hips = BONE_LENGTHS[R_HIP_LIMB] * (directions[:, R_HIP_LIMB] - directions[:, L_HIP_LIMB])
    right = 0.5 * shoulders + hips  # (T, 3), as `motion.body_yaw` measures it
    return np.arctan2(right[:, 2], -right[:, 0])


def face_camera(directions: np.ndarray) -> np.ndarray:
    """Turn the body back about the vertical where it turns too far: (T, L, 3) -> (T, L, 3) float32."""
    angle = yaw(directions)
    beyond = np.maximum(np.abs(angle) - SOFT, 0) / (LIMIT - SOFT)
    kept = np.sign(angle) * (np.minimum(np.abs(angle), SOFT) + (LIMIT - SOFT) * np.tanh(beyond))
    cosine, sine = np.cos(kept - angle)[:, None], np.sin(kept - angle)[:, None]  # (T, 1)
    x, y, z = np.moveaxis(directions, -1, 0)  # (T, L) each
    return np.stack([x * cosine + z * sine, y, z * cosine - x * sine], axis=-1).astype(np.float32)
