"""Several dances to one song: scored with the evaluation's own measures against this song, and ranked.

The scores of a take:
    hit_rate    % of the dance's own beats (moments of rest) within 0.1 s of a beat of the music; more is better
    coverage    the dance's own beats per 100 beats of the music; near 100 is best, above it is restless
    bc_music    mean over the music's beats of exp(-d^2 / (2 * 0.1^2)), d = seconds to the dance's nearest; high is good
    speed       mean speed of elbows, wrists, knees and ankles, body heights a second ("energy"); not ranked
    pvar        variance of the poses ("variety"); more is better
    skate_ratio speed of a standing foot against real dancers' (1); less is better
    rank        1 = the best mean place on the beat (of the first three), in variety and in feet, which count alike
The full definitions are in dancegen/dances/metrics.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from dancegen.body.sequence import SkeletonSequence
from dancegen.dances.dance_file import Take
from dancegen.dances.metrics import score

# What counts in the ranking, as "less is better"; measures of one kind share a vote, for three say the same of beats.
_LESS_IS_BETTER: tuple[dict[str, Callable[[float], float]], ...] = (
    {
        "hit_rate": lambda value: -value,
        "coverage": lambda value: abs(np.log(max(value, 1.0) / 100)),
        "bc_music": lambda value: -value,
    },
    {"pvar": lambda value: -value},
    {"skate_ratio": lambda value: value},
)
COLUMNS = {  # heading of the printed table -> score and its format
    "hit rate %": ("hit_rate", "{:.0f}"),
    "coverage %": ("coverage", "{:.0f}"),
    "BC": ("bc_music", "{:.2f}"),
    "energy": ("speed", "{:.2f}"),
    "variety": ("pvar", "{:.2f}"),
    "foot skate": ("skate_ratio", "{:.2f}"),
}


def scores_of(skeleton: SkeletonSequence, times: np.ndarray) -> dict[str, float]:
    """The scores of one dance against the beats `times` (B,) seconds, without a rank."""
    return score(skeleton.joints, skeleton.fps, times)


def rank_takes(takes: Sequence[Take], times: np.ndarray) -> tuple[Take, ...]:
    """The takes in their own order, each with its scores and, where there are several, its rank among them."""
    scores = [scores_of(take.skeleton, times) for take in takes]
    if len(takes) > 1:
        for place, number in enumerate(best_first(scores), 1):
            scores[number]["rank"] = place
    return tuple(replace(take, scores=values) for take, values in zip(takes, scores, strict=True))


def best_first(scores: Sequence[dict[str, float]]) -> list[int]:
    """The indices of `scores` by their mean place in the ranked kinds of measures; equal ones share the mean of their
    places."""

    def places(kind: dict[str, Callable[[float], float]]) -> np.ndarray:
        every = [_rank(np.array([less(values[name]) for values in scores])) for name, less in kind.items()]
        shared: np.ndarray = np.mean(every, axis=0)
        return shared

    mean = np.mean([places(kind) for kind in _LESS_IS_BETTER], axis=0)  # (takes,)
    return [int(number) for number in np.argsort(mean, kind="stable")]


def _rank(values: np.ndarray) -> np.ndarray:
    """The places of values (N,) among each other, from 1, equal ones the mean of theirs. `scipy.stats.rankdata` says
    the same and takes half a second to import."""
    places: np.ndarray = (values[:, None] > values).sum(axis=1) + ((values[:, None] == values).sum(axis=1) + 1) / 2
    return places
