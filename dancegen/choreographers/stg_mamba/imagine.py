"""Noise becomes phrases: a few draws for each phrase of a song, carried along the prior's flow.

Every second phrase is imagined first, and what lies between them to fit both sides; a repeat goes with its model.

Glossary: Q phrases, I ideas, K tokens of a phrase, D numbers of a token, U = 4 units, A sound features.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dancegen import scratch
from dancegen.body.joints import ARM_BONES, LEG_BONES
from dancegen.choreographers.stg_mamba.counting import BEATS_OF_UNIT, UNITS, VARIED
from dancegen.choreographers.stg_mamba.hearing import mixed_seed
from dancegen.choreographers.stg_mamba.model import Choreographer
from dancegen.choreographers.stg_mamba.prior import SHARED, USUAL_PERIOD, Prior, common_codes, token_count
from dancegen.choreographers.stg_mamba.sketch import STEPS as POSES

STEPS = 4  # of Heun's method along the flow
IDEAS = 4  # phrases imagined for each one that is danced
MATCHES = np.array([1.0, 0.8, 0.7, 0.5])  # how much size, steps, hands and knees count where ideas are compared
LEAST = np.array([0.5, 0.5, 0, 0])  # of the ranks of size and steps: who rests for a whole soft song is no dancer
IN_BARS = 6.0  # how much the hips' rise and fall in bars of three counts beside them
LIMB_BONES = (*ARM_BONES, *LEG_BONES)
TOGETHER = 8  # phrases imagined at once: a minute's song already takes the memory that an hour's does
NEW = {4: 2.4, 3: 1.2}  # likewise how far it is from what is danced before, by the beats of a bar
SPUN = 3.0  # likewise how far it turns, where the dancer is to spin
REMEMBERED = 16  # phrases from which another is to differ
LARGER = 1.16  # than the sizes say: seeds of one song differ more, and dances are as lively as dancers that rest too


@dataclass(frozen=True)
class Heard:
    """What each phrase of a song is danced to.

    Attributes:
        sound: (Q, U, A) float32.
        period: (Q,) seconds per beat.
        repeats: (Q,) int, the earlier phrase that sounds the same, or -1.
        ranks: (Q, 4) of `ranks.rank`, what the music asks for.
        meter: beats of a bar of the dance.
        number: the song's own, which makes one seed other dances in other songs.
    """

    sound: np.ndarray
    period: np.ndarray
    repeats: np.ndarray
    ranks: np.ndarray
    meter: int
    number: int = 0


def draw_noise(repeats: np.ndarray, shape: tuple[int, int], seed: int) -> Tensor:
    """(Q, IDEAS, *shape) normal draws on the CPU; a repeat has its model's, turned by VARIED toward its own."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.from_numpy(scratch.zeros((len(repeats), IDEAS, *shape)))
    torch.randn(noise.shape, generator=generator, out=noise)
    for phrase, model in enumerate(repeats):
        if model >= 0:
            noise[phrase] = noise[model] * np.cos(VARIED) + noise[phrase] * np.sin(VARIED)
    return noise


def roots(repeats: np.ndarray) -> np.ndarray:
    """The phrase (Q,) that each goes back to, over repeats of repeats; itself where it repeats none."""
    root = np.arange(len(repeats))
    for phrase, model in enumerate(repeats):
        if model >= 0:
            root[phrase] = root[model]
    return root


def rounds(repeats: np.ndarray) -> list[np.ndarray]:
    """Which phrases are imagined together: every second one, its repeats, those between, their repeats."""
    root = roots(repeats)
    groups = [np.flatnonzero((root % 2 == odd) & ((repeats >= 0) == again)) for odd in (0, 1) for again in (0, 1)]
    return [group[first : first + TOGETHER] for group in groups for first in range(0, len(group), TOGETHER)]


@torch.inference_mode()
def imagine(network: Choreographer, heard: Heard, styles: np.ndarray, seed: int, spins: np.ndarray) -> Tensor:
    """The codes of each phrase, (Q, K, D): of IDEAS that come to mind the one that suits the music best and is new.

    Args:
        network: on any device.
        heard: the music.
        styles: (Q, 2) int of `styles.numbers`, whose steps and whose arms.
        seed: another seed, another dance.
        spins: (Q,) bool, in which phrases the dancer spins.
    """
    device = next(network.parameters()).device
    tokens = token_count(UNITS * BEATS_OF_UNIT[heard.meter])
    by = mixed_seed(seed, heard.number, "noise")
    noise = draw_noise(heard.repeats, (tokens, network.config.token), by)  # (Q, I, K, D)
    facts = np.stack([np.log(heard.period / USUAL_PERIOD), np.full(len(noise), heard.meter == 3), spins], axis=1)
    codes, taken, root = torch.zeros_like(noise[:, 0]).to(device), np.zeros(len(noise), int), roots(heard.repeats)
    done = np.zeros(len(noise) + 2, bool)  # with one place before the first phrase and one after the last
    danced: deque[np.ndarray] = deque(maxlen=REMEMBERED)
    for group in rounds(heard.repeats):
        fresh = bool((heard.repeats[group] < 0).all())
        ideas = noise[group] if fresh else noise[group, taken[root[group]], None]
        known = torch.from_numpy(np.stack([done[group], done[group + 2]], axis=1).astype(np.float32)).to(device)
        beside = common_codes(codes[np.maximum(group - 1, 0)], codes[np.minimum(group + 1, len(codes) - 1)], known)
        sound, told = (torch.from_numpy(array[group]).float().to(device) for array in (heard.sound, facts))
        style = torch.from_numpy(styles[group]).to(device)
        drawn = carry(network.prior, ideas.to(device), Asked(sound, told, beside, style, heard.meter))
        for row, phrase in enumerate(group):
            said = network.phrases(drawn[row]).float().cpu().numpy()
            fit = suits(said, heard.ranks[phrase], heard.meter, danced, bool(spins[phrase])) if fresh else 0
            danced.append(said[fit, ::POSES])
            taken[phrase] = fit if fresh else taken[root[phrase]]
            codes[phrase] = drawn[row, fit]
        done[group + 1] = True
        scratch.release(noise.numpy())
    return codes * sizes(network, styles, tokens)


def sizes(network: Choreographer, styles: np.ndarray, tokens: int) -> Tensor:
    """The size (Q, K, D) of each number, by the steps of phrases (Q, 2); where two meet, the mean of both. A learnt
    style has its own."""
    own = LARGER * network.phrases.sizes[torch.from_numpy(styles[:, 0]).to(network.phrases.sizes.device)]  # (Q, D)
    own = torch.full_like(own, network.prior.own) if network.prior.own else own
    out = own[:, None].repeat(1, tokens, 1)
    out[1:, :SHARED] = out[:-1, -SHARED:] = ((own[1:] + own[:-1]) / 2)[:, None]
    return out


def suits(
    phrases: np.ndarray, ranks: np.ndarray, meter: int, danced: Collection[np.ndarray] = (), spins: bool = False
) -> int:
    """Which of phrases (N, G, C) suits music of `ranks` (4,), among the others: the loud the large and so on.

    In three the hips' rise and fall in bars counts too, where the dancer `spins` the turn, and how far it is from each
    that is `danced` already, (K, C), a pose a beat.
    """
    if len(phrases) == 1:
        return 0
    bones = phrases[..., :-3].reshape(*phrases.shape[:2], -1, 3)  # (N, G, L, 3)
    size = bones[:, :, LIMB_BONES].std(axis=1).mean(axis=(1, 2))
    steps = np.abs(np.diff(bones[:, :, LEG_BONES], axis=1)).mean(axis=(1, 2, 3))
    hands = -bones[:, :, ARM_BONES, 1].mean(axis=(1, 2))
    knees = phrases[..., -2].mean(axis=1)  # y down: the larger the lower
    order = np.stack([size, steps, hands, knees], axis=1).argsort(axis=0).argsort(axis=0) / (len(phrases) - 1)
    cost = np.abs(order - LEAST - (1 - LEAST) * ranks) @ MATCHES
    if danced:
        gaps = [np.abs(phrases[:, ::POSES, :-3] - other[:, :-3]).mean(axis=(1, 2)) for other in danced]
        cost = cost - NEW[meter] * np.min(gaps, axis=0).argsort().argsort() / (len(phrases) - 1)
    if spins:
        cost = cost - SPUN * np.abs(phrases[..., -1].sum(axis=1)).argsort().argsort() / (len(phrases) - 1)
    if meter == 3:
        from dancegen.choreographers.stg_mamba.in_three import bar_shares

        cost = cost - IN_BARS * bar_shares(bones)
    return int(np.argmin(cost))


@dataclass(frozen=True)
class Asked:
    """What phrases are imagined for: sound (N, U, A), facts (N, FACTS), the phrases beside (N, K, D + 1), styles
    (N, 2) and a meter."""

    sound: Tensor
    facts: Tensor
    beside: Tensor
    style: Tensor
    meter: int


def carry(prior: Prior, ideas: Tensor, asked: Asked) -> Tensor:
    """Draws (N, I, K, D) carried to the end of the flow, by Heun's method: the same shape.

    What is shared with a phrase beside goes straight to what is danced there, so that the two agree at their join.
    """
    count, many = ideas.shape[:2]
    beside = asked.beside.repeat_interleave(many, dim=0)
    hears = torch.ones(count, device=ideas.device)
    told = prior.condition(asked.sound, hears, asked.facts, asked.style, asked.meter)  # (N, K, W)
    start, given = ideas.flatten(0, 1), beside[..., :-1]  # (N I, K, D)
    known = beside[..., -1:] > 0  # (N I, K, 1)

    def velocity(place: Tensor, time: float) -> Tensor:
        moment = torch.full((count,), time, device=place.device)
        return torch.where(known, given - start, prior(place, beside, moment, told))

    place = start
    for step in range(STEPS):
        first = velocity(place, step / STEPS)
        second = velocity(place + first / STEPS, (step + 1) / STEPS)
        place = place + (first + second) / (2 * STEPS)
    return place.unflatten(0, (count, many))
