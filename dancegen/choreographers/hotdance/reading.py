"""From points in the dancer's square to limbs: directions of bones, and where the hips are.

Glossary: T frames, V = 18 joints, L = 17 bones, C = pose values (directions, root, rate).
"""

from __future__ import annotations

import numpy as np

from dancegen.body.joints import mid_hip
from dancegen.body.sequence import bone_directions, by_blocks
from dancegen.choreographers.hotdance.dancer import Dancer

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


def between(values: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Values (T', C) at fractional numbers (T,) of them, by Catmull-Rom splines; the ends are held."""
    low = np.floor(at).astype(int)
    u = (at - low).astype(np.float32)[:, None]
    a, b, c, d = (values[np.clip(low + k, 0, len(values) - 1)] for k in (-1, 0, 1, 2))
    made: np.ndarray = b + 0.5 * u * (c - a + u * (2 * a - 5 * b + 4 * c - d + u * (3 * (b - c) + d - a)))
    return made
