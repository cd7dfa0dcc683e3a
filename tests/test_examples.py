"""The scripts of the docs run, on small things."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from conftest import ROOT, Ran
from PIL import Image

EXAMPLES = ROOT / "dancegen" / "assets" / "docs" / "examples"
SMALL = {"size": 64, "preview": True, "duration": 2.0, "offline": True}


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_one_song_many_pictures(tmp_path: Path, beat_song: Path, picture: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name in ("a.png", "c.png"):
        (folder / name).write_bytes(picture.read_bytes())
    Image.new("RGB", (80, 80), "white").save(folder / "b.png")  # nobody
    made = script("one_song_many_pictures").main(beat_song, folder, tmp_path / "videos", fps=5, **SMALL)
    assert list(made) == ["a.png", "b.png", "c.png"] and "no person was found" in made["b.png"]
    assert all(Path(made[name]).stat().st_size > 500 for name in ("a.png", "c.png"))


def test_frames_in_a_notebook(beat_song: Path, picture: Path) -> None:
    sheet = script("frames_in_a_notebook").contact_sheet(beat_song, picture, 4, **SMALL)
    assert sheet.width >= 4 * 30 and np.asarray(sheet).max() > 100


def test_own_choreographer(
    tmp_path: Path, run_main: Callable[..., Ran], beat_song: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    out = tmp_path / "bounce.dance.json"
    ran = run_main("dance", beat_song, "--choreographer", "own_choreographer:load", "-o", out, "--offline")
    assert ran.status == 0, ran.err
    from dancegen.dances.read_dance import read_dance

    joints = read_dance(out).takes[0].skeleton.joints
    assert np.ptp(joints[:, 8, 1]) > 0.03, "the hips bounce"
    np.testing.assert_allclose(joints[..., 1].max(axis=1), -0.045, atol=1e-3)
