"""Beats without a network: a comb of tempi, followed through the song, and librosa's dynamic programme on it.

The tempo of a moment is the period at which the onsets around it repeat; the best run of tempi through the song is a
Viterbi path. Bars are not heard this way: they are counted in fours from the first beat.

Glossary: T frames of an onset curve, W windows, L lags, R tempi.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from dancegen.audio.grid import BeatGrid
from dancegen.audio.song import stretch_of
from dancegen.audio.spectrum import (
    BLOCK,
    FFT,
    FLUX_LAG,
    FRAME_RATE,
    GAIN,
    HOP,
    LEVEL,
    SILENT,
    WINDOW,
    mel_centres,
    mel_filters,
    root_mean_square,
)
from dancegen.audio.tracker import track

WINDOW_SECONDS, STRIDE_SECONDS = 8.0, 1.0  # a tempo is taken as steady within a window
PER_OCTAVE = 80  # tempi: 0.9 % apart
TEMPI = 60.0 * 2 ** (np.arange(int(np.log2(180 / 60) * PER_OCTAVE) + 1) / PER_OCTAVE)  # (R,) beats a minute
USUAL_TEMPO, TEMPO_SPREAD = 105.0, 0.9  # beats a minute, octaves: a log-normal preference for usual dance tempi
MULTIPLES = (1.0, 0.5, 0.5, 0.5)  # weights of a lag and its multiples; chosen on 67 songs
CHANGE_CAP = 8.0  # steps of a tempo, the most that a change costs: jumps happen
CHANGE_COST = 0.01  # of the comb's height, a step
FAINT = 0.01  # onsets around this and below are ripple of held notes
BAND_EDGES = (200.0, 2000.0)  # Hz; below: bass drum and bass; above: cymbals and consonants
FLAT = 1e-3  # variance of an onset curve in which nothing sets in
NO_BEAT = 4.0  # a confidence below NO_BEAT / sqrt(frames) is what noise reaches by chance
NO_GRID = BeatGrid(np.zeros(0), 0.0, 0.0)


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


def _band_means() -> torch.Tensor:
    """(B, M): the mean over each band's mel filters."""
    band = np.digitize(mel_centres()[1:-1], BAND_EDGES)  # (M,)
    rows = np.stack([(band == number) / max((band == number).sum(), 1) for number in range(3)])
    return torch.from_numpy(rows.astype(np.float32))


def onset_strength(samples: np.ndarray) -> np.ndarray:
    """How strongly sounds set in, 100 frames a second: (N,) samples at 16 kHz -> (ceil(N / 160),) float32.

    The mean over the bands of the square root, so that a loud snare does not outvote a soft bass drum.
    """
    return (np.sqrt(measure(samples).onset + FAINT) - FAINT**0.5).mean(axis=1)  # (T,)


def comb_beats(onset: np.ndarray) -> BeatGrid:
    """The beats of an onset curve (T,) at FRAME_RATE; an empty grid where nothing repeats."""
    correlation = _correlations(onset)  # (W, L)
    if correlation is None:
        return NO_GRID
    comb = _comb(correlation)  # (W, R)
    path = _path(comb)
    period = 60 / TEMPI[path] * FRAME_RATE  # (W,) frames
    rows = np.arange(len(path))
    strength = np.maximum(_at(correlation, period)[rows, rows], _at(correlation, 2 * period)[rows, rows])
    confidence = float(np.clip(strength.mean(), 0, 1))
    if confidence < NO_BEAT / max(len(onset), 1) ** 0.5:
        return NO_GRID
    middles = (rows * STRIDE_SECONDS + WINDOW_SECONDS / 2) * FRAME_RATE
    tempo = np.interp(np.arange(len(onset)), middles, TEMPI[path])  # (T,)
    times = track(onset, FRAME_RATE, tempo)
    if len(times) < 2:
        return NO_GRID
    return BeatGrid(times, 60 / float(np.median(np.diff(times))), confidence)


def _correlations(onset: np.ndarray) -> np.ndarray | None:
    """The autocorrelation of each window up to half its length, 1 at lag 0: (W, L); None where nothing sets in."""
    length, stride = round(WINDOW_SECONDS * FRAME_RATE), round(STRIDE_SECONDS * FRAME_RATE)
    rows = []
    for first in range(0, max(len(onset) - length // 2, 1), stride):
        part = onset[first : first + length].astype(np.float64)
        part = part - part.mean() if len(part) else np.zeros(1)
        correlation = np.fft.irfft(np.abs(np.fft.rfft(part, 2 * length)) ** 2)[: length // 2]
        share = np.maximum(1 - np.arange(length // 2) / len(part), 0.25)  # a short stretch has fewer pairs
        loud = correlation[0] > FLAT * len(part)
        rows.append(correlation / correlation[0] / share if loud else np.zeros(length // 2))
    table = np.stack(rows)
    return table if table.any() else None


def _at(correlation: np.ndarray, lags: np.ndarray) -> np.ndarray:
    """Correlations (W, L) at fractional lags (R,), 0 beyond the last: (W, R)."""
    low = np.minimum(lags.astype(int), correlation.shape[1] - 2)
    share = lags - low
    values = correlation[:, low] * (1 - share) + correlation[:, low + 1] * share
    return np.where(lags < correlation.shape[1] - 1, values, 0.0)


def _comb(correlation: np.ndarray) -> np.ndarray:
    """How well each tempo and its slower multiples fit each window: (W, R)."""
    period = 60 / TEMPI * FRAME_RATE
    total = sum(weight * _at(correlation, period * multiple) for multiple, weight in enumerate(MULTIPLES, 1))
    preference = np.exp(-0.5 * (np.log2(TEMPI / USUAL_TEMPO) / TEMPO_SPREAD) ** 2)
    return np.maximum(total, 0) * preference


def _path(comb: np.ndarray) -> np.ndarray:
    """The best run of tempi: (W, R) -> (W,) indices."""
    steps = np.abs(np.arange(len(TEMPI))[:, None] - np.arange(len(TEMPI))[None, :])
    cost = CHANGE_COST * np.minimum(steps, CHANGE_CAP * 10)
    worth, kept = comb[0], []
    for row in comb[1:]:
        ways = worth[:, None] - cost
        kept.append(ways.argmax(axis=0))
        worth = ways.max(axis=0) + row
    path = [int(worth.argmax())]
    for back in reversed(kept):
        path.append(int(back[path[-1]]))
    return np.array(path[::-1])
