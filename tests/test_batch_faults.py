"""Batches whose table, lock or disk is not as it should be: one clear line, nothing lost."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from conftest import ROOT
from test_batch_jobs import make_jobs, run
from test_weights_processes import ISOLATED, needs_mounts

from dancegen.batch.engine import perform
from dancegen.batch.jobs import Job, JobTable
from dancegen.errors import DancegenError

LINE = ("--preview", "--size", 64, "--fps", 5, "--duration", 1, "--device", "cpu", "--offline")


@pytest.mark.parametrize("content", [b"", b"garbage", b"SQLite format 3\0" + b"\xff" * 5000, os.urandom(8192)])
def test_what_a_lock_holds_does_not_matter(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "jobs.lock").write_bytes(content)
    table = JobTable(tmp_path)
    with pytest.raises(DancegenError, match="another batch is at work"):
        JobTable(tmp_path)
    table.close()
    JobTable(tmp_path).close()


def test_a_lock_that_cannot_be_had_is_said(tmp_path: Path) -> None:
    (tmp_path / "jobs.lock").mkdir()
    with pytest.raises(DancegenError, match=r"cannot be written to \(Is a directory\): name another folder"):
        JobTable(tmp_path)
    with pytest.raises(DancegenError, match="cannot be"):
        JobTable(Path("/proc/batch"))


def damage(path: Path) -> list[bytes]:
    """The table with bytes changed here and there, cut, of another program, or something else."""
    whole = path.read_bytes()
    page = sqlite3.connect(path).execute("PRAGMA page_size").fetchone()[0]
    with closing(sqlite3.connect(path.with_suffix(".other"))) as other:
        other.execute("CREATE TABLE jobs (key TEXT)")
        other.commit()
    changed = [whole[:at] + b"\xff" * 40 + whole[at + 40 :] for at in (16, 100, page, len(whole) - 60)]
    return [*changed, whole[: len(whole) // 2], b"x" * 5000, path.with_suffix(".other").read_bytes()]


def test_a_damaged_table_is_one_line_and_videos_stay(tmp_path: Path, run_main: Callable) -> None:
    folder = tmp_path / "out"
    jobs = make_jobs(folder, 1, 1)
    run(folder, jobs)
    for broken in damage(folder / "jobs.sqlite"):
        for more in ("jobs.sqlite-wal", "jobs.sqlite-shm"):
            (folder / more).unlink(missing_ok=True)
        (folder / "jobs.sqlite").write_bytes(broken)
        try:
            run(folder, jobs)  # what is damaged may not be looked at
        except DancegenError as error:
            assert "jobs.sqlite is not a jobs table" in str(error) and "remove it; finished videos stay" in str(error)
            assert "\n" not in str(error)
        assert (folder / "v00.mp4").read_text() == "song0--pic0"
    (folder / "jobs.sqlite").write_text("garbage" * 100)
    (tmp_path / "a.wav").write_text("a")
    (tmp_path / "me.png").write_text("me")
    for more in ((), ("--dry-run",)):
        ran = run_main("batch", tmp_path / "a.wav", tmp_path / "me.png", "-o", folder, *LINE, *more)
        assert ran.status == 1 and "jobs.sqlite is not a jobs table" in ran.err and ran.err.count("\n") == 1, ran.err


FULL_DISK = """
import sys
from pathlib import Path
sys.path[:0] = [{tests!r}, {root!r}]
from test_batch_jobs import make_jobs, run
from dancegen.errors import DancegenError
if __name__ == "__main__":
    folder = Path({folder!r})
    def fill():
        with (folder / "filling").open("wb", buffering=0) as file:
            try:
                while file.write(bytes(4096)):
                    pass
            except OSError:
                pass
    jobs = make_jobs(folder, 1, 1)
    (folder / "scratch").mkdir()
    fill()
    for _ in range(2):
        try:
            for row in run(folder, jobs).values():
                print(row.state, row.error)
        except DancegenError as error:
            print("error:", error)
        (folder / "filling").unlink()
        run(folder, make_jobs(folder, 3, 3))
        for job in jobs:
            job.output.unlink()
        fill()
        for path in ("jobs.sqlite", "log.txt"):  # room for the table, none for the videos
            (folder / path).write_bytes((folder / path).read_bytes())
    (folder / "filling").unlink()
    print({{row.state for row in run(folder, jobs).values()}})
"""


@needs_mounts
def test_a_full_disk_is_one_line_and_the_next_run_goes_on(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    script = tmp_path / "run.py"
    script.write_text(FULL_DISK.format(tests=str(ROOT / "tests"), root=str(ROOT), folder=str(tmp_path / "out")))
    mounts = f"mount -t tmpfs -o size=300k none {tmp_path / 'out'}"
    command = [*ISOLATED, f'{mounts}\nexec "$@"', "sh", sys.executable, str(script)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    assert done.returncode == 0 and lines[-1] == "{'done'}", done.stdout + done.stderr
    assert all("full" in line or "No space left" in line or line.startswith("done") for line in lines[:-1]), lines
    assert any("free some room" in line for line in lines), lines


def write(job: Job, scratch: Path) -> None:
    scratch.write_text("ours")
    if job.task.get("meanwhile"):
        job.output.write_text("theirs")
    if job.task.get("full"):
        raise OSError(28, "No space left on device", str(scratch))


def test_a_worker_says_what_it_met(tmp_path: Path) -> None:
    def result(**task: object) -> str:
        return perform(write, Job("key", "video", "name", tmp_path / "v.mp4", {"folder": str(tmp_path), **task})).error

    assert result() == "" and (tmp_path / "v.mp4").read_text() == "ours"
    assert result(full=True).endswith("v.mp4 could not be written (No space left on device): free some room there")
    (tmp_path / "v.mp4").unlink()
    assert "another program wrote v.mp4 meanwhile" in result(meanwhile=True)
    assert (tmp_path / "v.mp4").read_text() == "theirs" and list((tmp_path / "scratch").iterdir()) == []
    (tmp_path / "scratch").rmdir()
    (tmp_path / "scratch").write_text("no folder")
    assert "FileExistsError" in result() or "NotADirectoryError" in result()
