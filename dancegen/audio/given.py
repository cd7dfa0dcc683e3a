"""Beats that somebody gives, rather than those that are heard."""

from __future__ import annotations

import numpy as np

from dancegen.audio.grid import BeatGrid
from dancegen.errors import DancegenError
from dancegen.progress import count_of

CLOSEST = 0.05  # seconds between two beats


def grid_from_times(times: np.ndarray, where: str = "the beat list", downbeat: np.ndarray | None = None) -> BeatGrid:
    """A grid from beats somebody knows (seconds from the start of the stretch that is danced to).

    Args:
        times: (B,) seconds.
        where: what the list is called, for messages.
        downbeat: (B,) bool, which begin a bar; None or none of them: every fourth.

    Raises:
        DancegenError: fewer than two, not rising, or not numbers.
    """
    times = np.asarray(times, np.float64).reshape(-1)
    if len(times) < 2:
        raise DancegenError(f"{where} holds {count_of(len(times), 'beats')}", "give two at least, in seconds")
    if not np.isfinite(times).all() or (np.diff(times) < CLOSEST).any():
        raise DancegenError(f"{where} is not a rising list of seconds", "sort it and remove what is not a time")
    marked = downbeat if downbeat is not None and downbeat.any() else np.zeros(0, bool)
    return BeatGrid(times, 60 / float(np.median(np.diff(times))), 1.0, marked)
