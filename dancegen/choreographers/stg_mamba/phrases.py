"""Phrases of eight beats, units of two: the clock the dance counts by. Each unit has its own noise.

Glossary: F pieces of 0.1 s, B beats, Z width of the noise.
"""

from __future__ import annotations

import numpy as np

from dancegen.audio.bars import count_position
from dancegen.audio.grid import BeatGrid
from dancegen.audio.song import PIECE_SECONDS

PHRASE_BEATS = 8
UNIT_BEATS = 2  # the noise changes from unit to unit
UNITS = PHRASE_BEATS // UNIT_BEATS
PHRASE_CLOCK = ("phrase_sin", "phrase_cos", "half_phrase_sin", "half_phrase_cos")


def phrase_position(grid: BeatGrid, seconds: np.ndarray) -> np.ndarray:
    """Phrases since the first downbeat at each time, fractional, same shape; negative before it."""
    last = float(np.max(seconds)) if np.size(seconds) else 0.0
    return count_position(grid.counted(last), seconds) / PHRASE_BEATS


def phrase_clock(position: np.ndarray) -> np.ndarray:
    """PHRASE_CLOCK of positions (F,): (F, 4) float32."""
    turns = 2 * np.pi * position
    return np.stack([np.sin(turns), np.cos(turns), np.sin(2 * turns), np.cos(2 * turns)], axis=-1).astype(np.float32)


def piece_times(pieces: int) -> np.ndarray:
    """The start of each piece in seconds, (F,)."""
    return np.arange(pieces) * PIECE_SECONDS


def even_beats(grid: BeatGrid, seconds: float) -> np.ndarray:
    """The beats of a song continued to both sides, from a phrase that begins at or before 0 to past the end.

    Returns:
        (B,) seconds; beat 0 is a phrase's first.
    """
    counted = grid.counted(seconds)
    ends = count_position(counted, np.array([0.0, seconds]))
    first = int(np.floor(ends[0] / PHRASE_BEATS)) * PHRASE_BEATS
    numbers = np.arange(first, int(np.ceil(ends[1])) + 2)
    fine = np.linspace(-PHRASE_BEATS * 1.5, seconds + 3.0, int((seconds + 15) * 200))
    return np.interp(numbers, count_position(counted, fine), fine)
