"""Batch folders as people have them: of an older version, with equal, hidden and oddly named files."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from old_batch import VIDEOS, restore, write_inputs
from PIL import Image

from dancegen.assets.example import PICTURE, POSE
from dancegen.ffmpeg import DEMUXERS, ffmpeg_program
from dancegen.files import PICTURES, SONGS
from dancegen.images.picture import FORMATS

OLD = ("--preview", "--size", 64, "--fps", 5, "--duration", 1, "--device", "cpu", "--offline")


def planned(out: str) -> dict[str, str]:
    """File -> state of the videos in what --dry-run says."""
    return {found[1]: found[2] for found in re.finditer(r"^video +(\S+) +(.*)$", out, re.M)}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_folder_of_version_0_1_0_goes_on(here: Path, run_main: Callable) -> None:
    write_inputs(here)
    restore(here / "out")
    stamps = [(here / "out" / name).stat().st_mtime_ns for name in VIDEOS]
    ran = run_main("batch", "songs", "pics", "-o", "out", *OLD)
    assert ran.status == 0, ran.err
    assert "0 videos made" in ran.out and "2 there before, 0 failed" in ran.out
    assert "2 videos made by another version of dancegen or of its weights, kept" in ran.out
    assert [(here / "out" / name).stat().st_mtime_ns for name in VIDEOS] == stamps
    (here / "pics" / "third.bmp").write_bytes(b"new")
    states = planned(run_main("batch", "songs", "pics", "-o", "out", *OLD, "--dry-run").out)
    assert states["tune--third.mp4"] == "to do" and all("another version" in states[name] for name in VIDEOS)
    states = planned(run_main("batch", "songs", "pics", "-o", "out", *OLD, "--crf", 30, "--dry-run").out)
    assert all(states[name].startswith("made otherwise: --overwrite") for name in VIDEOS)


def test_equal_files_under_two_names_are_two_videos(here: Path, run_main: Callable) -> None:
    for folder, names in (("songs", ("alpha.wav", "beta.wav")), ("pics", ("me.png", "you.png"))):
        (here / folder).mkdir()
        for name in names:
            (here / folder / name).write_text(f"the same {folder}")
    ran = run_main("batch", "songs", "pics", "-o", "out", "--dry-run")
    assert ran.out.startswith("4 videos from 1 choreography and 1 picture analysis")
    assert set(planned(ran.out)) == {f"{s}--{p}.mp4" for s in ("alpha", "beta") for p in ("me", "you")}
    (here / "pairs.csv").write_text("songs/alpha.wav,pics/me.png\nsongs/beta.wav,pics/you.png\n")
    assert len(planned(run_main("batch", "pairs.csv", "-o", "out", "--dry-run").out)) == 2
    (here / "pairs.csv").write_text("songs/alpha.wav,pics/me.png\n" * 2)
    ran = run_main("batch", "pairs.csv", "-o", "out", "--dry-run")
    assert len(planned(ran.out)) == 1 and "1 pair would be the same video under the same name" in ran.err


def test_names_that_begin_with_a_dot_are_no_files(here: Path, run_main: Callable) -> None:
    for name in ("songs/a.wav", "songs/._a.wav", "songs/.DS_Store", "pics/me.png", "pics/._me.png", "pics/cover.txt"):
        (here / name).parent.mkdir(exist_ok=True)
        (here / name).write_text(name)
    ran = run_main("batch", "songs", "pics", "-o", "out", "--dry-run")
    assert list(planned(ran.out)) == ["a--me.mp4"] and "._" not in ran.err
    assert "note: pics: cover.txt not taken: by their endings they are no pictures" in ran.err


def test_a_name_that_is_no_utf8_costs_its_own_videos_at_most(here: Path, run_main: Callable, quick: tuple) -> None:
    (here / "songs").mkdir()
    odd = Path(os.fsdecode(b"songs/bad\xff.wav"))
    try:
        odd.write_text("no sound")
    except OSError:
        pytest.skip("this file system wants names in UTF-8")
    (here / "songs" / "zero.wav").symlink_to("/dev/zero")
    (here / "songs" / "good.wav").write_text("no sound either")
    shutil.copy(PICTURE, here / "me.png")
    shutil.copy(POSE, here / "me.pose.json")
    tiny = quick[1]
    ran = run_main("batch", "songs/*.wav", "me.png", "-o", "out", "--workers", 1, "--weights", tiny, *OLD)
    assert ran.status == 1 and "a fault of dancegen's own" not in ran.err
    assert re.search(r"^dance +bad\\udcff.wav .*\ndance +good.wav .*is not a sound file", ran.out, re.M)
    assert "zero.wav not taken: a link to nothing, or no file" in ran.err


def test_a_folder_gives_every_ending_that_render_opens() -> None:
    Image.init()
    known = {ending[1:] for ending, kind in Image.registered_extensions().items() if kind in FORMATS}
    assert known <= set(PICTURES) and {"heic", "heif"} <= set(PICTURES)
    told = [
        subprocess.run([ffmpeg_program(), "-hide_banner", "-h", f"demuxer={name}"], capture_output=True, text=True)
        for name in DEMUXERS
    ]
    found = [re.search(r"Common extensions: (.*)\.", one.stdout) for one in told]
    lists = [one[1].split(",") for one in found if one]
    no_songs = {"ism", "mks"}  # a list of servers, subtitles
    assert len(lists) > 20 and {ending for endings in lists for ending in endings} - no_songs <= {*SONGS, *PICTURES}
    assert not set(SONGS) & set(PICTURES)
