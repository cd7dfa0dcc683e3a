"""`dancegen style`: styles of one's own, learnt from a few clips or dances."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dancegen.cli.context import reporter, weights_files
from dancegen.cli.options import Detector, Offline, Overwrite, Seed, Weights
from dancegen.cli.outputs import check_file
from dancegen.production.request import Request
from dancegen.production.style import USUAL_STEPS

app = typer.Typer(help="Styles of your own.", no_args_is_help=True)


@app.command("learn")
def learn(
    clips: Annotated[list[Path], typer.Argument(help="Clips, dance files, or dances as .bvh, .npz or .csv.")],
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="The style; default: FIRST_CLIP.style.safetensors.")
    ] = None,
    steps: Annotated[int, typer.Option(help="Of the training; more come nearer to the clips.")] = USUAL_STEPS,
    people: Annotated[
        str, typer.Option(help="Whom of several in a clip: largest, left, right, or a number.")
    ] = "largest",
    seed: Seed = Request.seed,
    detector: Detector = Request.detector,
    weights: Weights = None,
    offline: Offline = Request.offline,
    overwrite: Overwrite = False,
) -> str:
    """Learn how CLIPS dance: two to four minutes of one way of dancing become a style for --style, in 10 to 20 minutes.

    A run that was stopped goes on when the same command is given again.
    """
    from dancegen.production.capture import Asked
    from dancegen.production.style import Learning, check_sources, learn_style
    from dancegen.weights.own import weights_by_role

    out = out or Path(f"{clips[0].name.split('.')[0]}.style.safetensors")
    check_sources(clips, out)
    check_file(out, "-o", overwrite, inputs=[*clips, *weights_files(weights)])
    asked = Asked(people, 1, seed, detector, weights_by_role(weights or []), offline)
    learn_style(clips, out, Learning(steps, seed, asked), reporter())
    return f"{out}: dance with it by --style {out}"


COMMANDS = {"style": app}
