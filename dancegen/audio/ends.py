"""The beats at both ends of a song, where the network hears too few or too many.

It hears the beginning and the end of the file as strokes, no beat in the last second of a song that is cut, and none
in an introduction without drums, which goes by the tempo that follows.

Glossary: N samples, B beats.
"""

from __future__ import annotations

import numpy as np

from dancegen.audio.spectrum import HOP, root_mean_square

LAST_FRAMES = 170  # of a song in which beats may be missing
QUIET = 0.6  # of a song's level, below which it has ended
SILENT = 0.05  # of a song's level: a beat in less than that is none
SOUNDING = 0.1  # of a song's level, from which on an introduction is counted through
ATTACK = 3  # frames before a beat that may be its own stroke
BAR = 4  # beats that are listened to at once: an introduction may rest for one
STEADY = 16  # beats whose mean is the tempo of an introduction


def fit_ends(frames: np.ndarray, samples: np.ndarray) -> np.ndarray:
    """Beats (B,), three at least, in frames of (N,) samples: none in silence, from where the song sounds to its end."""
    level = root_mean_square(samples)
    return _begin(_continue(_trim(frames, samples, level), samples, level), samples, level)


def _loudness(samples: np.ndarray, first: float, last: float) -> float:
    return root_mean_square(samples[max(round(first) * HOP, 0) : max(round(last) * HOP, 0)])


def _trim(frames: np.ndarray, samples: np.ndarray, level: float) -> np.ndarray:
    gap = float(np.median(np.diff(frames)))
    last = len(frames)
    while (
        last > 2
        and min(
            _loudness(samples, frames[last - 1] - gap, frames[last - 1] - ATTACK),
            _loudness(samples, frames[last - 1] - ATTACK, frames[last - 1] + gap / 2),
        )
        < SILENT * level
    ):
        last -= 1
    return frames[:last]


def _continue(frames: np.ndarray, samples: np.ndarray, level: float) -> np.ndarray:
    """Goes on while the samples sound, in a song that is cut."""
    gap, found = int(np.median(np.diff(frames[-5:]))), frames.tolist()
    cut = root_mean_square(samples[-gap * HOP :]) > QUIET * level
    most = min(len(samples) // HOP - 1, found[-1] + LAST_FRAMES) if cut else 0
    while found[-1] + gap <= most and _loudness(samples, found[-1], found[-1] + gap) > QUIET * level:
        found.append(found[-1] + gap)
    return np.asarray(found)


def _begin(frames: np.ndarray, samples: np.ndarray, level: float) -> np.ndarray:
    """Counts back through an introduction, as evenly as the first beats go."""
    beats = min(STEADY, len(frames) - 1)
    gap, first, found = float(frames[beats] - frames[0]) / beats, float(frames[0]), list[int]()
    while first >= gap and _loudness(samples, first - BAR * gap, first - ATTACK) > SOUNDING * level:
        first -= gap
        found.append(round(first))
    return np.concatenate([np.array(found[::-1], frames.dtype), frames])
