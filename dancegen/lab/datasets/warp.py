"""Time warps that put a dancer's slow moments on the beats of a song.

Two steps, both monotone and smooth. `find_path` picks, by dynamic programming, the moments of a performance that shall
fall on successive beats: it prefers minima of the joint speed and steps near the song's own beat (local stretch
0.7-1.4). `ease` then shifts time inside each beat so that the speed is least on the beat and greatest between beats.

Glossary: T poses of the song's timeline, n poses of the performance, B beats, all at 30 poses a second.
"""

from __future__ import annotations

import numpy as np

from dancegen.body.joints import BEAT_JOINTS
from dancegen.body.sequence import place_joints
from dancegen.dances.metrics import gaussian_smooth, joint_speed
from dancegen.lab.datasets.motion import FPS

STRETCH = (0.7, 1.4)  # performance seconds per song second, between beats
EASE_DEPTH = 0.62  # how much slower than the mean the body is on the beat, how much faster between
EASE_SHARE = 0.75  # 0 leaves the performance's own speed within the beat, 1 replaces it
EASE_LIMITS = (0.3, 2.6)  # local stretch that easing may add for some hundredths of a second


def slowness_cost(joints: np.ndarray) -> np.ndarray:
    """(n,) around 0: the speed relative to that of the second around it; negative at slow moments."""
    speed = joint_speed(joints, FPS)
    return speed / (gaussian_smooth(speed, 0.6 * FPS) + 0.05) - 1


def path_costs(cost: np.ndarray, beats: int, period: float) -> tuple[np.ndarray, np.ndarray]:
    """The cheapest way to dance `beats` beats from each pose on.

    Args:
        cost: (n,) of `slowness_cost`, or (beats + 1, n) where the beats differ in what they cost.
        beats: how many beats the phrase lasts.
        period: poses per beat of the song.

    Returns:
        total (n,) float, infinite where the performance ends too soon; steps (beats, n) int poses to the next beat.
    """
    low, high = max(1, int(np.ceil(period * STRETCH[0]))), max(2, int(period * STRETCH[1]))
    options = np.arange(low, high + 1)  # poses of the performance spent on one beat
    stretch_cost = 0.08 * (np.log(options / period) / 0.15) ** 2
    count = cost.shape[-1]
    costs = np.broadcast_to(cost.astype(np.float64), (beats + 1, count))
    total = costs[beats].copy()
    steps = np.zeros((beats, count), np.int64)
    for beat in range(beats - 1, -1, -1):
        ahead = np.full((len(options), count), np.inf)
        for row, option in enumerate(options):
            if option < count:
                ahead[row, : count - option] = total[option:] + stretch_cost[row]
        best = ahead.argmin(axis=0)
        steps[beat] = options[best]
        total = costs[beat] + ahead[best, np.arange(count)]
    return total, steps


def find_path(start: int, steps: np.ndarray) -> np.ndarray:
    """The poses (beats + 1,) that fall on successive beats, from `start`."""
    path = [start]
    for step in steps:
        path.append(path[-1] + int(step[path[-1]]))
    return np.asarray(path)


def smooth_map(at: np.ndarray, knots: np.ndarray, values: np.ndarray) -> np.ndarray:
    """A monotone cubic through (knots, values), continued at its end slopes, evaluated at `at`."""
    from scipy.interpolate import PchipInterpolator

    inside = PchipInterpolator(knots, values)(np.clip(at, knots[0], knots[-1]))
    before = np.minimum(at - knots[0], 0) * (values[1] - values[0]) / (knots[1] - knots[0])
    after = np.maximum(at - knots[-1], 0) * (values[-1] - values[-2]) / (knots[-1] - knots[-2])
    return inside + before + after


def sample_motion(directions: np.ndarray, root: np.ndarray, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The motion at fractional poses `at` (T,): directions (T, L, 3) renormalised, root (T, 2)."""
    from scipy.interpolate import CubicSpline

    at = np.clip(at, 0, len(root) - 1)
    first, last = max(0, int(at.min()) - 3), min(len(root), int(at.max()) + 5)
    flat = np.concatenate([directions[first:last].reshape(last - first, -1), root[first:last]], axis=1)
    moved = CubicSpline(np.arange(first, last), flat)(at)  # (T, 3 L + 2)
    turned = moved[:, :-2].reshape(len(at), -1, 3)
    turned = turned / np.maximum(np.linalg.norm(turned, axis=-1, keepdims=True), 1e-6)
    return turned.astype(np.float32), moved[:, -2:].astype(np.float32)


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
