"""The dance on the subject's own body: their limb lengths, place and scale, the dance's directions.

In 3D throughout: each limb takes its direction from the dance (so a limb that points at the camera is short in the
picture) and its length from the subject. The lowest joint follows the dance's height above the ground (jumps are kept),
the travel is scaled to the room there is, and what would still leave the picture turns toward the camera instead.
Everything that is decided (scale of the travel, shift, limits) is decided once for the whole dance: nothing pops.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.ndimage import gaussian_filter1d

from dancegen.body import joints as J
from dancegen.body.face import nod, turn_face
from dancegen.body.joints import V, body_height, mid_hip
from dancegen.body.proportions import PAIRED, Proportions, complete, measure
from dancegen.body.sequence import SkeletonSequence, blocks, by_blocks, is_repeated, over_blocks

HAND = 0.6  # a hand reaches this share of the forearm beyond the wrist
MARGIN = 0.015  # of the picture's longer side, kept free
TRAVEL_SECONDS = 0.8  # movement of the hips slower than this is travel, faster is the dance itself
TRUNK = (J.NECK, J.R_SHOULDER, J.L_SHOULDER, J.R_HIP, J.L_HIP)
LEGS = (J.R_KNEE, J.R_ANKLE, J.L_KNEE, J.L_ANKLE)
SHORTEST_LEGS = 0.5  # share of their height that legs keep where the subject does not fit into the picture upright
HAIR = 0.07  # body heights above the face points
LEAST_TRAVEL = 0.35  # the travel is scaled down to this before the subject's place is moved
LEAST_OUTSIDE = 0.01  # pixels; the travel often ends exactly at the limit, and rounding must not decide
ROUNDING = 1e-5  # of a limb's length squared, by which it may seem shorter; places are float32

_LIMBS = tuple((name, *bone) for name, bones in PAIRED.items() for bone in bones)
_STARTS = (J.R_HIP, J.R_HIP, J.R_SHOULDER, *(parent for _, parent, _ in _LIMBS))
_ENDS = (J.NECK, J.L_HIP, J.L_SHOULDER, *(child for _, _, child in _LIMBS))
_CHAINED = tuple(bone for chain in (*J.ARM_CHAINS, *J.LEG_CHAINS) for bone in pairwise(chain))


@dataclass(frozen=True)
class _Manner:
    """What the whole dance is like, so that any stretch of it can be treated by itself.

    Attributes:
        deep: whether it has depth.
        longest: (B,) how long each of `_spans` nearly is at most where there is no depth, else 0.
        height: the dancer's body height.
        nod: radians, how the head is usually held.
    """

    deep: bool
    longest: np.ndarray
    height: float
    nod: float


@dataclass(frozen=True)
class _Frame:
    """The free part of the picture, in pixels: left, top, right (the feet have the ground)."""

    left: float
    top: float
    right: float


def retarget(
    dance: SkeletonSequence, subject_joints: np.ndarray, confidence: np.ndarray, picture_size: tuple[int, int]
) -> SkeletonSequence:
    """The dance as the subject would dance it, in pixels of their picture.

    Args:
        dance: canonical; without depth (z all zero) the 2D shortening of each limb against its longest is kept.
        subject_joints: (V, 2) pixels, where the picture's pose has its joints.
        confidence: (V,), 0 = not in the picture: such a joint gets a usual place and confidence 0.
        picture_size: (W, H) pixels.

    Returns:
        (T, V, 3) in pixels, z relative to the mid-hip, away from the camera; limbs have the subject's lengths in 3D
        (where the dance has depth).

    Raises:
        DancegenError: the picture's pose has no torso.
    """
    points, seen = complete(subject_joints, confidence)
    body = measure(points, seen)
    motion = dance.joints  # (T, V, 3)
    if _faces_away(points, seen):
        back = np.array((-1, 1, -1), np.float32)  # seen from behind, the subject dances with the back to us
        motion = by_blocks(lambda part: part * back, motion)
    manner = _manner(motion)
    pose = by_blocks(lambda part: _pose(part.astype(np.float64), manner, body, points, seen), motion)
    leg = (body.lengths["thigh"] + body.lengths["shin"]) / max(_leg(motion), 1e-6)  # pixels per canonical unit
    frame = _frame(points[seen], picture_size)
    ground, ceiling = _ground(points, seen, body), _ceiling(points, seen, body, frame)
    fit = np.float32(_fit(pose, ground - ceiling))
    over_blocks(lambda part: part * fit, pose)
    straight = by_blocks(_limbs_of, pose) if manner.deep else None  # (T, 8, 3)
    y = _stand(motion, pose, leg, ground, ceiling)  # (T,)
    x = _place(motion, pose, leg, dance.fps, float(mid_hip(points)[0]), frame)  # (T,)
    for part in blocks(len(pose), pose):
        pose[part, :, 0] += x[part, None]
        pose[part, :, 1] += y[part, None]
    _keep_inside(pose, frame, body)
    if straight is not None:
        _restore_lengths(straight, pose)
    given = dance.confidence[0] if is_repeated(dance.confidence) else dance.confidence
    shown = np.where(np.asarray(confidence) > 0, given, np.float32(0))  # (T, V), or (V,) of all poses
    return SkeletonSequence(pose, dance.fps, shown)


def _faces_away(points: np.ndarray, seen: np.ndarray) -> bool:
    """Whether the person's right is at our right: they show us their back."""
    spans = [
        (points[left, 0] - points[right, 0])
        for right, left in ((J.R_SHOULDER, J.L_SHOULDER), (J.R_HIP, J.L_HIP))
        if seen[right] and seen[left]
    ]
    return bool(spans) and sum(spans) < 0


def _manner(motion: np.ndarray) -> _Manner:
    """What the whole dance (T, V, 3) is like."""
    deep = any(motion[part, :, 2].any() for part in blocks(len(motion), motion))
    lengths = np.zeros(len(_STARTS))
    if not deep:
        lengths = np.quantile(by_blocks(lambda part: _lengths(_spans(part)), motion), 0.95, axis=0)
    height = float(np.median(by_blocks(body_height, motion)))
    return _Manner(deep, lengths, height, float(np.median(by_blocks(nod, motion))) if deep else 0.0)


def _leg(motion: np.ndarray) -> float:
    """Length of the dance's own leg: (T, V, 3) -> units of the dance."""
    return _own_length(motion, (J.R_HIP, J.R_KNEE)) + _own_length(motion, (J.R_KNEE, J.R_ANKLE))


def _own_length(motion: np.ndarray, bone: tuple[int, int]) -> float:
    """The true length of a bone of the dance's body: nearly the longest it is ever seen."""
    return float(np.quantile(by_blocks(lambda part: _lengths(part[:, bone[1]] - part[:, bone[0]]), motion), 0.95))


def _lengths(spans: np.ndarray) -> np.ndarray:
    return np.linalg.norm(spans.astype(np.float64), axis=-1)


def _spans(motion: np.ndarray) -> np.ndarray:
    """Torso, hips, shoulders and the limbs of `PAIRED`, start to end: (T, V, 3) -> (T, B, 3)."""
    spans = motion[:, _ENDS] - motion[:, _STARTS]
    spans[:, 0] += motion[:, J.R_HIP] - mid_hip(motion)  # the torso begins between the hips
    return spans


def _pose(motion: np.ndarray, manner: _Manner, body: Proportions, points: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """The subject's limbs in the dance's directions: (T, V, 3) float32 pixels around the mid-hip.

    Directions are shorter than 1 where the dance has no depth to explain a short limb.
    """
    pose = np.zeros((len(motion), V, 3))
    size, spans = body.lengths, _spans(motion)
    spans /= np.maximum(np.maximum(_lengths(spans), manner.longest), 1e-9)[..., None]  # (T, B, 3), directions
    pose[:, J.NECK] = size["torso"] * spans[:, 0]
    hips, shoulders = size["hips"] * spans[:, 1], size["shoulders"] * spans[:, 2]
    pose[:, J.R_HIP], pose[:, J.L_HIP] = -hips, hips
    middle = pose[:, J.NECK] + _shrug(motion, manner, body)
    pose[:, J.R_SHOULDER], pose[:, J.L_SHOULDER] = middle - shoulders, middle + shoulders
    for number, (name, parent, child) in enumerate(_LIMBS, 3):
        pose[:, child] = pose[:, parent] + size[name] * spans[:, number]
    face = turn_face(motion, points, seen, body.height, manner.nod if manner.deep else None)
    pose[:, J.FACE_JOINTS] = pose[:, J.NECK, None] + face
    return pose.astype(np.float32)


def _shrug(motion: np.ndarray, manner: _Manner, body: Proportions) -> np.ndarray:
    """How far the middle of the shoulders is from the neck, in the subject's scale: (T, 3)."""
    offset = (motion[:, J.R_SHOULDER] + motion[:, J.L_SHOULDER]) / 2 - motion[:, J.NECK]
    return offset * (body.height / max(manner.height, 1e-6))


def _ground(points: np.ndarray, seen: np.ndarray, body: Proportions) -> float:
    """The y on which the subject's lower ankle stands; from the leg's length where no ankle is in the picture."""
    ankles = [points[j, 1] for j in (J.R_ANKLE, J.L_ANKLE) if seen[j]]
    if ankles:
        return float(max(ankles))
    return float(mid_hip(points)[1]) + body.lengths["thigh"] + body.lengths["shin"]


def _ceiling(points: np.ndarray, seen: np.ndarray, body: Proportions, frame: _Frame) -> float:
    """The least y of a face point: room for the hair below the picture's top, unless the picture has less."""
    face = [points[j, 1] for j in J.FACE_JOINTS if seen[j]]
    usual = frame.top + HAIR * body.height
    return float(min([usual, *face]))


def _fit(pose: np.ndarray, room: float) -> float:
    """The scale at which the subject fits between ground and ceiling (`room`, pixels) at least with knees bent: 1 for
    all but a body that the picture shows far from upright, as a drawing of somebody who leaps."""
    head, lowest = by_blocks(_head_and_foot, pose).T  # (T,) each
    needed = float((head + SHORTEST_LEGS * np.maximum(lowest, 0)).max())
    return min(max(room, 0.25 * needed) / needed, 1.0) if needed > 0 else 1.0


def _head_and_foot(pose: np.ndarray) -> np.ndarray:
    """How far the face reaches above the mid-hip and the lowest of knees and ankles below it: (T, V, 3) -> (T, 2)."""
    return np.stack([-pose[:, J.FACE_JOINTS, 1].min(axis=1), pose[:, LEGS, 1].max(axis=1)], axis=1)


def _lowest_point(pose: np.ndarray) -> np.ndarray:
    return pose[..., 1].max(axis=1)  # (T,)


def _stand(motion: np.ndarray, pose: np.ndarray, leg: float, ground: float, ceiling: float) -> np.ndarray:
    """The mid-hip's y (T,), such that the lowest joint is as high over the ground as the dance's lowest joint.

    A subject who crouches or lunges in the picture may not fit into it upright: then they dance with bent knees (legs
    shorter by one share for the whole dance, in place), and jump only as high as there is room.
    """
    lowest = by_blocks(_lowest_point, motion)  # (T,)
    floor = np.quantile(lowest, 0.9)  # where the dance's ankle stands
    jump = np.maximum(floor - lowest, 0) * leg  # (T,)
    head, legs = by_blocks(_head_and_foot, pose).T  # (T,) each
    share = float(np.clip((ground - ceiling - head) / np.maximum(legs, 1e-6), SHORTEST_LEGS, 1).min())
    for part in blocks(len(pose), pose):
        hips = pose[part, (J.R_HIP, J.L_HIP), 1].repeat(2, axis=1)  # (T, 4)
        pose[part, LEGS, 1] = hips + share * (pose[part, LEGS, 1] - hips)
    under = by_blocks(_lowest_point, pose)  # (T,)
    room = np.maximum(ground - under - head - ceiling, 0)
    needed = jump > 1e-6 * leg
    highest = float(np.clip(room[needed] / jump[needed], 0, 1).min()) if needed.any() else 1.0
    return ground - highest * jump - under


def _frame(points: np.ndarray, picture_size: tuple[int, int]) -> _Frame:
    """The picture less a margin; less of a margin where the subject already stands nearer to the edge."""
    width, height = picture_size
    margin = MARGIN * max(width, height)
    low, high = points.min(axis=0), points.max(axis=0)
    left, top = min(margin, max(low[0], 0.0)), min(margin, max(low[1], 0.0))
    return _Frame(left, top, max(width - 1 - margin, min(high[0], width - 1)))


def _with_hands(pose: np.ndarray) -> np.ndarray:
    """The pose and its finger tips and head's sides, for finding out what leaves the picture: (T, V + 2, 3)."""
    tips = [pose[:, wrist] + HAND * (pose[:, wrist] - pose[:, elbow]) for _, elbow, wrist in J.ARM_CHAINS]
    return np.concatenate([pose, np.stack(tips, axis=1)], axis=1)


def _reach(pose: np.ndarray) -> np.ndarray:
    """The least and the largest x of each pose: (T, 2)."""
    x = _with_hands(pose)[..., 0]
    return np.stack([x.min(axis=1), x.max(axis=1)], axis=1)


def _place(motion: np.ndarray, pose: np.ndarray, leg: float, fps: float, home: float, frame: _Frame) -> np.ndarray:
    """The mid-hip's x (T,): the dance's path, its travel scaled to the room around the subject's own place.

    First the travel is scaled (down to `LEAST_TRAVEL`), then the place is shifted, then the travel is scaled on.
    """
    path = by_blocks(lambda part: mid_hip(part)[:, 0], motion) * leg  # (T,)
    path = path - np.median(path)
    travel = gaussian_filter1d(path, TRAVEL_SECONDS * fps, mode="nearest")
    sway = path - travel
    reach = by_blocks(_reach, pose)  # (T, 2)
    left, right = reach[:, 0] + sway, reach[:, 1] + sway  # (T,) around the travel

    def room(scale: float) -> tuple[float, float]:
        """The places (least and largest x) where this much travel stays inside; none if least > largest."""
        return float((frame.left - left - scale * travel).max()), float((frame.right - right - scale * travel).min())

    def holds(scale: float, at_home: bool) -> bool:
        low, high = room(scale)
        return low <= home <= high if at_home else low <= high

    scales = np.linspace(1, 0, 41)
    wanted = [(s, True) for s in scales if s >= LEAST_TRAVEL] + [(s, False) for s in scales if s <= LEAST_TRAVEL]
    scale, at_home = next(((s, h) for s, h in wanted if holds(s, h)), (0.0, False))
    low, high = room(scale)
    place = home if at_home else float(np.clip(home, low, high)) if low <= high else (low + high) / 2
    trunk = by_blocks(lambda part: part[:, TRUNK, 0], pose)
    least, most = frame.left - float(trunk.min()), frame.right - float(trunk.max())
    return _clamp_softly(place + scale * travel + sway, least, most, 0.2 * abs(most - least))


def _keep_inside(pose: np.ndarray, frame: _Frame, body: Proportions) -> None:
    """Draws in what would leave the picture (in place), with one soft limit for the whole dance."""
    farthest = {
        (sign, axis): max(float((sign * _with_hands(pose[part])[..., axis]).max()) for part in blocks(len(pose), pose))
        for axis, sign in ((0, -1.0), (0, 1.0), (1, -1.0))
    }
    soft = 0.12 * body.height
    hand = 0.6 * HAND * body.lengths["forearm"]
    arms = [joint for _, *joints in J.ARM_CHAINS for joint in joints]
    sides = ((0, frame.left, -1.0, [*arms, *LEGS]), (0, frame.right, 1.0, [*arms, *LEGS]), (1, frame.top, -1.0, arms))
    for part in blocks(len(pose), pose):
        some = pose[part]
        face = some[:, J.FACE_JOINTS, 0]  # (T, 5), moved as one
        some[:, J.FACE_JOINTS, 0] += np.maximum(frame.left - face.min(axis=1, keepdims=True), 0)
        some[:, J.FACE_JOINTS, 0] -= np.maximum(face.max(axis=1, keepdims=True) - frame.right, 0)
        for axis, limit, sign, joints in sides:
            if farthest[sign, axis] > sign * limit + LEAST_OUTSIDE:
                some[:, joints, axis] = sign * _soft_limit(sign * some[:, joints, axis], sign * limit - hand, soft)


def _soft_limit(value: np.ndarray, limit: float, soft: float) -> np.ndarray:
    """Leaves values below limit - soft alone and bends those above so that none passes the limit; slope 1 to 0."""
    over = np.maximum(value - (limit - soft), 0)
    return np.minimum(value, limit - soft) + soft * np.tanh(over / soft)


def _clamp_softly(value: np.ndarray, least: float, most: float, soft: float) -> np.ndarray:
    """Values softly kept between two limits; in their middle where they cross."""
    if least >= most:
        return np.full_like(value, (least + most) / 2)
    if value.max() > most:
        value = _soft_limit(value, most, soft)
    return -_soft_limit(-value, -least, soft) if value.min() < least else value


def _limbs_of(pose: np.ndarray) -> np.ndarray:
    """The bones of arms and legs, parent to child: (T, V, 3) -> (T, 8, 3)."""
    return np.stack([pose[:, child] - pose[:, parent] for parent, child in _CHAINED], axis=1)


def _restore_lengths(straight: np.ndarray, pose: np.ndarray) -> None:
    """Gives limbs that became shorter in the picture than `straight` (T, 8, 3) the depth that their true length asks
    for (in place).

    Knees bend forward; arms keep to the side of the body, front or back, where they were.
    """
    most = np.zeros((2, len(_CHAINED)))  # of what is lost, and of the length squared
    for part in blocks(len(pose), pose, straight):
        old = straight[part].astype(np.float64)
        most = np.maximum(most, [_lost_length(old, pose[part]).max(axis=0), (old**2).sum(2).max(axis=0)])
    shorter = most[0] > ROUNDING * most[1]  # (8,)
    for part in blocks(len(pose), pose, straight):
        some, old = pose[part], straight[part].astype(np.float64)
        lost = _lost_length(old, some)
        for number, (parent, child) in enumerate(_CHAINED):
            deep = old[:, number, 2]  # (T,)
            if shorter[number]:
                bent = -1.0 if child in (J.R_KNEE, J.L_KNEE) else 1.0
                side = bent if child in LEGS else np.where(deep > 0, 1.0, -1.0)
                deep = side * np.sqrt(deep**2 + lost[:, number])
            some[:, child, 2] = some[:, parent, 2] + deep


def _lost_length(straight: np.ndarray, pose: np.ndarray) -> np.ndarray:
    """By how much limbs are shorter in the picture than `straight` (T, 8, 3), lengths squared: (T, 8) float64."""
    parents, children = zip(*_CHAINED, strict=True)
    new: np.ndarray = pose[:, children] - pose[:, parents].astype(np.float64)
    return np.maximum((straight[..., :2] ** 2).sum(2) - (new[..., :2] ** 2).sum(2), 0)
