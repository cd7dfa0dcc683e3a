"""Keypoint files as other tools write them: the same person in each layout is the same person."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Ran
from hypothesis import given, settings
from hypothesis import strategies as st
from workbench_tools import STANDING

from dancegen.body.joints import JOINT_NAMES, L_SHOULDER, NECK, R_SHOULDER
from dancegen.body.keypoints import KeypointFrame, parse_keypoints, read_clip, read_keypoints
from dancegen.body.layouts import COCO_NAMES
from dancegen.dances.imports import read_poses
from dancegen.errors import DancegenError

PLACES = STANDING * 400 + (260, 450)
PLACES[NECK] = (PLACES[R_SHOULDER] + PLACES[L_SHOULDER]) / 2
HANDS = np.random.default_rng(0).uniform(100, 400, (2, 21, 2)).round(2)
FACE = np.random.default_rng(1).uniform(200, 300, (68, 2)).round(2)
FEET = np.random.default_rng(2).uniform(200, 300, (6, 2)).round(2)
COCO = np.array([PLACES[JOINT_NAMES.index(name)] for name in COCO_NAMES])  # (17, 2)
NONE = np.zeros((1, 2))
BODY_25 = np.concatenate([PLACES[:8], NONE + 1, PLACES[8:], FEET])
HALPE_26 = np.concatenate([COCO, NONE + 1, PLACES[[NECK]], NONE + 1, FEET])
PARTS = (FACE, *HANDS)
ALL = {
    "COCO-17": COCO,
    "COCO-18": PLACES,
    "BODY_25": BODY_25,
    "Halpe-26": HALPE_26,
    "WholeBody-133": np.concatenate([COCO, FEET, *PARTS]),
    "DWPose-134": np.concatenate([PLACES, FEET, *PARTS]),
    "Halpe-136": np.concatenate([HALPE_26, *PARTS]),
}


def flat(points: np.ndarray, confidence: float = 0.9) -> list[float]:
    """x, y, c, x, ..."""
    return np.concatenate([points, np.full((len(points), 1), confidence)], axis=1).ravel().tolist()


def openpose(points: np.ndarray) -> Any:
    return {"people": [{"pose_keypoints_2d": flat(points)}], "canvas_width": 512, "canvas_height": 768}


def mmpose(points: np.ndarray) -> Any:
    person = {"keypoints": points.tolist(), "keypoint_scores": [0.9] * len(points), "bbox": [[0, 0, 9, 9]]}
    return {"meta_info": {"dataset_name": "coco"}, "instance_info": [{"frame_id": 1, "instances": [person]}]}


def mmpose_video(points: np.ndarray) -> Any:
    return [{"frame_id": 0, "instances": mmpose(points)["instance_info"][0]["instances"]}]


def mmpose_picture(points: np.ndarray) -> Any:
    return mmpose(points)["instance_info"][0]["instances"]


def coco_results(points: np.ndarray) -> Any:
    return [{"image_id": 7, "category_id": 1, "keypoints": flat(points), "score": 0.8}]


def alphapose(points: np.ndarray) -> Any:
    return [{"image_id": "12.jpg", "category_id": 1, "keypoints": flat(points), "score": 2.9, "idx": 1}]


def coco_annotations(points: np.ndarray) -> Any:
    note = {"image_id": 3, "id": 1, "keypoints": flat(points[:17] if len(points) == 133 else points, 2)}
    if len(points) == 133:
        note |= {"face_kpts": flat(FACE), "lefthand_kpts": flat(HANDS[0]), "righthand_kpts": flat(HANDS[1])}
    image = {"id": 3, "file_name": "0003.jpg", "width": 512, "height": 768}
    return {"images": [image], "annotations": [note], "categories": [{"id": 1, "name": "person"}]}


def ultralytics(points: np.ndarray) -> Any:
    sides = {"x": points[:, 0].tolist(), "y": points[:, 1].tolist(), "visible": [0.9] * len(points)}
    return [{"name": "person", "class": 0, "confidence": 0.9, "box": {"x1": 0}, "keypoints": sides}]


def editor(points: np.ndarray) -> Any:
    return {"width": 512, "height": 768, "keypoints": [points.tolist()]}


WRITERS = [openpose, mmpose, mmpose_video, mmpose_picture, coco_results, alphapose, ultralytics]
CASES = [(writer, name) for writer in WRITERS for name in ALL]
CASES += [(coco_annotations, "COCO-17"), (coco_annotations, "WholeBody-133"), (editor, "COCO-18")]


@pytest.mark.parametrize(("writer", "name"), CASES)
def test_one_person_in_every_layout(tmp_path: Path, writer: Callable[[np.ndarray], Any], name: str) -> None:
    (tmp_path / "x.json").write_text(json.dumps(writer(ALL[name])))
    (frame,) = read_keypoints(tmp_path / "x.json")
    assert len(frame.people) == 1 and (frame.confidence > 0).all()
    np.testing.assert_allclose(frame.people[0], PLACES, atol=1e-6)
    person = frame.persons[0]
    assert (person.hands is not None) == (len(ALL[name]) > 100) == (person.face is not None)
    if person.hands is not None and person.face is not None:
        np.testing.assert_allclose(person.hands[..., :2], HANDS, atol=1e-6)
        np.testing.assert_allclose(person.face[:, :2], FACE, atol=1e-6)


def test_the_names_of_the_keypoints_are_believed(tmp_path: Path) -> None:
    order = np.random.default_rng(3).permutation(17)
    content = mmpose(COCO[order])
    content["meta_info"]["keypoint_id2name"] = {str(i): COCO_NAMES[at] for i, at in enumerate(order)}
    (frame,) = parse_keypoints(content, "x")
    assert (frame.confidence[0] > 0).all()  # the neck too, which is not among COCO's names
    np.testing.assert_allclose(frame.people[0], PLACES, atol=1e-6)
    content["meta_info"]["keypoint_id2name"] = {str(i): f"thumb{i}" for i in range(17)}
    with pytest.raises(DancegenError, match="names its keypoints otherwise"):
        parse_keypoints(content, "x")


def test_low_scores_are_gaps_and_said(tmp_path: Path) -> None:
    content = mmpose_video(COCO)
    content[0]["instances"][0]["keypoint_scores"][9] = 0.05
    (tmp_path / "x.json").write_text(json.dumps(content))
    clip = read_clip(tmp_path / "x.json")
    assert clip.frames[0].confidence[0, JOINT_NAMES.index("left_wrist")] == 0
    assert any("scores under 0.3 are taken as not seen" in note for note in clip.notes)


def test_frame_numbers_of_results_place_them_in_time(tmp_path: Path) -> None:
    results = [{**alphapose(COCO + 10 * number)[0], "image_id": f"frame_{number:04d}.png"} for number in (3, 4, 9, 10)]
    (tmp_path / "x.json").write_text(json.dumps(results))
    imported = read_poses(tmp_path / "x.json", 10.0)
    assert len(imported.skeleton) == 8
    path = imported.skeleton.joints[:, NECK, 0] * imported.placement.scale + imported.placement.x
    np.testing.assert_allclose(np.diff(path), 10, atol=0.01)


@pytest.mark.parametrize("images", [None, True, 3, [None], [{"id": True}]])
def test_a_dataset_may_list_no_pictures(images: Any) -> None:
    assert len(parse_keypoints({**coco_annotations(COCO), "images": images}, "x")) == 1


def test_pictures_of_a_dataset_without_people_are_gaps() -> None:
    content = coco_annotations(COCO)
    content["images"] += [{"id": 4, "file_name": "0004.jpg"}, {"id": 5, "file_name": "0005.jpg"}]
    frames = parse_keypoints(content, "x")
    assert [len(frame.people) for frame in frames] == [1, 0, 0] and frames[0].canvas == (512, 768)


@pytest.mark.parametrize("writer", [openpose, mmpose, coco_results, editor])
def test_a_pose_for_a_picture_may_be_of_any_layout(
    tmp_path: Path, run_main: Callable[..., Ran], picture: Path, writer: Callable[[np.ndarray], Any]
) -> None:
    from PIL import Image

    width, height = Image.open(picture).size
    name = "COCO-18" if writer in (editor, openpose) else "COCO-17"
    places = ALL[name] / (512, 768) * (width, height)
    content = writer(places)
    if isinstance(content, dict):
        content |= {key: value for key, value in (("canvas_width", width), ("width", width)) if key in content}
        content |= {key: value for key, value in (("canvas_height", height), ("height", height)) if key in content}
    (tmp_path / "me.json").write_text("\ufeff" + json.dumps(content))
    ran = run_main("subject", picture, "--pose", tmp_path / "me.json", "--offline", "-o", tmp_path / "found")
    assert ran.status == 0, ran.err


def test_a_clip_for_a_picture_gives_its_first_people(tmp_path: Path) -> None:
    frames = [None, {"people": []}, openpose(PLACES)]
    (tmp_path / "x.json").write_text(json.dumps(frames))
    assert [len(frame.people) for frame in read_keypoints(tmp_path / "x.json")] == [0, 0, 1]


KEYS = ["people", "keypoints", "keypoint_scores", "instances", "instance_info", "annotations", "images", "image_id"]
KEYS += ["pose_keypoints_2d", "canvas_width", "width", "height", "x", "y", "visible", "frame_id", "id", "file_name"]
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["a", "12.jpg", "9" * 40]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)


def check_read(read: Callable[[], Any]) -> None:
    """It reads, or says in a line why not."""
    try:
        found = read()
    except DancegenError as told:
        assert "\n" not in str(told) and len(str(told)) < 400 and "\x1b" not in str(told)
    else:
        frames = found if isinstance(found, list) else []
        assert all(isinstance(frame, KeypointFrame) and np.isfinite(frame.people).all() for frame in frames)


@settings(max_examples=300, deadline=None)
@given(data=ANYTHING)
def test_anything_is_read_or_refused(data: Any) -> None:
    check_read(lambda: parse_keypoints(data, "x"))


def places_in(content: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all values in some JSON, the first three of each list."""
    inner = (
        content.items() if isinstance(content, dict) else enumerate(content[:3]) if isinstance(content, list) else ()
    )
    return [path, *(found for key, value in inner for found in places_in(value, (*path, key)))]


MUTATED = [(writer(ALL[name])) for writer, name in CASES if name in ("COCO-17", "COCO-18", "WholeBody-133")]


@settings(max_examples=400, deadline=None)
@given(data=st.data(), content=st.sampled_from(MUTATED), value=ANYTHING)
def test_a_changed_file_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, content: Any, value: Any
) -> None:
    content = copy.deepcopy(content)
    where = data.draw(st.sampled_from(places_in(content)[1:]))
    inner = content
    for step in where[:-1]:
        inner = inner[step]
    inner[where[-1]] = value
    path = tmp_path_factory.getbasetemp() / "changed.json"
    path.write_text(json.dumps(content))
    check_read(lambda: read_keypoints(path))
    check_read(lambda: read_poses(path, 30.0, (512, 768)))


@settings(max_examples=150, deadline=None)
@given(content=st.sampled_from(MUTATED), at=st.floats(0, 1), put=st.binary(max_size=4), cut=st.integers(0, 40))
def test_a_damaged_file_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, content: Any, at: float, put: bytes, cut: int
) -> None:
    text = json.dumps(content).encode()
    first = round(at * len(text))
    path = tmp_path_factory.getbasetemp() / "damaged.json"
    path.write_bytes(text[:first] + put + text[first + cut :])
    check_read(lambda: read_poses(path, 30.0, (512, 768)))
