"""What commands write: looked at before any slow work."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from dancegen.cli.context import until_end
from dancegen.errors import DancegenError


def check_file(
    path: Path,
    option: str,
    overwrite: bool,
    endings: Sequence[str] = (),
    *,
    inputs: Iterable[Path | str | None],
    others: Iterable[Path | None] = (),
    folder: bool = False,
) -> None:
    """Refuse a file or folder that could not be written, before any slow work, and claim it until the command ends.

    Args:
        path: what shall be written.
        option: which option named it.
        overwrite: it may exist.
        endings: those it may have, with their dot; all if empty.
        inputs: what is read: an output is none of them.
        others: what else is written.
        folder: it shall be a folder of files.
    """
    from dancegen.files import claim, refuse_existing, refuse_inputs, write_error

    if endings and path.suffix.lower() not in endings:
        raise DancegenError(f"{option} {path} cannot be", f"end its name in {' or '.join(endings)}")
    if path.exists() and path.is_dir() != folder:
        there, wanted = ("file", "folder") if folder else ("folder", "file name")
        raise DancegenError(f"{path} is a {there}", f"choose a {wanted} with {option}")
    if not path.parent.is_dir():
        raise DancegenError(f"the folder {path.parent} does not exist", f"create it or choose another with {option}")
    inputs = list(inputs)
    refuse_inputs(path, inputs)
    for other in others:
        if other and os.path.realpath(other) == os.path.realpath(path):
            raise DancegenError(f"two outputs are called {path}", f"name another with {option}")
    if folder:
        from dancegen.folders import refuse_inside

        refuse_inside(path, inputs)
    refuse_existing(path, overwrite, option)
    try:
        until_end(claim(path))
    except OSError as cause:
        raise write_error(path, cause) from cause
    refuse_existing(path, overwrite, option)  # another run may have made it while its claim was waited for
