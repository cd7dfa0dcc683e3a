"""The bars of a grid. Beats before the first downbeat, a pick-up, are bar 0; else the first bar is bar 1."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dancegen.audio.grid import BeatGrid, beat_position


class Bar(NamedTuple):
    """A bar: its number, the index of its first beat in the grid, and how many beats it has; the last may be short."""

    number: int
    first: int
    beats: int


def bars(grid: BeatGrid) -> list[Bar]:
    """All bars in order; one bar 1 of no beats for a grid without beats."""
    firsts = np.flatnonzero(grid.downbeat)
    if not len(firsts):
        return [Bar(1, 0, len(grid.times))]
    ends = [*firsts[1:], len(grid.times)]
    pickup = [Bar(0, 0, int(firsts[0]))] if firsts[0] else []
    numbered = enumerate(zip(firsts, ends, strict=True), 1)
    return pickup + [Bar(number, int(first), int(end - first)) for number, (first, end) in numbered]


def count_position(grid: BeatGrid, times: np.ndarray) -> np.ndarray:
    """Beats since the first downbeat, the shape of `times`; negative before it. What a dancer counts by.

    Args:
        grid: two beats at least.
        times: any shape, seconds.
    """
    return beat_position(grid, times) - grid.pickup


def bar_position(grid: BeatGrid, times: np.ndarray) -> np.ndarray:
    """Bars since the first downbeat, linear over the beats of a bar: the shape of `times`, negative before it.

    Beyond both ends bars go on with `grid.beats_per_bar`.

    Args:
        grid: two beats at least.
        times: any shape, seconds.
    """
    position, meter = beat_position(grid, times), grid.beats_per_bar
    firsts = np.flatnonzero(grid.downbeat)
    if not len(firsts):
        return position / meter
    inside = np.interp(position, firsts, np.arange(len(firsts)))
    before = (position - firsts[0]) / meter
    after = len(firsts) - 1 + (position - firsts[-1]) / meter
    return np.where(position < firsts[0], before, np.where(position > firsts[-1], after, inside))
