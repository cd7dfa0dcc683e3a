"""How flat limbs move from one skeleton to another, and which is in front.

Glossary: V = 18 joints; K = 15 limbs; H = the body height of a skeleton (`joints.body_height`).
A limb's map is affine and backward: from the target picture to the source.
"""

from __future__ import annotations

import numpy as np

from dancegen.body import joints as J
from dancegen.body.geometry import unit
from dancegen.body.joints import body_height, mid_hip
from dancegen.body.limbs import (
    DEFAULT_ORDER,
    HEAD,
    L_FOOT,
    L_HAND,
    L_SHIN,
    LOWER_TORSO,
    R_FOOT,
    R_HAND,
    R_SHIN,
    UPPER_TORSO,
    limb_axes,
)

DEPTH_TO_ORDER = 12.0  # a limb one eighth of the body height further away falls back by 1.5
DEPTH_LIMIT = 3.0


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
