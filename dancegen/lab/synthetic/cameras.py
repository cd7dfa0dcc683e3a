"""Casual cameras around a dancer: they stand, follow, zoom, shake and cut.

Glossary: B windows, S frames at 30 a second, K shots of a window, V = 18 joints. Lengths in body heights.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

SHOTS = 4  # K, at most
FPS = 30
METRE = 1 / 1.72  # body heights
LAG = 13  # frames, 0.4 s, over which the aim of a camera that follows is smoothed
PICTURES = ((16, 9), (9, 16), (4, 3), (1, 1))  # shapes of pictures
TALL = 720.0  # pixels


@dataclass(frozen=True)
class Casual:
    """How casual a video is: shares of windows that have each trouble.

    Attributes:
        moving: a camera that pans, travels, zooms and shakes.
        cuts: one to three cuts.
        close: shots of a part of the body.
        occlusion: things that hide joints, moments without anybody.
        drop: joints that the detector leaves out for half a second.
        noise: of the detector, body heights, from and to.
        faults: swapped sides and jumps of joints, low frame rates.
    """

    moving: float = 0.6
    cuts: float = 0.4
    close: float = 0.25
    occlusion: float = 0.4
    drop: float = 0.4
    noise: tuple[float, float] = (0.004, 0.018)
    faults: float = 0.5


LEVELS = {  # of the evaluation; what all of them have is the detector's noise
    "A": Casual(0, 0, 0, 0, 0, (0.006, 0.012), 0),
    "B": Casual(1, 0, 0, 0, 0, (0.006, 0.012), 0),
    "C": Casual(0, 1, 0, 0, 0, (0.006, 0.012), 0),
    "D": Casual(0, 0, 0.5, 1, 0, (0.006, 0.012), 0),
    "E": Casual(1, 1, 0.25, 1, 0.5, (0.006, 0.018), 1),
}


class Film(NamedTuple):
    """What cameras saw.

    points (B, S, V, 2) pixels; depth (B, S, V) along the view; cut (B, S) bool, the first frame of a new shot; size
    (B, 2) pixels; yaw (B, S) radians, where the camera stands around the dancer, and view (B, S, 3, 3), from the
    dancer's axes to the camera's; lens (B, S, 3, 4), from places to pixels times distance and distance.
    """

    points: Tensor
    depth: Tensor
    cut: Tensor
    size: Tensor
    yaw: Tensor
    view: Tensor
    lens: Tensor


def draw_uniform(generator: torch.Generator, shape: tuple[int, ...], low: float, high: float) -> Tensor:
    """Numbers between two others."""
    return low + (high - low) * torch.rand(shape, generator=generator)


def film(joints: Tensor, casual: Casual, generator: torch.Generator) -> Film:
    """Film joints (B, S, V, 3), canonical axes, with cameras drawn at random."""
    count, frames = joints.shape[:2]
    cut = draw_cuts(count, frames, casual, generator)
    shot = cut.long().cumsum(1)  # (B, S)
    moves = torch.rand(count, generator=generator)[:, None] < casual.moving  # (B, 1)

    def track(base: Tensor, reach: float, slow: float, quick: float) -> Tensor:
        """Values of shots (B, K) as tracks (B, S): two slow waves of at most `reach`, where the camera moves."""
        wave = waves(generator, (count, SHOTS), frames, slow, quick) * reach  # (B, K, S)
        whole = base[..., None] + wave * moves[..., None]
        return whole.gather(1, shot[:, None]).squeeze(1)

    shape = (count, SHOTS)
    drift = draw_uniform(generator, shape, -0.4, 0.4)[..., None] * torch.arange(frames) / FPS * moves[..., None]
    yaw = track(draw_uniform(generator, shape, 0, 2 * math.pi), 0.5, 0.05, 0.3)
    yaw = yaw + drift.gather(1, shot[:, None]).squeeze(1)
    near = torch.rand(shape, generator=generator) < casual.close
    fills = torch.where(near, draw_uniform(generator, shape, 1.0, 2.2), draw_uniform(generator, shape, 0.35, 0.9))
    zoom = track(fills.log(), 0.3, 0.05, 0.4).exp()  # of the picture's height that the body would fill
    far = track(draw_uniform(generator, shape, 2.0, 7.0).mul(METRE).log(), 0.25, 0.05, 0.3).exp()
    above = track(draw_uniform(generator, shape, 0.4, 2.2) * METRE, 0.2, 0.05, 0.3)
    roll = track(torch.randn(shape, generator=generator) * 0.05, 0.03, 0.1, 0.5)
    aim_height = torch.where(near, draw_uniform(generator, shape, 0.2, 0.85), draw_uniform(generator, shape, 0.4, 0.6))
    aim = aims(joints, moves, generator)  # (B, S, 2)
    height = track(aim_height, 0.05, 0.05, 0.3)
    view = views(yaw, torch.atan2(above - height, far), roll)  # (B, S, 3, 3)
    target = torch.stack([aim[..., 0], -height, aim[..., 1]], dim=-1)  # (B, S, 3)
    seen = torch.einsum("bsij,bsvj->bsvi", view, joints - target[..., None, :])  # (B, S, V, 3)
    depth = (seen[..., 2] + far[..., None]).clamp(min=0.2)
    size = torch.tensor(PICTURES, dtype=torch.float32)[torch.randint(len(PICTURES), (count,), generator=generator)]
    size = size / size.amin(1, keepdim=True) * TALL
    shake = [track(draw_uniform(generator, shape, -0.1, 0.1), 0.02, 0.5, 2.0) for _ in range(2)]
    middle = size[:, None] * 0.5 + torch.stack(shake, dim=-1) * size[:, None, 1:]  # (B, S, 2)
    focal = zoom * far * size[:, 1:]  # (B, S)
    points = seen[..., :2] / depth[..., None] * focal[..., None, None] + middle[..., None, :]
    return Film(points, seen[..., 2], cut, size, yaw, view, lenses(view, target, far, focal, middle))


def lenses(view: Tensor, target: Tensor, far: Tensor, focal: Tensor, middle: Tensor) -> Tensor:
    """Projections (B, S, 3, 4) of cameras that look at `target` (B, S, 3) from `far` (B, S) along the view."""
    zero = torch.zeros_like(far)
    shift = -(view @ target[..., None])[..., 0] + torch.stack([zero, zero, far], dim=-1)  # (B, S, 3)
    inside = torch.stack(
        [
            torch.stack([focal, zero, middle[..., 0]], dim=-1),
            torch.stack([zero, focal, middle[..., 1]], dim=-1),
            torch.stack([zero, zero, torch.ones_like(far)], dim=-1),
        ],
        dim=-2,
    )
    return inside @ torch.cat([view, shift[..., None]], dim=-1)


def draw_cuts(count: int, frames: int, casual: Casual, generator: torch.Generator) -> Tensor:
    """(B, S) bool, True on the first frame of each new shot."""
    number = torch.randint(1, SHOTS, (count, 1), generator=generator)
    number = number * (torch.rand(count, 1, generator=generator) < casual.cuts)
    at = torch.randint(8, frames - 8, (count, SHOTS - 1), generator=generator)
    cut = torch.zeros(count, frames, dtype=torch.bool)
    return cut.scatter(1, at, torch.arange(SHOTS - 1) < number)


def waves(generator: torch.Generator, shape: tuple[int, ...], frames: int, slow: float, quick: float) -> Tensor:
    """Two sines of `slow` to `quick` a second, together within -1..1: (*shape, S)."""
    rate = draw_uniform(generator, (*shape, 2, 1), slow, quick)
    phase = draw_uniform(generator, (*shape, 2, 1), 0, 2 * math.pi)
    share = torch.rand((*shape, 2, 1), generator=generator) / 2
    return (share * (2 * math.pi * rate * torch.arange(frames) / FPS + phase).sin()).sum(-2)


def aims(joints: Tensor, moves: Tensor, generator: torch.Generator) -> Tensor:
    """Where over the floor (B, S, 2) cameras look: where they stand the mean place, where they follow, late."""
    place = joints[..., [8, 11], :].mean(-2)[..., [0, 2]]  # (B, S, 2)
    late = torch.nn.functional.pad(place.transpose(1, 2), (LAG - 1, 0), mode="replicate")
    late = torch.nn.functional.avg_pool1d(late, LAG, stride=1).transpose(1, 2)
    follows = moves & (torch.rand(moves.shape, generator=generator) < 0.7)
    return torch.where(follows[..., None], late, place.mean(1, keepdim=True))


def views(yaw: Tensor, pitch: Tensor, roll: Tensor) -> Tensor:
    """Rotations (..., 3, 3) from the dancer's axes about the vertical (`movement.rotate_vectors`), down and view."""
    zero, one = torch.zeros_like(yaw), torch.ones_like(yaw)

    def matrix(*rows: Tensor) -> Tensor:
        return torch.stack(rows, dim=-1).unflatten(-1, (3, 3))

    about = matrix(yaw.cos(), zero, yaw.sin(), zero, one, zero, -yaw.sin(), zero, yaw.cos())
    down = matrix(one, zero, zero, zero, pitch.cos(), -pitch.sin(), zero, pitch.sin(), pitch.cos())
    tilt = matrix(roll.cos(), -roll.sin(), zero, roll.sin(), roll.cos(), zero, zero, zero, one)
    return tilt @ down @ about
