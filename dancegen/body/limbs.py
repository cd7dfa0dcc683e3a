"""The 15 limbs: where they lie in a skeleton, how each one moves from one skeleton to another, which is in front.

Glossary: V = 18 joints; K = 15 limbs; H = the body height of a skeleton (`joints.body_height`).
A limb is a capsule: a segment with a radius. Its map is affine and backward: from the target picture to the source.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from dancegen.body import joints as J
from dancegen.body.geometry import Array, library, unit
from dancegen.body.joints import body_height, mid_hip

LIMB_NAMES = (
    "head",
    "upper torso",
    "lower torso",
    "right upper arm",
    "right forearm",
    "right hand",
    "left upper arm",
    "left forearm",
    "left hand",
    "right thigh",
    "right shin",
    "right foot",
    "left thigh",
    "left shin",
    "left foot",
)
K = len(LIMB_NAMES)
(HEAD, UPPER_TORSO, LOWER_TORSO, R_UPPER_ARM, R_FOREARM, R_HAND, L_UPPER_ARM, L_FOREARM, L_HAND) = range(9)
(R_THIGH, R_SHIN, R_FOOT, L_THIGH, L_SHIN, L_FOOT) = range(9, 15)
LIMB_MIRROR = J.mirror_order(LIMB_NAMES)  # each limb's counterpart on the other side
LABEL_MIRROR = (0, *(1 + limb for limb in LIMB_MIRROR))  # of labels in pictures: 0 is the background, limbs from 1 on

# The limbs that are single bones, whose length a body keeps: limb -> (parent, child).
SEGMENTS = dict(
    zip(
        (R_UPPER_ARM, R_FOREARM, L_UPPER_ARM, L_FOREARM, R_THIGH, R_SHIN, L_THIGH, L_SHIN),
        (bone for chain in (*J.ARM_CHAINS, *J.LEG_CHAINS) for bone in pairwise(chain)),
        strict=True,
    )
)
_TORSO = (J.NECK, J.R_HIP, J.L_HIP)
# The joints that say where each limb is: hands go on from the forearm, feet down from the shin.
LIMB_JOINTS = {HEAD: (J.NECK, J.NOSE), UPPER_TORSO: _TORSO, LOWER_TORSO: _TORSO, **SEGMENTS}
LIMB_JOINTS |= {end: SEGMENTS[end - 1] for end in (R_HAND, L_HAND, R_FOOT, L_FOOT)}

# Shares of the body height.
RADII = np.array(
    [0.075, 0.105, 0.100, 0.042, 0.036, 0.038, 0.042, 0.036, 0.038, 0.065, 0.048, 0.042, 0.065, 0.048, 0.042],
    np.float32,
)
HAND_LENGTH = 0.075
FOOT_LENGTH = 0.035

# Which limb hides which where no depth is known: larger is nearer the camera.
DEFAULT_ORDER = np.array([1.0, 0, 0, 1.2, 1.8, 2.2, 1.2, 1.8, 2.2, 0.3, 0.5, 0.6, 0.3, 0.5, 0.6], np.float32)
DEPTH_TO_ORDER = 12.0  # a limb one eighth of the body height further away falls back by 1.5
DEPTH_LIMIT = 3.0

# (limb, limb, index of the joint point they turn about in `joint_points`, the largest radius of the round cap by which
# each goes on into the other, as a share of H)
NEIGHBOURS = (
    (HEAD, UPPER_TORSO, 0, 0.070),
    (UPPER_TORSO, LOWER_TORSO, 1, 0.160),
    (UPPER_TORSO, R_UPPER_ARM, 2, 0.045),
    (UPPER_TORSO, L_UPPER_ARM, 3, 0.045),
    (R_UPPER_ARM, R_FOREARM, 4, 0.045),
    (L_UPPER_ARM, L_FOREARM, 5, 0.045),
    (R_FOREARM, R_HAND, 6, 0.035),
    (L_FOREARM, L_HAND, 7, 0.035),
    (LOWER_TORSO, R_THIGH, 8, 0.060),
    (LOWER_TORSO, L_THIGH, 9, 0.060),
    (R_THIGH, R_SHIN, 10, 0.060),
    (L_THIGH, L_SHIN, 11, 0.060),
    (R_SHIN, R_FOOT, 12, 0.045),
    (L_SHIN, L_FOOT, 13, 0.045),
)


def _rotation(angle: np.ndarray) -> np.ndarray:
    """(...) radians -> (..., 2, 2)."""
    c, s = np.cos(angle), np.sin(angle)
    return np.stack([np.stack([c, -s], -1), np.stack([s, c], -1)], -2)


def _angle(vector: np.ndarray) -> np.ndarray:
    return np.arctan2(vector[..., 1], vector[..., 0])


def _turn(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The angle that turns direction `target` into direction `source`, in -pi..pi."""
    difference = _angle(source) - _angle(target)
    return (difference + np.pi) % (2 * np.pi) - np.pi


def joint_points(joints: np.ndarray) -> np.ndarray:
    """The points that neighbouring limbs turn about: (..., V, 2+) -> (..., 14, 2), in the order of `NEIGHBOURS`."""
    xy = joints[..., :2]
    hips = mid_hip(xy)
    middle = (xy[..., J.NECK, :] + hips) / 2
    order = [joint for chains in (J.ARM_CHAINS, J.LEG_CHAINS) for pair in zip(*chains, strict=True) for joint in pair]
    return np.stack([xy[..., J.NECK, :], middle, *(xy[..., joint, :] for joint in order)], axis=-2)


def limb_axes(joints: Array, height: Array | float | None = None, head: Array | None = None) -> Array:
    """The two ends of each limb's axis.

    Args:
        joints: (..., V, 2+), pixels; numpy (computed in float64) or torch.
        height: (...) the body height in the same unit; from the joints where not given.
        head: (..., 2) the far end of the head's axis; from all joints of the face where not given.

    Returns:
        (..., K, 2 ends, 2 xy).
    """
    both = library(joints)
    xy: Any = np.asarray(joints[..., :2], np.float64) if both is np else joints[..., :2]
    size = both.asarray(body_height(xy) if height is None else height)[..., None]  # (..., 1)
    neck, hips = xy[..., J.NECK, :], mid_hip(xy)
    middle = (neck + hips) / 2
    if head is None:
        face = xy[..., list(J.FACE_JOINTS), :].mean(-2)
        head = face + (face - neck) * 0.35
    limbs = [(neck, head), (neck, middle), (middle, hips)]
    for chain in J.ARM_CHAINS:
        shoulder, elbow, wrist = (xy[..., joint, :] for joint in chain)
        limbs += [(shoulder, elbow), (elbow, wrist), (wrist, wrist + unit(wrist - elbow) * HAND_LENGTH * size)]
    for chain in J.LEG_CHAINS:
        hip, knee, ankle = (xy[..., joint, :] for joint in chain)
        sole = both.concatenate([ankle[..., :1], ankle[..., 1:] + FOOT_LENGTH * size], -1)
        limbs += [(hip, knee), (knee, ankle), (ankle, sole)]
    axes: Array = both.stack([both.stack(ends, -2) for ends in limbs], -3)
    return axes


def _anchor(linear: np.ndarray, source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The affine map with this linear part that takes `target` to `source`: (..., 2, 3)."""
    shift = source - np.einsum("...ij,...j->...i", linear, target)
    return np.concatenate([linear, shift[..., None]], -1)


def axis_map(source: np.ndarray, target: np.ndarray, turned_over: bool = False) -> np.ndarray:
    """From pixels of the target to pixels of the source, axis to axis: (..., 2 ends, 2 xy) twice -> (..., 2, 3).

    Turned, stretched along the axis (0.5-3), unchanged across; `turned_over`: right and left of the axis exchanged.
    """
    source_axis, target_axis = source[..., 1, :] - source[..., 0, :], target[..., 1, :] - target[..., 0, :]
    stretch = np.linalg.norm(source_axis, axis=-1) / np.maximum(np.linalg.norm(target_axis, axis=-1), 1e-3)
    s, t = unit(source_axis), unit(target_axis)
    s_across, t_across = np.stack([-s[..., 1], s[..., 0]], -1), np.stack([-t[..., 1], t[..., 0]], -1)
    along = s[..., :, None] * t[..., None, :] * np.clip(stretch, 0.5, 3.0)[..., None, None]
    across = s_across[..., :, None] * t_across[..., None, :]
    return _anchor(along - across if turned_over else along + across, source[..., 0, :], target[..., 0, :])


def _rigid_map(turn: np.ndarray, source: np.ndarray, target: np.ndarray) -> np.ndarray:
    return _anchor(_rotation(turn), source, target)


def _torso_map(source: np.ndarray, target: np.ndarray, weights: tuple[float, float], size: np.ndarray) -> np.ndarray:
    """A regularised affine fit through shoulders and hips; near a plain turn where they leave it open.

    A body turned beyond its profile swaps its sides: the picture holds no back, so its front is shown, not mirrored.
    """
    corners = (J.R_SHOULDER, J.L_SHOULDER, J.R_HIP, J.L_HIP)
    w = np.array([weights[0], weights[0], weights[1], weights[1]])[:, None]
    s, t = source[..., corners, :2].astype(np.float64), target[..., corners, :2].astype(np.float64)
    axis = [mid_hip(joints[..., :2]) - joints[..., J.NECK, :2] for joints in (source, target)]
    prior = _rotation(_turn(axis[0], axis[1]))  # (..., 2, 2)
    widths = [joints[..., (0, 2), :] - joints[..., (1, 3), :] for joints in (s, t)]  # (..., 2, 2): shoulders, hips
    turned = np.einsum("...ij,...nj->...ni", prior, widths[1])
    swapped = (turned * widths[0]).sum((-1, -2)) < 0
    t = np.where(swapped[..., None, None], t[..., (1, 0, 3, 2), :], t)
    s_centre, t_centre = (s * w).sum(-2) / w.sum(), (t * w).sum(-2) / w.sum()
    ridge = 0.004 * size**2
    ds, dt = s - s_centre[..., None, :], t - t_centre[..., None, :]
    cross = np.einsum("...ni,...nj,n->...ij", ds, dt, w[:, 0]) + ridge * prior
    gram = np.einsum("...ni,...nj,n->...ij", dt, dt, w[:, 0]) + ridge * np.eye(2)
    linear = cross @ np.linalg.inv(gram)
    u, scales, vt = np.linalg.svd(linear)
    limited = (u * np.clip(scales, 0.8, 1.8)[..., None, :]) @ vt
    mirrored = np.linalg.det(linear) < 0.05
    return _anchor(np.where(mirrored[..., None, None], prior, limited), s_centre, t_centre)


def _foot_turn(source_shin: np.ndarray, target_shin: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Feet stay flat under a standing leg and turn with the shin once it swings out by more than 20 degrees."""
    turn = _turn(source_shin, target_shin)
    free = np.sign(turn) * np.maximum(np.abs(turn) - np.radians(20), 0)
    return free * np.clip(np.linalg.norm(target_shin, axis=-1) / (0.15 * size), 0, 1)


def limb_maps(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Each limb's backward map, from pixels of the target to pixels of the source.

    Arms, thighs and shins turn and stretch along their axes; head, hands and feet are rigid; the halves of the torso
    follow shoulders and hips.

    Args:
        source: (V, 2+), or (..., V, 2+) that broadcasts with the target.
        target: (..., V, 2+).

    Returns:
        (..., K, 2, 3) float32.
    """
    source = np.broadcast_to(source[..., :2], (*target.shape[:-1], 2)).astype(np.float64)
    target = np.asarray(target[..., :2], np.float64)
    size = body_height(source)
    s, t = limb_axes(source, size), limb_axes(target, size)
    maps = axis_map(s, t)  # (..., K, 2, 3)
    scale = size[..., None, None]
    maps[..., UPPER_TORSO, :, :] = _torso_map(source, target, (1.0, 0.4), scale)
    maps[..., LOWER_TORSO, :, :] = _torso_map(source, target, (0.4, 1.0), scale)
    axes = [ends[..., 1, :] - ends[..., 0, :] for ends in (s, t)]  # (..., K, 2)
    tilt = 0.8 * _turn(axes[0][..., HEAD, :], axes[1][..., HEAD, :])
    maps[..., HEAD, :, :] = _rigid_map(tilt, s[..., HEAD, :, :].mean(-2), t[..., HEAD, :, :].mean(-2))
    for hand in (R_HAND, L_HAND):
        turn = _turn(axes[0][..., hand, :], axes[1][..., hand, :])
        maps[..., hand, :, :] = _rigid_map(turn, s[..., hand, 0, :], t[..., hand, 0, :])
    for foot, shin in ((R_FOOT, R_SHIN), (L_FOOT, L_SHIN)):
        turn = _foot_turn(axes[0][..., shin, :], axes[1][..., shin, :], size)
        maps[..., foot, :, :] = _rigid_map(turn, s[..., foot, 0, :], t[..., foot, 0, :])
    return maps.astype(np.float32)


def limb_order(joints: np.ndarray) -> np.ndarray:
    """How near the camera each limb is, larger is nearer: (..., V, 3) -> (..., K).

    The default order (arms in front of the torso) is moved by the limbs' depths; where all depths are 0 it stands.
    """
    z = joints[..., 2] / np.maximum(body_height(joints[..., :2]), 1e-3)[..., None]  # (..., V)
    neck, hips = z[..., J.NECK], (z[..., J.R_HIP] + z[..., J.L_HIP]) / 2
    depth = [z[..., list(J.FACE_JOINTS)].mean(-1), (neck * 3 + hips) / 4, (neck + hips * 3) / 4]
    for chain in J.ARM_CHAINS:
        a, b, c = (z[..., joint] for joint in chain)
        depth += [(a + 2 * b) / 3, (b + 2 * c) / 3, c + (c - b) * 0.3]
    for chain in J.LEG_CHAINS:
        a, b, c = (z[..., joint] for joint in chain)
        depth += [(a + b) / 2, (b + c) / 2, c]
    shift = np.clip(-np.stack(depth, -1) * DEPTH_TO_ORDER, -DEPTH_LIMIT, DEPTH_LIMIT)
    return (DEFAULT_ORDER + shift).astype(np.float32)
