"""Several people of a picture: found, told apart, chosen."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import Ran
from PIL import Image
from subject_tools import Drawn, figure_joints, line_drawing, overlap, photo

from dancegen.body import joints as J
from dancegen.body.joints import FACE_JOINTS, L_WRIST, V
from dancegen.body.keypoints import read_keypoints
from dancegen.body.openpose import frame_json
from dancegen.body.proportions import measure
from dancegen.errors import DancegenError
from dancegen.images.picture import ConditionalImage
from dancegen.people.choose import check_choice, choose_one, choose_people
from dancegen.people.detectors import dwpose
from dancegen.people.detectors import mediapipe as mediapipe_detector
from dancegen.people.detectors.base import MOST_PEOPLE, find_one_by_one, squares
from dancegen.people.find import face_viewer, find_people
from dancegen.people.located import Detection, LocatedBody
from tests.test_puppet import drawn

SURE = np.ones(V, np.float32)


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mediapipe_detector, "is_available", lambda: False)
    monkeypatch.setattr(dwpose, "dwpose_models", lambda **_: None)


def standing(x: float, height: float) -> Detection:
    return Detection(figure_joints(x, 400, height), SURE, None, "test")


SMALL, LARGE, MIDDLING = standing(60, 150), standing(200, 300), standing(400, 200)
PEOPLE = [SMALL, LARGE, MIDDLING]


@pytest.mark.parametrize(
    ("choice", "chosen"),
    [
        ("largest", [LARGE]),
        ("all", [LARGE, MIDDLING, SMALL]),
        ("left", [SMALL]),
        ("right", [MIDDLING]),
        ("1", [LARGE]),
        ("3,1", [LARGE, SMALL]),
        ("2, 2", [MIDDLING]),
    ],
)
def test_choices(choice: str, chosen: list[Detection]) -> None:
    check_choice(choice)
    assert choose_people(PEOPLE, choice) == chosen


@pytest.mark.parametrize("choice", ["", "biggest", "0", "1,", "-1", "1-3", "²", "1.5"])
def test_what_is_no_choice_is_refused(choice: str) -> None:
    with pytest.raises(DancegenError, match="--people must be largest, all, left, right or numbers"):
        check_choice(choice)


def test_a_number_that_nobody_has() -> None:
    with pytest.raises(DancegenError, match=r"--people 4: there are only 3 people in me\.png"):
        choose_people(PEOPLE, "4", "me.png")
    with pytest.raises(DancegenError, match="there is only one person"):
        choose_people([LARGE], "1,2")


def test_where_one_is_needed_all_are_refused() -> None:
    assert choose_one(PEOPLE, "left") is SMALL
    with pytest.raises(DancegenError, match="one person"):
        choose_one(PEOPLE, "all")


def test_a_person_knows_what_follows_from_their_joints() -> None:
    drawn = photo()
    confidence = SURE.copy()
    confidence[L_WRIST] = 0
    body = LocatedBody(drawn.image, drawn.joints, confidence, drawn.mask.astype(np.float32), "test")
    measured = measure(drawn.joints, confidence)
    assert body.height == measured.height == body.extent
    assert body.proportions is body.proportions, "worked out once"
    assert not body.seen[L_WRIST]
    assert np.linalg.norm(body.places[L_WRIST] - drawn.joints[L_WRIST]) > 1
    whole = body.distance(drawn.image.size)
    part = body.distance((100, 80), corner=(50, 60))
    assert np.allclose(part, whole[60:140, 50:150], atol=1e-3)


def test_people_are_looked_for_until_nobody_else_is_seen() -> None:
    left = list(PEOPLE)
    found = find_one_by_one(
        lambda people: left[len(people)] if len(people) < 3 else None, lambda _, new: new is not None
    )
    assert found == PEOPLE
    assert find_one_by_one(lambda people: LARGE, lambda people, new: new not in people) == [LARGE]
    assert len(find_one_by_one(lambda people: LARGE, lambda *_: True)) == MOST_PEOPLE


@pytest.mark.parametrize("size", [(400, 300), (300, 400), (1000, 300), (300, 1000), (601, 300)])
def test_squares_cover_a_row_of_people(size: tuple[int, int]) -> None:
    width, height = size
    boxes = squares(width, height)
    if max(size) < 1.75 * min(size):
        assert boxes == []
        return
    seen = np.zeros((height, width), int)
    for left, top, right, bottom in boxes:
        assert right - left == bottom - top == min(size)
        seen[top:bottom, left:right] += 1
    assert seen.min() >= 1
    assert np.median(seen) >= 2


def two_people(drawn: Drawn, apart: int) -> tuple[ConditionalImage, list[np.ndarray], list[np.ndarray]]:
    """The figure and itself `apart` pixels to the right, with both joints and masks."""
    height, width = drawn.mask.shape
    pixels = np.full((height, width + apart, 3), drawn.image.pixels[2, 2], np.uint8)
    masks = []
    for start in (0, apart):
        mask = np.zeros(pixels.shape[:2], bool)
        mask[:, start : start + width] = drawn.mask
        pixels[mask] = drawn.image.pixels[drawn.mask]
        masks.append(mask)
    return ConditionalImage(Path("two.png"), pixels), [drawn.joints, drawn.joints + np.array([apart, 0])], masks


def pose_file(path: Path, *people: np.ndarray) -> Path:
    frames = [frame_json(joints, SURE) for joints in people]
    path.write_text(json.dumps({"people": [frame["people"][0] for frame in frames]}), "utf-8")
    return path


@pytest.mark.parametrize("apart", [260, 190])
@pytest.mark.parametrize("kind", [photo, line_drawing])
def test_each_gets_an_own_mask(kind: Callable[[], Drawn], apart: int, tmp_path: Path) -> None:
    """At 190 pixels their hands nearly touch."""
    picture, joints, masks = two_people(kind(), apart)
    found = find_people(picture, choice="all", pose_file=pose_file(tmp_path / "pose.json", *joints))
    assert len(found) == 2
    for body in found:
        mine = int(np.argmin([np.abs(body.joints - own).max() for own in joints]))
        assert overlap(body.mask, masks[mine]) > (0.9 if kind is line_drawing else 0.7)
        assert (body.mask * (masks[1 - mine] & ~masks[mine])).sum() < 0.02 * masks[mine].sum()
    assert (found[0].mask + found[1].mask).max() < 1.001


def test_a_mask_file_is_of_one_person(tmp_path: Path) -> None:
    picture, joints, masks = two_people(photo(), 260)
    pose = pose_file(tmp_path / "pose.json", *joints)
    Image.fromarray(masks[1]).convert("L").save(tmp_path / "mask.png")
    (right,) = find_people(picture, choice="right", pose_file=pose, mask_file=tmp_path / "mask.png")
    assert np.allclose(right.joints, joints[1], atol=1e-3)
    assert overlap(right.mask, masks[1]) == 1
    with pytest.raises(DancegenError, match="--mask is the outline of one person"):
        find_people(picture, choice="all", pose_file=pose, mask_file=tmp_path / "mask.png")


def test_a_face_at_the_side_is_not_among_all(tmp_path: Path) -> None:
    drawn = photo()
    face = np.zeros(V, np.float32)
    face[list(FACE_JOINTS)] = 1
    seen = [Detection(drawn.joints, SURE, None, "test"), Detection(drawn.joints * 0.5, face, None, "test")]

    class Sees:
        def find(self, picture: ConditionalImage) -> list[Detection]:
            return seen

    assert len(find_people(drawn.image, choice="all", detector=Sees())) == 1
    with pytest.raises(DancegenError, match="only a part"):
        find_people(drawn.image, choice="2", detector=Sees())
    with pytest.raises(DancegenError, match="only a part"):
        seen.pop(0)
        find_people(drawn.image, choice="all", detector=Sees())


def test_the_command_numbers_people_and_its_files_are_accepted_back(
    tmp_path: Path, run_main: Callable[..., Ran]
) -> None:
    picture, joints, _ = two_people(line_drawing(), 260)
    joints[1] = figure_joints(float(joints[1][8, 0]), float(joints[1][10, 1]), 300)
    Image.fromarray(picture.pixels).save(tmp_path / "two.png")
    pose = pose_file(tmp_path / "pose.json", *joints)
    ran = run_main("subject", tmp_path / "two.png", "-o", tmp_path / "out", "--pose", pose, "--offline")
    assert ran.status == 0, ran.err
    assert "person 1, found by pose file" in ran.out
    assert "person 2, found by pose file" in ran.out
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert written == ["two.1.mask.png", "two.2.mask.png", "two.overlay.png", "two.pose.json"]
    (frame,) = read_keypoints(tmp_path / "out" / "two.pose.json")
    assert np.allclose(frame.people[0], joints[0], atol=0.01), "the larger first"
    again = ["--pose", tmp_path / "out" / "two.pose.json", "--people", "2"]
    again += ["--mask", tmp_path / "out" / "two.2.mask.png"]
    ran = run_main("subject", tmp_path / "two.png", "-o", tmp_path / "again", *again, "--offline")
    assert ran.status == 0, ran.err
    assert sorted(path.name for path in (tmp_path / "again").iterdir())[0] == "two.mask.png"
    ran = run_main("subject", tmp_path / "two.png", "-o", tmp_path / "out", "--pose", pose, "--offline")
    assert ran.status == 1
    assert "two.1.mask.png" in ran.err or "--overwrite" in ran.err


def test_a_back_is_danced_as_it_is_seen() -> None:
    """Left and right of somebody seen from behind are exchanged, wherever a detector put the shoulders."""
    front = drawn(120, 100, 80)
    depth, knuckles = np.arange(J.V, dtype=np.float32), np.array([[1, 2], [3, 4]], np.float32)
    ahead = Detection(front.joints, front.confidence, None, "test", depth=depth, knuckles=knuckles)
    assert face_viewer(ahead) is ahead
    behind = replace(ahead, joints=ahead.joints[list(J.MIRROR)], depth=depth[list(J.MIRROR)], knuckles=knuckles[::-1])
    torn = behind.joints.copy()
    torn[[J.R_SHOULDER, J.L_SHOULDER]] = torn[[J.L_SHOULDER, J.R_SHOULDER]]
    for found in (behind, replace(behind, joints=torn)):
        made = face_viewer(found)
        np.testing.assert_array_equal(made.joints, ahead.joints)
        assert np.array_equal(np.asarray(made.knuckles), knuckles)
    assert np.array_equal(np.asarray(face_viewer(behind).depth), depth)
    unsure = front.confidence.copy()
    unsure[J.L_HIP] = 0
    assert face_viewer(replace(behind, confidence=unsure)).joints is behind.joints
