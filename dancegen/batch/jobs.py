"""The jobs of a batch in a SQLite table, so that a killed run goes on where it stopped."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from dancegen.errors import DancegenError

KINDS = ("dance", "subject", "video")  # in the order in which ready jobs are begun
WAITING, RUNNING, DONE, FAILED = "waiting", "running", "done", "failed"
KEPT = "kept"  # a video that another version of dancegen or of its weights made, as it is wanted otherwise
UNNEEDED = "not needed"  # a stage that is not there, all of whose videos are
OVER = (DONE, FAILED, KEPT, UNNEEDED)

COLUMNS = "key, state, attempts, completions, worker, seconds, error"
_TABLES = """
CREATE TABLE IF NOT EXISTS jobs (
    key TEXT PRIMARY KEY,           -- hash of everything the output depends on
    kind TEXT NOT NULL,             -- dance, subject or video
    name TEXT NOT NULL,             -- for people
    output TEXT NOT NULL,           -- the file it makes
    task TEXT NOT NULL,             -- JSON, what the worker needs to know
    needs TEXT NOT NULL,            -- JSON list of keys that must be done before
    state TEXT NOT NULL DEFAULT 'waiting',
    attempts INTEGER NOT NULL DEFAULT 0,    -- times begun, all runs together
    completions INTEGER NOT NULL DEFAULT 0, -- times finished; never more than 1 unless its output was lost
    worker TEXT, started REAL, seconds REAL, error TEXT,
    wish TEXT NOT NULL DEFAULT ''   -- Job.wish
)
"""


@dataclass(frozen=True)
class Job:
    """One thing to make.

    Attributes:
        key: a hash of everything the output depends on, dancegen itself included; equal keys are one job.
        kind: one of KINDS.
        name: what people call it.
        output: the file it makes; there only when whole.
        task: what the worker needs to know, plain JSON.
        needs: keys of jobs whose outputs it reads.
        problem: why it cannot be done, known before anything is run; empty if nothing is.
        wish: a hash of what was asked for, whichever dancegen does it; empty if that is not known.
    """

    key: str
    kind: str
    name: str
    output: Path
    task: dict[str, Any]
    needs: tuple[str, ...] = ()
    problem: str = field(default="", compare=False)
    wish: str = ""


@dataclass(frozen=True)
class Row:
    """The state of a job as the table has it."""

    job: Job
    state: str
    attempts: int
    completions: int
    worker: str
    seconds: float
    error: str


class JobTable:
    """The table of one batch folder. Only one process at a time may have it (`open` refuses a second)."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "jobs.sqlite"
        self._jobs: dict[str, Job] = {}
        with ExitStack() as held:
            held.callback(_lock(folder / "jobs.lock").release)
            self._rows = held.enter_context(closing(_connect(self.path)))
            self._run("PRAGMA journal_mode=WAL")
            self._run(_TABLES)
            if not _has_wishes(self._rows):
                self._run("ALTER TABLE jobs ADD COLUMN wish TEXT NOT NULL DEFAULT ''")
            self._run(f"SELECT {COLUMNS} FROM jobs LIMIT 1")
            self._held = held.pop_all()

    def close(self) -> None:
        """Give the folder free."""
        with suppress(sqlite3.Error):  # a full disk was told before
            self._held.close()

    def _run(self, sql: str, values: Sequence[object] = ()) -> sqlite3.Cursor:
        """Carry out one statement.

        Raises:
            DancegenError: the table is damaged, or its disk is full.
        """
        try:
            return self._rows.execute(sql, values)
        except sqlite3.Error as cause:
            raise _no_table(self.path, cause) from cause

    def plan(self, jobs: Iterable[Job], overwrite: bool = False) -> None:
        """Make these the jobs of this run: what is done and still there stays done, all else waits or fails at once.

        A stage that is not there waits only if a video waits for it.
        """
        jobs = list(jobs)
        self._run("BEGIN IMMEDIATE")
        for job in jobs:
            self._jobs[job.key] = job
            self._run(
                "INSERT INTO jobs (key, kind, name, output, task, needs, wish) VALUES (?, ?, ?, ?, ?, ?, ?) "
                "ON CONFLICT (key) DO UPDATE SET name = excluded.name, output = excluded.output, "
                "task = excluded.task, needs = excluded.needs, wish = excluded.wish",
                (job.key, job.kind, job.name, _text(job.output), json.dumps(job.task), json.dumps(job.needs), job.wish),
            )
            state, error = self._first_state(job, overwrite)
            done_unseen = state == DONE and self._state(job.key) != DONE
            self._run(
                "UPDATE jobs SET state = ?, error = ?, completions = completions + ? WHERE key = ?",
                (state, error, int(done_unseen), job.key),
            )
        wanted = {need for job in jobs if self._state(job.key) == WAITING for need in job.needs}
        for key in {need for job in jobs for need in job.needs} - wanted:
            self._run("UPDATE jobs SET state = ? WHERE key = ? AND state = ?", (UNNEEDED, key, WAITING))
        self._run("COMMIT")

    def _state(self, key: str) -> str:
        return self._run("SELECT state FROM jobs WHERE key = ?", (key,)).fetchone()[0]

    def _first_state(self, job: Job, overwrite: bool) -> tuple[str, str | None]:
        if job.problem:
            return FAILED, _text(job.problem)
        state, started = self._run("SELECT state, started FROM jobs WHERE key = ?", (job.key,)).fetchone()
        there = job.output.exists()
        # the name of a stage file holds its key, so it is right whoever made it; a video must be newer than its job
        ours = state == DONE or job.kind != "video" or (state == RUNNING and _is_written_since(job.output, started))
        if there and ours:
            return DONE, None
        if not there or overwrite:
            return WAITING, None
        if self._is_by_another(job):
            return KEPT, None
        return FAILED, f"{job.output.name} exists and was made otherwise: add --overwrite or name another folder"

    def _is_by_another(self, job: Job) -> bool:
        """Whether the output that is there is what was asked for, made by another dancegen or other weights of it."""
        same = "SELECT state, started FROM jobs WHERE wish = ? AND wish != '' AND output = ? AND key != ?"
        return any(
            state == DONE or (state == RUNNING and _is_written_since(job.output, started))
            for state, started in self._run(same, (job.wish, _text(job.output), job.key))
        )

    def list_ready(self) -> list[Job]:
        """Waiting jobs whose needs are done, in the order to begin them; those whose needs failed fail here."""
        states = {key: (state, name) for key, state, name in self._run("SELECT key, state, name FROM jobs")}
        ready = []
        for job in self._jobs.values():
            if states[job.key][0] != WAITING:
                continue
            failed = [states[need][1] for need in job.needs if states[need][0] == FAILED]
            if failed:
                self.note_failure(job.key, f"{' and '.join(failed)} failed")
            elif all(states[need][0] == DONE for need in job.needs):
                ready.append(job)
        return sorted(
            ready, key=lambda job: (KINDS.index(job.kind), job.task.get("request", {}).get("picture", ""), job.name)
        )

    def note_start(self, key: str, worker: str) -> None:
        """A worker has begun the job."""
        self._run(
            "UPDATE jobs SET state = ?, worker = ?, started = ?, attempts = attempts + 1, error = NULL WHERE key = ?",
            (RUNNING, worker, time.time(), key),
        )

    def note_done(self, key: str, seconds: float) -> None:
        """The job's output is whole and in its place, and what another job may have made under that name is gone."""
        self._run(
            "UPDATE jobs SET state = ? WHERE key != ? AND output = (SELECT output FROM jobs WHERE key = ?)",
            (WAITING, key, key),
        )
        self._run(
            "UPDATE jobs SET state = ?, seconds = ?, completions = completions + 1 WHERE key = ?", (DONE, seconds, key)
        )

    def note_failure(self, key: str, error: str) -> None:
        """The job cannot be done; the next run will try again."""
        self._run("UPDATE jobs SET state = ?, error = ? WHERE key = ?", (FAILED, _text(error), key))

    def lost(self, key: str, started: float) -> bool:
        """The worker is gone. Its job waits again, unless its output was in place by then: returns whether it was."""
        job = self._jobs[key]
        if job.output.exists() and _is_written_since(job.output, started):
            self.note_done(key, time.time() - started)
            return True
        self._run("UPDATE jobs SET state = ? WHERE key = ?", (WAITING, key))
        return False

    def rows(self) -> list[Row]:
        """This run's jobs, in the order in which they were planned."""
        stored = {row[0]: row[1:] for row in self._run(f"SELECT {COLUMNS} FROM jobs")}
        return [
            Row(job, state, attempts, completions, worker or "", seconds or 0.0, error or "")
            for key, job in self._jobs.items()
            for state, attempts, completions, worker, seconds, error in [stored[key]]
        ]


def read_done(folder: Path) -> dict[str, str]:
    """Key -> wish of the jobs that the table of `folder` has as done; reads only, and makes no table."""
    path = folder / "jobs.sqlite"
    if not path.is_file():
        return {}
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as rows:
            wish = "wish" if _has_wishes(rows) else "''"
            return dict(rows.execute(f"SELECT key, {wish} FROM jobs WHERE state = ?", (DONE,)).fetchall())
    except sqlite3.Error as cause:
        raise _no_table(path, cause) from cause


def _text(value: object) -> str:
    """As the table can hold it: bytes of a file's name that are no UTF-8 become `\\udcff`."""
    return str(value).encode(errors="backslashreplace").decode()


def _has_wishes(rows: sqlite3.Connection) -> bool:
    """Whether a table was made by a dancegen that knew what `Job.wish` is."""
    return any(column[1] == "wish" for column in rows.execute("PRAGMA table_info(jobs)"))


def _connect(path: Path) -> sqlite3.Connection:
    try:
        return sqlite3.connect(path, isolation_level=None)
    except sqlite3.Error as cause:
        raise _no_table(path, cause) from cause


def _no_table(path: Path, cause: sqlite3.Error) -> DancegenError:
    said = str(cause)
    if "full" in said or "disk I/O" in said:
        return DancegenError(f"{path} could not be written ({said})", "free some room there; finished videos stay")
    if any(word in said for word in ("readonly", "unable to open", "locked")):
        return DancegenError(f"{path} cannot be written to ({said})", "change its permissions, or name another folder")
    return DancegenError(f"{path} is not a jobs table ({said})", "remove it; finished videos stay")


def _is_written_since(path: Path, started: float | None) -> bool:
    with suppress(OSError):
        return started is not None and path.stat().st_mtime >= started - 1  # some file systems count whole seconds
    return False


def _lock(path: Path) -> FileLock:
    """A lock that the system gives free when its process ends, however it ends; what the file holds does not matter."""
    lock = FileLock(path, thread_local=False)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout as cause:
        what = f"another batch is at work in {path.parent}"
        raise DancegenError(what, "wait for it or name another folder") from cause
    except (OSError, NotImplementedError) as cause:
        said = getattr(cause, "strerror", None) or "its file system has no locks"
        raise DancegenError(f"{path.parent} cannot be written to ({said})", "name another folder") from cause
    return lock
