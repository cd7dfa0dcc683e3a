"""Version 2 of the dance file: what it may hold, that absent things are absent, and that version 1 still opens."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from conftest import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st
from workbench_tools import dance, dance_file

from dancegen.body.sequence import SkeletonSequence
from dancegen.dances.bars import paste
from dancegen.dances.dance_file import (
    Body,
    DanceFile,
    Edit,
    Placement,
    Section,
    Source,
    to_text,
    without_bars,
    write_dance,
)
from dancegen.dances.read_dance import check_song, cut_to, read_dance
from dancegen.errors import DancegenError

SCHEMA = json.loads((ROOT / "dancegen" / "dances" / "dance.schema.json").read_text())
VERSION_1 = Path(__file__).parent / "data" / "dances" / "version1.dance.json"


def full(seconds: float = 2.0) -> DanceFile:
    """A dance file with everything in it."""
    skeleton, partner = dance(seconds), dance(seconds, seed=1)
    count = len(skeleton)
    random = np.random.default_rng(0)
    hands = np.round(random.uniform(-1, 0, (count, 2, 21, 3)), 3) * (1, 1, -1)
    face = np.round(random.uniform(-1, 0, (count, 70, 3)), 3) * (1, 1, -1)
    hands[3], face[:5] = 0, 0
    skeleton = replace(skeleton, yaw=np.linspace(0, 400, count).round(2), depth=np.linspace(-0.5, 0.5, count).round(3))
    skeleton = replace(skeleton, hands=hands, face=face)
    made = dance_file(2, seconds)
    take = replace(
        made.takes[0],
        skeleton=skeleton,
        partners=(partner, replace(partner, confidence=np.full((count, 18), 0.5))),
        edits=(Edit(1, 1, 9, "tango"),),
        sources=(Source(1, 1, "captured", "clip.mp4"), Source(2, 2, "filled")),
        scores={"hit_rate": 1.0},
    )
    return replace(
        made.with_take(1, take),
        downbeat=np.arange(len(made.times)) % 3 == 1,
        tempi=((0.0, 120.0), (1.0, 90.5)),
        sections=(Section("A", 0.0, 1.0), Section("B", 1.0, 2.0)),
        body=Body("me.jpg", tuple(np.linspace(0.1, 0.3, 17).round(3).tolist())),
        placement=Placement(512, 768, 600.25, 256.125, 740.5),
        chosen=2,
    )


def test_everything_is_written_and_read(tmp_path: Path) -> None:
    made = full()
    write_dance(tmp_path / "a.dance.json", made)
    read = read_dance(tmp_path / "a.dance.json")
    assert to_text(read) == to_text(made)
    for name in ("song", "weights", "placement", "chosen", "tempi", "sections", "body"):
        assert getattr(read, name) == getattr(made, name), name
    np.testing.assert_array_equal(read.downbeat, made.downbeat)
    for got, wanted in zip(read.takes[0].dancers, made.takes[0].dancers, strict=True):
        for name in ("joints", "confidence", "yaw", "depth", "hands", "face"):
            got_, wanted_ = getattr(got, name), getattr(wanted, name)
            assert (got_ is None) == (wanted_ is None), name
            if wanted_ is not None:
                np.testing.assert_allclose(got_, wanted_, atol=1e-6, err_msg=name)
    assert read.takes[0].sources == made.takes[0].sources and read.takes[0].edits == made.takes[0].edits


@pytest.mark.parametrize("made", [full(), dance_file(2), replace(dance_file(), song=None, times=np.zeros(0))])
def test_what_is_written_fits_the_schema(made: DanceFile) -> None:
    jsonschema.validate(json.loads(to_text(made)), SCHEMA, jsonschema.Draft202012Validator)


def test_the_example_of_the_page_fits_the_schema_but_for_its_dots() -> None:
    page = (ROOT / "dancegen" / "assets" / "docs" / "dance-file.md").read_text()
    example = json.loads(page.split("```json")[1].split("```")[0])
    errors = jsonschema.Draft202012Validator(SCHEMA).iter_errors(example)
    assert {error.absolute_path[0] for error in errors} == {"joints", "takes"}
    fields = set(SCHEMA["properties"]) | set(SCHEMA["properties"]["takes"]["items"]["properties"])
    assert not [name for name in fields - {"format", "version", "made_by", "takes"} if f"`{name}`" not in page]


def test_what_is_absent_is_left_out() -> None:
    made = dance_file()
    plain = replace(made, song=None, weights=None, times=np.zeros(0), tempo=0.0, confidence=0.0)
    content = json.loads(to_text(plain))
    assert set(content) == {"format", "version", "made_by", "fps", "joints", "axes", "unit", "takes"}
    assert set(content["takes"][0]) == {"seed", "style", "poses"}


def test_a_file_of_version_1_opens() -> None:
    stored = json.loads(VERSION_1.read_text())
    assert stored["version"] == 1 and stored["made_by"] == "dancegen 0.1.0"
    read = read_dance(VERSION_1)
    assert read.song and read.song.name == "tune.wav" and read.seconds == 1.0 and read.tempo == 120.0
    assert read.default_take == 2 and read.takes[0].edits == (Edit(1, 1, 9, "tango"),)
    assert read.takes[1].skeleton.confidence[3, 4] == 0 and read.placement and read.placement.scale == 600.25
    poses = json.loads(to_text(read))["takes"][1]["poses"]
    assert poses == stored["takes"][1]["poses"]  # no byte of the poses changes
    assert json.loads(to_text(read))["version"] == 2


@pytest.mark.parametrize("name", ["song", "beats"])
def test_version_1_has_song_and_beats(tmp_path: Path, name: str) -> None:
    stored = json.loads(VERSION_1.read_text())
    del stored[name]
    (tmp_path / "x.json").write_text(json.dumps(stored))
    with pytest.raises(DancegenError, match=f'"{name}" is missing'):
        read_dance(tmp_path / "x.json")


def test_a_dance_without_a_song_goes_with_any(tmp_path: Path) -> None:
    made = replace(dance_file(), song=None, times=np.zeros(0), tempo=0.0, confidence=0.0)
    assert check_song(made, tmp_path / "any.wav", "x") is None
    assert made.seconds == 8.0 and made.start == 0.0 and not made.knows_beats
    assert [len(one) for one in cut_to(made.takes[0], made, 2.0, 3.0)] == [90]


DEFECTS = [
    (("beats", "downbeats"), [0, 0], '"downbeats" must be rising whole numbers from 0 to 3'),
    (("beats", "downbeats"), [0, 4], '"downbeats" must be'),
    (("beats", "downbeats"), [0.5], '"downbeats" must be'),
    (("beats", "tempi"), [[1]], '"tempi" must hold pairs'),
    (("sections",), [{"name": "A", "begin": 0}], 'sections: "end" is missing'),
    (("sections",), [3], '"sections" is not a list of objects'),
    (("body", "bones"), [0.1] * 16, '"bones" must hold 17 lengths'),
    (("takes", 0, "partners", 0, "poses"), [[0] * 54], "take 1, partner 1 has 1 poses, the first dancer 60"),
    (("takes", 0, "partners", 1, "poses", 3), [0] * 53, "take 1, partner 2, pose 4 has 53 numbers, not 54"),
    (("takes", 0, "partners"), [{"poses": [[0] * 54]}] * 40, "more than 31"),
    (("takes", 0, "yaw"), [0.0] * 59, '"yaw" has 59 numbers for 60 poses'),
    (("takes", 0, "yaw", 4), "left", '"yaw" holds something that is not a number'),
    (("takes", 0, "yaw", 4), 1e9, '"yaw" goes beyond 1e+06 at pose 5'),
    (("takes", 0, "depth", 4), 1e9, '"depth" goes beyond 16 at pose 5'),
    (("takes", 0, "hands"), [None] * 3, '"hands" has 3 rows for 60 poses'),
    (("takes", 0, "hands", 1), [0, 0, 0], "take 1, hands 2 has 3 numbers, not 126"),
    (("takes", 0, "hands", 0, 2), 7, '"hands" has a confidence that is not from 0 to 1'),
    (("takes", 0, "hands", 0, 3), 1e9, "take 1, hands 1 lies more than 16 body heights away"),
    (("takes", 0, "face"), [[1, 2]] * 60, '"face" must hold x, y and confidence'),
    (("takes", 0, "from"), [{"bars": [1, 2], "how": "stolen"}], '"how" is "stolen", not one of made, captured'),
    (("takes", 0, "from"), [{"how": "kept"}], 'each needs "bars": [first, last]'),
]


@pytest.mark.parametrize(("where", "value", "message"), DEFECTS)
def test_each_defect_gets_one_clear_line(tmp_path: Path, where: tuple[Any, ...], value: Any, message: str) -> None:
    content = json.loads(to_text(full()))
    inner = content
    for step in where[:-1]:
        inner = inner[step]
    inner[where[-1]] = value
    (tmp_path / "x.dance.json").write_text(json.dumps(content))
    with pytest.raises(DancegenError) as told:
        read_dance(tmp_path / "x.dance.json")
    assert message in told.value.what and "\n" not in str(told.value) and len(str(told.value)) < 400


PATHS = st.sampled_from([where for where, _, _ in DEFECTS] + [(key,) for key in SCHEMA["properties"]])
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["bars", "name", "poses"]), inner),
    max_leaves=8,
)
FULL_TEXT = to_text(full(0.2))


@settings(max_examples=150, deadline=None)
@given(where=PATHS, value=ANYTHING)
def test_a_changed_file_is_read_or_refused_in_a_line(
    tmp_path_factory: pytest.TempPathFactory, where: tuple[Any, ...], value: Any
) -> None:
    content = json.loads(FULL_TEXT)
    inner: Any = content
    for step in where[:-1]:
        inner = inner[step]
    inner[where[-1]] = value
    path = tmp_path_factory.getbasetemp() / "changed.dance.json"
    path.write_text(json.dumps(content))
    try:
        read = read_dance(path)
    except DancegenError as told:
        assert "\n" not in str(told) and len(str(told)) < 400
    else:
        to_text(read)


@settings(max_examples=150, deadline=None)
@given(at=st.integers(0, len(FULL_TEXT)), put=st.binary(max_size=4), cut=st.integers(0, 40))
def test_a_damaged_file_is_read_or_refused_in_a_line(
    tmp_path_factory: pytest.TempPathFactory, at: int, put: bytes, cut: int
) -> None:
    text = FULL_TEXT.encode()
    path = tmp_path_factory.getbasetemp() / "damaged.dance.json"
    path.write_bytes(text[:at] + put + text[at + cut :])
    try:
        read_dance(path)
    except DancegenError as told:
        assert "\n" not in str(told) and len(str(told)) < 400


def test_poses_between_have_turns_and_hands_between() -> None:
    skeleton = full().takes[0].skeleton
    double = skeleton.resample(60.0, 119)
    np.testing.assert_allclose(double.joints[::2], skeleton.joints, atol=1e-6)
    np.testing.assert_allclose(double.yaw[1], skeleton.yaw[:2].mean(), atol=1e-4)
    assert (double.hands[5:8] == 0).all() and (double.hands[9, ..., 2] > 0).mean() > 0.9  # pose 3 has no hands
    assert (double.face[:10] == 0).all() and double.face[10].any()


def test_bars_made_anew_have_no_hands_of_before_and_turn_back() -> None:
    old = full(8.0).takes[0].skeleton
    new = dance(8.0, seed=3)
    pasted = paste(old, new, 60, 180)
    np.testing.assert_array_equal(pasted.joints[:60], old.joints[:60])
    assert (pasted.hands[100:140] == 0).all() and pasted.hands[:60].any() and pasted.hands[190:].any()
    np.testing.assert_array_equal(pasted.yaw[:60], old.yaw[:60])
    assert np.abs(np.diff(pasted.yaw)).max() < 30
    assert (pasted.yaw[100:140] % 360 == 0).all()
    assert paste(new, new, 60, 180).yaw is None


def test_bars_made_anew_come_from_nowhere_else() -> None:
    sources = (Source(1, 8, "captured", "a"), Source(9, 12, "kept"))
    assert without_bars(sources, 3, 10) == (Source(1, 2, "captured", "a"), Source(11, 12, "kept"))
    assert without_bars(sources, 20, 30) == sources


def test_channels_of_another_length_are_refused() -> None:
    joints = np.zeros((3, 18, 3))
    for wrong in ({"yaw": np.zeros(2)}, {"hands": np.zeros((3, 2, 20, 3))}, {"face": np.zeros((3, 5, 2))}):
        with pytest.raises(DancegenError, match="has the shape"):
            SkeletonSequence(joints, 30.0, **wrong)
