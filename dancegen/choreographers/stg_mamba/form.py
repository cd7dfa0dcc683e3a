"""The form of a dance, from what is heard: when it begins, rests and ends, and which phrases come back.

Glossary: F pieces, S slices, M mel bands, Q phrases, U = 4 units, A sound features.
"""

from __future__ import annotations

import numpy as np

from dancegen.audio.song import PIECE_SECONDS
from dancegen.audio.spectrum import CENTRE, SPREAD
from dancegen.choreographers.finish.frame import LEAST_HOLD, SHORT, Frame
from dancegen.choreographers.stg_mamba.counting import BEATS_OF_UNIT, UNITS, Count

SILENT = 0.02 - CENTRE / SPREAD  # mean mel level below which nothing sounds
MOST_STANDING = 4.0  # seconds that a dancer waits for the first beat while music plays
LEAST_SILENCE = 1.5  # seconds; a shorter rest is danced through
ALIKE = 0.45  # root mean square difference, in standard deviations of the song, below which two phrases sound the same
LEAST_VARIED = 0.12  # deviation of the features below which a song is one sound
USUAL_SECTION = 4  # phrases; of several that sound alike the one so many earlier is repeated
NEAREST = 2  # a phrase is not danced again straight after itself
VARIED = 0.3  # radians by which the noise of a repeat is turned toward new noise


def frame_of(mel: np.ndarray, count: Count, seconds: float, has_beat: bool) -> Frame:
    """The frame of a dance to pieces (F, S, M)."""
    silent = silences(mel)
    sounding = np.ones(len(mel), bool)
    for first, last in silent:
        sounding[first:last] = False
    begin, end = 0.0, float(seconds)
    if sounding.any():
        heard = np.flatnonzero(sounding)
        begin, end = float(heard[0]) * PIECE_SECONDS, min(float(heard[-1] + 1) * PIECE_SECONDS, seconds)
    if has_beat and count.first - begin <= MOST_STANDING:  # music without a beat is danced to after that
        begin = max(begin, float(count.first))
    beats = count.beats
    begin = float(beats[min(int(np.searchsorted(beats, begin - 0.15)), len(beats) - 1)])
    rests = np.array([[a * PIECE_SECONDS, b * PIECE_SECONDS] for a, b in silent]).reshape(-1, 2)
    final = last_beat(count, end, seconds)
    finish = final if seconds >= SHORT and sounding.any() else float("inf")
    rests = rests[rests[:, 0] < finish]
    period = count.period(np.array([begin, min(final, seconds)]))
    return Frame(begin, float(period[0]), rests, finish, float(period[1]))


def silences(mel: np.ndarray) -> list[tuple[int, int]]:
    """The stretches of at least LEAST_SILENCE without sound, in pieces."""
    quiet = mel.mean(axis=(1, 2)) < SILENT
    edges = np.flatnonzero(np.diff(np.concatenate([[False], quiet, [False]]).astype(int)))
    runs = zip(edges[::2], edges[1::2], strict=True)
    return [(int(a), int(b)) for a, b in runs if (b - a) * PIECE_SECONDS >= LEAST_SILENCE]


def last_beat(count: Count, sound_ends: float, seconds: float) -> float:
    """Seconds of the beat on which the dance ends: of the last bar the first beat, if there is time, else the last."""
    latest = min(sound_ends + 0.15, seconds - LEAST_HOLD)
    possible = np.flatnonzero(count.beats <= latest)
    if not len(possible):
        return np.inf
    unit = BEATS_OF_UNIT[count.meter]
    bar = unit * (UNITS // 2) if count.meter == 4 else unit
    number = int(possible[-1])
    first = number - number % bar
    return float(count.beats[first if number - first <= 1 and first > bar else number])


def repeats(sound: np.ndarray) -> np.ndarray:
    """For each phrase the earlier phrase that it repeats, or -1: (Q, U, A) -> (Q,) int.

    A run of phrases repeats a run: where the phrase before repeats phrase r, this one repeats r + 1 if it sounds so.
    """
    count = len(sound)
    flat = sound.reshape(count, -1)
    spread = np.maximum(flat.std(axis=0), LEAST_VARIED)
    standard = (flat - flat.mean(axis=0)) / spread
    found = np.full(count, -1)
    for q in range(NEAREST, count):
        gap = np.sqrt(((standard[: q - NEAREST + 1] - standard[q]) ** 2).mean(axis=1))
        alike = np.flatnonzero(gap < ALIKE)
        if not len(alike):
            continue
        follows = found[q - 1] + 1
        if found[q - 1] >= 0 and follows in alike:
            found[q] = follows
        else:
            off = np.abs((q - alike) % USUAL_SECTION)
            found[q] = alike[np.lexsort((alike, gap[alike], off))[0]]
    return found
