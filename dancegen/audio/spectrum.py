"""Loudness and onset curves of a song, 100 frames a second, computed block by block in torch.

Glossary: N samples, T frames, B = 3 bands (low, mid, high), M = mel filters.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch

from dancegen.audio.song import SAMPLE_RATE, stretch_of

FRAME_RATE = 100  # frames a second
HOP = SAMPLE_RATE // FRAME_RATE  # 160 samples
WINDOW = 640  # 40 ms: short enough to place a drum hit, long enough to hear a bass
FFT = 1024
MELS = 66
LOWEST, HIGHEST = 30.0, 7600.0  # Hz
BAND_EDGES = (200.0, 2000.0)  # Hz; below: bass drum and bass; above: cymbals and consonants
BLOCK = 3000  # frames at a time: 30 s, about 12 MB of spectrum
FLUX_LAG = 2  # frames between the two spectra that an onset compares
LEVEL = 0.2  # root mean square that every song is brought to, so that its beats do not depend on its loudness
SILENT = 1e-4  # root mean square (-80 dB) of what is not made louder any more
GAIN = 1e4  # log(1 + GAIN * power): quiet noise does not make onsets, quiet music does


@dataclass(frozen=True)
class Curves:
    """What `measure` hears, each at FRAME_RATE.

    Attributes:
        onset: (T, B) float32, how much energy sets in, per band (mean rise of the log mel power).
        power: (T, B) float32, mean mel power per band, of the song at the root mean square LEVEL.
    """

    onset: np.ndarray
    power: np.ndarray


def measure(samples: np.ndarray) -> Curves:
    """The onset and power curves of a song: (N,) float32 -> `Curves` of T = ceil(N / 160) frames.

    Memory is that of one block however long the song is.
    """
    frames = -(-len(samples) // HOP)
    window = torch.hann_window(WINDOW) * (LEVEL / max(root_mean_square(samples), SILENT))
    filters, bands = mel_filters(), _band_means()
    onset, power = np.zeros((frames, 3), np.float32), np.zeros((frames, 3), np.float32)
    for first in range(0, frames, BLOCK):
        count = min(BLOCK, frames - first)
        # FLUX_LAG frames more in front, so that blocks join without a seam
        stretch = stretch_of(samples, (first - FLUX_LAG) * HOP - FFT // 2, (count + FLUX_LAG - 1) * HOP + FFT)
        spectrum = torch.stft(
            torch.from_numpy(stretch), FFT, HOP, WINDOW, window, center=False, return_complex=True
        )  # (513, count + lag)
        mel = filters @ (spectrum.real.square() + spectrum.imag.square())  # (M, count + lag)
        level = torch.log1p(GAIN * mel)
        rise = (level[:, FLUX_LAG:] - level[:, :-FLUX_LAG]).relu()  # (M, count)
        onset[first : first + count] = (bands @ rise).T.numpy()  # (count, B)
        power[first : first + count] = (bands @ mel[:, FLUX_LAG:]).T.numpy()  # (count, B)
    return Curves(onset, power)


def root_mean_square(samples: np.ndarray) -> float:
    """The song's own loudness, read block by block."""
    block = BLOCK * HOP
    parts = (stretch_of(samples, first, block).astype(np.float64) for first in range(0, len(samples), block))
    return float(np.sqrt(sum(float(part @ part) for part in parts) / max(len(samples), 1)))


def _mel_centres() -> np.ndarray:
    """M + 2 frequencies in Hz, evenly spaced in mel (HTK's formula)."""
    low, high = (2595 * np.log10(1 + hz / 700) for hz in (LOWEST, HIGHEST))
    return 700 * (10 ** (np.linspace(low, high, MELS + 2) / 2595) - 1)


@cache
def mel_filters() -> torch.Tensor:
    """Triangular filters of unit sum on the power spectrum of a unit sine: (M, FFT // 2 + 1)."""
    edges = _mel_centres()
    bins = np.linspace(0, SAMPLE_RATE / 2, FFT // 2 + 1)
    up = (bins - edges[:-2, None]) / np.diff(edges)[:-1, None]
    down = (edges[2:, None] - bins) / np.diff(edges)[1:, None]
    filters = np.maximum(0, np.minimum(up, down))  # (M, bins)
    filters /= np.maximum(filters.sum(axis=1, keepdims=True), 0.5)  # the lowest are narrower than a bin
    return torch.from_numpy((filters / (WINDOW / 4) ** 2).astype(np.float32))


def _band_means() -> torch.Tensor:
    """(B, M): the mean over each band's mel filters."""
    band = np.digitize(_mel_centres()[1:-1], BAND_EDGES)  # (M,)
    rows = np.stack([(band == number) / max((band == number).sum(), 1) for number in range(3)])
    return torch.from_numpy(rows.astype(np.float32))
