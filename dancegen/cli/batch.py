"""`dancegen batch`: folders of songs and pictures, in one go that can be stopped and taken up again."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dancegen.cli.context import Outcome, reporter
from dancegen.cli.options import all_options, takes_request
from dancegen.errors import DancegenError, one_line
from dancegen.progress import count_of

if TYPE_CHECKING:
    from dancegen.batch.engine import Engine
    from dancegen.batch.jobs import Job, Row
    from dancegen.batch.pairs import Pair
    from dancegen.production.request import Request

TO_DO = "to do"
OTHER_VERSION = "made by another version of dancegen or of its weights"
COUNTED = {"dance": "choreographies", "subject": "picture analyses", "video": "videos"}  # kind of job -> several


@takes_request(*all_options("song", "picture", "beats", "dance", "take", "force", "pose", "mask"))
def batch(
    chosen: dict[str, Any],
    songs: Annotated[str, typer.Argument(help="A folder, a file, a quoted pattern, or a CSV of pairs.")],
    pictures: Annotated[str | None, typer.Argument(help="A folder, a file or a quoted pattern.")] = None,
    out: Annotated[Path, typer.Option("-o", "--out", help="The folder for the videos.")] = Path("batch"),
    pairs: Annotated[
        str, typer.Option(help="product: each song with each picture; zip: the first with the first ...")
    ] = "product",
    engine: Annotated[str, typer.Option(help="local: processes of this machine; ray: a Ray cluster.")] = "local",
    workers: Annotated[int, typer.Option(help="How many at once; default: what cores and memory carry.")] = 0,
    address: Annotated[
        str | None, typer.Option(help="With --engine ray: the cluster; default: one is started.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace videos made otherwise or by another version.")
    ] = False,
) -> Outcome:
    """Make a video of each pair of SONGS and PICTURES; what is done already is not done again."""
    from dancegen.batch.pairs import other_names
    from dancegen.batch.plan import make_jobs, refuse_inputs_as_outputs, resolve_weights, with_corrections
    from dancegen.device import choose_device
    from dancegen.production.request import Request, check_style
    from dancegen.registry import backend

    backend("engine", engine)
    if workers < 0:
        raise DancegenError(f"--workers {workers} cannot be", "give 1 or more, or leave it out")
    request = Request(Path(), Path(), **chosen)
    choose_device(request.device)
    wanted = _pairs(songs, pictures, pairs)
    for pair in wanted:
        check_style(pair.style or request.style, request.choreographer)
    jobs = make_jobs(wanted, request, resolve_weights(request, reporter()), out)
    for note in other_names(wanted, sum(job.kind == "video" for job in jobs)):
        reporter().note(note)
    if overwrite:
        given = [Path(songs), *(path for pair in wanted for path in (pair.song, *with_corrections(pair.picture)))]
        refuse_inputs_as_outputs(jobs, out, [*given, *map(Path, request.weights.values())])
    if dry_run:
        return Outcome(_plan_table(jobs, out, overwrite))
    return _run(jobs, request, out, engine, workers, address, overwrite)


def _pairs(songs: str, pictures: str | None, pairing: str) -> list[Pair]:
    from dancegen.batch.pairs import find_files, make_pairs, read_pairs

    if songs.lower().endswith(".csv"):
        if pictures is not None:
            raise DancegenError("a CSV of pairs names its pictures itself", "leave PICTURES out")
        return read_pairs(Path(songs))
    if pictures is None:
        raise DancegenError(
            "no pictures are given", "name a folder of pictures after the songs, or give a CSV of pairs"
        )
    found = [find_files(songs, "songs"), find_files(pictures, "pictures")]
    for note in () if songs == pictures else [*found[0][1], *found[1][1]]:
        reporter().note(note)
    return make_pairs(found[0][0], found[1][0], pairing)


def _run(
    jobs: Sequence[Job],
    request: Request,
    out: Path,
    engine_name: str,
    workers: int,
    address: str | None,
    overwrite: bool,
) -> Outcome:
    from dancegen.batch.engine import run_jobs, sweep
    from dancegen.batch.jobs import DONE, KEPT, OVER, UNNEEDED, JobTable

    began = time.monotonic()
    with ExitStack() as stack:
        table = JobTable(out.resolve())
        stack.callback(table.close)
        sweep(out.resolve())
        table.plan(jobs, overwrite)
        before = {row.job.key for row in table.rows() if row.state == DONE}
        if table.list_ready():
            left = sum(row.state not in OVER for row in table.rows())
            engine = _engine(engine_name, left, workers, address, request.device)
            stack.callback(engine.close)
            run_jobs(table, engine, _watcher(stack))
        rows = table.rows()
    failed = any(row.state not in (DONE, KEPT, UNNEEDED) for row in rows)
    return Outcome(_summary(rows, before, out, time.monotonic() - began), int(failed))


def _engine(name: str, jobs: int, workers: int, address: str | None, device: str) -> Engine:
    from dancegen.batch.stages import run_stage
    from dancegen.registry import backend, import_named

    line = backend("engine", name)
    if line.missing:
        raise DancegenError(f"--engine {name} cannot work here", line.missing)
    engine: Engine = import_named(line.factory)(run_stage, jobs, workers, device, address)
    return engine


def _watcher(stack: ExitStack) -> Callable[[list[Row]], None]:
    """Who shows the progress: a live table on a terminal, lines elsewhere, nobody with --quiet."""
    import sys

    from dancegen.cli.tables import safe_console
    from dancegen.cli.terminal import is_lively
    from dancegen.progress import SilentReporter

    if isinstance(reporter(), SilentReporter) or not is_lively(sys.stderr):
        return _line_watcher()
    from rich.live import Live

    live = stack.enter_context(Live(console=safe_console(stderr=True), refresh_per_second=4, transient=True))
    began: dict[str, float] = {}

    def watch(rows: list[Row]) -> None:
        for row in rows:
            if row.state == "running":
                began.setdefault(row.job.key, time.monotonic())
        live.update(_live_table(rows, began))

    return watch


def _line_watcher() -> Callable[[list[Row]], None]:
    from dancegen.batch.jobs import FAILED, OVER

    told: set[str] = set()
    staged = False

    def watch(rows: list[Row]) -> None:
        nonlocal staged
        over = {row.job.key: row for row in rows if row.state in OVER}
        if not staged:
            reporter().stage("batch", len(rows), "jobs")
            staged = True
        for key, row in over.items():
            if key not in told:
                told.add(key)
                reporter().advance()
                if row.state == FAILED:
                    reporter().note(f"{row.job.kind} {row.job.name} failed: {row.error}")

    return watch


def _live_table(rows: Sequence[Row], began: dict[str, float]) -> Any:
    from rich.console import Group
    from rich.table import Table

    from dancegen.batch.jobs import KEPT, KINDS, UNNEEDED

    counts = Table("", "waiting", "running", "done", "failed", box=None)
    for kind in KINDS:
        states = ["done" if row.state in (KEPT, UNNEEDED) else row.state for row in rows if row.job.kind == kind]
        counts.add_row(f"{kind}s", *(str(states.count(state)) for state in ("waiting", "running", "done", "failed")))
    now = Table("at work", "job", "s", box=None)
    for row in rows:
        if row.state == "running":
            now.add_row(
                row.worker, f"{row.job.kind} {one_line(row.job.name)}", f"{time.monotonic() - began[row.job.key]:.0f}"
            )
    return Group(counts, now)


def _plan_table(jobs: Sequence[Job], out: Path, overwrite: bool) -> str:
    from dancegen.batch.jobs import read_done

    counts = [count_of(sum(job.kind == kind for job in jobs), what) for kind, what in COUNTED.items()]
    said = f"{counts[2]} from {counts[0]} and {counts[1]}, each made once:"
    problems, done = {job.key for job in jobs if job.problem}, read_done(out)
    states = {job.key: _plan(job, problems, done, overwrite) for job in jobs}
    wanted = {need for job in jobs if states[job.key].endswith(TO_DO) for need in job.needs}
    lines = [("what", "file", "state")]
    for job in jobs:
        needless = job.kind != "video" and states[job.key] == TO_DO and job.key not in wanted
        state = "not needed" if needless else states[job.key]
        lines.append((job.kind, one_line(job.output.relative_to(out.resolve())), state))
    return f"{said}\n{_columns(lines)}"


def _plan(job: Job, problems: set[str], done: Mapping[str, str], overwrite: bool) -> str:
    """What would be done about a job. `problems` are keys; `done` are keys and wishes."""
    if job.problem or any(need in problems for need in job.needs):
        return job.problem or "cannot be made"
    if not job.output.exists():
        return TO_DO
    if job.kind != "video" or job.key in done:
        return "is there"
    how = OTHER_VERSION if job.wish and job.wish in done.values() else "made otherwise"
    return f"{how}: {TO_DO}" if overwrite else f"{how}: --overwrite makes it anew"


def _summary(rows: Sequence[Row], before: set[str], out: Path, seconds: float) -> str:
    from dancegen.batch.jobs import DONE, KEPT, UNNEEDED

    videos = [row for row in rows if row.job.kind == "video"]
    made = sum(row.state == "done" and row.job.key not in before for row in videos)
    there = sum(row.job.key in before or row.state == KEPT for row in videos)
    stages = ", ".join(
        count_of(sum(row.state == "done" and row.job.key not in before for row in rows if row.job.kind == kind), what)
        for kind, what in COUNTED.items()
        if kind != "video"
    )
    said = f"{one_line(out)}: {count_of(made, COUNTED['video'])} made in {seconds:.0f} s ({stages}), "
    said += f"{there} there before, {sum(row.state not in (DONE, KEPT) for row in videos)} failed"
    if kept := sum(row.state == KEPT for row in videos):
        remedy = f"--overwrite makes {'it' if kept == 1 else 'them'} anew"
        said += f"\n{count_of(kept, COUNTED['video'])} {OTHER_VERSION}, kept: {remedy}"
    failed = [
        (row.job.kind, one_line(row.job.name), row.error) for row in rows if row.state not in (DONE, KEPT, UNNEEDED)
    ]
    return "\n".join([said, _columns([("failed", "name", "why"), *failed])]) if failed else said


def _columns(rows: Sequence[tuple[str, ...]]) -> str:
    """Rows as aligned text; the last column may be as long as it likes, one line a row."""
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]) - 1)]
    return "\n".join(
        "  ".join([*(cell.ljust(width) for cell, width in zip(row[:-1], widths, strict=True)), row[-1]]) for row in rows
    )


COMMANDS = {"batch": batch}
