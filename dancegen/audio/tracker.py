"""librosa's beat tracker, in this process or in one of its own.

librosa compiles itself while it is imported, which takes seconds; a render has other things to do meanwhile. This file
is also the program of that other process and imports nothing of dancegen, so that it starts at once.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path

import numpy as np

_CALLS = itertools.count()  # of `tracking` in this process


def track(onset: np.ndarray, rate: float, tempo: float) -> np.ndarray:
    """The beats on an onset curve: (T,) float32 at `rate` frames a second -> (B,) float64 seconds, rising.

    librosa is given the tempo (beats a minute) too, so that it computes no spectrum and no tempogram.
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
    (NUMBA_CACHE_DIR) or the user's cache cannot be written: then they lie where numba puts them."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()) / "dancegen" / "librosa"
    if os.environ.get("NUMBA_CACHE_DIR", str(folder)) != str(folder):
        return None
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK) and os.access(folder.parent, os.W_OK):
            return folder
    return None


@contextlib.contextmanager
def tracking(onset: np.ndarray, rate: float, tempo: float) -> Iterator[Callable[[], np.ndarray]]:
    """`track`, begun in another process; what is yielded waits for its answer.

    Only the first time: who tracks more songs imports librosa here, once. Here, too, where it is imported already, and
    where no process can be started or it fails.
    """
    here = partial(track, onset, rate, tempo)
    process = _started(rate, tempo) if next(_CALLS) == 0 and "librosa.beat" not in sys.modules else None
    if process is None:
        yield here
        return
    assert process.stdin is not None and process.stdout is not None
    with process:
        try:
            with contextlib.suppress(OSError):  # it died: its exit status says so
                process.stdin.write(onset.astype(np.float32).tobytes())
                process.stdin.close()
            yield cache(lambda: _answer(process, here))
        finally:
            process.kill()


def _started(rate: float, tempo: float) -> subprocess.Popen[bytes] | None:
    if not sys.executable or getattr(sys, "frozen", False):  # then this program is not Python's interpreter
        return None
    try:
        return subprocess.Popen(
            [sys.executable, "-P", __file__, repr(float(rate)), repr(float(tempo))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for us
        )
    except OSError:
        return None


def _answer(process: subprocess.Popen[bytes], here: Callable[[], np.ndarray]) -> np.ndarray:
    assert process.stdout is not None
    told = process.stdout.read()
    if process.wait() == 0:
        return np.frombuffer(told, np.float64)
    with _alone() as folder:
        if folder:
            shutil.rmtree(folder, ignore_errors=True)  # it may be what the process died of
    return here()


def _main() -> None:
    onset = np.frombuffer(sys.stdin.buffer.read(), np.float32)
    sys.stdout.buffer.write(track(onset, float(sys.argv[1]), float(sys.argv[2])).tobytes())


if __name__ == "__main__":
    _main()
