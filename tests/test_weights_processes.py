"""Downloads by real processes: two at once, killed half-way, on a full disk, into a read-only cache, offline."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fake_hub import FakeHub, Fault, broken_things, environment_for, point_client_at, running_hub

from dancegen.errors import DancegenError
from dancegen.weights import hub as client
from dancegen.weights.manifest import Entry

CONTENT = np.random.default_rng(6).bytes(2_000_000)
FETCH = """
import json, resource, sys
from dancegen.errors import DancegenError
from dancegen.weights.hub import fetch
from dancegen.weights.manifest import Entry
class Notes:
    def stage(self, *_): pass
    def advance(self, *_): pass
    def note(self, text): print("note:", text, file=sys.stderr)
if len(sys.argv) > 2:
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
try:
    print(fetch(Entry(**json.loads(sys.argv[1])), reporter=Notes()))
except DancegenError as error:
    sys.exit(f"error: {error}")
"""
ISOLATED = ["unshare", "--map-root-user", "--mount", "sh", "-e", "-c"]  # mounts that nobody else sees


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    with running_hub() as running:
        yield running


def start(
    hub: FakeHub, home: Path, entry: Entry, *more: str, mounts: str = "", **environment: str
) -> subprocess.Popen[str]:
    """Another process that fetches `entry`; `mounts` are shell commands to run first, in a namespace of its own."""
    command = [sys.executable, "-c", FETCH, json.dumps(dataclasses.asdict(entry)), *more]
    if mounts:
        command = [*ISOLATED, f'{mounts}\nexec "$@"', "sh", *command]
    variables = {
        **os.environ,
        **environment_for(hub, home),
        "PYTHONPATH": str(Path(__file__).parents[1]),
        **environment,
    }
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=variables)


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=300)
    return process.returncode, out.strip(), err


def can_mount() -> bool:
    return bool(shutil.which("unshare")) and subprocess.run([*ISOLATED, "true"], capture_output=True).returncode == 0


needs_mounts = pytest.mark.skipif(not can_mount(), reason="needs mount namespaces")


def test_two_processes_fetch_the_same_file_once(hub: FakeHub, tmp_path: Path) -> None:
    entry = hub.add(CONTENT)
    hub.order(Fault("trickle", pause=0.03), 2)
    both = [start(hub, tmp_path, entry) for _ in range(2)]
    ends = [ended(process) for process in both]
    assert [code for code, _, _ in ends] == [0, 0], ends
    assert ends[0][1] == ends[1][1]
    assert Path(ends[0][1]).read_bytes() == CONTENT
    assert hub.asked("GET") == 1
    assert "another process is fetching net" in ends[0][2] + ends[1][2]
    assert broken_things(tmp_path / "hub", CONTENT) == []


def test_killed_half_way_leaves_nothing_after_the_next_start(hub: FakeHub, tmp_path: Path) -> None:
    entry = hub.add(CONTENT)
    hub.order(Fault("trickle", pause=0.05))
    process = start(hub, tmp_path, entry)
    patience = time.monotonic() + 300
    while hub.sent_pieces < 20 and time.monotonic() < patience:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    assert ended(process)[0] == -signal.SIGKILL
    assert list((tmp_path / "hub").rglob("*.incomplete")), "the kill came too late to test anything"

    code, out, err = ended(start(hub, tmp_path, entry))
    assert code == 0, err
    assert Path(out).read_bytes() == CONTENT
    assert list((tmp_path / "hub").rglob("*.incomplete")) == []
    assert broken_things(tmp_path / "hub", CONTENT) == []


def test_disk_full_on_the_way(hub: FakeHub, tmp_path: Path) -> None:
    """The system refuses bytes after the first 500,000 (a limit on file sizes does it as a full disk would)."""
    entry = hub.add(CONTENT)
    code, _, err = ended(start(hub, tmp_path, entry, "500000"))
    assert code == 1
    assert "is full: net does not fit" in err
    assert "HF_HOME" in err
    assert broken_things(tmp_path / "hub", CONTENT) == []
    code, out, err = ended(start(hub, tmp_path, entry))
    assert (code, Path(out).read_bytes() == CONTENT) == (0, True), err


@needs_mounts
def test_disk_too_small(hub: FakeHub, tmp_path: Path) -> None:
    entry = hub.add(CONTENT)
    (tmp_path / "hub").mkdir()
    mounts = f"mount -t tmpfs -o size=1m tmpfs {tmp_path}/hub"
    code, _, err = ended(start(hub, tmp_path, entry, mounts=mounts))
    assert code == 1
    assert "net needs 2 MB" in err
    assert "has 1 MB left" in err
    assert hub.requests == [], "said before the first byte"


@needs_mounts
def test_disk_filled_by_somebody_else_on_the_way(hub: FakeHub, tmp_path: Path) -> None:
    entry = dataclasses.replace(hub.add(CONTENT), size=1000)  # so that it seems to fit
    (tmp_path / "hub").mkdir()
    mounts = f"mount -t tmpfs -o size=1m tmpfs {tmp_path}/hub"
    code, _, err = ended(start(hub, tmp_path, entry, mounts=mounts))
    assert code == 1
    assert "is full: net does not fit" in err


READ_ONLY = "mount --bind {0} {0}\nmount -o remount,bind,ro {0}"


@needs_mounts
def test_read_only_cache_without_the_file(hub: FakeHub, tmp_path: Path) -> None:
    entry = hub.add(CONTENT)
    code, _, err = ended(start(hub, tmp_path, entry, mounts=READ_ONLY.format(tmp_path)))
    assert code == 1
    assert f"{tmp_path}/hub cannot be written" in err
    assert "HF_HOME" in err
    assert ended(start(hub, tmp_path, entry))[0] == 0


@needs_mounts
def test_read_only_cache_with_the_file_is_used(hub: FakeHub, tmp_path: Path) -> None:
    entry = hub.add(CONTENT)
    assert ended(start(hub, tmp_path, entry))[0] == 0
    shutil.rmtree(tmp_path / "assets")  # nothing is remembered: it must be hashed, and that cannot be written down
    asked = len(hub.requests)
    code, out, err = ended(start(hub, tmp_path, entry, mounts=READ_ONLY.format(tmp_path)))
    assert (code, err) == (0, "")
    assert Path(out).read_bytes() == CONTENT
    assert len(hub.requests) == asked


@needs_mounts
def test_read_only_cache_with_a_damaged_file(hub: FakeHub, tmp_path: Path) -> None:
    entry = hub.add(CONTENT)
    path = Path(ended(start(hub, tmp_path, entry))[1])
    path.resolve().write_bytes(CONTENT[:-1] + b"?")
    code, _, err = ended(start(hub, tmp_path, entry, mounts=READ_ONLY.format(tmp_path)))
    assert code == 1
    assert "cannot be" in err
    code, out, err = ended(start(hub, tmp_path, entry))
    assert (code, Path(out).read_bytes() == CONTENT) == (0, True), err


def test_offline_variable_is_honoured(hub: FakeHub, tmp_path: Path) -> None:
    entry = hub.add(CONTENT)
    code, _, err = ended(start(hub, tmp_path, entry, HF_HUB_OFFLINE="1"))
    assert code == 1
    assert "net (2 MB) is not on this machine" in err
    assert "dancegen weights download net" in err
    assert hub.requests == []
    assert ended(start(hub, tmp_path, entry))[0] == 0
    asked = len(hub.requests)
    code, out, _ = ended(start(hub, tmp_path, entry, HF_HUB_OFFLINE="1"))
    assert (code, Path(out).read_bytes() == CONTENT) == (0, True)
    assert len(hub.requests) == asked


def test_offline_never_opens_a_connection(hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    point_client_at(hub, tmp_path, monkeypatch)
    here, absent = hub.add(CONTENT), hub.add(b"other", "other.onnx", name="other")
    damaged = hub.add(b"third", "third.onnx", name="third")
    client.fetch(here)
    client.fetch(damaged).resolve().write_bytes(b"third, damaged")

    def no_network(*_: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", no_network)
    assert client.fetch(here, offline=True).read_bytes() == CONTENT
    with pytest.raises(DancegenError, match="offline mode forbids"):
        client.fetch(absent, offline=True)
    with pytest.raises(DancegenError, match="expected sha256"):
        client.fetch(damaged, offline=True)


def test_environment_moves_the_cache(hub: FakeHub, tmp_path: Path) -> None:
    entry = hub.add(CONTENT)
    code, out, err = ended(start(hub, tmp_path / "elsewhere", entry))
    assert code == 0, err
    assert Path(out).is_relative_to(tmp_path / "elsewhere" / "hub")
    assert not (tmp_path / "hub").exists()
