"""What the beat network hears: log mel levels 100 times a second and pitch classes 25 times a second.

Glossary: T frames at FRAME_RATE, M = 66 mel filters, P = 12 pitch classes.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import torch

from dancegen.audio.song import SAMPLE_RATE, stretch_of
from dancegen.audio.spectrum import FFT, GAIN, HOP, LEVEL, SILENT, WINDOW, mel_filters

PITCH_EVERY = 4  # frames between two measurements of pitch
PITCH_FFT = 4096  # samples: 256 ms tell semitones apart from 110 Hz on
STFT_FRAMES = 512  # at a time: the spectrum of a block of `listen.BLOCK` at once takes 150 MB, of these 8 MB
PITCH_RANGE = (110.0, 1760.0)  # Hz, four octaves
CLASSES = 12


def loudness_gain(level: float) -> float:
    """What brings a song of the root mean square `level` to LEVEL."""
    return LEVEL / max(level, SILENT)


def mel_levels(samples: np.ndarray, first: int, count: int, gain: float) -> np.ndarray:
    """log(1 + GAIN * mel power) of frames `first`..`first + count`, silence outside the song: (count, M) float32."""
    stretch = stretch_of(samples, first * HOP - FFT // 2, (count - 1) * HOP + FFT)
    return _levels(stretch, mel_filters(), FFT, HOP, torch.hann_window(WINDOW) * gain)


def pitch_levels(samples: np.ndarray, first: int, count: int, gain: float) -> np.ndarray:
    """Loudness of each pitch class, log as above, every PITCH_EVERY frames from `first` on: (ceil(count / 4), P)."""
    rows = -(-count // PITCH_EVERY)
    hop = HOP * PITCH_EVERY
    stretch = stretch_of(samples, first * HOP - PITCH_FFT // 2, (rows - 1) * hop + PITCH_FFT)
    window = torch.hann_window(PITCH_FFT) * (gain / (PITCH_FFT / 4))
    return _levels(stretch, _pitch_filters(), PITCH_FFT, hop, window)


def _levels(stretch: np.ndarray, filters: torch.Tensor, fft: int, hop: int, window: torch.Tensor) -> np.ndarray:
    """log(1 + GAIN * filtered power) of (N,) samples, STFT_FRAMES at a time: (T, filters) float32."""
    count = (len(stretch) - fft) // hop + 1
    out = np.empty((count, len(filters)), np.float32)
    for first in range(0, count, STFT_FRAMES):
        last = min(first + STFT_FRAMES, count)
        part = torch.from_numpy(stretch[first * hop : (last - 1) * hop + fft])
        spectrum = torch.stft(part, fft, hop, len(window), window, center=False, return_complex=True)
        power = filters @ (spectrum.real.square() + spectrum.imag.square())  # (filters, last - first)
        out[first:last] = torch.log1p(GAIN * power).T.numpy()
    return out


@cache
def _pitch_filters() -> torch.Tensor:
    """Each bin between PITCH_RANGE belongs to the two semitones around it: (P, PITCH_FFT // 2 + 1)."""
    hertz = np.maximum(np.linspace(0, SAMPLE_RATE / 2, PITCH_FFT // 2 + 1), 1.0)
    semitone = 12 * np.log2(hertz / 440.0)  # 0 = A4
    distance = np.abs((semitone - np.arange(CLASSES)[:, None] + 6) % CLASSES - 6)  # (P, bins) semitones
    inside = (hertz >= PITCH_RANGE[0]) & (hertz <= PITCH_RANGE[1])
    return torch.from_numpy((np.maximum(0, 1 - distance) * inside).astype(np.float32))
