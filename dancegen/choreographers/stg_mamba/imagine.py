"""Noise becomes phrases: a few draws for each phrase of a song, carried along the prior's flow.

Glossary: Q phrases, D numbers of a code, U = 4 units, A sound features.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dancegen.body.joints import ARM_BONES, LEG_BONES
from dancegen.choreographers.stg_mamba.counting import VARIED
from dancegen.choreographers.stg_mamba.model import Choreographer
from dancegen.choreographers.stg_mamba.prior import FACTS, USUAL_PERIOD, Prior

STEPS = 6  # of Heun's method along the flow
IDEAS = 6  # phrases imagined for each one that is danced
MATCHES = np.array([1.0, 0.8, 0.7, 0.5])  # how much size, steps, hands and knees count where ideas are compared
LIMB_BONES = (*ARM_BONES, *LEG_BONES)
LISTEN = 1.6  # how much more than learned the flow follows what is heard (classifier-free guidance)


@dataclass(frozen=True)
class Heard:
    """What each phrase of a song is danced to.

    Attributes:
        sound: (Q, U, A) float32.
        period: (Q,) seconds per beat.
        repeats: (Q,) int, the earlier phrase that sounds the same, or -1.
        ranks: (Q, 4) of `hearing.rank`, what the music asks for.
        meter: beats of a bar of the dance.
    """

    sound: np.ndarray
    period: np.ndarray
    repeats: np.ndarray
    ranks: np.ndarray
    meter: int


def draw_noise(repeats: np.ndarray, size: int, seed: int) -> Tensor:
    """(Q, IDEAS, size) standard normal on the CPU; a repeat has its model's, turned by VARIED toward its own."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(len(repeats), IDEAS, size, generator=generator)
    for phrase, model in enumerate(repeats):
        if model >= 0:
            noise[phrase] = noise[model] * np.cos(VARIED) + noise[phrase] * np.sin(VARIED)
    return noise


@torch.inference_mode()
def imagine(
    network: Choreographer, heard: Heard, style: int, seed: int, spins: np.ndarray, listen: float = LISTEN
) -> Tensor:
    """The code of each phrase, (Q, D): of IDEAS that come to mind the one that suits the music best.

    Args:
        network: on any device.
        heard: the music.
        style: index into STYLES.
        seed: another seed, another dance.
        spins: (Q,) bool, in which phrases the dancer spins.
        listen: 1 as learned, more exaggerates what the music asks for, 0 is deaf.
    """
    prior, device = network.prior, next(network.parameters()).device
    noise = draw_noise(heard.repeats, network.config.code, seed).to(device)
    sound = torch.from_numpy(heard.sound).to(device)
    facts = torch.zeros(len(noise), FACTS, device=device)
    facts[:, 0] = torch.from_numpy(np.log(heard.period / USUAL_PERIOD)).float()
    facts[:, 1], facts[:, 2] = float(heard.meter == 3), torch.from_numpy(spins.astype(np.float32))
    facts[1:, 3] = 1.0
    wanted = torch.full((2,), style, device=device)
    ears = torch.tensor([1.0, 0.0], device=device)
    code, codes, taken = torch.zeros_like(noise[0, :1]), [], np.zeros(len(noise), int)
    for phrase, model in enumerate(heard.repeats):
        both = (sound[phrase].expand(2, -1, -1), code.expand(2, -1), facts[phrase].expand(2, -1))
        told = prior.told(both[0], ears, both[1], both[2], wanted)  # (2, W): heard and deaf
        ideas = noise[phrase] if model < 0 else noise[phrase, taken[model], None]
        ideas = carry(prior, ideas, told, listen)
        fit = suits(network.basis(ideas, heard.meter).float().cpu().numpy(), heard.ranks[phrase])
        taken[phrase] = fit if model < 0 else taken[model]
        code = ideas[fit, None]
        codes.append(code)
    return torch.cat(codes)


def suits(phrases: np.ndarray, ranks: np.ndarray) -> int:
    """Which of phrases (N, G, C) suits music of `ranks` (4,), among the others: the loud the large and so on."""
    if len(phrases) == 1:
        return 0
    bones = phrases[..., :-3].reshape(*phrases.shape[:2], -1, 3)  # (N, G, L, 3)
    size = bones[:, :, LIMB_BONES].std(axis=1).mean(axis=(1, 2))
    steps = np.abs(np.diff(bones[:, :, LEG_BONES], axis=1)).mean(axis=(1, 2, 3))
    hands = -bones[:, :, ARM_BONES, 1].mean(axis=(1, 2))
    knees = phrases[..., -2].mean(axis=1)  # y down: the larger the lower
    order = np.stack([size, steps, hands, knees], axis=1).argsort(axis=0).argsort(axis=0) / (len(phrases) - 1)
    return int(np.argmin(np.abs(order - ranks) @ MATCHES))


def carry(prior: Prior, place: Tensor, told: Tensor, listen: float) -> Tensor:
    """Draws (N, D) carried to the end of the flow, by Heun's method; told (2, W) as heard and as the deaf are."""
    rows = told.repeat_interleave(len(place), dim=0)  # (2 N, W)
    for step in range(STEPS):
        first = _velocity(prior, place, step / STEPS, rows, listen)
        second = _velocity(prior, place + first / STEPS, (step + 1) / STEPS, rows, listen)
        place = place + (first + second) / (2 * STEPS)
    return place


def _velocity(prior: Prior, place: Tensor, time: float, told: Tensor, listen: float) -> Tensor:
    """(N, D) guided by what is heard."""
    moment = torch.full((len(told),), time, device=place.device)
    hearing, deaf = prior(place.repeat(2, 1), moment, told).chunk(2)
    return deaf + listen * (hearing - deaf)
