"""Where the beats and bars of a song are: a network hears how likely each moment is one, `decode` finds the best run.

Without the network's weights `comb` follows the tempo and librosa places the beats.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dancegen.audio.grid import BeatGrid, beat_position, grid_from_times
from dancegen.audio.song import Song
from dancegen.audio.spectrum import FRAME_RATE, measure
from dancegen.errors import DancegenError
from dancegen.progress import Reporter

if TYPE_CHECKING:
    import torch

    from dancegen.audio.network import BeatNet

__all__ = (
    "BeatGrid",
    "beat_position",
    "find_beats",
    "grid_from_times",
    "onset_strength",
)

ROLE = "beats"  # of the weights
FAINT = 0.01  # onsets around this and below are ripple of held notes
FEWEST = 3  # beats that make a grid
FAST = 105.0  # beats a minute, above which every second beat may be an off-beat
OFFBEAT = 1.3  # log odds by which off-beats are less sure than beats; chosen on validation songs
NO_BEAT = 0.2  # a confidence below is what songs without a beat reach by chance
NO_GRID = BeatGrid(np.zeros(0), 0.0, 0.0)


def onset_strength(samples: np.ndarray) -> np.ndarray:
    """How strongly sounds set in, 100 frames a second: (N,) samples at 16 kHz -> (ceil(N / 160),) float32.

    The mean over the bands of the square root, so that a loud snare does not outvote a soft bass drum.
    """
    return (np.sqrt(measure(samples).onset + FAINT) - FAINT**0.5).mean(axis=1)  # (T,)


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
        from dancegen.audio.comb import comb_beats

        return lambda samples: comb_beats(onset_strength(samples))
    from dancegen.audio.listen import load_beat_net

    return partial(hear_beats, network=load_beat_net(weights))


def hear_beats(samples: np.ndarray, network: BeatNet) -> BeatGrid:
    """`find_beats` of (N,) samples with a network."""
    from dancegen.audio.decode import bar_places, beat_frames
    from dancegen.audio.listen import log_odds

    odds = log_odds(samples, network)  # (2, T)
    frames = _without_offbeats(odds[0], beat_frames(odds[0]))
    if len(frames) < FEWEST:
        return NO_GRID
    confidence = float(np.median(1 / (1 + np.exp(-_peaks(odds[0], frames)))))
    if confidence < NO_BEAT:
        return NO_GRID
    places = bar_places(_peaks(odds[1], frames))
    times = _between_frames(odds[0], frames) / FRAME_RATE
    return BeatGrid(times, 60 / float(np.median(np.diff(times))), confidence, places == 0)


def _without_offbeats(odds: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """Every second one of (B,) beats, where those are much surer than the ones between and the tempo is fast."""
    if len(frames) < 2 * FEWEST or np.median(np.diff(frames)) > 60 * FRAME_RATE / FAST:
        return frames
    sure = _peaks(odds, frames)
    first, second = float(np.median(sure[::2])), float(np.median(sure[1::2]))
    return frames[int(second > first) :: 2] if abs(first - second) > OFFBEAT else frames


def _peaks(odds: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """The largest of (T,) within a frame of each of (B,) frames: (B,)."""
    padded = np.pad(odds, 1, mode="edge")
    return np.max([padded[frames + shift] for shift in range(3)], axis=0)


def _between_frames(odds: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """The top of the parabola through each beat's frame and its neighbours: (B,) frames, fractional."""
    padded = np.pad(odds, 1, mode="edge").astype(np.float64)
    before, here, after = (padded[frames + shift] for shift in range(3))
    bend = before - 2 * here + after
    shift = np.where(bend < -1e-6, 0.5 * (before - after) / np.minimum(bend, -1e-6), 0.0)
    return frames + np.clip(shift, -0.5, 0.5)
