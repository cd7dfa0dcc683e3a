"""What works from dance files works from all of them: of version 1, without a song, with several dancers."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import Ran
from test_dance_file_v2 import VERSION_1, full
from workbench_tools import dance, dance_file

from dancegen.dances.dance_file import DanceFile, file_sha256, write_dance
from dancegen.dances.read_dance import read_dance

PREVIEW = ("--preview", "--size", "64", "--fps", "5", "--offline")


def songless(seconds: float) -> DanceFile:
    take = replace(dance_file(1, seconds).takes[0], scores=None)
    return DanceFile(None, np.zeros(0), 0.0, 0.0, None, (take,))


@pytest.mark.parametrize("kind", ["version 1", "version 2", "no song", "no song, longer than this one"])
def test_render_report_and_export_take_it(
    kind: str, tmp_path: Path, run_main: Callable[..., Ran], beat_song: Path, picture: Path
) -> None:
    from dancegen.assets.example import POSE

    file = tmp_path / "x.dance.json"
    if kind == "version 1":
        content = json.loads(VERSION_1.read_text())
        content["song"]["sha256"] = file_sha256(beat_song)
        file.write_text(json.dumps(content))
    else:
        made = full(2.0) if kind == "version 2" else songless(8.0 if "longer" in kind else 2.0)
        if made.song:
            made = replace(made, song=replace(made.song, sha256=file_sha256(beat_song)))
        write_dance(file, made)
    seconds = {"version 1": 1, "no song, longer than this one": 4}.get(kind, 2)
    video = tmp_path / "x.mp4"
    report = ("--report", tmp_path / "x.html", "--pose", POSE)
    ran = run_main("render", beat_song, picture, "--dance", file, *PREVIEW, *report, "-o", video)
    assert ran.status == 0, ran.err
    assert f"{seconds * 5} frames" in ran.out and (tmp_path / "x.html").is_file()
    assert run_main("export", file, "-o", tmp_path / "x.json").status == 0
    people = json.loads((tmp_path / "x.json").read_text())[0]["people"]
    assert len(people) == 1  # take 2 of `full` is the chosen one, and has one dancer
    if kind == "version 2":
        assert run_main("export", file, "--take", 1, "-o", tmp_path / "y.json").status == 0
        assert len(json.loads((tmp_path / "y.json").read_text())[0]["people"]) == 3


@pytest.mark.parametrize("seconds", [2.0, 8.0])
def test_bars_of_a_dance_without_a_song_are_those_of_the_song_that_is_given(
    tmp_path: Path, run_main: Callable[..., Ran], beat_song: Path, tiny_weights: Path, seconds: float
) -> None:
    file = tmp_path / "x.dance.json"
    before = songless(seconds)
    write_dance(file, before)
    weights = ("--weights", f"choreographer={tiny_weights}", "--offline")
    ran = run_main("dance", beat_song, "--redo", 1, "--from", file, *weights, "-o", tmp_path / "y.dance.json")
    assert ran.status == 0, ran.err
    made = read_dance(tmp_path / "y.dance.json")
    assert made.song and made.song.sha256 == file_sha256(beat_song) and made.knows_beats
    new, old = made.takes[0].skeleton.joints, before.takes[0].skeleton.joints
    count = len(old)
    assert len(new) == count and made.seconds == min(seconds, 4.0) and not np.array_equal(new[:30], old[:30])
    later = int(made.times[4] * 30) + 1 if len(made.times) > 4 else count
    np.testing.assert_array_equal(new[later:], old[later:count])


def test_redone_bars_keep_partners_and_forget_where_they_came_from(
    tmp_path: Path, run_main: Callable[..., Ran], beat_song: Path, tiny_weights: Path
) -> None:
    made = full(4.0)
    assert made.song
    write_dance(tmp_path / "x.dance.json", replace(made, song=replace(made.song, sha256=file_sha256(beat_song))))
    weights = ("--weights", f"choreographer={tiny_weights}", "--offline")
    ran = run_main("dance", beat_song, "--redo", 1, "--take", 1, *weights, "-o", tmp_path / "x.dance.json")
    assert ran.status == 0, ran.err
    take = read_dance(tmp_path / "x.dance.json").takes[0]
    assert [source.how for source in take.sources] == ["filled"]  # of bar 2; bar 1 was captured and is made now
    for one, other in zip(take.partners, made.takes[0].partners, strict=True):
        np.testing.assert_array_equal(one.joints, other.joints)


def test_a_dance_of_no_length_is_no_division(tmp_path: Path) -> None:
    write_dance(
        tmp_path / "x.dance.json",
        replace(songless(1.0), takes=(replace(dance_file().takes[0], skeleton=dance(0.034)),)),
    )
    assert len(read_dance(tmp_path / "x.dance.json").takes[0].skeleton) == 1
