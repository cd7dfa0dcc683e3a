"""Batches on Ray: nothing is lost, and nobody without the token gets into a cluster that is started here."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import tempfile
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest
from test_batch_jobs import log, make_jobs
from workbench_tools import fake_work

from dancegen.batch import ray_cluster
from dancegen.batch.engine import run_jobs
from dancegen.batch.engine_ray import gpu_share
from dancegen.batch.jobs import DONE, JobTable, Row
from dancegen.errors import DancegenError


def test_ray_workers_fit_on_their_gpus() -> None:
    for workers, gpus in ((3, 2), (2, 2), (1, 4), (7, 3), (5, 0)):
        share = gpu_share(workers, gpus)
        assert share <= 1 and (gpus == 0) == (share == 0)
        assert gpus == 0 or gpus * int(1 / share + 1e-9) >= workers


NEEDS_RAY = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="needs the extra [ray]")


@pytest.mark.parametrize(("on_gpus", "workers", "share"), [(True, 2, 1.0), (False, 4, 0.0)])
def test_ray_reserves_gpus_only_where_they_are_used(
    monkeypatch: pytest.MonkeyPatch, on_gpus: bool, workers: int, share: float
) -> None:
    from dancegen.batch import engine_ray

    asked: list[dict[str, object]] = []
    actor = SimpleNamespace(remote=lambda work: None)
    cluster = SimpleNamespace(
        cluster_resources=lambda: {"CPU": 4.0, "GPU": 2.0},
        put=lambda work: work,
        remote=lambda worker: SimpleNamespace(options=lambda **options: asked.append(options) or actor),
    )
    monkeypatch.setattr(engine_ray, "ray_cluster", lambda workers, address: nullcontext(cluster))
    engine = engine_ray.RayEngine(fake_work, on_gpus=on_gpus)
    assert engine.free() == workers
    assert asked[0]["num_gpus"] == share


@NEEDS_RAY
def test_ray_loses_nothing_and_does_nothing_twice_when_a_worker_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dancegen.batch.engine_ray import RayEngine

    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))  # Ray's workers import us

    jobs = make_jobs(tmp_path, songs=2, pictures=3, v11={"sleep": 3}, v12={"sleep": 3})
    table = JobTable(tmp_path)
    table.plan(jobs)
    engine = RayEngine(fake_work, workers=2)
    killed: list[int] = []

    def watch(rows: list[Row]) -> None:
        begun = [line.split() for line in (tmp_path / "log.txt").read_text().splitlines()] if log(tmp_path) else []
        victim = [int(pid) for what, key, pid in begun if (what, key) == ("begin", "v11")]
        if victim and not killed:
            killed.append(victim[0])
            os.kill(victim[0], signal.SIGKILL)

    try:
        assert len(engine.processes()) == 2
        run_jobs(table, engine, watch)
        rows = {row.job.key: row for row in table.rows()}
    finally:
        engine.close()
        table.close()
    assert killed and {row.state for row in rows.values()} == {DONE}
    assert rows["v11"].attempts == 2 and rows["v10"].attempts == 1
    counts = log(tmp_path)
    assert all(counts["end", job.key] == 1 and job.output.read_text() == job.name for job in jobs)
    assert counts["begin", "v11"] == 2 and sum(count for (what, _), count in counts.items() if what == "begin") == 12


@NEEDS_RAY
@pytest.mark.parametrize("address", ["127.0.0.1:9", "nowhere", "127.0.0.1:99999999"])
def test_a_cluster_that_is_not_there_is_said_at_once(address: str) -> None:
    from dancegen.batch.engine_ray import RayEngine

    with pytest.raises(DancegenError, match="no Ray cluster answers at"):
        RayEngine(fake_work, 1, address)


AUTH = ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")
JOIN = """
import os, sys
os.environ["RAY_BACKEND_LOG_LEVEL"] = "fatal"
import ray
ray.init(address=sys.argv[1], include_dashboard=False, log_to_driver=False, logging_level="error")
print("inside", ray.get(ray.remote(lambda: os.getpid()).remote(), timeout=60))
"""


@pytest.fixture
def no_token(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A user who has no token."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in AUTH:
        monkeypatch.delenv(name, raising=False)


def fake_ray(monkeypatch: pytest.MonkeyPatch, version: str = "2.59.0", **more: object) -> list[dict[str, str | None]]:
    """A module `ray` that notes the environment in which it is started."""
    seen: list[dict[str, str | None]] = []

    def init(**options: object) -> None:
        seen.append({name: os.environ.get(name) for name in AUTH} | {k: str(v) for k, v in options.items()})

    ray = SimpleNamespace(__version__=version, is_initialized=lambda: False, init=init, shutdown=lambda: None, **more)
    monkeypatch.setitem(sys.modules, "ray", ray)
    return seen


def test_a_cluster_of_ours_asks_for_a_token_of_this_run(monkeypatch: pytest.MonkeyPatch, no_token: None) -> None:
    seen = fake_ray(monkeypatch)
    for name, value in zip(AUTH, ("disabled", "known", "/known"), strict=True):
        monkeypatch.setenv(name, value)
    with ray_cluster.ray_cluster(2, None):
        folder = Path(seen[0]["_temp_dir"] or "").parent
        assert folder.parent == Path(tempfile.gettempdir()) and folder.stat().st_mode & 0o777 == 0o700
        assert seen[0]["RAY_AUTH_MODE"] == "token" and seen[0]["RAY_AUTH_TOKEN_PATH"] is None
        assert len(seen[0]["RAY_AUTH_TOKEN"] or "") == 64 and seen[0]["address"] == "local"
        assert os.environ[ray_cluster.ANYBODY] == "0"
    assert [os.environ.get(name) for name in AUTH] == ["disabled", "known", "/known"] and not folder.exists()


def test_the_users_token_is_shown_to_their_cluster(monkeypatch: pytest.MonkeyPatch, no_token: None) -> None:
    seen = fake_ray(monkeypatch)
    monkeypatch.setattr(ray_cluster, "_is_reachable", lambda address: True)

    def asked() -> list[str | None]:
        with ray_cluster.ray_cluster(0, "machine:6379"):
            return [seen[-1][name] for name in AUTH]

    assert asked() == [None, None, None] and seen[0]["address"] == "machine:6379"
    (Path.home() / ".ray").mkdir()
    (Path.home() / ".ray" / "auth_token").write_text("mine")
    assert asked() == ["token", None, None]
    monkeypatch.setenv("RAY_AUTH_TOKEN", "mine")
    assert asked() == ["token", "mine", None]
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    assert asked() == ["disabled", "mine", None]


@pytest.mark.parametrize("version", ["2.40.0", "2.58.1", "1.13.0rc1"])
def test_a_ray_that_lets_everybody_in_is_refused(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    fake_ray(monkeypatch, version)
    with pytest.raises(DancegenError, match="lets anybody on the network in"), ray_cluster.ray_cluster(1, None):
        pass


def join(address: str, **environment: str) -> subprocess.Popen[str]:
    """Another process of this machine that wants into the cluster."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    clean[ray_cluster.ANYBODY] = "0"
    command = [sys.executable, "-c", JOIN, address]
    return subprocess.Popen(
        command, env={**clean, **environment}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )


LOOPBACK = {"0100007F", "0000000000000000FFFF00000100007F"}  # 127.0.0.1 as /proc/net/tcp and tcp6 have it


def offspring(pid: int) -> list[int]:
    """A process and all that it started."""
    children = [path.read_text().split() for path in Path(f"/proc/{pid}/task").glob("*/children")]
    return [pid, *(each for listed in children for child in listed for each in offspring(int(child)))]


def servers(pid: int) -> list[str]:
    """ADDRESS:PORT of the sockets on which a process listens, in hexadecimal."""
    links = [str(path.readlink()) for path in Path(f"/proc/{pid}/fd").iterdir() if path.is_symlink()]
    tables = [Path(f"/proc/{pid}/net/{name}").read_text() for name in ("tcp", "tcp6")]
    rows = [line.split() for table in tables for line in table.splitlines()]
    return [row[1] for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in links]


@NEEDS_RAY
def test_nobody_gets_in_without_the_token(no_token: None) -> None:
    with ray_cluster.ray_cluster(1, None) as ray:
        address, token = ray.get_runtime_context().gcs_address, os.environ["RAY_AUTH_TOKEN"]
        wrong = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0" * 64}
        others = [join(address), join(address, RAY_AUTH_MODE="disabled"), join(address, **wrong)]
        ours = join(address, **{**wrong, "RAY_AUTH_TOKEN": token})
        told = [process.communicate(timeout=300)[0] for process in (*others, ours)]
        files = [path for path in Path(tempfile.gettempdir()).glob("dancegen-ray-*/**/*") if path.is_file()]
        files += [path for path in Path("/proc").glob("[0-9]*/cmdline") if os.access(path, os.R_OK)]
        leaks = [path for path in files if path.exists() and token.encode() in path.read_bytes()]
        listening = [place for pid in offspring(os.getpid()) for place in servers(pid)]
    assert told[:3] == ["", "", ""] and all(process.returncode for process in others)
    assert told[3].startswith("inside")  # so that the refusals are the token's doing
    assert len(files) > 20 and leaks == []
    assert len(listening) > 4 and {place.rpartition(":")[0] for place in listening} <= LOOPBACK, listening
