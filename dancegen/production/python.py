"""Videos from Python, in one call: to a file, or frame by frame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from dancegen.production.backends import Backends
from dancegen.production.known import Known
from dancegen.production.produce import Produced, prepare, produce
from dancegen.production.request import Request
from dancegen.production.sinks import file_or_folder
from dancegen.progress import Reporter


def render_dance(
    song: Path | str,
    picture: Path | str,
    out: Path | str,
    *,
    overwrite: bool = False,
    reporter: Reporter | None = None,
    known: Known | None = None,
    backends: Backends | None = None,
    **options: Any,
) -> Produced:
    """Make a video file of the person of `picture` dancing to `song`; the short form of `produce`.

    Args:
        song, picture: see `Request`.
        out: the video; its ending chooses the container. A transparent one without an ending is a folder of PNG files.
        overwrite: replace `out` if it is there.
        reporter, known, backends: see `produce`.
        options: any other attribute of `Request`: `seed=7, size=256`.

    Raises:
        DancegenError: as `produce`.
        TypeError: an option that `Request` does not have.
    """
    request = Request(Path(song), Path(picture), **options)
    made = produce(request, file_or_folder(out, request, overwrite), reporter, known=known, backends=backends)
    return replace(made, path=Path(out))


def frames(request: Request, reporter: Reporter | None = None, **given: Any) -> Iterator[np.ndarray]:
    """The frames of a request as they are drawn, uint8 (h, w, 3) RGB, for notebooks and live windows.

    Closing the iterator ends the work. `given` are `known` and `backends`, as `produce` takes them.
    """
    yield from prepare(request, reporter, **given)
