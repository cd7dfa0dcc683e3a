"""The bars of a grid. Beats before the first downbeat, a pick-up, are bar 0; else the first bar is bar 1."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dancegen.audio.grid import BeatGrid


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
