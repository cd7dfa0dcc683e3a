"""How big the dance is: bigger where the music is loud, and about as big as real dancers' movement.

A network trained with L1 moves a little less than its teachers, legs and trunk most. So each limb's departure from the
dance's mean pose is multiplied: by a gain of its part of the body, and by one that follows the loudness.

Glossary: F pieces, T poses, L = 17 bones, K beat inputs.
"""

from __future__ import annotations

import numpy as np

from dancegen.audio.beats import BEAT_FEATURES
from dancegen.audio.song import PIECE_SECONDS
from dancegen.body.joints import ARM_BONES, LEG_BONES, TRUNK_BONES
from dancegen.choreographers.finish.ground import smooth_in_time

LOUDNESS_SECONDS = 1.5  # sigma: the size follows verse and chorus, not the single beat
USUAL_LOUDNESS = 0.6  # at which the loudness changes nothing
LOUDNESS_SPAN = 0.4  # how much bigger the loudest stretch is than the quietest
ARMS, LEGS, TRUNK = 1.0, 1.05, 1.15  # gains, chosen so that the spread of poses nears that of real dancers


def slow_loudness(inputs: np.ndarray, poses: int) -> np.ndarray:
    """The loudness of a song's stretches in 0..1 against its own range.

    Args:
        inputs: (F, K), BEAT_FEATURES first.
        poses: R, poses per piece.

    Returns:
        (F R,) float.
    """
    loudness = inputs[:, BEAT_FEATURES.index("loudness")].astype(float)
    curve = smooth_in_time(loudness, LOUDNESS_SECONDS / PIECE_SECONDS)
    low, high = np.quantile(curve, [0.05, 0.95])
    curve = np.clip((curve - low) / max(high - low, 0.1), 0, 1) * np.clip(curve * 2, 0, 1)
    return np.interp(np.arange(len(inputs) * poses) / poses, np.arange(len(inputs)), curve)


def enlarge(directions: np.ndarray, root: np.ndarray, loudness: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Size a dance.

    Args:
        directions: (T, L, 3) unit vectors.
        root: (T, 2), x and y of the mid-hip; the ground is found again afterwards (`ground.settle`).
        loudness: (T,) of `slow_loudness`.

    Returns:
        directions (T, L, 3) and root (T, 2), float32.
    """
    swell = (1 + LOUDNESS_SPAN * (loudness - USUAL_LOUDNESS)).astype(np.float32)  # (T,)
    part = np.zeros(directions.shape[1], np.float32)
    for bones, gain in ((ARM_BONES, ARMS), (LEG_BONES, LEGS), (TRUNK_BONES, TRUNK)):
        part[list(bones)] = gain
    rest = directions.mean(axis=0)
    rest = rest / np.maximum(np.linalg.norm(rest, axis=-1, keepdims=True), 1e-6)
    sized = rest + (swell[:, None] * part)[..., None] * (directions - rest)
    sized /= np.maximum(np.linalg.norm(sized, axis=-1, keepdims=True), 1e-6)
    travelled = np.stack([root[:, 0] * swell, root[:, 1]], axis=1)
    return sized.astype(np.float32), travelled.astype(np.float32)
