"""`dancegen train hotdance`: motion and sounds to the choreographer that draws pictures of poses."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any

import typer


def command(
    data: Annotated[Path, typer.Option(help="Folder of NAME.npz motions and sounds, searched at any depth.")],
    out: Annotated[Path, typer.Option(help="Folder of the run; a run that is there goes on.")],
    windows: Annotated[int | None, typer.Option(help="Windows of dance and music that are drawn.", min=1)] = None,
    vae_steps: Annotated[int | None, typer.Option(help="Training steps of the autoencoder.", min=1)] = None,
    steps: Annotated[int | None, typer.Option(help="Training steps of the transformer.", min=1)] = None,
    minutes: Annotated[float, typer.Option(help="Stop and save after this long; the same command goes on.")] = math.inf,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    unshared: Annotated[
        bool, typer.Option("--unshared", help="Music does not share the time of the poses, to compare with.")
    ] = False,
    unshown: Annotated[
        bool, typer.Option("--unshown", help="No picture of the dancer and no known frames, to compare with.")
    ] = False,
    raw: Annotated[
        bool, typer.Option("--raw", help="Coordinates instead of pictures of poses, to compare with; no autoencoder.")
    ] = False,
    start: Annotated[
        Path | None,
        typer.Option(help="Weights that a new run starts from; of the autoencoder the decoder alone learns on."),
    ] = None,
) -> str:
    """Train hotdance: first the autoencoder of pose pictures, then the transformer. CPU.

    The data are those of `dancegen train choreographer`. OUT/hotdance.safetensors is the result.
    """
    from dataclasses import replace

    from dancegen.choreographers.hotdance.config import HotDanceConfig
    from dancegen.cli.context import reporter
    from dancegen.files import refuse_inputs
    from dancegen.lab.train.hotdance.dit import Shares
    from dancegen.lab.train.hotdance.train import TrainHotDance, train_hotdance

    refuse_inputs(out, [data, *([start] if start else [])])
    plan: Any = TrainHotDance(seed=seed, start=start)
    given: dict[str, Any] = {"windows": windows} if windows else {}
    lengths = {"vae": vae_steps, "dit": steps}
    given |= {name: replace(getattr(plan, name), steps=count, seed=seed) for name, count in lengths.items() if count}
    if unshown:
        given["shares"] = Shares(nobody=1.0, fresh=1.0)
    config = HotDanceConfig(shared=not unshared)
    if raw:
        config = replace(config, latent=config.channels)
    how: Any = {"config": config, "minutes": minutes, "reporter": reporter()}
    weights = train_hotdance(data, out, replace(plan, **given), **how)
    return f"Averaged weights: {weights}. Logs: {out / 'vae' / 'log.csv'}, {out / 'dit' / 'log.csv'}"
