"""Dance files: whole round trips, bits kept, and one clear line for each defect."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from workbench_tools import dance, dance_file

from dancegen.body.sequence import SkeletonSequence
from dancegen.dances.dance_file import Edit, Placement, file_sha256, round_dance, to_text, write_dance
from dancegen.dances.export import fit, place, write_comfyui, write_openpose
from dancegen.dances.read_dance import check_song, cut_to, read_dance
from dancegen.errors import DancegenError


def test_what_is_written_is_read(tmp_path: Path) -> None:
    made = dance_file(takes=2)
    made = replace(made, placement=Placement(512, 768, 600.25, 256.125, 740.5))
    first = replace(made.takes[0], edits=(Edit(2, 3, 9, "tango"),), scores={"hit_rate": 61.5, "rank": 2.0})
    seen = np.ones((240, 18), np.float32)
    seen[3, 4] = 0.0
    shy = replace(made.takes[1], skeleton=replace(made.takes[1].skeleton, confidence=seen))
    made = made.with_take(1, first).with_take(2, shy)
    write_dance(tmp_path / "a.dance.json", made)
    read = read_dance(tmp_path / "a.dance.json")
    assert read.song == made.song and read.weights == made.weights and read.placement == made.placement
    assert (read.tempo, read.confidence) == (made.tempo, made.confidence)
    np.testing.assert_allclose(read.times, made.times, atol=1e-4)
    for got, given_ in zip(read.takes, made.takes, strict=True):
        assert (got.seed, got.style, got.edits, got.scores) == (given_.seed, given_.style, given_.edits, given_.scores)
        np.testing.assert_array_equal(got.skeleton.joints, given_.skeleton.joints)
        np.testing.assert_array_equal(got.skeleton.confidence, given_.skeleton.confidence)
    assert to_text(read) == to_text(made)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-15.875, 15.875, width=32), min_size=54, max_size=54))
def test_rounding_is_stable(values: list[float]) -> None:
    once = round_dance(SkeletonSequence(np.asarray(values, np.float32).reshape(1, 18, 3), 30))
    np.testing.assert_array_equal(round_dance(once).joints, once.joints)
    np.testing.assert_allclose(once.joints.reshape(-1), values, atol=1.1e-6)


def test_the_best_take_is_the_default() -> None:
    made = dance_file(takes=3)
    for number, rank in ((1, 2), (2, 3), (3, 1)):
        made = made.with_take(number, replace(made.takes[number - 1], scores={"rank": rank}))
    assert made.take(None).seed == 2 and made.take(1).seed == 0
    with pytest.raises(DancegenError, match="no take 4: choose one of 1 to 3"):
        made.take(4)


def test_a_chosen_take_is_the_default(tmp_path: Path) -> None:
    made = replace(dance_file(takes=3), chosen=2)
    write_dance(tmp_path / "a.dance.json", made)
    assert read_dance(tmp_path / "a.dance.json").take(None).seed == 1


def change(content: dict[str, Any], *path: Any, to: Any) -> None:
    for step in path[:-1]:
        content = content[step]
    content[path[-1]] = to


DEFECTS = [
    (("format",), "video", "not a dance file"),
    (("version",), None, "version null"),
    (("version",), 3, "version 3, and this dancegen reads version 2: upgrade dancegen"),
    (("version",), True, "version true, and this"),
    (("joints",), ["nose"], "18 OpenPose joints"),
    (("fps",), 0, '"fps" is 0, not a number from 1 to 1000'),
    (("fps",), "30", '"fps" is "30"'),
    (("unit",), None, '"unit" is null'),
    (("song",), 5, '"song" is not an object'),
    (("song", "sha256"), None, 'song: "sha256" is null, not text'),
    (("song", "seconds"), -1, 'song: "seconds" is -1'),
    (("beats", "times"), [1.0, 0.5], 'beats: "times" does not rise at its beat 2'),
    (("beats", "times"), [1.0, "x"], 'beats: "times" holds something that is not a number'),
    (("beats", "tempo"), float("nan"), 'beats: "tempo" is NaN'),
    (("takes",), [], '"takes" is empty'),
    (("takes", 0, "poses"), [], "take 1 has no poses"),
    (("takes", 0, "poses", 7), [1, 2, 3], "take 1, pose 8 has 3 numbers, not 54"),
    (("takes", 0, "poses", 7, 12), float("nan"), "take 1, pose 8: right_wrist is NaN, not a number"),
    (("takes", 0, "poses", 7, 0), float("inf"), "take 1, pose 8: nose is Infinity, not a number"),
    (("takes", 0, "poses", 7, 53), "left", 'take 1, pose 8: left_ear is "left", not a number'),
    (("takes", 0, "poses", 7, 5), 10**9, "pose 8 lies more than 16 body heights away"),
    (("takes", 0, "poses", 7, 5), 10**400, "pose 8"),
    (("takes", 0, "seed"), 1.5, 'take 1: "seed" is 1.5, not a whole number'),
    (("takes", 0, "edits"), [{"bars": [1]}], '"bars": [first, last]'),
    (("takes", 0, "scores"), {"hit_rate": None}, '"scores" must map names to numbers'),
    (("takes", 0, "confidence"), [[1] * 18], '"confidence" must hold 18 numbers from 0 to 1 for each pose'),
    (("chosen",), 2, '"chosen" is 2, and there are takes 1 to 1'),
    (("placement",), {"width": 1}, 'placement: "height" is missing'),
]


@pytest.mark.parametrize(("where", "value", "message"), DEFECTS)
def test_each_defect_gets_one_clear_line(tmp_path: Path, where: tuple[Any, ...], value: Any, message: str) -> None:
    content = json.loads(to_text(dance_file()))
    change(content, *where, to=value)
    path = tmp_path / "broken.dance.json"
    path.write_text(json.dumps(content))
    with pytest.raises(DancegenError) as error:
        read_dance(path)
    assert message in str(error.value) and "broken.dance.json" in str(error.value)
    assert "\n" not in str(error.value) and error.value.remedy


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not whole JSON (line 1"),
        (b'{"format": "dancegen dance",\n "version"', "not whole JSON (line 2"),
        (b"\xff\xfe\x00\x00RIFF", "not JSON text"),
        (b"[1, 2]", "not a dance file"),
        (b"[" * 100_000, "not JSON text"),
    ],
)
def test_what_is_no_json_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "x.dance.json"
    path.write_bytes(content)
    with pytest.raises(DancegenError) as error:
        read_dance(path)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_a_missing_file_and_takes_of_different_length(tmp_path: Path) -> None:
    with pytest.raises(DancegenError, match="no such dance file"):
        read_dance(tmp_path / "none.dance.json")
    made = dance_file(takes=2)
    made = made.with_take(2, replace(made.takes[1], skeleton=dance(4.0)))
    write_dance(tmp_path / "x.dance.json", made)
    with pytest.raises(DancegenError, match="takes differ in length"):
        read_dance(tmp_path / "x.dance.json")


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "x.dance.json"
    path.write_text("old")
    made = dance_file()
    broken = replace(made, times=np.array([np.nan, 1.0]))
    with pytest.raises(ValueError, match="JSON compliant"):
        write_dance(path, broken)
    assert path.read_text() == "old" and [p.name for p in tmp_path.iterdir()] == ["x.dance.json"]


@pytest.mark.parametrize(("number", "remedy"), [(errno.ENOSPC, "free some room"), (errno.EROFS, "another folder")])
def test_what_cannot_be_written_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, remedy: str
) -> None:
    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    made = dance_file()
    pixels = place(made.takes[0].skeleton, fit(made.takes[0].skeleton, 64, 64))
    monkeypatch.setattr(Path, "replace", fail)
    for write in (
        lambda: write_dance(tmp_path / "x.dance.json", made),
        lambda: write_comfyui(tmp_path / "x.json", pixels, (64, 64)),
        lambda: write_openpose(tmp_path / "poses", pixels),
    ):
        with pytest.raises(DancegenError, match=r"could not be written") as error:
            write()
        assert remedy in error.value.remedy and not list(tmp_path.iterdir())


def test_another_song_is_refused_unless_forced(tmp_path: Path) -> None:
    song = tmp_path / "tune.wav"
    song.write_bytes(b"la la la")
    made = dance_file()
    with pytest.raises(DancegenError, match=r"made for another song .*--force"):
        check_song(made, song, "x.dance.json")
    assert "because of --force" in (check_song(made, song, "x.dance.json", force=True) or "")
    right = replace(made, song=replace(made.song, sha256=file_sha256(song)))
    assert check_song(right, song, "x.dance.json") is None


def test_a_stretch_of_the_song_takes_its_poses() -> None:
    made = dance_file()
    made = replace(made, song=replace(made.song, start=10.0))
    take = made.takes[0]
    (cut,) = cut_to(take, made, start=12.0, seconds=3.0)
    np.testing.assert_array_equal(cut.joints, take.skeleton.joints[60:150])
    with pytest.raises(DancegenError, match=r"covers 10.0 to 18.0 s of the song, not 12.0 to 22.0 s"):
        cut_to(take, made, start=12.0, seconds=10.0)
    (held,) = cut_to(take, made, start=12.0, seconds=10.0, force=True)
    assert len(held) == 300
    np.testing.assert_array_equal(held.joints[-1], take.skeleton.joints[-1])
