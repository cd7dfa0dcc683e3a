"""The training of HotDance's transformer: flow matching on the latents of dances, with references and music.

Glossary: B windows, Z latent channels, H rows and N columns of latents.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dancegen.choreographers.hotdance.dit import Heard
from dancegen.choreographers.hotdance.model import HotDance
from dancegen.choreographers.hotdance.reference import mask_of, mixed_latents, reference, shape_latents
from dancegen.lab.train.hotdance.pool import Pool
from dancegen.lab.train.hotdance.run import generator_of
from dancegen.lab.train.hotdance.views import Seen, see

LEAST_SPREAD = 0.1  # of a latent that hardly varies, so that what is nothing but round-off is not blown up
MEASURED = 512  # windows that the latents' scale is measured on


@dataclass(frozen=True)
class Shares:
    """How often the network is told what.

    Attributes:
        deaf: it hears neither sound nor count nor style: what guidance compares with.
        mute: it hears the count but no sound.
        plain: it is told no style.
        nobody: it is shown no picture.
        fresh: no frame is known, `going_on`: the overlap is; otherwise 1 to `most` frames.
        likely: what is seen by a reference at all, an ablation sets it to 0.
    """

    deaf: float = 0.12
    mute: float = 0.05
    plain: float = 0.3
    nobody: float = 0.05
    fresh: float = 0.4
    going_on: float = 0.4
    most: int = 64


def measure(network: HotDance, pool: Pool, seed: int) -> None:
    """Set the latents' centre, and what they are divided by: half way between their own deviation, by which all would
    count alike, and the common one, by which they would count as much as they move a picture."""
    generator = generator_of(seed, 0)
    network.centre.zero_()
    network.spread.fill_(1.0)
    parts = []
    with torch.no_grad():
        for _ in range(MEASURED // 32):
            rows = torch.randint(len(pool), (32,), generator=generator).numpy()
            parts.append(network.encode(see(pool, rows, generator).points))
    latents = torch.cat(parts)
    network.centre.copy_(latents.mean(dim=(0, 3))[..., None])
    spread = latents.std(dim=(0, 3)).clamp(min=LEAST_SPREAD)
    network.spread.copy_((spread * spread.square().mean().sqrt()).sqrt()[..., None])


def hear(network: HotDance, pool: Pool, rows: np.ndarray, turns: Tensor, shares: Shares, g: torch.Generator) -> Heard:
    """What windows are danced to, some of it left out."""
    limits = torch.tensor([[shares.deaf], [shares.mute], [shares.plain]])
    deaf, mute, plain = torch.rand(3, len(rows), generator=g) < limits
    sound = torch.from_numpy(pool.sound[rows].astype(np.float32))
    style = torch.from_numpy(pool.style[rows].astype(np.int64)).masked_fill(plain, 0)
    told = torch.stack([~(deaf | mute), ~deaf, ~deaf], dim=1).float()
    net = network.transformer
    asked, clock = torch.from_numpy(pool.asked[rows]), torch.from_numpy(pool.clock[rows])
    return Heard(sound, asked, clock, net.styles(style), net.turns(turns), told)


@torch.no_grad()
def references(
    network: HotDance, shown: Seen, real: Tensor, shares: Shares, g: torch.Generator
) -> tuple[Tensor, Tensor]:
    """The reference's latents (B, Z, H, N) and mask (B, 8, N) of windows, with as many known frames as `shares` say."""
    config, count = network.config, len(real)
    seen = shown.seen & (torch.rand(count, 1, generator=g) >= shares.nobody)
    draw = torch.rand(count, generator=g)
    some = torch.randint(1, shares.most + 1, (count,), generator=g)
    known = torch.where(
        draw < shares.fresh, 0, torch.where(draw < shares.fresh + shares.going_on, config.overlap, some)
    )
    shape = shape_latents(network, shown.shape, seen)
    mixed = mixed_latents(network, shown.points, shown.shape, seen, known)
    return reference(real, mixed, shape, known, config.stride), mask_of(known, config.columns, config.stride)


def flow_losses(
    network: HotDance, pool: Pool, batch: int, generator: torch.Generator, shares: Shares
) -> tuple[Tensor, dict[str, Tensor]]:
    """The loss of one step on `batch` windows: how far the velocity is from the way from noise to the latents."""
    rows = torch.randint(len(pool), (batch,), generator=generator).numpy()
    with torch.no_grad():
        shown = see(pool, rows, generator)
        real = network.encode(shown.points)
        told, mask = references(network, shown, real, shares, generator)
    noise = torch.randn(real.shape, generator=generator)
    time = torch.randn(batch, generator=generator).sigmoid()
    noisy = torch.lerp(noise, real, time[:, None, None, None])
    with torch.autocast("cpu", torch.bfloat16):
        heard = hear(network, pool, rows, shown.turns, shares, generator)
        made = network.transformer(noisy, time, told, mask, heard)
    gap = (made.float() - (real - noise)).square()
    free = 1 - mask.mean(dim=1)[:, None, None]  # columns that are not known
    loss = (gap * free).sum() / (free.sum() * gap.shape[1] * gap.shape[2])
    early = gap.mean(dim=(1, 2, 3))
    return loss, {"flow": loss, "late": early[time > 0.7].mean() if (time > 0.7).any() else loss}
