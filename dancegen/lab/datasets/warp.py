"""Time shifted inside each beat so that the speed is least on the beat and greatest between beats.

Glossary: T poses of the song's timeline, n poses of the performance, B beats, all at 30 poses a second.
"""

from __future__ import annotations

import numpy as np

from dancegen.body.joints import BEAT_JOINTS
from dancegen.body.sequence import place_joints
from dancegen.dances.metrics import gaussian_smooth
from dancegen.styles.motion import FPS
from dancegen.styles.warp import sample_motion

EASE_DEPTH = 0.62  # how much slower than the mean the body is on the beat, how much faster between
EASE_SHARE = 0.75  # 0 leaves the performance's own speed within the beat, 1 replaces it
EASE_LIMITS = (0.3, 2.6)  # local stretch that easing may add for some hundredths of a second


def ease(directions: np.ndarray, root: np.ndarray, beats: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shift time inside each beat so that the dance is slow on the beats and quick between them.

    Within each beat the path through space stays; only the pace along it changes. The pace aimed at is a blend of the
    dancer's own and 1 - EASE_DEPTH * cos(2 pi phase).

    Args:
        directions: (T, L, 3).
        root: (T, 2).
        beats: (B,) fractional poses of the beats, rising, the first <= 0 and the last >= T - 1.

    Returns:
        The eased directions and root, same shapes.
    """
    count, fine = len(root), 4
    grid = np.arange((count - 1) * fine + 1) / fine  # quarter poses
    joints = place_joints(*sample_motion(directions, root, grid))
    velocity = np.gradient(joints[:, list(BEAT_JOINTS)], axis=0)
    speed = gaussian_smooth(np.linalg.norm(velocity, axis=-1).mean(axis=1), 0.03 * FPS * fine) + 1e-4
    phase = np.interp(grid, beats, np.arange(len(beats)))
    number = np.floor(phase).astype(int)
    wave = 1 - EASE_DEPTH * np.cos(2 * np.pi * phase)
    pace = wave**EASE_SHARE * _per_beat(speed, number, speed) ** (1 - EASE_SHARE)  # wanted speed, shape only
    pace *= _beat_mean(speed, number) / _beat_mean(pace, number)  # the way of each beat is kept
    pace = gaussian_smooth(pace, 0.02 * FPS * fine)
    source = _follow(grid, speed, pace, beats)
    return sample_motion(directions, root, source[::fine])


def _beat_mean(values: np.ndarray, number: np.ndarray) -> np.ndarray:
    """Each value's mean over its beat, (N,)."""
    index = number - number.min()
    return (np.bincount(index, values) / np.maximum(np.bincount(index), 1))[index]


def _per_beat(values: np.ndarray, number: np.ndarray, reference: np.ndarray) -> np.ndarray:
    return values / np.maximum(_beat_mean(reference, number), 1e-6)


def _follow(grid: np.ndarray, speed: np.ndarray, pace: np.ndarray, beats: np.ndarray) -> np.ndarray:
    """Where on its own timeline the dance is at each time of `grid`, so that it moves at `pace`; beats stay put."""
    way = np.concatenate([[0], np.cumsum((speed[1:] + speed[:-1]) / 2)])
    wanted = np.concatenate([[0], np.cumsum((pace[1:] + pace[:-1]) / 2)])
    inside = beats[(beats > grid[0]) & (beats < grid[-1])]
    anchors = np.concatenate([[grid[0]], inside, [grid[-1]]])
    target = np.interp(wanted, np.interp(anchors, grid, wanted), np.interp(anchors, grid, way))
    source = np.interp(target, way, grid)
    step = np.clip(np.diff(source) / np.diff(grid), *EASE_LIMITS)
    free = grid[0] + np.concatenate([[0], np.cumsum(step * np.diff(grid))])
    at = np.interp(anchors, grid, free)  # clipping shifted the beats: put them back, beat by beat
    return np.interp(free, at, anchors)
