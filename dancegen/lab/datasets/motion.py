"""Files of motion capture as canonical dances; how they become so is `styles/motion.py`.

Glossary: T poses at 30 a second, V = 18 joints, L = 17 bones.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dancegen.styles.motion import (
    FPS,
    HUMAN_HEIGHT,
    MAX_SPEED,
    MAX_TURN,
    SPIN,
    Motion,
    body_yaw,
    floor_gap,
    mirror_motion,
    slow_turn,
    to_canonical,
    usable_stretches,
)


def read_motion(path: Path, style: str, camera: float = 0.0, fastest: float = MAX_TURN) -> list[Motion]:
    """The usable stretches of one .npz with `joints` (T, V, 3) in metres, y up, and `fps`, seen by one camera.

    Where the dancer turns by more than `fastest` radians a second nothing is usable.
    """
    with np.load(path, allow_pickle=False) as file:
        joints, fps = file["joints"].astype(np.float32), float(file["fps"])
    if fps != FPS:
        count = int(len(joints) * FPS / fps)
        at = np.minimum(np.arange(count) * fps / FPS, len(joints) - 1)
        low = np.floor(at).astype(int)
        share = (at - low)[:, None, None]
        joints = joints[low] * (1 - share) + joints[np.minimum(low + 1, len(joints) - 1)] * share
    directions, root, usable = to_canonical(joints, camera, fastest)
    turn = slow_turn(joints)
    return [
        Motion(
            directions[a:b],
            root[a:b] - np.array([root[a:b, 0].mean(), 0], np.float32),
            style,
            path.stem,
            a / FPS,
            turn[a:b],
        )
        for a, b in usable_stretches(usable)
    ]


__all__ = [
    "FPS",
    "HUMAN_HEIGHT",
    "MAX_SPEED",
    "SPIN",
    "Motion",
    "body_yaw",
    "floor_gap",
    "mirror_motion",
    "read_motion",
    "slow_turn",
    "to_canonical",
]
