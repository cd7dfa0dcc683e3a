"""The 15 limbs: where they lie in a skeleton, how large they are, which is in front where no depth is known.

Glossary: V = 18 joints; K = 15 limbs; H = the body height of a skeleton (`joints.body_height`).
A limb is a capsule: a segment with a radius.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from dancegen.body import joints as J
from dancegen.body.geometry import Array, library, unit
from dancegen.body.joints import body_height, mid_hip

LIMB_NAMES = (
    "head",
    "upper torso",
    "lower torso",
    "right upper arm",
    "right forearm",
    "right hand",
    "left upper arm",
    "left forearm",
    "left hand",
    "right thigh",
    "right shin",
    "right foot",
    "left thigh",
    "left shin",
    "left foot",
)
K = len(LIMB_NAMES)
(HEAD, UPPER_TORSO, LOWER_TORSO, R_UPPER_ARM, R_FOREARM, R_HAND, L_UPPER_ARM, L_FOREARM, L_HAND) = range(9)
(R_THIGH, R_SHIN, R_FOOT, L_THIGH, L_SHIN, L_FOOT) = range(9, 15)
LIMB_MIRROR = J.mirror_order(LIMB_NAMES)  # each limb's counterpart on the other side
LABEL_MIRROR = (0, *(1 + limb for limb in LIMB_MIRROR))  # of labels in pictures: 0 is the background, limbs from 1 on

# The limbs that are single bones, whose length a body keeps: limb -> (parent, child).
SEGMENTS = dict(
    zip(
        (R_UPPER_ARM, R_FOREARM, L_UPPER_ARM, L_FOREARM, R_THIGH, R_SHIN, L_THIGH, L_SHIN),
        (bone for chain in (*J.ARM_CHAINS, *J.LEG_CHAINS) for bone in pairwise(chain)),
        strict=True,
    )
)
_TORSO = (J.NECK, J.R_HIP, J.L_HIP)
# The joints that say where each limb is: hands go on from the forearm, feet down from the shin.
LIMB_JOINTS = {HEAD: (J.NECK, J.NOSE), UPPER_TORSO: _TORSO, LOWER_TORSO: _TORSO, **SEGMENTS}
LIMB_JOINTS |= {end: SEGMENTS[end - 1] for end in (R_HAND, L_HAND, R_FOOT, L_FOOT)}

# Shares of the body height.
RADII = np.array(
    [0.075, 0.105, 0.100, 0.042, 0.036, 0.038, 0.042, 0.036, 0.038, 0.065, 0.048, 0.042, 0.065, 0.048, 0.042],
    np.float32,
)
HAND_LENGTH = 0.075
FOOT_LENGTH = 0.035

# Which limb hides which where no depth is known: larger is nearer the camera.
DEFAULT_ORDER = np.array([1.0, 0, 0, 1.2, 1.8, 2.2, 1.2, 1.8, 2.2, 0.3, 0.5, 0.6, 0.3, 0.5, 0.6], np.float32)

# (limb, limb, index of the joint point they turn about in `joint_points`, the largest radius of the round cap by which
# each goes on into the other, as a share of H)
NEIGHBOURS = (
    (HEAD, UPPER_TORSO, 0, 0.070),
    (UPPER_TORSO, LOWER_TORSO, 1, 0.160),
    (UPPER_TORSO, R_UPPER_ARM, 2, 0.045),
    (UPPER_TORSO, L_UPPER_ARM, 3, 0.045),
    (R_UPPER_ARM, R_FOREARM, 4, 0.045),
    (L_UPPER_ARM, L_FOREARM, 5, 0.045),
    (R_FOREARM, R_HAND, 6, 0.035),
    (L_FOREARM, L_HAND, 7, 0.035),
    (LOWER_TORSO, R_THIGH, 8, 0.060),
    (LOWER_TORSO, L_THIGH, 9, 0.060),
    (R_THIGH, R_SHIN, 10, 0.060),
    (L_THIGH, L_SHIN, 11, 0.060),
    (R_SHIN, R_FOOT, 12, 0.045),
    (L_SHIN, L_FOOT, 13, 0.045),
)


def joint_points(joints: np.ndarray) -> np.ndarray:
    """The points that neighbouring limbs turn about: (..., V, 2+) -> (..., 14, 2), in the order of `NEIGHBOURS`."""
    xy = joints[..., :2]
    hips = mid_hip(xy)
    middle = (xy[..., J.NECK, :] + hips) / 2
    order = [joint for chains in (J.ARM_CHAINS, J.LEG_CHAINS) for pair in zip(*chains, strict=True) for joint in pair]
    return np.stack([xy[..., J.NECK, :], middle, *(xy[..., joint, :] for joint in order)], axis=-2)


def limb_axes(joints: Array, height: Array | float | None = None, head: Array | None = None) -> Array:
    """The two ends of each limb's axis.

    Args:
        joints: (..., V, 2+), pixels; numpy (computed in float64) or torch.
        height: (...) the body height in the same unit; from the joints where not given.
        head: (..., 2) the far end of the head's axis; from all joints of the face where not given.

    Returns:
        (..., K, 2 ends, 2 xy).
    """
    both = library(joints)
    xy: Any = np.asarray(joints[..., :2], np.float64) if both is np else joints[..., :2]
    size = both.asarray(body_height(xy) if height is None else height)[..., None]  # (..., 1)
    neck, hips = xy[..., J.NECK, :], mid_hip(xy)
    middle = (neck + hips) / 2
    if head is None:
        face = xy[..., list(J.FACE_JOINTS), :].mean(-2)
        head = face + (face - neck) * 0.35
    limbs = [(neck, head), (neck, middle), (middle, hips)]
    for chain in J.ARM_CHAINS:
        shoulder, elbow, wrist = (xy[..., joint, :] for joint in chain)
        limbs += [(shoulder, elbow), (elbow, wrist), (wrist, wrist + unit(wrist - elbow) * HAND_LENGTH * size)]
    for chain in J.LEG_CHAINS:
        hip, knee, ankle = (xy[..., joint, :] for joint in chain)
        sole = both.concatenate([ankle[..., :1], ankle[..., 1:] + FOOT_LENGTH * size], -1)
        limbs += [(hip, knee), (knee, ankle), (ankle, sole)]
    axes: Array = both.stack([both.stack(ends, -2) for ends in limbs], -3)
    return axes
