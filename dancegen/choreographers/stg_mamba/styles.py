"""Which styles a song's sections ask for, where the style is left to the music, and whose arms go with whose steps.

What a dance teacher goes by: the bar, the tempo, and whether the music is busy or calm, bright or dark. Ranks are
those of `ear`: 0 the calmest or darkest of the songs that the network was trained with, 1 the busiest or brightest.
Steps of couples in hold are mostly danced with open arms: nobody is there to be held.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from dancegen.choreographers.stg_mamba.config import ARM_STYLES, STYLES
from dancegen.choreographers.stg_mamba.hearing import mixed_seed


@dataclass(frozen=True)
class Taste:
    """What a style is danced to: beats a minute, the ranks of loudness, onsets, brightness and bass; in three or not,
    or in any bar (None)."""

    tempo: float
    loud: float
    busy: float
    bright: float
    bass: float
    three: bool | None = False


TASTES = {
    "cha-cha": Taste(122, 0.6, 0.7, 0.6, 0.5),
    "rumba": Taste(95, 0.4, 0.35, 0.45, 0.5),
    "tango": Taste(126, 0.6, 0.4, 0.4, 0.8),
    "waltz": Taste(90, 0.4, 0.4, 0.5, 0.5, three=True),
    "salsa": Taste(138, 0.8, 0.85, 0.75, 0.4),
    "ballet": Taste(80, 0.15, 0.15, 0.5, 0.3, three=None),
}
TEMPO_SPREAD = 0.3  # octaves of the danced tempo at which a style has half its appeal
SURE = 6.0  # how much a rank's miss costs
THREE = 12.0  # what a wrong bar costs
AGAIN = 0.3  # how much less appeal the style of the section before has: a change of section is a change of dance
EVENER = 0.7  # power of appeals where a section's style is drawn: another seed shall dance another one
ARMS = {  # whose arms the steps are danced with: odds
    "cha-cha": {"cha-cha": 0.6, "rumba": 0.25, "salsa": 0.15},
    "rumba": {"rumba": 0.5, "cha-cha": 0.25, "ballet": 0.25},
    "tango": {"tango": 0.05, "rumba": 0.4, "cha-cha": 0.35, "ballet": 0.2},
    "waltz": {"waltz": 0.2, "ballet": 0.4, "rumba": 0.4},
    "salsa": {"salsa": 0.15, "cha-cha": 0.45, "rumba": 0.4},
    "ballet": {"ballet": 0.8, "rumba": 0.2},
}
KEPT = 0.9  # share of the sections that have a style's own arms where the style was asked for


def appeal(period: float, in_three: bool, ranks: np.ndarray) -> dict[str, float]:
    """How likely each style is, summing to 1, from seconds per danced beat, the music's bar and its ranks (4,)."""
    scores = []
    for taste in TASTES.values():
        octaves = np.log2(60 / period / taste.tempo)
        miss = np.abs(ranks - [taste.loud, taste.busy, taste.bright, taste.bass]).mean()
        scores.append(-np.log(2) * (octaves / TEMPO_SPREAD) ** 2 - SURE * miss)
        scores[-1] -= THREE * (taste.three not in (None, in_three))
    odds = np.exp(np.asarray(scores) - max(scores))
    return dict(zip(TASTES, (odds / odds.sum()).tolist(), strict=True))


def choose_style(odds: dict[str, float], seed: int) -> str:
    """The style that a seed draws: another seed may dance another style that suits the song as well."""
    draw = torch.rand(1, generator=torch.Generator().manual_seed(seed ^ 0x5EED)).item()
    total = np.cumsum(list(odds.values()))
    return list(odds)[min(int(np.searchsorted(total, draw * total[-1])), len(odds) - 1)]


Plan = list[tuple[str, str]]  # of each phrase, whose steps and whose arms


def plan(sections: np.ndarray, appeals: list[dict[str, float]], seed: int, number: int, style: str) -> Plan:
    """The styles of each phrase's steps and arms.

    Args:
        sections: (Q, 2) of `counting.sections`.
        appeals: of each phrase, see `appeal`; only styles that are known.
        seed: another seed, another plan.
        number: the song's own.
        style: of all steps, or the first of STYLES to leave them to the music.
    """
    steps: dict[int, str] = {}
    made: Plan = []
    for (section, time), odds in zip(sections.tolist(), appeals, strict=True):
        if section not in steps:
            evened = {name: value**EVENER for name, value in odds.items()}
            if made:
                evened[made[-1][0]] *= AGAIN
            drawn = choose_style(evened, mixed_seed(seed, number, f"steps {section}"))
            steps[section] = drawn if style == STYLES[0] else style
        arms = choose_style(_lenders(steps[section], odds), mixed_seed(seed, number, f"arms {section} {time}"))
        if style != STYLES[0] and mixed_seed(seed, number, f"kept {section} {time}") % 1000 < 1000 * KEPT:
            arms = style
        made.append((steps[section], arms))
    return made


def _lenders(steps: str, known: Collection[str]) -> dict[str, float]:
    """ARMS of some steps as far as the styles are known; where that leaves none but its own, all of them alike."""
    odds = {style: share for style, share in ARMS[steps].items() if style in known}
    return odds if len(odds) > 1 else dict.fromkeys(known, 1.0)


def numbers(planned: Plan) -> np.ndarray:
    """A plan as (Q, 2) int, indices into STYLES and ARM_STYLES."""
    return np.array([(STYLES.index(steps), ARM_STYLES.index(arms)) for steps, arms in planned])


def share_styles(plans: Sequence[tuple[Plan, float]]) -> np.ndarray:
    """How much of each of STYLES each phrase has, (Q, S) float32, from plans and their shares."""
    return sum(share * np.eye(len(STYLES), dtype=np.float32)[numbers(planned)[:, 0]] for planned, share in plans)  # type: ignore[return-value]


def look_up(table: nn.Embedding, style: Tensor) -> Tensor:
    """(B, W): what a table holds for styles, given as indices (B,) or as shares (B, S) of `share_styles`."""
    return style @ table.weight if style.is_floating_point() else table(style)
