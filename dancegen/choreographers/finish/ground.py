"""The last touch on a dance: its size, no trembling, no floating, no sliding. On directions and root: bones keep.

A network trained with L1 moves a little less than its teachers, legs and trunk most: `enlarge` gives it back.

Glossary: T poses, L = 17 bones, V = 18 joints; unit body heights, y down, the ground at y = 0.
"""

from __future__ import annotations

import numpy as np

from dancegen.body.blocks import blocks, by_blocks
from dancegen.body.canonical import ANKLE_HEIGHT, place_joints
from dancegen.body.joints import ARM_BONES, L_ANKLE, LEG_BONES, R_ANKLE, TRUNK_BONES, V
from dancegen.choreographers.finish.feet import hold_feet

ARMS, LEGS, TRUNK = 1.05, 1.08, 1.15  # gains, chosen so that the spread of poses nears that of real dancers
SMOOTHING = 0.032  # seconds, sigma of the Gaussian over the poses
HOVER = 0.02  # body heights: a lower ankle at most so high above where it stands is put down
STEP_HEIGHT = 0.015  # a foot so much higher than the other no longer carries
SLIDE = 0.3  # body heights per second: what moves faster is a step, not a slide
DRIFT_SECONDS = 2.0  # in which the place that standing feet have been given back is forgotten


def smooth_in_time(values: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian over the first axis, `sigma` in poses; the ends are held."""
    reach = int(np.ceil(3 * sigma))
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    weights = (weights / weights.sum()).astype(np.float32)
    total = np.zeros_like(values)
    for part in blocks(len(values)):
        near = _held(values, part.start - reach, part.stop + reach)
        for shift, weight in enumerate(weights):
            total[part] += weight * near[shift : shift + part.stop - part.start]
    return total


def _held(values: np.ndarray, first: int, last: int) -> np.ndarray:
    """Rows `first` to `last`; those before the beginning and after the end are the first and the last."""
    return values[np.clip(np.arange(first, last), 0, len(values) - 1)]


def settle(directions: np.ndarray, root: np.ndarray, fps: float) -> np.ndarray:
    """Smooth a dance, put its lower foot on the ground and keep standing feet where they stand.

    Args:
        directions: (T, L, 3).
        root: (T, 2), x and y of the mid-hip.
        fps: poses a second.

    Returns:
        joints (T, V, 3) float32.
    """
    if len(root) < 3:
        return place_joints(directions, root)
    joints = np.empty((len(root), V, 3), np.float32)
    reach = int(np.ceil(3 * SMOOTHING * fps))
    for part in blocks(len(root)):
        turned, place = (
            smooth_in_time(_held(values, part.start - reach, part.stop + reach), SMOOTHING * fps)[reach:-reach]
            for values in (directions, root)
        )
        joints[part] = place_joints(turned / np.maximum(np.linalg.norm(turned, axis=-1, keepdims=True), 1e-6), place)
    ankles = joints[:, [R_ANKLE, L_ANKLE]]  # (T, 2, 3)
    lower = np.logaddexp(*(ankles[..., 1].T / 0.008)) * 0.008  # (T,), a soft maximum: y points down
    gap = -ANKLE_HEIGHT - lower  # how far the lower ankle is above where it stands
    shift = np.where(gap > HOVER, np.maximum(2 * HOVER - gap, 0), gap)  # feet off the ground stay off
    joints[..., 1] += smooth_in_time(shift.astype(np.float32), 0.06 * fps)[:, None]
    joints[..., 0] += standing_shift(ankles, fps)[:, None]
    return hold_feet(joints, fps)


def standing_shift(ankles: np.ndarray, fps: float) -> np.ndarray:
    """The sideways shift (T,) of the body that takes the slide out of standing feet; ankles (T, 2, 3)."""
    speed = np.gradient(ankles[..., 0], 1 / fps, axis=0)  # (T, 2)
    height = ankles[..., 1].max(axis=1, keepdims=True) - ankles[..., 1]
    carries = np.exp(-height / STEP_HEIGHT - (speed / SLIDE) ** 2)  # (T, 2)
    slide = (carries * speed).sum(axis=1) / np.maximum(carries.sum(axis=1), 0.5)
    slide = smooth_in_time(slide[:, None].astype(np.float32), 0.05 * fps)[:, 0]
    keep, place, out = 1 - 1 / (DRIFT_SECONDS * fps), 0.0, np.zeros(len(slide), np.float32)
    for t, step in enumerate(slide):
        place = keep * place - step / fps
        out[t] = place
    return out


def enlarge(directions: np.ndarray, root: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Size a dance: directions (T, L, 3) unit vectors and root (T, 2) -> the same, float32.

    The ground is found again afterwards (`ground.settle`).
    """
    part = np.zeros(directions.shape[1], np.float32)
    for limbs, gain in ((ARM_BONES, ARMS), (LEG_BONES, LEGS), (TRUNK_BONES, TRUNK)):
        part[list(limbs)] = gain
    rest = directions.mean(axis=0)
    rest = rest / np.maximum(np.linalg.norm(rest, axis=-1, keepdims=True), 1e-6)

    def sized(some: np.ndarray) -> np.ndarray:
        larger = rest + part[:, None] * (some - rest)
        larger /= np.maximum(np.linalg.norm(larger, axis=-1, keepdims=True), 1e-6)
        return larger.astype(np.float32)

    return by_blocks(sized, directions), root.astype(np.float32)
