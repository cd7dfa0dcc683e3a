"""The 18 OpenPose (COCO-18) joints: names, limbs, mirror pairs, colours.

"Right" and "left" are the person's own. Joint 1, the neck, is the middle of the shoulders.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

JOINT_NAMES = (
    "nose",
    "neck",
    "right_shoulder",
    "right_elbow",
    "right_wrist",
    "left_shoulder",
    "left_elbow",
    "left_wrist",
    "right_hip",
    "right_knee",
    "right_ankle",
    "left_hip",
    "left_knee",
    "left_ankle",
    "right_eye",
    "left_eye",
    "right_ear",
    "left_ear",
)
V = len(JOINT_NAMES)  # the paper's V, 18

(NOSE, NECK, R_SHOULDER, R_ELBOW, R_WRIST, L_SHOULDER, L_ELBOW, L_WRIST) = range(8)
(R_HIP, R_KNEE, R_ANKLE, L_HIP, L_KNEE, L_ANKLE, R_EYE, L_EYE, R_EAR, L_EAR) = range(8, 18)

# (parent, child), outward from the neck, the drawing order of OpenPose.
LIMBS = (
    (NECK, R_SHOULDER),
    (NECK, L_SHOULDER),
    (R_SHOULDER, R_ELBOW),
    (R_ELBOW, R_WRIST),
    (L_SHOULDER, L_ELBOW),
    (L_ELBOW, L_WRIST),
    (NECK, R_HIP),
    (R_HIP, R_KNEE),
    (R_KNEE, R_ANKLE),
    (NECK, L_HIP),
    (L_HIP, L_KNEE),
    (L_KNEE, L_ANKLE),
    (NECK, NOSE),
    (NOSE, R_EYE),
    (R_EYE, R_EAR),
    (NOSE, L_EYE),
    (L_EYE, L_EAR),
)

# From the body to the hand or foot, the right side first.
ARM_CHAINS = ((R_SHOULDER, R_ELBOW, R_WRIST), (L_SHOULDER, L_ELBOW, L_WRIST))
LEG_CHAINS = ((R_HIP, R_KNEE, R_ANKLE), (L_HIP, L_KNEE, L_ANKLE))

# Index of each joint's mirror image: mirrored = joints[..., MIRROR, :] with x negated.
MIRROR = (0, 1, 5, 6, 7, 2, 3, 4, 11, 12, 13, 8, 9, 10, 15, 14, 17, 16)

# OpenPose's rainbow, RGB: COLOURS[i] is limb i's and joint i's.
COLOURS = (
    (255, 0, 0),
    (255, 85, 0),
    (255, 170, 0),
    (255, 255, 0),
    (170, 255, 0),
    (85, 255, 0),
    (0, 255, 0),
    (0, 255, 85),
    (0, 255, 170),
    (0, 255, 255),
    (0, 170, 255),
    (0, 85, 255),
    (0, 0, 255),
    (85, 0, 255),
    (170, 0, 255),
    (255, 0, 255),
    (255, 0, 170),
    (255, 0, 85),
)

# The joints whose speed makes a kinematic beat (shared/design/metrics.md): elbows, wrists, knees, ankles.
BEAT_JOINTS = (R_ELBOW, R_WRIST, L_ELBOW, L_WRIST, R_KNEE, R_ANKLE, L_KNEE, L_ANKLE)
FACE_JOINTS = (NOSE, R_EYE, L_EYE, R_EAR, L_EAR)


def mid_hip(joints: np.ndarray) -> np.ndarray:
    """The middle of the hips: (..., V, C) -> (..., C)."""
    return (joints[..., R_HIP, :] + joints[..., L_HIP, :]) / 2


def body_height(joints: np.ndarray) -> np.ndarray:
    """The standing height of a body from one pose, robust to a foreshortened limb.

    Torso, leg and arm lengths are fixed shares of the height; the second largest of the four estimates is taken, so
    that a crouching or bowing body does not shrink.

    Args:
        joints: (..., V, 2 or 3), any unit.

    Returns:
        (...), in the same unit.
    """

    def length(*chain: int) -> np.ndarray:
        bones = (joints[..., b, :] - joints[..., a, :] for a, b in pairwise(chain))
        return sum((np.linalg.norm(bone, axis=-1) for bone in bones), np.zeros(()))

    torso = np.linalg.norm(joints[..., NECK, :] - mid_hip(joints), axis=-1)
    leg = np.maximum(length(R_HIP, R_KNEE, R_ANKLE), length(L_HIP, L_KNEE, L_ANKLE))
    arm = np.maximum(length(R_SHOULDER, R_ELBOW, R_WRIST), length(L_SHOULDER, L_ELBOW, L_WRIST))
    estimates = np.stack([torso / 0.30, leg / 0.47, arm / 0.31, (torso + leg) / 0.77], axis=-1)
    return np.sort(estimates, axis=-1)[..., -2]
