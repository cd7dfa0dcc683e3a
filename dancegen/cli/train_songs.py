"""`dancegen train songs`: compose songs whose beats and bars are known."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dancegen.progress import count_of


def command(
    out: Annotated[Path, typer.Option(help="Folder of the songs; those that are there are kept.")],
    count: Annotated[int, typer.Option(help="How many, in files of 50.", min=50)] = 1500,
    seed: Annotated[int, typer.Option(help="Of all songs; another for validation.")] = 0,
) -> str:
    """Compose songs for `dancegen train beats`.

    With fluidsynth and the sound font FluidR3 (Debian: fluid-soundfont-gm) real instruments play most of them.
    """
    from dancegen.cli.context import reporter
    from dancegen.lab.datasets.beat_songs import make_songs

    make_songs(out, count, seed, reporter())
    return f"{count_of(count, 'songs')} in {out}"
