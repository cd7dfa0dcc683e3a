"""The training of HotDance's transformer: flow matching on the latents of dances, with references and music.

Glossary: B windows, Z latent channels, H rows and N columns of latents.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dancegen.bf16 import is_bf16_quicker
from dancegen.body.joints import BONES
from dancegen.choreographers.hotdance.dancer import body_values
from dancegen.choreographers.hotdance.dit import Heard
from dancegen.choreographers.hotdance.model import HotDance
from dancegen.choreographers.hotdance.reference import mask_of, mixed_latents, reference, shape_latents
from dancegen.lab.train.hotdance.pool import Pool
from dancegen.lab.train.hotdance.run import generator_of
from dancegen.lab.train.hotdance.views import Seen, see

UNSURE = 0.05  # deviation of the ranks that are told
DRAWN = 4  # one window of so many, those with the least noise, is drawn as points
BONES_COUNT, MOVES_COUNT, JOINS_COUNT = 0.5, 0.3, 0.2  # weights beside the flow's loss
SHORTEST = 0.01  # of the side: shorter bones have no length that counts
JOIN_FRAMES = 2
STILL = 1e-4  # of the side a frame: who moves less does not move
LEAST_SPREAD = 0.1  # of a latent that hardly varies, so that what is nothing but round-off is not blown up
MEASURED = 512  # windows that the latents' scale is measured on


@dataclass(frozen=True)
class Shares:
    """How often the network is told what.

    Attributes:
        deaf: it hears neither music nor count nor style.
        mute: it hears the count but no music: what guidance compares with.
        plain: it is told no style.
        nobody: it is shown no picture; `unmeasured`: it is shown one that nobody measured.
        fresh: no frame is known, `going_on`: the overlap is; otherwise 1 to `most` frames.
    """

    deaf: float = 0.06
    mute: float = 0.12
    plain: float = 0.25
    nobody: float = 0.05
    unmeasured: float = 0.1
    fresh: float = 0.45
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


def hear(network: HotDance, pool: Pool, rows: np.ndarray, shown: Seen, shares: Shares, g: torch.Generator) -> Heard:
    """What windows are danced to, some of it left out."""
    names = ("deaf", "mute", "plain", "nobody", "unmeasured")
    limits = torch.tensor([[getattr(shares, name)] for name in names])
    deaf, mute, plain, nobody, unmeasured = torch.rand(len(names), len(rows), generator=g) < limits
    style = torch.from_numpy(pool.style[rows].astype(np.int64)).masked_fill(plain, 0)
    told = torch.stack([~(mute | deaf), ~deaf, ~deaf, ~(nobody | unmeasured)], dim=1).float()
    net = network.transformer
    asked, clock = torch.from_numpy(pool.asked[rows]), torch.from_numpy(pool.clock[rows])
    asked = (asked + UNSURE * torch.randn(asked.shape, generator=g)).clamp(0, 1)
    return Heard(asked, clock, net.styles(style), net.turns(shown.turns), body_values(shown.bones), told)


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
    known = torch.where(shown.begins, config.stride, known)
    shape = shape_latents(network, shown.shape, seen)
    mixed = mixed_latents(network, shown.points, shown.shape, seen, known)
    return reference(real, mixed, shape, known, config.stride), mask_of(known, config.columns, config.stride)


def flow_losses(
    network: HotDance, pool: Pool, batch: int, generator: torch.Generator, shares: Shares
) -> tuple[Tensor, dict[str, Tensor]]:
    """The loss of one step on `batch` windows: how far the velocity is from the way from noise to the latents, and how
    far what is drawn at its end is from the dance."""
    config = network.config
    rows = torch.randint(len(pool), (batch,), generator=generator).numpy()
    with torch.no_grad():
        shown = see(pool, rows, generator)
        real = network.encode(shown.points)
        told, mask = references(network, shown, real, shares, generator)
    noise = torch.randn(real.shape, generator=generator)
    time = torch.randn(batch, generator=generator).sigmoid()
    noisy = torch.lerp(noise, real, time[:, None, None, None])
    with torch.autocast("cpu", torch.bfloat16, enabled=is_bf16_quicker()):
        heard = hear(network, pool, rows, shown, shares, generator)
        made = network.transformer(noisy, time, told, mask, heard).float()
    gap = (made - (real - noise)).square()
    free = 1 - mask.mean(dim=1)[:, None, None]  # columns that are not known
    loss = (gap * free).sum() / (free.sum() * gap.shape[1] * gap.shape[2])
    late = time.argsort()[-max(1, batch // DRAWN) :]
    ends = torch.lerp(real, noisy + (1 - time[:, None, None, None]) * made, free)[late]
    parts = drawn_losses(network.decode(ends), shown.points[late], mask[late], config.bins)
    total = loss + BONES_COUNT * parts["bones"] + MOVES_COUNT * parts["moves"] + JOINS_COUNT * parts["joins"]
    return total, {"flow": loss.detach(), "late": gap[late].mean().detach(), **parts}


def drawn_losses(points: Tensor, real: Tensor, mask: Tensor, bins: int) -> dict[str, Tensor]:
    """How far points (B, T, V, 3) are from the real ones: the logarithms of bones' lengths and of how much a
    window moves, and the movement in bins of the frames around the last one that mask (B, 8, N) says is known."""
    parent, child = torch.tensor(BONES).T

    def lengths(of: Tensor) -> Tensor:
        return (of[:, :, child] - of[:, :, parent]).norm(dim=-1).clamp(min=SHORTEST).log()

    def movement(of: Tensor) -> Tensor:
        return of.diff(dim=1).abs().mean(dim=(1, 2, 3)).clamp(min=STILL)

    gap = (points.diff(dim=1) - real.diff(dim=1)).abs().mean(dim=(2, 3)) * bins  # (B, T - 1)
    known = mask.sum(dim=(1, 2)).long()
    frame = torch.arange(gap.shape[1])
    near = ((frame + 1 - known[:, None]).abs() <= JOIN_FRAMES) & (known > 0)[:, None]
    return {
        "bones": (lengths(points) - lengths(real)).abs().mean(),
        "moves": (movement(points) / movement(real)).log().abs().mean(),
        "joins": (gap * near).sum() / near.sum().clamp(min=1),
    }
