"""Who does the jobs of a batch: the interface of the engines, and what a worker does with one job."""

from __future__ import annotations

import hashlib
import os
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from dancegen.batch.jobs import Job, JobTable, Row
from dancegen.errors import DancegenError
from dancegen.files import FULL, put, write_error

ATTEMPTS = 3  # times a job is given to a worker before a lost worker counts against it

# What a worker runs: makes `job`'s output under the given temporary name. Must be importable where the worker runs.
Work = Callable[[Job, Path], None]


@dataclass(frozen=True)
class Result:
    """What became of a job: done, failed (`error`) or `lost` with its worker (`error` says how)."""

    key: str
    seconds: float = 0.0
    error: str = ""
    lost: bool = False


class Engine(Protocol):
    """Workers that do jobs. One process uses it, from one thread."""

    def free(self) -> int:
        """How many jobs can be given now."""

    def submit(self, job: Job) -> str:
        """Give a job to a free worker; returns the worker's name."""

    def results(self, timeout: float) -> list[Result]:
        """What was finished or lost since; waits up to `timeout` seconds for the first."""

    def close(self) -> None:
        """Stop all workers now, whatever they are doing."""


def perform(work: Work, job: Job) -> Result:
    """Do one job in this process: its output appears under its name only when it is whole."""
    started = time.monotonic()
    scratch = scratch_file(job)
    before = _version(job.output)
    try:
        scratch.parent.mkdir(parents=True, exist_ok=True)
        work(job, scratch)
        if _version(job.output) != before:
            raise DancegenError(f"another program wrote {job.output.name} meanwhile, which is kept", "run it again")
        job.output.parent.mkdir(parents=True, exist_ok=True)
        put(scratch, job.output)
        error = ""
    except DancegenError as cause:
        error = str(cause)
    except OSError as cause:
        error = str(write_error(job.output, cause)) if cause.errno in FULL else _fault(cause, scratch)
    except Exception as cause:  # a fault of ours in one job must not stop the rest
        error = _fault(cause, scratch)
    finally:
        with suppress(OSError):
            scratch.unlink(missing_ok=True)
    return Result(job.key, time.monotonic() - started, error)


def _fault(error: Exception, scratch: Path) -> str:
    """A fault of dancegen's own in one line; all of it goes into a log, where there is room for that."""
    said = f"{type(error).__name__}: {_one_line(error)}"
    log = scratch.with_suffix(".log")
    with suppress(OSError):
        log.write_text(traceback.format_exc(), encoding="utf-8", errors="backslashreplace")
        return f"{said} (see {log.name})"
    return said


def _version(path: Path) -> tuple[int, int, int] | None:
    """What changes when a file does; None where there is none."""
    with suppress(OSError):
        stat = path.stat()
        return stat.st_ino, stat.st_size, stat.st_mtime_ns
    return None


def scratch_file(job: Job) -> Path:
    """Where a worker writes: in the batch's own folder, so that it can be renamed into place; swept at each start."""
    folder = Path(job.task["folder"]) / "scratch"
    unique = hashlib.sha256(f"{job.key} {os.getpid()} {time.time_ns()}".encode()).hexdigest()[:8]
    return folder / f"{job.key[:12]}-{unique}{job.output.suffix}"


def sweep(folder: Path) -> None:
    """Remove what killed workers left in the batch folder; logs stay."""
    for file in (folder / "scratch").glob("*"):
        if file.suffix != ".log" and file.is_file():
            file.unlink(missing_ok=True)


def run_jobs(table: JobTable, engine: Engine, watch: Callable[[list[Row]], None]) -> None:
    """Do all jobs of `table` that are not done. Returns when none can be; `watch` sees the rows after each change."""
    begun: dict[str, tuple[float, int]] = {}  # key -> when this run began it last, how often
    running: set[str] = set()
    while True:
        ready = table.list_ready()
        for job in ready[: engine.free()]:
            begun[job.key] = (time.time(), begun.get(job.key, (0.0, 0))[1] + 1)
            table.note_start(job.key, engine.submit(job))
            running.add(job.key)
        watch(table.rows())
        if not running:
            if not table.list_ready():
                return
            continue
        for result in engine.results(timeout=0.5):
            running.discard(result.key)
            _settle(table, result, *begun[result.key])


def _settle(table: JobTable, result: Result, started: float, times: int) -> None:
    if result.lost:
        if not table.lost(result.key, started) and times >= ATTEMPTS:
            table.note_failure(result.key, f"{result.error}, {times} times")
    elif result.error:
        table.note_failure(result.key, result.error)
    else:
        table.note_done(result.key, result.seconds)


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200]
