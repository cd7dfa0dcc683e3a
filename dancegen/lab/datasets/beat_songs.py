"""Composed songs as the beat network hears them, in files of SHARD songs, with their beats."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dancegen.audio.spectrum import (
    CLASSES,
    FRAME_RATE,
    MELS,
    PITCH_EVERY,
    loudness_gain,
    mel_levels,
    pitch_levels,
    root_mean_square,
)
from dancegen.errors import DancegenError
from dancegen.files import whole_file
from dancegen.lab.synthetic.songs.mixdown import beatless_sound, song
from dancegen.progress import Reporter, SilentReporter

SHARD = 50  # songs a file
SECONDS = 40  # of a song
FRAMES = SECONDS * FRAME_RATE
BEATLESS = 0.05  # share of sounds without a beat
BEAT, DOWNBEAT = 1, 2  # labels of a frame; 0 is neither


@dataclass(frozen=True)
class Songs:
    """S songs: mel levels (S, T, M) and pitch levels (S, T / 4, P) float16, labels (S, T) int8, meters (S,), 0 for
    sounds without a beat."""

    mel: np.ndarray
    pitch: np.ndarray
    label: np.ndarray
    meter: np.ndarray


def make_songs(folder: Path, count: int, seed: int, reporter: Reporter | None = None) -> None:
    """Compose and play `count` songs, a multiple of SHARD; files that are there are kept.

    Song number n depends on (seed, n) alone, and on whether fluidsynth and its sound font are installed.
    """
    reporter = reporter or SilentReporter()
    folder.mkdir(parents=True, exist_ok=True)
    reporter.stage("composing songs", count, "songs")
    for first in range(0, count, SHARD):
        path = folder / f"{first:05d}.npz"
        if not path.exists():
            made = [_one(np.random.default_rng([seed, first + number])) for number in range(SHARD)]
            mel, pitch, label, meter = (np.stack(column) for column in zip(*made, strict=True))
            with whole_file(path) as scratch, scratch.open("wb") as file:
                np.savez(file, mel=mel, pitch=pitch, label=label, meter=meter)
        reporter.advance(SHARD)


def read_songs(folder: Path) -> Songs:
    """All songs of a folder, in memory: half a megabyte each."""
    files = sorted(folder.glob("[0-9]*.npz"))
    if not files:
        raise DancegenError(f"no composed songs in {folder}", "run `dancegen train songs` first")
    shards = [np.load(file) for file in files]
    return Songs(*(np.concatenate([shard[name] for shard in shards]) for name in ("mel", "pitch", "label", "meter")))


def _one(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    label, meter = np.zeros(FRAMES, np.int8), 0
    if rng.random() < BEATLESS:
        samples = beatless_sound(rng, SECONDS)
    else:
        samples, piece = song(rng, SECONDS)
        frames = np.round(piece.beats * FRAME_RATE).astype(int)
        inside = frames < FRAMES
        label[frames[inside]] = np.where(piece.downbeat[inside], DOWNBEAT, BEAT)
        meter = piece.meter
    gain = loudness_gain(root_mean_square(samples))
    mel = mel_levels(samples, 0, FRAMES, gain).astype(np.float16)
    pitch = pitch_levels(samples, 0, FRAMES, gain).astype(np.float16)
    assert mel.shape == (FRAMES, MELS) and pitch.shape == (FRAMES // PITCH_EVERY, CLASSES)
    return mel, pitch, label, meter
