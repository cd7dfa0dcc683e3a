"""What the transformer hears of each column of latents: the sound, and where in beat, bar and phrase its frames are.

Glossary: B windows, F pieces of 0.1 s, S slices of a piece, M mel bands, N columns, P pieces of a column, K clock
values of a column.
"""

from __future__ import annotations

import numpy as np

from dancegen.audio.song import PIECE_SECONDS
from dancegen.audio.spectrum import BANDS, SLICES
from dancegen.choreographers.hotdance.config import HotDanceConfig
from dancegen.choreographers.stg_mamba.counting import clock

SLOW_WAVES = slice(2, 8)  # of `counting.CLOCK`: within the unit, half a phrase, a phrase
REST = slice(9, 11)  # seconds per beat, whether it counts in three


def pieces_of_column(config: HotDanceConfig) -> int:
    """P: how many pieces of sound a column of latents lasts."""
    return round(config.stride / config.fps / PIECE_SECONDS)


def sound_values(config: HotDanceConfig) -> int:
    """Numbers of sound a column."""
    return pieces_of_column(config) * SLICES * BANDS


def clock_values(config: HotDanceConfig) -> int:
    """K: the beat's sine and cosine at each frame, then of slower waves at the first, period and meter."""
    return 2 * config.stride + 8


def clocks(position: np.ndarray, period: np.ndarray, meter: int, config: HotDanceConfig) -> np.ndarray:
    """The clock of columns.

    Args:
        position: (N stride,) beats at each frame, counted from the first beat of a phrase.
        period: likewise, seconds per beat.
        meter: beats of a bar that the dance counts.
        config: the network's sizes.

    Returns:
        (N, K) float32.
    """
    told = clock(position, period, meter).reshape(-1, config.stride, 11)
    beats = told[:, :, :2].reshape(len(told), -1)
    return np.concatenate([beats, told[:, 0, SLOW_WAVES], told[:, 0, REST]], axis=1).astype(np.float32)


def sounds(mel: np.ndarray, config: HotDanceConfig) -> np.ndarray:
    """The sound (N, P S M) float32 of columns of pieces (F, S, M); what is left of a last column is silence."""
    size = pieces_of_column(config)
    spare = -len(mel) % size
    whole = np.concatenate([mel, np.full((spare, *mel.shape[1:]), mel.min() if len(mel) else 0, mel.dtype)])
    return whole.reshape(len(whole) // size, -1).astype(np.float32)
