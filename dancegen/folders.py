"""Folders that appear under their name only when they are whole; see `files`."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from dancegen.errors import DancegenError
from dancegen.files import WRITING, claim, is_same, part_name, put, remove

OLD = ".old"
AT_FDCWD, RENAME_EXCHANGE = -100, 2  # Linux's


def refuse_inside(folder: Path, inputs: Iterable[Path | str | None]) -> None:
    """Refuse a folder that shall be replaced and in which an input lies."""
    for given in (Path(given) for given in inputs if given):
        if given.exists() and folder.is_dir() and any(is_same(folder, above) for above in given.absolute().parents):
            raise DancegenError(f"{given} lies in {folder}, which would be replaced", "name another output")


def replace_folder(part: Path, out: Path) -> None:
    """Put a folder in the place of another, which is then removed. Killed at any moment, one of the two is there.

    Where the system cannot exchange two names, the old one is kept aside meanwhile; should the process be killed just
    then, the next run that writes in the folder puts it back (`files._bring_back`).
    """
    if _exchange(part, out):
        remove(part)  # what was `out`
        return
    old = part_name(out, "").with_suffix(OLD)
    out.replace(old)
    try:
        part.replace(out)
    except BaseException:
        old.replace(out)
        raise
    remove(old)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two names in one step; False where the system or the file system cannot (Linux can)."""
    import ctypes

    try:
        exchange = ctypes.CDLL(None, use_errno=True).renameat2
        return bool(exchange(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), RENAME_EXCHANGE) == 0)
    except (AttributeError, OSError, TypeError):  # no such function, no such library
        return False


def _place(part: Path, out: Path) -> None:
    if out.is_dir():
        replace_folder(part, out)
    else:
        part.replace(out)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """`whole_file` for a new folder, with all that the block puts into it."""
    with claim(path, WRITING, shared=True):
        part = part_name(path, "")
        part.mkdir()
        try:
            yield part
            put(part, path, _place)
        finally:
            shutil.rmtree(part, ignore_errors=True)
