"""Rotations as matrices (..., 3, 3), many at once; columns are where the axes go."""

from __future__ import annotations

import numpy as np

from dancegen.body.geometry import unit

ANTIPODE = 1e-4  # the least 1 + cosine: no smallest rotation leads to the opposite direction


def axes_frame(across: np.ndarray, down: np.ndarray) -> np.ndarray:
    """The frame whose first axis is along `across` and whose second is near `down`: (..., 3) twice -> (..., 3, 3)."""
    x = unit(across)
    z = unit(np.cross(x, down))
    return np.stack([x, np.cross(z, x), z], -1)


def spine_frame(across: np.ndarray, down: np.ndarray) -> np.ndarray:
    """The frame whose second axis is along `down` and whose first is near `across`."""
    y = unit(down)
    x = unit(across - y * (across * y).sum(-1, keepdims=True))
    return np.stack([x, y, np.cross(x, y)], -1)


def swing(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """The smallest rotation that takes one direction to another: (..., 3) twice -> (..., 3, 3)."""
    a, b = np.broadcast_arrays(unit(start), unit(end))
    skew = _skew(np.cross(a, b))
    share = 1 / np.maximum(1 + (a * b).sum(-1), ANTIPODE)
    rotation: np.ndarray = np.eye(3) + skew + skew @ skew * share[..., None, None]
    return rotation


def about(axis: np.ndarray, angle: np.ndarray | float) -> np.ndarray:
    """The rotation about unit vectors (..., 3) by angles (...), radians."""
    skew = _skew(axis)
    turn = np.asarray(angle)[..., None, None]
    rotation: np.ndarray = np.eye(3) + np.sin(turn) * skew + (1 - np.cos(turn)) * (skew @ skew)
    return rotation


def mix(one: np.ndarray, other: np.ndarray, share: np.ndarray | float) -> np.ndarray:
    """Between two rotations, `share` (...) of the way to the other."""
    weight = np.asarray(share)[..., None, None]
    return nearest_rotation((1 - weight) * one + weight * other)


def nearest_rotation(matrix: np.ndarray) -> np.ndarray:
    """The rotation that is nearest to a matrix (..., 3, 3)."""
    u, _, vt = np.linalg.svd(matrix)
    u[..., -1] *= np.linalg.det(u @ vt)[..., None]
    rotation: np.ndarray = u @ vt
    return rotation


def fit(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The rotation that best takes points (n, 3) around their mean to points (..., n, 3) around theirs."""
    a, b = (points - points.mean(-2, keepdims=True) for points in (source, target))
    return nearest_rotation(np.swapaxes(b, -1, -2) @ a)


def face_front(rotation: np.ndarray, axis: np.ndarray, front: np.ndarray, limit: float, share: float) -> np.ndarray:
    """Turn a limb about its bone so that the side which the picture shows looks to the front.

    Not where the bone points to the front, nor where that side looks backward: there it could go either way round.

    Args:
        rotation: (..., 3, 3) from the picture to the pose.
        axis: (..., 3) the bone in the pose.
        front: (..., 3) where the body looks.
        limit: radians that it turns at most.
        share: of the way.
    """
    bone = unit(axis)
    shown = rotation @ np.array([0.0, 0.0, -1.0])
    shown = shown - bone * (shown * bone).sum(-1, keepdims=True)
    wanted = front - bone * (front * bone).sum(-1, keepdims=True)
    lengths = [np.linalg.norm(vector, axis=-1) for vector in (wanted, shown)]
    trust = np.clip((lengths[0] - 0.25) / 0.4, 0, 1) * np.clip(lengths[1] / 0.5, 0, 1)
    angle = np.arctan2((np.cross(shown, wanted) * bone).sum(-1), (shown * wanted).sum(-1))
    angle = angle * np.clip((2.9 - np.abs(angle)) / 0.8, 0, 1) * trust * share
    turned: np.ndarray = about(bone, limit * np.tanh(angle / limit)) @ rotation
    return turned


def dual_quaternions(rotation: np.ndarray, source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The motions that turn by `rotation` and take `source` to `target` (..., 3): (..., 8), the real part first."""
    from scipy.spatial.transform import Rotation

    flat = Rotation.from_matrix(rotation.reshape(-1, 3, 3)).as_quat().reshape(*rotation.shape[:-2], 4)
    x, y, z, w = np.moveaxis(flat, -1, 0)
    shift = target - np.einsum("...ij,...j->...i", rotation, np.broadcast_to(source, target.shape))
    a, b, c = np.moveaxis(shift, -1, 0)
    dual = [-a * x - b * y - c * z, a * w + b * z - c * y, -a * z + b * w + c * x, a * y - b * x + c * w]
    return np.stack([w, x, y, z, *(0.5 * part for part in dual)], -1)


def _skew(vector: np.ndarray) -> np.ndarray:
    x, y, z = np.moveaxis(vector, -1, 0)
    zero = np.zeros_like(x)
    return np.stack([np.stack([zero, -z, y], -1), np.stack([z, zero, -x], -1), np.stack([-y, x, zero], -1)], -2)
