"""Time warps that put a dancer's slow moments on beats: monotone and smooth.

`find_path` picks, by dynamic programming, the moments of a performance that shall fall on successive beats: it prefers
minima of the joint speed and steps near the beat (local stretch 0.7-1.4).

Glossary: T poses of the song's timeline, n poses of the performance, B beats, all at 30 poses a second.
"""

from __future__ import annotations

import numpy as np

from dancegen.dances.metrics import gaussian_smooth, joint_speed
from dancegen.styles.motion import FPS

STRETCH = (0.7, 1.4)  # performance seconds per song second, between beats


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
