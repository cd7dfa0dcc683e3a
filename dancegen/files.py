"""Files that appear under their name only when they are whole, and that only one process at a time writes.

While an output is written, an empty `.NAME.dancegen-lock` beside it is locked by the system for the process that writes
it, and what is not whole yet is `.NAME.XXXXXXXX.part`. Both go when the process ends well or unwinds. After a kill the
lock is free although its file is there: whoever writes into that folder next removes both.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import shutil
import stat
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from dancegen.errors import DancegenError

if TYPE_CHECKING:
    from filelock import BaseFileLock

# Endings of the files that commands take for songs (sound, or video with sound) and for pictures, without the dot.
SONGS = (
    *("3g2", "3gp", "aa3", "aac", "ac3", "aif", "aifc", "aiff", "amr", "ape", "apl", "asf", "au", "avi", "caf"),
    *("dsf", "dts", "dtshd", "eac3", "ec3", "f4v", "flac", "flv", "gsm", "iff", "isma", "ismv", "m2a", "m2ts", "m4a"),
    *("m4b", "m4r", "m4v", "mac", "mj2", "mk3d", "mka", "mkv", "mlp", "mov", "mp2", "mp3", "mp4", "mpa", "mpc"),
    *("mpeg", "mpg", "mts", "mxf", "nut", "oga", "ogg", "ogv", "ogx", "oma", "omg", "opus", "psp", "qcp", "qoa"),
    *("qt", "ra", "rm", "rmvb", "shn", "snd", "sox", "spx", "tak", "thd", "ts", "tta", "voc", "vob", "w64", "wav"),
    *("wave", "weba", "webm", "wma", "wmv", "wtv", "wv", "xwma"),
)
PICTURES = (
    *("apng", "avif", "avifs", "bmp", "gif", "heic", "heif", "hif", "j2c", "j2k", "jfif", "jp2", "jpc", "jpe"),
    *("jpeg", "jpf", "jpg", "jpx", "pbm", "pfm", "pgm", "png", "pnm", "ppm", "tif", "tiff", "webp"),
)
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
LONGEST = 100  # bytes of an output's name in those of its lock and its part, which must not be too long
LOCK = ".dancegen-lock"
PART = re.compile(r"[0-9a-f]{8}\.part(\..*)?", re.DOTALL)  # what follows `.NAME.` in the name of a part
KEPT = re.compile(r"[0-9a-f]{8}\.old")  # likewise of a folder that is being replaced
PATIENCE = 1.0  # seconds to wait for a lock: whoever looks whether one is stale holds it for a moment
WRITING = 30.0  # seconds to wait for another process that writes a file of ours (memory, settings), which is quick
NO_LOCKS = (errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK, errno.EINVAL)  # file systems that have no locks

_HELD: dict[Path, BaseFileLock | None] = {}  # the locks of this process; None where the file system has none
_GUARD = threading.Lock()


def check_input(path: Path, what: str, remedy: str, largest: int | None = None) -> None:
    """Refuse an input that is no file, before it is opened: reading from a pipe or a device may never end.

    Args:
        path: the file.
        what: it should be, such as `song`.
        remedy: what to do where it is missing or too large.
        largest: bytes that it may have; None for any number.

    Raises:
        DancegenError: there is nothing of that name, or a folder, a pipe, a device, or too large a file.
    """
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError) as cause:
        raise DancegenError(f"{path}: no such file", remedy) from cause
    except (OSError, ValueError) as cause:  # ValueError: the name holds a zero byte
        reason = cause.strerror if isinstance(cause, OSError) else "no file has such a name"
        raise DancegenError(f"{path} cannot be read ({reason})", remedy) from cause
    if stat.S_ISDIR(found.st_mode):
        raise DancegenError(f"{path} is a folder, not a {what}", f"name a {what} in it")
    if not stat.S_ISREG(found.st_mode):
        raise DancegenError(f"{path} is not a file but a pipe or a device", f"save the {what} to a file and name that")
    if largest is not None and found.st_size > largest:
        raise DancegenError(f"{path} is larger than a {what} can be ({largest >> 20} MiB)", remedy)


def is_file(path: Path | str) -> bool:
    """Whether a name, be it too long for one or with a zero byte in it, is that of a file."""
    with suppress(OSError, ValueError):
        return Path(path).is_file()
    return False


def refuse_inputs(out: Path, inputs: Iterable[Path | str | None]) -> None:
    """Refuse an output that is one of the inputs, by whatever name or link, or one of the files in a folder of inputs.

    Args:
        out: a file or a folder.
        inputs: files and folders that are read, or that are written too; None where one is not given.
    """
    for given in (Path(given) for given in inputs if given):
        if is_same(out, given):
            raise DancegenError(f"{out} is an input too, and would be destroyed", "name another output")
        if out.is_file() and _holds(given, out):
            raise DancegenError(f"{out} is one of the files in {given}, and would be destroyed", "name another output")


def _holds(folder: Path, file: Path) -> bool:
    """Whether a folder holds a file, at any depth, or under another name at its top."""
    with suppress(OSError):
        if any(is_same(folder, above) for above in file.absolute().parents):
            return folder.is_dir()
        return any(is_same(file, one) for one in folder.iterdir())
    return False


def is_same(one: Path, other: Path) -> bool:
    """Whether two names are of one file or folder, be it missing."""
    with suppress(OSError):
        if os.path.samefile(one, other):  # noqa: PTH121 - both may be missing
            return True
    return os.path.realpath(one) == os.path.realpath(other)


def refuse_existing(out: Path, overwrite: bool, option: str = "-o") -> None:
    """Refuse an output that is there, be it a link to nothing, unless it may be replaced: no pipe, no device ever."""
    with suppress(OSError):
        if not (out.is_file() or out.is_dir()) and out.exists():  # /dev/null would be gone for the whole machine
            raise DancegenError(f"{out} is not a file but a pipe or a device", f"name a file with {option}")
    if os.path.lexists(out) and not overwrite:
        what = f"{out} exists" if out.exists() else f"{out} is a link to a file that is not there"
        raise DancegenError(what, f"add --overwrite to replace it, or choose another name with {option}")


@contextmanager
def claim(out: Path, patience: float = PATIENCE, *, shared: bool = False) -> Iterator[None]:
    """While the block runs, `out` is this process's to write; what killed processes left in its folder is removed.

    Args:
        out: a file or a folder.
        patience: seconds to wait for another process that has it.
        shared: that this process has claimed it already is fine.

    Raises:
        DancegenError: another run (or, if not `shared`, another claim of this process) has it.
        OSError: the folder cannot be written to.
    """
    lock = _beside(out, LOCK)
    with _GUARD:
        ours = lock in _HELD
        if ours and not shared:
            raise _taken_error(out)
        _HELD.setdefault(lock, None)
    if ours:
        yield
        return
    try:
        _HELD[lock] = held = _take_lock(lock, out, patience)
        if held is not None:
            _remove_parts(lock)
            _sweep(lock)
        yield
    finally:
        if (held := _HELD.pop(lock)) is not None:
            with suppress(OSError):
                lock.unlink(missing_ok=True)
            held.release()  # Windows does not unlink what is open, but does itself what is unlocked


def _take_lock(lock: Path, out: Path, patience: float) -> BaseFileLock | None:
    """The system's lock for `out`; None on a file system that has none."""
    from filelock import FileLock, Timeout

    held = FileLock(lock, thread_local=False)
    try:
        held.acquire(timeout=patience, poll_interval=0.05)
    except Timeout as cause:
        if not lock.exists():  # nobody has it: it cannot be made
            new_part(out).unlink()  # raises an OSError that says why
        raise _taken_error(out) from cause
    except NotImplementedError:
        return None
    except OSError as cause:
        if cause.errno in NO_LOCKS:
            return None
        raise
    return held


def _taken_error(out: Path) -> DancegenError:
    return DancegenError(f"{out} is being written by another run of dancegen", "wait for it, or choose another name")


def _sweep(mine: Path) -> None:
    """Remove what killed processes left of other outputs in the folder."""
    from filelock import FileLock, Timeout

    with suppress(OSError):
        others = [path for path in mine.parent.iterdir() if path.name.endswith(LOCK) and path not in _HELD]
        for path in others:
            held = FileLock(path)
            with suppress(OSError, Timeout, NotImplementedError), held.acquire(timeout=0):
                _remove_parts(path)
                path.unlink(missing_ok=True)


def _remove_parts(lock: Path) -> None:
    """Remove what is not whole of the output that a lock belongs to; who holds the lock knows that nobody writes it."""
    name = lock.name.removesuffix(LOCK)
    with suppress(OSError):
        for path in lock.parent.iterdir():
            rest = path.name.removeprefix(f"{name}.")
            if rest == path.name:
                continue
            if KEPT.fullmatch(rest):
                _bring_back(path, name[1:])
            elif PART.fullmatch(rest):
                remove(path)


def _beside(out: Path, ending: str) -> Path:
    """A hidden name in the folder of `out` that tells whose it is."""
    name = out.name
    if len(os.fsencode(name)) > LONGEST:
        digest = hashlib.sha256(os.fsencode(name)).hexdigest()[:8]
        name = f"{os.fsencode(name)[: LONGEST // 2].decode(errors='ignore')}-{digest}"
    return Path(os.path.realpath(out.parent)) / f".{name}{ending}"


def part_name(out: Path, ending: str) -> Path:
    """A hidden name beside `out` for what is not whole yet."""
    return _beside(out, f".{secrets.token_hex(4)}.part{ending}")


def new_part(out: Path) -> Path:
    """A new empty file beside `out`, hidden; with its ending, by which encoders know what to write.

    Its permissions are those that any new file gets here (umask), or no more than those of the file it shall replace.

    Raises:
        OSError: the folder cannot be written to.
    """
    part = part_name(out, out.suffix)
    os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    with suppress(OSError):
        part.chmod(out.stat().st_mode & 0o777 | 0o600)
    return part


def put(part: Path, out: Path, place: Callable[[Path, Path], object] | None = None) -> None:
    """Give a part its name, in place of what has it, whose permissions are kept; `place` does it for folders.

    Raises:
        OSError: it cannot be renamed.
        DancegenError: by then another program has replaced or removed it.
    """
    with suppress(OSError):
        shutil.copymode(out, part)
    mine = part.stat()
    if place:
        place(part, out)
    else:
        part.replace(out)
    with suppress(OSError):
        there = out.stat()
        if (there.st_dev, there.st_ino) == (mine.st_dev, mine.st_ino):
            return
    raise DancegenError(f"{out} was written, but another program has replaced or removed it", "run it again")


def _bring_back(old: Path, name: str) -> None:
    """What a killed process kept aside of `name` takes its place again, if nothing else has it; else it goes."""
    if os.path.lexists(old.with_name(name)):
        remove(old)
    else:
        old.replace(old.with_name(name))


def remove(path: Path) -> None:
    """Remove a file, a link or a folder with all that is in it; what is not there is fine."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A new empty file beside `path`, hidden; it takes that name when the block ends well, and else is removed.

    Raises:
        OSError: the folder cannot be written to.
        DancegenError: another process writes it all the time.
    """
    with claim(path, WRITING, shared=True):
        part = new_part(path)
        try:
            yield part
            put(part, path)
        finally:
            part.unlink(missing_ok=True)


def write_whole(out: Path, content: bytes) -> None:
    """Write a file; where that fails, what was there before stays, and nothing else.

    Raises:
        DancegenError: the folder cannot be written to, or is full.
    """
    try:
        with whole_file(out) as scratch:
            scratch.write_bytes(content)
    except OSError as cause:
        raise write_error(out, cause) from cause


def write_error(out: Path, cause: OSError) -> DancegenError:
    """Why `out` could not be written, and what to do about it."""
    remedy = "free some room there" if cause.errno in FULL else "name another folder"
    return DancegenError(f"{out} could not be written ({cause.strerror})", remedy)
