"""Finding the person: detectors in their order, files of the user, refusals."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from conftest import shared_data
from PIL import Image
from subject_tools import Drawn, StandIn, figure_joints, find_subject, line_drawing, overlap, photo

from dancegen.body.joints import FACE_JOINTS, L_ANKLE, MIRROR, NECK, R_ANKLE, R_KNEE, V, body_height
from dancegen.body.openpose import frame_json
from dancegen.errors import DancegenError
from dancegen.images.picture import ConditionalImage, open_picture
from dancegen.people.detectors import dwpose
from dancegen.people.detectors import mediapipe as mediapipe_detector
from dancegen.people.located import Detection, LocatedBody, implausibility

SURE = np.ones(V, np.float32)


class Listener:
    """Keeps the notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def stage(self, name: str, total: int | None = None, unit: str = "") -> None: ...

    def advance(self, steps: int = 1) -> None: ...

    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without mediapipe and DWPose unless a test says otherwise: the tests mean the same on every machine."""
    monkeypatch.setattr(mediapipe_detector, "is_available", lambda: False)
    monkeypatch.setattr(dwpose, "dwpose_models", lambda **_: None)


def pose_file(tmp_path: Path, drawn: Drawn, **more: object) -> Path:
    path = tmp_path / "pose.json"
    path.write_text(json.dumps({**frame_json(drawn.joints, SURE), **more}), "utf-8")
    return path


def test_a_pose_file_is_believed(tmp_path: Path) -> None:
    drawn = photo()
    found = find_subject(drawn.image, network=None, pose_file=pose_file(tmp_path, drawn))
    assert isinstance(found, LocatedBody)
    assert np.allclose(found.joints, drawn.joints, atol=1e-3)
    assert found.mask.shape == drawn.image.pixels.shape[:2]
    assert "pose file" in found.detector


@pytest.mark.parametrize("gone", [(R_ANKLE, L_ANKLE), (R_KNEE, R_ANKLE), (3, 4), (2,), (NECK,), (8,), FACE_JOINTS])
def test_joints_that_a_pose_file_lacks_get_a_likely_place(tmp_path: Path, gone: tuple[int, ...]) -> None:
    """The renderer cuts all limbs out; with joints at 0, 0 it would cut across the picture."""
    drawn = photo()
    confidence = SURE.copy()
    confidence[list(gone)] = 0
    (tmp_path / "pose.json").write_text(json.dumps(frame_json(drawn.joints * confidence[:, None], confidence)))
    found = find_subject(drawn.image, network=None, pose_file=tmp_path / "pose.json")
    away = np.linalg.norm(found.joints - drawn.joints, axis=1)
    assert away.max() < 0.25 * float(body_height(drawn.joints.astype(float)))
    assert np.allclose(away[confidence > 0], 0, atol=1e-3)


def test_a_mask_file_is_believed(tmp_path: Path) -> None:
    drawn = photo()
    grey = (drawn.mask * 200).astype(np.uint8)
    Image.fromarray(grey).save(tmp_path / "mask.png")
    found = find_subject(
        drawn.image, network=None, pose_file=pose_file(tmp_path, drawn), mask_file=tmp_path / "mask.png"
    )
    assert np.allclose(found.mask, grey / 255, atol=1 / 255)
    assert "mask file" in found.detector


def test_keypoints_of_another_canvas_are_scaled(tmp_path: Path) -> None:
    drawn = photo()
    width, height = drawn.image.size
    double = replace(drawn, joints=drawn.joints * 2)
    path = pose_file(tmp_path, double, canvas_width=2 * width, canvas_height=2 * height)
    found = find_subject(drawn.image, network=None, pose_file=path)
    assert np.allclose(found.joints, drawn.joints, atol=1e-2)


def test_keypoints_in_shares_of_the_picture(tmp_path: Path) -> None:
    drawn = photo()
    share = replace(drawn, joints=drawn.joints / np.array(drawn.image.size))
    found = find_subject(drawn.image, network=None, pose_file=pose_file(tmp_path, share))
    assert np.allclose(found.joints, drawn.joints, atol=0.1)


def test_keypoints_of_a_picture_that_was_made_smaller(tmp_path: Path) -> None:
    drawn = photo()
    image = replace(drawn.image, original_size=(drawn.image.size[0] * 4, drawn.image.size[1] * 4))
    found = find_subject(image, network=None, pose_file=pose_file(tmp_path, replace(drawn, joints=drawn.joints * 4)))
    assert np.allclose(found.joints, drawn.joints, atol=1e-2)


def test_of_two_people_in_a_pose_file_the_larger_is_taken_and_it_is_said(tmp_path: Path) -> None:
    drawn = photo()
    small = figure_joints(40, 200, 160)
    data = frame_json(small, SURE)
    data["people"] += frame_json(drawn.joints, SURE)["people"]
    (tmp_path / "pose.json").write_text(json.dumps(data), "utf-8")
    listener = Listener()
    found = find_subject(drawn.image, network=None, pose_file=tmp_path / "pose.json", reporter=listener)
    assert np.allclose(found.joints, drawn.joints, atol=1e-2)
    assert any("there are 2 people" in note for note in listener.notes)


def test_bad_pose_files(tmp_path: Path) -> None:
    drawn = photo()
    nobody = tmp_path / "nobody.json"
    nobody.write_text('{"people": []}', "utf-8")
    with pytest.raises(DancegenError, match="no people"):
        find_subject(drawn.image, network=None, pose_file=nobody)
    with pytest.raises(DancegenError, match="is for a picture of 999 x 100"):
        find_subject(
            drawn.image, network=None, pose_file=pose_file(tmp_path, drawn, canvas_width=999, canvas_height=100)
        )
    far = replace(drawn, joints=drawn.joints + 5000)
    with pytest.raises(DancegenError, match="outside the picture"):
        find_subject(drawn.image, network=None, pose_file=pose_file(tmp_path, far))
    confidence = np.zeros(V)
    confidence[list(FACE_JOINTS)] = 1
    (tmp_path / "face.json").write_text(json.dumps(frame_json(drawn.joints, confidence)), "utf-8")
    with pytest.raises(DancegenError, match="right hip"):
        find_subject(drawn.image, network=None, pose_file=tmp_path / "face.json")


def test_bad_mask_files(tmp_path: Path) -> None:
    drawn = photo()
    pose = pose_file(tmp_path, drawn)
    Image.new("L", (100, 700), 255).save(tmp_path / "shape.png")
    Image.new("L", drawn.image.size, 0).save(tmp_path / "black.png")
    (tmp_path / "text.png").write_text("no", "utf-8")
    for name, word in (("shape", "100 x 700"), ("black", "empty"), ("text", "not a picture")):
        with pytest.raises(DancegenError, match=word):
            find_subject(drawn.image, network=None, pose_file=pose, mask_file=tmp_path / f"{name}.png")


def test_without_any_detector_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dancegen.registry.Backend.missing", "an extra")
    with pytest.raises(DancegenError, match="no person") as told:
        find_subject(photo().image, network=None)
    assert "--pose" in told.value.remedy
    assert "pip install 'dancegen[" in told.value.remedy


def test_the_network_finds_drawings() -> None:
    drawn = line_drawing()
    network = StandIn(drawn.joints, SURE, drawn.mask)
    found = find_subject(replace(drawn.image, pixels=drawn.image.pixels), network=network)
    assert network.asked == 2, "the second look is for other people"
    assert found.detector.startswith("network")
    assert overlap(found.mask, drawn.mask) > 0.9


def test_a_network_that_is_not_sure_finds_nobody() -> None:
    drawn = photo()
    network = StandIn(drawn.joints, SURE * 0.05, drawn.mask)
    with pytest.raises(DancegenError, match="no person"):
        find_subject(drawn.image, network=network)


class Crowd(StandIn):
    """A network that finds one person after the other."""

    def __init__(self, *people: np.ndarray) -> None:
        super().__init__(people[0], SURE, np.zeros_like(photo().mask))
        self.people = people

    def find_joints(self, pixels: np.ndarray, figure: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        self.asked += 1
        return self.people[min(self.asked, len(self.people)) - 1].copy(), SURE.copy()


@pytest.mark.parametrize("smaller_first", [False, True])
def test_the_network_takes_the_larger_of_two_and_it_is_said(smaller_first: bool) -> None:
    drawn = photo()
    people = drawn.joints, figure_joints(50, 400, 160)
    listener = Listener()
    network = Crowd(*(people[::-1] if smaller_first else people))
    found = find_subject(drawn.image, network=network, reporter=listener)
    assert np.allclose(found.joints, drawn.joints)
    assert any("there are 2 people" in note for note in listener.notes)


def test_what_is_left_of_the_first_person_is_nobody_else() -> None:
    drawn = photo()
    listener = Listener()
    find_subject(drawn.image, network=Crowd(drawn.joints, drawn.joints + 9), reporter=listener)
    find_subject(drawn.image, network=Crowd(drawn.joints, figure_joints(40, 60, 40)), reporter=listener)
    assert not listener.notes


def test_the_network_tells_a_face_from_nobody() -> None:
    drawn = photo()
    confidence = np.zeros(V, np.float32)
    confidence[[*FACE_JOINTS, NECK, 2, 5]] = 0.9
    network = StandIn(drawn.joints, confidence, drawn.mask)
    with pytest.raises(DancegenError, match=r"only a part of the person.*right hip"):
        find_subject(drawn.image, network=network)
    with pytest.raises(DancegenError, match="no person"):
        find_subject(drawn.image, network=StandIn(drawn.joints, confidence * 0.2, drawn.mask))


def mediapipe_sees(monkeypatch: pytest.MonkeyPatch, *found: Detection) -> None:
    monkeypatch.setattr(mediapipe_detector, "is_available", lambda: True)
    monkeypatch.setattr(mediapipe_detector, "find_all", lambda _: list(found))


def test_mediapipe_comes_before_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = photo()
    network = StandIn(drawn.joints, SURE, drawn.mask)
    mediapipe_sees(monkeypatch, Detection(drawn.joints + 1, SURE, drawn.mask.astype(np.float32), "mediapipe"))
    assert find_subject(drawn.image, network=network).detector.startswith("mediapipe")
    assert network.asked == 0
    mediapipe_sees(monkeypatch)
    assert find_subject(drawn.image, network=network).detector.startswith("network")


def test_the_network_is_asked_where_mediapipe_is_not_sure(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = photo()
    elsewhere = np.roll(drawn.mask, 120, axis=1).astype(np.float32)  # a mask that is not on the limbs
    mediapipe_sees(monkeypatch, Detection(drawn.joints + 30, SURE, elsewhere, "mediapipe"))
    sure, unsure = (StandIn(drawn.joints, SURE * share, drawn.mask) for share in (0.9, 0.5))
    assert find_subject(drawn.image, network=sure).detector.startswith("network")
    assert find_subject(drawn.image, network=unsure).detector.startswith("mediapipe")
    assert find_subject(drawn.image, network=None).detector.startswith("mediapipe")


def test_mediapipes_mask_serves_a_given_pose_only_of_the_same_person(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = photo()
    mediapipe_sees(monkeypatch, Detection(drawn.joints + 1, SURE, drawn.mask.astype(np.float32), "mediapipe"))
    pose = pose_file(tmp_path, drawn)
    assert find_subject(drawn.image, network=None, pose_file=pose).detector == "pose file, mask: mediapipe"
    mediapipe_sees(monkeypatch, Detection(drawn.joints + 90, SURE, drawn.mask.astype(np.float32), "mediapipe"))
    assert find_subject(drawn.image, network=None, pose_file=pose).detector == "pose file, mask: limbs"


def test_two_people_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = photo()
    other = figure_joints(40, 200, 160)
    people = [Detection(joints, SURE, drawn.mask.astype(np.float32), "mediapipe") for joints in (other, drawn.joints)]
    mediapipe_sees(monkeypatch, *people)
    listener = Listener()
    found = find_subject(drawn.image, network=None, reporter=listener)
    assert np.allclose(found.joints, drawn.joints)
    assert any("largest" in note for note in listener.notes)


def test_a_face_only_names_the_missing_joints_and_pose(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = photo()
    confidence = np.zeros(V, np.float32)
    confidence[[*FACE_JOINTS, NECK, 2, 5]] = 1
    mediapipe_sees(monkeypatch, Detection(drawn.joints, confidence, drawn.mask.astype(np.float32), "mediapipe"))
    with pytest.raises(DancegenError, match="only a part") as told:
        find_subject(drawn.image, network=None)
    assert "left hip" in told.value.what
    assert "--pose" in told.value.remedy


def test_feet_outside_the_picture_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = photo()
    confidence = SURE.copy()
    confidence[[R_ANKLE, L_ANKLE]] = 0
    mediapipe_sees(monkeypatch, Detection(drawn.joints, confidence, drawn.mask.astype(np.float32), "mediapipe"))
    listener = Listener()
    found = find_subject(drawn.image, network=None, reporter=listener)
    assert found.confidence[R_ANKLE] == 0
    assert any("right ankle" in note for note in listener.notes)


def test_what_cannot_be_a_person() -> None:
    joints = figure_joints(160, 400, 350)
    assert implausibility(joints, SURE, (320, 420)) == ""
    assert implausibility(joints[list(MIRROR)], SURE, (320, 420)) == ""
    assert implausibility(joints * 0.05, SURE, (320, 420)) == "too small"
    few = np.zeros(V)
    few[R_KNEE] = 1
    assert implausibility(joints, few, (320, 420))


mediapipe_here = pytest.mark.skipif(importlib.util.find_spec("mediapipe") is None, reason="mediapipe is not installed")


@mediapipe_here
def test_mediapipe_on_real_photos(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    path = shared_data("pictures", "photos", "yoga_woman.jpg")
    monkeypatch.undo()
    (found,) = mediapipe_detector.load().find(open_picture(path))
    assert found.mask is not None
    truth = {4: (300, 308), 7: (697, 315), 10: (350, 608), 13: (700, 616)}
    for joint, place in truth.items():
        assert np.linalg.norm(found.joints[joint] - place) < 25
    assert 0.04 < (found.mask > 0.5).mean() < 0.12
    assert capfd.readouterr().err == "", "mediapipe's own logs are silenced"


@mediapipe_here
def test_mediapipe_sees_both_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    photo_file = Image.open(shared_data("pictures", "photos", "yoga_woman.jpg"))
    monkeypatch.undo()
    person = photo_file.crop((250, 230, 760, 660))
    pair = photo_file.resize((1600, 1067))
    pair.paste(photo_file.crop((0, 0, 1000, 210)).resize((1600, 1067)))
    pair.paste(person.resize((780, 658)), (20, 380))
    pair.paste(person.resize((408, 344)), (1100, 600))
    large, small = mediapipe_detector.find_all(np.asarray(pair))
    assert large.joints[:, 0].max() < 850
    assert small.joints[:, 0].min() > 1050
    assert large.extent > 1.5 * small.extent


def test_a_mediapipe_that_does_not_work_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_options: object) -> None:
        raise AttributeError("'FieldDescriptor' object has no attribute 'label'")  # under another protobuf

    solutions = ModuleType("mediapipe.python.solutions")
    monkeypatch.setattr(solutions, "pose", SimpleNamespace(Pose=fail), raising=False)
    for name in ("mediapipe", "mediapipe.python"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, "mediapipe.python.solutions", solutions)
    with pytest.raises(DancegenError, match="mediapipe is installed and does not work here") as told:
        mediapipe_detector.find_all(np.zeros((64, 64, 3), np.uint8))
    assert "pip uninstall mediapipe" in told.value.remedy


def test_who_stands_is_believed_before_who_lies_on_no_ground(monkeypatch: pytest.MonkeyPatch) -> None:
    """mediapipe's sideways body in an upright drawing gives way to the network's, even where that is not very sure."""
    upright = figure_joints(150, 280, 250)
    lying = (upright - 150) @ np.array([[0, 1], [-1, 0]], np.float32) + 150
    mask = np.ones((300, 300), np.float32)
    image = ConditionalImage(Path("drawn.png"), np.full((300, 300, 3), 200, np.uint8))
    seen = Detection(lying, np.full(V, 0.8, np.float32), mask, "mediapipe")
    monkeypatch.setattr(mediapipe_detector, "is_available", lambda: True)
    monkeypatch.setattr(mediapipe_detector, "find_all", lambda _pixels: [seen])
    monkeypatch.setattr(mediapipe_detector, "certainty", lambda _found: 0.7)
    for sure, detector in ((0.6, "network"), (0.3, "mediapipe")):
        network = StandIn(upright, np.full(V, sure, np.float32), mask > 0)
        assert find_subject(image, network=network).detector.startswith(detector)
    seen = Detection(upright + 3, np.full(V, 0.8, np.float32), mask, "mediapipe")
    network = StandIn(upright, np.full(V, 0.6, np.float32), mask > 0)
    assert find_subject(image, network=network).detector.startswith("mediapipe"), "both stand: the usual order"


@mediapipe_here
def test_mediapipe_sees_nobody_in_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    noise = np.random.default_rng(0).integers(0, 255, (240, 320, 3), dtype=np.uint8)
    assert mediapipe_detector.find_all(noise) == []
    with pytest.raises(DancegenError, match="no person"):
        find_subject(ConditionalImage(Path("noise.png"), noise), network=None)


@mediapipe_here
def test_mediapipe_does_not_read_what_draws_plots() -> None:
    """matplotlib, a second of every start, is read when somebody plots, as mediapipe's own drawing functions do."""
    code = (
        "import sys; from dancegen.people.detectors.mediapipe import check; check(); assert 'matplotlib.figure' not in"
        " sys.modules; import mediapipe; from matplotlib import pyplot; import matplotlib.pyplot as plt;"
        "assert plt.figure is pyplot.figure is mediapipe.solutions.drawing_utils.plt.figure"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
