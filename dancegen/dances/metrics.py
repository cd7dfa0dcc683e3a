"""How good a dance is, in numbers: pure numpy, no torch, fast enough to score takes while a person waits.

Every measure is defined in seconds and body heights, so that it means the same at any pose rate. Published numbers for
these names are not comparable: print the definition, the real dancers and the shuffled control beside each.

Glossary: T poses, V = 18 joints, B music beats, K kinematic beats, fps poses a second.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dancegen.body.joints import BEAT_JOINTS, BONES, L_ANKLE, R_ANKLE, mid_hip
from dancegen.body.sequence import blocks, by_blocks

SPEED_SMOOTHING = 0.08  # seconds, sigma of the Gaussian over the mean joint speed
BEAT_SIGMA = 0.1  # seconds, the tolerance of beat consistency
HIT_WINDOW = 0.1  # seconds, how far from a music beat a kinematic beat still counts as a hit
FROZEN_WINDOW = 1.0  # seconds over which a dancer counts as frozen
REAL_SPEED = 0.44  # body heights per second: mean speed of BEAT_JOINTS, real validation dancers
REAL_JITTER = 49.0  # body heights per second^3: mean third difference, real validation dancers
REAL_SKATE = 0.10  # body heights per second: ankle speed at the lowest 5 % of height, real validation dancers


def gaussian_smooth(values: np.ndarray, sigma: float) -> np.ndarray:
    """Smooth along the first axis with a Gaussian of `sigma` samples; the ends are held."""
    reach = max(1, int(np.ceil(4 * sigma)))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(sigma, 1e-6)) ** 2)
    kernel /= kernel.sum()
    flat = values.reshape(len(values), -1)  # (T, C)
    padded = np.concatenate([np.repeat(flat[:1], reach, 0), flat, np.repeat(flat[-1:], reach, 0)])  # (T + 2 reach, C)
    smooth = [np.convolve(padded[:, c], kernel, mode="valid") for c in range(flat.shape[1])]  # C x (T,)
    return np.stack(smooth, axis=1).reshape(values.shape)


def joint_speed(joints: np.ndarray, fps: float, which: Sequence[int] = BEAT_JOINTS) -> np.ndarray:
    """The mean speed of `which` joints, smoothed: (T, V, 3) body heights -> (T,) body heights per second."""
    if len(joints) < 3:
        return np.zeros(len(joints))
    speed = np.zeros(len(joints))
    for part in blocks(len(joints), joints):
        low, high = max(part.start - 2, 0), min(part.stop + 2, len(joints))
        velocity = np.gradient(joints[low:high, list(which)].astype(np.float64), 1 / fps, axis=0)  # (T, 8, 3)
        speed[part] = np.linalg.norm(velocity, axis=-1).mean(axis=1)[part.start - low :][: part.stop - part.start]
    return gaussian_smooth(speed, SPEED_SMOOTHING * fps)


def kinematic_beats(joints: np.ndarray, fps: float) -> np.ndarray:
    """The times in seconds (K,) of the local minima of the mean joint speed, placed between poses by a parabola."""
    speed = joint_speed(joints, fps)
    if len(speed) < 3:
        return np.zeros(0)
    left, here, right = speed[:-2], speed[1:-1], speed[2:]
    at = np.flatnonzero((left > here) & (here <= right))
    bend = left[at] - 2 * here[at] + right[at]
    offset = np.where(bend > 1e-12, 0.5 * (left[at] - right[at]) / np.maximum(bend, 1e-12), 0.0)
    return (at + 1 + np.clip(offset, -0.5, 0.5)) / fps


def nearest_distance(of: np.ndarray, to: np.ndarray) -> np.ndarray:
    """The distance in seconds from each time of `of` to the nearest of `to` (sorted); infinite where `to` is empty."""
    if not len(to):
        return np.full(len(of), np.inf)
    after = np.clip(np.searchsorted(to, of), 1, max(1, len(to) - 1))
    candidates = np.stack([to[np.minimum(after, len(to) - 1)], to[after - 1]])
    return np.abs(candidates - of).min(axis=0)


def beat_scores(joints: np.ndarray, fps: float, music_beats: np.ndarray) -> dict[str, float]:
    """How the dance meets the beat.

    Args:
        joints: (T, V, 3) canonical.
        fps: poses a second.
        music_beats: (B,) seconds, sorted; those outside the dance are ignored.

    Returns:
        `bc_music`: mean over music beats of exp(-d^2 / (2 * 0.1^2)), d = distance to the nearest kinematic beat (s);
        `bc_kinematic`: the same over kinematic beats; `hit_rate`: kinematic beats within 0.1 s of a music beat, in %;
        `coverage`: kinematic beats / music beats, in %. All 0 where there is no beat of either kind.
    """
    music = np.asarray(music_beats, np.float64)
    music = music[(music >= 0) & (music < len(joints) / fps)]
    moves = kinematic_beats(joints, fps)
    if not len(music) or not len(moves):
        return {"bc_music": 0.0, "bc_kinematic": 0.0, "hit_rate": 0.0, "coverage": 0.0}
    from_music, from_moves = nearest_distance(music, moves), nearest_distance(moves, music)
    return {
        "bc_music": float(np.exp(-(from_music**2) / (2 * BEAT_SIGMA**2)).mean()),
        "bc_kinematic": float(np.exp(-(from_moves**2) / (2 * BEAT_SIGMA**2)).mean()),
        "hit_rate": float(100 * (from_moves <= HIT_WINDOW).mean()),
        "coverage": float(100 * len(moves) / len(music)),
    }


def pose_features(joints: np.ndarray) -> np.ndarray:
    """What PFD compares: x and y of each joint relative to the mid-hip, (T, V, 3) -> (T, 2 V) body heights."""
    plane = joints[..., :2].astype(np.float64)
    return (plane - mid_hip(plane)[:, None]).reshape(len(joints), -1)  # (T, 2 V)


def velocity_features(joints: np.ndarray, fps: float) -> np.ndarray:
    """What VFD compares: the velocities of x and y, travel included, (T, V, 3) -> (T - 1, 2 V) heights per second."""
    return (np.diff(joints[..., :2].astype(np.float64), axis=0) * fps).reshape(len(joints) - 1, -1)


def frechet_distance(first: np.ndarray, second: np.ndarray) -> float:
    """The Frechet distance of two sets of features (N, C) and (M, C) taken as Gaussians."""
    a, b = np.cov(first, rowvar=False), np.cov(second, rowvar=False)
    return gaussian_distance(first.mean(0), a, second.mean(0), b)


def gaussian_distance(mean_a: np.ndarray, a: np.ndarray, mean_b: np.ndarray, b: np.ndarray) -> float:
    """The Frechet distance of two Gaussians of means (C,) and covariances (C, C)."""
    mean_gap = mean_a - mean_b
    values, vectors = np.linalg.eigh(a)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T  # sqrt(a), symmetric
    shared = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ b @ root), 0)).sum()  # trace of sqrt(a b)
    return float(mean_gap @ mean_gap + np.trace(a) + np.trace(b) - 2 * shared)


def pose_variance(joints: np.ndarray) -> float:
    """PVar: the variance over time of the pose features, summed over coordinates."""
    count = max(len(joints), 1)
    mean = sum(pose_features(joints[part]).sum(axis=0) for part in blocks(len(joints), joints)) / count
    squares = (np.square(pose_features(joints[part]) - mean).sum() for part in blocks(len(joints), joints))
    return float(sum(squares) / count)


def diversity(takes: Sequence[np.ndarray]) -> float:
    """The mean over pairs of takes of the mean joint distance at the same time, x and y relative to the mid-hip."""
    shapes = [pose_features(take).reshape(len(take), -1, 2) for take in takes]
    length = min(map(len, shapes), default=0)
    pairs = [(a, b) for i, a in enumerate(shapes) for b in shapes[i + 1 :]]
    if not pairs or not length:
        return 0.0
    return float(np.mean([np.linalg.norm(a[:length] - b[:length], axis=-1).mean() for a, b in pairs]))


def bone_drift(joints: np.ndarray) -> float:
    """The standard deviation over time of each limb's length, mean over limbs, in body heights (3D: ideally 0)."""
    parents, children = zip(*BONES, strict=True)
    ends = list(parents), list(children)
    sums, first = np.zeros((2, len(BONES))), np.zeros(len(BONES))
    for part in blocks(len(joints), joints):
        lengths = np.linalg.norm(joints[part][:, ends[1]] - joints[part][:, ends[0]], axis=-1).astype(np.float64)
        first = lengths[0] if part.start == 0 else first  # near the mean: squares of differences lose no digits
        sums += (lengths - first).sum(axis=0), ((lengths - first) ** 2).sum(axis=0)
    mean, squares = sums / max(len(joints), 1)
    return float(np.sqrt(np.maximum(squares - mean**2, 0)).mean())


def jitter(joints: np.ndarray, fps: float) -> float:
    """The mean length of the third difference of positions, body heights per second^3."""
    if len(joints) < 4:
        return 0.0
    total = 0.0
    for part in blocks(len(joints) - 3, joints):
        jerk = np.diff(joints[part.start : part.stop + 3].astype(np.float64), n=3, axis=0)  # (T, V, 3)
        total += float(np.linalg.norm(jerk, axis=-1).sum())
    return total / ((len(joints) - 3) * joints.shape[1]) * fps**3


def foot_skate(joints: np.ndarray, fps: float) -> float:
    """The mean speed in the picture plane of an ankle at its lowest 5 % of heights, body heights per second."""
    if len(joints) < 3:
        return 0.0
    speeds = []
    ankles = by_blocks(lambda part: part[:, (R_ANKLE, L_ANKLE), :2].astype(np.float64), joints)  # (T, 2, 2); y down
    for track in (ankles[:, 0], ankles[:, 1]):
        speed = np.linalg.norm(np.gradient(track, 1 / fps, axis=0), axis=-1)  # (T,)
        speeds.append(speed[track[:, 1] >= np.quantile(track[:, 1], 0.95)].mean())
    return float(np.mean(speeds))


def frozen_share(joints: np.ndarray, fps: float, real_speed: float = REAL_SPEED) -> float:
    """The share of seconds in % whose mean joint speed is under 5 % of the real dancers'."""
    window = max(1, round(FROZEN_WINDOW * fps))
    speed = joint_speed(joints, fps)
    if not len(speed):
        return 0.0
    parts = [speed[i : i + window].mean() for i in range(0, max(1, len(speed) - window + 1), window)]
    return float(100 * np.mean(np.asarray(parts) < 0.05 * real_speed))


def score(joints: np.ndarray, fps: float, music_beats: np.ndarray) -> dict[str, float]:
    """Everything that one dance and one beat grid tell: the beat scores, pvar, bone drift, jitter, skate, frozen.

    `jitter_ratio` and `skate_ratio` are relative to the real validation dancers (REAL_JITTER, REAL_SKATE).
    """
    return {
        **beat_scores(joints, fps, music_beats),
        "speed": float(joint_speed(joints, fps).mean()) if len(joints) else 0.0,
        "pvar": pose_variance(joints),
        "bone_drift": bone_drift(joints),
        "jitter_ratio": jitter(joints, fps) / REAL_JITTER,
        "skate_ratio": foot_skate(joints, fps) / REAL_SKATE,
        "frozen": frozen_share(joints, fps),
    }
