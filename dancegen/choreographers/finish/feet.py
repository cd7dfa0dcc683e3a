"""Feet that stand are held where they stand: the leg above bends to where the foot should be, bones keep their lengths.

Glossary: T poses, V = 18 joints; unit body heights, y down, the ground at y = 0.
"""

from __future__ import annotations

import numpy as np

from dancegen.body.blocks import by_blocks
from dancegen.body.canonical import ANKLE_HEIGHT
from dancegen.body.joints import LEG_CHAINS

LOW = 0.02  # body heights above where it stands, at which a foot hardly stands any more
SLOW = 0.45  # body heights per second, likewise
STANDS = 0.35  # of 1: what stands more is held
LEAST_POSES = 3
REACH = 0.06  # body heights that a standing foot may be brought back; it still follows a dancer who slides further
EASE_SECONDS = 0.05  # in which a foot is taken and let go
LIFT = 0.004  # body heights that a foot which moves is above the ground at least
STRAIGHT = 0.9995  # of a leg's length, the most it stretches
FRONT = np.array([0.0, 0.0, -1.0])  # where a straight knee bends to


def hold_feet(joints: np.ndarray, fps: float) -> np.ndarray:
    """The dance (T, V, 3) with standing feet held in the picture plane: float32, the same shape."""
    if len(joints) < LEAST_POSES:
        return joints
    out = joints.astype(np.float32)
    for chain in LEG_CHAINS:
        hip, knee, ankle = joints[:, chain].astype(np.float64).swapaxes(0, 1)  # (T, 3) each
        wanted = ankle.copy()
        wanted[:, :2] += held_shift(ankle[:, :2], fps)
        held = np.abs(wanted[:, 1] + ANKLE_HEIGHT) < 0.001
        wanted[:, 1] = np.minimum(wanted[:, 1], np.where(held, -ANKLE_HEIGHT, -ANKLE_HEIGHT - LIFT))
        bent = by_blocks(lambda *leg: np.stack(bend_leg(*leg), axis=1), hip, knee, ankle, wanted)  # (T, 2, 3)
        out[:, chain[1:]] = bent
    return out


def held_shift(ankle: np.ndarray, fps: float) -> np.ndarray:
    """What brings an ankle (T, 2) back to where it stands, (T, 2), zero while it steps."""
    speed = np.linalg.norm(np.gradient(ankle, 1 / fps, axis=0), axis=-1)
    height = np.maximum(-ANKLE_HEIGHT - ankle[:, 1], 0)
    stands = np.exp(-((height / LOW) ** 2) - (speed / SLOW) ** 2) > STANDS
    shift, held = np.zeros_like(ankle), np.zeros(len(ankle))
    edges = np.flatnonzero(np.diff(np.concatenate([[False], stands, [False]]).astype(int)))
    for first, last in zip(edges[::2], edges[1::2], strict=True):
        if last - first < LEAST_POSES:
            continue
        off = ankle[first:last, 0] - np.median(ankle[first:last, 0])
        shift[first:last, 0] = -REACH * np.tanh(off / REACH)
        shift[first:last, 1] = np.clip(-ANKLE_HEIGHT - ankle[first:last, 1], -REACH, REACH)
        held[first:last] = 1
        _carry_over(shift, first, last)
    return shift * _eased(held, fps)[:, None]


def _carry_over(shift: np.ndarray, first: int, last: int, poses: int = 8) -> None:
    """A shift's ends go on where nothing else is held, for the time in which it is let go."""
    before, after = slice(max(0, first - poses), first), slice(last, last + poses)
    shift[before][(shift[before] == 0).all(axis=1)] = shift[first]
    shift[after][(shift[after] == 0).all(axis=1)] = shift[last - 1]


def _eased(held: np.ndarray, fps: float) -> np.ndarray:
    """0 and 1 (T,) with smooth passages around what is held."""
    reach = max(1, round(2 * EASE_SECONDS * fps))
    wide = np.array([held[max(0, t - reach // 2) : t + reach // 2 + 1].max() for t in range(len(held))])
    kernel = np.hanning(2 * reach + 3)[1:-1]
    padded = np.pad(wide, reach, mode="edge")
    return np.convolve(padded, kernel / kernel.sum(), mode="valid")[: len(held)]


def bend_leg(hip: np.ndarray, knee: np.ndarray, ankle: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Knee and ankle (T, 3) of a leg whose ankle comes as near to `wanted` (T, 3) as its bones reach."""
    thigh = np.linalg.norm(knee - hip, axis=-1, keepdims=True)
    shin = np.linalg.norm(ankle - knee, axis=-1, keepdims=True)
    way = wanted - hip
    length = np.linalg.norm(way, axis=-1, keepdims=True)
    way = way / np.maximum(length, 1e-6)
    length = np.clip(length, np.abs(thigh - shin) + 1e-3, (thigh + shin) * STRAIGHT)
    aside = knee - hip
    aside = (
        aside - (aside * way).sum(-1, keepdims=True) * way + 0.01 * (FRONT - (FRONT * way).sum(-1, keepdims=True) * way)
    )
    aside = aside / np.maximum(np.linalg.norm(aside, axis=-1, keepdims=True), 1e-6)
    along = (thigh**2 - shin**2 + length**2) / (2 * length)
    bent = hip + along * way + np.sqrt(np.maximum(thigh**2 - along**2, 0)) * aside
    return bent, hip + length * way
