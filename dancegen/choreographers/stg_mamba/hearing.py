"""What is heard of each unit of a dance: how loud each band is and when in the beat it sets in; what a stretch is like.

In four ways phrases are matched to music: loudness asks for size, the density of onsets for steps, brightness for high
hands, bass for bent knees.

Glossary: F pieces, S = 5 slices of a piece, M = 33 mel bands, U units, A features.
"""

from __future__ import annotations

import zlib

import numpy as np

from dancegen.audio.spectrum import BANDS, SLICES
from dancegen.body.sequence import blocks

BASS_BANDS = 5  # below about 250 Hz
DENSITY_BANDS = 8  # from about 450 Hz
GROUPS = 11  # groups of three bands whose onsets are told by the quarter of the beat in which they come
QUARTERS = 4
KNOWN_BY = 8  # seconds by whose loudness and brightness a song is known from others
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
    # a quarter around the beat, one after it, one around the middle, one before the next
    quarter = (np.floor((at % 1) * QUARTERS + 0.5) % QUARTERS).astype(int)
    owner = np.repeat(unit, SLICES)
    inside = (owner >= 0) & (owner < units)
    cell = owner * QUARTERS + quarter
    total, squares = np.zeros((2, units, BANDS))
    rises = np.zeros((units * QUARTERS, GROUPS))
    for part in blocks(len(slices), slices):
        kept = np.flatnonzero(inside[part]) + part.start
        here, before = slices[kept], slices[np.maximum(kept - 1, 0)]
        np.add.at(total, owner[kept], here)
        np.add.at(squares, owner[kept], here * here)
        np.add.at(rises, cell[kept], np.maximum(here - before, 0).reshape(len(kept), GROUPS, -1).mean(axis=2))
    count = np.maximum(np.bincount(owner[inside], minlength=units), 1)[:, None]
    mean = total / count
    deviation = np.sqrt(np.maximum(squares / count - mean**2, 0))
    cells = np.maximum(np.bincount(cell[inside], minlength=units * QUARTERS), 1)[:, None]
    onsets = (rises / cells).reshape(units, -1)  # (U, QUARTERS GROUPS)
    return np.concatenate([mean, deviation, 4 * onsets], axis=1).astype(np.float32)


def number_of(samples: np.ndarray, rate: int) -> int:
    """A song's own number, by the rise and fall of its first seconds in rough steps, so that another decoder's last
    digits change nothing: samples (N,), `rate` of them a second."""
    seconds = np.array_split(np.asarray(samples[: KNOWN_BY * rate], np.float64), KNOWN_BY)
    sizes = [np.sqrt([(part**2).mean(), (np.diff(part) ** 2).mean()]) for part in seconds if len(part) > 1]
    levels = np.log2(np.asarray(sizes).reshape(-1, 2) + 1e-4)
    return zlib.crc32(np.round(4 * (levels - levels.mean())).astype(np.int8).tobytes()) if len(levels) else 0


def mixed_seed(seed: int, number: int, what: str) -> int:
    """A seed of its own for each thing that is drawn for a song of a number."""
    return zlib.crc32(f"{seed} {number} {what}".encode())


def ear_traits(slices: np.ndarray) -> np.ndarray:
    """(T, M) levels of `mel_pieces` -> loudness, onsets, brightness, bass: (4,) float64, to be ranked among songs."""
    means = [
        _band_means(slices[part.start : part.stop + 2], part.stop - part.start) for part in blocks(len(slices), slices)
    ]
    level, rise, loud = (np.sum(each, axis=0) for each in zip(*means, strict=True))  # (M,) each
    level, rise, loud = level / len(slices), rise / max(len(slices) - 2, 1), loud / len(slices)
    weight = np.maximum(loud - np.exp(-0.65), 1e-3)  # about the amplitude, 0 in silence
    return np.array(
        [
            level.mean(),
            rise[DENSITY_BANDS:].mean(),
            (np.arange(len(weight)) * weight).sum() / weight.sum(),
            level[:BASS_BANDS].mean() - level[BASS_BANDS:].mean(),
        ]
    )


def _band_means(slices: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sums of `count` slices, of their rises to the slice after next, and of their amplitudes: (M,) float64 each."""
    here = slices[:count]
    rise = np.maximum(slices[2:] - slices[:-2] - 0.15, 0)
    loud = np.exp(0.65 * here)
    sums = [each.sum(axis=0, dtype=np.float64) for each in (here, rise, loud)]
    return sums[0], sums[1], sums[2]


def rank(traits: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Ranks 0..1 of traits (4,) among songs, by their quantiles `table` (N, 4)."""
    share = np.linspace(0, 1, len(table))
    return np.array([np.interp(value, table[:, i], share) for i, value in enumerate(traits)])
