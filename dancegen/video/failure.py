"""Why ffmpeg stopped while it wrote a video."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

from dancegen.errors import DancegenError
from dancegen.ffmpeg import last_complaint
from dancegen.progress import count_of


def explain(
    process: subprocess.Popen[bytes],
    complaints: Callable[[], str],
    is_full: Callable[[], bool],
    path: Path,
    frames: int,
) -> DancegenError:
    """The error to raise.

    Args:
        process: ffmpeg, which has ended or is about to.
        complaints: what it has logged by then; is_full: whether a disk that it needs has no room.
        path: of the video, of which it took so many frames.
    """
    try:
        code = process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        code = process.wait()
    log = complaints()
    full = code > 0 and not log.strip() and is_full()  # its complaint had no room either
    if "No space left" in log or full:
        return DancegenError(f"the disk of {path.parent} is full; {path.name} was not written", "free some room")
    reason = f"it was ended by signal {-code}" if code < 0 and not log.strip() else last_complaint(log)
    return DancegenError(
        f"ffmpeg stopped after {count_of(frames, 'frames')} and {path.name} was not written ({reason})",
        "run it again; `dancegen doctor` checks ffmpeg",
    )
