"""librosa's beat tracker, which places beats where the beat network cannot be loaded.

librosa compiles itself while it is imported, which takes seconds.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np


def track(onset: np.ndarray, rate: float, tempo: np.ndarray) -> np.ndarray:
    """The beats on an onset curve: (T,) float32 at `rate` frames a second -> (B,) float64 seconds, rising.

    librosa is given the tempo of each frame too, (T,) beats a minute, so that it computes no spectrum and no tempogram.
    """
    with _alone():
        from librosa.beat import beat_track

        _, times = beat_track(onset_envelope=onset, sr=rate, hop_length=1, bpm=tempo, trim=False, units="time")
    return np.asarray(times, np.float64)


def import_librosa() -> None:
    """Raises ImportError where it cannot be imported."""
    with _alone():
        import librosa.beat  # noqa: F401


@contextlib.contextmanager
def _alone() -> Iterator[Path | None]:
    """Until librosa is compiled, one process after the other, into a folder of our own, which is yielded.

    numba's files, written by two at once, do not fit together, and every process that reads them crashes.
    """
    folder = None if "librosa.beat" in sys.modules else _compiled_folder()
    if folder is None:
        yield None
        return
    from filelock import FileLock

    os.environ["NUMBA_CACHE_DIR"] = str(folder)  # read when numba is imported
    with FileLock(f"{folder}.lock"):
        yield folder


def _compiled_folder() -> Path | None:
    """Where librosa's compiled functions are kept for dancegen alone; None where the user wants them elsewhere
    (NUMBA_CACHE_DIR). Where the user's cache cannot be written, that is a folder of theirs in the temporary folder."""
    wanted = os.environ.get("NUMBA_CACHE_DIR")
    user = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "")
    for folder in (
        _user_cache() / "dancegen" / "librosa",
        Path(tempfile.gettempdir()) / f"dancegen-{user}" / "librosa",
    ):
        if wanted not in (None, str(folder)):
            continue
        with contextlib.suppress(OSError):
            folder.parent.mkdir(parents=True, exist_ok=True)
            folder.mkdir(exist_ok=True)
            if _is_ours(folder) and _is_ours(folder.parent):
                return folder
    return None


def _user_cache() -> Path:
    with contextlib.suppress(RuntimeError):  # no HOME, and nobody of this number in the list of users
        return Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())
    return Path(tempfile.gettempdir())


def _is_ours(folder: Path) -> bool:
    """Whether we may write there, and no other user put it there: what lies in it is run."""
    ours = not hasattr(os, "getuid") or (folder.lstat().st_uid == os.getuid() and not folder.is_symlink())
    return ours and os.access(folder, os.W_OK)
