"""How well phrases move in bars of three: what is asked only where a dance is in three.

Glossary: N phrases, G poses by the beat, L = 17 bones.
"""

from __future__ import annotations

import numpy as np

from dancegen.body.joints import L_ANKLE, R_ANKLE
from dancegen.body.sequence import place_joints
from dancegen.choreographers.stg_mamba.sketch import EDGE
from dancegen.choreographers.stg_mamba.sketch import STEPS as POSES


def bar_shares(bones: np.ndarray) -> np.ndarray:
    """The share (N,) of the variance of the hips' height over the feet that the place in a bar of three explains.

    Args:
        bones: (N, G, L, 3) directions by the beat.
    """
    joints = place_joints(bones, np.zeros((*bones.shape[:2], 2)))
    height = joints[:, EDGE * POSES : -EDGE * POSES - 1][..., [R_ANKLE, L_ANKLE], 1].max(axis=-1)  # (N, bars 24)
    height = height.reshape(len(bones), -1, 3 * POSES)  # (N, bars, poses of a bar)
    height -= height.mean(axis=2, keepdims=True)  # slow posture belongs to no bar
    return np.square(height.mean(axis=1)).mean(axis=1) / np.maximum(np.square(height).mean(axis=(1, 2)), 1e-9)
