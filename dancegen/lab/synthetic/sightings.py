"""What a detector says of a filmed dancer: noise, doubt, gaps, swapped sides, as real ones do.

Glossary: B windows, S frames, V = 18 joints. Lengths in pixels unless said otherwise.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from dancegen.body import joints as J
from dancegen.body.joints import BONES, MIRROR, V, body_height
from dancegen.lab.synthetic.cameras import FPS, Casual, Film, draw_uniform

# The trunk and thighs hide what is behind them: (joint, joint, radius in body heights).
HIDING = (
    (J.NECK, J.R_HIP, 0.07),
    (J.NECK, J.L_HIP, 0.07),
    (J.NECK, J.NOSE, 0.06),
    (J.R_HIP, J.R_KNEE, 0.035),
    (J.L_HIP, J.L_KNEE, 0.035),
)
BEHIND = 0.05  # body heights that a joint must be further away than what hides it
# As mediapipe's joints of filmed characters are off (`evaluate vimo --scenes`):
MEMORY = 0.9  # of the slow part of its noise from frame to frame ...
SLOW = 0.88  # ... which has so much of the variance; the rest is new in each frame
BIAS = 0.01  # body heights: a detector's joints are not where the capture's are
BLIND_TRUST = 0.5  # share of half seconds in which it is as sure of a joint that it cannot see as of one that it can
GUESSED = 0.5  # likewise in which it puts a joint into the picture that is outside
GUESS_OFF = 0.04  # body heights that this one is off, besides
SWAPS = 0.1  # share of frames near which a detector may swap sides, 3-15 frames each, where it has faults
BLOCK = FPS // 2  # frames, 0.5 s: joints are left out by such blocks


def sightings(film: Film, casual: Casual, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Detect the joints of a film.

    Returns:
        points (B, S, V, 3) with confidence, cut flags (B, S) as they are noticed, and which joints (B, S, V) are
        really seen.
    """
    points, count, frames = film.points, *film.points.shape[:2]
    tall = size_of(film)  # (B, S) pixels a body height
    hidden = behind(film, tall)
    outside = ((points < 0) | (points > film.size[:, None, None])).any(-1)
    covered, nobody = obstacles(film, tall, casual, generator)
    doubt = hidden | covered
    sure = confidence(doubt | outside, generator)
    amount = draw_uniform(generator, (count, 1, 1, 1), *casual.noise) * tall[..., None, None]
    noise = coloured_noise((count, frames, V, 2), generator) * amount * (1 + 2 * doubt[..., None])
    bias = torch.randn(count, 1, V, 2, generator=generator) * BIAS * tall[..., None, None]
    guessed = outside & (random_blocks(count, frames, generator) < GUESSED)
    guess = coloured_noise((count, frames, V, 2), generator) * GUESS_OFF * tall[..., None, None]
    inside = torch.minimum(points.clamp(min=0), film.size[:, None, None])
    told = torch.where(guessed[..., None], inside + guess, points) + noise + bias
    told, sure = faults(told, sure, film, casual, generator)
    strict = torch.rand(count, 1, 1, generator=generator) < 0.4  # detectors that leave out what they do not see
    outside = outside & ~guessed
    gone = outside | nobody[..., None] | (doubt & (strict | covered & (random_blocks(count, frames, generator) < 0.7)))
    gone = gone | drop_joints(count, frames, casual, generator)
    even = torch.rand(count, 1, 1, generator=generator) < 0.15  # detectors that tell no confidence
    sure = torch.where(even, torch.ones_like(sure), sure) * ~gone
    told = low_rate(torch.cat([told, sure[..., None]], dim=-1), film.cut, casual, generator)
    noticed = film.cut & (torch.rand(count, frames, generator=generator) < 0.9)
    noticed = noticed | (torch.rand(count, frames, generator=generator) < 0.001)
    return told, noticed.float(), ~(outside | guessed | doubt | nobody[..., None])


def confidence(doubt: Tensor, generator: torch.Generator) -> Tensor:
    """How sure the detector is (B, S, V) of joints that it sees, and of those (B, S, V) bool that it does not."""
    count, frames = doubt.shape[:2]
    sure = 1 - torch.randn(doubt.shape, generator=generator).abs() * 0.05
    honest = doubt & (random_blocks(count, frames, generator) > BLIND_TRUST)
    return torch.where(honest, draw_uniform(generator, tuple(doubt.shape), 0.07, 0.6), sure).clamp(0.07, 1)


def size_of(film: Film) -> Tensor:
    """Pixels that a body height has in each frame: (B, S)."""
    tall = body_height(torch.cat([film.points, torch.zeros_like(film.points[..., :1])], dim=-1))
    return tall.median(1, keepdim=True).values.clamp(min=20).expand(-1, film.points.shape[1])


def behind(film: Film, tall: Tensor) -> Tensor:
    """Which joints (B, S, V) the body itself hides."""
    hidden = torch.zeros(film.depth.shape, dtype=torch.bool)
    for first, second, radius in HIDING:
        start, end = film.points[..., first, :], film.points[..., second, :]  # (B, S, 2)
        span = (end - start)[..., None, :]
        along = film.points - start[..., None, :]
        level = ((along * span).sum(-1) / span.square().sum(-1).clamp(min=1)).clamp(0.1, 0.9)  # (B, S, V)
        away = (along - level[..., None] * span).square().sum(-1)
        depth = torch.lerp(film.depth[..., first, None], film.depth[..., second, None], level)
        found = (away < (radius * tall[..., None]).square()) & (film.depth > depth + BEHIND)
        found[..., [first, second]] = False
        hidden |= found
    return hidden


def obstacles(film: Film, tall: Tensor, casual: Casual, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Joints (B, S, V) behind a box for 0.3-2 s, and frames (B, S) without anybody for 0.1-0.5 s and in cross-fades."""
    count, frames = tall.shape
    time = torch.arange(frames)
    often = torch.tensor([casual.occlusion, casual.occlusion / 2])[:, None, None]
    has = torch.rand(2, count, 1, generator=generator) < often
    begin = torch.randint(frames, (2, count, 1), generator=generator)
    long = (
        torch.stack([draw_uniform(generator, (count, 1), 0.3, 2.0), draw_uniform(generator, (count, 1), 0.1, 0.5)])
        * FPS
    )
    during = has & (time >= begin) & (time < begin + long)  # (2, B, S)
    centre = film.points.mean(2) + torch.randn(count, 1, 2, generator=generator) * 0.2 * tall[..., None]
    reach = draw_uniform(generator, (count, 1, 1, 2), 0.08, 0.35) * tall[..., None, None]
    inside = ((film.points - centre[:, :, None]).abs() < reach).all(-1)
    fades = torch.rand(count, 1, generator=generator) < 0.25
    fade = torch.nn.functional.max_pool1d(film.cut.float()[:, None], 7, stride=1, padding=3)[:, 0] > 0
    return inside & during[0][..., None], during[1] | (fade & fades & (casual.occlusion > 0))


def coloured_noise(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Noise of unit variance (B, S, ...), most of which remembers MEMORY of itself from frame to frame."""
    taps = MEMORY ** torch.arange(40.0).flip(0)
    white = torch.randn(shape[0], shape[1] + 39, *shape[2:], generator=generator)
    flat = white.flatten(2).transpose(1, 2)  # (B, C, S + 39)
    channels = flat.shape[1]
    weight = (taps / taps.norm()).expand(channels, 1, -1)
    slow = torch.nn.functional.conv1d(flat, weight, groups=channels).transpose(1, 2).unflatten(2, shape[2:])
    return SLOW**0.5 * slow + (1 - SLOW) ** 0.5 * torch.randn(shape, generator=generator)


def faults(told: Tensor, sure: Tensor, film: Film, casual: Casual, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Swapped arms, legs or sides for 3-15 frames, and joints that jump anywhere in the picture."""
    count, frames = sure.shape[:2]
    has = torch.rand(count, 1, generator=generator) < casual.faults * (SWAPS * frames / FPS)
    begin = torch.randint(frames, (count, 1), generator=generator)
    long = torch.randint(3, 16, (count, 1), generator=generator)
    time = torch.arange(frames)
    during = has & (time >= begin) & (time < begin + long)  # (B, S)
    limbs = torch.zeros(3, V, dtype=torch.bool)
    limbs[0, 2:8], limbs[1, 8:14], limbs[2] = True, True, True
    which = limbs[torch.randint(3, (count,), generator=generator)][:, None] & during[..., None]  # (B, S, V)
    told = torch.where(which[..., None], told[:, :, list(MIRROR)], told)
    sure = torch.where(which, sure[:, :, list(MIRROR)], sure)
    jumps = torch.rand(count, frames, V, generator=generator) < 0.005 * casual.faults
    anywhere = torch.rand(count, frames, V, 2, generator=generator) * film.size[:, None, None]
    return torch.where(jumps[..., None], anywhere, told), torch.where(jumps, sure * 0.6, sure)


def random_blocks(count: int, frames: int, generator: torch.Generator) -> Tensor:
    """Numbers 0..1 (B, S, V) that stay the same for half a second."""
    number = math.ceil(frames / BLOCK) + 1
    some = torch.rand(count, number, V, generator=generator).repeat_interleave(BLOCK, dim=1)
    start = int(torch.randint(BLOCK, (1,), generator=generator))
    return some[:, start : start + frames]


def drop_joints(count: int, frames: int, casual: Casual, generator: torch.Generator) -> Tensor:
    """Joints and whole limbs (B, S, V) that are left out, 0 to 60 % of them where a window has such gaps."""
    share = draw_uniform(generator, (count, 1, 1), 0, 0.6) * (
        torch.rand(count, 1, 1, generator=generator) < casual.drop
    )
    return drop_out(share, frames, generator)


def drop_out(share: Tensor, frames: int, generator: torch.Generator) -> Tensor:
    """Leave out that share (B, 1, 1) of joints by half seconds: half of the windows by joints, half by limbs."""
    count = len(share)
    chance = random_blocks(count, frames, generator)
    limb = torch.arange(V)
    for first, second in BONES[2:6] + BONES[7:9] + BONES[10:12] + BONES[12:]:
        limb[second] = limb[first]  # what hangs on a limb goes with it
    whole = torch.rand(count, 1, 1, generator=generator) < 0.5
    return torch.where(whole, chance[..., limb], chance) < share


def low_rate(told: Tensor, cut: Tensor, casual: Casual, generator: torch.Generator) -> Tensor:
    """Some films have 12, 15, 24 or 25 frames a second: others lie between two; in cuts and gaps, the last holds."""
    count, frames = cut.shape
    rates = torch.tensor([12.0, 15.0, 24.0, 25.0])[torch.randint(4, (count, 1), generator=generator)]
    low = torch.rand(count, 1, generator=generator) < casual.faults / 2
    own = torch.arange(frames) / FPS * rates
    first = (own.floor() / rates * FPS).floor().long().clamp(max=frames - 1)  # (B, S)
    second = (own.ceil() / rates * FPS).floor().long().clamp(max=frames - 1)
    share = (own - own.floor())[..., None, None]
    a, b = (told.gather(1, one[..., None, None].expand_as(told)) for one in (first, second))
    shot = cut.long().cumsum(1)
    joined = (shot.gather(1, first) == shot.gather(1, second))[..., None] & (a[..., 2] > 0) & (b[..., 2] > 0)
    mixed = torch.where(joined[..., None], torch.lerp(a, b, share), a)
    return torch.where(low[..., None, None], mixed, told)
