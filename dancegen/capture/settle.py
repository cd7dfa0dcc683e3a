"""Movement to a dance on the floor: standing feet stand still and on the ground.

Glossary: T frames, V = 18 joints, L = 17 bones, X = 59 numbers of movement.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d
from torch import Tensor

from dancegen.body.sequence import ANKLE_HEIGHT, SkeletonSequence
from dancegen.capture.movement import (
    ANKLES,
    CONTACT,
    FPS,
    body_of,
    canonical_numbers,
    floor_path,
    heading_turn,
    rotate_vectors,
)

SMOOTHING = 0.035  # seconds, sigma of the Gaussian over directions and heading
CONTACT_SMOOTHING = 0.05  # seconds, over contacts
STANDS = 0.5  # contact from which on a foot is believed to stand
GROUND_SMOOTHING = 0.1  # seconds, over what the ground asks for


def to_sequence(moved: Tensor) -> SkeletonSequence:
    """A canonical dance of movement (T, X): bones of exact length, turns and path told beside it."""
    cosine, sine = heading_turn(moved)
    angle = np.unwrap(np.arctan2(sine.double().numpy(), cosine.double().numpy()))
    body = rotate_vectors(body_of(moved), cosine, sine).double().numpy()  # (T, V, 3) about the mid-hip
    contact = gaussian_filter1d(moved[:, CONTACT].double().numpy(), CONTACT_SMOOTHING * FPS, axis=0)
    stands = np.clip((contact - STANDS) / (1 - STANDS), 0, 1)  # (T, 2)
    way = floor_path(moved[None])[0].double().numpy()
    root = np.stack([*standing_way(body, stands, way), ground_height(body, stands, way[:, 1])], axis=1)[:, [0, 2, 1]]
    root[:, [0, 2]] -= np.median(root[:, [0, 2]], axis=0)
    joints = body.copy()
    joints[..., :2] += root[:, None, :2]
    yaw = -np.degrees(angle)
    return SkeletonSequence(
        joints.astype(np.float32), float(FPS), yaw=yaw.astype(np.float32), depth=root[:, 2].astype(np.float32)
    )


def calm(moved: Tensor, smoothing: float = SMOOTHING) -> Tensor:
    """Movement (..., T, X) whose directions, heading and path do not tremble; `smoothing` is a sigma in seconds."""
    still = gaussian_filter1d(moved.numpy(), smoothing * FPS, axis=-2)
    return canonical_numbers(torch.from_numpy(still))


def standing_way(body: np.ndarray, stands: np.ndarray, way: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mid-hip's x and z (T,): standing feet keep their places; without one, as the movement says."""
    ankle = body[:, ANKLES][..., [0, 2]]  # (T, 2, 2)
    carried = -np.diff(ankle, axis=0)  # what the hips must move so that the foot does not
    weight = np.minimum(stands[1:], stands[:-1])[..., None]  # (T - 1, 2, 1)
    share = np.minimum(weight.sum(1), 1)
    by_foot = (carried * weight).sum(1) / np.maximum(weight.sum(1), 1e-6)
    free = np.diff(way[:, [0, 2]], axis=0)
    steps = share * by_foot + (1 - share) * free
    path = np.concatenate([np.zeros((1, 2)), np.cumsum(steps, axis=0)])
    return path[:, 0], path[:, 1]


def ground_height(body: np.ndarray, stands: np.ndarray, height: np.ndarray) -> np.ndarray:
    """The mid-hip's y (T,): where a foot stands it stands on the ground; between, as the movement says; never below."""
    ankle = body[:, ANKLES, 1]  # (T, 2), y down
    lowest = ankle.max(axis=1)
    sure = stands.max(axis=1)
    wanted = -ANKLE_HEIGHT - lowest - height
    if (sure > 0).any():
        known = np.flatnonzero(sure > 0)
        moments = np.arange(len(height))
        shift = np.interp(moments, known, wanted[known])
    else:
        shift = np.full(len(height), np.median(wanted))
    shift = gaussian_filter1d(shift, GROUND_SMOOTHING * FPS)
    return np.minimum(height + shift, -ANKLE_HEIGHT - lowest)


def from_sequence(dance: SkeletonSequence) -> tuple[Tensor, Tensor]:
    """Directions (T, L, 3) and mid-hip (T, 3) of a dance at FPS, its path included, for `movement.to_channels`."""
    from dancegen.body.joints import mid_hip
    from dancegen.body.sequence import bone_directions

    dance = dance if dance.fps == FPS else dance.resample(FPS, max(2, round(dance.seconds * FPS)))
    root = mid_hip(dance.joints).copy()
    root[:, 2] = 0 if dance.depth is None else dance.depth
    return torch.from_numpy(bone_directions(dance.joints)).float(), torch.from_numpy(root).float()
