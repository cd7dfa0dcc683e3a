"""What the choreographer is told about a song besides its samples: per 0.1 s piece, where the beat is and what sounds.

All features are finite for any sound, silence included, and within about -1..2, so that a network needs no data set's
statistics to take them.
"""

from __future__ import annotations

import numpy as np

from dancegen.audio.bars import count_position
from dancegen.audio.grid import BeatGrid, beat_position
from dancegen.audio.song import PIECE_SECONDS, Song
from dancegen.audio.spectrum import FRAME_RATE, measure

BEAT_FEATURES = (
    "onset",  # strongest onset in the piece; 1 = the song's 95th percentile, at most 2
    "onset_low",  # the same below 200 Hz: bass drum, bass
    "onset_mid",  # 200-2000 Hz: chords, voice, snare
    "onset_high",  # above 2 kHz: cymbals, consonants
    "loudness",  # 0..1: 0 = 50 dB below the song's 95th percentile, 1 = that percentile, at most 1.2
    "loudness_low",
    "loudness_mid",
    "loudness_high",
    "beat_sin",  # sine and cosine of the phase within the beat at the START of the piece; cosine 1 = on the beat
    "beat_cos",
    "two_beat_sin",  # the same for pairs of beats, counted from the first downbeat of the song
    "two_beat_cos",
    "four_beat_sin",  # and for groups of four
    "four_beat_cos",
    "beat_offset",  # seconds from the nearest beat to the start of the piece: negative before it, positive after it
    "beat_period",  # seconds between the beats around the start of the piece
    "beat_confidence",  # BeatGrid.confidence
)
PIECE_FRAMES = round(PIECE_SECONDS * FRAME_RATE)  # 10
LOUDNESS_RANGE = 50.0  # dB
QUIETEST = 1e-9  # mel power; digital silence counts as this


def beat_features(song: Song, grid: BeatGrid) -> np.ndarray:
    """The features named in BEAT_FEATURES: (F, K) float32, F = song.pieces.

    A piece is longer than a video frame: the phase inside it is `beat_position(grid, t)` at any time t, or, to a good
    approximation, the phase at its start plus t / beat_period. A grid without beats counts evenly at
    `grid.OWN_TEMPO`, with beat_confidence 0.
    """
    counted = grid.counted(song.seconds)
    starts = np.arange(song.pieces) * PIECE_SECONDS  # (F,) s
    position = count_position(counted, starts)  # (F,) beats
    turns = np.stack([position, position / 2, position / 4], axis=1) * 2 * np.pi  # (F, 3)
    phases = np.stack([np.sin(turns), np.cos(turns)], axis=2).reshape(-1, 6)  # (F, 6)
    offset, period = _around(counted, starts, position)
    rest = np.stack([offset, period, np.full_like(offset, grid.confidence)], axis=1)  # (F, 3)
    return np.concatenate([_sound_features(song), phases, rest], axis=1).astype(np.float32)  # (F, K)


def _around(grid: BeatGrid, times: np.ndarray, position: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(signed seconds from the nearest beat, seconds between beats), both (F,)."""
    step = 1e-3
    period = step / np.maximum(beat_position(grid, times + step) - beat_position(grid, times), 1e-6)
    period = np.clip(period, 0.0, 2.0)
    return np.clip((position - np.round(position)) * period, -1.0, 1.0), period


def _sound_features(song: Song) -> np.ndarray:
    """The onset and loudness columns: (F, 8)."""
    curves = measure(song.samples)
    onset = np.concatenate([curves.onset.mean(axis=1, keepdims=True), curves.onset], axis=1)  # (T, 4)
    power = np.concatenate([curves.power.mean(axis=1, keepdims=True), curves.power], axis=1)  # (T, 4)
    strongest = _pieces(onset, song.pieces).max(axis=1)  # (F, 4)
    level = 10 * np.log10(_pieces(power, song.pieces).mean(axis=1) + QUIETEST)  # (F, 4) dB
    loud = np.maximum(np.percentile(level, 95, axis=0), 10 * np.log10(QUIETEST) + LOUDNESS_RANGE)  # (4,)
    typical = np.maximum(np.percentile(strongest, 95, axis=0), 1e-2)  # (4,): near silence stays near 0
    return np.concatenate(
        [np.clip(strongest / typical, 0, 2), np.clip(1 + (level - loud) / LOUDNESS_RANGE, 0, 1.2)], axis=1
    )


def _pieces(curves: np.ndarray, count: int) -> np.ndarray:
    """(T, C) frames -> (F, 10, C), the last piece filled up with zeros."""
    padded = np.zeros((count * PIECE_FRAMES, curves.shape[1]), np.float32)
    padded[: len(curves)] = curves
    return padded.reshape(count, PIECE_FRAMES, -1)  # (F, 10, C)
