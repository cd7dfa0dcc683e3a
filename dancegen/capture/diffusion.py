"""The diffusion: noise on a cosine schedule, and DDIM back, with guidance and with parts that are given (equation 8).

Time runs from 0, clean, to 1, noise alone.

Glossary: B windows, S frames, X numbers of movement, Y of 2D.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise

import torch
from torch import Tensor

from dancegen.capture.movement import canonical_numbers
from dancegen.capture.network import Memory, Vimo
from dancegen.capture.sight import FEATURES

OFFSET = 0.008  # of the cosine schedule (Nichol and Dhariwal 2021): some noise remains at time 0


@dataclass(frozen=True)
class Sampling:
    """How to sample.

    Attributes:
        steps: of DDIM; the paper has 50. With more poses are further off, and fewer beats are met.
        guidance: how far beyond the unconditioned movement; 1 is the conditioned one.
        spread: of the noise that sampling starts from; less than 1 keeps nearer to what is likeliest.
        others: likewise, of all samples of a clip but the first: they are for those whom the likeliest does not please.
    """

    steps: int = 2
    guidance: float = 1.0
    spread: float = 0.25
    others: float = 1.0

    def for_others(self) -> Sampling:
        """How all samples but the first are drawn."""
        return replace(self, spread=self.others)


@dataclass(frozen=True)
class Given:
    """Movement that is known: numbers (B, S, X), and where (B, S, X) 0 or 1."""

    moved: Tensor
    mask: Tensor


def signal(time: Tensor) -> Tensor:
    """How much of the clean movement is left at times (...): the square root of alpha bar."""
    angle = (time + OFFSET) / (1 + OFFSET) * math.pi / 2
    return angle.cos().clamp(min=1e-4)


def add_noise(clean: Tensor, time: Tensor, noise: Tensor) -> Tensor:
    """q: clean (B, S, X) in spreads at times (B,)."""
    left = signal(time)[:, None, None]
    return left * clean + (1 - left.square()).sqrt() * noise


@torch.no_grad()
def sample(
    network: Vimo, sight: Tensor | None, how: Sampling, generator: torch.Generator, given: Given | None = None
) -> Tensor:
    """Movement for 2D sequences (B, S, Y), or for none: (B, S, X) in its own units.

    Where `given` says, every step starts from what was given (equation 8), and the result is exactly that.
    """
    made = sample_near(network, sight, how, generator, given)
    return made if given is None else torch.where(given.mask > 0, given.moved, made)


@torch.no_grad()
def sample_near(
    network: Vimo, sight: Tensor | None, how: Sampling, generator: torch.Generator, given: Given | None = None
) -> Tensor:
    """As `sample`, but what the network itself says at the end where something is given: near it, not equal."""
    count = len(given.moved) if sight is None and given is not None else 1 if sight is None else len(sight)
    memory = network.watch(sight) if sight is not None else blind_memory(network, count)
    nothing = blind_memory(network, count)
    noise = torch.randn((count, network.config.frames, len(network.spread)), generator=generator) * how.spread
    known = None if given is None else (given.moved - network.centre) / network.spread
    moved = made = noise
    for now, after in pairwise(torch.linspace(1, 0, how.steps + 1)):
        at = now.expand(count)
        if known is not None and given is not None:
            moved = torch.where(given.mask > 0, add_noise(known, at, noise), moved)
        clean = network.denoise(moved, at, memory)
        if how.guidance != 1:
            free = network.denoise(moved, at, nothing)
            clean = free + how.guidance * (clean - free)
        made = canonical_numbers(clean * network.spread + network.centre)
        clean = (made - network.centre) / network.spread
        if known is not None and given is not None:
            clean = torch.where(given.mask > 0, known, clean)
        left, then = signal(now), signal(after)
        direction = (moved - left * clean) / (1 - left.square()).sqrt()
        moved = then * clean + (1 - then.square()).sqrt() * direction
    return made


def blind_memory(network: Vimo, count: int) -> Memory:
    """The memory of no 2D sequence."""
    nothing = torch.zeros(count, network.config.frames, FEATURES)
    return network.watch(nothing, torch.zeros(count, dtype=torch.bool))
