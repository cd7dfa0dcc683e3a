"""How well beats, bars and changes of tempo are heard: on songs made here whose beats are known, and on any songs
beside the beats that another tracker tells.

F: share of beats within 0.07 s, both ways. CMLt: share of the time in which beats follow each other at the right tempo
and place. AMLt: the same where twice, half, or the off-beats count too. All by mir_eval, the first 5 s left out.

Glossary: B beats.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dancegen.audio.grid import BeatGrid
from dancegen.audio.song import SAMPLE_RATE, Song
from dancegen.choreographers.base import Choreographer
from dancegen.dances.metrics import HIT_WINDOW, kinematic_beats, nearest_distance
from dancegen.errors import DancegenError
from dancegen.lab.datasets.data import style_of
from dancegen.lab.synthetic.songs.known import JUMP_AT, RATE, KnownSong

EITHER_OCTAVE = 150.0  # beats a minute from which on every second beat is as right as every one
LOUD_NOISE = "noise-20"  # the kind of songs under noise, which are counted apart
RIGHT_BARS = 0.85  # F of downbeats, from which on a song's bars are right
THIRD = 2  # beats after a jump that may still go by the tempo before
METER = {"waltz": 3, "cha-cha": 4, "rumba": 4}  # of the music that real dancers dance to


class Agreement(NamedTuple):
    """How two lists of beats agree, each 0..1."""

    f: float
    cmlt: float
    amlt: float


@dataclass(frozen=True)
class HeardKnown:
    """A made song and what was heard of it."""

    song: KnownSong
    grid: BeatGrid

    @property
    def agreement(self) -> Agreement:
        """From EITHER_OCTAVE on the best of all true beats, every second one, and the others."""
        truth = self.song.beats
        fast = (len(truth) - 1) / (truth[-1] - truth[0]) >= EITHER_OCTAVE / 60
        allowed = [truth, truth[::2], truth[1::2]] if fast else [truth]
        return max(agreement(beats, self.grid.times) for beats in allowed)

    @property
    def downbeat_f(self) -> float:
        """F of the downbeats."""
        return agreement(self.song.beats[self.song.downbeat], self.grid.downbeats).f


def agreement(truth: np.ndarray, found: np.ndarray) -> Agreement:
    """Of true or other beats (B,) and those found (B',), seconds."""
    try:
        import mir_eval.beat as judge
    except ImportError as cause:
        raise DancegenError("mir_eval is not installed", 'pip install -e ".[train]"') from cause
    truth, found = judge.trim_beats(truth), judge.trim_beats(found)
    if not len(truth) or not len(found):
        return Agreement(0.0, 0.0, 0.0)
    _, cmlt, _, amlt = judge.continuity(truth, found)
    return Agreement(float(judge.f_measure(truth, found)), float(cmlt), float(amlt))


def to_song(made: KnownSong) -> Song:
    """As it would be read from a file: 16 kHz."""
    from scipy.signal import resample_poly

    common = np.gcd(RATE, SAMPLE_RATE)
    samples = resample_poly(made.samples, SAMPLE_RATE // common, RATE // common).astype(np.float32)
    return Song(Path(f"{made.name}.wav"), samples)


def known_rows(heard: Sequence[HeardKnown]) -> dict[str, Agreement]:
    """Means by kind of song, and of all but those under loud noise."""
    groups: dict[str, list[Agreement]] = defaultdict(list)
    for one in heard:
        groups[one.song.recipe.kind].append(one.agreement)
    kept = [row for kind, rows in groups.items() if kind != LOUD_NOISE for row in rows]
    return {kind: mean(rows) for kind, rows in groups.items()} | {f"all but {LOUD_NOISE}": mean(kept)}


def mean(rows: Iterable[Agreement]) -> Agreement:
    """The mean of each measure."""
    return Agreement(*np.mean(list(rows), axis=0).tolist())


def bar_rows(heard: Sequence[HeardKnown]) -> dict[str, str]:
    """What was heard of the bars of made songs, but for those under loud noise."""
    clear = [one for one in heard if one.song.recipe.kind != LOUD_NOISE]
    rows = {}
    for meter in (3, 4):
        right = [one.grid.beats_per_bar == meter for one in clear if one.song.recipe.meter == meter]
        rows[f"bars of {meter} heard as such"] = f"{sum(right)} of {len(right)}"
    bars = [one.downbeat_f for one in clear]
    right = [f >= RIGHT_BARS for f in bars]
    rows["downbeats"] = f"mean F {np.mean(bars):.3f}; F >= {RIGHT_BARS} in {sum(right)} of {len(right)} songs"
    return rows


def beats_after_jump(made: KnownSong) -> tuple[np.ndarray, np.ndarray]:
    """The true beats before a jump of tempo, and from the third one after it on, seconds."""
    first = int(np.searchsorted(made.beats, JUMP_AT))
    return made.beats[:first], made.beats[first + THIRD :]


def found_around_jumps(heard: Sequence[HeardKnown]) -> tuple[float, float]:
    """Shares of the true beats that are found within 0.07 s, before a jump and from the third beat after it on."""
    shares = [
        [float((nearest_distance(part, one.grid.times) <= 0.07).mean()) for part in beats_after_jump(one.song)]
        for one in heard
        if one.song.recipe.change == "jump"
    ]
    before, after = np.mean(shares, axis=0).tolist()
    return before, after


def danced_around_jumps(
    dancer: Choreographer, heard: Sequence[HeardKnown], seeds: Sequence[int]
) -> list[tuple[str, float, float]]:
    """Of songs with a jump: name, shares of a dance's accents within 0.1 s of a true beat before it and from the third
    beat after it on, mean over seeds."""
    rows = []
    for one in heard:
        if one.song.recipe.change != "jump":
            continue
        song, sides = to_song(one.song), []
        for seed in seeds:
            dance = dancer.dance(song, one.grid, seed=seed, style="auto")
            moves = kinematic_beats(dance.joints, dance.fps)
            sides.append([_share_on(moves, part) for part in beats_after_jump(one.song)])
        before, after = np.mean(sides, axis=0).tolist()
        rows.append((one.song.name, before, after))
    return rows


def _share_on(moves: np.ndarray, beats: np.ndarray) -> float:
    """The share of the moves (M,) between the first and the last of these beats that meet one."""
    inside = moves[(moves >= beats[0] - HIT_WINDOW) & (moves <= beats[-1] + HIT_WINDOW)]
    return float((nearest_distance(inside, beats) <= HIT_WINDOW).mean()) if len(inside) else 0.0


def told_beats(song: Path, folder: Path) -> np.ndarray | None:
    """The beats (B,) of `folder`'s SONG.txt, a time in seconds first in each line; None where there is no file."""
    told = folder / f"{song.stem}.txt"
    try:
        return np.loadtxt(told, ndmin=2)[:, 0] if told.is_file() else None
    except (ValueError, IndexError) as cause:
        raise DancegenError(f"{told} is no list of beats", "give one time in seconds a line") from cause


def halves(rows: Mapping[str, Agreement]) -> dict[str, Agreement]:
    """Means of the songs by name: of every second one from the first on, on which constants were chosen; of the
    others; of all."""
    names = sorted(rows)
    groups = {"every second, chosen on": names[::2], "the others": names[1::2], "all": names}
    return {label: mean(rows[name] for name in group) for label, group in groups.items() if group}


def excerpt_agreement(
    samples: np.ndarray, whole: BeatGrid, seconds: float, find: Callable[[Song], BeatGrid]
) -> list[Agreement]:
    """How the beats of excerpts, one after the other, agree with those of the whole song; no seconds are left out.

    Args:
        samples: (N,) of the song.
        whole: its beats.
        seconds: of an excerpt.
        find: what hears the beats of a `Song`.
    """
    rows = []
    for first in range(0, int(len(samples) / SAMPLE_RATE - seconds) + 1, int(seconds)):
        part = Song(Path("excerpt"), samples[first * SAMPLE_RATE : int((first + seconds) * SAMPLE_RATE)])
        expected = whole.within(first, first + seconds).times
        if len(expected) >= 4:
            rows.append(agreement(expected + 5, find(part).times + 5))
    return rows


def music_meter(motion: Path) -> int | None:
    """The beats a bar of the music that a recording of a dance is to, by its style; None where that tells nothing."""
    return METER.get(style_of(motion))
