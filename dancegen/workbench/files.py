"""Files that are written whole or not at all."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

from dancegen.errors import DancegenError
from dancegen.whole import SHOWN, whole_file

FULL = (errno.ENOSPC, errno.EDQUOT)


def write_whole(out: Path, content: bytes) -> None:
    """Write a file; where that fails, what was there before stays, and nothing else.

    Raises:
        DancegenError: the folder cannot be written to, or is full.
    """
    try:
        with whole_file(out) as scratch:
            scratch.write_bytes(content)
    except OSError as cause:
        raise not_written(out, cause) from cause


def check_folder(out: Path) -> None:
    """Refuse a file whose folder cannot be written to, before any slow work."""
    try:
        handle, name = tempfile.mkstemp(dir=out.parent, prefix=f".{out.name[:SHOWN]}.")
    except OSError as cause:
        raise not_written(out, cause) from cause
    os.close(handle)
    Path(name).unlink()


def not_written(out: Path, cause: OSError) -> DancegenError:
    """Why `out` could not be written, and what to do about it."""
    remedy = "free some room there" if cause.errno in FULL else "name another folder"
    return DancegenError(f"{out} could not be written ({cause.strerror})", remedy)
