"""The 18 OpenPose (COCO-18) joints: names, the 17 bones between them, mirror pairs, colours.

"Right" and "left" are the person's own. Joint 1, the neck, is the middle of the shoulders.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from dancegen.body.geometry import Array, library, norm

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
BONES = (
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

# Bones as indices of `BONES`: of the arms, of the legs, and all others.
ARM_BONES, LEG_BONES = (
    tuple(BONES.index(bone) for chain in chains for bone in pairwise(chain)) for chains in (ARM_CHAINS, LEG_CHAINS)
)
TRUNK_BONES = tuple(bone for bone in range(len(BONES)) if bone not in {*ARM_BONES, *LEG_BONES})


def mirror_order(names: Sequence[str]) -> tuple[int, ...]:
    """The index of each name's counterpart on the body's other side; its own where it has no side."""
    sides = {"right": "left", "left": "right"}
    return tuple(names.index(re.sub("right|left", lambda side: sides[side[0]], name)) for name in names)


# Index of each joint's and each bone's mirror image: mirrored = joints[..., MIRROR, :] with x negated.
MIRROR = mirror_order(JOINT_NAMES)
BONE_MIRROR = tuple(BONES.index((MIRROR[parent], MIRROR[child])) for parent, child in BONES)

# OpenPose's rainbow, RGB: COLOURS[i] is bone i's and joint i's.
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


def mid_hip(joints: Array) -> Array:
    """The middle of the hips: (..., V, C) -> (..., C)."""
    return (joints[..., R_HIP, :] + joints[..., L_HIP, :]) / 2


def body_height(joints: Array, seen: Array | None = None) -> Array:
    """The standing height of a body from one pose, robust to a foreshortened limb.

    Torso, leg and arm lengths are fixed shares of the height; the second largest of the four estimates is taken, so
    that a crouching or bowing body does not shrink.

    Args:
        joints: (..., V, 2 or 3), any unit; numpy or torch.
        seen: (..., V) bool; torso, legs and arms with a joint that is not seen are left out. All are where not given.

    Returns:
        (...), in the same unit.
    """
    both = library(joints)

    def length(*points: Array, needs: tuple[int, ...]) -> Array:
        steps: Array = norm(points[1] - points[0])
        for first, second in pairwise(points[1:]):
            steps = steps + norm(second - first)
        return steps if seen is None else steps * seen[..., list(needs)].all(-1)

    def longer_of(chains: tuple[tuple[int, ...], ...]) -> Array:
        right, left = (length(*(joints[..., joint, :] for joint in chain), needs=chain) for chain in chains)
        larger: Array = both.maximum(right, left)
        return larger

    torso = length(joints[..., NECK, :], mid_hip(joints), needs=(NECK, R_HIP, L_HIP))
    leg, arm = longer_of(LEG_CHAINS), longer_of(ARM_CHAINS)
    estimates = both.stack([torso / 0.30, leg / 0.47, arm / 0.31, (torso + leg) / 0.77], -1)
    ranked = both.sort(estimates, -1)
    second: Array = (ranked if both is np else ranked.values)[..., -2]
    return second
