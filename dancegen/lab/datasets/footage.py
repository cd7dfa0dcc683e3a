"""Dances as the footage of dancers is read, so that both are measured alike.

Real dancers are read with their slow turns and their slow travel taken out (`styles.motion`); a dance turns to the side
and travels as much as it is asked to. Compared as they are, the turning alone would set them apart.

Glossary: T poses, V = 18 joints.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dancegen.body.sequence import place_joints
from dancegen.lab.datasets.motion import HUMAN_HEIGHT, SPIN, to_canonical, usable_stretches

Limbs = tuple[np.ndarray, np.ndarray]  # directions (T, L, 3) and root (T, 2)


def read_limbs(joints: np.ndarray) -> list[Limbs]:
    """The usable stretches of a dance, joints (T, V, 3) in body heights."""
    metres = joints.astype(np.float64) * [HUMAN_HEIGHT, -HUMAN_HEIGHT, -HUMAN_HEIGHT]  # y up, as captures have it
    directions, root, usable = to_canonical(metres, 0.0, SPIN)
    middle = np.array([1.0, 0.0], np.float32)
    return [(directions[a:b], root[a:b] - root[a:b].mean(axis=0) * middle) for a, b in usable_stretches(usable)]


def read_dances(dances: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The usable stretches of several dances (T, V, 3), as joints again."""
    return [place_joints(*limbs).astype(np.float32) for joints in dances for limbs in read_limbs(joints)]
