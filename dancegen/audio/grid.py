"""A grid of beats and the position of any moment in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dancegen.errors import DancegenError
from dancegen.progress import counted

OWN_TEMPO = 100.0  # beats a minute, what the dance counts where a song has no beat


@dataclass(frozen=True)
class BeatGrid:
    """The beats of a song.

    Attributes:
        times: (B,) float64, rising, seconds from the start of the `Song`; empty where there is no beat.
        tempo: beats a minute; 0 where there is no beat.
        confidence: 0..1, how periodic the onsets are at that tempo; 0 where there is no beat, 1 for given beats.
    """

    times: np.ndarray
    tempo: float
    confidence: float

    def counted(self, seconds: float) -> BeatGrid:
        """This grid or, where there is no beat, an even count at OWN_TEMPO with confidence 0."""
        if len(self.times) >= 2:
            return self
        return BeatGrid(np.arange(0.0, max(seconds, 2.0), 60 / OWN_TEMPO), OWN_TEMPO, 0.0)


def grid_from_times(times: np.ndarray, where: str = "the beat list") -> BeatGrid:
    """A grid from beats somebody knows (seconds from the start of the stretch that is danced to).

    Raises:
        DancegenError: fewer than two, not rising, or not numbers.
    """
    times = np.asarray(times, np.float64).reshape(-1)
    if len(times) < 2:
        raise DancegenError(f"{where} holds {counted(len(times), 'beats')}", "give two at least, in seconds")
    if not np.isfinite(times).all() or (np.diff(times) < 0.05).any():
        raise DancegenError(f"{where} is not a rising list of seconds", "sort it and remove what is not a time")
    return BeatGrid(times, 60 / float(np.median(np.diff(times))), 1.0)


def beat_position(grid: BeatGrid, times: np.ndarray) -> np.ndarray:
    """Beats since the first one, linear between beats and going on at the end's tempo: the phase is its fraction.

    Args:
        grid: two beats at least (`grid.counted(seconds)` for any grid).
        times: any shape, seconds.

    Returns:
        the shape of `times`, float64; negative before the first beat.
    """
    beats = grid.times
    inside = np.interp(times, beats, np.arange(len(beats)))
    edge = min(len(beats) - 1, 4)  # one odd gap at an end must not set the tempo beyond it
    before = (times - beats[0]) * edge / (beats[edge] - beats[0])
    after = len(beats) - 1 + (times - beats[-1]) * edge / (beats[-1] - beats[-1 - edge])
    return np.where(times < beats[0], before, np.where(times > beats[-1], after, inside))
