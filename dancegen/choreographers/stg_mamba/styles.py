"""Which styles a song asks for, where the style is left to the music.

What a dance teacher goes by: the bar, the tempo, and whether the music is busy or calm, bright or dark. Ranks are
those of `ear`: 0 the calmest or darkest of the songs that the network was trained with, 1 the busiest or brightest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from dancegen.choreographers.stg_mamba.config import STYLES


@dataclass(frozen=True)
class Taste:
    """What a style is danced to: beats a minute, and the ranks of loudness, onsets, brightness and bass."""

    tempo: float
    loud: float
    busy: float
    bright: float
    bass: float
    three: bool = False


TASTES = {
    "cha-cha": Taste(122, 0.6, 0.7, 0.6, 0.5),
    "rumba": Taste(95, 0.4, 0.35, 0.45, 0.5),
    "tango": Taste(126, 0.6, 0.4, 0.4, 0.8),
    "waltz": Taste(90, 0.4, 0.4, 0.5, 0.5, three=True),
    "salsa": Taste(138, 0.8, 0.85, 0.75, 0.4),
    "ballet": Taste(80, 0.15, 0.15, 0.5, 0.3),
}
TEMPO_SPREAD = 0.3  # octaves of the danced tempo at which a style has half its appeal
SURE = 6.0  # how much a rank's miss costs
THREE = 3.0  # what a wrong bar costs


def appeal(period: float, in_three: bool, ranks: np.ndarray) -> dict[str, float]:
    """How likely each style is, summing to 1, from seconds per danced beat, the music's bar and its ranks (4,)."""
    scores = []
    for taste in TASTES.values():
        octaves = np.log2(60 / period / taste.tempo)
        miss = np.abs(ranks - [taste.loud, taste.busy, taste.bright, taste.bass]).mean()
        scores.append(-np.log(2) * (octaves / TEMPO_SPREAD) ** 2 - SURE * miss - THREE * (taste.three != in_three))
    odds = np.exp(np.asarray(scores) - max(scores))
    return dict(zip(TASTES, (odds / odds.sum()).tolist(), strict=True))


def choose_style(odds: dict[str, float], seed: int) -> str:
    """The style that a seed draws: another seed may dance another style that suits the song as well."""
    draw = torch.rand(1, generator=torch.Generator().manual_seed(seed ^ 0x5EED)).item()
    names = [name for name in STYLES if name in odds]
    total = np.cumsum([odds[name] for name in names])
    return names[min(int(np.searchsorted(total, draw * total[-1])), len(names) - 1)]


def share_styles(shares: dict[str, float]) -> Tensor:
    """How much of each of STYLES a dance has, (S,), from those that it has any of."""
    return torch.tensor([shares.get(name, 0.0) for name in STYLES])


def lead_style(shares: dict[str, float]) -> str:
    """The style of which a dance has most; of two alike the later one, which was asked for."""
    return max(reversed(shares), key=lambda name: shares[name])


def look_up(table: nn.Embedding, style: Tensor) -> Tensor:
    """(B, W): what a table holds for styles, given as indices (B,) or as shares (B, S) of `share_styles`."""
    return style @ table.weight if style.is_floating_point() else table(style)


def mix_codes(imagined: Sequence[tuple[Tensor, float]]) -> Tensor:
    """Phrases between those of several styles, from the codes (Q, K, D) of each and its share.

    They are as long as the codes are on the mean: a plain mean of two phrases that differ moves less than either.
    """
    mixed = torch.stack([share * codes for codes, share in imagined]).sum(0)
    if len(imagined) == 1:
        return mixed
    length = torch.stack([share * codes.flatten(1).norm(dim=1) for codes, share in imagined]).sum(0)
    return mixed * (length / mixed.flatten(1).norm(dim=1).clamp_min(1e-6))[:, None, None]
