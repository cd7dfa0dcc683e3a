"""What the motion network is trained to: equations 3 to 7 of the paper, contacts, and reprojection.

Glossary: B windows, S frames, X = 58 numbers of a frame, V = 18 joints. Losses of joints are in tenths of a body
height, so that all are of one size.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from dancegen.capture.movement import ANKLES, CONTACT, HEADING, body_of, heading_turn, place, turned

TENTH = 10.0


@dataclass(frozen=True)
class LossWeights:
    """The weights; `joints`, `velocity` and `foot` are lambda 1-3 of equation 7.

    The paper's FK loss is of joints in the world. Here that is `path`, with a small weight: a wrong heading or way,
    which a moving camera hides, would outweigh the pose, which it shows. `joints` is of the body in its own heading.
    """

    simple: float = 1.0
    joints: float = 0.3
    path: float = 0.01
    velocity: float = 3.0
    acceleration: float = 1.0
    foot: float = 1.0
    contact: float = 0.1
    reprojection: float = 0.3


def losses(made: Tensor, clean: Tensor, spread: Tensor, view: Tensor, seen: Tensor) -> dict[str, Tensor]:
    """Each loss, unweighted, by its name in `LossWeights`.

    Args:
        made: (B, S, X) what the network says, in its own units (not in spreads).
        clean: (B, S, X) the truth.
        spread: (X,) of the numbers.
        view: (B, S, 3, 3) to the camera's axes.
        seen: (B, S, V) which joints are visible.
    """
    joints, true = place(made), place(clean)  # (B, S, V, 3)
    body = (body_of(made) - body_of(clean)) * TENTH  # (B, S, V, 3)
    rate = steps(made[..., : HEADING.stop]) - steps(clean[..., : HEADING.stop])
    standing = made[..., CONTACT].clamp(0, 1)[:, 1:, :, None]  # the network's own, as the paper says
    shown = turned(body, *heading_turn(clean))
    flat = torch.einsum("bsij,bsvj->bsvi", view, shown)[..., :2].square().sum(-1)  # at the mid-hip's depth
    return {
        "simple": ((made - clean) / spread).square().mean(),
        "joints": body.square().sum(-1).mean(),
        "path": ((joints - true) * TENTH).square().sum(-1).mean(),
        "velocity": (rate / spread[: HEADING.stop]).square().mean(),
        "acceleration": steps(steps(body)).square().sum(-1).mean(),
        "foot": (steps(joints[..., ANKLES, :]) * standing * TENTH).square().sum(-1).mean(),
        "contact": F.binary_cross_entropy(made[..., CONTACT].clamp(0.01, 0.99), clean[..., CONTACT]),
        "reprojection": (flat * seen).sum() / seen.sum().clamp(min=1),
    }


def steps(values: Tensor) -> Tensor:
    """From frame to frame: (B, S, ...) -> (B, S - 1, ...)."""
    return values[:, 1:] - values[:, :-1]
