"""Where the beats and bars of a song are: a network hears how likely each moment is one, two best paths are found.

Both are Viterbi paths: over (frame, frames since the beat before), which is the bar-pointer model of Krebs, Boeck and
Widmer 2015 without its states between beats; then over (beat, place in a bar of three or four). Without the network's
weights `comb` follows the tempo and librosa places the beats.

Glossary: T frames, K periods, B beats, C frames a chunk.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dancegen.audio.ends import fit_ends
from dancegen.audio.grid import BeatGrid, beat_position, grid_from_times
from dancegen.audio.song import Song
from dancegen.audio.spectrum import FRAME_RATE, measure
from dancegen.errors import DancegenError
from dancegen.progress import Reporter

if TYPE_CHECKING:
    import torch

    from dancegen.audio.network import BeatNet

__all__ = ("BeatGrid", "beat_position", "find_beats", "grid_from_times", "onset_strength")

ROLE = "beats"  # of the weights
FAINT = 0.01  # onsets around this and below are ripple of held notes
FEWEST = 3  # beats that make a grid
FAST = 105.0  # beats a minute, above which every second beat may be an off-beat
OFFBEAT = 1.3  # log odds by which off-beats are less sure than beats; chosen on validation songs
NO_BEAT = 0.2  # a confidence below is what songs without a beat reach by chance
NO_GRID = BeatGrid(np.zeros(0), 0.0, 0.0)
FASTEST, SLOWEST = 215.0, 48.0  # beats a minute
PERIODS = np.arange(round(60 * FRAME_RATE / FASTEST), round(60 * FRAME_RATE / SLOWEST) + 1)  # (K,) frames: 28..125
CHUNK = int(PERIODS[0])  # frames at a time: none of them can be the beat before another of them
STEADY = 40.0  # cost of a beat e times as long as the one before
ROUNDING = 0.5  # frames by which two beats of one tempo may differ at no cost
JUMP = 9.0  # the most that a change of tempo costs
LEAST, MOST = -1.5, 4.0  # log odds are kept within: a break of some beats is bridged, one sure beat is not all
WILLING = 1.0  # added to all log odds: a frame alone does not tell that beats repeat
USUAL_FROM, USUAL_TO = 60.0, 125.0  # beats a minute that cost nothing
UNUSUAL = 6.0  # cost of a beat an octave from there; costs and limits were chosen on songs of no test
EDGE = 6.0  # cost of beginning the beats
WINDOW, OVERLAP = 36_000, 6_000  # frames decided at once, and shared by two windows: what is a minute away is no matter
FRESH = 255  # stands for "no beat before" among the kept periods
METERS = (3, 4)
BAR_LIMIT = 4.0  # log odds of a downbeat are kept within +- this
REMETER = 12.0  # cost of another meter or another place in the bar
OF_THREE, PICKUP = 2.0, 1.5  # cost of bars of three, of a beginning inside a bar: where nothing tells, neither is there


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
    from dancegen.audio.network import load_beat_net

    return partial(hear_beats, network=load_beat_net(weights))


def hear_beats(samples: np.ndarray, network: BeatNet) -> BeatGrid:
    """`find_beats` of (N,) samples with a network."""
    from dancegen.audio.network import log_odds

    odds = log_odds(samples, network)  # (2, T)
    frames = _drop_offbeats(odds[0], beat_frames(odds[0]))
    if len(frames) < FEWEST:
        return NO_GRID
    confidence = float(np.median(1 / (1 + np.exp(-_peaks(odds[0], frames)))))
    if confidence < NO_BEAT:
        return NO_GRID
    frames = fit_ends(frames, samples)
    places = bar_places(_peaks(odds[1], frames))
    times = _between_frames(odds[0], frames) / FRAME_RATE
    return BeatGrid(times, 60 / float(np.median(np.diff(times))), confidence, places == 0)


def _drop_offbeats(odds: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """Every second one of (B,) beats, where those are much surer than the ones between and the tempo is fast."""
    if len(frames) < 2 * FEWEST or np.median(np.diff(frames)) > 60 * FRAME_RATE / FAST:
        return frames
    sure = _peaks(odds, frames)
    first, second = float(np.median(sure[::2])), float(np.median(sure[1::2]))
    return frames[int(second > first) :: 2] if abs(first - second) > OFFBEAT else frames


def _peaks(odds: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """The largest of (T,) within a frame of each of (B,) frames: (B,)."""
    return np.max(_around(odds, frames), axis=0)


def _around(odds: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """Of (T,) what is a frame before, at and a frame after each of (B,) frames: (3, B); the ends are held."""
    return odds[np.clip(frames + np.array([[-1], [0], [1]]), 0, len(odds) - 1)]


def _between_frames(odds: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """The top of the parabola through each beat's frame and its neighbours: (B,) frames, fractional."""
    before, here, after = _around(odds, frames).astype(np.float64)
    bend = before - 2 * here + after
    shift = np.where(bend < -1e-6, 0.5 * (before - after) / np.minimum(bend, -1e-6), 0.0)
    return frames + np.clip(shift, -0.5, 0.5)


def beat_frames(odds: np.ndarray) -> np.ndarray:
    """The best beats: (T,) log odds a frame -> (B,) frames, rising; empty where nothing pays.

    A path's worth is the sum of the odds at its beats, less the cost of its changes of tempo. It may begin and end
    anywhere, so that silence in front and behind holds no beats. Long songs are decided in windows that overlap, so
    that memory does not grow.
    """
    found = np.zeros(0, np.int64)
    for first in range(0, max(len(odds) - OVERLAP, 1), WINDOW):
        later = first + _window_beats(odds[first : first + WINDOW + OVERLAP])
        seam = first + OVERLAP // 2 if first else 0
        found = found[found < seam]
        soonest = max(seam, found[-1] + PERIODS[0]) if len(found) else seam
        found = np.concatenate([found, later[later >= soonest]])
    return found


def _window_beats(odds: np.ndarray) -> np.ndarray:
    odds = np.clip(odds + WILLING, LEAST, MOST).astype(np.float32)
    cost, rows = _tempo_costs(), np.arange(len(PERIODS))
    tempi = 60 * FRAME_RATE / PERIODS  # (K,) beats a minute
    prior = (UNUSUAL * np.log2(tempi / np.clip(tempi, USUAL_FROM, USUAL_TO)) ** 2).astype(np.float32)
    ring = int(PERIODS[-1]) + CHUNK
    worth = np.full((ring, len(PERIODS)), -np.inf, np.float32)  # of the best path with a beat there and then a period
    kept = np.full((len(odds), len(PERIODS)), FRESH, np.uint8)  # the period before that beat
    best, last = 0.0, (-1, -1)
    for first in range(0, len(odds), CHUNK):
        frames = np.arange(first, min(first + CHUNK, len(odds)))  # (C,)
        here = (
            worth[(frames[:, None] - PERIODS) % ring, rows] + odds[frames, None] - prior
        )  # (C, K) a period, then a beat
        here[frames[:, None] < PERIODS] = -np.inf
        top = np.unravel_index(int(here.argmax()), here.shape)
        if here[top] > best:
            best, last = float(here[top]), (int(frames[top[0]]), int(top[1]))
        ways = here[:, None, :] - cost  # (C, K after, K before)
        before = ways.argmax(axis=2)  # (C, K)
        onward = np.take_along_axis(ways, before[..., None], axis=2)[..., 0]
        fresh = (odds[frames] - EDGE)[:, None]
        kept[frames] = np.where(onward > fresh, before, FRESH)
        worth[frames % ring] = np.maximum(onward, fresh)
    return _walk_back(last, kept)


def _walk_back(last: tuple[int, int], kept: np.ndarray) -> np.ndarray:
    frame, period = last
    if frame < 0:
        return np.zeros(0, np.int64)
    frames = [frame]
    while period != FRESH:
        frame -= int(PERIODS[period])
        frames.append(frame)
        period = int(kept[frame, period])
    return np.asarray(frames[::-1])


def _tempo_costs() -> np.ndarray:
    """What a period (row) costs after another (column): (K, K) float32."""
    difference = np.maximum(np.abs(PERIODS[:, None] - PERIODS[None, :]) - ROUNDING, 0)
    ratio = difference / np.minimum(PERIODS[:, None], PERIODS[None, :])
    return np.minimum(STEADY * ratio, JUMP).astype(np.float32)


def bar_places(odds: np.ndarray) -> np.ndarray:
    """The place of each beat in its bar, from 0: (B,) log odds of a downbeat at each beat -> (B,) int."""
    states = [(meter, place) for meter in METERS for place in range(meter)]
    before = np.array([states.index((meter, (place - 1) % meter)) for meter, place in states])
    first = np.array([place == 0 for _, place in states])
    odds = np.clip(odds, -BAR_LIMIT, BAR_LIMIT)
    worth = first * odds[0] - OF_THREE * np.array([meter == METERS[0] for meter, _ in states]) - PICKUP * ~first
    kept = np.zeros((len(odds), len(states)), np.uint8)
    for beat in range(1, len(odds)):
        best = int(np.argmax(worth))
        straight, other = worth[before], worth[best] - REMETER
        kept[beat] = np.where(straight >= other, before, best)
        worth = np.maximum(straight, other) + first * odds[beat]
    path = [int(np.argmax(worth))]
    for beat in range(len(odds) - 1, 0, -1):
        path.append(int(kept[beat, path[-1]]))
    return np.array([states[each][1] for each in reversed(path)])
