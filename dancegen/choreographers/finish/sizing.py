"""How big the dance is: about as big as real dancers' movement.

A network trained with L1 moves a little less than its teachers, legs and trunk most. So each limb's departure from the
dance's slow posture is multiplied by a gain of its part of the body. (How the size follows the loudness is learned.)

Glossary: T poses, L = 17 bones.
"""

from __future__ import annotations

import numpy as np

from dancegen.body.joints import ARM_BONES, LEG_BONES, TRUNK_BONES

ARMS, LEGS, TRUNK = 1.05, 1.08, 1.15  # gains, chosen so that the spread of poses nears that of real dancers


def enlarge(directions: np.ndarray, root: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Size a dance: directions (T, L, 3) unit vectors and root (T, 2) -> the same, float32.

    The ground is found again afterwards (`ground.settle`).
    """
    part = np.zeros(directions.shape[1], np.float32)
    for limbs, gain in ((ARM_BONES, ARMS), (LEG_BONES, LEGS), (TRUNK_BONES, TRUNK)):
        part[list(limbs)] = gain
    rest = directions.mean(axis=0)
    rest = rest / np.maximum(np.linalg.norm(rest, axis=-1, keepdims=True), 1e-6)
    sized = rest + part[:, None] * (directions - rest)
    sized /= np.maximum(np.linalg.norm(sized, axis=-1, keepdims=True), 1e-6)
    return sized.astype(np.float32), root.astype(np.float32)
