"""Phrases of a performance: stretches cut where slow moments lie evenly, counted in beats.

A phrase lasts four units: eight beats of a dance in four, or four bars of three. It is stored at STEPS even steps of
way within each beat, so that it can be danced to any beats with accents of any depth.

Glossary: B beats of a phrase, T poses of a performance, G = (B + 2) STEPS + 1 stored poses, C pose values.
"""

from __future__ import annotations

import numpy as np

from dancegen.body.joints import BEAT_JOINTS
from dancegen.choreographers.stg_mamba.counting import BEATS_OF_UNIT, UNITS
from dancegen.dances.metrics import gaussian_smooth
from dancegen.styles.motion import FPS, Motion
from dancegen.styles.warp import find_path, path_costs, sample_motion, slowness_cost, smooth_map

STEPS = 16  # stored poses of a beat
EDGE = 1  # beats stored before and after a phrase, for its joins
PERIODS = (0.42, 0.5, 0.6, 0.72)  # seconds per beat; phrases are looked for at each
BEATS = {meter: unit * UNITS for meter, unit in BEATS_OF_UNIT.items()}  # beats of a phrase by those of a bar
START_EVERY = 2  # beats between the starts of phrases of one performance, in fours; a bar in threes
LOWERING = 1.0  # how much more a low hip on the first of three counts than a slow moment
OWN_PACE = 0.25  # share of the performance's own pace that is kept within a beat
PACE_LIMITS = (0.35, 2.8)  # of a beat's mean pace


def phrase_starts(motion: Motion, meter: int, period: float) -> list[np.ndarray]:
    """The moments, poses (B + 1,), of each phrase that a performance holds at about `period` seconds per beat."""
    beats, poses = BEATS[meter], period * FPS
    cost = np.tile(slowness_cost(motion.joints), (beats + 1, 1))
    if meter == 3:
        cost[::3] += LOWERING * _lowering(motion, poses)
    total, steps = path_costs(cost, beats, poses)
    hop = int(poses * (START_EVERY if meter == 4 else 3))
    paths = []
    for first in range(int(poses), len(total) - int(poses), hop):
        part = total[first : first + hop]
        if len(part) and np.isfinite(part).any():
            path = find_path(first + int(np.argmin(part)), steps)
            if path[-1] + poses < len(motion):
                paths.append(path)
    return paths


def _lowering(motion: Motion, poses: float) -> np.ndarray:
    """(T,) around 0, lower where the hips are lower than in the three beats around: a waltz lowers into its first."""
    height = -motion.root[:, 1].astype(np.float64)
    level = height - gaussian_smooth(height, 1.5 * poses)
    return level / max(float(level.std()), 1e-6)


def even_way(motion: Motion, path: np.ndarray, beats: int) -> np.ndarray:
    """The moments, fractional poses (G,), of even steps of way within each beat of a phrase and EDGE beats around."""
    fine = 8
    knots = np.arange(len(path))
    phase = np.linspace(-EDGE, beats + EDGE, (beats + 2 * EDGE) * STEPS * fine + 1)
    at = smooth_map(phase, knots.astype(float), path.astype(float))
    at = np.clip(at, 0, len(motion) - 1)
    joints = motion.joints[:, list(BEAT_JOINTS)].astype(np.float64)
    speed = np.linalg.norm(np.gradient(joints, axis=0), axis=-1).mean(axis=1)  # (T,)
    pace = np.interp(at, np.arange(len(speed)), gaussian_smooth(speed, 0.03 * FPS)) + 1e-4
    pace = pace[:-1].reshape(beats + 2 * EDGE, STEPS * fine)
    pace = np.clip(pace / pace.mean(axis=1, keepdims=True), *PACE_LIMITS) ** (1 - OWN_PACE)
    way = np.cumsum(pace, axis=1)
    way = np.concatenate([np.zeros((len(way), 1)), way], axis=1) / way[:, -1:]  # (B + 2, STEPS fine + 1)
    local = np.linspace(0, 1, STEPS + 1)[:-1]
    inner = np.linspace(0, 1, STEPS * fine + 1)
    moments = [beat - EDGE + np.interp(local, row, inner) for beat, row in enumerate(way)]
    wanted = np.append(np.concatenate(moments), beats + EDGE)  # (G,)
    return np.clip(smooth_map(wanted, knots.astype(float), path.astype(float)), 0, len(motion) - 1)


def phrase_turns(motion: Motion, at: np.ndarray) -> np.ndarray:
    """The slow turning (G,) at moments of a phrase, radians since its first beat."""
    turn = np.interp(at, np.arange(len(motion)), motion.turn)
    return turn - turn[EDGE * STEPS]


def phrase_poses(motion: Motion, at: np.ndarray) -> np.ndarray:
    """Pose values (G, C) at moments of a phrase: directions, mid-hip about its middle, turning in radians a beat."""
    directions, root = sample_motion(motion.directions, motion.root, at)
    rate = np.gradient(phrase_turns(motion, at)) * STEPS
    root = root - [root[:, 0].mean(), 0]
    return np.concatenate([directions.reshape(len(at), -1), root, rate[:, None]], axis=1).astype(np.float32)
