"""`dancegen weights ...` as the user runs it: another process, a Hub on loopback, its words and its exit status."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fake_hub import COMMIT, FakeHub, Fault, environment_for, running_hub

from dancegen.choreography.config import ChoreographerConfig
from dancegen.weights.checkpoint import save_checkpoint
from dancegen.weights.manifest import Entry

BOXES, KEYPOINTS = (np.random.default_rng(seed).bytes(1_200_000) for seed in (1, 2))
# The program with another manifest than its own.
RUN = """
import sys
from pathlib import Path
from dancegen.weights import manifest
manifest.manifest_file = lambda: Path(sys.argv[1])
from dancegen.cli import main
main(sys.argv[2:])
"""


class Program:
    """The program, its Hub and its folders."""

    def __init__(self, hub: FakeHub, home: Path) -> None:
        self.hub, self.home = hub, home
        self.manifest = home / "weights_manifest.json"
        self.entries: list[Entry] = []

    def list(self, *entries: Entry) -> None:
        self.entries = [*entries]
        self.manifest.write_text(json.dumps({"weights": [dataclasses.asdict(entry) for entry in entries]}))

    def __call__(self, *arguments: str, **environment: str) -> tuple[int, str, str]:
        variables = {**os.environ, **environment_for(self.hub, self.home), "PYTHONPATH": str(Path(__file__).parents[1])}
        done = subprocess.run(
            [sys.executable, "-c", RUN, str(self.manifest), "weights", *arguments],
            env={**variables, **environment}, capture_output=True, text=True, timeout=60, cwd=self.home,
        )  # fmt: skip
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode, done.stdout, done.stderr


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    with running_hub() as hub:
        program = Program(hub, tmp_path)
        boxes = hub.add(BOXES, "boxes.onnx", name="find-boxes")
        program.list(boxes, hub.add(KEYPOINTS, "folder/keypoints.onnx", name="find-keypoints"))
        yield program


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    import torch

    path = tmp_path / "My Net.safetensors"
    save_checkpoint(path, {"weight": torch.zeros(3)}, ChoreographerConfig())
    return path


def test_from_nothing_to_offline_use(program: Program) -> None:
    """list, path, download, list, verify, path: and at the end no network is needed."""
    code, out, _ = program("list")
    assert code == 0
    assert out.count("not downloaded") == 2
    code, out, err = program("path", "find-boxes")
    assert (code, out) == (1, "")
    assert "run `dancegen weights download find-boxes`" in err
    assert program.hub.requests == []

    code, out, err = program("download", "--all")
    assert code == 0, err
    assert "1 MB, licence Apache-2.0" in err
    paths = [Path(line.split(": ", 1)[1]) for line in out.splitlines()]
    assert [path.read_bytes() for path in paths] == [BOXES, KEYPOINTS]
    asked = len(program.hub.requests)

    code, out, _ = program("list")
    assert "not downloaded" not in out
    assert out.count("yes") == 2
    code, out, _ = program("path", "find", HF_HUB_OFFLINE="1")
    assert (code, out.split("\n")[:2]) == (0, [str(path) for path in paths])
    code, out, _ = program("verify")
    assert (code, out.count(": ok")) == (0, 2)
    assert program("download", "find", "--offline")[0] == 0
    assert len(program.hub.requests) == asked


def test_verify_finds_and_removes_damage_that_left_size_and_time(program: Program) -> None:
    path = Path(program("download", "find-boxes")[1].strip().split(": ", 1)[1]).resolve()
    stat = path.stat()
    path.write_bytes(KEYPOINTS)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    code, _, err = program("verify")
    assert code == 1
    assert f"find-boxes: expected sha256 {program.entries[0].sha256}, found {program.entries[1].sha256}" in err
    assert not path.exists()
    assert program("download", "find-boxes")[0] == 0
    assert path.read_bytes() == BOXES


def test_list_shows_damage(program: Program) -> None:
    path = Path(program("download", "find-boxes")[1].strip().split(": ", 1)[1]).resolve()
    path.write_bytes(b"short")
    assert "not yet" in program("list")[1], "changed since it was hashed"


def test_faults_are_one_line_and_exit_1(program: Program) -> None:
    program.hub.order(Fault("corrupt"), 9)
    code, out, err = program("download", "find-boxes")
    last = err.strip().splitlines()[-1]
    assert (code, out) == (1, "")
    assert last.startswith("dancegen: find-boxes is not the file of the manifest: expected sha256")
    program.hub.faults.clear()
    program.hub.order(Fault("status", "HEAD", 404, "EntryNotFound"))
    assert "has no file boxes.onnx" in program("download", "find-boxes")[2]
    assert "no weights called 'nothing'" in program("download", "nothing")[2]
    assert "--all" in program("download")[2]


def test_use_and_back(program: Program, checkpoint: Path) -> None:
    code, out, err = program("use", checkpoint.name)
    assert code == 0, err
    assert str(checkpoint) in out
    assert "My Net.safetensors (yours)" in program("list")[1]
    assert program("path", "choreographer")[1].strip() == str(checkpoint)
    assert program("use", "--shipped", "choreographer")[0] == 0
    assert "yours" not in program("list")[1]
    assert "no role 'painter'" in program("use", "--shipped", "painter")[2]
    (program.home / "net.pt").write_bytes(b"x")
    assert "is a pickle, which can run code" in program("use", "net.pt")[2]


def test_publish_and_fetch_back(program: Program, checkpoint: Path) -> None:
    card = checkpoint.with_suffix(".md")
    card.write_text("# My net\n\nLicence: MIT.\n")
    arguments = ("publish", checkpoint.name, "--repo", "me/nets", "--licence", "MIT")

    code, out, err = program(*arguments, "--dry-run")
    assert code == 0, err
    assert "would send to me/nets" in out
    assert "my-net.safetensors" in out
    assert program.hub.requests == []

    code, out, err = program(*arguments, HF_TOKEN="hf_test")
    assert code == 0, err
    entry = Entry(**json.loads(out))
    assert (entry.repo_id, entry.revision, entry.licence, entry.role) == ("me/nets", COMMIT, "MIT", "choreographer")
    assert program.hub.files[("me/nets", "my-net.safetensors")] == checkpoint.read_bytes()
    sent_card = program.hub.files[("me/nets", "README.md")].decode()
    assert sent_card.startswith("---\nlicense: mit\n")
    assert "# My net" in sent_card

    program.list(entry)
    code, out, err = program("download", entry.name)
    assert code == 0, err
    assert Path(out.strip().split(": ", 1)[1]).read_bytes() == checkpoint.read_bytes()


def test_publish_refuses(program: Program, checkpoint: Path) -> None:
    arguments = ("publish", checkpoint.name, "--repo", "me/nets")
    assert "licence" in program(*arguments)[2]
    assert "no model card" in program(*arguments, "--licence", "MIT")[2]
    checkpoint.with_suffix(".md").write_text("card")
    assert "give ORG/NAME" in program("publish", checkpoint.name, "--repo", "nets", "--licence", "MIT")[2]
    assert "on the Hub already" in program("publish", "find-boxes", "--repo", "me/nets")[2]
    assert "offline mode forbids" in program(*arguments, "--licence", "MIT", "--offline")[2]
    assert program.hub.requests == []
    program.hub.may_write = False
    code, _, err = program(*arguments, "--licence", "MIT")
    assert code == 1
    assert "does not let you write to me/nets (401)" in err
    assert "hf auth login" in err
