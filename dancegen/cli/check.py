"""`dancegen check`: what is worth knowing before a song and a picture are rendered."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dancegen.cli.context import reporter
from dancegen.cli.options import all_options, takes_request
from dancegen.cli.render import request_of

if TYPE_CHECKING:
    from dancegen.production.checks import Check
    from dancegen.production.produce import Film


@takes_request(*all_options("crf", "preview"), file=True)
def check(
    chosen: dict[str, Any],
    out: Annotated[Path, typer.Option("-o", "--out", help="Where the video shall be.")] = Path("out.mp4"),
) -> Any:
    """See whether PICTURE and SONG suit each other, and what rendering them will cost."""
    from dancegen.production.produce import prepare
    from dancegen.production.sinks import VideoFile

    request = request_of(chosen)
    with VideoFile(out, overwrite=True).claim(request):
        return _table(_checks(prepare(request, reporter()), out.parent))


def _checks(film: Film, folder: Path) -> list[Check]:
    """What can be told beforehand, and how long the drawing takes, by drawing a few frames."""
    from collections import deque

    from dancegen.production.checks import check_all, estimate_time

    made = film.made
    found = check_all(made.grid, made.people, made.dance, made.size, made.frames, folder)
    reporter().stage("drawing a few frames")
    everybody = len(film.poses)
    return [
        *found,
        estimate_time(lambda few: deque(film.draw(*[few] * everybody), maxlen=0), film.poses[0], made.frames),
    ]


def _table(checks: list[Check]) -> Any:
    from rich.table import Table

    table = Table("check", "", "found", "what helps", box=None, pad_edge=False)
    for one in checks:
        table.add_row(one.name, one.verdict, one.found, one.remedy)
    return table


COMMANDS = {"check": check}
