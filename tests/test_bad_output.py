"""Outputs that cannot be written, or whose writing fails: one clear line, and an earlier file is left alone."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Ran, Render

from dancegen import ffmpeg
from dancegen.errors import DancegenError
from dancegen.report import page as report
from dancegen.video import encode


def test_an_output_over_the_song(run_main: Callable[..., Ran], tmp_path: Path, beat_song: Path, picture: Path) -> None:
    song = tmp_path / "song.mp4"
    song.write_bytes(beat_song.read_bytes())
    ran = run_main("render", song, picture, "-o", song, "--overwrite")
    assert ran.status == 1 and "is an input too" in ran.err and song.read_bytes() == beat_song.read_bytes()


@pytest.mark.parametrize(("out", "said"), [("no/out.mp4", "does not exist"), ("out.xyz", ".webm"), ("out", ".webm")])
def test_outputs_that_cannot_be(render: Render, beat_song: Path, picture: Path, out: str, said: str) -> None:
    ran = render(beat_song, picture, out)
    assert ran.status == 1 and said in ran.err.splitlines()[-1]


def test_an_output_that_exists(run_main: Callable[..., Ran], tmp_path: Path, beat_song: Path, picture: Path) -> None:
    (tmp_path / "out.mp4").write_bytes(b"an earlier video")
    ran = run_main("render", beat_song, picture, "-o", tmp_path / "out.mp4")
    assert ran.status == 1 and "--overwrite" in ran.err and (tmp_path / "out.mp4").read_bytes() == b"an earlier video"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder(run_main: Callable[..., Ran], tmp_path: Path, beat_song: Path, picture: Path) -> None:
    tmp_path.chmod(0o555)
    ran = run_main("render", beat_song, picture, "-o", tmp_path / "out.mp4")
    tmp_path.chmod(0o755)
    assert ran.status == 1 and "cannot be written to" in ran.err


def test_a_folder_that_nobody_may_write_to(run_main: Callable[..., Ran], beat_song: Path, picture: Path) -> None:
    if not Path("/proc/self").is_dir():
        pytest.skip("no /proc here")
    ran = run_main("render", beat_song, picture, "-o", "/proc/self/out.mp4")
    assert ran.status == 1 and "/proc/self cannot be written to" in ran.err.splitlines()[-1]


@pytest.mark.parametrize(
    ("command", "option"), [("dance", "-o"), ("dance", "--sheet"), ("beats", "--plot"), ("render", "--report")]
)
def test_other_files_in_a_folder_that_nobody_may_write_to(
    run_main: Callable[..., Ran], tmp_path: Path, beat_song: Path, picture: Path, command: str, option: str
) -> None:
    """Said before the song is heard, not after the work."""
    if not Path("/proc/self").is_dir():
        pytest.skip("no /proc here")
    place = {"--report": "/proc/self/a.html"}.get(option, "/proc/self/a.png")
    given = () if option == "-o" else ("-o", tmp_path / ("a.mp4" if command == "render" else "a.txt"))
    inputs = (beat_song, picture) if command == "render" else (beat_song,)
    ran = run_main(command, *inputs, *given, option, place)
    assert ran.status == 1 and ran.err.count("\n") == 1 and f"{place} could not be written" in ran.err
    assert not list(tmp_path.iterdir())


def test_a_report_that_fails_does_not_hide_the_video(
    run_main: Callable[..., Ran],
    tmp_path: Path,
    beat_song: Path,
    picture: Path,
    quick: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(path: Path, *_: object) -> None:
        raise DancegenError(f"{path} could not be written (No space left on device)", "free some room there")

    monkeypatch.setattr(report, "write_report", full)
    page = tmp_path / "a.html"
    ran = run_main("render", beat_song, picture, "-o", tmp_path / "a.mp4", *quick, "--preview", "--report", page)
    assert ran.status == 1 and (tmp_path / "a.mp4").is_file()
    assert f"{tmp_path / 'a.mp4'} is made, but {page} could not be written" in ran.err.splitlines()[-1]


def test_a_full_disk_is_seen_before_the_work(render: Render, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encode.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 5 << 20})())
    ran = render()
    assert ran.status == 1 and "5 MB free" in ran.err.splitlines()[-1]


@pytest.mark.parametrize(
    ("complaint", "said"), [("x: No space left on device", "is full"), ("Segmentation fault", "ffmpeg stopped after")]
)
def test_ffmpeg_dies_half_way(
    render: Render, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, complaint: str, said: str
) -> None:
    program = tmp_path / "dying-ffmpeg"
    real = ffmpeg.ffmpeg_program()
    program.write_text(
        f'#!/bin/sh\ncase "$*" in *rawvideo*) head -c 30000 > /dev/null; echo "{complaint}" >&2; exit 9;; esac\n'
        f'exec "{real}" "$@"\n'
    )
    program.chmod(0o755)
    monkeypatch.setattr(encode, "ffmpeg_program", lambda: str(program))
    ran = render()
    assert ran.status == 1 and said in ran.err.splitlines()[-1]
