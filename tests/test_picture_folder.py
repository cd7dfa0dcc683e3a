"""`--background none -o FOLDER`: numbered PNG files with alpha, whole or not at all, and nothing is destroyed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import Listener, Ran
from PIL import Image
from test_puppet import drawn
from workbench_tools import dance as swinging

from dancegen import Request, frames, produce
from dancegen.errors import DancegenError
from dancegen.production.folder import PictureFolder
from dancegen.production.known import Known
from dancegen.production.sinks import VideoFile, file_or_folder


@pytest.fixture
def request_() -> Request:
    how = {"size": 64, "fps": 5.0, "duration": 1.0, "device": "cpu", "background": "none", "preview": True}
    return Request(Path("beat.wav"), Path("me.png"), **how)


@pytest.fixture
def known() -> Known:
    return Known(dance=swinging(1.0), people=[drawn(300, 200, 120)])


def test_a_folder_of_frames(request_: Request, known: Known, beat_song: Path, tmp_path: Path) -> None:
    request = replace(request_, song=beat_song)
    made = produce(request, PictureFolder(tmp_path / "frames"), known=known)
    files = sorted((tmp_path / "frames").iterdir())
    assert [file.name for file in files] == [f"{number:06d}.png" for number in range(made.frames)]
    for file, frame in zip(files, frames(request, known=known), strict=True):
        stored = Image.open(file)
        assert stored.mode == "RGBA" and np.array_equal(np.asarray(stored), frame)
    assert np.asarray(stored)[..., 3].min() == 0 and np.asarray(stored)[..., 3].max() == 255
    assert json.loads(Image.open(files[0]).text["Comment"]) == json.loads(json.dumps(made.facts))
    assert [path.name for path in tmp_path.iterdir()] == ["frames"]
    (tmp_path / "frames" / "000000.png").write_bytes(b"old")
    with pytest.raises(DancegenError, match="exists"):
        produce(request, PictureFolder(tmp_path / "frames"), known=known)
    produce(replace(request, duration=0.6), PictureFolder(tmp_path / "frames", overwrite=True), known=known)
    assert len(list((tmp_path / "frames").iterdir())) == 3 < made.frames


def test_it_is_whole_or_not_there(request_: Request, known: Known, beat_song: Path, tmp_path: Path) -> None:
    class Pressed(Listener):
        def advance(self, steps: int = 1) -> None:
            super().advance(steps)
            if self.stages[-1] == "drawing" and self.steps == 3:
                raise KeyboardInterrupt

    request = replace(request_, song=beat_song)
    with pytest.raises(KeyboardInterrupt):
        produce(request, PictureFolder(tmp_path / "frames"), Pressed(), known=known)
    assert not list(tmp_path.iterdir())


def test_nothing_else_is_destroyed(request_: Request, tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    (folder / "000000.png").touch()
    (folder / "diary.txt").touch()
    with pytest.raises(DancegenError, match=r"holds other files than frames, such as diary\.txt"):
        PictureFolder(folder, overwrite=True).claim(request_).__enter__()
    inside = replace(request_, picture=folder / "000000.png")
    (folder / "diary.txt").unlink()
    with pytest.raises(DancegenError, match="which would be replaced"):
        PictureFolder(folder, overwrite=True).claim(inside).__enter__()
    (tmp_path / "file").touch()
    with pytest.raises(DancegenError, match="is a file"):
        PictureFolder(tmp_path / "file", overwrite=True).claim(request_).__enter__()
    with pytest.raises(DancegenError, match="does not exist"):
        PictureFolder(tmp_path / "no" / "frames").claim(request_).__enter__()
    with pytest.raises(DancegenError, match="MB free, the frames may need"):
        PictureFolder(tmp_path / "new").reserve((2048, 2048), 10**9)


def test_only_transparent_frames_go_into_a_folder(request_: Request) -> None:
    assert isinstance(file_or_folder("frames", request_), PictureFolder)
    assert isinstance(file_or_folder("a.webm", request_), VideoFile)
    assert isinstance(file_or_folder("frames", replace(request_, background="green")), VideoFile)


def test_from_the_command_line(
    run_main: Callable[..., Ran], beat_song: Path, picture: Path, quick: tuple[str, ...], tmp_path: Path
) -> None:
    clear = ("--background", "none", "--duration", "0.6", *quick)
    ran = run_main("render", beat_song, picture, "-o", f"{tmp_path}/frames/", *clear)
    assert ran.status == 0 and len(list((tmp_path / "frames").iterdir())) == 3, ran.err
    ran = run_main("render", beat_song, picture, "-o", f"{tmp_path}/frames/", *clear)
    assert ran.status == 1 and "exists: add --overwrite" in ran.err
    ran = run_main("render", beat_song, picture, "-o", tmp_path / "other", "--duration", "0.6", *quick)
    assert ran.status == 1 and "has no ending" in ran.err
    ran = run_main("render", beat_song, picture, "-o", tmp_path / "new", "--report", tmp_path / "a.html", *clear)
    assert ran.status == 1 and "--report is a page about a video" in ran.err
    ran = run_main("render", beat_song, picture, "-o", tmp_path / "a.mp4", *clear)
    assert ran.status == 1 and "cannot be transparent" in ran.err
