"""The 15 limbs: where they lie in a skeleton, how each one moves from one skeleton to another, which is in front.

Glossary: V = 18 joints; K = 15 limbs; H = the body height of a skeleton (`joints.body_height`).
A limb is a capsule: a segment with a radius. Its map is affine and backward: from the target picture to the source.
"""

from __future__ import annotations

import numpy as np
import torch

from dancegen.body.joints import (
    FACE_JOINTS,
    L_ANKLE,
    L_ELBOW,
    L_HIP,
    L_KNEE,
    L_SHOULDER,
    L_WRIST,
    NECK,
    R_ANKLE,
    R_ELBOW,
    R_HIP,
    R_KNEE,
    R_SHOULDER,
    R_WRIST,
    body_height,
    mid_hip,
)

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
_SWAPPED = [name.replace("right", "?").replace("left", "right").replace("?", "left") for name in LIMB_NAMES]
MIRRORED_LIMBS = tuple(LIMB_NAMES.index(name) for name in _SWAPPED)  # each limb's counterpart on the other side
K = len(LIMB_NAMES)
(HEAD, UPPER_TORSO, LOWER_TORSO, R_UPPER_ARM, R_FOREARM, R_HAND, L_UPPER_ARM, L_FOREARM, L_HAND) = range(9)
(R_THIGH, R_SHIN, R_FOOT, L_THIGH, L_SHIN, L_FOOT) = range(9, 15)

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


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.maximum(np.linalg.norm(vector, axis=-1, keepdims=True), 1e-6)


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
    middle = (xy[..., NECK, :] + hips) / 2
    order = (R_SHOULDER, L_SHOULDER, R_ELBOW, L_ELBOW, R_WRIST, L_WRIST, R_HIP, L_HIP, R_KNEE, L_KNEE, R_ANKLE, L_ANKLE)
    return np.stack([xy[..., NECK, :], middle, *(xy[..., j, :] for j in order)], axis=-2)


def limb_segments(joints: np.ndarray, height: np.ndarray | float | None = None) -> np.ndarray:
    """The two ends of each limb's axis.

    Args:
        joints: (..., V, 2+), pixels.
        height: (...) the body height in the same unit; from the joints where not given.

    Returns:
        (..., K, 2 ends, 2 xy).
    """
    xy = np.asarray(joints[..., :2], np.float64)
    size = np.asarray(body_height(xy) if height is None else height, np.float64)[..., None]
    hips = mid_hip(xy)
    neck = xy[..., NECK, :]
    middle = (neck + hips) / 2
    face = xy[..., FACE_JOINTS, :].mean(-2)
    down = np.zeros_like(neck) + np.array([0.0, 1.0])
    limbs: list[tuple[np.ndarray, np.ndarray]] = [(neck, face + (face - neck) * 0.35), (neck, middle), (middle, hips)]
    for shoulder, elbow, wrist in ((R_SHOULDER, R_ELBOW, R_WRIST), (L_SHOULDER, L_ELBOW, L_WRIST)):
        a, b, c = xy[..., shoulder, :], xy[..., elbow, :], xy[..., wrist, :]
        limbs += [(a, b), (b, c), (c, c + _unit(c - b) * HAND_LENGTH * size)]
    for hip, knee, ankle in ((R_HIP, R_KNEE, R_ANKLE), (L_HIP, L_KNEE, L_ANKLE)):
        a, b, c = xy[..., hip, :], xy[..., knee, :], xy[..., ankle, :]
        limbs += [(a, b), (b, c), (c, c + down * FOOT_LENGTH * size)]
    return np.stack([np.stack(ends, -2) for ends in limbs], -3)


def _anchored(linear: np.ndarray, source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The affine map with this linear part that takes `target` to `source`: (..., 2, 3)."""
    shift = source - np.einsum("...ij,...j->...i", linear, target)
    return np.concatenate([linear, shift[..., None]], -1)


def axis_map(source: np.ndarray, target: np.ndarray, turned_over: bool = False) -> np.ndarray:
    """From pixels of the target to pixels of the source, axis to axis: (..., 2 ends, 2 xy) twice -> (..., 2, 3).

    Turned, stretched along the axis (0.5-3), unchanged across; `turned_over`: right and left of the axis exchanged.
    """
    source_axis, target_axis = source[..., 1, :] - source[..., 0, :], target[..., 1, :] - target[..., 0, :]
    stretch = np.linalg.norm(source_axis, axis=-1) / np.maximum(np.linalg.norm(target_axis, axis=-1), 1e-3)
    s, t = _unit(source_axis), _unit(target_axis)
    s_across, t_across = np.stack([-s[..., 1], s[..., 0]], -1), np.stack([-t[..., 1], t[..., 0]], -1)
    along = s[..., :, None] * t[..., None, :] * np.clip(stretch, 0.5, 3.0)[..., None, None]
    across = s_across[..., :, None] * t_across[..., None, :]
    return _anchored(along - across if turned_over else along + across, source[..., 0, :], target[..., 0, :])


def _rigid_map(turn: np.ndarray, source: np.ndarray, target: np.ndarray) -> np.ndarray:
    return _anchored(_rotation(turn), source, target)


def _torso_map(source: np.ndarray, target: np.ndarray, weights: tuple[float, float], size: np.ndarray) -> np.ndarray:
    """A regularised affine fit through shoulders and hips; near a plain turn where they leave it open.

    A body turned beyond its profile swaps its sides: the picture holds no back, so its front is shown, not mirrored.
    """
    corners = (R_SHOULDER, L_SHOULDER, R_HIP, L_HIP)
    w = np.array([weights[0], weights[0], weights[1], weights[1]])[:, None]
    s, t = source[..., corners, :2].astype(np.float64), target[..., corners, :2].astype(np.float64)
    axis = [mid_hip(joints[..., :2]) - joints[..., NECK, :2] for joints in (source, target)]
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
    return _anchored(np.where(mirrored[..., None, None], prior, limited), s_centre, t_centre)


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
    s, t = limb_segments(source, size), limb_segments(target, size)
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
    neck, hips = z[..., NECK], (z[..., R_HIP] + z[..., L_HIP]) / 2
    depth = [z[..., list(FACE_JOINTS)].mean(-1), (neck * 3 + hips) / 4, (neck + hips * 3) / 4]
    for shoulder, elbow, wrist in ((R_SHOULDER, R_ELBOW, R_WRIST), (L_SHOULDER, L_ELBOW, L_WRIST)):
        a, b, c = z[..., shoulder], z[..., elbow], z[..., wrist]
        depth += [(a + 2 * b) / 3, (b + 2 * c) / 3, c + (c - b) * 0.3]
    for hip, knee, ankle in ((R_HIP, R_KNEE, R_ANKLE), (L_HIP, L_KNEE, L_ANKLE)):
        a, b, c = z[..., hip], z[..., knee], z[..., ankle]
        depth += [(a + b) / 2, (b + c) / 2, c]
    shift = np.clip(-np.stack(depth, -1) * DEPTH_TO_ORDER, -DEPTH_LIMIT, DEPTH_LIMIT)
    return (DEFAULT_ORDER + shift).astype(np.float32)


def capsule_distances(
    segments: torch.Tensor, radii: torch.Tensor, points_x: torch.Tensor, points_y: torch.Tensor
) -> torch.Tensor:
    """Distance of every pixel to every limb's axis in radii of the limb; 1 is the capsule's rim.

    Args:
        segments: (B, K, 2 ends, 2 xy) pixels.
        radii: (B, K) pixels.
        points_x: (w,), points_y: (h,), the pixels' centres.

    Returns:
        (B, K, h, w).
    """
    start, axis = segments[:, :, 0], segments[:, :, 1] - segments[:, :, 0]  # (B, K, 2)
    dx = points_x[None, None, None, :] - start[..., 0, None, None]  # (B, K, 1, w)
    dy = points_y[None, None, :, None] - start[..., 1, None, None]  # (B, K, h, 1)
    ax, ay = axis[..., 0, None, None], axis[..., 1, None, None]
    along = ((dx * ax + dy * ay) / (ax * ax + ay * ay).clamp_min(1e-6)).clamp(0, 1)  # (B, K, h, w)
    squared = (dx - along * ax) ** 2 + (dy - along * ay) ** 2
    return squared.clamp_min(1e-8).sqrt() / radii[..., None, None]
