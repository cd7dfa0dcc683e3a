"""How long a subject's limbs truly are, from one flat picture of them.

A limb in a picture is never longer than the true limb, and may be much shorter when it points at the camera. The usual
proportions of people, the subject's symmetry and the neighbouring limb say whether a short limb is foreshortened or
truly short (a cartoon's tiny legs).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dancegen.body import joints as J
from dancegen.body import limbs as L
from dancegen.body.joints import mid_hip
from dancegen.body.limbs import SEGMENTS
from dancegen.errors import DancegenError

# Segment name -> its right and its left bone (parent, child). Both sides get one length.
PAIRED = {
    "upper_arm": (SEGMENTS[L.R_UPPER_ARM], SEGMENTS[L.L_UPPER_ARM]),
    "forearm": (SEGMENTS[L.R_FOREARM], SEGMENTS[L.L_FOREARM]),
    "thigh": (SEGMENTS[L.R_THIGH], SEGMENTS[L.L_THIGH]),
    "shin": (SEGMENTS[L.R_SHIN], SEGMENTS[L.L_SHIN]),
}
# Shares of the body height, for what a picture does not show (between anthropometric tables and captured dancers).
USUAL = {
    "upper_arm": 0.175,
    "forearm": 0.135,
    "thigh": 0.245,
    "shin": 0.220,
    "torso": 0.295,
    "shoulders": 0.095,  # half the width
    "hips": 0.06,  # half the width
}
CHAINS = (("upper_arm", "forearm"), ("thigh", "shin"))
UNEVEN = 1.3  # a segment longer than this against its neighbour and the torso has a joint in a wrong place
FACE_HEIGHT = 0.12  # body heights, the middle of the face above the neck


@dataclass(frozen=True)
class Proportions:
    """True lengths of a subject's limbs, all in pixels of their picture.

    Attributes:
        lengths: by segment name, as in `USUAL`; "shoulders" and "hips" are half-widths.
        height: standing height of a usual body of this scale; the unit of margins and of the travel.
        missing: joint indices that the picture does not show; their limbs have usual lengths.
    """

    lengths: dict[str, float]
    height: float
    missing: tuple[int, ...]


def complete(joints: np.ndarray, confidence: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fills neck and hips where they follow from other joints.

    Args:
        joints: (V, 2) pixels.
        confidence: (V,), 0 = not seen.

    Returns:
        joints (V, 2) float64 and seen (V,) bool.

    Raises:
        DancegenError: there is no torso to hang the limbs on.
    """
    points = np.array(joints, np.float64)[:, :2]
    seen = (np.asarray(confidence) > 0) & np.isfinite(points).all(1)
    points[~seen] = 0
    if not seen[J.NECK] and seen[J.R_SHOULDER] and seen[J.L_SHOULDER]:
        points[J.NECK], seen[J.NECK] = (points[J.R_SHOULDER] + points[J.L_SHOULDER]) / 2, True
    shoulders, hips = [j for j in (J.R_SHOULDER, J.L_SHOULDER) if seen[j]], [j for j in (J.R_HIP, J.L_HIP) if seen[j]]
    if not (seen[J.NECK] or shoulders) or not hips:
        raise DancegenError(
            "the pose of the picture has no torso (neck or a shoulder, and a hip)",
            "use a picture that shows the person at least down to the hips, or correct the keypoints (--pose FILE)",
        )
    if not seen[J.NECK]:
        points[J.NECK], seen[J.NECK] = points[shoulders[0]], True
    if len(hips) == 1:
        other = J.L_HIP if hips[0] == J.R_HIP else J.R_HIP
        points[other], seen[other] = points[hips[0]], True
    return points, seen


def measure(joints: np.ndarray, confidence: np.ndarray) -> Proportions:
    """The subject's true limb lengths.

    Args:
        joints: (V, 2) pixels of the picture.
        confidence: (V,), 0 = not seen.

    Raises:
        DancegenError: as `complete`.
    """
    points, seen = complete(joints, confidence)
    observed = _observe(points, seen)
    height = _height(observed)
    ratio = {name: max(values) / (USUAL[name] * height) for name, values in observed.items() if values}
    lengths = {name: USUAL[name] * height * value for name, value in ratio.items()}
    for chain in CHAINS:
        scale = _chain_scale(chain, observed, ratio)
        for name in chain:
            usual = USUAL[name] * height * scale
            lengths[name] = float(np.clip(lengths.get(name, usual), 0.85 * usual, 2.5 * usual))
    lengths["torso"] = max(lengths["torso"], 0.7 * USUAL["torso"] * height)
    # A body seen from the side keeps its narrow shoulders: a flat picture cannot be turned to face us.
    for name in ("shoulders", "hips"):
        usual = USUAL[name] * height
        lengths[name] = float(np.clip(lengths.get(name, usual), 0.35 * usual, 2.5 * usual))
    return Proportions(lengths, height, tuple(int(j) for j in np.flatnonzero(~seen)))


def usual_places(joints: np.ndarray, confidence: np.ndarray) -> np.ndarray:
    """The joints, with a likely place for those that are not seen: limbs hang down or go on straight.

    Args:
        joints: (V, 2) pixels.
        confidence: (V,), 0 = not seen.

    Returns:
        (V, 2) float64, also with neck and hips as `complete` gives them.

    Raises:
        DancegenError: as `complete`.
    """
    points, seen = complete(joints, confidence)
    body = measure(joints, confidence)
    to_left = -1.0 if points[J.L_HIP, 0] < points[J.R_HIP, 0] else 1.0
    for joint, other, side in ((J.R_SHOULDER, J.L_SHOULDER, -to_left), (J.L_SHOULDER, J.R_SHOULDER, to_left)):
        if not seen[joint]:
            half = points[J.NECK] - points[other] if seen[other] else np.array([side * body.lengths["shoulders"], 0.0])
            points[joint] = points[J.NECK] + half
    for name, bones in PAIRED.items():  # upper arms before forearms, thighs before shins
        for parent, child in bones:
            if not seen[child]:
                points[child] = points[parent] + body.lengths[name] * _onward(points, parent)
    face = [j for j in J.FACE_JOINTS if seen[j]]
    middle = points[face].mean(axis=0) if face else points[J.NECK] - (0, FACE_HEIGHT * body.height)
    for joint in J.FACE_JOINTS:
        if not seen[joint]:
            points[joint] = middle
    return points


def _onward(points: np.ndarray, joint: int) -> np.ndarray:
    """The direction (2,) in which the limb that leads to `joint` goes on; down where none does."""
    before = [a for bones in PAIRED.values() for a, b in bones if b == joint]
    span = points[joint] - points[before[0]] if before else np.zeros(2)
    length = float(np.linalg.norm(span))
    return span / length if length > 0 else np.array([0.0, 1.0])


def _observe(points: np.ndarray, seen: np.ndarray) -> dict[str, list[float]]:
    """Lengths in the picture of each segment, one entry per side that is seen."""

    def between(a: int, b: int) -> list[float]:
        return [float(np.linalg.norm(points[a] - points[b]))] if seen[a] and seen[b] else []

    observed = {name: between(*right) + between(*left) for name, (right, left) in PAIRED.items()}
    observed["torso"] = [float(np.linalg.norm(points[J.NECK] - mid_hip(points)))]
    observed["shoulders"] = [d / 2 for d in between(J.R_SHOULDER, J.L_SHOULDER)]
    observed["hips"] = [d / 2 for d in between(J.R_HIP, J.L_HIP)]
    scale = {name: max(values, default=0.0) / USUAL[name] for name, values in observed.items()}
    for one, other in CHAINS + tuple((lower, upper) for upper, lower in CHAINS):
        most = UNEVEN * USUAL[one] * max(scale[other], scale["torso"])
        observed[one] = [min(length, most) for length in observed[one]]
    return observed


def _height(observed: dict[str, list[float]]) -> float:
    """Standing height in pixels: the second largest of what torso, leg, arm and torso with leg say."""
    torso = observed["torso"][0]
    leg = _side_sum(observed, "thigh", "shin")
    arm = _side_sum(observed, "upper_arm", "forearm")
    estimates = [torso / 0.30, arm / 0.31, leg / 0.47, (torso + leg) / 0.77 if leg else 0.0]
    known = sorted((e for e in estimates if e > 0), reverse=True)
    return max(known[1] if len(known) > 1 else known[0] if known else 1.0, 1.0)


def _side_sum(observed: dict[str, list[float]], upper: str, lower: str) -> float:
    return max(observed[upper]) + max(observed[lower]) if observed[upper] and observed[lower] else 0.0


def _chain_scale(chain: tuple[str, str], observed: dict[str, list[float]], ratio: dict[str, float]) -> float:
    """The scale of an arm or leg against a usual one of this body height.

    The longest segment says it. Is even that one short, the limbs may all point at the camera; only where both sides
    and both segments are short alike, the subject is taken to be built so.
    """
    known = [ratio[name] for name in chain if name in ratio]
    if not known:
        return 1.0
    scale = max(known)
    if scale >= 0.8:
        return scale
    sides = [value / max(*observed[name], 1e-6) for name in chain for value in observed[name]]
    alike = len(known) == 2 and len(sides) == 4 and min(sides) > 0.8 and min(known) / max(known) > 0.7
    return scale if alike else 0.8


def true_height(body: Proportions) -> float:
    """What `joints.body_height` says of any pose in space of a body with these limbs, pixels."""
    size = body.lengths
    leg, arm = size["thigh"] + size["shin"], size["upper_arm"] + size["forearm"]
    return float(sorted((size["torso"] / 0.30, leg / 0.47, arm / 0.31, (size["torso"] + leg) / 0.77))[-2])
