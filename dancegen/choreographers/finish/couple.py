"""A couple of one dance: who faces the leader steps as in a mirror, with arms of their own.

Glossary: T poses, V = 18 joints, L = 17 bones.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from dancegen.body.joints import ARM_BONES, MIRROR, mid_hip
from dancegen.body.sequence import SkeletonSequence, bone_directions, over_blocks, place_joints
from dancegen.choreographers.finish.facing import turn_directions, yaw

COUPLES = ("salsa",)  # styles that two people dance as a couple


def partner(leader: SkeletonSequence, other: SkeletonSequence) -> SkeletonSequence:
    """Who dances with a leader: the leader's mirror image with the arms of another dance of the same length.

    Args:
        leader, other: canonical, of one choreographer and song; their seeds differ.
    """
    image = leader.joints[:, list(MIRROR)] * np.array([-1, 1, 1], np.float32)

    def with_arms(joints: np.ndarray, lent: np.ndarray) -> np.ndarray:
        own, arms = bone_directions(joints).astype(np.float32), bone_directions(lent).astype(np.float32)
        own[:, ARM_BONES] = turn_directions(arms, yaw(own) - yaw(arms))[:, ARM_BONES]
        hips = mid_hip(joints)
        placed = place_joints(own, hips[:, :2])
        placed[..., 2] += hips[:, 2, None] - mid_hip(placed)[:, 2, None]
        return placed.astype(np.float32)

    joints = over_blocks(with_arms, image, other.joints)
    return replace(
        leader,
        joints=joints,
        yaw=None if leader.yaw is None else -leader.yaw,
        depth=None if leader.depth is None else -leader.depth,  # who steps forward makes the other step back
    )
