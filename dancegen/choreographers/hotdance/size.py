"""The size of a dance: what is drawn moves less than its teachers about its mean pose, and travels more than they do.

Glossary: T poses, L = 17 bones.
"""

from __future__ import annotations

import numpy as np

from dancegen.body.joints import ARM_BONES, LEG_BONES, TRUNK_BONES
from dancegen.body.sequence import blocks, over_blocks

ARMS, LEGS, TRUNK = 1.25, 1.15, 1.2  # gains, chosen on validation songs: takes differ more, beats stay
TRAVEL = 0.7  # of the way aside: its speed spreads by 0.216 heights a second as drawn, by 0.151 in real dancers


def enlarge(directions: np.ndarray, root: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Size a dance: directions (T, L, 3) unit vectors, in place, and root (T, 2), x about the middle -> the same.

    The ground is found again afterwards (`ground.settle`).
    """
    part = np.zeros(directions.shape[1], np.float32)
    for limbs, gain in ((ARM_BONES, ARMS), (LEG_BONES, LEGS), (TRUNK_BONES, TRUNK)):
        part[list(limbs)] = gain
    rest = mean_of(directions)
    rest = rest / np.maximum(np.linalg.norm(rest, axis=-1, keepdims=True), 1e-6)

    def sized(some: np.ndarray) -> np.ndarray:
        larger = rest + part[:, None] * (some - rest)
        larger /= np.maximum(np.linalg.norm(larger, axis=-1, keepdims=True), 1e-6)
        return larger.astype(np.float32)

    return over_blocks(sized, directions), (root * [TRAVEL, 1.0]).astype(np.float32)


def mean_of(rows: np.ndarray) -> np.ndarray:
    """`rows.mean(axis=0)` of (T, ...) float32, to the last bit: numpy adds row after row."""
    total = np.zeros((1, *rows.shape[1:]), rows.dtype)
    for part in blocks(len(rows), rows):
        total[0] = np.concatenate([total, rows[part]]).sum(axis=0)
    return total[0] / np.asarray(len(rows), rows.dtype)
