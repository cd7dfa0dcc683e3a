"""Choreographers that redo bars otherwise: in the manner of another dance, or with limbs of the old one held."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dancegen.body.sequence import SkeletonSequence
from dancegen.choreographers.base import AMOUNT, TURNS, Choreographer
from dancegen.dances.keep import held_limbs
from dancegen.dances.warp import warp_dance

if TYPE_CHECKING:
    from dancegen.audio.grid import BeatGrid
    from dancegen.audio.song import Song
    from dancegen.progress import Reporter

FPS = 30.0
LEAST_SECONDS = 1.0  # of a song behind `begin`, that a manner needs


@dataclass(eq=False)
class Like:
    """Dances as `model` does, from `begin` seconds on, its accents on the beats; where it ends, back and forth."""

    model: SkeletonSequence
    begin: float
    styles: tuple[str, ...] = ()

    def dance(
        self,
        song: Song,
        grid: BeatGrid,
        *,
        seed: int,
        style: str,
        amount: float = AMOUNT,
        turns: float = TURNS,
        reporter: Reporter | None = None,
    ) -> SkeletonSequence:
        """See `choreographers.base.Choreographer`; seed and style change nothing."""
        begin = max(0.0, min(self.begin, song.seconds - LEAST_SECONDS))
        beats = grid.times[grid.times >= begin - 1e-3] - begin
        moved = warp_dance(self.model, beats, song.seconds - begin)
        moved = moved if moved.fps == FPS else moved.resample(FPS, max(2, round(moved.seconds * FPS)))
        count, last = round(song.seconds * FPS), max(len(moved) - 1, 1)
        at = (np.arange(count) - round(begin * FPS)) % (2 * last)
        return moved.at(np.minimum(at, 2 * last - at))


@dataclass(eq=False)
class Holding:
    """Dances as another choreographer does, with `limbs` ("arms" or "legs") as they are in `old`."""

    dancer: Choreographer
    old: SkeletonSequence
    limbs: str
    styles: tuple[str, ...] = ()

    def dance(
        self,
        song: Song,
        grid: BeatGrid,
        *,
        seed: int,
        style: str,
        amount: float = AMOUNT,
        turns: float = TURNS,
        reporter: Reporter | None = None,
    ) -> SkeletonSequence:
        """See `choreographers.base.Choreographer`."""
        new = self.dancer.dance(song, grid, seed=seed, style=style, amount=amount, turns=turns, reporter=reporter)
        return held_limbs(self.old, new.resample(self.old.fps, len(self.old)), self.limbs)
