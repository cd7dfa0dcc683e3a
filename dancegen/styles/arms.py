"""Arms of one phrase on the body of another.

Glossary: G poses, C = POSE_VALUES, L = 17 bones.
"""

from __future__ import annotations

import numpy as np

from dancegen.body.joints import ARM_BONES, BONES
from dancegen.choreographers.finish.facing import turn_directions


def with_arms(body: np.ndarray, arms: np.ndarray) -> np.ndarray:
    """Pose values (G, C) of one phrase with the arms of another, turned as the body's shoulders are."""

    def facing(limbs: np.ndarray) -> np.ndarray:
        across = limbs[:, 0] - limbs[:, 1]
        return np.arctan2(across[:, 2], -across[:, 0])

    own, other = (values[:, :-3].reshape(len(values), len(BONES), 3) for values in (body, arms))
    mixed = own.copy()
    mixed[:, ARM_BONES] = turn_directions(other[:, ARM_BONES], facing(own) - facing(other))
    return np.concatenate([mixed.reshape(len(body), -1), body[:, -3:]], axis=1).astype(np.float32)
