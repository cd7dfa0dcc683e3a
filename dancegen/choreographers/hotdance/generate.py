"""Latents of a whole song, segment by segment: each but the first goes on from the last frames of the one before.

Known columns are put back at every step of the way from noise, so that segments join; they are decoded as one long
picture. Of several draws of a segment the one is taken that suits the music best.

Glossary: Z latent channels, H rows and N columns of latents, K known columns, I draws, S song's columns, V = 18 joints.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from dancegen.body.joints import BEAT_JOINTS
from dancegen.choreographers.base import MOST_STEPS
from dancegen.choreographers.hotdance.dit import Heard
from dancegen.choreographers.hotdance.model import HotDance
from dancegen.choreographers.hotdance.reference import mask_of, reference
from dancegen.choreographers.stg_mamba.counting import VARIED
from dancegen.errors import DancegenError

STEPS = 8  # evaluations that are usual
GUIDANCE = 1.0  # how far the music is followed beyond the dance of no music: 1 not beyond; more costs beats and time
IDEAS = 5  # draws of each segment
AROUND = 6  # columns beside those that are decoded, which the decoder looks at
DECODED = 60  # columns at once
WARM = 1.12  # deviation of the noise: with 1.05 velocities and takes were further from dancers', 1.15 is too restless
ON_BEAT = 1  # frames from a beat, within which limbs rest on it
CHOICE = 3  # draws, those that keep the beat, from which the music chooses
EASED = 2  # beats on each side over which a jump is spread


@dataclass(frozen=True)
class Sampling:
    """How latents are drawn from noise: in how many steps, how far beyond the dance of no music, and how often."""

    steps: int = STEPS
    guidance: float = GUIDANCE
    ideas: int = IDEAS

    def __post_init__(self) -> None:
        if not 1 <= self.steps <= MOST_STEPS:
            raise DancegenError(f"--steps must be 1 to {MOST_STEPS}, not {self.steps}")


class Start(NamedTuple):
    """What a song starts from: the pose of the picture as it shows it, and held for a beat in space, (1, Z, H, 1)
    each."""

    shape: Tensor
    held: Tensor


def draw_song(
    network: HotDance,
    hear: Callable[[int], Heard],
    columns: int,
    start: Start,
    noises: Iterator[Tensor],
    sampling: Sampling,
    choose: Callable[[int, Tensor], int],
    step: Callable[[], None] = lambda: None,
) -> Tensor:
    """The latents (Z, H, S) of a song.

    Args:
        network: on any device.
        hear: what is heard of the segment that begins with a column.
        columns: S.
        start: what it starts from.
        noises: (I, Z, H, N) of each segment, see `noise_of_segments`.
        sampling: how.
        choose: which of the poses (I, T, V, 3) of the segment that begins with a column suits the music.
        step: is called after each segment.
    """
    config = network.config
    kept = config.overlap // config.stride
    made: list[Tensor] = []
    for number in range(segments(network, columns)):
        noise, first = next(noises).to(start.shape), number * (config.columns - kept)
        heard = Heard(*(part.expand(len(noise), *part.shape[1:]) for part in hear(first)))
        known = (made[-1][..., -kept:] if made else start.held).expand(len(noise), -1, -1, -1)
        latents = draw_segment(network, heard, known, start.shape.expand(len(noise), -1, -1, -1), noise, sampling)
        fit = 0
        if len(noise) > 1:
            points = network.decode(latents)
            some = drop_roughest(points, known.shape[-1] * config.stride)
            some = some[keep_beats(points[some], config.stride, CHOICE)]
            fit = int(some[choose(first, points[some])])
        made.append(latents[fit : fit + 1, ..., 0 if number == 0 else kept :])
        step()
    return torch.cat(made, dim=-1)[0, ..., :columns]


def drop_roughest(points: Tensor, border: int) -> Tensor:
    """All but one of poses (I, T, V, 3), in their order: that which goes on least evenly from frame `border` - 1."""
    steps = points[:, border - 2 : border + 2].diff(dim=1)  # (I, 3, V, 3)
    jump = (steps[:, 1] - (steps[:, 0] + steps[:, 2]) / 2).norm(dim=-1).mean(dim=-1)
    return jump.argsort()[:-1].sort().values


def keep_beats(points: Tensor, stride: int, count: int) -> Tensor:
    """Those `count` of poses (I, T, V, 3), in their order, whose limbs come to rest most nearly once on each beat."""
    limbs = points[:, :, list(BEAT_JOINTS)]
    speed = (limbs[:, 2:] - limbs[:, :-2]).norm(dim=-1).mean(dim=-1)  # (I, T - 2), of frames 1 and on
    speed = (speed[:, :-2] + 2 * speed[:, 1:-1] + speed[:, 2:]) / 4  # of frames 2 and on
    rests = (speed[:, :-2] > speed[:, 1:-1]) & (speed[:, 1:-1] <= speed[:, 2:])  # of frames 3 and on
    place = torch.arange(3, 3 + rests.shape[1], device=points.device) % stride
    on_beat = rests & (torch.minimum(place, stride - place) <= ON_BEAT)
    score = on_beat.sum(dim=1) / (rests.sum(dim=1) + points.shape[1] / stride)  # half the F measure
    return score.argsort(descending=True, stable=True)[:count].sort().values


def noise_of_segments(network: HotDance, seed: int, repeats: Sequence[int], ideas: int) -> Iterator[Tensor]:
    """The noise (I, Z, H, N) of each segment, from the seed and its number, drawn on the CPU.

    A segment that repeats an earlier one (`repeats` names it, or is -1) has nearly the noise of that one.
    """
    config = network.config

    def draw(number: int) -> Tensor:
        generator = torch.Generator().manual_seed((seed * 1_000_003 + number) % 2**63)
        return WARM * torch.randn(ideas, config.latent, config.rows, config.columns, generator=generator)

    for number, earlier in enumerate(repeats):
        first = earlier
        while first >= 0 and repeats[first] >= 0:
            first = repeats[first]
        own = draw(number)
        yield own if first < 0 else math.cos(VARIED) * draw(first) + math.sin(VARIED) * own


def segments(network: HotDance, columns: int) -> int:
    """How many segments a song of so many columns has."""
    kept = network.config.overlap // network.config.stride
    return max(1, -(-(columns - kept) // (network.config.columns - kept)))


def draw_segment(
    network: HotDance, heard: Heard, known: Tensor, shape: Tensor, noise: Tensor, sampling: Sampling
) -> Tensor:
    """The latents (B, Z, H, N) of segments that begin with known columns (B, Z, H, K)."""
    config, count = network.config, known.shape[-1]
    real = torch.cat([known, noise[..., count:]], dim=-1)
    frames = torch.full((len(noise),), count * config.stride, device=noise.device)
    told = reference(real, shape, shape, frames, config.stride)
    mask = mask_of(frames, config.columns, config.stride).to(noise)
    times = torch.linspace(0, 1, sampling.steps + 1).tolist()
    x = noise
    for now, then in pairwise(times):
        x = torch.cat([torch.lerp(noise[..., :count], known, now), x[..., count:]], dim=-1)
        x = x + (then - now) * velocity(network, x, now, told, mask, heard, sampling.guidance)
    return torch.cat([known, x[..., count:]], dim=-1)


def velocity(
    network: HotDance, x: Tensor, time: float, told: Tensor, mask: Tensor, heard: Heard, guidance: float
) -> Tensor:
    """Where latents go at a time, as far beyond what no music would ask for as `guidance` says."""
    if guidance == 1:
        return network.transformer(x, x.new_full((len(x),), time), told, mask, heard)  # type: ignore[no-any-return]
    both = Heard(*(torch.cat(pair) for pair in zip(heard, heard.deaf(), strict=True)))
    twice = x.new_full((2 * len(x),), time)
    made = network.transformer(x.repeat(2, 1, 1, 1), twice, told.repeat(2, 1, 1, 1), mask.repeat(2, 1, 1), both)
    with_music, without = made.chunk(2)
    return without + guidance * (with_music - without)  # type: ignore[no-any-return]


def decode_song(network: HotDance, latents: Tensor) -> Tensor:
    """Latents (Z, H, S) of a song to points (T, V, 3), some seconds at a time, eased where segments meet."""
    columns, step = latents.shape[-1], network.config.stride
    parts = []
    for first in range(0, columns, DECODED):
        low, high = max(0, first - AROUND), min(columns, first + DECODED + AROUND)
        points = network.decode(latents[None, ..., low:high])[0]
        parts.append(points[(first - low) * step :][: DECODED * step].cpu())
    points = torch.cat(parts)
    hop = network.config.frames - network.config.overlap
    ease(points, range(network.config.frames, len(points) - 1, hop), EASED * step)
    return points


def ease(points: Tensor, borders: Sequence[int], reach: int) -> None:
    """Spread what is left of a jump at `borders` of points (T, V, 3) over `reach` frames on both sides, in place."""
    share = torch.linspace(1, 0, reach + 1)[:-1]
    share = (share * share * (3 - 2 * share) / 2)[:, None, None]
    for border in borders:
        before, after = points[border - reach : border], points[border : border + reach]
        usual = (before[-1] - before[-2] + points[border + 1] - after[0]) / 2
        jump = after[0] - before[-1] - usual
        before += jump * share.flip(0)
        after -= jump * share[: len(after)]
