"""Batches: the jobs table, workers that die, runs that are killed, and Ray."""

from __future__ import annotations

import collections
import dataclasses
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest
from workbench_tools import fake_work

from dancegen.batch import engine_local
from dancegen.batch import jobs as jobs_module
from dancegen.batch.engine import run_jobs
from dancegen.batch.engine_local import LocalEngine, fitting_workers, visible_gpu
from dancegen.batch.jobs import DONE, FAILED, KEPT, UNNEEDED, Job, JobTable, Row, read_done
from dancegen.cli.batch import _engine
from dancegen.errors import DancegenError


def make_jobs(folder: Path, songs: int = 2, pictures: int = 2, **mischief: dict) -> list[Job]:
    """Jobs of a small batch; `mischief` maps a job's name to what its task is to do."""
    stages = [Job(f"d{i}", "dance", f"song{i}", folder / f"stages/d{i}.txt", {}) for i in range(songs)]
    stages += [Job(f"s{i}", "subject", f"pic{i}", folder / f"stages/s{i}.txt", {}) for i in range(pictures)]
    videos = [
        Job(f"v{i}{j}", "video", f"song{i}--pic{j}", folder / f"v{i}{j}.mp4", {}, (f"d{i}", f"s{j}"))
        for i in range(songs)
        for j in range(pictures)
    ]
    jobs = stages + videos
    for job in jobs:
        job.task.update(folder=str(folder), log=str(folder / "log.txt"), **mischief.get(job.key, {}))
    return jobs


def run(folder: Path, jobs: list[Job], workers: int = 2, **options: bool) -> dict[str, Row]:
    folder.mkdir(exist_ok=True)
    table = JobTable(folder)
    try:
        table.plan(jobs, **options)
        engine = LocalEngine(fake_work, workers)
        try:
            run_jobs(table, engine, lambda rows: None)
        finally:
            engine.close()
        return {row.job.key: row for row in table.rows()}
    finally:
        table.close()


def log(folder: Path) -> collections.Counter:
    """How often each job was begun and ended."""
    lines = (folder / "log.txt").read_text().splitlines() if (folder / "log.txt").exists() else []
    return collections.Counter(tuple(line.split()[:2]) for line in lines)


def test_everything_is_made_once_and_in_order(tmp_path: Path) -> None:
    jobs = make_jobs(tmp_path)
    rows = run(tmp_path, jobs)
    assert {row.state for row in rows.values()} == {DONE}
    assert all(count == 1 for count in log(tmp_path).values()) and len(log(tmp_path)) == 2 * len(jobs)
    assert all(job.output.read_text() == job.name for job in jobs)
    lines = [line.split()[:2] for line in (tmp_path / "log.txt").read_text().splitlines()]
    for job in jobs:
        assert all(lines.index(["end", need]) < lines.index(["begin", job.key]) for need in job.needs)
    assert list((tmp_path / "scratch").iterdir()) == []


def test_a_finished_batch_does_nothing_and_a_lost_output_is_made_again(tmp_path: Path) -> None:
    jobs = make_jobs(tmp_path)
    run(tmp_path, jobs)
    before = log(tmp_path)
    run(tmp_path, jobs)
    assert log(tmp_path) == before
    (tmp_path / "v01.mp4").unlink()
    run(tmp_path, jobs)
    assert log(tmp_path) - before == {("begin", "v01"): 1, ("end", "v01"): 1}


def test_one_bad_file_stops_only_what_needs_it(tmp_path: Path) -> None:
    jobs = make_jobs(tmp_path, d0={"error": True}, v11={"bug": True})
    rows = run(tmp_path, jobs)
    failed = {key: row.error for key, row in rows.items() if row.state == FAILED}
    assert set(failed) == {"d0", "v00", "v01", "v11"}
    assert failed["d0"] == "song0 is bad: give another" and failed["v00"] == "song0 failed"
    assert failed["v11"].startswith("ZeroDivisionError: a fault of ours (see")
    assert rows["v10"].state == DONE
    good = make_jobs(tmp_path)
    assert {row.state for row in run(tmp_path, good).values()} == {DONE}  # mended: only the rest is made
    assert log(tmp_path)["begin", "v10"] == 1


def test_a_worker_that_dies_once_loses_nothing(tmp_path: Path) -> None:
    rows = run(tmp_path, make_jobs(tmp_path, d0={"die": "once"}, v11={"die": "once"}))
    assert {row.state for row in rows.values()} == {DONE}
    assert rows["d0"].attempts == 2 and rows["v11"].attempts == 2 and rows["d1"].attempts == 1
    assert all(count == 1 for (what, _), count in log(tmp_path).items() if what == "end")


def test_a_job_that_kills_its_worker_again_and_again_fails(tmp_path: Path) -> None:
    rows = run(tmp_path, make_jobs(tmp_path, s1={"die": "always"}))
    assert rows["s1"].state == FAILED and "killed (signal 9" in rows["s1"].error and "3 times" in rows["s1"].error
    assert rows["v00"].state == DONE and rows["v01"].state == FAILED


def test_known_problems_fail_at_once_and_others_files_are_kept(tmp_path: Path) -> None:
    jobs = make_jobs(tmp_path)
    jobs[0] = Job("d0", "dance", "song0", jobs[0].output, jobs[0].task, problem="no such song")
    (tmp_path / "v10.mp4").write_text("somebody's")
    rows = run(tmp_path, jobs)
    assert rows["d0"].error == "no such song" and rows["d0"].attempts == 0
    assert "add --overwrite" in rows["v10"].error and (tmp_path / "v10.mp4").read_text() == "somebody's"
    rows = run(tmp_path, jobs, overwrite=True)
    assert rows["v10"].state == DONE and (tmp_path / "v10.mp4").read_text() == "song1--pic0"


def test_a_video_that_was_made_otherwise_is_never_taken_for_another(tmp_path: Path) -> None:
    first = make_jobs(tmp_path, 1, 1)
    second = [dataclasses.replace(job, key=f"{job.key}-other") if job.kind == "video" else job for job in first]
    run(tmp_path, first)
    assert "made otherwise" in run(tmp_path, second)["v00-other"].error
    assert read_done(tmp_path).keys() >= {"v00"}
    assert run(tmp_path, second, overwrite=True)["v00-other"].state == DONE
    assert "v00-other" in read_done(tmp_path) and "v00" not in read_done(tmp_path)
    assert "made otherwise" in run(tmp_path, first)["v00"].error  # its name is the other's now


def updated(jobs: list[Job]) -> list[Job]:
    """The same jobs as another version of dancegen plans them: other keys, and stages of other names."""
    keys = {job.key: f"{job.key}-new" for job in jobs}
    return [
        dataclasses.replace(
            job,
            key=keys[job.key],
            output=job.output if job.kind == "video" else job.output.with_suffix(".new"),
            needs=tuple(keys[need] for need in job.needs),
        )
        for job in jobs
    ]


def test_what_another_version_made_is_kept_until_it_is_wanted_anew(tmp_path: Path) -> None:
    old = [dataclasses.replace(job, wish=f"wish {job.key}") for job in make_jobs(tmp_path)]
    run(tmp_path, [job for job in old if job.key not in ("v11", "s1", "v01")])
    before = log(tmp_path)
    rows = run(tmp_path, updated(old))
    assert {key: row.state for key, row in rows.items() if row.job.kind == "video"} == {
        "v00-new": KEPT,
        "v10-new": KEPT,
        "v01-new": DONE,  # only what was not there is made, with the stages it needs
        "v11-new": DONE,
    }
    assert rows["s0-new"].state == UNNEEDED and rows["s1-new"].state == DONE
    made = {key for _, key in log(tmp_path) - before}
    assert made == {"d0-new", "d1-new", "s1-new", "v01-new", "v11-new"}
    before = log(tmp_path)
    assert {row.state for row in run(tmp_path, updated(old)).values()} == {DONE, KEPT, UNNEEDED}
    assert log(tmp_path) == before  # again: nothing
    assert {row.state for row in run(tmp_path, updated(old), overwrite=True).values()} == {DONE}
    assert {key for _, key in log(tmp_path) - before} == {"s0-new", "v00-new", "v10-new"}
    before = log(tmp_path)
    run(tmp_path, updated(old), overwrite=True)
    assert log(tmp_path) == before  # nothing is made twice in one version


def test_a_table_of_before_there_were_wishes(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "jobs.sqlite")) as rows:
        rows.execute(jobs_module._TABLES.replace("wish TEXT NOT NULL DEFAULT ''", "old TEXT"))
        columns = "INSERT INTO jobs (key, kind, name, output, task, needs, state) VALUES (?, ?, ?, ?, ?, ?, 'done')"
        rows.execute(columns, ("v", "video", "a", str(tmp_path / "v00.mp4"), "{}", "[]"))
        rows.commit()
    (tmp_path / "v00.mp4").write_text("of an old version")
    assert read_done(tmp_path) == {"v": ""}
    jobs = [dataclasses.replace(job, wish="w") for job in make_jobs(tmp_path, 1, 1)]
    assert "made otherwise" in run(tmp_path, jobs)["v00"].error
    assert run(tmp_path, jobs, overwrite=True)["v00"].state == DONE


def test_two_batches_in_one_folder_are_refused(tmp_path: Path) -> None:
    table = JobTable(tmp_path)
    with pytest.raises(DancegenError, match="another batch is at work"):
        JobTable(tmp_path)
    table.close()
    JobTable(tmp_path).close()


def test_a_broken_table_is_said(tmp_path: Path) -> None:
    (tmp_path / "jobs.sqlite").write_bytes(b"not a database" * 100)
    with pytest.raises(DancegenError, match="is not a jobs table"):
        JobTable(tmp_path)


KILLED_RUN = """
import sys
from pathlib import Path
from types import SimpleNamespace
sys.path.insert(0, {tests!r})
from test_batch_jobs import make_jobs, run
if __name__ == "__main__":
    folder = Path({folder!r})
    run(folder, make_jobs(folder, v10=dict(sleep=900), v11=dict(sleep=900)))
"""


def wait_for(condition: Callable[[], bool], seconds: float = 300.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def test_a_killed_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    script = tmp_path / "run.py"
    script.write_text(KILLED_RUN.format(tests=str(Path(__file__).parent), folder=str(tmp_path)))
    process = subprocess.Popen([sys.executable, script], env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
    wait_for(lambda: {("begin", "v10"), ("begin", "v11")} <= set(log(tmp_path)))
    workers = {int(line.split()[2]) for line in (tmp_path / "log.txt").read_text().splitlines()}
    process.send_signal(signal.SIGKILL)
    process.wait()
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers))  # workers end with their parent
    rows = run(tmp_path, make_jobs(tmp_path))
    assert {row.state for row in rows.values()} == {DONE}
    counts = log(tmp_path)
    assert all(count == 1 for (what, _), count in counts.items() if what == "end")
    assert {key for (what, key), count in counts.items() if what == "begin" and count == 2} == {"v10", "v11"}


def test_workers_fit_the_machine() -> None:
    assert fitting_workers(1) == 1
    assert 1 <= fitting_workers(1000) <= (os.cpu_count() or 1)
    assert fitting_workers(1000, gpus=3) <= 3


def test_workers_share_the_gpus_that_the_user_left() -> None:
    assert [visible_gpu(number, None) for number in (0, 1)] == ["0", "1"]
    assert [visible_gpu(number, "2, 5") for number in (0, 1)] == ["2", "5"]


def test_a_gpu_that_is_named_gets_one_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_local, "free_memory", lambda: None)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(8), raising=False)
    assert [_engine("local", 20, 0, None, device).free() for device in ("cpu", "cuda:1")] == [8, 1]
    assert _engine("local", 20, 3, None, "cuda:1").free() == 3  # as asked for


def test_a_worker_that_dies_is_told_where_there_is_no_sigkill(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(signal, "SIGKILL")
    for code, said in (
        (-9, "was killed (signal 9, out of memory?)"),
        (-11, "was killed (signal 11)"),
        (3, "ended (3)"),
    ):
        process = SimpleNamespace(is_alive=lambda: False, exitcode=code)
        pipe = SimpleNamespace(poll=lambda: False)
        worker = engine_local._Worker(process, pipe, "process 1", Job("key", "dance", "name", Path("out"), {}))
        result = LocalEngine._result(worker)
        assert result is not None and result.lost and result.error == f"its worker {said}"
