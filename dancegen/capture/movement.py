"""A dance as the motion network says it: 59 numbers a frame, from which bones come out with exact lengths.

- 51: the unit directions of the 17 bones, in the frame of the body's heading (heading 0: the body faces the camera);
- 2: cosine and sine of the heading as the camera of that frame sees it;
- 1: how fast the body turns, radians a second, whatever the camera does. The heading in the frame of the first camera
  is the first seen heading and the sum of these: no network needs to sum over a moving camera and its cuts;
- 2: the mid-hip's speed over the floor, in the heading's frame (to the viewer's right, away), body heights a second;
- 1: the mid-hip's height, y, body heights;
- 2: contact of the right and the left ankle with the floor, 0 or 1.

Canonical axes (`body/sequence.py`): x to the viewer's right, y down, z away from the camera. Written for torch; the
heading is positive in the sense of `facing.turn_directions`.

Glossary: B windows, S frames, V = 18 joints, L = 17 bones, X = 59.
"""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from dancegen.body.joints import L_ANKLE, R_ANKLE
from dancegen.body.sequence import ANKLE_HEIGHT, BONE_COUNT, BONE_LENGTHS, rooted_paths

FPS = 30
DIRECTIONS = slice(0, 3 * BONE_COUNT)
HEADING = slice(51, 53)
RATE = 53
SPEED = slice(54, 56)
HEIGHT = 56
CONTACT = slice(57, 59)
CHANNELS = 59
ANKLES = [R_ANKLE, L_ANKLE]
STILL = 0.25  # body heights a second: an ankle slower than this ...
NEAR = 0.035  # ... and lower than this above where it stands is in contact


def heading_of(directions: Tensor) -> Tensor:
    """The angle (..., ) in radians by which bodies (..., L, 3) are turned from the camera, as `facing.yaw`."""
    shoulders = BONE_LENGTHS[0] * (directions[..., 0, :] - directions[..., 1, :])
    hips = BONE_LENGTHS[6] * (directions[..., 6, :] - directions[..., 9, :])
    right = 0.5 * shoulders + hips
    return torch.atan2(right[..., 2], -right[..., 0])


def rotate_vectors(vectors: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Vectors (..., K, 3) about the vertical by an angle of that cosine and sine (...)."""
    x, y, z = vectors.unbind(-1)
    c, s = cosine[..., None], sine[..., None]
    return torch.stack([x * c + z * s, y, z * c - x * s], dim=-1)


@functools.cache
def paths() -> Tensor:
    """(V, L): bone lengths from the mid-hip to each joint."""
    return torch.from_numpy(rooted_paths())


def to_channels(directions: Tensor, root: Tensor, camera: Tensor | None = None) -> Tensor:
    """Directions (B, S, L, 3) and mid-hip (B, S, 3), in the first camera's frame, to numbers (B, S, X).

    `camera` (B, S), radians, is by how much more the dancer is turned as each frame's camera sees it; None: it stands.
    """
    heading = heading_of(directions)  # (B, S)
    cosine, sine = heading.cos(), heading.sin()
    seen = heading if camera is None else heading + camera
    body = rotate_vectors(directions, cosine, -sine)  # (B, S, L, 3)
    speed = torch.gradient(root, spacing=1 / FPS, dim=1)[0]
    speed = rotate_vectors(speed[..., None, :], cosine, -sine)[..., 0, :]  # (B, S, 3)
    contact = contacts(paths().to(root) @ directions + root[..., None, :])
    facing = torch.stack([seen.cos(), seen.sin(), turning_rate(heading)], dim=-1)
    said = [body.flatten(2), facing, speed[..., [0, 2]], root[..., 1:2], contact]
    return torch.cat(said, dim=-1)


def turning_rate(heading: Tensor) -> Tensor:
    """Radians a second (..., S) from the frame before, the short way round; the first as the second."""
    step = torch.diff(heading, dim=-1)
    rate = torch.atan2(step.sin(), step.cos()) * FPS
    return torch.cat([rate[..., :1], rate], dim=-1)


def contacts(joints: Tensor) -> Tensor:
    """Whether each ankle of (B, S, V, 3) stands on the floor y = 0: (B, S, 2) of 0 and 1."""
    ankle = joints[..., ANKLES, :]
    speed = torch.gradient(ankle, spacing=1 / FPS, dim=1)[0].norm(dim=-1)  # (B, S, 2)
    above = -ankle[..., 1] - ANKLE_HEIGHT
    return ((speed < STILL) & (above < NEAR)).to(joints.dtype)


def unit_directions(channels: Tensor) -> Tensor:
    """The bones' directions (B, S, L, 3) of length 1 in the heading's frame."""
    return torch.nn.functional.normalize(channels[..., DIRECTIONS].unflatten(-1, (BONE_COUNT, 3)), dim=-1, eps=1e-4)


def heading_turn(channels: Tensor) -> tuple[Tensor, Tensor]:
    """Cosine and sine (..., S) of the heading in the first camera's frame: the first that was seen, and all turning."""
    first = torch.atan2(channels[..., :1, HEADING.start + 1], channels[..., :1, HEADING.start])
    rate = channels[..., RATE] / FPS
    heading = first + torch.cat([torch.zeros_like(first), rate[..., 1:].cumsum(-1)], dim=-1)
    return heading.cos(), heading.sin()


def body_of(channels: Tensor) -> Tensor:
    """Forward kinematics of the body alone: numbers (B, S, X) to joints (B, S, V, 3) about the mid-hip, heading 0."""
    return paths().to(channels) @ unit_directions(channels)


def place(channels: Tensor) -> Tensor:
    """Forward kinematics, FK of the paper: numbers (B, S, X) to joints (B, S, V, 3); the first mid-hip at x = z = 0."""
    return rotate_vectors(body_of(channels), *heading_turn(channels)) + floor_path(channels)[..., None, :]


def floor_path(channels: Tensor) -> Tensor:
    """The mid-hip (B, S, 3): the sum of its speeds, from x = z = 0, and its height."""
    cosine, sine = heading_turn(channels)
    speed = torch.nn.functional.pad(channels[..., SPEED], (0, 1))[..., [0, 2, 1]]  # (B, S, 3), y 0
    step = rotate_vectors(speed[..., None, :], cosine, sine)[..., 0, :] / FPS
    way = torch.cat([torch.zeros_like(step[:, :1]), (step[:, 1:] + step[:, :-1]).cumsum(1) / 2], dim=1)
    return torch.stack([way[..., 0], channels[..., HEIGHT], way[..., 2]], dim=-1)


def canonical_numbers(channels: Tensor) -> Tensor:
    """Numbers with the directions and the heading of length 1 again and contacts within 0..1."""
    seen = torch.nn.functional.normalize(channels[..., HEADING], dim=-1, eps=1e-4)
    parts = [unit_directions(channels).flatten(-2), seen, channels[..., RATE : CONTACT.start]]
    return torch.cat([*parts, channels[..., CONTACT].clamp(0, 1)], dim=-1)
