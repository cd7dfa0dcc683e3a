"""Flow matching, by which a prior learns phrases; for the choreographer's training and for styles of a user's own.

Lipman et al., "Flow Matching for Generative Modeling", ICLR 2023: on the straight way from a draw of N(0, 1) to a
phrase's codes the velocity is known; the prior learns to predict it from the place on the way, the time and what the
phrase is danced to.

Glossary: N phrases, B batch, U = 4 units, K tokens of a phrase, D numbers of a token, A sound features.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from dancegen.choreographers.stg_mamba.prior import common_codes

DEAF = 0.12  # share of the steps' rows that hear nothing
ALONE = 0.5  # of the sides of phrases beside which nothing is known
STYLELESS = 0.1  # whose steps, whose arms are left to the music


class Velocity(Protocol):
    """What is trained: a `Prior`, or one with a style of its own."""

    def condition(self, sound: Tensor, heard: Tensor, facts: Tensor, style: Tensor, meter: int) -> Tensor:
        """See `Prior.condition`."""

    def __call__(self, place: Tensor, beside: Tensor, time: Tensor, told: Tensor) -> Tensor:
        """See `Prior.forward`."""


@dataclass(frozen=True)
class Phrases:
    """Phrases of one metre on music.

    Attributes:
        codes: (N, K, D).
        before, after: (N, K, D) of the phrases beside; zeros where there is none.
        known: (N, 2) whether there is one.
        sound: (N, U, A).
        facts: (N, 3) log of seconds per beat over 0.55, 1 in three, 1 with spins.
        style: (N, 2) index into STYLES of the steps, into ARM_STYLES of the arms.
    """

    codes: Tensor
    before: Tensor
    after: Tensor
    known: Tensor
    sound: Tensor
    facts: Tensor
    style: Tensor

    def __len__(self) -> int:
        return len(self.style)


def flow_loss(prior: Velocity, phrases: Phrases, rows: Tensor, meter: int, generator: torch.Generator) -> Tensor:
    """Mean squared error of the velocity, for the phrases `rows` (B,) of a meter."""
    count = len(rows)
    draw = torch.rand(5, count, generator=generator)
    goal = phrases.codes[rows]  # (B, K, D)
    noise = torch.randn(goal.shape, generator=generator)
    time = torch.sigmoid(torch.randn(count, generator=generator))  # more often in the middle of the way
    place = noise + time[:, None, None] * (goal - noise)
    known = phrases.known[rows] * (draw[:2].T > ALONE)
    beside = common_codes(phrases.before[rows], phrases.after[rows], known)
    style = phrases.style[rows] * (draw[[2, 4]].T >= STYLELESS)  # (B, 2)
    told = prior.condition(phrases.sound[rows], (draw[3] > DEAF).float(), phrases.facts[rows], style, meter)
    return F.mse_loss(prior(place, beside, time, told).float(), goal - noise)
