"""Whose dance is drawn: the person of a picture, as a pose in the square picture that HotDance draws in.

The square is as high as the person's picture, or so high that the person has a usual size in it; it is centred on the
person. Without a picture it is the canonical body that stands in its middle.

Glossary: V = 18 joints, L = 17 bones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from dancegen.body import joints as J
from dancegen.body.bones import bones_of
from dancegen.body.joints import BONES, V, mid_hip
from dancegen.body.proportions import complete, measure, true_height, usual_places
from dancegen.body.sequence import ANKLE_HEIGHT, BONE_LENGTHS, place_joints
from dancegen.choreographers.finish.frame import STANDING
from dancegen.choreographers.tailor import Person

SMALL, LARGE, USUAL = 0.42, 0.8, 0.62  # of the square's side that a body fills
ROOM = 0.4  # of what the body leaves free, by which its middle may be off the square's
BODY_VALUES = len(BONE_LENGTHS)
HEAD = 12  # bones before those of the head
USUAL_CHANGE = 0.15  # deviation of the logarithms of lengths among bodies and cameras


@dataclass(frozen=True)
class Dancer:
    """A body in the square.

    Attributes:
        shape: (V, 2) where its joints are, shares of the side.
        seen: (V,) bool, which of them are known.
        scale: shares of the side that a body height has.
        middle: x of the hips.
        floor: y of the ground.
        bones: (L,) lengths in body heights.
        pose: (L, 2) the directions of bones in the picture, x and y; the head looks at the camera.
        canonical: whether it is nobody's body.
    """

    shape: np.ndarray
    seen: np.ndarray
    scale: float
    middle: float
    floor: float
    bones: np.ndarray
    pose: np.ndarray
    canonical: bool


def canonical_dancer() -> Dancer:
    """Who dances where there is no picture."""
    directions = standing()
    joints = place_joints(directions[None], np.zeros((1, 2)))[0]
    joints[:, 1] -= joints[[J.R_ANKLE, J.L_ANKLE], 1].max() + ANKLE_HEIGHT
    floor = 0.5 + USUAL / 2
    shape = joints[:, :2] * USUAL + (0.5, floor)
    return Dancer(shape, np.ones(V, bool), USUAL, 0.5, floor, np.asarray(BONE_LENGTHS), directions[:, :2], True)


def dancer_of(person: Person) -> Dancer:
    """The person of a picture.

    Raises:
        DancegenError: the pose has no torso.
    """
    points, seen = complete(person.joints, person.confidence)
    body = measure(points, seen)
    height = true_height(body)
    if points[J.R_HIP, 0] > points[J.L_HIP, 0]:  # from behind: the dance faces us, `retarget` turns it
        points = points * (-1, 1)
    share = height / person.size[1]
    side = person.size[1] if SMALL <= share <= LARGE else height / USUAL
    scale = height / side
    ankles = [points[j, 1] for j in (J.R_ANKLE, J.L_ANKLE) if seen[j]]
    legs = body.lengths["thigh"] + body.lengths["shin"]
    ground = max(ankles) if ankles else mid_hip(points)[1] + legs
    ground += ANKLE_HEIGHT * height
    level = np.clip((ground - height / 2) / side, 0.5 - ROOM * (1 - scale), 0.5 + ROOM * (1 - scale))
    floor = float(level + scale / 2)
    shape = (points - (mid_hip(points)[0], ground)) / side + (0.5, floor)
    bones = bones_of(points, seen, height)
    pose = pose_of(usual_places(points, seen), bones * height)
    return Dancer(np.where(seen[:, None], shape, 0), seen, scale, 0.5, floor, bones, pose, False)


def pose_of(points: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """The directions (L, 2) in the picture of bones that have lengths (L,) pixels between points (V, 2)."""
    flat = standing()[:, :2]
    for bone, (parent, child) in enumerate(BONES[:HEAD]):
        flat[bone] = (points[child] - points[parent]) / max(lengths[bone], 1e-6)
    return flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1)


def standing() -> np.ndarray:
    """The unit directions (L, 3) of who stands and looks at the camera."""
    directions = np.asarray(STANDING, np.float64)
    return directions / np.linalg.norm(directions, axis=-1, keepdims=True)


def place(directions: np.ndarray, root: np.ndarray, bones: np.ndarray) -> np.ndarray:
    """Unit directions (T, L, 3) and mid-hip x, y (T, 2) to joints (T, V, 3) of a body with bones (L,)."""
    joints = np.zeros((len(directions), V, 3), np.float32)
    for bone, (parent, child) in enumerate(BONES):
        joints[:, child] = joints[:, parent] + bones[bone] * directions[:, bone]
    joints -= mid_hip(joints)[:, None]
    joints[..., :2] += root[:, None]
    return joints


def body_values(lengths: Tensor) -> Tensor:
    """What is told of a body (..., L) whose bones have lengths (..., L) in the square, against the usual body's."""
    return (lengths / (USUAL * lengths.new_tensor(BONE_LENGTHS))).log() / USUAL_CHANGE
