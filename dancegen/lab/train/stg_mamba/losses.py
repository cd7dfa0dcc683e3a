"""The losses of the choreographer and their weights, in one place.

The paper: pose perceptual + feature matching + L1 (200 in its predecessor). Added here: the adversarial loss that
feature matching presupposes, L1 on velocity, acceleration and the speed curve that makes the beat, and the
divergence of the posterior from the noise.

Glossary: B batch, T poses, V joints, Q units, Z noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from dancegen.body.joints import BEAT_JOINTS, L_ANKLE, R_ANKLE


@dataclass(frozen=True)
class LossWeights:
    """What each loss counts; positions in body heights, velocities per second."""

    position: float = 200.0
    velocity: float = 20.0
    acceleration: float = 0.1
    speed: float = 6.0
    standing: float = 1.5
    turning: float = 0.3
    perceptual: float = 1.0
    matching: float = 1.0
    adversarial: float = 0.3


PERCEPTUAL_LAYERS = (20.0, 5.0, 1.0, 1.0)  # the predecessor's weights of the ST-GCN's layers
FPS = 30.0
JOINT_WEIGHTS = (0.5, 1.0, 1.0, 1.2, 1.5, 1.0, 1.2, 1.5, 1.2, 2.0, 3.0, 1.2, 2.0, 3.0, 0.4, 0.4, 0.4, 0.4)


def reconstruction(made: Tensor, real: Tensor) -> dict[str, Tensor]:
    """L1 of positions, velocities, accelerations, the speed curve and the speed of standing feet, (B, T, V, 3) each."""
    weights = torch.tensor(JOINT_WEIGHTS, device=made.device)[:, None]
    gap = (made - real) * weights
    velocity = (gap[:, 1:] - gap[:, :-1]) * FPS
    acceleration = (velocity[:, 1:] - velocity[:, :-1]) * FPS
    made_speed, real_speed = _speeds(made), _speeds(real)  # (B, T - 1, V)
    beat = list(BEAT_JOINTS)
    curve = made_speed[..., beat].mean(-1) - real_speed[..., beat].mean(-1)  # (B, T - 1)
    feet = [R_ANKLE, L_ANKLE]
    standing = torch.exp(-real_speed[..., feet] / 0.1)  # 1 for a foot that stands
    return {
        "position": gap.abs().mean(),
        "velocity": velocity.abs().mean(),
        "acceleration": acceleration.abs().mean(),
        "speed": curve.abs().mean(),
        "standing": (made_speed[..., feet] * standing).sum() / standing.sum().clamp_min(1),
    }


def _speeds(joints: Tensor) -> Tensor:
    return ((joints[:, 1:] - joints[:, :-1]).square().sum(-1) + 1e-8).sqrt() * FPS


def feature_gap(made: list[Tensor], real: list[Tensor], weights: tuple[float, ...] | None = None) -> Tensor:
    """The weighted mean L1 between the features of two dances, layer by layer."""
    weights = weights or (1.0,) * len(made)
    gaps = [w * (a - b.detach()).abs().mean() for w, a, b in zip(weights, made, real, strict=True)]
    return torch.stack(gaps).sum() / sum(weights)
