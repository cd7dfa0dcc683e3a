"""A stretch of a dance the other way round: what the right side did, the left does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from dancegen.body.joints import MIRROR
from dancegen.body.sequence import SkeletonSequence
from dancegen.dances.bars import bar_poses, paste
from dancegen.dances.dance_file import DanceFile, Source, Take, round_dance, without_bars
from dancegen.dances.takes import rank_takes


def mirror_bars(dance: DanceFile, number: int, bars: list[tuple[int, int]]) -> DanceFile:
    """The dance with bars of take `number` mirrored; every pose outside them is kept bit for bit.

    Args:
        dance: the dance.
        number: the take, from 1; it is then the chosen one.
        bars: stretches (first, last), both included.

    Raises:
        DancegenError: there are no such bars.
    """
    grid = dance.grid.beats_or_count(dance.seconds)
    take = dance.take(number)
    for first, last in bars:
        old = take.skeleton
        begin, end = bar_poses(grid, first, last, old.fps, len(old))
        sources = (*without_bars(take.sources, first, last), Source(first, last, "made", "mirrored"))
        take = replace(take, skeleton=round_dance(paste(old, mirror(old), begin, end)), sources=sources)
    changed = dance.with_take(number, _sort_sources(take))
    return replace(changed, takes=rank_takes(changed.takes, grid.times), chosen=number)


def mirror(dance: SkeletonSequence) -> SkeletonSequence:
    """A canonical dance as a mirror shows it: x and turns the other way, sides exchanged."""
    order = list(MIRROR)
    flip = np.array([-1, 1, 1], np.float32)
    hands = None if dance.hands is None else dance.hands[:, ::-1] * flip
    face = None if dance.face is None else dance.face * flip
    return replace(
        dance,
        joints=dance.joints[:, order] * flip,
        confidence=dance.confidence[:, order],
        yaw=None if dance.yaw is None else -dance.yaw,
        hands=hands,
        face=face,
    )


def _sort_sources(take: Take) -> Take:
    return replace(take, sources=tuple(sorted(take.sources, key=lambda source: source.first)))
