"""What a clip does not show of a person, made up: gaps in time, joints that are never seen, legs on the ground.

Glossary: T frames, V = 18 joints; pixels, y down.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from scipy.ndimage import gaussian_filter1d

from dancegen.body.joints import BONES, JOINT_NAMES, LEG_CHAINS, V, body_height
from dancegen.body.sequence import BONE_LENGTHS
from dancegen.progress import count_of

LONG_GAP = 0.5  # seconds; over longer ones, and at the ends, a joint keeps its place beside the joint before it
TRAVEL_SECONDS = 0.8  # movement of the hips slower than this takes the feet along
LIFT = 0.1  # body heights the body may rise above its usual height before feet that were made up leave the ground
LEAST_LEG = 0.5  # share of their length that legs keep, however low the hips are
LEGS = tuple(joint for chain in LEG_CHAINS for joint in chain[1:])
# Where a joint that no frame shows is put, seen from its parent: bone by bone of BONES, (x, y), arms and legs hanging.
_REST = (
    *((-1, 0), (1, 0), (-0.2, 1), (0, 1), (0.2, 1), (0, 1)),
    *((-0.3, 1), (0, 1), (0, 1), (0.3, 1), (0, 1), (0, 1)),
    *((0, -1), (-0.6, -0.8), (-1, 0.1), (0.6, -0.8), (1, 0.1)),
)


def gap_notes(confidence: np.ndarray, told: int = 0) -> list[str]:
    """What `fill_gaps` makes up, in words; confidence (T, V); `told` empty frames are said already."""
    seen = confidence > 0
    empty = int((~seen.any(axis=1)).sum()) - told
    notes = [f"nobody in {empty} of {count_of(len(seen), 'frames')}: interpolated"] if empty > 0 else []
    gaps = {joint: int((~seen[seen.any(axis=1), joint]).sum()) for joint in range(V) if seen[:, joint].any()}
    gaps = {joint: count for joint, count in gaps.items() if count}
    if gaps:
        listed = ", ".join(f"{JOINT_NAMES[joint]} in {count}" for joint, count in gaps.items())
        notes.append(f"joints missing in some frames, interpolated: {listed}")
    never = [joint for joint in range(V) if not seen[:, joint].any()]
    if never:
        legs = [JOINT_NAMES[joint] for joint in never if joint in LEGS]
        others = [JOINT_NAMES[joint] for joint in never if joint not in LEGS]
        made_up = [f"{', '.join(others)} (hanging)"] if others else []
        made_up += [f"{', '.join(legs)} (legs that stand on the ground)"] if legs else []
        notes.append(f"never shown, made up: {', '.join(made_up)}")
    return notes


def fill_gaps(points: np.ndarray, confidence: np.ndarray, fps: float) -> tuple[np.ndarray, np.ndarray]:
    """The whole body in every frame.

    Gaps are filled linearly in time; joints that are never seen hang from their parents, feet stand on the ground, and
    both keep confidence 0.

    Args:
        points: (T, V, 2) pixels.
        confidence: (T, V), 0 = not seen; the neck is seen in some frame.
        fps: frames a second.

    Returns:
        points and confidence, same shapes.
    """
    points, confidence = points.astype(np.float64), confidence.astype(np.float64)
    was_seen = confidence > 0
    for joint in range(V):
        _interpolate(points[:, joint], confidence[:, joint])
    shown = was_seen.any(axis=0)  # (V,)
    for parent, child in BONES:
        if shown[child]:
            _keep_beside(points, was_seen, parent, child, fps)
    size = figure_size(points, shown)
    for (parent, child), length, rest in zip(BONES, BONE_LENGTHS, _REST, strict=True):
        if not shown[child] and child not in LEGS:
            points[:, child] = points[:, parent] + np.asarray(rest) / np.hypot(*rest) * length * size
    _stand(points, shown, size, fps)
    return points, confidence


def figure_size(points: np.ndarray, shown: np.ndarray) -> float:
    """The body height in pixels of (T, V, 2): of a whole body, or a guess from the bones that are shown."""
    if shown[1:14].all():
        return max(float(np.median(body_height(points))), 1.0)
    bones = [
        float(np.quantile(np.linalg.norm(points[:, child] - points[:, parent], axis=-1), 0.9)) / length
        for (parent, child), length in zip(BONES, BONE_LENGTHS, strict=True)
        if shown[parent] and shown[child]
    ]
    if not bones:
        return max(float(np.median(np.ptp(points[:, shown], axis=1)[:, 1])), 1.0)
    return max(float(np.median(bones)), 1.0)


def _interpolate(places: np.ndarray, confidence: np.ndarray) -> None:
    """One joint's gaps, linearly in time, the ends held; (T, 2) and (T,) in place."""
    seen = np.flatnonzero(confidence > 0)
    gap = confidence <= 0
    if not len(seen) or not gap.any():
        return
    moments = np.flatnonzero(gap)
    known = confidence[seen].copy()
    for axis in range(2):
        places[gap, axis] = np.interp(moments, seen, places[seen, axis])
    confidence[gap] = np.interp(moments, seen, known)


def _keep_beside(points: np.ndarray, seen: np.ndarray, parent: int, child: int, fps: float) -> None:
    """In long gaps and at the ends, the child moves with the parent where that is seen (in place)."""
    lacking = ~seen[:, child] & seen[:, parent]
    known = np.flatnonzero(seen[:, child])
    before = np.searchsorted(known, np.arange(len(points)))  # (T,)
    last = np.where(before > 0, known[np.maximum(before - 1, 0)], -len(points))
    following = np.where(before < len(known), known[np.minimum(before, len(known) - 1)], 2 * len(points))
    long = lacking & (following - last > LONG_GAP * fps)
    if not long.any():
        return
    offset = points[known, child] - points[known, parent]  # (K, 2)
    moments = np.flatnonzero(long)
    for axis in range(2):
        points[long, child, axis] = points[long, parent, axis] + np.interp(moments, known, offset[:, axis])


def _stand(points: np.ndarray, shown: np.ndarray, size: float, fps: float) -> None:
    """Knees and ankles that are never shown: feet that stay on the ground while the hips move (in place)."""
    if shown[list(LEGS)].all():
        return
    ground = _ground(points, shown, size)
    for hip, knee, ankle in LEG_CHAINS:
        thigh, shin = (BONE_LENGTHS[BONES.index(bone)] * size for bone in pairwise((hip, knee, ankle)))
        if not shown[ankle]:
            over, length = (knee, shin) if shown[knee] else (hip, thigh + shin)
            points[:, ankle, 0] = gaussian_filter1d(points[:, over, 0], TRAVEL_SECONDS * fps, mode="nearest")
            reach = points[:, over, 1]
            points[:, ankle, 1] = np.clip(ground, reach + LEAST_LEG * length, reach + length)
        if not shown[knee]:
            share = thigh / (thigh + shin)
            points[:, knee] = points[:, hip] * (1 - share) + points[:, ankle] * share


def _ground(points: np.ndarray, shown: np.ndarray, size: float) -> float:
    """The y on which the feet stand: of ankles that are shown, else where straight legs reach."""
    ankles = [ankle for _, _, ankle in LEG_CHAINS if shown[ankle]]
    if ankles:
        return float(np.quantile(points[:, ankles, 1].max(axis=1), 0.9))
    thigh, shin = (
        BONE_LENGTHS[BONES.index(bone)] * size for bone in zip(LEG_CHAINS[0], LEG_CHAINS[0][1:], strict=False)
    )
    reaches = []
    for hip, knee, _ in LEG_CHAINS:
        heights, length = (points[:, knee, 1], shin) if shown[knee] else (points[:, hip, 1], thigh + shin)
        highest = max(float(heights.min()), float(np.quantile(heights, 0.1)) - LIFT * size)
        reaches.append(highest + length)
    return min(reaches)
