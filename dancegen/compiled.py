"""Functions that numba compiles: once on a machine, by one process at a time, into a folder of dancegen's own."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., object])


@contextlib.contextmanager
def compile_alone(module: str) -> Iterator[Path | None]:
    """Until a module is imported and its functions are compiled, one process after the other, into the folder yielded.

    numba's files, written by two at once, do not fit together, and every process that reads them crashes.

    Args:
        module: its full name; where it is imported already, nothing is locked.
    """
    folder = None if module in sys.modules else _folder()
    if folder is None:
        yield None
        return
    from filelock import FileLock

    os.environ["NUMBA_CACHE_DIR"] = str(folder)  # read when numba is imported
    with FileLock(f"{folder}.lock"):
        yield folder


def jit(function: Function) -> Function:
    """A function of numbers and arrays that numba compiles at its first call; it lets other threads run meanwhile."""
    import numba

    kept = "NUMBA_CACHE_DIR" in os.environ  # where nothing can be kept, it is compiled anew
    make: Any = numba.njit(nogil=True, fastmath=True, cache=kept, error_model="numpy")
    made: Function = make(function)
    return made


def _folder() -> Path | None:
    """Where compiled functions are kept for dancegen alone; None where the user wants them elsewhere
    (NUMBA_CACHE_DIR). Where the user's cache cannot be written, that is a folder of theirs in the temporary folder."""
    wanted = os.environ.get("NUMBA_CACHE_DIR")
    user = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "")
    for folder in (
        _user_cache() / "dancegen" / "compiled",
        Path(tempfile.gettempdir()) / f"dancegen-{user}" / "compiled",
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
