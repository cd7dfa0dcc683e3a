"""A dance on a body with other bones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from dancegen.body.bones import bones_of
from dancegen.body.joints import L_ANKLE, R_ANKLE
from dancegen.body.proportions import complete, measure, true_height
from dancegen.body.sequence import SkeletonSequence, bone_directions, by_blocks
from dancegen.dances.keep import place_bones

ANKLES = [R_ANKLE, L_ANKLE]
FOUND_AGAIN = 0.02  # body heights; what a detector and a pose by hand say of the example's limbs is off by 0.017
LIMBS = 12  # bones but those of the head


def is_on(bones: Sequence[float], joints: np.ndarray, confidence: np.ndarray) -> bool:
    """Whether bones of lengths (L,), body heights, but those of the head, are those of who stands in a picture: joints
    (V, 2) pixels, confidence (V,)."""
    points, seen = complete(joints, confidence)
    own = bones_of(points, seen, true_height(measure(points, seen)))
    return bool(np.abs(own - np.asarray(bones))[:LIMBS].max() < FOUND_AGAIN)


def on_bones(dance: SkeletonSequence, bones: np.ndarray) -> SkeletonSequence:
    """The dance with bones of lengths (L,): each points where it did, and the lower ankle is as high off the ground."""

    def place(joints: np.ndarray) -> np.ndarray:
        lengths = np.broadcast_to(bones, (len(joints), len(bones)))
        made = place_bones(bone_directions(joints), lengths, joints)
        made[..., 1] += (joints[:, ANKLES, 1].max(axis=1) - made[:, ANKLES, 1].max(axis=1))[:, None]
        return made

    return replace(dance, joints=by_blocks(place, dance.joints))
