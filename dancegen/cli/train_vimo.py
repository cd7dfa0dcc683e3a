"""`dancegen train vimo`: 3D motion, filmed by synthetic cameras, to the network that captures videos."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any

import typer

# Going on from weights: smaller batches are more steps in the same time, and what was learnt is not shaken up.
GO_ON = {"batch": 16, "rate": 4e-4, "warm_up": 100, "foot_from": 0}


def command(
    data: Annotated[Path, typer.Option(help="A folder of NAME.npz motions: joints (T, 18, 3) in metres, y up; fps.")],
    out: Annotated[Path, typer.Option(help="Folder of the run; an earlier run in it goes on.")],
    steps: Annotated[int | None, typer.Option(help="Steps of the whole run.", min=1)] = None,
    minutes: Annotated[float, typer.Option(help="Stop and save after this long; the same command goes on.")] = math.inf,
    begin: Annotated[
        Path | None,
        typer.Option("--from", help="Weights that a new run begins with; its rate and its batches are half."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of initialisation, windows, cameras and noise.")] = 0,
    regression: Annotated[
        bool, typer.Option("--regression", help="The same network without noise, to compare with.")
    ] = False,
    mean_with: Annotated[
        Path | None,
        typer.Option("--mean-with", help="At the end write also the mean with these, that began with the same --from."),
    ] = None,
) -> str:
    """Train the motion network of `dancegen capture`. CPU."""
    from dancegen.capture.network import VimoConfig
    from dancegen.cli.context import reporter
    from dancegen.files import refuse_inputs
    from dancegen.lab.train.vimo.train import MEAN, TrainVimoConfig, mean_of, train_vimo

    refuse_inputs(out, [data])
    given: dict[str, Any] = {} if steps is None else {"steps": steps}
    given |= {} if begin is None else GO_ON
    config = VimoConfig(noise=not regression)
    how: dict[str, Any] = {"config": config, "begin": begin, "minutes": minutes, "reporter": reporter()}
    weights = train_vimo(data, out, TrainVimoConfig(seed=seed, **given), **how)
    if mean_with:
        weights = mean_of(weights, mean_with, out / MEAN)
    return f"Averaged weights: {weights}. Log: {out / 'log.csv'}"
