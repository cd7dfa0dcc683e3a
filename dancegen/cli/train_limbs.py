"""`dancegen train limbs`: rigged characters to the network that corrects limb maps."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from dancegen.progress import count_of


def command(
    data: Annotated[Path, typer.Option(help="The folder with characters/ and dance/.")],
    out: Annotated[Path, typer.Option(help="Folder of the run; a run that is there goes on.")],
    steps: Annotated[int | None, typer.Option(help="Training steps.", min=1)] = None,
    people: Annotated[int | None, typer.Option(help="Random people whose outlines are made.", min=2)] = None,
    seed: Annotated[int, typer.Option(help="Of initialisation and pairs; the people stay the same.")] = 0,
) -> str:
    """Train how limbs widen between two poses; next: `dancegen train renderer --from OUT/renderer.safetensors`.

    Needs no pictures: the characters' vertices say where each limb's outline lies in a pose.
    """
    from dancegen.cli.context import reporter
    from dancegen.files import refuse_inputs
    from dancegen.lab.train.renderer.limb_loop import LimbPlan, train_limbs
    from dancegen.renderers.retouch.generator import RendererConfig

    refuse_inputs(out, [data])
    given: dict[str, Any] = {"steps": steps, "people": people}
    plan = LimbPlan(seed=seed, **{key: value for key, value in given.items() if value is not None})
    result = train_limbs(data, out, plan, RendererConfig(), reporter())
    return f"{result} after {count_of(plan.steps, 'steps')}; how far the maps miss the outlines in {out / 'limbs.csv'}"
