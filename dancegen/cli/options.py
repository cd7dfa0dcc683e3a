"""Options that several commands have; what they mean is written down once. Their defaults stand in each command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Start = Annotated[float, typer.Option(help="Seconds of the song to skip.")]
Duration = Annotated[float | None, typer.Option(help="Seconds of the song to take; default: all.")]
Seed = Annotated[int, typer.Option(help="Another seed is another dance.")]
Style = Annotated[str, typer.Option(help="none, cha-cha, rumba, tango or waltz.")]
Tempo = Annotated[str | None, typer.Option(help="half or double: dance at another tempo than the one found.")]
Beats = Annotated[Path | None, typer.Option(help="The beats, one time in seconds a line; else they are looked for.")]
Dance = Annotated[Path | None, typer.Option(help="A dance file instead of a new dance.")]
Take = Annotated[int | None, typer.Option(help="Which take of the dance file; default: the best.")]
Pose = Annotated[Path | None, typer.Option(help="The person's joints: OpenPose or ComfyUI JSON.")]
People = Annotated[
    str, typer.Option(help="Whom of a picture with several people: largest, all, left, right, or numbers such as 1,3.")
]
Mask = Annotated[Path | None, typer.Option(help="The person's outline: a black and white picture.")]
Size = Annotated[int, typer.Option(help="Longer side of the video in pixels, 64 to 2048.")]
Fps = Annotated[float, typer.Option(help="Frames a second.")]
Crf = Annotated[int, typer.Option(help="Quality of H.264: 0 lossless, 18 fine, 28 small.")]
Weights = Annotated[
    list[str] | None, typer.Option(help="ROLE=FILE or ROLE=NAME, repeatable; renderer=puppet: no network draws.")
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]
Offline = Annotated[bool, typer.Option("--offline", help="Never touch the network.")]
Preview = Annotated[bool, typer.Option("--preview", help="Draw the skeleton only.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what exists.")]
