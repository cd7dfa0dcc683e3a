"""`dancegen capture`: the movement of a person in a video as a dance."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dancegen.cli.context import reporter, weights_files
from dancegen.cli.options import Detector, Offline, Overwrite, Seed, Weights
from dancegen.cli.outputs import check_file
from dancegen.errors import one_line
from dancegen.production.capture import Asked
from dancegen.production.request import Request


def capture(
    clip: Annotated[Path, typer.Argument(help="A video or a moving GIF of a person, or a drawn pose video.")],
    out: Annotated[Path | None, typer.Option("-o", "--out", help="The dance file; default: CLIP.dance.json.")] = None,
    start: Annotated[float, typer.Option(help="Seconds of the clip to leave out.")] = 0.0,
    duration: Annotated[float | None, typer.Option(help="Seconds of the clip to take; default: all.")] = None,
    fps: Annotated[float | None, typer.Option(help="Frames a second to look at, 5 to 30; default: the clip's.")] = None,
    people: Annotated[
        str, typer.Option(help="Whom, of several: largest, left, right, or a number such as 2.")
    ] = Asked.people,
    samples: Annotated[
        int, typer.Option(help="How many movements to imagine; the most fitting is take 1.")
    ] = Asked.samples,
    seed: Seed = Request.seed,
    song: Annotated[Path | None, typer.Option(help="Dance to this song: accents are moved onto its beats.")] = None,
    detector: Detector = Request.detector,
    weights: Weights = None,
    offline: Offline = Request.offline,
    overwrite: Overwrite = False,
) -> str:
    """Make the movement of a person in CLIP a dance: for any subject, and with --song for any song."""
    from dancegen.audio.load import load_song
    from dancegen.capture.clip import open_clip
    from dancegen.dances.captured import captured_dance
    from dancegen.dances.dance_file import write_dance
    from dancegen.production.capture import capture_movement
    from dancegen.weights.own import weights_by_role

    out = out or Path(f"{clip.stem}.dance.json")
    check_file(out, "-o", overwrite, inputs=[clip, song, *weights_files(weights)])
    asked = Asked(people, samples, seed, detector, weights_by_role(weights or []), offline)
    opened = open_clip(clip, start, duration, fps)
    sound = load_song(song) if song else None
    captured = capture_movement(opened, asked, reporter())
    dance = captured_dance(opened, captured, sound, reporter())
    write_dance(out, dance)
    to = f", to {one_line(dance.song.name)}" if dance.song else ", without a song"
    takes = f", {samples} takes, the most fitting first" if samples > 1 else ""
    return f"{one_line(out)}: {len(dance.takes[0].skeleton)} poses, {dance.seconds:.1f} s{to}{takes}"


COMMANDS = {"capture": capture}
