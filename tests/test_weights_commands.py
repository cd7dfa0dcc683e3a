"""`dancegen weights ...` as the user runs it: another process, a Hub on loopback, its words and its exit status."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from conftest import Ran
from fake_hub import COMMIT, FakeHub, Fault, environment_for, point_client_at, running_hub

from dancegen.choreographers.stg_mamba.config import ChoreographerConfig
from dancegen.progress import SilentReporter
from dancegen.weights import manifest
from dancegen.weights.checkpoint import save_checkpoint
from dancegen.weights.hub import client_speaks_to
from dancegen.weights.manifest import Entry

BOXES, KEYPOINTS = (np.random.default_rng(seed).bytes(1_200_000) for seed in (1, 2))
BOXES_ENTRY = FakeHub().add(BOXES, "boxes.onnx", name="find-boxes")
KEYPOINTS_ENTRY = FakeHub().add(KEYPOINTS, "folder/keypoints.onnx", name="find-keypoints")
# The program with another manifest than its own.
RUN = """
import sys
from pathlib import Path
from dancegen.weights import manifest
manifest.manifest_file = lambda: Path(sys.argv[1])
from dancegen.cli.main import main
main(sys.argv[2:])
"""


@dataclass
class Program:
    """The program, its Hub and its folders."""

    hub: FakeHub
    home: Path
    run_main: Callable[..., Ran]

    @property
    def manifest(self) -> Path:
        return self.home / "weights_manifest.json"

    def list(self, *entries: Entry) -> None:
        self.manifest.write_text(json.dumps({"weights": [dataclasses.asdict(entry) for entry in entries]}))

    def __call__(self, *arguments: str) -> Ran:
        """In this process, which is quick."""
        return self.run_main("weights", *arguments)

    def apart(self, *arguments: str, **environment: str) -> Ran:
        """In a process of its own, which knows the Hub from its environment only."""
        variables = {**os.environ, **environment_for(self.hub, self.home), "PYTHONPATH": str(Path(__file__).parents[1])}
        done = subprocess.run(
            [sys.executable, "-c", RUN, str(self.manifest), "weights", *arguments],
            env={**variables, **environment}, capture_output=True, text=True, timeout=300, cwd=self.home,
        )  # fmt: skip
        assert "Traceback" not in done.stderr, done.stderr
        return Ran(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_main: Callable[..., Ran]) -> Iterator[Program]:
    with running_hub() as hub:
        point_client_at(hub, tmp_path, monkeypatch)
        monkeypatch.chdir(tmp_path)
        program = Program(hub, tmp_path, run_main)
        monkeypatch.setattr(manifest, "manifest_file", lambda: program.manifest)
        program.list(BOXES_ENTRY, KEYPOINTS_ENTRY)
        hub.add(BOXES, "boxes.onnx")
        hub.add(KEYPOINTS, "folder/keypoints.onnx")
        yield program


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    import torch

    path = tmp_path / "My Net.safetensors"
    save_checkpoint(path, {"weight": torch.zeros(3)}, ChoreographerConfig())
    return path


def test_from_nothing_to_offline_use(program: Program) -> None:
    """list, path, download, list, verify, path: and at the end no network is needed."""
    ran = program.apart("list")
    assert ran.status == 0
    assert ran.out.count("not downloaded") == 2
    ran = program.apart("path", "find-boxes")
    assert (ran.status, ran.out) == (1, "")
    assert "run `dancegen weights download find-boxes`" in ran.err
    assert program.hub.requests == []

    ran = program.apart("download", "--all")
    assert ran.status == 0, ran.err
    assert "1 MB, licence Apache-2.0" in ran.err
    paths = [Path(line.split(": ", 1)[1]) for line in ran.out.splitlines()]
    assert [path.read_bytes() for path in paths] == [BOXES, KEYPOINTS]
    asked = len(program.hub.requests)

    ran = program.apart("list")
    assert "not downloaded" not in ran.out
    assert ran.out.count("yes") == 2
    ran = program.apart("path", "find", HF_HUB_OFFLINE="1")
    assert (ran.status, ran.out.split("\n")[:2]) == (0, [str(path) for path in paths])
    ran = program.apart("verify")
    assert (ran.status, ran.out.count(": ok")) == (0, 2)
    assert program.apart("download", "find", "--offline").status == 0
    assert len(program.hub.requests) == asked


def test_verify_finds_and_removes_damage_that_left_size_and_time(program: Program) -> None:
    path = Path(program("download", "find-boxes").out.strip().split(": ", 1)[1]).resolve()
    stat = path.stat()
    path.write_bytes(KEYPOINTS)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    ran = program("verify")
    assert ran.status == 1
    assert f"find-boxes: expected sha256 {BOXES_ENTRY.sha256}, found {KEYPOINTS_ENTRY.sha256}" in ran.err
    assert not path.exists()
    assert program("download", "find-boxes").status == 0
    assert path.read_bytes() == BOXES


def test_list_shows_damage(program: Program) -> None:
    path = Path(program("download", "find-boxes").out.strip().split(": ", 1)[1]).resolve()
    path.write_bytes(b"short")
    assert "not yet" in program("list").out, "changed since it was hashed"


def test_faults_are_one_line_and_exit_1(program: Program) -> None:
    program.hub.order(Fault("corrupt"), 9)
    ran = program("download", "find-boxes")
    last = ran.err.strip().splitlines()[-1]
    assert (ran.status, ran.out) == (1, "")
    assert last.startswith("dancegen: find-boxes is not the file of the manifest: expected sha256")
    program.hub.faults.clear()
    program.hub.order(Fault("status", "HEAD", 404, "EntryNotFound"))
    assert "has no file boxes.onnx" in program("download", "find-boxes").err
    assert "no weights called 'nothing'" in program("download", "nothing").err
    assert "--all" in program("download").err


def test_use_and_back(program: Program, checkpoint: Path) -> None:
    ran = program("use", checkpoint.name)
    assert ran.status == 0, ran.err
    assert str(checkpoint) in ran.out
    assert "My Net.safetensors (yours)" in program("list").out
    assert program("path", "choreographer").out.strip() == str(checkpoint)
    assert program("use", "--shipped", "choreographer").status == 0
    assert "yours" not in program("list").out
    assert "no role 'painter'" in program("use", "--shipped", "painter").err
    (program.home / "net.pt").write_bytes(b"x")
    assert "is a pickle, which can run code" in program("use", "net.pt").err


def test_publish_and_fetch_back(program: Program, checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_test")
    card = checkpoint.with_suffix(".md")
    card.write_text("# My net\n\nLicence: MIT.\n")
    arguments = ("publish", checkpoint.name, "--repo", "me/nets", "--licence", "MIT")

    ran = program(*arguments, "--dry-run")
    assert ran.status == 0, ran.err
    assert "would send to me/nets" in ran.out
    assert "my-net.safetensors" in ran.out
    assert program.hub.requests == []

    ran = program(*arguments)
    assert ran.status == 0, ran.err
    entry = Entry(**json.loads(ran.out))
    assert (entry.repo_id, entry.revision, entry.licence, entry.role) == (
        "me/nets",
        COMMIT,
        "MIT",
        "choreographer.stg-mamba",
    )
    assert program.hub.files[("me/nets", "my-net.safetensors")] == checkpoint.read_bytes()
    sent_card = program.hub.files[("me/nets", "README.md")].decode()
    assert sent_card.startswith("---\nlicense: mit\n")
    assert "# My net" in sent_card

    program.list(entry)
    ran = program("download", entry.name)
    assert ran.status == 0, ran.err
    assert Path(ran.out.strip().split(": ", 1)[1]).read_bytes() == checkpoint.read_bytes()


def test_the_client_draws_no_bars_of_its_own() -> None:
    from huggingface_hub.utils import are_progress_bars_disabled

    before = are_progress_bars_disabled()
    with pytest.raises(RuntimeError), client_speaks_to(SilentReporter()):
        assert are_progress_bars_disabled()
        raise RuntimeError
    assert are_progress_bars_disabled() == before


def test_publish_refuses(program: Program, checkpoint: Path) -> None:
    arguments = ("publish", checkpoint.name, "--repo", "me/nets")
    assert "licence" in program(*arguments).err
    assert "no model card" in program(*arguments, "--licence", "MIT").err
    checkpoint.with_suffix(".md").write_text("card")
    assert "give ORG/NAME" in program("publish", checkpoint.name, "--repo", "nets", "--licence", "MIT").err
    assert "on the Hub already" in program("publish", "find-boxes", "--repo", "me/nets").err
    assert "offline mode forbids" in program(*arguments, "--licence", "MIT", "--offline").err
    assert program.hub.requests == []
    program.hub.may_write = False
    ran = program(*arguments, "--licence", "MIT")
    assert ran.status == 1
    assert "does not let you write to me/nets (401)" in ran.err
    assert "hf auth login" in ran.err
