"""Where the beats and bars of a song are: a network hears how likely each moment is one, two best paths are found.

`paths` has the paths. Without the network's weights `comb` follows the tempo and librosa places the beats.

At both ends of a song the network hears too few or too many: the ends of the file as strokes, no beat in the last
second of a song that is cut, none in an introduction without drums, which goes by the tempo that follows.

Glossary: T frames, N samples, B beats.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dancegen.audio.grid import BeatGrid, beat_position
from dancegen.audio.paths import FEWEST, around, bar_places, beat_frames, keep_octave, peaks, rival_beats
from dancegen.audio.song import Song
from dancegen.audio.spectrum import FRAME_RATE, HOP, root_mean_square
from dancegen.errors import DancegenError
from dancegen.progress import Reporter

if TYPE_CHECKING:
    import torch

    from dancegen.audio.network import BeatNet

__all__ = ("BeatGrid", "beat_position", "find_beats")

ROLE = "beats"  # of the weights
FAST = 105.0  # beats a minute, above which every second beat may be an off-beat
OFFBEAT = 1.3  # log odds by which off-beats are less sure than beats; chosen on validation songs
NO_BEAT = 0.2  # a confidence below is what songs without a beat reach by chance
LAST_FRAMES = 170  # of a song in which beats may be missing
QUIET = 0.6  # of a song's level, below which it has ended
SILENT = 0.05  # of a song's level: a beat in less than that is none
SOUNDING = 0.1  # of a song's level, from which on an introduction is counted through
ATTACK = 3  # frames before a beat that may be its own stroke
BAR_BEATS = 4  # beats that are listened to at once: an introduction may rest for one
STEADY_BEATS = 16  # beats whose mean is the tempo of an introduction
NO_GRID = BeatGrid(np.zeros(0), 0.0, 0.0)


def find_beats(song: Song, weights: str | None = None, reporter: Reporter | None = None) -> BeatGrid:
    """The beats and bars of a song; an empty grid of confidence 0 where it has none (silence, noise, a held chord).

    Args:
        song: the song.
        weights: of the network, by file or name; None takes the default.
        reporter: is told where the default weights cannot be had, and beats are found without the network.

    Raises:
        DancegenError: there are no such `weights`.
    """
    from dancegen.weights.resolve import weights_path

    try:
        find = load(weights_path(weights or ROLE, role=ROLE), None)
    except (DancegenError, RuntimeError) as cause:
        if weights:
            raise
        if reporter:
            reporter.note(f"beats are found without the network that hears bars: {cause}")
        find = load(None, None)
    return find(song.samples)


def load(weights: Path | None, device: torch.device | None) -> Callable[[np.ndarray], BeatGrid]:
    """What finds the beats of (N,) samples: with its weights the network, without them a comb of tempi and librosa.

    `device` is there for the registry: the network is small, it always listens on the CPU.
    """
    if weights is None:
        from dancegen.audio.comb import comb_beats, onset_strength

        return lambda samples: comb_beats(onset_strength(samples))
    from dancegen.audio.network import load_beat_net

    return partial(hear_beats, network=load_beat_net(weights))


def hear_beats(samples: np.ndarray, network: BeatNet) -> BeatGrid:
    """`find_beats` of (N,) samples with a network."""
    from dancegen.audio.network import log_odds

    odds = log_odds(samples, network)  # (2, T)
    frames = beat_frames(odds[0])
    if len(frames) < FEWEST:
        return NO_GRID
    frames = keep_octave(_drop_offbeats(odds[0], rival_beats(odds, frames)))
    confidence = float(np.median(1 / (1 + np.exp(-peaks(odds[0], frames)))))
    if confidence < NO_BEAT:
        return NO_GRID
    frames = fit_ends(frames, samples)
    places, _ = bar_places(peaks(odds[1], frames))
    times = _between_frames(odds[0], frames) / FRAME_RATE
    return BeatGrid(times, 60 / float(np.median(np.diff(times))), confidence, places == 0)


def _drop_offbeats(odds: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """Every second one of (B,) beats, where those are much surer than the ones between and the tempo is fast."""
    if len(frames) < 2 * FEWEST or np.median(np.diff(frames)) > 60 * FRAME_RATE / FAST:
        return frames
    sure = peaks(odds, frames)
    first, second = float(np.median(sure[::2])), float(np.median(sure[1::2]))
    return frames[int(second > first) :: 2] if abs(first - second) > OFFBEAT else frames


def _between_frames(odds: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """The top of the parabola through each beat's frame and its neighbours: (B,) frames, fractional."""
    before, here, after = around(odds, frames).astype(np.float64)
    bend = before - 2 * here + after
    shift = np.where(bend < -1e-6, 0.5 * (before - after) / np.minimum(bend, -1e-6), 0.0)
    return frames + np.clip(shift, -0.5, 0.5)


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
    beats = min(STEADY_BEATS, len(frames) - 1)
    gap, first, found = float(frames[beats] - frames[0]) / beats, float(frames[0]), list[int]()
    while first >= gap and _loudness(samples, first - BAR_BEATS * gap, first - ATTACK) > SOUNDING * level:
        first -= gap
        found.append(round(first))
    return np.concatenate([np.array(found[::-1], frames.dtype), frames])
