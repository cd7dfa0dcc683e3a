"""Files that appear under their name only when they are whole."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dancegen.errors import DancegenError

# Endings of the files that commands take for songs (sound, or video with sound) and for pictures, without the dot.
SONGS = (
    "aac",
    "aif",
    "aiff",
    "flac",
    "m4a",
    "m4v",
    "mkv",
    "mov",
    "mp3",
    "mp4",
    "oga",
    "ogg",
    "opus",
    "wav",
    "webm",
    "wma",
)
PICTURES = ("bmp", "gif", "jpeg", "jpg", "png", "tif", "tiff", "webp")
SHOWN = 40  # characters of a file's name in that of its temporary file, which must not be too long
FULL = (errno.ENOSPC, errno.EDQUOT)


def check_input(path: Path, what: str, remedy: str) -> None:
    """Refuse an input that is no file, before it is opened: reading from a pipe or a device may never end.

    Args:
        path: the file.
        what: it should be, such as `song`.
        remedy: what to do where it is missing.

    Raises:
        DancegenError: there is nothing of that name, or a folder, a pipe, a device.
    """
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError) as cause:
        raise DancegenError(f"{path}: no such file", remedy) from cause
    except (OSError, ValueError) as cause:  # ValueError: the name holds a zero byte
        reason = cause.strerror if isinstance(cause, OSError) else "no file has such a name"
        raise DancegenError(f"{path} cannot be read ({reason})", remedy) from cause
    if stat.S_ISDIR(mode):
        raise DancegenError(f"{path} is a folder, not a {what}", f"name a {what} in it")
    if not stat.S_ISREG(mode):
        raise DancegenError(f"{path} is not a file but a pipe or a device", f"save the {what} to a file and name that")


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A new empty file beside `path`, hidden; it takes that name when the block ends well, and else is removed.

    Raises:
        OSError: the folder cannot be written to.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:SHOWN]}.")
    os.close(handle)
    scratch = Path(name)
    try:
        yield scratch
        scratch.chmod(0o644)
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)


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
