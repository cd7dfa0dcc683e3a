"""From points in the dancer's square to limbs: directions of bones, and where the hips are.

Glossary: T frames, V = 18 joints, L = 17 bones, C = pose values (directions, root, rate).
"""

from __future__ import annotations

import numpy as np

from dancegen.body.joints import mid_hip
from dancegen.body.sequence import BONE_LENGTHS, bone_directions, by_blocks
from dancegen.choreographers.finish.facing import HEAD_BONES, turn_directions
from dancegen.choreographers.hotdance.dancer import Dancer

AWAY = np.radians(40.0)  # that a head turns from the camera at most: further, and a video shows hair or a bare neck
BEHIND = np.radians(100.0)  # from here on it comes back to the middle
RIGHT, LEFT = (13, 14), (15, 16)  # bones from the nose to an eye, from there to an ear
AT_REST = 1e-3  # of a limb's length in the picture, below which it has no direction


def pose_values(points: np.ndarray, dancer: Dancer) -> np.ndarray:
    """Pose values (T, C) of points (T, V, 3), as `suits` compares them."""
    directions = bone_directions(points).reshape(len(points), -1)
    root = (mid_hip(points)[:, :2] - (dancer.middle, dancer.floor)) / dancer.scale
    return np.concatenate([directions, root, np.zeros((len(points), 1))], axis=1)


def limbs_of(points: np.ndarray, dancer: Dancer, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Directions (T, L, 3) and root (T, 2) at fractional numbers (T,) of points (T', V, 3)."""
    hips = mid_hip(points)[:, :2]
    root = (hips - (dancer.middle, dancer.floor)) / dancer.scale
    directions = by_blocks(bone_directions, points)
    flat = directions.reshape(len(directions), -1).astype(np.float32)

    def turn_part(part: np.ndarray) -> np.ndarray:
        limbs = between(flat, part).reshape(len(part), -1, 3)
        limbs /= np.maximum(np.linalg.norm(limbs, axis=-1, keepdims=True), AT_REST)
        return limbs

    return by_blocks(turn_part, at), by_blocks(lambda part: between(root.astype(np.float32), part), at)


def look_ahead(directions: np.ndarray) -> np.ndarray:
    """Directions (T, L, 3) with heads that turn no further than AWAY: couples in closed hold look past each other."""
    lengths = np.asarray(BONE_LENGTHS)[:, None]
    right, left = ((lengths[list(side)] * directions[:, list(side)]).sum(axis=1) for side in (RIGHT, LEFT))
    across = right - left
    angle = np.arctan2(across[:, 2], -across[:, 0])  # (T,) in the sense of `facing.yaw`
    behind = np.clip((np.abs(angle) - BEHIND) / (np.pi - BEHIND), 0, 1)  # 1 where it changes sides
    kept = AWAY * np.tanh(angle / AWAY) * (1 - behind * behind * (3 - 2 * behind))
    turned_head = directions.copy()
    turned_head[:, HEAD_BONES] = turn_directions(directions[:, HEAD_BONES], kept - angle)
    return turned_head


def between(values: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Values (T', C) at fractional numbers (T,) of them, by Catmull-Rom splines; the ends are held."""
    low = np.floor(at).astype(int)
    u = (at - low).astype(np.float32)[:, None]
    a, b, c, d = (values[np.clip(low + k, 0, len(values) - 1)] for k in (-1, 0, 1, 2))
    made: np.ndarray = b + 0.5 * u * (c - a + u * (2 * a - 5 * b + 4 * c - d + u * (3 * (b - c) + d - a)))
    return made
