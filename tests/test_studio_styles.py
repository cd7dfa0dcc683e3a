"""The studio's own styles: learnt from captured clips beside other work, stopped, gone on with, danced."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Ran

from dancegen.dances.read_dance import read_dance

pytest.importorskip("starlette", reason="needs the extra [studio]")
pytest.importorskip("uvicorn", reason="needs the extra [studio]")

from studio_tools import Open, one_line

from tests.test_style_learning import dance_of, swinging

MOON = "moon.style.safetensors"
WANTED: dict[str, Any] = {"name": "moon", "clips": ["a.mp4", "b.mp4"], "steps": 4}


@pytest.fixture
def with_clips(filled: Open, pose_clip: Path) -> Open:
    """`filled`, with two clips that were captured."""
    for name, dance in (("a", swinging(14)), ("b", swinging(12, 0.6, 0.3))):
        shutil.copy(pose_clip, filled.folder / "clips" / f"{name}.mp4")
        dance_of(filled.folder / "clips" / f"{name}.mp4.dance.json", dance)
    return filled


def style(studio: Open) -> dict[str, Any]:
    """What is told of the style."""
    return next(one for one in studio.json("GET", "/api/state")["learnt"] if one["name"] == MOON)


def wait(studio: Open, what: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The style, when something is true of it."""
    for _ in range(2400):
        if what(found := style(studio)):
            return found
        time.sleep(0.05)
    raise AssertionError(found)


def test_a_style_is_learnt_beside_the_work_and_danced(
    with_clips: Open, run_main: Callable[..., Ran], tmp_path: Path
) -> None:
    assert with_clips.json("POST", "/api/styles", WANTED)["name"] == MOON
    assert with_clips.json("POST", "/api/styles", WANTED)["job"] == style(with_clips)["job"]["number"]  # not twice
    with_clips.json("POST", "/api/songs/beat.wav/edit", {"do": "mirror", "bars": [[1, 1]]})  # meanwhile
    assert wait(with_clips, lambda one: one["state"] in ("done", "failed"))["there"], style(with_clips)
    asked = {"takes": 1, "seed": 3, "style": MOON, "style_amount": 0.5}
    name = with_clips.json("POST", "/api/songs/beat.wav/dance", asked)["name"]
    assert with_clips.json("GET", f"/api/dances/{name}")["takes"][0]["style"] == MOON
    out, file = tmp_path / "a.dance.json", with_clips.folder / "styles" / MOON
    weights = [f"--weights={role}={what}" for role, what in with_clips.studio.usual["weights"].items()]
    words = ["--seed", 3, "--style", file, "--style-amount", 0.5, "--offline", "--device", "cpu", *weights]
    ran = run_main("dance", with_clips.folder / "songs" / "beat.wav", "-o", out, *words)
    assert ran.status == 0, ran.err
    assert read_dance(out).takes[0].skeleton.joints.tobytes() == one_line(with_clips).takes[0].skeleton.joints.tobytes()
    with_clips.json("POST", "/api/songs/beat.wav/edit", {"do": "redo", "seed": 4, "style": MOON, "bars": [[1, 1]]})
    edits = with_clips.json("GET", f"/api/dances/{name.replace('3', '4')}")["takes"][0]["edits"]
    assert edits[0]["style"] == MOON
    film = with_clips.json("POST", "/api/videos", {"size": 64, "fps": 5.0, "style": MOON})
    assert with_clips.wait(film["name"], "done", "failed")["state"] == "done"


def test_learning_that_is_stopped_goes_on_and_what_cannot_be_is_refused(with_clips: Open) -> None:
    long = {**WANTED, "steps": 5000}
    with_clips.json("POST", "/api/styles", long)
    job = wait(with_clips, lambda one: one["job"]["doing"] == "learning the style" and one["job"]["done"] > 2)["job"]
    assert job["total"] == 5000 and with_clips.json("DELETE", f"/api/jobs/{job['number']}")["stopped"]
    stopped = wait(with_clips, lambda one: one["state"] == "stopped")
    assert not stopped["there"] and stopped["clips"] == long["clips"] and stopped["steps"] == 5000
    with_clips.json("POST", "/api/styles", {name: stopped[name] for name in ("name", "clips", "steps")})
    again = wait(with_clips, lambda one: one["state"] == "running" and one["job"]["doing"] == "learning the style")
    with_clips.json("DELETE", f"/api/jobs/{again['job']['number']}")
    for wrong in ({"name": " "}, {"clips": []}, {"clips": ["no.mp4"]}, {"steps": 0.5}, {"steps": 10**9}):
        assert with_clips.refused("POST", "/api/styles", {**WANTED, **wrong})
    (with_clips.folder / "clips" / "b.mp4.dance.json").unlink()
    assert "not captured yet" in with_clips.refused("POST", "/api/styles", WANTED)
