"""The imagination: from plain noise and what is heard to the codes of a phrase, by a flow.

A phrase is a row of tokens, one for each of its beats: a few numbers that draw what lies around it. Neighbouring
beats overlap: each draws REACH poses to both sides, faded in and out so that squares of the shares sum to one, as a
lapped transform does (`PhraseBasis`); phrases of any number of beats are drawn by the same directions. Of all rows
only some mean dancing; this network carries draws from N(0, 1) there, along a velocity field that was learned by flow
matching (Lipman et al., "Flow Matching for Generative Modeling", ICLR 2023): what comes out is a new phrase that
suits the music, the style and the phrases beside it. Its blocks scan the beats forward and backward, as the STGM
blocks scan the pieces. No phrase of the training dances is stored.

Glossary: B batch, K tokens of a phrase, D numbers of a token, U = 4 units of a phrase, A = sound features of a unit,
W width; Q phrases, G = STEPS (K - 1) + 1 poses by the beat (`sketch.py`), N = 2 REACH + 1, C = POSE_VALUES.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dancegen.choreographers.finish.frame import STANDING
from dancegen.choreographers.stg_mamba.config import ARM_STYLES, POSE_VALUES, STYLES, ChoreographerConfig
from dancegen.choreographers.stg_mamba.counting import BEATS_OF_UNIT, UNITS
from dancegen.choreographers.stg_mamba.hearing import UNIT_SOUND
from dancegen.choreographers.stg_mamba.sketch import EDGE, STEPS
from dancegen.choreographers.stg_mamba.stgm import SelectiveScan

REACH = STEPS - 1  # poses to each side of a beat that its token draws
REST_HEIGHT = -0.50  # body heights: the mid-hip of a dancer with bent knees
TIME_WAVES = 8
USUAL_PERIOD = 0.55  # seconds per beat
FACTS = 3  # log period, in three, spins
SHARED = 2 * EDGE + 1  # tokens that a phrase shares with each of those beside it
PLACES = 9  # numbers that say where in a phrase a token is


class Prior(nn.Module):
    """The velocity at which a phrase's noise moves at a time of the flow."""

    own: float | None = None  # the size of a style that was learnt (`learnt.py`)

    def __init__(self, config: ChoreographerConfig) -> None:
        super().__init__()
        width, token = config.prior, config.token
        self.hear = nn.Sequential(nn.Linear(UNIT_SOUND, width), nn.LayerNorm(width), nn.SiLU(), nn.Linear(width, width))
        self.deaf = nn.Parameter(torch.zeros(width))  # stands for what is heard where nothing is to be heard
        self.place = nn.Linear(PLACES, width)
        self.facts = nn.Linear(FACTS + 2 * TIME_WAVES, width)
        self.style, self.arms = nn.Embedding(len(STYLES), width), nn.Embedding(len(ARM_STYLES), width)
        self.enter = nn.Linear(2 * token + 1, width)
        self.blocks = nn.ModuleList(PriorBlock(config) for _ in range(config.prior_blocks))
        self.norm = nn.LayerNorm(width)
        self.leave = nn.Linear(width, token)
        nn.init.zeros_(self.leave.weight)

    def condition(self, sound: Tensor, heard: Tensor, facts: Tensor, style: Tensor, meter: int) -> Tensor:
        """What the velocity depends on besides place, time and the phrases beside, once for all steps: (B, K, W).

        Args:
            sound: (B, U, A) of `hearing.unit_sound`.
            heard: (B,) 1, or 0 to be deaf to it.
            facts: (B, FACTS).
            style: (B, 2) whose steps, index into STYLES, and whose arms, index into ARM_STYLES.
            meter: beats of a bar, 3 or 4.
        """
        units, places = token_places(meter)
        ear = torch.where(heard[:, None, None] > 0, self.hear(sound), self.deaf)  # (B, U, W)
        ear = ear[:, units.to(sound.device)] + ear.mean(dim=1, keepdim=True)  # (B, K, W)
        waves = torch.zeros(len(sound), 2 * TIME_WAVES, device=sound.device)
        alike = self.facts(torch.cat([facts, waves], dim=1)) + self.style(style[:, 0])
        alike = alike + self.arms(style[:, 1])
        return ear + self.place(places.to(sound.device)) + alike[:, None]

    def forward(self, place: Tensor, beside: Tensor, time: Tensor, told: Tensor) -> Tensor:
        """Velocity (B, K, D) at `place` (B, K, D); `beside` (B, K, D + 1) of `common_codes`.

        `time` (N,) in 0..1 and `told` (N, K, W) may be one for every B / N rows that follow each other.
        """
        angle = time[:, None] * math.pi * 2.0 ** torch.arange(TIME_WAVES, device=time.device) / 2
        waves = torch.cat([angle.sin(), angle.cos()], dim=1)  # (B, 2 TIME_WAVES)
        told = F.silu(told + F.linear(waves, self.facts.weight[:, FACTS:])[:, None])
        x = self.enter(torch.cat([place, beside], dim=2))  # (B, K, W)
        for block in self.blocks:
            x = block(x, told)
        return self.leave(F.silu(self.norm(x)))


class PriorBlock(nn.Module):
    """Scans forward and backward over the beats, then a layer for each of them; scale and shift are told."""

    def __init__(self, config: ChoreographerConfig) -> None:
        super().__init__()
        width = config.prior
        self.norms = nn.ModuleList(nn.LayerNorm(width, elementwise_affine=False) for _ in range(2))
        self.tell = nn.Linear(width, 4 * width)
        self.forth, self.back = (
            SelectiveScan(width, config.state, 1, 2 * config.head_width, config.conv_width) for _ in range(2)
        )
        self.first, self.second = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, x: Tensor, told: Tensor) -> Tensor:
        """(B, K, W) and what is told to them, (N, K, W) with N a divisor of B -> (B, K, W)."""
        change = self.tell(told).repeat_interleave(len(x) // len(told), dim=0)  # (B, K, 4 W)
        scale, shift, later_scale, later_shift = change.chunk(4, dim=-1)
        y = self.norms[0](x) * (1 + scale) + shift
        x = x + self.forth(y) + self.back(y.flip(1)).flip(1)
        y = self.norms[1](x) * (1 + later_scale) + later_shift
        return x + self.second(F.silu(self.first(y)))


def token_places(meter: int) -> tuple[Tensor, Tensor]:
    """The unit that each token belongs to, (K,) int, and where it is, (K, PLACES)."""
    unit = BEATS_OF_UNIT[meter]
    beat = torch.arange(UNITS * unit + 2 * EDGE + 1) - EDGE  # (K,)
    turns = 2 * math.pi * beat[:, None] / torch.tensor([unit, 2 * unit, UNITS * unit])
    ends = torch.stack([beat < 0, beat > UNITS * unit, torch.full_like(beat, meter == 3)], dim=1)
    return (beat // unit).clamp(0, UNITS - 1), torch.cat([turns.sin(), turns.cos(), ends], dim=1).float()


def common_codes(before: Tensor, after: Tensor, known: Tensor) -> Tensor:
    """What a phrase shares with those beside it: codes (B, K, D) of both, and known (B, 2) which are: (B, K, D + 1)."""
    out = torch.zeros(*before.shape[:2], before.shape[2] + 1, device=before.device)
    for codes, side, mine, theirs in (
        (before, known[:, 0], slice(0, SHARED), slice(-SHARED, None)),
        (after, known[:, 1], slice(-SHARED, None), slice(0, SHARED)),
    ):
        out[:, mine, :-1] = codes[:, theirs] * side[:, None, None]
        out[:, mine, -1] = side[:, None]
    return out


def token_count(beats: int) -> int:
    """K of a phrase of so many beats."""
    return beats + 2 * EDGE + 1


def shares() -> np.ndarray:
    """The share (N,) float32 that a beat has in the poses around it, to be applied in both directions."""
    return np.cos(np.pi * np.arange(-REACH, REACH + 1) / (2 * STEPS)).astype(np.float32)


class PhraseBasis(nn.Module):
    """Codes to phrases.

    Attributes:
        rest: (C,) the mean pose.
        vectors: (D, N, C) the directions in which the surroundings of a beat differ.
        spread: (D,) deviation of each number over phrases.
        sizes: (S, D) how much larger each number is over the phrases of a style of steps than the prior draws it.
    """

    rest: Tensor
    vectors: Tensor
    spread: Tensor
    sizes: Tensor

    def __init__(self, config: ChoreographerConfig) -> None:
        super().__init__()
        # in numpy: on the meta device a root or a norm imports PyTorch's compiler, for seconds
        directions = np.asarray(STANDING) / np.linalg.norm(STANDING, axis=-1, keepdims=True)  # (L, 3)
        standing = np.array([*directions.flatten(), 0.0, REST_HEIGHT, 0.0], np.float32)
        self.register_buffer("rest", torch.from_numpy(standing))  # until phrases are known
        self.register_buffer("vectors", torch.zeros(config.token, 2 * REACH + 1, POSE_VALUES))
        self.register_buffer("spread", torch.ones(config.token))
        self.register_buffer("sizes", torch.ones(len(STYLES), config.token))

    def forward(self, codes: Tensor) -> Tensor:
        """(Q, K, D) -> pose values (Q, G, C)."""
        share = torch.from_numpy(shares()).to(codes)
        drawn = (codes @ (self.vectors * share[:, None]).flatten(1)).unflatten(-1, self.vectors.shape[1:])  # (Q,K,N,C)
        count = codes.shape[1]
        out = torch.zeros(len(codes), STEPS * (count - 1) + 2 * STEPS, POSE_VALUES, device=codes.device)
        for first in (0, 1):  # every second beat touches no other
            part = drawn[:, first::2]
            flat = torch.nn.functional.pad(part, (0, 0, 0, 1)).flatten(1, 2)  # (Q, 2 STEPS K / 2, C)
            out[:, first * STEPS : first * STEPS + flat.shape[1]] += flat[:, : out.shape[1] - first * STEPS]
        return self.rest + out[:, REACH : REACH + STEPS * (count - 1) + 1]
