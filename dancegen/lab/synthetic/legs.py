"""Squats and kicks: what dancers hardly do and people in casual videos do, laid over performances.

Hips go down between the standing feet while the trunk leans forward; feet are lifted forward, one after the other.
Knees follow by the law of cosines. Ankles of squats and hips of kicks stay where they were.

Glossary: B windows, S frames at 30 a second, V = 18 joints, L = 17 bones. Lengths in body heights, y down.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from dancegen.body.joints import ARM_BONES, L_ANKLE, L_HIP, LEG_BONES, R_ANKLE, R_HIP, TRUNK_BONES
from dancegen.capture.feet import bend_leg
from dancegen.capture.movement import FPS, heading_of, paths, rotate_vectors
from dancegen.lab.synthetic.cameras import draw_uniform

SQUATS, KICKS = 0.12, 0.16  # share of the windows
DEEP = (0.06, 0.28)  # that hips go down
LEAN = (1.2, 3.2)  # radians that the trunk leans forward, for each body height that hips go down
OUTWARD = (0.0, 0.7)  # of bent knees, against forward
SQUAT_SECONDS = (1.0, 4.0)  # from one squat to the next
KICK_SECONDS = (0.5, 1.6)  # likewise of kicks
SHARP = (1.0, 4.0)  # the power of the wave that a kick is: how short it is
HIGH, FAR = (0.03, 0.28), (0.05, 0.32)  # that a foot is lifted, and how far forward
LEGS = ((LEG_BONES[0], LEG_BONES[1], 1.0), (LEG_BONES[2], LEG_BONES[3], -1.0))  # thigh, shin, to the right or not


def squat_and_kick(directions: Tensor, root: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Some of the windows with squats, some with kicks: directions (B, S, L, 3) and mid-hip (B, S, 3)."""
    count, frames = directions.shape[:2]
    chance = torch.rand(count, 1, generator=generator)
    down = waves((count, frames), SQUAT_SECONDS, (1.0, 1.0), generator)[..., 0]  # (B, S)
    down = down * draw_uniform(generator, (count, 1), *DEEP) * (chance < SQUATS)
    kick = waves((count, frames), KICK_SECONDS, SHARP, generator) * (chance > 1 - KICKS)[..., None]  # (B, S, 2)
    reach = [draw_uniform(generator, (count, 1, 2), *span) * kick for span in (FAR, HIGH)]
    forward, right = facing(directions)  # (B, S, 3) each
    ankles = (paths() @ directions)[..., [R_ANKLE, L_ANKLE], :] + root[..., None, :]  # (B, S, 2, 3)
    goals = ankles + reach[0][..., None] * forward[..., None, :] - reach[1][..., None] * root.new_tensor([0, 1, 0])
    leaning = down * draw_uniform(generator, (count, 1), *LEAN)
    bent, lower = lean(directions, leaning), root + down[..., None] * root.new_tensor([0, 1, 0])
    splay = draw_uniform(generator, (count, 1, 1), *OUTWARD)
    hips = (paths() @ bent)[..., [R_HIP, L_HIP], :] + lower[..., None, :]
    for side, (thigh, shin, way) in enumerate(LEGS):
        knee = bend_leg(hips[..., side, :], goals[..., side, :], forward + way * splay * right)
        bent[..., thigh, :] = torch.nn.functional.normalize(knee - hips[..., side, :], dim=-1)
        bent[..., shin, :] = torch.nn.functional.normalize(goals[..., side, :] - knee, dim=-1)
    changed = (down > 0) | (kick.amax(-1) > 0)  # all else stays bit for bit
    return torch.where(changed[..., None, None], bent, directions), torch.where(changed[..., None], lower, root)


def waves(
    shape: tuple[int, int], period: tuple[float, float], sharp: tuple[float, float], generator: torch.Generator
) -> Tensor:
    """Two waves of 0..1 (B, S, 2), half a period apart, of `period` seconds, to a power `sharp`."""
    count, frames = shape
    rate = 1 / draw_uniform(generator, (count, 1, 1), *period)
    phase = torch.rand(count, 1, 1, generator=generator) + torch.tensor([0.0, 0.5])
    wave = 0.5 - 0.5 * (2 * math.pi * (rate * torch.arange(frames)[None, :, None] / FPS + phase)).cos()
    return wave ** draw_uniform(generator, (count, 1, 1), *sharp)


def facing(directions: Tensor) -> tuple[Tensor, Tensor]:
    """Where bodies (B, S, L, 3) look, level, and to their right: (B, S, 3) each."""
    heading = heading_of(directions)
    zero = torch.zeros_like(heading)
    right = torch.stack([-heading.cos(), zero, heading.sin()], dim=-1)
    return torch.stack([-heading.sin(), zero, -heading.cos()], dim=-1), right


def lean(directions: Tensor, angle: Tensor) -> Tensor:
    """The trunk, the head and the arms of directions (B, S, L, 3) leant forward by an angle (B, S)."""
    heading = heading_of(directions)
    body = rotate_vectors(directions, heading.cos(), -heading.sin())  # it faces the camera: forward is -z
    upper = [*TRUNK_BONES, *ARM_BONES]
    x, y, z = body[..., upper, :].unbind(-1)
    cosine, sine = angle.cos()[..., None], angle.sin()[..., None]
    body[..., upper, :] = torch.stack([x, y * cosine - z * sine, y * sine + z * cosine], dim=-1)
    return rotate_vectors(body, heading.cos(), heading.sin())
