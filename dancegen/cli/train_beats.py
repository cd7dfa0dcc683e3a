"""`dancegen train beats`: composed songs to the network that hears beats and bars."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any

import typer


def command(
    songs: Annotated[Path, typer.Option(help="A folder of `dancegen train songs`.")],
    validation: Annotated[Path, typer.Option(help="Another, of another seed.")],
    out: Annotated[Path, typer.Option(help="Folder of the run; an earlier run in it goes on.")],
    start: Annotated[
        Path | None, typer.Option("--from", help="Weights a new run starts from, rather than from nothing.")
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Steps of the whole run.", min=1)] = None,
    minutes: Annotated[float, typer.Option(help="Stop and save after this long; the same command goes on.")] = math.inf,
    seed: Annotated[int, typer.Option(help="Of initialisation and samples.")] = 0,
) -> str:
    """Train the network that hears beats and bars. CPU."""
    from dancegen.cli.context import reporter
    from dancegen.files import refuse_inputs
    from dancegen.lab.train.beats.train import TrainBeatsConfig, train_beats

    refuse_inputs(out, [songs, validation])
    given: dict[str, Any] = {} if steps is None else {"steps": steps}
    how: dict[str, Any] = {"start": start, "minutes": minutes, "reporter": reporter()}
    weights = train_beats(songs, validation, out, TrainBeatsConfig(seed=seed, **given), **how)
    return f"Averaged weights: {weights}. Log: {out / 'log.csv'}"
