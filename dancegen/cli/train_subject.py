"""`dancegen train subject`: train the network that finds the person in the picture."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Annotated

import typer


def command(
    frames: Annotated[list[Path], typer.Option(help="A training set; the first of characters, then of figures.")],
    out: Annotated[Path, typer.Option(help="Folder of the run; an earlier run in it goes on.")],
    start: Annotated[
        Path | None, typer.Option("--from", help="Weights a new run starts from, rather than from nothing.")
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Steps of the whole run.")] = None,
    minutes: Annotated[float, typer.Option(help="Stop and save after this long; the same command goes on.")] = math.inf,
    seed: Annotated[int, typer.Option(help="Of initialisation and samples.")] = 0,
    only: Annotated[
        list[str] | None, typer.Option(help="finder, segmenter or painter: only these learn; may be repeated.")
    ] = None,
) -> str:
    """Train the subject network (joints, mask, limb parts, background plate) on rendered frames. CPU, one thread."""
    from dancegen.errors import DancegenError
    from dancegen.files import refuse_inputs
    from dancegen.lab.train.subject.train import NETWORKS, TrainSubjectConfig, train_subject

    refuse_inputs(out, frames)
    refuse_inputs(out / "subject.safetensors", [start])
    learning = tuple(only or NETWORKS)
    if not set(learning) <= set(NETWORKS):
        raise DancegenError(f"there is no network {', '.join(only or [])}", f"--only takes {', '.join(NETWORKS)}")
    settings = TrainSubjectConfig(seed=seed, learning=learning)
    if steps is not None:
        settings = dataclasses.replace(settings, steps=steps)
    weights = train_subject(frames, out, settings, start=start, minutes=minutes)
    return f"Averaged weights: {weights}. Log: {out / 'log.csv'}, checks: {out / 'checks.csv'}, pictures beside them."
