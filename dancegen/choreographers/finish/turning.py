"""Turns all round, and dances turned back to the camera: what a dance that turns half away needs nothing of.

Glossary: T poses, L = 17 bones (the order of `joints.BONES`).
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np

from dancegen.body.joints import mid_hip
from dancegen.body.sequence import SkeletonSequence, bone_directions, by_blocks
from dancegen.choreographers.finish.facing import LIMIT, soften, turn_directions, yaw

SLACK = np.radians(2.0)  # by which a dance that faces the camera passes LIMIT: its feet are held where they stand
EAGER = 1.3  # a turn of more than 360 / (2 EAGER) degrees within a phrase becomes a whole one
NOTED = np.radians(30.0)  # a dance that is turned back by more is told: it is not the one that was made
MOST = np.radians(60.0)  # of phrases without a whole turn


def whole_turns(rate: np.ndarray, fps: float, ends: np.ndarray) -> np.ndarray:
    """The integral (T,) of `rate`, stretched in each phrase to the nearest number of whole turns."""
    way = np.concatenate([[0.0], np.cumsum(rate)[:-1]]) / fps  # (T,)
    edges = np.unique(np.clip(np.concatenate([[0], ends, [len(rate) - 1]]).astype(int), 0, len(rate) - 1))
    out = np.zeros(len(rate))
    for first, last in pairwise(edges):
        part = way[first : last + 1] - way[first]
        turns = np.round(part[-1] / (2 * np.pi) * EAGER)
        ramp = np.linspace(0, 1, len(part))
        smooth = ramp * ramp * (3 - 2 * ramp)
        own = part - part[-1] * smooth  # comes back to the camera
        if turns:
            share = np.clip(part / part[-1], 0, 1)
            turning = np.maximum.accumulate(share) * 0.5 + 0.5 * smooth
            own = turning * turns * 2 * np.pi
        else:
            own = MOST * np.tanh(own / MOST)
        out[first : last + 1] = own
    return out


def flatten(dance: SkeletonSequence) -> tuple[SkeletonSequence, float]:
    """A dance as somebody dances it whose back and sides nobody can draw: bodies keep within LIMIT of the camera.

    A body that turns all round sways to one side and comes back by the other.

    Returns:
        The dance, and the most that a pose is turned back, radians; the dance itself and 0 where none turns too far or
        it has no depth to turn in.
    """
    if not dance.joints[..., 2].any():
        return dance, 0.0
    angle = by_blocks(lambda part: yaw(bone_directions(part)), dance.joints)  # (T,)
    if np.abs(angle).max() <= LIMIT + SLACK:
        return dance, 0.0
    away = np.clip((np.abs(angle) - np.pi / 2) / (np.pi / 2), 0, 1)  # 0 to the side, 1 the back
    kept = soften(angle, LIMIT) * (1 - away * away * (3 - 2 * away))
    back = kept - angle

    def turn_back(joints: np.ndarray, turn: np.ndarray) -> np.ndarray:
        middle = mid_hip(joints)[:, None] * (1, 0, 1)  # (T, 1, 3), the vertical that it turns about
        return (turn_directions(joints - middle, turn) + middle).astype(np.float32)

    joints = by_blocks(turn_back, dance.joints, back)
    shown = -np.degrees(kept).astype(np.float32)
    turning = np.abs(np.remainder(back + np.pi, 2 * np.pi) - np.pi)
    return replace(dance, joints=joints, yaw=shown), float(turning.max())
