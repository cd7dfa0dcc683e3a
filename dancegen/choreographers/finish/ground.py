"""The last touch on a dance: no trembling, no floating, no sliding. On directions and root: bones keep.

Feet that stand are held where they stand: the leg above bends to where the foot should be.

Glossary: T poses, L = 17 bones, V = 18 joints; unit body heights, y down, the ground at y = 0.
"""

from __future__ import annotations

import numpy as np

from dancegen import scratch
from dancegen.body.joints import L_ANKLE, LEG_CHAINS, R_ANKLE, V
from dancegen.body.sequence import ANKLE_HEIGHT, blocks, by_blocks, place_joints

SMOOTHING, MOST_SMOOTHING = 0.032, 0.065  # seconds, sigma of the Gaussian over the poses of usual and of jerky dances
JERKY = 40.0  # body heights per second^3: what shakes more is smoothed more; feet that are held add a quarter
LOOKED_AT = 3000  # poses of its middle by which a dance is called jerky
HOVER = 0.02  # body heights: a lower ankle at most so high above where it stands is put down
STEP_HEIGHT = 0.015  # a foot so much higher than the other no longer carries
SLIDE = 0.15  # body heights per second: what moves faster is a step, not a slide
STRIDE = 1.0  # likewise in depth, where a foot that stands moves under hips that travel
LIFTED = 0.008  # body heights, STEP_HEIGHT there: a foot that is carried forward is lifted little
DRIFT_SECONDS = 2.0  # in which the place that standing feet have been given back is forgotten
TRAVEL_SECONDS = 5.0  # likewise of dancers who travel through the room
LOW = 0.02  # body heights above where it stands, at which a foot hardly stands any more
SLOW = 0.15  # body heights per second, likewise
STANDS = 0.35  # of 1: what stands more is held
LEAST_POSES = 3
REACH = 0.06  # body heights that a standing foot may be brought back; it still follows a dancer who slides further
EASE_SECONDS = 0.05  # in which a foot is taken and let go
LIFT = 0.004  # body heights that a foot which moves is above the ground at least
STRAIGHT = 0.9995  # of a leg's length, the most it stretches
FRONT = np.array([0.0, 0.0, -1.0])  # where a straight knee bends to


def smooth_in_time(values: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian over the first axis, `sigma` in poses; the ends are held."""
    reach = int(np.ceil(3 * sigma))
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    weights = (weights / weights.sum()).astype(np.float32)
    total = np.zeros_like(values)
    for part in blocks(len(values)):
        near = clamp_rows(values, part.start - reach, part.stop + reach)
        for shift, weight in enumerate(weights):
            total[part] += weight * near[shift : shift + part.stop - part.start]
    return total


def clamp_rows(values: np.ndarray, first: int, last: int) -> np.ndarray:
    """Rows `first` to `last`; those before the beginning and after the end are the first and the last."""
    return values[np.clip(np.arange(first, last), 0, len(values) - 1)]


def smoothing_for(directions: np.ndarray, root: np.ndarray, fps: float) -> float:
    """The sigma in seconds by which a dance, directions (T, L, 3) and root (T, 2), is to be smoothed."""
    first = max(0, len(root) - LOOKED_AT) // 2
    some = slice(first, first + LOOKED_AT)
    turned, place = (smooth_in_time(values[some], SMOOTHING * fps) for values in (directions, root))
    if len(place) < 4:
        return SMOOTHING
    joints = place_joints(turned / np.maximum(np.linalg.norm(turned, axis=-1, keepdims=True), 1e-6), place)
    jerk = float(np.linalg.norm(np.diff(joints, n=3, axis=0), axis=-1).mean()) * fps**3
    return float(np.clip(SMOOTHING * max(jerk / JERKY, 1) ** 1.2, SMOOTHING, MOST_SMOOTHING))


def settle(directions: np.ndarray, root: np.ndarray, fps: float, drift: float = DRIFT_SECONDS) -> np.ndarray:
    """Smooth a dance, put its lower foot on the ground and keep standing feet where they stand.

    Args:
        directions: (T, L, 3).
        root: (T, 2), x and y of the mid-hip.
        fps: poses a second.
        drift: seconds in which the dancer comes back to the middle.

    Returns:
        joints (T, V, 3) float32.
    """
    if len(root) < 3:
        return place_joints(directions, root)
    joints, sigma = scratch.zeros((len(root), V, 3)), smoothing_for(directions, root, fps) * fps
    reach = int(np.ceil(3 * sigma))
    for part in blocks(len(root), directions, joints):
        turned, place = (
            smooth_in_time(clamp_rows(values, part.start - reach, part.stop + reach), sigma)[reach:-reach]
            for values in (directions, root)
        )
        joints[part] = place_joints(turned / np.maximum(np.linalg.norm(turned, axis=-1, keepdims=True), 1e-6), place)
    ankles = ankles_of(joints)
    lower = np.logaddexp(*(ankles[..., 1].T / 0.008)) * 0.008  # (T,), a soft maximum: y points down
    gap = -ANKLE_HEIGHT - lower  # how far the lower ankle is above where it stands
    shift = np.where(gap > HOVER, np.maximum(2 * HOVER - gap, 0), gap)  # feet off the ground stay off
    up, aside = smooth_in_time(shift.astype(np.float32), 0.06 * fps), standing_shift(ankles, fps, drift)
    for part in blocks(len(joints), joints):
        joints[part, :, 1] += up[part, None]
        joints[part, :, 0] += aside[part, None]
    hold_feet(joints, fps)
    return joints


def ankles_of(joints: np.ndarray) -> np.ndarray:
    """The right and the left ankle of poses (T, V, 3): (T, 2, 3)."""
    return by_blocks(lambda part: part[:, [R_ANKLE, L_ANKLE]], joints)


def standing_shift(ankles: np.ndarray, fps: float, drift: float) -> np.ndarray:
    """The shift (T,) of the body in x that takes the slide out of standing feet, forgotten in `drift` seconds; ankles
    (T, 2, 3)."""
    speed = np.gradient(ankles[..., 0], 1 / fps, axis=0)  # (T, 2)
    height = ankles[..., 1].max(axis=1, keepdims=True) - ankles[..., 1]
    return forgotten(np.exp(-height / STEP_HEIGHT - (speed / SLIDE) ** 2), speed, fps, drift, 0.5)


def forgotten(carries: np.ndarray, speed: np.ndarray, fps: float, drift: float, least: float) -> np.ndarray:
    """The way (T,) against the speed (T, 2) of feet, by how much each carries (T, 2): `least` together to be heeded."""
    slide = (carries * speed).sum(axis=1) / np.maximum(carries.sum(axis=1), least)
    slide = smooth_in_time(slide[:, None].astype(np.float32), 0.05 * fps)[:, 0]
    keep, place, out = 1 - 1 / (drift * fps), 0.0, np.zeros(len(slide), np.float32)
    for t, step in enumerate(slide):
        place = keep * place - step / fps
        out[t] = place
    return out


def depth_of(joints: np.ndarray, fps: float, drift: float = TRAVEL_SECONDS) -> np.ndarray:
    """How far behind the middle of the floor a dancer comes to be, (T,), whose joints (T, V, 3) tell x and y alone:
    as the standing feet say: the lower one, which stays where it is in x."""
    if len(joints) < LEAST_POSES:
        return np.zeros(len(joints), np.float32)
    ankles = ankles_of(joints)
    speed = np.gradient(ankles, 1 / fps, axis=0)  # (T, 2, 3)
    height = ankles[..., 1].max(axis=1, keepdims=True) - ankles[..., 1]
    carries = np.exp(-height / LIFTED - (speed[..., 2] / STRIDE) ** 2 - (speed[..., 0] / SLIDE) ** 2)  # (T, 2)
    return forgotten(carries, speed[..., 2], fps, drift, 0.2)


def hold_feet(joints: np.ndarray, fps: float) -> None:
    """Standing feet of the dance (T, V, 3) are held in the picture plane, in place."""
    if len(joints) < LEAST_POSES:
        return
    for chain in LEG_CHAINS:
        ankle = by_blocks(lambda part, foot=chain[-1]: part[:, foot, :2].astype(np.float64), joints)  # (T, 2)
        shift = held_shift(ankle, fps)  # (T, 2)
        for part in blocks(len(joints), joints):
            hip, knee, ankle = joints[part, chain].astype(np.float64).swapaxes(0, 1)  # (T, 3) each
            wanted = ankle.copy()
            wanted[:, :2] += shift[part]
            held = np.abs(wanted[:, 1] + ANKLE_HEIGHT) < 0.001
            wanted[:, 1] = np.minimum(wanted[:, 1], np.where(held, -ANKLE_HEIGHT, -ANKLE_HEIGHT - LIFT))
            joints[part, chain[1:]] = np.stack(bend_leg(hip, knee, ankle, wanted), axis=1)  # (T, 2, 3)


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
    return shift * _ease(held, fps)[:, None]


def _carry_over(shift: np.ndarray, first: int, last: int, poses: int = 8) -> None:
    """A shift's ends go on where nothing else is held, for the time in which it is let go."""
    before, after = slice(max(0, first - poses), first), slice(last, last + poses)
    shift[before][(shift[before] == 0).all(axis=1)] = shift[first]
    shift[after][(shift[after] == 0).all(axis=1)] = shift[last - 1]


def _ease(held: np.ndarray, fps: float) -> np.ndarray:
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
