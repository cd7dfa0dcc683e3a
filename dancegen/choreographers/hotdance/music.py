"""What the transformer hears of each beat: what its sound asks for, and where in bar and phrase it is.

Time in a pose picture is counted in beats, and so is the sound: tempo is one number of the clock. The sound itself is
only compared with itself: what repeats is danced alike.

What is asked for are ranks among the beats of songs: how loud, busy, bright and full of bass the bar around a beat is,
and how much sets in on it against that bar. In training the dance itself says them: how large it is, how much it steps,
how high its hands and how bent its knees are, and how much of the bar's movement is in the beat.

Glossary: S slices of 20 ms, M mel bands, N beats, G = GRAIN slices laid on a beat, K clock values.
"""

from __future__ import annotations

import numpy as np

from dancegen.audio.spectrum import BANDS, SLICES
from dancegen.body.sequence import by_blocks
from dancegen.choreographers.stg_mamba.counting import Count, clock, repeats
from dancegen.choreographers.stg_mamba.hearing import ear_traits

GRAIN = 24  # slices that a beat's sound is told in
SLICE_RATE = 10 * SLICES  # slices a second
WAVES = slice(2, 8)  # of `counting.CLOCK`: within the unit, half a phrase, a phrase
REST = slice(9, 11)  # seconds per beat, whether it counts in three
CLOCK_VALUES = 8  # K
SOUND_VALUES = GRAIN * BANDS
LEAST_HEARD = 10  # slices of a bar, below which it asks for nothing
ASKED = 5  # ranks of loudness, onsets, brightness and bass of the bar around a beat, and of the beat's share of onsets
BAR = (-1.5, 2.5)  # beats around the beginning of a beat that are the bar around it
FAINT = 0.02  # of a rise in level, a bar of which less sets in has no accents


def clocks(first: int, period: np.ndarray, meter: int) -> np.ndarray:
    """The clock (N, K) float32 of beats.

    Args:
        first: number of the first of them, counted from a phrase's.
        period: (N,) seconds that each lasts.
        meter: beats of a bar that the dance counts.
    """
    told = clock(first + np.arange(len(period), dtype=np.float64), period, meter)
    return np.concatenate([told[:, WAVES], told[:, REST]], axis=1)


def sounds(slices: np.ndarray, beats: np.ndarray) -> np.ndarray:
    """The sound (N, G M) float16 of the beats between times (N + 1,) seconds; silence outside of slices (S, M)."""
    number = np.arange((len(beats) - 1) * GRAIN) / GRAIN
    at = np.interp(number, np.arange(len(beats)), beats) * SLICE_RATE
    laid = np.full((len(at), BANDS), slices.min() if len(slices) else 0.0, np.float16)
    inside = (at >= 0) & (at < len(slices))
    laid[inside] = slices[at[inside].astype(int)]
    return laid.reshape(len(beats) - 1, -1)


def find_repeats(sound: np.ndarray, beats: int, segments: int) -> list[int]:
    """For each stretch of so many beats of sound (N, G M) the earlier one that it repeats, or -1."""

    def tell(part: np.ndarray) -> np.ndarray:
        levels = part.reshape(-1, GRAIN, BANDS).astype(np.float32)
        rises = np.maximum(np.diff(levels, axis=1), 0).mean(axis=1)
        return np.concatenate([levels.mean(axis=1), 4 * rises], axis=1)  # (N, A)

    told = by_blocks(tell, sound[: beats * segments])
    told = np.concatenate([told, np.zeros((beats * segments - len(told), told.shape[1]), told.dtype)])
    return [int(number) for number in repeats(told.reshape(segments, beats, -1))]


def beat_traits(slices: np.ndarray, beats: np.ndarray) -> np.ndarray:
    """What the bar around each beat is like, and its share of the bar's onsets: (N, 5), NaN where nothing sounds.

    Args:
        slices: (S, M) from second 0 on.
        beats: (N + 1,) seconds.
    """
    number = np.arange(len(beats) - 1)
    length = np.diff(beats)
    edges = (beats[:-1, None] + length[:, None] * np.array([*BAR, 0.0, 1.0])) * SLICE_RATE
    edges = np.clip(edges, 0, len(slices)).astype(int)  # (N, 4)
    found = np.full((len(number), ASKED), np.nan)
    for at, (low, high, begin, end) in enumerate(edges):
        if high - low > LEAST_HEARD and end > begin:
            part = slices[low:high].astype(np.float32)
            rise = np.maximum(np.diff(part, axis=0), 0).mean(axis=1)
            inside = rise[max(begin - low - 1, 0) : end - low]
            found[at] = *ear_traits(part), inside.mean() / max(float(rise.mean()), FAINT)
    return found


def rank_beats(slices: np.ndarray, beats: np.ndarray, table: np.ndarray) -> np.ndarray:
    """What the sound asks of each beat (N, 5) float32: ranks of `beat_traits` by quantiles `table` (R, 5)."""
    found = beat_traits(slices, beats)
    share = np.linspace(0, 1, len(table))
    told = np.stack([np.interp(found[:, i], table[:, i], share) for i in range(ASKED)], axis=1)
    return np.where(np.isnan(found), 0.5, told).astype(np.float32)


def hear_beats(mel: np.ndarray, count: Count, beats: int, table: np.ndarray) -> tuple[np.ndarray, ...]:
    """Sound (N, G M), what it asks (N, 5), clock (N, K) of the first `beats` of a count to pieces (F, S, M).

    The count goes on evenly; `table` as `rank_beats` has it.
    """
    last = count.beats[-1] - count.beats[-2]
    more = count.beats[-1] + last * np.arange(1, max(beats + 1 - len(count.beats), 0) + 1)
    times = np.concatenate([count.beats, more])[: beats + 1]
    slices = mel.reshape(-1, BANDS)
    return sounds(slices, times), rank_beats(slices, times, table), clocks(0, np.diff(times), count.meter)
