"""`dancegen check`: what is worth knowing before a song and a picture are rendered."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dancegen.cli.context import reporter
from dancegen.cli.options import all_options, takes_request
from dancegen.cli.render import request_of

if TYPE_CHECKING:
    from dancegen.production.request import Request
    from dancegen.production.warnings import Check


@takes_request(*all_options(), file=True)
def check(
    chosen: dict[str, Any],
    out: Annotated[Path, typer.Option("-o", "--out", help="Where the video shall be.")] = Path("out.mp4"),
) -> Any:
    """See whether PICTURE and SONG suit each other, and what rendering them will cost."""
    from dancegen.production.sinks import file_or_folder

    request = request_of(chosen)
    with file_or_folder(out, request, overwrite=True).claim(request):
        return _table(_checks(request, out.parent))


def _checks(request: Request, folder: Path) -> list[Check]:
    """What can be told beforehand, and how long the drawing takes, by drawing a few frames.

    A renderer that takes minutes for a few is reckoned instead, and needs not be here.
    """
    from collections import deque

    from dancegen.production.checks import check_all, estimate_time
    from dancegen.production.photoreal import NAME, photoreal_checks
    from dancegen.production.produce import prepare

    slow = request.drawn_by == NAME
    film = prepare(replace(request, renderer="skeleton") if slow else request, reporter())
    made = film.made
    found = check_all(made.grid, made.people, made.dance, made.size, made.frames, folder)
    found += photoreal_checks(request, made.size, made.frames)
    if slow:
        return found
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
