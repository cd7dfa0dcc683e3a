"""What a stretch of music is like, in the four ways by which phrases are matched to it (`bank.TRAITS`).

Loudness asks for size, the density of onsets for steps, brightness for high hands, bass for bent knees.

Glossary: T slices of 20 ms, M = 33 mel bands.
"""

from __future__ import annotations

import numpy as np

BASS_BANDS = 5  # below about 250 Hz
DENSITY_BANDS = 8  # from about 450 Hz


def ear_traits(slices: np.ndarray) -> np.ndarray:
    """(T, M) levels of `mel_pieces` -> loudness, onsets, brightness, bass: (4,) float64, to be ranked among songs."""
    level = slices - slices.min(initial=0.0)
    rise = np.maximum(slices[2:, DENSITY_BANDS:] - slices[:-2, DENSITY_BANDS:] - 0.15, 0)
    bands = np.arange(slices.shape[1])
    weight = np.exp(0.65 * slices).mean(axis=0) - np.exp(-0.65)  # about the amplitude, 0 in silence
    weight = np.maximum(weight, 1e-3)
    return np.array(
        [
            slices.mean(),
            rise.mean(),
            (bands * weight).sum() / weight.sum(),
            level[:, :BASS_BANDS].mean() - level[:, BASS_BANDS:].mean(),
        ]
    )


def rank(traits: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Ranks 0..1 of traits (4,) among songs, by their quantiles `table` (N, 4)."""
    share = np.linspace(0, 1, len(table))
    return np.array([np.interp(value, table[:, i], share) for i, value in enumerate(traits)])
