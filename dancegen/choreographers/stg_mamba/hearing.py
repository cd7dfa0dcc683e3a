"""What is heard of each unit of a dance: how loud each band is and when in the beat it sets in; what a stretch is like.

In four ways phrases are matched to music: loudness asks for size, the density of onsets for steps, brightness for high
hands, bass for bent knees.

Glossary: F pieces, S = 5 slices of a piece, M = 33 mel bands, U units, A features.
"""

from __future__ import annotations

import numpy as np

from dancegen.audio.mel import BANDS, SLICES

BASS_BANDS = 5  # below about 250 Hz
DENSITY_BANDS = 8  # from about 450 Hz
GROUPS = 11  # groups of three bands whose onsets are told by the quarter of the beat in which they come
QUARTERS = 4
UNIT_SOUND = 2 * BANDS + GROUPS * QUARTERS  # A: mean and deviation of each band, onsets


def unit_sound(mel: np.ndarray, position: np.ndarray, unit: np.ndarray, units: int) -> np.ndarray:
    """Features of each unit.

    Args:
        mel: (F, S, M) of `mel_pieces`.
        position: (F,) beats at the start of each piece.
        unit: (F,) int, which unit each piece belongs to; other numbers than 0..units - 1 are left out.
        units: U.

    Returns:
        (U, A) float32; zeros for a unit without pieces.
    """
    slices = mel.reshape(-1, BANDS)  # (F S, M)
    step = np.diff(position, append=2 * position[-1:] - position[-2:-1] if len(position) > 1 else position + 0.2)
    at = (position[:, None] + step[:, None] * np.arange(SLICES) / SLICES).reshape(-1)  # (F S,) beats
    rise = np.maximum(np.diff(slices, axis=0, prepend=slices[:1]), 0).reshape(len(slices), GROUPS, -1).mean(axis=2)
    # a quarter around the beat, one after it, one around the middle, one before the next
    quarter = (np.floor((at % 1) * QUARTERS + 0.5) % QUARTERS).astype(int)
    owner = np.repeat(unit, SLICES)
    inside = (owner >= 0) & (owner < units)
    owner, slices, rise, quarter = owner[inside], slices[inside], rise[inside], quarter[inside]
    count = np.maximum(np.bincount(owner, minlength=units), 1)[:, None]
    mean = _sums(owner, slices, units) / count
    deviation = np.sqrt(np.maximum(_sums(owner, slices * slices, units) / count - mean**2, 0))
    cell = owner * QUARTERS + quarter
    cells = np.maximum(np.bincount(cell, minlength=units * QUARTERS), 1)[:, None]
    onsets = (_sums(cell, rise, units * QUARTERS) / cells).reshape(units, -1)  # (U, QUARTERS GROUPS)
    return np.concatenate([mean, deviation, 4 * onsets], axis=1).astype(np.float32)


def _sums(owner: np.ndarray, values: np.ndarray, count: int) -> np.ndarray:
    out = np.zeros((count, values.shape[1]), np.float64)
    np.add.at(out, owner, values)
    return out


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
