"""How a dance begins: in the pose of the dancer's picture, held for a beat, out of which it is drawn.

Glossary: T poses, V = 18 joints, L = 17 bones.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from dancegen.body.joints import L_ANKLE, R_ANKLE
from dancegen.body.sequence import ANKLE_HEIGHT
from dancegen.choreographers.finish.frame import Frame, mix_in, rise, stay_alive
from dancegen.choreographers.hotdance.dancer import HEAD, Dancer, place, standing

LONG_AGO = 64  # beats, whole rounds of all that a body does which stands
LEAVES = 1  # beats: who kneels in their picture does not jump up in half of one


def begin_pose(dancer: Dancer) -> np.ndarray:
    """The pose of the picture in space (L, 3): bones that are short there point to or from us as those of who stands
    do, as knees and hands to the front; the head looks at the camera."""
    usual = standing()
    deep = np.sqrt(np.maximum(1 - np.square(dancer.pose).sum(axis=1), 0)) * np.sign(usual[:, 2])
    pose = np.concatenate([dancer.pose, deep[:, None]], axis=1)
    pose[HEAD:] = usual[HEAD:]
    made: np.ndarray = pose / np.maximum(np.linalg.norm(pose, axis=1, keepdims=True), 1e-6)
    return made


def begin_points(dancer: Dancer, pose: np.ndarray) -> np.ndarray:
    """The joints (V, 3) of the dancer in a pose (L, 3) on the ground, in the square."""
    joints = place(pose[None], np.zeros((1, 2)), dancer.bones)[0]
    joints[:, 1] -= joints[[R_ANKLE, L_ANKLE], 1].max() + ANKLE_HEIGHT
    points: np.ndarray = joints * dancer.scale + np.array([dancer.middle, dancer.floor, 0.0])
    return points.astype(np.float32)


def begin_in(
    pose: np.ndarray, directions: np.ndarray, root: np.ndarray, fps: float, frame: Frame
) -> tuple[np.ndarray, np.ndarray, Frame]:
    """Directions (T, L, 3) and root (T, 2) of a dance that stands in a pose (L, 3) until its first beat, and its frame
    as one that began long ago. A song that begins on its beat is given LEAVES beats to leave the pose."""
    at = np.arange(len(root)) / fps
    waits_until = max(frame.begin - frame.beat / 2, 0.0)
    waits = 1 - rise(at, waits_until, max(frame.begin + frame.beat / 2, LEAVES * frame.beat))
    life = stay_alive(at, frame) * rise(at, 0.0, frame.beat)[:, None]
    directions, root = mix_in(directions, root, pose, waits, life)
    later = frame.silences[frame.silences[:, 0] >= frame.begin]
    return directions, root, replace(frame, begin=frame.begin - LONG_AGO * frame.beat, silences=later)
