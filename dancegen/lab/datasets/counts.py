"""Beats for training windows, a song's own or counted freely, and a song's sound laid on them.

Glossary: B beats, S slices of 20 ms, M mel bands.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dancegen.audio.spectrum import BANDS
from dancegen.choreographers.stg_mamba.counting import FASTEST, SLOWEST
from dancegen.choreographers.stg_mamba.sketch import SLICE_RATE

TEMPI = (FASTEST + 0.01, SLOWEST - 0.03)  # seconds per danced beat
JUMP, DRIFT = 0.15, 0.04  # share of free counts that change their tempo at once; drift in log period over ten beats
UNEVEN = 0.012  # deviation of a single beat in log period
LEAST_BEATS = 40  # of a song that lends its beats
STRETCH = (0.6, 1.7)  # of a song's sound in time
LOUDER, BRIGHTER = 0.25, 0.25  # deviations, in units of `mel_pieces`


@dataclass(frozen=True)
class Beats:
    """The beats of a window.

    Attributes:
        times: (B,) seconds from 0; a phrase begins with the first.
        places: (B,) seconds in the song whose sound is heard.
        begin: seconds at which the window begins.
    """

    times: np.ndarray
    places: np.ndarray
    begin: float

    def position(self, seconds: np.ndarray) -> np.ndarray:
        """Beats since the first."""
        return np.interp(seconds, self.times, np.arange(len(self.times)))

    def period(self, seconds: np.ndarray) -> np.ndarray:
        """Seconds per beat."""
        step = 0.02
        way = self.position(seconds + step) - self.position(seconds - step)
        return np.clip(2 * step / np.maximum(way, 1e-3), 0.2, 1.6)


def free_count(
    heard: np.ndarray, seconds: float, phrase: int, natural: bool, whole: bool, rng: np.random.Generator
) -> Beats | None:
    """Beats that cover a window of `seconds` in whole phrases of `phrase` beats; None where a song cannot lend them.

    Args:
        heard: (B,) the beats of the song whose sound is heard.
        seconds: length of the window.
        phrase: beats of a phrase.
        natural: take the song's own times.
        whole: begin the window with a phrase.
        rng: decides.
    """
    if len(heard) < LEAST_BEATS or (natural and not TEMPI[0] <= np.median(np.diff(heard)) <= TEMPI[1]):
        return None
    most = phrase * (2 + int(seconds / (TEMPI[0] * phrase)))  # beats that cover any tempo
    first = int(rng.integers(0, max(1, len(heard) - min(most, len(heard) - 2) - 1)))
    places = heard[first : first + most + 1]
    times = places - places[0] if natural else count_freely(len(places) - 1, rng)
    if not natural and not STRETCH[0] < np.median(np.diff(places)) / np.median(np.diff(times)) < STRETCH[1]:
        return None
    begin = 0.0 if whole else float(rng.uniform(0, times[min(phrase, len(times) - 1)]))
    phrases = int(np.ceil(np.interp(begin + seconds, times, np.arange(len(times))) / phrase))
    if times[-1] < begin + seconds or phrases * phrase >= len(times):
        return None
    return Beats(times[: phrases * phrase + 1], places[: phrases * phrase + 1], begin)


def count_freely(beats: int, rng: np.random.Generator) -> np.ndarray:
    """Times (beats + 1,) of a count at some tempo, drifting a little, changing it at times."""
    low, high = np.log(TEMPI)
    log_period = np.full(beats, rng.uniform(low, high))
    log_period += rng.normal(0, DRIFT) * np.arange(beats) / 10
    if rng.random() < JUMP:
        log_period[int(rng.integers(1, beats)) :] = rng.uniform(low, high)
    log_period += rng.normal(0, UNEVEN, beats)
    return np.concatenate([[0.0], np.cumsum(np.exp(np.clip(log_period, low, high)))])


def laid_sound(slices: np.ndarray, beats: Beats, rng: np.random.Generator) -> np.ndarray:
    """A song's slices (S, M) at the beats' times, coloured: float32 from time 0 to the last beat."""
    grid = np.arange(int(beats.times[-1] * SLICE_RATE)) / SLICE_RATE  # s
    at = (np.interp(grid, beats.times, beats.places) * SLICE_RATE).astype(int)
    return colour_sound(slices[np.clip(at, 0, len(slices) - 1)].astype(np.float32), rng)


def colour_sound(slices: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The sound made louder or softer, brighter or darker, cut at an end, or blurred: other sound of the same beats."""
    out = slices + np.float32(rng.normal(0, LOUDER))
    out = out + np.float32(rng.normal(0, BRIGHTER)) * np.linspace(-1, 1, BANDS, dtype=np.float32)
    draw, floor = rng.random(), np.float32(out.min())
    if draw < 0.1:
        out[:, : int(rng.integers(2, 8))] = floor
    elif draw < 0.2:
        out[:, -int(rng.integers(4, 16)) :] = floor
    elif draw < 0.3:
        width = int(rng.integers(5, 15))
        sums = np.cumsum(np.pad(out, ((width, 0), (0, 0)), mode="edge"), axis=0)
        out = (sums[width:] - sums[:-width]) / width
    return out
