"""The count of a dance: which beats of a song are danced, in bars of how many, and where phrases begin.

A beat that comes too fast to step on is danced every second time, one that comes too slowly twice. Phrases begin with
the song's first bar and go on to both sides of the song.

A phrase has UNITS units: of two beats each in a dance in four (a phrase is eight beats), of one bar each in a dance in
three (a phrase is twelve).

Glossary: B beats, Q phrases, F pieces.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dancegen.audio.grid import BeatGrid, beat_position

UNITS = 4
BEATS_OF_UNIT = {4: 2, 3: 3}  # by the beats of a bar
CLOCK = (
    "beat_sin",  # of the phase within the beat at the start of the piece; cosine 1 = on the beat
    "beat_cos",
    "unit_sin",  # likewise within the unit
    "unit_cos",
    "half_sin",  # within half a phrase
    "half_cos",
    "phrase_sin",
    "phrase_cos",
    "beat_offset",  # seconds from the nearest beat to the start of the piece
    "beat_period",  # seconds per beat
    "in_three",  # 1 in a dance in three, else 0
)
FASTEST, SLOWEST = 0.36, 0.85  # seconds per danced beat
IN_THREE = ("waltz",)  # danced in three whatever the music counts
EITHER = ("auto", "ballet")  # danced in three where the music is


@dataclass(frozen=True)
class Count:
    """What a dance counts.

    Attributes:
        beats: (B,) seconds, rising; the first, at or before 0, begins a phrase; the last lies past the song's end.
        meter: beats of a bar of the dance, 3 or 4.
        first: seconds of the first beat that the song itself has.
    """

    beats: np.ndarray
    meter: int
    first: float

    @property
    def phrase(self) -> int:
        """Beats of a phrase."""
        return BEATS_OF_UNIT[self.meter] * UNITS

    def position(self, seconds: np.ndarray) -> np.ndarray:
        """Beats since the first of `beats`, fractional."""
        return np.interp(seconds, self.beats, np.arange(len(self.beats)))

    def period(self, seconds: np.ndarray) -> np.ndarray:
        """Seconds per beat around each time."""
        step = 0.02
        way = self.position(seconds + step) - self.position(seconds - step)
        return np.clip(2 * step / np.maximum(way, 1e-3), 0.2, 1.6)


def count_for(grid: BeatGrid, seconds: float, style: str) -> Count:
    """The count of a dance of `seconds` in a style."""
    counted = grid.counted(seconds)
    meter = 3 if style in IN_THREE or (style in EITHER and counted.beats_per_bar == 3) else 4
    beats, start = _danceable(counted, counted.pickup)
    first = float(beats[0]) if grid.confidence > 0 else 0.0
    phrase = BEATS_OF_UNIT[meter] * UNITS
    even = BeatGrid(beats, 60 / float(np.median(np.diff(beats))), 1.0)
    ends = beat_position(even, np.array([0.0, seconds])) - start
    low, high = int(np.floor(ends[0] / phrase)) * phrase, (int(np.ceil(ends[1] / phrase)) + 1) * phrase
    fine = np.linspace(-phrase * 2.0, seconds + phrase * 2.0, int((seconds + phrase * 4) * 100))
    times = np.interp(np.arange(low, high + 1) + start, beat_position(even, fine), fine)
    keep = np.concatenate([[True], np.diff(times) > 1e-3])
    return Count(times[keep], meter, max(first, 0.0))


def _danceable(grid: BeatGrid, start: int) -> tuple[np.ndarray, int]:
    """Beats no faster than FASTEST and no slower than SLOWEST, and which of them the beat `start` has become."""
    beats = grid.times
    while len(beats) > 8 and np.median(np.diff(beats)) < FASTEST:
        beats, start = beats[start % 2 :: 2], start // 2
    while np.median(np.diff(beats)) > SLOWEST:
        beats = np.interp(np.arange(2 * len(beats) - 1) / 2, np.arange(len(beats)), beats)
        start *= 2
    return beats, start


def clock(position: np.ndarray, period: np.ndarray, meter: int) -> np.ndarray:
    """CLOCK of pieces.

    Args:
        position: (F,) beats at the start of each piece, counted from the first beat of a phrase.
        period: (F,) seconds per beat there.
        meter: beats of a bar that the dance counts, 3 or 4.

    Returns:
        (F, len(CLOCK)) float32.
    """
    unit = BEATS_OF_UNIT[meter]
    turns = 2 * np.pi * position[:, None] / np.array([1, unit, UNITS * unit / 2, UNITS * unit])  # (F, 4)
    waves = np.stack([np.sin(turns), np.cos(turns)], axis=2).reshape(len(position), -1)  # (F, 8)
    offset = np.clip((position - np.round(position)) * period, -1, 1)
    rest = np.stack([offset, period, np.full_like(offset, meter == 3)], axis=1)
    return np.concatenate([waves, rest], axis=1).astype(np.float32)
