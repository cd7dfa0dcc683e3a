"""From a song to a dance of its length: windows of music, slowly turning noise, cross-faded joins.

The song goes through the network in overlapping windows, a few at a time, so that memory does not grow with its
length. The noise belongs to the phrase, not to the window, so that a window's neighbours dance the same dance.

Glossary: F pieces, R poses per piece, K beat inputs, Z noise, W windows, L = 17 bones, V = 18 joints.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from dancegen.audio.beats import BEAT_FEATURES, BeatGrid, beat_features
from dancegen.audio.song import Song
from dancegen.audio.spectrum import LEVEL, root_mean_square
from dancegen.body.sequence import SkeletonSequence
from dancegen.choreographers.finish.facing import face_camera
from dancegen.choreographers.finish.ground import settle
from dancegen.choreographers.finish.sizing import enlarge, slow_loudness
from dancegen.choreographers.stg_mamba.config import STYLES
from dancegen.choreographers.stg_mamba.model import Choreographer, fade_noise, load_choreographer
from dancegen.choreographers.stg_mamba.phrasebook import BOW_AFTER, PhraseFacts, end_with_bow, phrase_noise
from dancegen.choreographers.stg_mamba.phrases import UNITS, phrase_clock, phrase_position, piece_times
from dancegen.errors import DancegenError
from dancegen.progress import Reporter, SilentReporter

WINDOW = 100  # pieces the network sees at once
OVERLAP = 20  # pieces shared by neighbouring windows; the middle half is cross-faded
WINDOWS_AT_ONCE = 4
QUIET = 1e-3  # root mean square of a song that is made no louder; the curves of `audio.spectrum` hear softer ones

__all__ = ["beat_inputs", "choreograph", "load_choreographer", "loudness_gain"]


def loudness_gain(song: Song) -> float:
    """What the samples are multiplied with, from the song's own loudness."""
    return LEVEL / max(root_mean_square(song.samples), QUIET)


def beat_inputs(features: np.ndarray, grid: BeatGrid) -> np.ndarray:
    """`beat_features` (F, K) and the phrase clock side by side: (F, K + 4) float32."""
    clock = phrase_clock(phrase_position(grid, piece_times(len(features))))
    return np.concatenate([features, clock], axis=1).astype(np.float32)


def phrase_facts(inputs: np.ndarray, number: np.ndarray) -> PhraseFacts:
    """Tempo and loudness of each phrase from the beat inputs (F, K) and each piece's phrase (F,)."""
    period = inputs[:, BEAT_FEATURES.index("beat_period")]
    loudness = inputs[:, BEAT_FEATURES.index("loudness")].astype(np.float64)
    count = np.maximum(np.bincount(number), 1)
    level = np.bincount(number, loudness) / count  # (Q,)
    low, high = np.quantile(loudness, [0.05, 0.95])
    rank = np.clip((level - low) / max(high - low, 0.1), 0, 1) * np.clip(level * 2, 0, 1)
    return PhraseFacts(np.maximum(np.bincount(number, period) / count, 0.2), rank)


def choreograph(
    song: Song,
    grid: BeatGrid,
    network: Choreographer,
    *,
    seed: int,
    style: str = STYLES[0],
    reporter: Reporter | None = None,
) -> SkeletonSequence:
    """A dance to a song.

    Args:
        song: the music; any length.
        grid: its beats; where there are none, the dance counts evenly by itself.
        network: on any device.
        seed: another seed, another dance; the same seed and song, the same dance.
        style: one of STYLES.
        reporter: told of each window.

    Returns:
        A canonical sequence of song.pieces * poses_per_piece poses.

    Raises:
        DancegenError: unknown style.
    """
    if style not in STYLES:
        raise DancegenError(f"no dance style {style!r}", f"choose one of {', '.join(STYLES)}")
    reporter = reporter or SilentReporter()
    inputs = beat_inputs(beat_features(song, grid), grid)  # (F, K)
    unit = np.floor(phrase_position(grid, piece_times(song.pieces)) * UNITS).astype(int)  # (F,)
    unit -= unit.min() // UNITS * UNITS  # from the beginning of the first phrase
    facts = phrase_facts(inputs, unit // UNITS)
    noise = phrase_noise(network, facts, seed, style).flatten(0, 1)  # (Q U, Z)
    if song.seconds >= BOW_AFTER:
        noise = end_with_bow(network, noise, int(unit[-1]), float(facts.period[-1]), seed)  # (Q U, Z)
    noise = noise[torch.from_numpy(unit)]  # (F, Z)
    noise = fade_noise(noise[None])[0]  # (F, Z)

    poses = network.config.poses_per_piece
    directions = np.zeros((song.pieces * poses, network.paths.shape[1], 3), np.float32)
    root = np.zeros((song.pieces * poses, 2), np.float32)
    starts = window_starts(song.pieces)
    reporter.stage("choreography", len(starts), "windows")
    for first, turned, placed in _dance_windows(song, inputs, noise, network, STYLES.index(style), starts):
        count = len(placed)
        share = _fade(first, count // poses, song.pieces, poses)
        directions[first * poses : first * poses + count] += share[:, None, None] * turned
        root[first * poses : first * poses + count] += share[:, None] * placed
        reporter.advance()
    directions /= np.maximum(np.linalg.norm(directions, axis=-1, keepdims=True), 1e-6)
    directions, root = enlarge(directions, root, slow_loudness(inputs, poses))
    return SkeletonSequence(settle(face_camera(directions), root, network.config.fps), network.config.fps)


def window_starts(pieces: int) -> list[int]:
    """The first piece of each window; the last window ends with the song."""
    starts = list(range(0, max(1, pieces - OVERLAP), WINDOW - OVERLAP))
    return [min(start, max(0, pieces - WINDOW)) for start in starts]


def _fade(first: int, count: int, pieces: int, poses: int) -> np.ndarray:
    """The share (count * poses,) that one window has in each of its poses; shares of all windows sum to 1."""
    starts = window_starts(pieces)
    at = (np.arange(count * poses) + 0.5) / poses + first

    def rise(start: int, end: float) -> np.ndarray:
        """0 before, 1 after the middle half of the stretch that two windows share."""
        middle, half = (start + end) / 2, max((end - start) / 4, 0.5)
        share = np.clip((at - middle) / (2 * half) + 0.5, 0, 1)
        return share * share * (3 - 2 * share)

    index = starts.index(first)
    share = np.ones(count * poses)
    if index > 0:
        share = share * rise(first, starts[index - 1] + WINDOW)
    if index + 1 < len(starts):
        share = share * (1 - rise(starts[index + 1], first + WINDOW))
    return share.astype(np.float32)


def _dance_windows(
    song: Song, inputs: np.ndarray, noise: Tensor, network: Choreographer, style: int, starts: list[int]
) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """(first piece, directions (T, L, 3), root (T, 2)) of each window, WINDOWS_AT_ONCE through the network together."""
    device = next(network.parameters()).device
    gain = loudness_gain(song)
    length = min(WINDOW, song.pieces)
    with torch.inference_mode():
        for group in (starts[i : i + WINDOWS_AT_ONCE] for i in range(0, len(starts), WINDOWS_AT_ONCE)):
            audio = np.stack([song.cut(first, length) for first in group]) * np.float32(gain)  # (W, F, S)
            beats = np.stack([inputs[first : first + length] for first in group])  # (W, F, K)
            drawn = torch.stack([noise[first : first + length] for first in group])  # (W, F, Z)
            styles = torch.full((len(group),), style, device=device)
            turned, placed = network(
                torch.from_numpy(audio).to(device), torch.from_numpy(beats).to(device), drawn.to(device), styles
            )
            for first, one, other in zip(group, turned.float().cpu(), placed.float().cpu(), strict=True):
                yield first, one.numpy(), other.numpy()


class StgMamba:
    """The network as the contract `choreographers.base.Choreographer` has it."""

    styles = STYLES

    def __init__(self, network: Choreographer) -> None:
        self.network = network

    def dance(
        self, song: Song, grid: BeatGrid, *, seed: int, style: str, reporter: Reporter | None = None
    ) -> SkeletonSequence:
        """See `choreograph`."""
        return choreograph(song, grid, self.network, seed=seed, style=style, reporter=reporter)


def load(weights: Path, device: torch.device) -> StgMamba:
    """See `registry`."""
    return StgMamba(load_choreographer(weights, device))
