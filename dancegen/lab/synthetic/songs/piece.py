"""A composed song: its notes, its beats, and the instruments that play it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

BASS, COMP, PAD, TUNE, ARPEGGIO, DRUMS = 0, 1, 2, 3, 4, 9  # parts; the drums' number is their MIDI channel
RATE = 16_000  # samples a second of every sound that is made here


class Note(NamedTuple):
    """One note: when it begins and how long it sounds (s), its part, its MIDI pitch (of DRUMS: which), 0..1."""

    start: float
    seconds: float
    part: int
    pitch: int
    loud: float


@dataclass
class Piece:
    """A composed song.

    Attributes:
        notes: by their start.
        beats: (B,) seconds.
        downbeat: (B,) bool, which beats begin a bar.
        meter: beats a bar.
        genre: a name of `patterns`.
        programs: General MIDI's instrument of each part, of DRUMS the kit.
    """

    notes: list[Note]
    beats: np.ndarray
    downbeat: np.ndarray
    meter: int
    genre: str
    programs: dict[int, int]
