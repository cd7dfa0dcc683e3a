"""The studio's clips: captured beside other work, danced to a song, put into bars, danced like; and bars filled."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Ran

from dancegen.dances.dance_file import write_dance
from dancegen.dances.read_dance import read_dance

pytest.importorskip("starlette", reason="needs the extra [studio]")
pytest.importorskip("uvicorn", reason="needs the extra [studio]")

from studio_tools import BROKEN, Open, one_line


@pytest.fixture
def with_clip(filled: Open, pose_clip: Path) -> Open:
    """`filled`, with a pose video that was captured."""
    filled.page.put("/api/files/moves.mp4?as=clip", content=pose_clip.read_bytes())
    filled.wait_for_clip("moves.mp4", "done")
    return filled


def test_a_clip_is_captured_beside_the_work_as_the_command_line_does(
    with_clip: Open, run_main: Callable[..., Ran], tmp_path: Path, tiny_vimo: Path
) -> None:
    ours = with_clip.folder / "clips" / "moves.mp4.dance.json"
    out, weights = tmp_path / "a.dance.json", f"capture.vimo={tiny_vimo}"
    ran = run_main("capture", with_clip.folder / "clips" / "moves.mp4", "-o", out, "--weights", weights)
    assert ran.status == 0, ran.err
    assert ours.read_bytes() == out.read_bytes()
    told = with_clip.json("GET", "/api/clips/moves.mp4")
    poses = with_clip.page.get("/api/clips/moves.mp4/1").content
    assert len(poses) == len(read_dance(out).takes[0].skeleton) * 18 * 3 * 4 and told["takes"][0]["from"]
    assert with_clip.page.get("/files/clips/moves.mp4", headers={"range": "bytes=0-9"}).status_code == 206
    before = with_clip.clip("moves.mp4")["captured"]
    with_clip.json("POST", "/api/clips/moves.mp4", {"duration": 1.5, "samples": 1})
    with_clip.wait_for_clip("moves.mp4", "done")
    assert with_clip.clip("moves.mp4")["captured"] != before
    assert with_clip.json("GET", "/api/clips/moves.mp4")["seconds"] == pytest.approx(1.5, abs=0.1)
    for wrong in ({"people": "all"}, {"samples": 99}, {"start": 99}, {"people": 3}, {"duration": "x"}):
        assert with_clip.refused("POST", "/api/clips/moves.mp4", wrong)
    assert "no video" in with_clip.refused("PUT", "/api/files/a.mp4?as=clip", content=BROKEN)
    assert "no video, by its ending" in with_clip.refused("PUT", "/api/files/a.mp3?as=clip", content=BROKEN)


def test_a_clip_that_is_stopped_leaves_nothing(filled: Open, pose_clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = threading.Event()

    def look(clip: Any, asked: Any, reporter: Any) -> Any:
        begun.set()
        while True:
            reporter.advance()
            time.sleep(0.01)

    monkeypatch.setattr("dancegen.web.clips.capture_movement", look)
    filled.page.put("/api/files/moves.mp4?as=clip", content=pose_clip.read_bytes())
    assert begun.wait(30)
    assert filled.json("POST", "/api/songs/beat.wav/edit", {"do": "mirror", "bars": [[1, 1]]})["name"]  # meanwhile
    job = filled.clip("moves.mp4")["job"]
    assert job["done"] > 0 and filled.json("DELETE", f"/api/jobs/{job['number']}")["stopped"]
    filled.wait_for_clip("moves.mp4", "stopped")
    assert [path.name for path in (filled.folder / "clips").iterdir()] == ["moves.mp4"]
    assert "not captured yet" in filled.refused("GET", "/api/clips/moves.mp4")


def test_the_moves_of_a_clip_are_danced_put_into_bars_and_danced_like(with_clip: Open) -> None:
    before = one_line(with_clip)
    number, length = before.default_take, len(before.takes[0].skeleton)
    old = before.take(number).skeleton.joints
    bar = with_clip.json("GET", "/api/dances/beat-1.dance.json")["bars"][1]
    begin, end = (round(bar[side] * before.fps) for side in ("begin", "end"))
    outside = np.r_[0:begin, end:length]
    marked = {"like": "moves.mp4", "bars": [[bar["number"], bar["number"]]]}
    made = {}
    for what in ("redo", "fill", "clip"):
        with_clip.json("POST", "/api/songs/beat.wav/edit", {"do": what, "seed": 3, **marked})
        made[what] = one_line(with_clip).take(number).skeleton.joints
        assert made[what].shape == old.shape and (made[what][begin:end] != old[begin:end]).any()
        with_clip.json("POST", "/api/songs/beat.wav/undo", {})
    for what in ("redo", "fill"):
        assert made[what][outside].tobytes() == old[outside].tobytes(), what
    middle = slice(begin + 25, end - 25)
    body = made["clip"] - made["clip"][:, 8:9]  # the same moves, elsewhere on the floor
    assert np.abs((made["fill"] - made["fill"][:, 8:9])[middle] - body[middle]).max() < 2e-3
    assert (made["clip"][outside] != old[outside]).any()  # the transitions lie around the clip's bars
    held = {"do": "redo", "seed": 3, "hold": "legs", **marked}
    with_clip.json("POST", "/api/songs/beat.wav/edit", held)
    assert one_line(with_clip).take(number).skeleton.joints.tobytes() != made["redo"].tobytes()
    name = with_clip.json("POST", "/api/songs/beat.wav/dance", {"clip": "moves.mp4"})["name"]
    danced = read_dance(with_clip.folder / "dances" / name)
    assert danced.song and danced.song.name == "beat.wav" and danced.takes[0].sources[0].name == "moves.mp4"
    assert "no no.mp4" in with_clip.refused("POST", "/api/songs/beat.wav/dance", {"clip": "no.mp4"})
    assert with_clip.refused("POST", "/api/songs/beat.wav/edit", {"do": "redo", "hold": "head", "bars": [[1, 1]]})


def test_filling_is_what_keeping_all_others_is(with_clip: Open, run_main: Callable[..., Ran], tmp_path: Path) -> None:
    """`dance SONG --keep it@1-1 ...` of the bars that are not marked."""
    told = with_clip.json("GET", "/api/dances/beat-1.dance.json")
    numbers = [bar["number"] for bar in told["bars"]]
    with_clip.json("PUT", "/api/songs/beat.wav/take", {"take": 1})
    old = one_line(with_clip)
    with_clip.json("POST", "/api/songs/beat.wav/edit", {"do": "fill", "seed": 5, "bars": [[numbers[-1], numbers[-1]]]})
    ours = one_line(with_clip).take(1).skeleton.joints
    kept = tmp_path / "kept.dance.json"
    write_dance(kept, dataclasses.replace(old, takes=old.takes[:1], chosen=None))
    weights = [f"{role}={file}" for role, file in with_clip.studio.usual["weights"].items()]
    options = [word for text in weights for word in ("--weights", text)]
    options += ["--keep", f"{kept}@{numbers[0]}-{numbers[-2]}"]
    out = tmp_path / "a.dance.json"
    ran = run_main("dance", with_clip.folder / "songs" / "beat.wav", "-o", out, "--seed", 5, *options)
    assert ran.status == 0, ran.err
    theirs = read_dance(out).take(1).skeleton.joints
    apart = np.abs(theirs - ours).max(axis=(1, 2))
    assert apart.max() < 1e-3  # a file has whole units, of beats too
    every = [[numbers[0], numbers[-1]]]
    assert "nothing is left" in with_clip.refused("POST", "/api/songs/beat.wav/edit", {"do": "fill", "bars": every})
