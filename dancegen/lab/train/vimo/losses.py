"""What the motion network is trained to: equations 3 to 7 of the paper, contacts, and reprojection.

Glossary: B windows, S frames, X = 59 numbers of a frame, V = 18 joints. Losses of joints are in tenths of a body
height, so that all are of one size.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from dancegen.body.joints import BEAT_JOINTS
from dancegen.capture.movement import (
    ANKLES,
    CONTACT,
    FPS,
    HEIGHT,
    RATE,
    SPEED,
    body_of,
    heading_turn,
    place,
    rotate_vectors,
)
from dancegen.dances.metrics import SPEED_SMOOTHING

TENTH = 10.0
BEAT = list(BEAT_JOINTS)
SLIGHT = 0.1  # tenths of a body height below which a distance counts by its square: there it is the detector's noise
SLIGHT_STEP = 0.01  # likewise of the distances of steps from frame to frame
BEAT_FRAMES = SPEED_SMOOTHING * FPS  # sigma of the Gaussian that beats are found behind


@dataclass(frozen=True)
class LossWeights:
    """The weights; `joints`, `velocity` and `foot` are lambda 1-3 of equation 7.

    The paper's FK loss is of joints in the world. Here that is `path`, with a small weight: a wrong heading or way,
    which a moving camera hides, would outweigh the pose, which it shows. `joints` is of the body in its own heading.
    Joints, path and velocity count by their distance, not its square: small errors are what the rhythm is lost in.
    With these weights the gradients, by the weights of the network, of none are more than twice those of `simple`.
    """

    simple: float = 1.0
    joints: float = 1.0
    path: float = 0.05
    turn: float = 0.5
    velocity: float = 5.0
    pace: float = 5.0
    acceleration: float = 1.0
    foot: float = 1.0
    contact: float = 0.1
    reprojection: float = 0.5


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
    away = (joints - true) * TENTH
    moves, moved = local_steps(made) * TENTH, local_steps(clean) * TENTH  # (B, S - 1, V, 3)
    standing = made[..., CONTACT].clamp(0, 1)[:, 1:, :, None]  # the network's own, as the paper says
    turn = heading_turn(clean)
    flat = torch.einsum("bsij,bsvj->bsvi", view, rotate_vectors(body, *turn))[..., :2]  # at the mid-hip's depth
    return {
        "simple": ((made - clean) / spread).square().mean(),
        "joints": distance(body, SLIGHT).mean(),
        "path": distance(away - away.mean((1, 2), keepdim=True), SLIGHT).mean(),
        "turn": turn_loss(heading_turn(made), turn),
        "velocity": distance(moves - moved, SLIGHT_STEP).mean(),
        "pace": pace_loss(moves, moved),
        "acceleration": steps(steps(body)).square().sum(-1).mean(),
        "foot": (steps(joints[..., ANKLES, :]) * standing * TENTH).square().sum(-1).mean(),
        "contact": F.binary_cross_entropy(made[..., CONTACT].clamp(0.01, 0.99), clean[..., CONTACT]),
        "reprojection": (flat.square().sum(-1) * seen).sum() / seen.sum().clamp(min=1),
    }


def local_steps(moved: Tensor) -> Tensor:
    """How joints move from frame to frame in space, seen in the body's heading between the two: (B, S, X) to
    (B, S - 1, V, 3) body heights. Of two frames alone: a heading or a way that is wrong elsewhere does not count."""
    body, turn = body_of(moved), moved[:, 1:, RATE] / FPS / 2
    before = rotate_vectors(body[:, :-1], turn.cos(), -turn.sin())
    after = rotate_vectors(body[:, 1:], turn.cos(), turn.sin())
    aside, away = ((moved[:, 1:, SPEED] + moved[:, :-1, SPEED]) / 2 / FPS).unbind(-1)
    way = torch.stack([aside, steps(moved[..., HEIGHT]), away], dim=-1)
    return after - before + way[:, :, None]


def pace_loss(made: Tensor, true: Tensor) -> Tensor:
    """How much paces, and their changes, differ, of steps (B, S - 1, V, 3): where they are least are the beats."""
    gap = paces(made) - paces(true)
    return gap.abs().mean() + steps(gap).abs().mean() * BEAT_FRAMES


def paces(moves: Tensor) -> Tensor:
    """The mean speed of the joints that beats are found by, smoothed as beats are: steps (B, S - 1, V, 3) to
    (B, S - 1), tenths of a body height a frame."""
    speed = (moves[:, :, BEAT].square().sum(-1) + 1e-6).sqrt().mean(-1)
    reach = math.ceil(3 * BEAT_FRAMES)
    kernel = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / BEAT_FRAMES).square()).to(speed)
    padded = F.pad(speed[:, None], (reach, reach), mode="replicate")
    return F.conv1d(padded, (kernel / kernel.sum())[None, None])[:, 0]


def distance(vectors: Tensor, slight: float) -> Tensor:
    """The length of vectors (..., 3), less than `slight` by its square (Charbonnier): (...)."""
    return (vectors.square().sum(-1) + slight**2).sqrt() - slight


def turn_loss(made: tuple[Tensor, Tensor], true: tuple[Tensor, Tensor]) -> Tensor:
    """How much headings (cosine, sine: (B, S)) differ by more than one turn of the whole window: 0..1."""
    along = (made[0] * true[0] + made[1] * true[1]).mean(-1)
    across = (made[1] * true[0] - made[0] * true[1]).mean(-1)
    return (1 - (along.square() + across.square() + 1e-6).sqrt()).mean()


def steps(values: Tensor) -> Tensor:
    """From frame to frame: (B, S, ...) -> (B, S - 1, ...)."""
    return values[:, 1:] - values[:, :-1]
