"""`dancegen train renderer`: training frames to the weights of G_r."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from dancegen.progress import count_of

VARIANTS = {"S2-1": (False, False), "S2-2": (True, False), "S2-3": (False, True), "S2-4": (True, True)}


def command(
    frames: Annotated[Path, typer.Option(help="Folder that `dancegen train frames` wrote.")],
    out: Annotated[Path, typer.Option(help="Folder of the run; a run that is there goes on.")],
    start: Annotated[
        Path | None, typer.Option("--from", help="Weights a new run starts from: those of `dancegen train limbs`.")
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Training steps.", min=1)] = None,
    batch: Annotated[int | None, typer.Option(help="Scenes per step.", min=1)] = None,
    variant: Annotated[str, typer.Option(help="Which losses: S2-1 to S2-4, as in the paper; S2-4 is all.")] = "S2-4",
    gan: Annotated[bool, typer.Option(help="Train the discriminator too.")] = True,
    large_from: Annotated[
        float | None, typer.Option(help="Share of the steps after which frames are 256 wide; 1: never.", min=0, max=1)
    ] = None,
    avatar: Annotated[bool, typer.Option(help="The avatar's network, on what `train frames --shells` wrote.")] = False,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
) -> str:
    """Train the renderer's network; OUT/renderer.safetensors is the result.

    At 128 x 128 first, later at 256 x 256; L_fsr, L_bsr and the discriminator join on the way. OUT also holds log.csv
    and pictures of the same eight validation cases (picture, truth, puppet, network).
    """
    from dancegen.cli.context import reporter
    from dancegen.device import choose_device
    from dancegen.errors import DancegenError
    from dancegen.files import refuse_inputs
    from dancegen.lab.train.renderer.loop import train
    from dancegen.lab.train.renderer.plan import TrainingPlan
    from dancegen.lab.train.renderer.state import Sizes
    from dancegen.renderers.retouch.generator import RendererConfig, load_generator
    from dancegen.renderers.retouch.shells import ShellConfig, load_shell_generator

    refuse_inputs(out, [frames])
    refuse_inputs(out / "renderer.safetensors", [start])
    if variant not in VARIANTS:
        raise DancegenError(f"there is no variant {variant!r}", f"choose one of {', '.join(VARIANTS)}")
    fsr, bsr = VARIANTS[variant]
    given: dict[str, Any] = {"steps": steps, "batch": batch, "large_from": large_from}
    plan = TrainingPlan(
        fsr=fsr, bsr=bsr, gan=gan, seed=seed, **{key: value for key, value in given.items() if value is not None}
    )
    config: Sizes = ShellConfig() if avatar else RendererConfig()
    if start is not None:
        config = load_shell_generator(start).config if avatar else load_generator(start).config
    result = train(frames, out, plan, config, str(choose_device(device)), reporter(), start)
    return f"{result} after {count_of(plan.steps, 'steps')}; losses in {out / 'log.csv'}, cases in {out}/cases_*.png"
