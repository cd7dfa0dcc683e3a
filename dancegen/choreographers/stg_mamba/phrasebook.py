"""Which noise each phrase of a song gets: a vector for each of its units of two beats.

A network trained on few hours dances best to noise near what its training phrases were given. So the noise that a seed
draws is snapped to one of these "codes", stored with the weights: of the wanted style, of a like tempo, and, of a few
drawn, the one that follows best on the phrase before and whose energy fits the loudness. Without codes the noise is
plain N(0, scale).

Glossary: N codes, Z noise, Q phrases of the song, U = 4 units of a phrase.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dancegen.choreographers.stg_mamba.config import STYLES
from dancegen.choreographers.stg_mamba.model import CODE_FACTS, Choreographer
from dancegen.choreographers.stg_mamba.phrases import UNITS

LIKE_TEMPO = 0.4  # share of the codes, nearest in tempo, that may be drawn
DRAWN = 12  # codes drawn for each phrase, of which the one that fits best is danced
JOIN = 2.0  # how much a good join counts beside the energy
HELD = ("tango", "waltz")  # danced in closed hold
CONTINUE = 0.6  # chance that a phrase goes on as it did in training
BOW_STYLE = len(STYLES)  # the style number of codes that are curtsies; no dance draws them but at its end
BOW_AFTER = 45.0  # seconds; a shorter dance has no time for a curtsy


@dataclass(frozen=True)
class PhraseFacts:
    """What the choice of noise looks at: seconds per beat and loudness rank 0..1 of each phrase, (Q,) each."""

    period: np.ndarray
    loudness: np.ndarray


def phrase_noise(network: Choreographer, facts: PhraseFacts, seed: int, style: str) -> Tensor:
    """The noise of each unit of each phrase, (Q, U, Z), drawn on the CPU: the same on every device."""
    generator = torch.Generator().manual_seed(seed)
    count, config = len(facts.period), network.config
    if not config.codes:
        return torch.randn(count, UNITS, config.noise, generator=generator) * config.noise_scale  # (Q, U, Z)
    codes, table = network.codes.cpu(), network.code_facts.cpu().numpy()
    before = network.code_before.cpu().numpy()
    spread = float(before.std()) + 1e-6
    columns = {name: table[:, i] for i, name in enumerate(CODE_FACTS)}
    chosen: list[int] = []
    for period, loudness in zip(facts.period, facts.loudness, strict=True):
        draws = torch.rand(DRAWN + 1, generator=generator).numpy()
        following = chosen[-1] + 1 if chosen else len(codes)
        if (
            following < len(codes)
            and columns["run"][following] == columns["run"][following - 1]
            and draws[0] < CONTINUE
        ):
            chosen.append(following)
            continue
        allowed = _allowed(columns, float(period), style)
        some = allowed[(draws[1:] * len(allowed)).astype(int)]
        cost = np.abs(columns["energy"][some] - loudness)
        if chosen:
            cost = cost + JOIN * np.sqrt(((before[some] - codes[chosen[-1], -1].numpy()) ** 2).mean(axis=1)) / spread
        chosen.append(int(some[np.argmin(cost)]))
    return codes[chosen]  # (Q, U, Z)


def _allowed(columns: dict[str, np.ndarray], period: float, style: str) -> np.ndarray:
    """The codes of a style whose tempo is nearest; "none" takes all but the styles in which the arms are held still."""
    numbers = np.arange(len(columns["period"]))
    wanted = (
        [STYLES.index(name) for name in STYLES if name not in HELD] if style == STYLES[0] else [STYLES.index(style)]
    )
    of_style = numbers[np.isin(columns["style"], wanted)]
    numbers = of_style if len(of_style) else numbers[columns["style"] != BOW_STYLE]
    gap = np.abs(np.log(columns["period"][numbers] / period))
    keep = max(1, int(len(numbers) * LIKE_TEMPO))
    return numbers[np.argsort(gap, kind="stable")[:keep]]


def end_with_bow(network: Choreographer, noise: Tensor, last: int, period: float, seed: int) -> Tensor:
    """The dance's last eight beats as a curtsy, where the network has codes of some (real dancers end so, too).

    Args:
        noise: (N, Z) of the units of the whole dance.
        last: the number of the unit in which the song ends.
        period: seconds per beat there.
        seed: another seed, another curtsy.

    Returns:
        (N, Z), a copy.
    """
    table = network.code_facts.cpu().numpy()
    bows = np.flatnonzero(table[:, CODE_FACTS.index("style")] == BOW_STYLE) if len(table) else np.zeros(0, int)
    out = noise.clone()
    if len(bows) and last + 1 >= UNITS:
        gap = np.abs(np.log(table[bows, CODE_FACTS.index("period")] / period))
        near = bows[np.argsort(gap, kind="stable")[: max(1, len(bows) // 4)]]
        draw = torch.rand(1, generator=torch.Generator().manual_seed(seed)).item()
        out[last + 1 - UNITS : last + 1] = network.codes.cpu()[int(near[int(draw * len(near))])]
    return out
