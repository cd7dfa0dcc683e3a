"""A song as the choreographer hears it: 16 kHz mono, cut into pieces of 0.1 s (the paper's section on music input)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dancegen.scratch import release

SAMPLE_RATE = 16_000  # samples a second
PIECE_SECONDS = 0.1  # one choreography step
SAMPLES_PER_PIECE = round(SAMPLE_RATE * PIECE_SECONDS)  # 1,600


@dataclass(frozen=True)
class Song:
    """A stretch of a song.

    Attributes:
        path: the file it came from; the video takes its sound from there, at its full quality.
        samples: (N,) float32 in -1..1, finite, 16 kHz mono; may be a read-only memory map of a temporary file.
        start: where the stretch begins in the file, in seconds.
    """

    path: Path
    samples: np.ndarray
    start: float = 0.0

    @property
    def seconds(self) -> float:
        """The length in seconds."""
        return len(self.samples) / SAMPLE_RATE

    @property
    def pieces(self) -> int:
        """F, the number of 0.1 s pieces; the last one may be partly silence."""
        return -(-len(self.samples) // SAMPLES_PER_PIECE)

    def cut(self, first: int, count: int) -> np.ndarray:
        """Pieces `first` to `first + count`, silence where the song has none: (count, 1600) float32."""
        samples = stretch_of(self.samples, first * SAMPLES_PER_PIECE, count * SAMPLES_PER_PIECE)
        return samples.reshape(count, SAMPLES_PER_PIECE)  # (count, 1600)


def stretch_of(samples: np.ndarray, begin: int, count: int) -> np.ndarray:
    """`count` samples of (N,) from `begin` on, silence before the first and after the last: (count,) float32."""
    out = np.zeros(count, np.float32)
    low, high = max(begin, 0), min(begin + count, len(samples))
    if high > low:
        out[low - begin : high - begin] = samples[low:high]
        release(samples)
    return out
