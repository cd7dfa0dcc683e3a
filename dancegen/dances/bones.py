"""A dance on a body with other bones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from dancegen.body.joints import L_ANKLE, R_ANKLE
from dancegen.body.sequence import SkeletonSequence, bone_directions, by_blocks
from dancegen.dances.keep import place_bones

ANKLES = [R_ANKLE, L_ANKLE]


def on_bones(dance: SkeletonSequence, bones: np.ndarray) -> SkeletonSequence:
    """The dance with bones of lengths (L,): each points where it did, and the lower ankle is as high off the ground."""

    def place(joints: np.ndarray) -> np.ndarray:
        lengths = np.broadcast_to(bones, (len(joints), len(bones)))
        made = place_bones(bone_directions(joints), lengths, joints)
        made[..., 1] += (joints[:, ANKLES, 1].max(axis=1) - made[:, ANKLES, 1].max(axis=1))[:, None]
        return made

    return replace(dance, joints=by_blocks(place, dance.joints))
