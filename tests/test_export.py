"""Exports and imports: what other tools read, and round trips that are exact to a thousandth of a pixel."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from workbench_tools import dance

from dancegen.body.joints import JOINT_NAMES, R_WRIST
from dancegen.body.keypoints import read_keypoints
from dancegen.dances import export
from dancegen.dances.dance_file import round_dance
from dancegen.dances.imports import read_poses
from dancegen.errors import DancegenError

CANVAS = (512, 768)


def pixels_of(path: Path) -> np.ndarray:
    """(T, 18, 2) of the first person of a file or folder."""
    files = sorted(path.glob("*.json")) if path.is_dir() else [path]
    return np.array([frame.people[0] for file in files for frame in read_keypoints(file)])


@pytest.mark.parametrize("kind", ["comfyui", "openpose"])
def test_a_round_trip_is_exact_to_a_thousandth_of_a_pixel(tmp_path: Path, kind: str) -> None:
    made = dance(2.0)
    seen = made.confidence.copy()
    seen[:, R_WRIST] = 0
    pixels = export.place(replace(made, confidence=seen), export.fit(made, *CANVAS))
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    for path, sequence in ((first, pixels), (second, None)):
        if sequence is None:
            imported = read_poses(first, 30)
            sequence = export.place(round_dance(imported.skeleton), imported.placement)
        if kind == "comfyui":
            export.write_comfyui(path, sequence, CANVAS)
        else:
            export.write_openpose(path, sequence)
    np.testing.assert_allclose(pixels_of(second), pixels_of(first), atol=1e-3)
    visible = [joint for joint in range(18) if joint != R_WRIST]
    np.testing.assert_allclose(pixels_of(first)[:, visible], pixels.joints[:, visible, :2], atol=1e-3)
    assert any("right_wrist" in note for note in read_poses(first, 30).notes)


def test_comfyui_frames_are_flat_lists_with_confidence_one_or_zero(tmp_path: Path) -> None:
    made = dance(1.0)
    shy = made.confidence * 0.4
    shy[:, R_WRIST] = 0
    pixels = export.place(replace(made, confidence=shy), export.fit(made, *CANVAS))
    export.write_comfyui(tmp_path / "p.json", pixels, CANVAS)
    frames = json.loads((tmp_path / "p.json").read_text())
    assert isinstance(frames, list) and len(frames) == 30
    for frame in frames:
        assert (frame["canvas_width"], frame["canvas_height"]) == CANVAS and len(frame["people"]) == 1
        flat = frame["people"][0]["pose_keypoints_2d"]
        assert len(flat) == 54 and all(type(value) in (int, float) for value in flat)
        assert set(flat[2::3]) == {0.0, 1.0}
        assert flat[3 * R_WRIST : 3 * R_WRIST + 3] == [0, 0, 0]


def test_openpose_frames_are_one_file_each(tmp_path: Path) -> None:
    pixels = export.place(dance(0.5), export.fit(dance(0.5), *CANVAS))
    export.write_openpose(tmp_path / "poses", pixels)
    names = sorted(path.name for path in (tmp_path / "poses").iterdir())
    assert names[0] == "000000_keypoints.json" and len(names) == 15
    assert "version" in json.loads((tmp_path / "poses" / names[0]).read_text())


def test_the_dance_fits_its_canvas() -> None:
    made = dance(2.0)
    pixels = export.place(made, export.fit(made, 300, 200)).joints
    assert pixels[..., 0].min() >= 0 and pixels[..., 0].max() <= 300
    assert pixels[..., 1].min() >= 0 and pixels[..., 1].max() <= 200
    assert np.ptp(pixels[..., 1]) > 150 or np.ptp(pixels[..., 0]) > 250


def test_npz_and_csv_hold_every_pose(tmp_path: Path) -> None:
    made = dance(1.0)
    pixels = export.place(made, export.fit(made, *CANVAS))
    export.write_npz(tmp_path / "p.npz", made, pixels, CANVAS)
    with np.load(tmp_path / "p.npz") as stored:
        np.testing.assert_array_equal(stored["canonical"], made.joints)
        np.testing.assert_array_equal(stored["pixels"], pixels.joints)
        assert float(stored["fps"]) == 30 and tuple(stored["joint_names"]) == JOINT_NAMES
    export.write_csv(tmp_path / "p.csv", pixels)
    rows = list(csv.DictReader((tmp_path / "p.csv").open()))
    assert len(rows) == 30
    assert float(rows[7]["left_ankle_x"]) == pytest.approx(pixels.joints[7, 13, 0], abs=1e-3)
    assert float(rows[15]["time"]) == pytest.approx(0.5)


def test_the_kind_follows_the_ending(tmp_path: Path) -> None:
    assert [export.kind_of(Path(f"a{e}"), None) for e in (".json", ".mp4", ".npz", ".csv", "")] == [
        *("comfyui", "video", "npz", "csv", "openpose")
    ]
    assert export.kind_of(Path("a.json"), "openpose") == "openpose"
    for out, kind in (("a.gif", None), ("a.json", "fbx")):
        with pytest.raises(DancegenError, match="no known kind of export"):
            export.kind_of(Path(out), kind)


def comfy(tmp_path: Path, seconds: float = 1.0) -> tuple[Path, list]:
    pixels = export.place(dance(seconds), export.fit(dance(seconds), *CANVAS))
    path = tmp_path / "p.json"
    export.write_comfyui(path, pixels, CANVAS)
    return path, json.loads(path.read_text())


def test_gaps_are_filled_and_said(tmp_path: Path) -> None:
    path, frames = comfy(tmp_path)
    whole = pixels_of(path)
    for number in range(10, 13):
        frames[number]["people"] = []
    for number in range(20, 24):
        frames[number]["people"][0]["pose_keypoints_2d"][3 * R_WRIST : 3 * R_WRIST + 3] = [0, 0, 0]
    path.write_text(json.dumps(frames))
    imported = read_poses(path, 30)
    back = export.place(imported.skeleton, imported.placement).joints[..., :2]
    np.testing.assert_allclose(back[11], (whole[9] + whole[13]) / 2, atol=1e-2)
    wrist = whole[19, R_WRIST] + (whole[24, R_WRIST] - whole[19, R_WRIST]) * np.array([[0.2], [0.4], [0.6], [0.8]])
    np.testing.assert_allclose(back[20:24, R_WRIST], wrist, atol=1e-2)
    assert (imported.skeleton.confidence > 0).all()
    assert any("nobody in 3 of 30 frames" in note for note in imported.notes)
    assert any("right_wrist in 4" in note for note in imported.notes)


def test_the_same_person_is_followed(tmp_path: Path) -> None:
    path, frames = comfy(tmp_path)
    whole = pixels_of(path)
    for number, frame in enumerate(frames):
        far = list(frame["people"][0]["pose_keypoints_2d"])
        far[0::3] = [x + 2000 for x in far[0::3]]
        frame["people"].insert(number % 2, {"pose_keypoints_2d": far})
    frames[0]["people"] = frames[0]["people"][1:]
    path.write_text(json.dumps(frames))
    imported = read_poses(path, 30)
    np.testing.assert_allclose(export.place(imported.skeleton, imported.placement).joints[..., :2], whole, atol=1e-2)


def test_the_canonical_body_stands_on_the_ground_at_unit_height(tmp_path: Path) -> None:
    from dancegen.body.joints import body_height

    imported = read_poses(comfy(tmp_path)[0], 30)
    joints = imported.skeleton.joints
    assert np.median(body_height(joints)) == pytest.approx(1, abs=1e-3)
    assert -0.15 < joints[:, (10, 13), 1].max(axis=1).mean() < 0
    assert (joints[..., 2] == 0).all()


def test_bad_keypoints_get_one_clear_line(tmp_path: Path) -> None:
    path, frames = comfy(tmp_path)
    for content, message in (
        ([{**frame, "people": []} for frame in frames], "has no people in its 30 frames"),
        ([], "has no frames"),
        ({"a": 1}, 'has no "people" list'),
        ([{**frames[0], "people": [{"pose_keypoints_2d": [float("nan")] * 54}]}], "is not a number"),
    ):
        path.write_text(json.dumps(content))
        with pytest.raises(DancegenError) as error:
            read_poses(path, 30)
        assert message in str(error.value) and "\n" not in str(error.value)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DancegenError, match=r"no \.json files"):
        read_poses(tmp_path / "empty", 30)
