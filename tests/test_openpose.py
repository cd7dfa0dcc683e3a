"""Keypoint files of OpenPose, ComfyUI and DWPose."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from dancegen.body.joints import NECK, R_ANKLE, R_HIP, V
from dancegen.body.keypoints import parse_keypoints, read_keypoints
from dancegen.body.openpose import frame_json
from dancegen.errors import DancegenError

POINTS = arrays.arrays(np.float64, (V, 2), elements=st.floats(2, 4000, width=32))
SEEN = arrays.arrays(np.bool_, (V,))


def written(tmp_path: Path, data: Any) -> Path:
    path = tmp_path / "pose.json"
    path.write_text(data if isinstance(data, str) else json.dumps(data), "utf-8")
    return path


def body(values: list) -> dict:
    return {"people": [{"pose_keypoints_2d": values}]}


@settings(max_examples=40, deadline=None)
@given(joints=POINTS, seen=SEEN)
def test_openpose_round_trip_is_exact_to_a_thousandth(joints: np.ndarray, seen: np.ndarray) -> None:
    confidence = np.where(seen, 0.5, 0)
    (frame,) = parse_keypoints(json.loads(json.dumps(frame_json(joints, confidence))), "file")
    assert np.allclose(frame.people[0][seen], joints[seen], atol=1e-3)
    assert np.array_equal(frame.confidence[0] > 0, seen)
    assert np.allclose(frame.confidence[0], confidence, atol=1e-3)


@settings(max_examples=40, deadline=None)
@given(joints=POINTS, seen=SEEN)
def test_comfyui_round_trip_and_its_confidence_of_one_or_zero(joints: np.ndarray, seen: np.ndarray) -> None:
    data = frame_json(joints, np.where(seen, 0.37, 0), canvas=(4000, 4000))
    assert set(data["people"][0]["pose_keypoints_2d"][2::3]) <= {0.0, 1.0}
    (frame,) = parse_keypoints([json.loads(json.dumps(data))], "file")
    assert frame.canvas == (4000, 4000)
    assert np.allclose(frame.people[0][seen], joints[seen], atol=1e-3)


def test_comfyui_normalised_coordinates_become_pixels() -> None:
    values = [0.25, 0.5, 1.0] * V
    (frame,) = parse_keypoints([{**body(values), "canvas_width": 400, "canvas_height": 200}], "file")
    assert np.allclose(frame.people, (100, 100))


def test_without_a_canvas_shares_are_said_to_be_shares() -> None:
    (frame,) = parse_keypoints(body([0.25, 0.5, 1.0] * V), "file")
    assert frame.normalised
    (frame,) = parse_keypoints(body([25, 50, 1.0] * V), "file")
    assert not frame.normalised


def test_body_25_has_its_hips_one_further() -> None:
    values = [float(n) for i in range(25) for n in (10 + i, 100 + i, 0.9)]
    (frame,) = parse_keypoints(body(values), "file")
    assert frame.people[0, NECK, 0] == 11
    assert frame.people[0, R_HIP, 0] == 19
    assert frame.people[0, R_ANKLE, 0] == 21
    assert frame.people[0, V - 1, 0] == 28


def test_dwpose_layout_with_hands_and_faces(tmp_path: Path) -> None:
    person = {
        "pose_keypoints_2d": [5.0, 6.0, 1.0] * V,
        "face_keypoints_2d": [1.0] * 210,
        "hand_left_keypoints_2d": None,
        "hand_right_keypoints_2d": [0.0] * 63,
    }
    frames = [{"people": [person], "animals": [], "canvas_width": 64, "canvas_height": 64}] * 3
    read = read_keypoints(written(tmp_path, frames))
    assert len(read) == 3
    assert np.allclose(read[2].people[0], (5, 6))


def test_frames_without_people_are_frames() -> None:
    empty = {"people": [], "canvas_width": 8, "canvas_height": 8}
    frames = parse_keypoints([empty, frame_json(np.ones((V, 2)), np.ones(V), (8, 8))], "file")
    assert [len(frame.people) for frame in frames] == [0, 1]


def test_unseen_joints_may_be_null() -> None:
    values = [3.0, 4.0, 0.8] * (V - 1) + [None, None, None]
    (frame,) = parse_keypoints(body(values), "file")
    assert frame.confidence[0, -1] == 0


BROKEN = {
    "not JSON": ("{", "not whole JSON"),
    "a number": (3, "people"),
    "no people list": ({"persons": []}, "people"),
    "no frames": ([], "no frames"),
    "no body": ({"people": [{"face": []}]}, "pose_keypoints_2d"),
    "16 joints": (body([1.0] * 48), "16 keypoints"),
    "half a joint": (body([1.0] * 50), "50 numbers"),
    "words": (body(["a"] * 54), "not numbers"),
    "nested": (body([[1.0]] * 54), "not numbers"),
    "NaN": (body([math.nan] * 54), "NaN"),
    "infinite": (body([1.0] * 53 + [math.inf]), "keypoint 17"),
    "canvas of zero": ({**body([1.0] * 54), "canvas_width": 0, "canvas_height": 9}, "canvas"),
    "half a canvas": ({**body([1.0] * 54), "canvas_width": 9}, "canvas"),
    "one bad frame of two": ([body([1.0] * 54), body([1.0] * 3)], "frame 2"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files_say_what_is_wrong_and_what_to_do(tmp_path: Path, name: str) -> None:
    data, word = BROKEN[name]
    with pytest.raises(DancegenError) as told:
        read_keypoints(written(tmp_path, data))
    assert word in told.value.what
    assert "pose.json" in told.value.what
    assert told.value.remedy


def test_missing_and_binary_files(tmp_path: Path) -> None:
    with pytest.raises(DancegenError, match="no such keypoint file"):
        read_keypoints(tmp_path / "none.json")
    (tmp_path / "pose.json").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(DancegenError, match=r"not whole JSON"):
        read_keypoints(tmp_path / "pose.json")
    with pytest.raises(DancegenError):
        read_keypoints(tmp_path)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["people", "pose_keypoints_2d", "canvas_width", "canvas_height"]), inner)
    ),
    max_leaves=12,
)


@settings(max_examples=40, deadline=None)
@given(data=JSON)
def test_any_json_is_read_or_refused(data: Any) -> None:
    try:
        frames = parse_keypoints(data, "file")
    except DancegenError:
        return
    assert all(np.isfinite(frame.people).all() for frame in frames)


def test_a_canvas_of_less_than_a_pixel_is_refused() -> None:
    data = {**body([0.5, 0.5, 1.0] * V), "canvas_width": 0.4, "canvas_height": 0.3}
    with pytest.raises(DancegenError, match=r"canvas of 0\.4 x 0\.3"):
        parse_keypoints(data, "file")
