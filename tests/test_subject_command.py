"""`dancegen subject`: files that can be corrected and given back."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import Ran
from PIL import Image

from dancegen.assets.example import PICTURE, POSE
from dancegen.body.joints import JOINT_NAMES
from dancegen.body.keypoints import read_keypoints

Run = Callable[..., Ran]


@pytest.fixture
def written(tmp_path: Path, run_main: Run) -> Path:
    ran = run_main("subject", PICTURE, "-o", tmp_path / "found", "--pose", POSE, "--offline")
    assert ran.status == 0, ran.err
    for name in JOINT_NAMES:
        assert name.replace("_", " ") in ran.out
    return tmp_path / "found"


def test_writes_pose_mask_and_overlay(written: Path) -> None:
    size = Image.open(PICTURE).size
    mask = Image.open(written / "dancer.mask.png")
    assert mask.mode == "L"
    assert mask.size == size
    assert 0.02 < (np.asarray(mask) > 128).mean() < 0.6
    assert Image.open(written / "dancer.overlay.png").size == size
    (frame,) = read_keypoints(written / "dancer.pose.json")
    (given,) = read_keypoints(POSE)
    assert np.allclose(frame.people[0], given.people[0], atol=0.01)
    assert frame.canvas == size


def test_its_files_are_accepted_back(written: Path, tmp_path: Path, run_main: Run) -> None:
    pose, mask = written / "dancer.pose.json", written / "dancer.mask.png"
    ran = run_main("subject", PICTURE, "-o", tmp_path / "again", "--pose", pose, "--mask", mask, "--offline")
    assert ran.status == 0, ran.err
    again = tmp_path / "again" / "dancer.mask.png"
    assert np.array_equal(np.asarray(Image.open(again)), np.asarray(Image.open(mask)))
    assert json.loads((tmp_path / "again" / "dancer.pose.json").read_text()) == json.loads(pose.read_text())


def test_does_not_overwrite_unasked(written: Path, run_main: Run) -> None:
    before = (written / "dancer.mask.png").stat().st_mtime_ns
    ran = run_main("subject", PICTURE, "-o", written, "--pose", POSE, "--offline")
    assert ran.status == 1
    assert "--overwrite" in ran.err
    assert (written / "dancer.mask.png").stat().st_mtime_ns == before
    assert run_main("subject", PICTURE, "-o", written, "--pose", POSE, "--offline", "--overwrite").status == 0


def test_a_file_as_folder_and_a_bad_picture(tmp_path: Path, run_main: Run) -> None:
    (tmp_path / "file").write_text("x", "utf-8")
    for arguments in ((PICTURE, "-o", tmp_path / "file", "--pose", POSE), (tmp_path / "file", "-o", tmp_path)):
        ran = run_main("subject", *arguments, "--offline")
        assert ran.status == 1
        assert len(ran.err.strip().splitlines()) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file"]
