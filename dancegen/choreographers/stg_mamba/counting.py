"""The count of a dance and its form: which beats are danced, where phrases begin and come back, when it rests and ends.

A beat that comes too fast to step on is danced every second time, one that comes too slowly twice. Phrases begin with
the song's first bar and go on to both sides of the song.

A phrase has UNITS units: of two beats each in a dance in four (a phrase is eight beats), of one bar each in a dance in
three (a phrase is twelve).

Glossary: B beats, Q phrases, U = 4 units, F pieces, S slices, M mel bands, A sound features.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dancegen.audio.grid import BeatGrid, beat_position
from dancegen.audio.song import PIECE_SECONDS
from dancegen.audio.spectrum import CENTRE, SPREAD
from dancegen.body.sequence import by_blocks
from dancegen.choreographers.finish.frame import SHORTEST, Frame, hold_seconds

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
SILENT = 0.02 - CENTRE / SPREAD  # mean mel level below which nothing sounds
MOST_STANDING = 4.0  # seconds that a dancer waits for the first beat while music plays
LEAST_SILENCE = 1.5  # seconds; a shorter rest is danced through
SECTION = (2, 4)  # phrases of a section that does not come back, least and most
CHANGE = 1.2  # times the usual difference of neighbouring phrases, that begins a section
ALIKE = 0.45  # root mean square difference, in standard deviations of the song, below which two phrases sound the same
LEAST_VARIED = 0.12  # deviation of the features below which a song is one sound
USUAL_SECTION = 4  # phrases; of several that sound alike the one so many earlier is repeated
NEAREST = 2  # a phrase is not danced again straight after itself
VARIED = 0.3  # radians by which the noise of a repeat is turned toward new noise


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
    counted = grid.beats_or_count(seconds)
    meter = 3 if style in IN_THREE or (style in EITHER and counted.beats_per_bar == 3) else 4
    beats, start = danceable_beats(counted, counted.pickup)
    first = float(beats[0]) if grid.confidence > 0 else 0.0
    phrase = BEATS_OF_UNIT[meter] * UNITS
    even = BeatGrid(beats, 60 / float(np.median(np.diff(beats))), 1.0)
    ends = beat_position(even, np.array([0.0, seconds])) - start
    low, high = int(np.floor(ends[0] / phrase)) * phrase, (int(np.ceil(ends[1] / phrase)) + 1) * phrase
    fine = np.linspace(-phrase * 2.0, seconds + phrase * 2.0, int((seconds + phrase * 4) * 100))
    times = np.interp(np.arange(low, high + 1) + start, beat_position(even, fine), fine)
    keep = np.concatenate([[True], np.diff(times) > 1e-3])
    return Count(times[keep], meter, max(first, 0.0))


def danceable_beats(grid: BeatGrid, start: int) -> tuple[np.ndarray, int]:
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
    finish = final if seconds >= SHORTEST and sounding.any() else float("inf")
    rests = rests[rests[:, 0] < finish]
    period = count.period(np.array([begin, min(final, seconds)]))
    return Frame(begin, float(period[0]), rests, finish, float(period[1]), has_beat)


def silences(mel: np.ndarray) -> list[tuple[int, int]]:
    """The stretches of at least LEAST_SILENCE without sound, in pieces."""
    quiet = by_blocks(lambda part: part.mean(axis=(1, 2)), mel) < SILENT
    edges = np.flatnonzero(np.diff(np.concatenate([[False], quiet, [False]]).astype(int)))
    runs = zip(edges[::2], edges[1::2], strict=True)
    return [(int(a), int(b)) for a, b in runs if (b - a) * PIECE_SECONDS >= LEAST_SILENCE]


def last_beat(count: Count, sound_ends: float, seconds: float) -> float:
    """Seconds of the beat on which the dance ends: of the last bar the first beat, if there is time, else the last."""
    latest = min(sound_ends + 0.15, seconds - hold_seconds(seconds))
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


def sections(sound: np.ndarray, repeated: np.ndarray) -> np.ndarray:
    """The sections of a song: (Q, U, A) and `repeats` (Q,) -> (Q, 2) int, which section each phrase is of, and how
    often that was danced before.

    A phrase that repeats another is of its section; else a section goes on until the sound changes more than usual.
    """
    flat = sound.mean(axis=1)
    standard = (flat - flat.mean(axis=0)) / np.maximum(flat.std(axis=0), LEAST_VARIED)
    change = np.sqrt(np.square(np.diff(standard, axis=0)).mean(axis=1))  # (Q - 1,)
    usual = float(np.median(change)) if len(change) else 0.0
    found, times, count, run = np.zeros((len(sound), 2), int), dict[int, int](), 0, 0
    for q, model in enumerate(repeated):
        if model >= 0:
            found[q, 0], run = found[model, 0], SECTION[1]
        elif q == 0 or run >= SECTION[1] or (run >= SECTION[0] and change[q - 1] > CHANGE * usual):
            found[q, 0], run, count = count, 1, count + 1
        else:
            found[q, 0], run = found[q - 1, 0], run + 1
        if q == 0 or found[q, 0] != found[q - 1, 0]:
            times[found[q, 0]] = times.get(found[q, 0], -1) + 1
        found[q, 1] = times[found[q, 0]]
    return found
