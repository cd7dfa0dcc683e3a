"""A grid of beats and bars, and the position of any moment in it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from dancegen.progress import count_of

OWN_TEMPO = 100.0  # beats a minute, what the dance counts where a song has no beat
USUAL_METER = 4  # beats a bar where nothing tells
LOCAL_BEATS = 4  # to each side, over which the tempo of a moment is taken: one odd gap is no other tempo
CHANGE = 0.12  # of the tempo, from which on it is told as another
CHANGE_BEATS = 6  # of a tempo, at least, to be told
MOST_TOLD = 4  # changes in a line of words


def _no_flags() -> np.ndarray:
    return np.zeros(0, bool)


@dataclass(frozen=True)
class BeatGrid:
    """The beats of a song.

    Attributes:
        times: (B,) float64, rising, seconds from the start of the `Song`; empty where there is no beat.
        tempo: beats a minute, the median; 0 where there is no beat.
        confidence: 0..1, how sure the beats are; 0 where there is no beat, 1 for given beats.
        downbeat: (B,) bool, which beats begin a bar; where it is not given, every fourth from the first on.
    """

    times: np.ndarray
    tempo: float
    confidence: float
    downbeat: np.ndarray = field(default_factory=_no_flags)

    def __post_init__(self) -> None:
        if not len(self.downbeat):
            object.__setattr__(self, "downbeat", np.arange(len(self.times)) % USUAL_METER == 0)

    @property
    def downbeats(self) -> np.ndarray:
        """(D,) seconds."""
        return self.times[self.downbeat]

    @property
    def pickup(self) -> int:
        """Beats before the first bar; 0 where no bar is known."""
        return int(np.argmax(self.downbeat)) if self.downbeat.any() else 0

    @property
    def beats_per_bar(self) -> int:
        """Of most bars: 3 or 4, or what somebody gave."""
        gaps = np.diff(np.flatnonzero(self.downbeat))
        return int(np.bincount(gaps).argmax()) if len(gaps) else USUAL_METER

    def beats_or_count(self, seconds: float) -> BeatGrid:
        """This grid or, where there is no beat, an even count at OWN_TEMPO with confidence 0."""
        if len(self.times) >= 2:
            return self
        return BeatGrid(np.arange(0.0, max(seconds, 2.0), 60 / OWN_TEMPO), OWN_TEMPO, 0.0)

    def within(self, begin: float, end: float) -> BeatGrid:
        """The beats from `begin` on, before `end`, counted from `begin`."""
        inside = (self.times >= begin) & (self.times < end)
        return BeatGrid(self.times[inside] - begin, self.tempo, self.confidence, self.downbeat[inside])


def beat_position(grid: BeatGrid, times: np.ndarray) -> np.ndarray:
    """Beats since the first one, linear between beats and going on at the end's tempo: the phase is its fraction.

    Args:
        grid: two beats at least (`grid.beats_or_count(seconds)` for any grid).
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


def local_tempo(grid: BeatGrid) -> np.ndarray:
    """Beats a minute around each beat, the median over LOCAL_BEATS to each side: (B,); 0 where there is no tempo."""
    if len(grid.times) < 2:
        return np.zeros(len(grid.times))
    gaps = np.diff(grid.times)
    around = [gaps[max(beat - LOCAL_BEATS, 0) : beat + LOCAL_BEATS] for beat in range(len(grid.times))]
    return 60 / np.array([float(np.median(each)) for each in around])


def describe_tempo(grid: BeatGrid) -> str:
    """The tempo, its changes and the bars in words, for people."""
    changes = tempo_changes(grid)
    bars = f"{grid.beats_per_bar} a bar"
    if not changes:
        return f"{grid.tempo:.0f} beats a minute, {bars}"
    first, rest = changes[:MOST_TOLD], len(changes) - MOST_TOLD
    steps = "".join(f", {after:.0f} from {moment:.0f} s on" for moment, _, after in first)
    more = f" and {count_of(rest, 'changes')} more" if rest > 0 else ""
    return f"{changes[0][1]:.0f} beats a minute{steps}{more}, {bars}"


def tempo_changes(grid: BeatGrid) -> list[tuple[float, float, float]]:
    """Where the tempo becomes another and stays: (seconds, beats a minute before, after), in order.

    A ramp is told as steps of CHANGE.
    """
    tempi, told = local_tempo(grid), []
    if not len(tempi):
        return []
    now, away = tempi[0], 0
    for beat, tempo in enumerate(tempi):
        away = away + 1 if abs(tempo / now - 1) > CHANGE else 0
        if away >= CHANGE_BEATS:
            first = beat - away + 1
            told.append((float(grid.times[first]), float(now), float(tempo)))
            now, away = tempo, 0
    return told
