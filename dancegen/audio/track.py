"""Placing beats on an onset curve: the dynamic programme of Ellis, "Beat tracking by dynamic programming" (2007).

The same algorithm, constants and results as `librosa.beat.beat_track` (tests compare the two), in numpy: librosa's
takes 4 s to import, and 10-20 s more where its compiled code is not cached, longer than all else up to the first frame.
"""

from __future__ import annotations

import numpy as np

TIGHTNESS = 100.0  # how dearly a departure from the tempo is paid for
SHARPNESS = 32.0  # onsets are smoothed by a Gaussian of a beat / 32
FIRST = 0.01  # share of the strongest onset below which nothing can be the first beat


def place_beats(onset: np.ndarray, frames_per_beat: int) -> np.ndarray:
    """The frames of the beats.

    Args:
        onset: (T,), how strongly sounds set in; not all zero.
        frames_per_beat: the tempo.

    Returns:
        (B,) int, rising.
    """
    score = _smoothed(np.asarray(onset, np.float64), frames_per_beat)
    before, total = _best_paths(score, frames_per_beat)
    beats = [_last_beat(total)]
    while before[beats[-1]] >= 0:
        beats.append(int(before[beats[-1]]))
    sounding = np.flatnonzero(score > 0)
    return np.array([beat for beat in reversed(beats) if sounding[0] <= beat <= sounding[-1]], np.int64)


def _smoothed(onset: np.ndarray, period: int) -> np.ndarray:
    """The curve in units of its own deviation, a little smoothed: (T,)."""
    normal = onset / (onset.std(ddof=1) + np.finfo(np.float64).tiny)
    normal[0] = 0  # as librosa has it
    window = np.exp(-0.5 * (np.arange(-period, period + 1) * SHARPNESS / period) ** 2)
    return np.convolve(normal, window)[period : period + len(onset)]


def _best_paths(score: np.ndarray, period: int) -> tuple[np.ndarray, np.ndarray]:
    """For each frame as a beat: the best beat before it (-1: it is the first) and the score of the path up to it.

    A beat lies half a period to two periods after the one before, so half a period of frames is solved at once.
    """
    nearest, farthest = max(round(period / 2), 1), 2 * period
    lags = np.arange(nearest, farthest + 1)  # (L,)
    price = TIGHTNESS * np.log(lags / period) ** 2  # (L,)
    before = np.full(len(score), -1)
    total = np.full(len(score) + farthest, -np.inf)  # preceded by `farthest` frames that cannot be beats
    for first in range(0, len(score), nearest):
        now = np.arange(first, min(first + nearest, len(score)))  # (n,)
        paths = total[now[:, None] + farthest - lags] - price  # (n, L)
        best = paths.argmax(axis=1)  # (n,)
        gained = paths[np.arange(len(now)), best]  # (n,)
        found = np.isfinite(gained)
        before[now] = np.where(found, now - lags[best], -1)
        total[now + farthest] = score[now] + np.where(found, gained, 0.0)
    loud = np.flatnonzero(score >= FIRST * score.max())
    before[: loud[0]] = -1
    return before, total[farthest:]


def _last_beat(total: np.ndarray) -> int:
    """The last peak of the path's score that reaches half of the median peak."""
    padded = np.pad(total, 1, mode="edge")
    peaks = np.flatnonzero((total > padded[:-2]) & (total >= padded[2:]))
    if not len(peaks):
        return len(total) - 1
    return int(peaks[total[peaks] >= 0.5 * np.median(total[peaks])][-1])
