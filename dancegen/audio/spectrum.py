"""What is heard in a song, block by block in torch, so that memory does not grow with its length.

`mel_levels`, `pitch_levels`: what the beat network hears; `mel_pieces`: what the
choreographer's ear hears.

Glossary: N samples, T frames at FRAME_RATE, M = 66 mel filters, P = 12 pitch classes;
of the ear: F pieces of 0.1 s, S = 5 slices of a piece, M = 33 mel bands.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import torch

from dancegen import scratch
from dancegen.audio.song import PIECE_SECONDS, SAMPLE_RATE, Song, stretch_of

FRAME_RATE = 100  # frames a second
HOP = SAMPLE_RATE // FRAME_RATE  # 160 samples
WINDOW = 640  # 40 ms: short enough to place a drum hit, long enough to hear a bass
FFT = 1024
MELS = 66
LOWEST, HIGHEST = 30.0, 7600.0  # Hz
BLOCK = 3000  # frames at a time: 30 s, about 12 MB of spectrum
FLUX_LAG = 2  # frames between the two spectra that an onset compares
LEVEL = 0.2  # root mean square that every song is brought to, so that its beats do not depend on its loudness
SILENT = 1e-4  # root mean square (-80 dB) of what is not made louder any more
GAIN = 1e4  # log(1 + GAIN * power): quiet noise does not make onsets, quiet music does
PITCH_EVERY = 4  # frames between two measurements of pitch
PITCH_FFT = 4096  # samples: 256 ms tell semitones apart from 110 Hz on
STFT_FRAMES = 128  # spectra at a time: with what is made of them 14 MB, where a block at once would take 150
PITCH_RANGE = (110.0, 1760.0)  # Hz, four octaves
CLASSES = 12
SLICES = 5  # of a piece, 20 ms each
BANDS = MELS // 2
FRAMES_OF_SLICE = round(PIECE_SECONDS * FRAME_RATE) // SLICES
CENTRE, SPREAD = 0.8, 1.3  # mean and deviation of the level over the songs of training
BLOCK_PIECES = 300  # 30 s at a time


def root_mean_square(samples: np.ndarray) -> float:
    """The song's own loudness, read block by block."""
    block = BLOCK * HOP
    parts = (stretch_of(samples, first, block).astype(np.float64) for first in range(0, len(samples), block))
    return float(np.sqrt(sum(float(part @ part) for part in parts) / max(len(samples), 1)))


def mel_centres() -> np.ndarray:
    """M + 2 frequencies in Hz, evenly spaced in mel (HTK's formula)."""
    low, high = (2595 * np.log10(1 + hz / 700) for hz in (LOWEST, HIGHEST))
    return 700 * (10 ** (np.linspace(low, high, MELS + 2) / 2595) - 1)


@cache
def mel_filters() -> torch.Tensor:
    """Triangular filters of unit sum on the power spectrum of a unit sine: (M, FFT // 2 + 1)."""
    edges = mel_centres()
    bins = np.linspace(0, SAMPLE_RATE / 2, FFT // 2 + 1)
    up = (bins - edges[:-2, None]) / np.diff(edges)[:-1, None]
    down = (edges[2:, None] - bins) / np.diff(edges)[1:, None]
    filters = np.maximum(0, np.minimum(up, down))  # (M, bins)
    filters /= np.maximum(filters.sum(axis=1, keepdims=True), 0.5)  # the lowest are narrower than a bin
    return torch.from_numpy((filters / (WINDOW / 4) ** 2).astype(np.float32))


def loudness_gain(level: float) -> float:
    """What brings a song of the root mean square `level` to LEVEL."""
    return LEVEL / max(level, SILENT)


def mel_levels(samples: np.ndarray, first: int, count: int, gain: float) -> np.ndarray:
    """log(1 + GAIN * mel power) of frames `first`..`first + count`, silence outside the song: (count, M) float32."""
    return _levels(samples, first * HOP, count, HOP, torch.hann_window(WINDOW) * gain, mel_filters())


def pitch_levels(samples: np.ndarray, first: int, count: int, gain: float) -> np.ndarray:
    """Loudness of each pitch class, log as above, every PITCH_EVERY frames from `first` on: (ceil(count / 4), P)."""
    window = torch.hann_window(PITCH_FFT) * (gain / (PITCH_FFT / 4))
    return _levels(samples, first * HOP, -(-count // PITCH_EVERY), HOP * PITCH_EVERY, window, _pitch_filters())


def _levels(
    samples: np.ndarray, middle: int, count: int, hop: int, window: torch.Tensor, filters: torch.Tensor
) -> np.ndarray:
    """log(1 + GAIN * filtered power) of `count` spectra, the first around sample `middle`: (count, filters) float32."""
    fft = 2 * (filters.shape[1] - 1)
    out = np.empty((count, len(filters)), np.float32)
    for first in range(0, count, STFT_FRAMES):
        last = min(first + STFT_FRAMES, count)
        part = torch.from_numpy(stretch_of(samples, middle + first * hop - fft // 2, (last - first - 1) * hop + fft))
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


def mel_pieces(song: Song) -> np.ndarray:
    """Log mel levels (F, S, M) float32 around 0; silence is -CENTRE / SPREAD in all bands."""
    gain = loudness_gain(root_mean_square(song.samples))
    out = scratch.zeros((song.pieces, SLICES, BANDS))
    for first in range(0, song.pieces, BLOCK_PIECES):
        count = min(BLOCK_PIECES, song.pieces - first)
        out[first : first + count] = _piece_levels(song.samples, first, count, gain)
        scratch.release(out)
    return out


def _piece_levels(samples: np.ndarray, first: int, count: int, gain: float) -> np.ndarray:
    """Pieces `first` to `first + count`."""
    frames = count * SLICES * FRAMES_OF_SLICE
    level = mel_levels(samples, first * SLICES * FRAMES_OF_SLICE, frames, gain)  # (frames, MELS) log(1 + GAIN power)
    power = np.expm1(level).reshape(count, SLICES, FRAMES_OF_SLICE, BANDS, 2).mean(axis=(2, 4)) / GAIN
    return ((np.log1p(GAIN * power) - CENTRE) / SPREAD).astype(np.float32)
