"""A request: checked as a whole, to JSON and back, from the command line and from a file."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import ROOT, Ran

from dancegen import Request
from dancegen.assets.example import POSE
from dancegen.errors import DancegenError
from dancegen.production.request_json import check_fields
from dancegen.video.comment import read_comment

A, ME = Path("a.wav"), Path("me.png")
EVERYTHING: dict[str, Any] = {
    **{
        "start": 1.5,
        "duration": 4.0,
        "seed": 7,
        "style": "tango",
        "style_amount": 0.5,
        "turns": 1.0,
        "size": 256,
        "fps": 25.0,
        "crf": 20,
    },
    **{"preview": True, "tempo": "half", "beats": Path("beats.txt"), "pose": Path("p.json"), "mask": Path("m.png")},
    **{"people": "1,3", "weights": {"renderer.puppet": "puppet"}, "device": "cpu", "offline": True, "force": True},
    **{"choreographer": "mine:load", "renderer": "skeleton"},
}


def test_json_and_back() -> None:
    for request in (Request(A, ME), Request(A, ME, **EVERYTHING), Request(A, ME, dance=Path("d.json"), take=2)):
        stored = json.loads(json.dumps(request.to_json()))
        assert Request.from_json(stored) == request
    assert None not in Request(A, ME).to_json().values()


def test_paths_are_meant_from_the_file(tmp_path: Path) -> None:
    (tmp_path / "mine.safetensors").touch()
    content = {
        "song": "a.wav",
        "picture": "/there/me.png",
        "mask": "m.png",
        "weights": {"renderer": "mine.safetensors"},
    }
    request = Request.from_json(content, tmp_path)
    assert (request.song, request.picture, request.mask) == (tmp_path / A, Path("/there/me.png"), tmp_path / "m.png")
    assert request.weights == {"renderer.puppet": str(tmp_path / "mine.safetensors")}
    named = Request.from_json({**content, "weights": {"renderer": "puppet"}}, tmp_path)
    assert named.weights == {"renderer.puppet": "puppet"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"song": "a.wav"}, "names no picture"),
        ({"song": "a.wav", "picture": "me.png", "sise": 3}, "has no 'sise'"),
        ({"song": "a.wav", "picture": "me.png", "size": "3"}, 'size must be a whole number, not "3"'),
        ({"song": "a.wav", "picture": "me.png", "size": True}, "size must be a whole number, not true"),
        ({"song": "a.wav", "picture": "me.png", "fps": None}, "fps must be a number, not null"),
        ({"song": "a.wav", "picture": "me.png", "offline": 1}, "offline must be true or false, not 1"),
        ({"song": 5, "picture": "me.png"}, "song must be a file's name, not 5"),
        ({"song": "a.wav", "picture": "me.png", "weights": {"renderer": 3}}, "weights must be texts by role"),
        ({"song": "a.wav", "picture": "me.png", "version": 99}, "version 99, not 1: upgrade dancegen"),
        ({"song": "a.wav", "picture": "me.png", "size": 10}, "--size must be 64 to 2048, not 10"),
    ],
)
def test_json_that_is_no_request(content: dict[str, Any], said: str) -> None:
    with pytest.raises(DancegenError) as caught:
        Request.from_json(content)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"start": -1.0}, "--start -1 is not a time"),
        ({"duration": 0.1}, "--duration 0.1 is too short"),
        ({"tempo": "fast"}, "choose half or double"),
        ({"take": 2}, "--take is a take of a dance file"),
        ({"dance": Path("d.json"), "seed": 3}, "--seed does not go with --dance"),
        ({"dance": Path("d.json"), "style": "tango"}, "--style does not go with --dance"),
        ({"choreographer": "nobody"}, "--choreographer nobody is not known: choose stg-mamba"),
        (
            {"renderer": "nobody"},
            "--renderer nobody is not known: choose auto or avatar or puppet or skeleton or wan-animate",
        ),
        ({"detector": "nobody"}, "--detector nobody is not known: choose dwpose"),
        ({"detector": "network", "pose": Path("p.json")}, "--detector does not go with --pose"),
        ({"people": "both"}, "--people must be largest"),
        ({"weights": {"painter": "x"}}, "weights have no role 'painter'"),
        ({"canvas": "720"}, "--canvas must be WIDTHxHEIGHT, not '720'"),
        ({"canvas": "721x1280"}, "even sides of 64 to 2048, not 721x1280"),
        ({"canvas": "720x1280", "size": 256}, "--size does not go with --canvas"),
        ({"fit": "crop"}, "--fit crop only goes with --canvas"),
        ({"canvas": "720x1280", "fit": "squeeze"}, "--fit must be pad or crop"),
    ],
)
def test_what_cannot_be(options: dict[str, Any], said: str) -> None:
    with pytest.raises(DancegenError) as caught:
        Request(A, ME, **options)
    assert said in str(caught.value)


def test_fields_of_a_part_are_checked_too() -> None:
    assert check_fields({"fps": 25}, Path()) == {"fps": 25.0}
    assert {one.name for one in fields(Request)} >= EVERYTHING.keys()
    assert replace(Request(A, ME), seed=4).seed == 4


def test_a_file_says_what_the_command_line_does_not(
    run_main: Callable[..., Ran], beat_song: Path, picture: Path, quick: tuple[str, ...], tmp_path: Path
) -> None:
    file, out = tmp_path / "wanted.json", tmp_path / "a.mp4"
    content = {"song": str(beat_song), "picture": str(picture), "seed": 5, "fps": 4, "duration": 1, "preview": True}
    file.write_text(json.dumps(content))
    ran = run_main("render", "--request", file, "-o", out, *quick, "--seed", 0)
    assert ran.status == 0 and "5 frames" in ran.out, ran.err  # --fps 5 of the command line
    told = read_comment(out)
    assert told["seed"] == 0 and told["preview"] is True  # the one typed, though it is the default; the other's
    for broken, said in (("{", "is not whole JSON"), ("[]", "holds no JSON object"), ('{"sise": 1}', "has no 'sise'")):
        file.write_text(broken)
        ran = run_main("render", "--request", file, "-o", tmp_path / "b.mp4")
        assert ran.status == 1 and said in ran.err and str(file) in ran.err and ran.err.count("\n") == 1
    assert "no such" in run_main("render", "--request", tmp_path / "none.json").err.lower()
    assert run_main("render", beat_song).status == 2  # a picture is missing


def test_dancegen_is_light_until_it_is_used() -> None:
    code = (
        "import sys, dancegen\n"
        "assert not {'torch', 'numpy', 'typer'} & sys.modules.keys()\n"
        "from dancegen import Request\n"
        "assert not {'torch', 'numpy', 'typer'} & sys.modules.keys()\n"
        "from dancegen import frames, produce, render_dance\n"
        "assert not hasattr(dancegen, 'nothing')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr


def test_the_names_of_version_0_1_0_still_work(
    beat_song: Path, picture: Path, tiny_weights: Path, tmp_path: Path
) -> None:
    with pytest.warns(DeprecationWarning, match="dancegen.networks is deprecated"):
        networks = importlib.reload(importlib.import_module("dancegen.networks"))
    with pytest.warns(DeprecationWarning, match="dancegen.pipeline is deprecated"):
        pipeline = importlib.reload(importlib.import_module("dancegen.pipeline"))
    loaded = networks.load_networks({"choreographer": str(tiny_weights)}, device="cpu", roles=["choreographer"])
    settings = pipeline.Settings(seed=3, size=64, fps=5.0, preview=True)
    how: dict[str, Any] = {"settings": settings, "networks": loaded, "pose": POSE, "weights": None, "duration": 1.0}
    made = pipeline.render_dance(beat_song, picture, tmp_path / "a.mp4", **how)
    assert made.path == tmp_path / "a.mp4" and made.frames == 5 and made.facts["seed"] == 3
    given: dict[str, Any] = {"dance": made.dance, "grid": made.grid, "subject": made.subject, "overwrite": True}
    again = pipeline.render_dance(beat_song, picture, tmp_path / "a.mp4", **how, **given)
    assert again.dance is made.dance and again.subject is made.subject
    with pytest.raises(DancegenError, match="--size must be 64 to 2048, not 10"):
        pipeline.Settings(size=10)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"seed": "x"}, "seed must be a whole number, not 'x'"),
        ({"seed": True}, "seed must be a whole number"),
        ({"size": 100.5}, "size must be a whole number"),
        ({"fps": "10"}, "fps must be a number"),
        ({"start": None}, "start must be a number"),
        ({"duration": "3"}, "duration must be a number"),
        ({"canvas": 3}, "canvas must be a text"),
        ({"people": 1}, "people must be a text"),
        ({"background": 3}, "background must be a text"),
        ({"weights": 3}, "weights must be texts by role"),
        ({"dance": 3}, "dance must be a file's name"),
    ],
)
def test_values_of_another_type_are_refused_in_python_too(options: dict[str, Any], said: str) -> None:
    with pytest.raises(DancegenError, match=said):
        Request("song.wav", "me.png", **options)  # type: ignore[arg-type]


def test_numbers_of_numpy_will_do() -> None:
    assert Request("song.wav", "me.png", size=np.int64(256), fps=np.float32(10)).size == 256  # type: ignore[arg-type]


def test_the_plain_style_of_0_1_0_is_auto() -> None:
    assert Request("song.mp3", "me.jpg", style="none").style == "auto"
