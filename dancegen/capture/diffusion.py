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

from dancegen.capture.movement import RATE, SPEED, canonical_numbers
from dancegen.capture.network import Memory, Vimo
from dancegen.capture.sight import FEATURES

DRIFTS = SPEED.stop - RATE  # numbers of turning and way
OFFSET = 0.008  # of the cosine schedule (Nichol and Dhariwal 2021): some noise remains at time 0


@dataclass(frozen=True)
class Sampling:
    """How to sample.

    Attributes:
        steps: of DDIM; the paper has 50. With more poses are further off, and fewer beats are met.
        guidance: how far beyond the unconditioned movement; 1 is the conditioned one.
        spread: of the noise that sampling starts from; less than 1 keeps nearer to what is likeliest.
        others: noise, of all samples of a clip but the first, of turning and way that is the same in all frames of a
            window. No picture tells where a moving camera carries somebody: that is what a window is most wrong in.
    """

    steps: int = 2
    guidance: float = 1.0
    spread: float = 0.25
    others: float = 0.2


@dataclass(frozen=True)
class Given:
    """Movement that is known: numbers (B, S, X), and where (B, S, X) 0 or 1; the result is that, or `exactly` is False
    and it is what the network says of it."""

    moved: Tensor
    mask: Tensor
    exactly: bool = True

    def rows(self, which: slice) -> Given:
        """That of some of the samples."""
        return replace(self, moved=self.moved[which], mask=self.mask[which])


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
    network: Vimo,
    sight: Tensor | None,
    how: Sampling,
    generator: torch.Generator,
    given: Given | None = None,
    drift: Tensor | None = None,
) -> Tensor:
    """Movement for 2D sequences (B, S, Y), or for none: (B, S, X) in its own units.

    Where `given` says, every step starts from what was given (equation 8), and the result is that. `drift` (B, DRIFTS)
    is noise that is the same in all frames.
    """
    count = len(given.moved) if sight is None and given is not None else 1 if sight is None else len(sight)
    memory = network.watch(sight) if sight is not None else blind_memory(network, count)
    nothing = blind_memory(network, count)
    noise = torch.randn((count, network.config.frames, len(network.spread)), generator=generator) * how.spread
    if drift is not None:
        noise[..., RATE : SPEED.stop] += drift[:, None]
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
    return made if given is None or not given.exactly else torch.where(given.mask > 0, given.moved, made)


def drifts(count: int, size: float, generator: torch.Generator) -> Tensor:
    """Drifts (B, DRIFTS) of samples of one window: in pairs of opposites, each at a right angle to the pair before."""
    found: list[Tensor] = []
    for number in range(count):
        if number % 2:
            found.append(-found[-1])
            continue
        way = torch.randn(DRIFTS, generator=generator)
        if found:
            before = found[-1] / found[-1].norm()
            way = way - (way @ before) * before
        found.append(way / way.norm() * DRIFTS**0.5)
    return size * torch.stack(found)


def blind_memory(network: Vimo, count: int) -> Memory:
    """The memory of no 2D sequence."""
    nothing = torch.zeros(count, network.config.frames, FEATURES)
    return network.watch(nothing, torch.zeros(count, dtype=torch.bool))
