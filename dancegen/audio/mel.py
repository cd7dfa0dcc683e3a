"""What the choreographer's ear hears: the log mel spectrum of each 0.1 s piece, of the song at one loudness.

Glossary: F pieces, S = 5 slices of a piece, M = 33 mel bands.
"""

from __future__ import annotations

import numpy as np

from dancegen.audio.hearing import loudness_gain, mel_levels
from dancegen.audio.song import PIECE_SECONDS, Song
from dancegen.audio.spectrum import FRAME_RATE, GAIN, MELS, root_mean_square

SLICES = 5  # of a piece, 20 ms each
BANDS = MELS // 2
FRAMES_OF_SLICE = round(PIECE_SECONDS * FRAME_RATE) // SLICES
CENTRE, SPREAD = 0.8, 1.3  # mean and deviation of the level over the songs of training
BLOCK_PIECES = 300  # 30 s at a time


def mel_pieces(song: Song) -> np.ndarray:
    """Log mel levels (F, S, M) float32 around 0; silence is -CENTRE / SPREAD in all bands."""
    gain = loudness_gain(root_mean_square(song.samples))
    out = np.zeros((song.pieces, SLICES, BANDS), np.float32)
    for first in range(0, song.pieces, BLOCK_PIECES):
        count = min(BLOCK_PIECES, song.pieces - first)
        out[first : first + count] = _levels(song.samples, first, count, gain)
    return out


def _levels(samples: np.ndarray, first: int, count: int, gain: float) -> np.ndarray:
    """Pieces `first` to `first + count`."""
    frames = count * SLICES * FRAMES_OF_SLICE
    level = mel_levels(samples, first * SLICES * FRAMES_OF_SLICE, frames, gain)  # (frames, MELS) log(1 + GAIN power)
    power = np.expm1(level).reshape(count, SLICES, FRAMES_OF_SLICE, BANDS, 2).mean(axis=(2, 4)) / GAIN
    return ((np.log1p(GAIN * power) - CENTRE) / SPREAD).astype(np.float32)
