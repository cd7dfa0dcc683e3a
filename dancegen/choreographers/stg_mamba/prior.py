"""The imagination: from plain noise and what is heard to the code of a phrase, by a flow.

A code says a phrase in the basis in which dance phrases differ (`model.PhraseBasis`). Of all codes only some mean
dancing; this network carries a draw from N(0, 1) there, along a velocity field that was learned by flow matching
(Lipman et al., "Flow Matching for Generative Modeling", ICLR 2023): what comes out is a new phrase that suits the
music, the style and the phrase before. No phrase of the training dances is stored.

Glossary: B batch, D numbers of a code, U = 4 units of a phrase, A = sound features of a unit, W width.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dancegen.choreographers.stg_mamba.config import STYLES, ChoreographerConfig
from dancegen.choreographers.stg_mamba.counting import UNITS
from dancegen.choreographers.stg_mamba.hearing import UNIT_SOUND

TIME_WAVES = 8
USUAL_PERIOD = 0.55  # seconds per beat
FACTS = 4  # log period, in three, spins, whether there is a phrase before


class Prior(nn.Module):
    """The velocity at which a phrase's noise moves at a time of the flow."""

    def __init__(self, config: ChoreographerConfig) -> None:
        super().__init__()
        width, code = config.prior, config.code
        self.hear = nn.Sequential(
            nn.Linear(UNITS * UNIT_SOUND, width), nn.LayerNorm(width), nn.SiLU(), nn.Linear(width, width)
        )
        self.deaf = nn.Parameter(torch.zeros(width))  # stands for what is heard where nothing is to be heard
        self.before = nn.Linear(code, width)
        self.facts = nn.Linear(FACTS + 2 * TIME_WAVES, width)
        self.style = nn.Embedding(len(STYLES), width)
        self.enter = nn.Linear(code, width)
        self.blocks = nn.ModuleList(_Block(width) for _ in range(config.prior_blocks))
        self.norm = nn.LayerNorm(width)
        self.leave = nn.Linear(width, code)
        nn.init.zeros_(self.leave.weight)

    def told(self, sound: Tensor, heard: Tensor, before: Tensor, facts: Tensor, style: Tensor) -> Tensor:
        """What the velocity depends on besides place and time, once for all steps: (B, W).

        Args:
            sound: (B, U, A) of `hearing.unit_sound`.
            heard: (B,) 1, or 0 to be deaf to it.
            before: (B, D) code of the phrase before; of no matter where facts say that there is none.
            facts: (B, FACTS).
            style: (B,) index into STYLES.
        """
        ear = torch.where(heard[:, None] > 0, self.hear(sound.flatten(1)), self.deaf)
        last = self.before(before) * facts[:, -1:]
        waves = torch.zeros(len(sound), 2 * TIME_WAVES, device=sound.device)
        return ear + last + self.facts(torch.cat([facts, waves], dim=1)) + self.style(style)

    def forward(self, place: Tensor, time: Tensor, told: Tensor) -> Tensor:
        """Velocity (B, D) at `place` (B, D) and `time` (B,) in 0..1."""
        angle = time[:, None] * math.pi * 2.0 ** torch.arange(TIME_WAVES, device=time.device) / 2
        waves = torch.cat([angle.sin(), angle.cos()], dim=1)  # (B, 2 TIME_WAVES)
        told = told + F.linear(waves, self.facts.weight[:, FACTS:])
        x = self.enter(place)
        for block in self.blocks:
            x = block(x, told)
        return self.leave(F.silu(self.norm(x)))


class _Block(nn.Module):
    """A residual layer whose scale and shift are told."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.tell = nn.Linear(width, 2 * width)
        self.first, self.second = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, x: Tensor, told: Tensor) -> Tensor:
        scale, shift = self.tell(F.silu(told)).chunk(2, dim=-1)
        return x + self.second(F.silu(self.first(self.norm(x) * (1 + scale) + shift)))
