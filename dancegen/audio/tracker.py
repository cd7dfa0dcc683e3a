"""librosa's beat tracker, which places beats where the beat network cannot be loaded.

librosa compiles itself while it is imported, which takes seconds.
"""

from __future__ import annotations

import numpy as np

from dancegen.compiled import compile_alone


def track(onset: np.ndarray, rate: float, tempo: np.ndarray) -> np.ndarray:
    """The beats on an onset curve: (T,) float32 at `rate` frames a second -> (B,) float64 seconds, rising.

    librosa is given the tempo of each frame too, (T,) beats a minute, so that it computes no spectrum and no tempogram.
    """
    with compile_alone("librosa.beat"):
        from librosa.beat import beat_track

        _, times = beat_track(onset_envelope=onset, sr=rate, hop_length=1, bpm=tempo, trim=False, units="time")
    return np.asarray(times, np.float64)


def import_librosa() -> None:
    """Raises ImportError where it cannot be imported."""
    with compile_alone("librosa.beat"):
        import librosa.beat  # noqa: F401
