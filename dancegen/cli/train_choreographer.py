"""`dancegen train choreographer`: pairs of sound and motion to weights."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any

import typer

from dancegen.progress import count_of


def command(
    data: Annotated[Path, typer.Option(help="Folder of NAME.npz motions and sounds, searched at any depth.")],
    out: Annotated[Path, typer.Option(help="Folder of the run; a run that is there goes on.")],
    steps: Annotated[int | None, typer.Option(help="Training steps.", min=1)] = None,
    batch: Annotated[int | None, typer.Option(help="Windows per step.", min=1)] = None,
    pieces: Annotated[int | None, typer.Option(help="Length of a window in pieces of 0.1 s.", min=16)] = None,
    prior_steps: Annotated[int, typer.Option(help="Training steps of the prior.", min=1)] = 4000,
    prior_windows: Annotated[int, typer.Option(help="Windows that the prior's phrases are taken from.", min=1)] = 3000,
    scans: Annotated[str, typer.Option(help="Scans of the STGM blocks: sg, tgf, tgb with commas; empty for none.")] = (
        "sg,tgf,tgb"
    ),
    start: Annotated[
        Path | None, typer.Option("--from", help="Weights a new run starts from, rather than from nothing.")
    ] = None,
    material: Annotated[Path | None, typer.Option(help="Prepared material to use or make (OUT/material.npz).")] = None,
    minutes: Annotated[float, typer.Option(help="Stop and save after this long; the same command goes on.")] = math.inf,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    ablation: Annotated[
        bool,
        typer.Option(help="Only this: Table 4 of arXiv 2507.06689, small, two seeds, with the prior of --from."),
    ] = False,
    from_openpose: Annotated[
        bool, typer.Option(help="DATA holds NAME/*.json (OpenPose) beside NAME.wav: convert them first.")
    ] = False,
) -> str:
    """Train the choreographer; OUT/choreographer.safetensors is the result.

    A motion file holds `joints` (T, 18, 3) in metres, y up, COCO-18 order, and `fps`; optionally `genre` (cha-cha,
    rumba, tango, waltz, salsa, ballet). A sound file of the same name makes it a pair. Sounds alone are danced to with
    all motions. Two networks are trained: the prior, which makes phrases of noise, and the network that dances them.
    """
    from dancegen.choreographers.stg_mamba.config import ChoreographerConfig
    from dancegen.choreographers.stg_mamba.model import load_choreographer
    from dancegen.cli.context import reporter as current_reporter
    from dancegen.device import choose_device
    from dancegen.files import refuse_inputs
    from dancegen.lab.datasets.codes import codec_of
    from dancegen.lab.datasets.convert import convert_folder
    from dancegen.lab.datasets.data import load_material, prepare, save_material
    from dancegen.lab.train.stg_mamba.export import assemble, export
    from dancegen.lab.train.stg_mamba.flow import trained_prior
    from dancegen.lab.train.stg_mamba.sizes import set_sizes
    from dancegen.lab.train.stg_mamba.train import TrainOptions, Until, draw_curves, train

    refuse_inputs(out, [data])
    reporter = current_reporter()
    given: dict[str, Any] = {"steps": steps, "batch": batch, "pieces": pieces, "seed": seed}
    if steps is not None:  # a short run, such as an ablation's, meets every loss too
        given["judged_from"] = min(TrainOptions.judged_from, steps // 3)
    options = TrainOptions(**{name: value for name, value in given.items() if value is not None})
    chosen = tuple(name for name in scans.split(",") if name)
    config = ChoreographerConfig(scans=chosen) if chosen else ChoreographerConfig(scans=(), blocks=0)
    if from_openpose:
        reporter.note(f"{convert_folder(data)} OpenPose folders converted")
    earlier = load_choreographer(start) if start else None
    prepared = material or out / "material.npz"
    if not prepared.exists():
        base = codec_of(earlier.phrases) if earlier else None
        save_material(prepared, prepare(data, token=config.token, seed=seed, base=base, reporter=reporter))
    read = load_material(prepared)
    if ablation:
        return _ablation(read, earlier, out, given)
    how: Any = {"start": earlier.prior.state_dict() if earlier else None, "reporter": reporter}
    prior = trained_prior(config, read.stage, out, windows=prior_windows, steps=prior_steps, seed=seed, **how)
    trainer = train(
        config,
        options,
        read,
        out,
        device=choose_device(device),
        reporter=reporter,
        until=Until(minutes=minutes),
        start=earlier,
    )
    result = out / "choreographer.safetensors"
    notes = {"steps": trainer.step, "prior_steps": prior_steps, "seed": seed}
    network = set_sizes(assemble(config, trainer.average, prior, read.stage), read.stage, seed + 1)
    export(network, result, notes)
    draw_curves(out)
    steps_done = count_of(trainer.step, "steps")
    return f"{result} after {steps_done}; losses in {out / 'log.csv'}, curves in {out / 'curves.png'}"


def _ablation(material: Any, shipped: Any, out: Path, given: dict[str, Any]) -> str:
    """What --ablation does; steps, batch and pieces are those of `Ablation` where none are given."""
    from dancegen.cli.context import reporter
    from dancegen.errors import DancegenError
    from dancegen.lab.train.stg_mamba.ablate import Ablation, ablate

    if shipped is None:
        raise DancegenError("--ablation dances with a trained prior", "give weights of the choreographer as --from")
    said = {name: value for name, value in given.items() if value is not None and name != "seed"}
    return f"Rows: {ablate(material, shipped, out, Ablation(**said), reporter())}"
