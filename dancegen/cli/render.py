"""`dancegen render` and `dancegen example`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dancegen.cli.context import check_inputs, reporter, typed_words
from dancegen.cli.options import Overwrite, all_options, takes_request
from dancegen.errors import DancegenError, one_line
from dancegen.progress import count_of

if TYPE_CHECKING:
    from dancegen.production.produce import Produced
    from dancegen.production.request import Request

Out = Annotated[
    Path,
    typer.Option("-o", "--out", help="The video: .mp4, .m4v, .mov, .mkv or .webm; transparent, a folder of PNG too."),
]


@takes_request(*all_options(), file=True)
def render(
    chosen: dict[str, Any],
    out: Out = Path("out.mp4"),
    report: Annotated[Path | None, typer.Option(help="A page (.html) about the video and how it was made.")] = None,
    overwrite: Overwrite = False,
) -> str:
    """Make a video of the person of PICTURE dancing to SONG."""
    request = request_of(chosen)
    if report and request.transparent and not out.suffix:
        what = "--report is a page about a video, not about a folder of pictures"
        raise DancegenError(what, "end -o in .webm or .mov")
    if report:
        from dancegen.cli.outputs import check_file

        check_file(report, "--report", overwrite, (".html", ".htm"), inputs=request.files, others=[out])
    made = _make(request, out, overwrite)
    if report:
        try:
            _write_report(report, made)
        except DancegenError as cause:
            raise DancegenError(f"{made.path} is made, but {cause.what}", cause.remedy) from cause
    return _describe(made, f"dance {request.dance.name}" if request.dance else f"seed {request.seed}")


@takes_request(*all_options("song", "picture", "beats", "dance", "take", "force", "pose", "mask"))
def example(chosen: dict[str, Any], out: Out = Path("out.mp4"), overwrite: Overwrite = False) -> str:
    """Make a video of the example song and picture that come with dancegen."""
    from dancegen.assets.example import PICTURE, SONG
    from dancegen.production.request import Request

    request = Request(SONG, PICTURE, **chosen)
    return _describe(_make(request, out, overwrite), f"seed {request.seed}")


def request_of(chosen: dict[str, Any]) -> Request:
    """The request of a command line that names song and picture."""
    from dancegen.production.request import Request

    for name in ("song", "picture"):
        if name not in chosen:
            raise typer.BadParameter(f"Missing argument '{name.upper()}'.")
    check_inputs(Path(chosen["song"]), Path(chosen["picture"]))
    return Request(**chosen)


def _make(request: Request, out: Path, overwrite: bool) -> Produced:
    from dataclasses import replace

    from dancegen.production.produce import produce
    from dancegen.production.sinks import file_or_folder

    return replace(produce(request, file_or_folder(out, request, overwrite), reporter()), path=out)


def _write_report(page: Path, made: Produced) -> None:
    """The page about a video."""
    import shlex

    from dancegen.production.checks import check_all
    from dancegen.report.page import write_report

    assert made.path is not None
    reporter().stage("report")
    checks = check_all(made.grid, made.people, made.dance, made.size, made.frames, made.path.parent)
    write_report(page, made, checks, shlex.join(["dancegen", *typed_words()]))


def _describe(made: Produced, origin: str) -> str:
    from dancegen.audio.grid import describe_tempo

    width, height = made.size
    tempo = describe_tempo(made.grid) if made.grid.confidence else "no beat found"
    frames = f"{count_of(made.frames, 'frames')} of {width}x{height}"
    return f"{one_line(made.path)}: {made.song.seconds:.1f} s, {frames}, {tempo}, {origin}"


COMMANDS = {"render": render, "example": example}
