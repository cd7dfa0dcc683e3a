"""The clock a dance counts by: where a piece of 0.1 s is in its beat, its unit and its phrase.

A phrase has UNITS units: of two beats each in a dance in four (a phrase is eight beats), of one bar each in a dance in
three (a phrase is twelve). A unit has its own noise.

Glossary: F pieces.
"""

from __future__ import annotations

import numpy as np

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
