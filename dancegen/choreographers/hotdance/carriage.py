"""How dancers of a style hold themselves and how largely they move: what is drawn is moved there.

What is drawn has the form of a dance, but on the average over many dances it stands and moves a little otherwise than
its teachers: limbs move less, some are held lower. For each style two maps set that right, one for the posture (what
is slower than SLOW) and one for the movement about it. They are learnt (`lab/train/hotdance/carriage.py`): those
that take the means and covariances of dances drawn to training songs nearest to those of training dancers.

Glossary: T poses, L = 17 bones, C = 3 L.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dancegen import scratch
from dancegen.body.sequence import blocks
from dancegen.choreographers.finish.facing import turn_directions, yaw
from dancegen.choreographers.finish.ground import clamp_rows, smooth_in_time

SLOW = 0.4  # seconds, deviation of the Gaussian below which a posture changes
TURNING = 0.6  # seconds, likewise of a turn, which is none of a dancer's carriage: `styles.motion.YAW_SMOOTHING`
SHORT = 1e-3


class Carriage(NamedTuple):
    """posture (C, C) and shift (C,), movement (C, C), and travel (), the share of the way aside that is kept."""

    posture: np.ndarray
    shift: np.ndarray
    movement: np.ndarray
    travel: float


def no_carriage(values: int) -> Carriage:
    """The one that changes nothing, of C values."""
    return Carriage(
        np.eye(values, dtype=np.float32), np.zeros(values, np.float32), np.eye(values, dtype=np.float32), 1.0
    )


def carry(directions: np.ndarray, root: np.ndarray, how: Carriage, fps: float) -> tuple[np.ndarray, np.ndarray]:
    """Directions (T, L, 3) and root (T, 2), x about the middle, as dancers would hold and move them: the same."""
    made = scratch.zeros(directions.shape)
    reach = int(np.ceil(3 * max(SLOW, TURNING) * fps))
    for part in blocks(len(directions), directions, made):
        near = clamp_rows(directions, part.start - reach, part.stop + reach)
        made[part] = _carry_part(near, how, fps)[reach:-reach]
    return made, root * np.array([how.travel, 1.0], np.float32)


def _carry_part(directions: np.ndarray, how: Carriage, fps: float) -> np.ndarray:
    turn = slow_yaw(directions, fps)
    slow, quick = split(turn_directions(directions, -turn), fps)
    moved = (slow @ how.posture + how.shift + quick @ how.movement).reshape(directions.shape)
    moved /= np.maximum(np.linalg.norm(moved, axis=-1, keepdims=True), SHORT)
    return turn_directions(moved, turn)


def slow_yaw(directions: np.ndarray, fps: float) -> np.ndarray:
    """The angle (T,) radians of directions (T, L, 3) from the camera, without what is quicker than a turn."""
    angle = yaw(directions)
    heading = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    cosine, sine = smooth_in_time(heading.astype(np.float32), TURNING * fps).T
    return np.arctan2(sine, cosine)


def split(directions: np.ndarray, fps: float) -> tuple[np.ndarray, np.ndarray]:
    """Directions (T, L, 3) as posture and movement about it, (T, C) each."""
    flat = directions.reshape(len(directions), -1).astype(np.float32)
    slow = smooth_in_time(flat, SLOW * fps)
    return slow, flat - slow
