"""`dancegen export --as` for the large animators: what is written, what is refused, whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import Listener, Ran
from PIL import Image
from workbench_tools import dance, dance_file

from dancegen.assets.example import PICTURE, POSE
from dancegen.dances.dance_file import Take, write_dance
from dancegen.dances.kits.formats import write_kit
from dancegen.errors import DancegenError
from tests.test_kits import material, probe


@pytest.fixture
def files(tmp_path: Path) -> Path:
    write_dance(tmp_path / "d.dance.json", dance_file(seconds=1.0))
    return tmp_path / "d.dance.json"


def exported(run_main: Callable[..., Ran], files: Path, *more: object, kind: str = "controlnet") -> Ran:
    out = files.parent / "kit"
    return run_main("export", files, "--as", kind, "--picture", PICTURE, "--pose", POSE, "-o", out, "-q", *more)


def test_the_command_writes_a_kit_and_replaces_only_kits(run_main: Callable[..., Ran], files: Path) -> None:
    done = exported(run_main, files)
    assert done.status == 0 and "30 poses at 30 a second, without a song (controlnet)" in done.out
    folder = files.parent / "kit"
    assert "without `--song`" in (folder / "README.md").read_text() and not (folder / "song.m4a").exists()
    assert "audio" not in (folder / "workflow.json").read_text()
    refused = exported(run_main, files)
    assert refused.status and "kit exists: add --overwrite" in refused.err
    assert exported(run_main, files, "--overwrite", kind="animate-anyone").status == 0
    assert (folder / "dance_kps.mp4").is_file() and not (folder / "poses.json").exists()
    (folder / "README.md").unlink()
    refused = exported(run_main, files, "--overwrite")
    assert refused.status and "holds other files than a kit" in refused.err and (folder / "dance_kps.mp4").is_file()


def test_what_a_kit_cannot_be_is_said(run_main: Callable[..., Ran], files: Path, tmp_path: Path) -> None:
    def refused(*arguments: object) -> str:
        done = run_main("export", files, "-o", tmp_path / "kit", *arguments)
        assert done.status == 1 and not (tmp_path / "kit").exists()
        return done.err

    assert "--as scail-2 needs a picture" in refused("--as", "scail-2")
    assert "--fps does not go with --as wan-animate" in refused(
        "--as", "wan-animate", "--picture", PICTURE, "--fps", 20
    )
    assert "--driver none is not known" in refused("--as", "scail-2", "--picture", PICTURE, "--driver", "none")
    assert "--song only goes with a kit" in refused("--as", "openpose", "--song", "a.mp3")
    assert "no known kind of export" in refused("--as", "wan")


def test_another_song_is_refused_and_the_dances_own_is_found(
    run_main: Callable[..., Ran], files: Path, beat_song: Path
) -> None:
    from dancegen.dances.dance_file import SongInfo, file_sha256

    assert "was made for another song" in exported(run_main, files, "--song", beat_song).err
    (files.parent / "tune.wav").write_bytes(beat_song.read_bytes())
    assert "without a song" in exported(run_main, files).out  # of that name, but another
    made = replace(dance_file(seconds=1.0), song=SongInfo("tune.wav", file_sha256(beat_song), 0.5, 1.0))
    write_dance(files, made)
    assert "tune.wav" in exported(run_main, files, "--overwrite").out
    assert (files.parent / "kit" / "song.m4a").is_file()


def test_two_dancers_and_one_person(run_main: Callable[..., Ran], files: Path) -> None:
    made = dance_file(seconds=1.0)
    write_dance(files, replace(made, takes=(Take(dance(1.0), 0, "none", partners=(dance(1.0, seed=1),)),)))
    assert "shows 1 person, the dance has 2 dancers" in exported(run_main, files, kind="scail-2").err
    assert "choose one" in exported(run_main, files, kind="wan-animate").err
    assert exported(run_main, files, "--people", 2).status == 0


def test_half_a_person_is_driven_by_a_neutral_figure(run_main: Callable[..., Ran], files: Path, tmp_path: Path) -> None:
    cut = tmp_path / "half.png"
    picture = Image.open(PICTURE)
    picture.crop((0, 0, picture.width, int(0.6 * picture.height))).save(cut)
    points = json.loads(POSE.read_text())
    body = points["people"][0]["pose_keypoints_2d"]
    for joint in range(18):
        if body[3 * joint + 1] > 0.6 * picture.height:
            body[3 * joint : 3 * joint + 3] = [0, 0, 0]
    (tmp_path / "half.json").write_text(json.dumps({"people": points["people"]}))
    arguments = ("--as", "wan-animate-2", "--picture", cut, "--pose", tmp_path / "half.json", "-o", tmp_path / "kit")
    done = run_main("export", files, *arguments)
    assert done.status == 0 and "a neutral figure drives it" in done.err + done.out
    assert "neutral figure" in (tmp_path / "kit" / "README.md").read_text()


def test_the_avatar_drives_and_turns(run_main: Callable[..., Ran], files: Path, tmp_path: Path) -> None:
    how = ("--as", "wan-animate-2", "--picture", PICTURE, "--pose", POSE)
    done = run_main("export", files, *how, "--driver", "avatar", "-o", tmp_path / "kit")
    assert done.status == 0, done.err
    assert len(probe(tmp_path / "kit" / "driving.mp4")[1]) > 10
    wrong = run_main("export", files, *how, "--driver", "nobody", "-o", tmp_path / "other")
    assert wrong.status == 1 and "choose picture, avatar or neutral" in wrong.err


@pytest.mark.parametrize("error", [KeyboardInterrupt, DancegenError("the disk is full")])
def test_a_kit_is_whole_or_not_there(tmp_path: Path, error: BaseException) -> None:
    class Full(Listener):
        def advance(self, steps: int = 1) -> None:
            raise error

    with pytest.raises((KeyboardInterrupt, DancegenError)):
        write_kit(tmp_path / "kit", "wan-animate", lambda folder: replace(material(folder), reporter=Full()))
    assert not list(tmp_path.iterdir())
