"""`dancegen render` and `dancegen example`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dancegen.cli.context import check_file, check_inputs, reporter, typed
from dancegen.cli.given import given_dance
from dancegen.cli.options import (
    Beats,
    Crf,
    Dance,
    Device,
    Duration,
    Fps,
    Mask,
    Offline,
    Overwrite,
    Pose,
    Preview,
    Seed,
    Size,
    Start,
    Style,
    Take,
    Tempo,
    Weights,
)
from dancegen.errors import DancegenError
from dancegen.progress import counted

if TYPE_CHECKING:
    from dancegen.production.produce import Rendered

Out = Annotated[Path, typer.Option("-o", "--out", help="The video: .mp4, .m4v, .mov, .mkv or .webm.")]


def render(
    song: Annotated[
        Path, typer.Argument(help="Any sound file: wav, flac, mp3, m4a, ogg, opus, or a video with sound.")
    ],
    picture: Annotated[Path, typer.Argument(help="A picture of one person, best from head to foot.")],
    out: Out = Path("out.mp4"),
    start: Start = 0.0,
    duration: Duration = None,
    seed: Seed = 0,
    style: Style = "none",
    size: Size = 512,
    fps: Fps = 30.0,
    crf: Crf = 18,
    tempo: Tempo = None,
    beats: Beats = None,
    dance: Dance = None,
    take: Take = None,
    force: Annotated[bool, typer.Option("--force", help="Accept a dance file made for another song.")] = False,
    pose: Pose = None,
    mask: Mask = None,
    weights: Weights = None,
    device: Device = "auto",
    offline: Offline = False,
    preview: Preview = False,
    report: Annotated[Path | None, typer.Option(help="A page (.html) about the video and how it was made.")] = None,
    overwrite: Overwrite = False,
) -> str:
    """Make a video of the person of PICTURE dancing to SONG."""
    from dancegen.production.produce import Settings, render_dance
    from dancegen.weights.resolve import weights_by_role

    check_inputs(song, picture)
    if report:
        check_file(report, "--report", overwrite, (".html", ".htm"))
    given = given_dance(
        song, start, duration, seed, style, dance=dance, take=take, force=force, beats=beats, tempo=tempo
    )
    made = render_dance(
        song,
        picture,
        out,
        start=given.start,
        duration=given.duration,
        settings=Settings(given.seed, given.style, size, fps, crf, preview),
        grid=given.grid,
        dance=given.dance,
        origin=given.origin,
        pose=pose,
        mask=mask,
        weights=weights_by_role(weights or []),
        device=device,
        offline=offline,
        overwrite=overwrite,
        reporter=reporter(),
    )
    if report:
        try:
            _write_report(report, made)
        except DancegenError as cause:
            raise DancegenError(f"{made.path} is made, but {cause.what}", cause.remedy) from cause
    return _told(made, f"dance {dance.name}" if dance else f"seed {seed}")


def example(
    out: Out = Path("out.mp4"),
    seed: Seed = 0,
    style: Style = "none",
    size: Size = 512,
    device: Device = "auto",
    offline: Offline = False,
    preview: Preview = False,
    overwrite: Overwrite = False,
) -> str:
    """Make a video of the example song and picture that come with dancegen."""
    from dancegen.assets.example import PICTURE, SONG
    from dancegen.production.produce import Settings, render_dance

    settings = Settings(seed=seed, style=style, size=size, preview=preview)
    made = render_dance(
        SONG, PICTURE, out, settings=settings, device=device, offline=offline, overwrite=overwrite, reporter=reporter()
    )
    return _told(made, f"seed {seed}")


def _write_report(page: Path, made: Rendered) -> None:
    """The page about a video."""
    import shlex

    from dancegen.production.checks import check_all
    from dancegen.report.page import write_report

    reporter().stage("report")
    checks = check_all(made.grid, made.subject, made.dance, made.size, made.frames, made.path.parent)
    write_report(page, made, checks, shlex.join(["dancegen", *typed()]))


def _told(made: Rendered, origin: str) -> str:
    width, height = made.size
    tempo = f"{made.grid.tempo:.0f} beats a minute" if made.grid.confidence else "no beat found"
    frames = f"{counted(made.frames, 'frames')} of {width}x{height}"
    return f"{made.path}: {made.song.seconds:.1f} s, {frames}, {tempo}, {origin}"


COMMANDS = {"render": render, "example": example}
