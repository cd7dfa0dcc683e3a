"""Samples for the beat network: songs played faster or slower, transposed, filtered, with bands and moments missing.

All is done to what the network hears, not to the sound. All randomness of training step n comes from (seed, n).

Glossary: T frames, M mel filters, P pitch classes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from dancegen.audio.spectrum import CLASSES, PITCH_EVERY
from dancegen.lab.datasets.beat_songs import FRAMES, Songs

STRETCH = 0.28  # octaves, faster or slower
SHIFT = 3  # mel filters up or down
TILT = 0.5  # log power; standard deviation of a change of loudness and of its slope over the bands
SOUNDING = 0.3  # log power above which a change of loudness applies: silence stays silent
BAND_GAP, MOMENT_GAP = 0.3, 0.2  # shares of the samples in which some are missing


class Batch(NamedTuple):
    """mel (N, T, M), pitch (N, T / 4, P), label (N, T) int64, known (N, T): 1 where the song is, 0 behind its end."""

    mel: Tensor
    pitch: Tensor
    label: Tensor
    known: Tensor


def batch(songs: Songs, size: int, rng: np.random.Generator) -> Batch:
    """`size` songs drawn at random and changed."""
    drawn = [_change(songs, int(rng.integers(len(songs.mel))), rng) for _ in range(size)]
    return Batch(*(torch.from_numpy(np.stack(column)) for column in zip(*drawn, strict=True)))


def _change(songs: Songs, number: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    faster = 2 ** rng.uniform(-STRETCH, STRETCH)
    mel, pitch, label, known = _stretch(songs, number, faster)
    pitch = np.roll(pitch, rng.integers(CLASSES), axis=1)
    shift = int(rng.integers(-SHIFT, SHIFT + 1))
    mel = np.roll(mel, shift, axis=1)
    mel[:, :shift] *= shift <= 0
    mel[:, mel.shape[1] + min(shift, 0) :] = 0
    slope = np.linspace(-1, 1, mel.shape[1])
    tilt = (rng.normal(0, TILT) + rng.normal(0, TILT) * slope).astype(np.float32)
    mel = np.maximum(mel + tilt * (mel > SOUNDING), 0)
    if rng.random() < BAND_GAP:
        first = rng.integers(0, mel.shape[1] - 6)
        mel[:, first : first + rng.integers(3, 14)] = 0
    if rng.random() < MOMENT_GAP:
        first, length = rng.integers(0, (FRAMES - 400) // 4) * 4, rng.integers(12, 100) * 4
        mel[first : first + length] *= rng.uniform(0, 0.5)
        pitch[first // 4 : (first + length) // 4] *= rng.uniform(0, 0.5)
    return mel, pitch, label, known


def _stretch(songs: Songs, number: int, faster: float) -> tuple[np.ndarray, ...]:
    """One song at `faster` times its tempo, cut or filled up with silence to FRAMES."""
    count = min(int(FRAMES / faster) // PITCH_EVERY * PITCH_EVERY, FRAMES)
    source = np.arange(count) * faster
    low = np.minimum(source.astype(int), FRAMES - 2)
    share = (source - low).astype(np.float32)[:, None]
    heard = songs.mel[number].astype(np.float32)
    mel = np.zeros_like(heard)
    mel[:count] = heard[low] * (1 - share) + heard[low + 1] * share
    rows = np.minimum((np.arange(count // PITCH_EVERY) * faster).round().astype(int), FRAMES // PITCH_EVERY - 1)
    pitch = np.zeros((FRAMES // PITCH_EVERY, CLASSES), np.float32)
    pitch[: len(rows)] = songs.pitch[number][rows]
    label, known = np.zeros(FRAMES, np.int64), np.zeros(FRAMES, np.float32)
    known[:count] = 1
    marked = np.flatnonzero(songs.label[number])
    at = np.round(marked / faster).astype(int)
    label[at[at < count]] = songs.label[number][marked[at < count]]
    return mel, pitch, label, known
