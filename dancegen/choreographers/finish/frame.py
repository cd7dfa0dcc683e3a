"""Where a dance begins, rests and ends: standing before the first beat and in silence, a finished pose at the end.

All on limb directions, so that bones keep their lengths. Standing bodies breathe.

Glossary: T poses, L = 17 bones (the order of `joints.BONES`), E silent stretches.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dancegen.body.joints import BONE_MIRROR, L_ANKLE, R_ANKLE
from dancegen.body.sequence import ANKLE_HEIGHT, over_blocks, place_joints

BEGIN_BEATS = 4.0  # in which a dance grows out of standing
BEGIN_BEATS_SHORT = 1.0  # likewise where there is no time to lose
REST_SECONDS = 1.0  # in which a dancer comes to rest when the music stops
WAKE_SECONDS = 0.8  # in which it goes on
FINISH_BEATS = 2.0  # in which the last pose is reached
LEAST_HOLD = 0.7  # seconds a last pose is held
SHORT = 8.0  # seconds; a shorter dance has no time for a last pose
BREATH_SECONDS, BREATH = 4.0, 0.02  # a breath, and how far it moves the arms (radians, about)

# One direction a limb, x to the viewer's right, y down, z away: right shoulder, left shoulder, right upper arm and
# forearm, left ones, right hip, thigh, shin, left ones, neck to nose, right eye, ear, left eye, ear.
_HEAD = ((0, -0.9, -0.43), (-0.55, -0.75, 0.36), (-0.6, 0.2, 0.77), (0.55, -0.75, 0.36), (0.6, 0.2, 0.77))
_SHOULDERS = ((-1, 0.06, 0), (1, 0.06, 0))
_LEGS = ((-0.19, 0.98, 0), (-0.07, 1, -0.05), (-0.03, 1, 0.1), (0.19, 0.98, 0), (0.07, 1, -0.05), (0.03, 1, 0.1))
_LUNGE = (
    (-0.19, 0.98, 0),
    (-0.42, 0.9, -0.1),
    (-0.3, 0.95, 0.05),
    (0.19, 0.98, 0),
    (0.3, 0.85, -0.42),
    (0.02, 0.96, 0.28),
)
_CROSSED = ((-0.19, 0.98, 0), (0.06, 1, -0.12), (0.1, 0.99, 0.1), (0.19, 0.98, 0), (0.12, 0.98, 0.1), (0.03, 1, 0.08))
STANDING = (*_SHOULDERS, (-0.22, 0.97, 0.03), (-0.1, 0.97, -0.2), (0.22, 0.97, 0.03), (0.1, 0.97, -0.2), *_LEGS, *_HEAD)
FINISHES = (
    (*_SHOULDERS, (-0.6, -0.78, -0.1), (-0.32, -0.94, -0.1), (0.72, 0.66, 0.15), (-0.82, 0.42, -0.38), *_LUNGE, *_HEAD),
    (*_SHOULDERS, (-0.9, -0.42, -0.05), (-0.83, -0.55, -0.1), (0.9, 0.42, 0.0), (0.88, 0.45, -0.12), *_LUNGE, *_HEAD),
    (*_SHOULDERS, (-0.62, -0.78, 0.0), (-0.5, -0.86, -0.1), (0.62, -0.78, 0.0), (0.5, -0.86, -0.1), *_LEGS, *_HEAD),
    (*_SHOULDERS, (-0.97, 0.12, -0.2), (-0.9, -0.25, -0.35), (0.5, 0.86, 0.1), (-0.3, 0.6, -0.74), *_CROSSED, *_HEAD),
)


@dataclass(frozen=True)
class Frame:
    """When a dance does not dance.

    Attributes:
        begin: seconds of the first beat.
        beat: seconds per beat there.
        silences: (E, 2) seconds, begin and end of each silent stretch.
        finish: seconds of the beat on which the last pose is reached; infinite for none.
        last_beat: seconds per beat there.
    """

    begin: float
    beat: float
    silences: np.ndarray
    finish: float
    last_beat: float


def rise(at: np.ndarray, begin: float, end: float) -> np.ndarray:
    """0 before `begin`, 1 after `end`, smooth between."""
    share: np.ndarray = np.clip((at - begin) / max(end - begin, 1e-3), 0, 1)
    return share * share * (3 - 2 * share)


def frame_dance(
    directions: np.ndarray, root: np.ndarray, fps: float, frame: Frame, finish: int
) -> tuple[np.ndarray, np.ndarray]:
    """Let a dance begin, rest and end.

    Args:
        directions: (T, L, 3), changed in place.
        root: (T, 2).
        fps: poses a second.
        frame: when.
        finish: which last pose: FINISHES, each also mirrored.

    Returns:
        Directions and root, same shapes.
    """
    at = np.arange(len(root)) / fps
    breath = np.sin(2 * np.pi * at / BREATH_SECONDS)
    still: np.ndarray = np.zeros(len(at))  # how much it stands
    if frame.begin > 0.1 or len(at) > SHORT * fps:
        beats = BEGIN_BEATS if len(at) > SHORT * fps else BEGIN_BEATS_SHORT
        still = 1 - rise(at, frame.begin - frame.beat / 2, frame.begin + (beats - 0.5) * frame.beat)
    for begin, end in frame.silences:
        asleep = rise(at, begin, begin + REST_SECONDS) * (1 - rise(at, end - 0.1, end - 0.1 + WAKE_SECONDS))
        still = np.maximum(still, asleep)
    directions, root = _toward(directions, root, STANDING, still, breath)
    if np.isfinite(frame.finish):
        done = rise(at, frame.finish - FINISH_BEATS * frame.last_beat, frame.finish)
        directions, root = _toward(directions, root, last_pose(finish), done, breath)
    return directions, root


def last_pose(number: int) -> tuple[tuple[float, float, float], ...]:
    """One of FINISHES or its mirror image."""
    pose = FINISHES[number // 2 % len(FINISHES)]
    if number % 2 == 0:
        return pose
    return tuple((-x, y, z) for x, y, z in (pose[limb] for limb in BONE_MIRROR))


def _toward(
    directions: np.ndarray,
    root: np.ndarray,
    pose: tuple[tuple[float, float, float], ...],
    share: np.ndarray,
    breath: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """A pose mixed in by `share` (T,), breathing; the place on the floor is that of the moment when it is reached."""
    target = np.asarray(pose, np.float32)
    target = target / np.linalg.norm(target, axis=-1, keepdims=True)

    def mix(directions: np.ndarray, share: np.ndarray, breath: np.ndarray) -> np.ndarray:
        living = np.repeat(target[None], len(share), 0)
        living[:, (2, 3), 0] -= BREATH * breath[:, None]
        living[:, (4, 5), 0] += BREATH * breath[:, None]
        living[:, 12:, 1] += 0.5 * BREATH * breath[:, None]
        weight = share.astype(np.float32)[:, None, None]
        # the mean of two directions that point apart has no length: a bent way round, over the front, has
        mixed = (1 - weight) * directions + weight * living
        mixed[..., 2] -= 0.5 * (weight * (1 - weight) * (1 - (directions * living).sum(-1, keepdims=True)))[..., 0]
        mixed /= np.maximum(np.linalg.norm(mixed, axis=-1, keepdims=True), 1e-6)
        return mixed.astype(np.float32)

    mixed = over_blocks(mix, directions, share, breath)
    speed = np.diff(root[:, 0], prepend=root[:1, 0]) * (1 - share)  # where it rests it stays
    standing = -place_joints(target[None], np.zeros((1, 2), np.float32))[0, [R_ANKLE, L_ANKLE], 1].max() - ANKLE_HEIGHT
    height = (1 - share) * root[:, 1] + share * standing
    return mixed, np.stack([root[0, 0] + np.cumsum(speed), height], axis=1).astype(np.float32)
