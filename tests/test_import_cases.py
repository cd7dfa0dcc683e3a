"""What people met when they brought keypoints: each file here was once read wrongly without a word, or refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Ran
from workbench_tools import dance

from dancegen.body.joints import L_ANKLE, L_HIP, NECK, R_ANKLE, R_HIP, R_WRIST
from dancegen.body.openpose import EMPTY, HANDS
from dancegen.body.retarget import retarget
from dancegen.dances import export
from dancegen.dances.dance_file import SkeletonSequence, Take
from dancegen.dances.imports import Imported, read_poses
from dancegen.dances.read_dance import read_dance
from dancegen.errors import DancegenError

POSES = Path(__file__).parent / "data" / "poses"
CANVAS = (512, 768)


def pixels(imported: Imported) -> np.ndarray:
    """(T, 18, 2) of the first dancer, in the picture they were imported from."""
    return export.place(imported.skeleton, imported.placement).joints[..., :2]


def bodies(name: str) -> list[list[np.ndarray]]:
    """The people of each frame, as the file has them: (18, 3) each."""
    frames = json.loads((POSES / name).read_text("utf-8-sig"))
    return [[np.reshape(person["pose_keypoints_2d"], (18, 3)) for person in frame["people"]] for frame in frames]


def said(imported: Imported, word: str) -> bool:
    return any(word in note for note in imported.notes)


def written(tmp_path: Path, frames: Any) -> Path:
    (tmp_path / "clip.json").write_text(json.dumps(frames))
    return tmp_path / "clip.json"


def frame(*people: np.ndarray | None) -> dict[str, Any]:
    listed = [{"pose_keypoints_2d": None if one is None else np.ravel(one).tolist()} for one in people]
    return {"people": listed, "canvas_width": CANVAS[0], "canvas_height": CANVAS[1]}


def body(x: float = 260.0, y: float = 400.0, size: float = 400.0) -> np.ndarray:
    """(18, 3) of a standing person."""
    joints = dance(0.1).joints[0, :, :2] * size + (x, y)
    return np.concatenate([joints, np.ones((18, 1))], axis=1)


def test_a_bystander_is_not_danced() -> None:
    imported = read_poses(POSES / "bystander.json", 4.0)
    frames = bodies("bystander.json")
    dancer = [max(people, key=lambda one: np.ptp(one[:, 1]))[:, :2] for people in frames]
    found = pixels(imported)
    for number in (0, 2, 3):
        np.testing.assert_allclose(found[number], dancer[number], atol=0.01)
    np.testing.assert_allclose(found[1], (dancer[0] + dancer[2]) / 2, atol=0.01)  # a gap, not the bystander
    assert said(imported, "2 people in the clip (frames 1, 3-4)") and said(
        imported, "the dancer is missing from frame 2, where others are"
    )


@pytest.mark.parametrize("beside", [True, False])
def test_a_stranger_who_is_there_alone_is_no_continuation(tmp_path: Path, beside: bool) -> None:
    stranger = body(480.0, 700.0, 120.0)
    frames = [frame(body(260.0 + 2 * number), *([stranger] if beside else [])) for number in range(10)]
    frames[4:6] = [frame(stranger), frame(stranger)]
    found = pixels(read_poses(written(tmp_path, frames + [frame(stranger)] * 5), 10.0))
    assert np.abs(np.diff(found[:, NECK, 0])).max() < 2.1 and (np.abs(np.diff(found[9:, NECK, 0])) < 1e-2).all()


def test_a_cut_is_followed_and_said(tmp_path: Path) -> None:
    frames = [frame(body(100.0))] * 20 + [frame(body(400.0))] * 10
    imported = read_poses(written(tmp_path, frames), 10.0)
    np.testing.assert_allclose(pixels(imported)[25], body(400.0)[:, :2], atol=0.01)
    assert said(imported, "jumps at frame 21")


def test_crossing_people_are_not_exchanged(tmp_path: Path) -> None:
    frames = [
        frame(*[body(100.0 + 10 * t), body(410.0 - 10 * t, size=390.0)][:: 1 if t % 2 else -1]) for t in range(31)
    ]
    found = pixels(read_poses(written(tmp_path, frames), 10.0))
    middle = found[:, NECK, 0]
    np.testing.assert_allclose(np.diff(middle), 10, atol=0.5)  # the larger, all the way


def test_who_is_meant_can_be_chosen(tmp_path: Path) -> None:
    frames = [frame(body(100.0, size=300.0), body(260.0), body(430.0, size=350.0))] * 10
    path = written(tmp_path, frames)
    middles = {people: pixels(read_poses(path, 10.0, people=people))[0, NECK, 0] for people in ("left", "right", "2")}
    assert middles["left"] == pytest.approx(body(100.0, size=300.0)[NECK, 0], abs=0.01)
    assert middles["right"] == middles["2"] == pytest.approx(body(430.0, size=350.0)[NECK, 0], abs=0.01)
    imported = read_poses(path, 10.0, people="all")
    placed = [export.place(one, imported.placement).joints[0, NECK, 0] for one in imported.dancers]
    np.testing.assert_allclose(
        placed, [body(x, size=s)[NECK, 0] for x, s in ((260, 400), (430, 350), (100, 300))], atol=0.01
    )
    with pytest.raises(DancegenError, match="only 3 people"):
        read_poses(path, 10.0, people="4")
    with pytest.raises(DancegenError, match="--people must be"):
        read_poses(path, 10.0, people="9" * 5000)


def test_file_numbers_place_poses_in_time() -> None:
    imported = read_poses(POSES / "file_numbers", 10.0)
    found = pixels(imported)
    assert len(found) == 23 and said(imported, "17 frames missing between numbers 0 and 22")
    np.testing.assert_allclose(found[[0, 1, 2, 20, 21, 22], NECK, 0], [260, 262, 264, 300, 302, 304], atol=0.01)
    np.testing.assert_allclose(found[11, NECK, 0], 282, atol=0.01)


def test_every_second_number_is_every_second_frame(tmp_path: Path) -> None:
    for number in range(0, 10, 2):
        (tmp_path / f"take2_{number:04d}_keypoints.json").write_text(json.dumps(frame(body(200.0 + 10 * number))))
    (tmp_path / "._take2_0001_keypoints.json").write_bytes(b"\0\5\26\7")
    imported = read_poses(tmp_path, 10.0)
    assert len(imported.skeleton) == 9 and said(imported, "numbers rise by 2")
    assert np.diff(pixels(imported)[:, NECK, 0]) == pytest.approx(10, abs=0.01)


@pytest.mark.parametrize(("first", "told"), [(0, False), (1, False), (40, True)])
def test_a_clip_that_begins_later_is_said(tmp_path: Path, first: int, told: bool) -> None:
    for number in range(first, first + 3):
        (tmp_path / f"take_{number:04d}_keypoints.json").write_text(json.dumps(frame(body(200.0 + number))))
    imported = read_poses(tmp_path, 10.0)
    assert len(imported.skeleton) == 3 and said(imported, f"numbers begin at {first}") is told


def test_two_clips_in_one_folder_are_refused(tmp_path: Path) -> None:
    for name in ("a_000_keypoints.json", "b_000_keypoints.json"):
        (tmp_path / name).write_text(json.dumps(frame(body())))
    with pytest.raises(DancegenError, match="files of several clips"):
        read_poses(tmp_path, 10.0)


def test_numbers_far_apart_are_refused(tmp_path: Path) -> None:
    for number in (0, 10**12):
        (tmp_path / f"{number}.json").write_text(json.dumps(frame(body())))
    with pytest.raises(DancegenError, match="have numbers from 0 to 1000000000000"):
        read_poses(tmp_path, 10.0)


@pytest.mark.parametrize("name", ["body_empty", "body_null", "null_frame", "null_people"])
def test_people_without_a_body_and_null_frames_are_left_out(name: str) -> None:
    imported = read_poses(POSES / f"{name}.json", 4.0)
    assert len(imported.skeleton) == 3 and said(imported, "null" if "null_" in name else "without a body")
    frames = json.loads((POSES / f"{name}.json").read_text())
    first = np.reshape(frames[0]["people"][0]["pose_keypoints_2d"], (18, 3))[:, :2]
    np.testing.assert_allclose(pixels(imported)[0], first, atol=0.01)


def test_a_byte_order_mark_is_no_fault() -> None:
    assert (POSES / "json_with_bom.json").read_bytes().startswith(b"\xef\xbb\xbf")
    np.testing.assert_allclose(
        pixels(read_poses(POSES / "json_with_bom.json", 4.0))[0], bodies("json_with_bom.json")[0][0][:, :2], atol=0.01
    )


def test_shares_are_shares_in_every_frame() -> None:
    imported = read_poses(POSES / "share_out_of_picture.json", 4.0)
    shares = np.array([people[0][:, :2] for people in bodies("share_out_of_picture.json")])
    assert shares.max() > 1.5  # an ankle below the picture
    np.testing.assert_allclose(pixels(imported), shares * CANVAS, atol=0.01)
    assert said(imported, "shares of the picture")


def test_a_batch_of_one_clip_is_that_clip(tmp_path: Path) -> None:
    frames = [frame(body(260.0 + number)) for number in range(5)]
    assert len(read_poses(written(tmp_path, [frames]), 10.0).skeleton) == 5
    assert len(read_poses(written(tmp_path, [[one] for one in frames]), 10.0).skeleton) == 5


def test_frames_that_are_not_there_are_said_once() -> None:
    notes = read_poses(POSES / "file_numbers", 10.0).notes
    assert sum("interpolated" in note for note in notes) == 1, notes


def test_half_a_body_stands_in_a_picture() -> None:
    """Put on another body too: the feet stay on its ground, whatever the waist-up clip does."""
    imported = read_poses(POSES / "half_body_poses.json", 30.0)
    subject = body(260.0, 700.0, 500.0)[:, :2]
    ankles = retarget(imported.skeleton, subject, np.ones(18), CANVAS).joints[:, [R_ANKLE, L_ANKLE]]
    lower = ankles[..., 1].max(axis=1)
    assert np.ptp(lower) < 0.01 * 500 and abs(lower.mean() - subject[[R_ANKLE, L_ANKLE], 1].max()) < 5


def test_places_at_zero_are_none(tmp_path: Path) -> None:
    frames = [frame(body(260.0 + 10 * number)) for number in range(5)]
    frames[2]["people"][0]["pose_keypoints_2d"][3 * R_WRIST : 3 * R_WRIST + 3] = [0, 0, 1.0]
    frames[3]["people"][0]["pose_keypoints_2d"][3 * R_WRIST : 3 * R_WRIST + 3] = [None, None, None]
    imported = read_poses(written(tmp_path, frames), 10.0)
    np.testing.assert_allclose(np.diff(pixels(imported)[:, R_WRIST, 0]), 10, atol=0.01)
    assert said(imported, "right_wrist in 2")


def test_half_a_body_gets_legs_that_stand() -> None:
    imported = read_poses(POSES / "half_body_poses.json", 30.0)
    found = pixels(imported)
    feet = found[:, [R_ANKLE, L_ANKLE]]
    assert np.ptp(feet[..., 1]) < 0.02 * imported.placement.scale  # on the ground
    assert np.ptp(found[:, R_HIP, 1]) > 5  # though the body moves
    assert np.abs(np.diff(feet[..., 0], axis=0)).max() < 0.01 * imported.placement.scale
    legs = found[:, R_ANKLE, 1] - found[:, R_HIP, 1]
    assert 0.35 < np.median(legs) / imported.placement.scale < 0.55
    assert said(imported, "made up") and said(imported, "stand on the ground")
    assert (imported.skeleton.confidence[:, [R_HIP, L_HIP, R_ANKLE]] == 0).all()


def test_a_shown_knee_stands_on_a_made_up_foot(tmp_path: Path) -> None:
    frames = []
    for number in range(30):
        one = body(y=400.0 + 5 * np.sin(number))
        one[[R_ANKLE, L_ANKLE]] = 0
        frames.append(frame(one))
    feet = pixels(read_poses(written(tmp_path, frames), 30.0))[:, [R_ANKLE, L_ANKLE], 1]
    assert np.ptp(feet) < 1


def test_a_joint_that_is_gone_for_long_keeps_beside_the_next(tmp_path: Path) -> None:
    frames = []
    for number in range(60):
        one = body(100.0 + 5 * number)
        if number > 5:
            one[R_WRIST] = 0
        frames.append(frame(one))
    found = pixels(read_poses(written(tmp_path, frames), 30.0))
    wanted = body(100.0 + 5 * 59)[R_WRIST, :2]
    np.testing.assert_allclose(found[59, R_WRIST], wanted, atol=0.5)


@pytest.mark.parametrize("name", ["pose_1e+30", "pose_5000digits", "pose_canvas_400digits", "pose_canvas_esc"])
def test_numbers_that_cannot_be_are_one_line(
    name: str, tmp_path: Path, run_main: Callable[..., Ran], beat_song: Path, picture: Path
) -> None:
    ran = run_main("import", POSES / f"{name}.json", "-o", tmp_path / "x.dance.json")
    told = ran.err.strip()
    assert ran.status == 1 and len(told) < 400 and "\x1b" not in told and "fault" not in told
    assert name in told and not list(tmp_path.iterdir())
    posed = ("--preview", "--size", "64", "--fps", "5", "--offline", "--duration", "1")
    ran = run_main("render", beat_song, picture, "--pose", POSES / f"{name}.json", *posed, "-o", tmp_path / "x.mp4")
    assert ran.status == 1 and f"{name}.json" in ran.err and "Traceback" not in ran.err
    assert not list(tmp_path.iterdir())


def test_exports_have_the_keys_that_readers_index(tmp_path: Path) -> None:
    made = dance(0.2)
    placed = export.place(made, export.fit(made, *CANVAS))
    export.write_comfyui(tmp_path / "p.json", placed, CANVAS)
    export.write_openpose(tmp_path / "poses", placed)
    person = json.loads((tmp_path / "p.json").read_text())[0]["people"][0]
    assert all(person[key] == [] for key in (*HANDS, "face_keypoints_2d"))
    person = json.loads((tmp_path / "poses" / "000000_keypoints.json").read_text())["people"][0]
    assert all(person[key] == [] for key in (*HANDS, "face_keypoints_2d", *EMPTY))


def test_hands_and_faces_go_there_and_back(tmp_path: Path, run_main: Callable[..., Ran]) -> None:
    random = np.random.default_rng(0)
    hands, face = random.uniform(100, 400, (2, 6, 21, 2)), random.uniform(200, 300, (6, 70, 2))
    frames = []
    for number in range(6):
        one = frame(body())
        person = one["people"][0]
        for side, key in enumerate(HANDS):
            person[key] = np.concatenate([hands[side, number], np.ones((21, 1))], axis=1).ravel().tolist()
        person["face_keypoints_2d"] = np.concatenate([face[number], np.ones((70, 1))], axis=1).ravel().tolist()
        frames.append(one)
    frames[2]["people"][0]["hand_left_keypoints_2d"] = None
    frames[3]["people"][0]["face_keypoints_2d"] = []
    path = written(tmp_path, frames)
    assert run_main("import", path, "--fps", "10", "-o", tmp_path / "a.dance.json").status == 0
    assert run_main("export", tmp_path / "a.dance.json", "-o", tmp_path / "back.json").status == 0
    back = json.loads((tmp_path / "back.json").read_text())
    for number, one in enumerate(back):
        person = one["people"][0]
        for side, key in enumerate(HANDS):
            if (side, number) == (0, 2):
                assert person[key] == []
                continue
            np.testing.assert_allclose(np.reshape(person[key], (21, 3))[:, :2], hands[side, number], atol=1e-3)
        if number == 3:
            assert person["face_keypoints_2d"] == []
        else:
            np.testing.assert_allclose(np.reshape(person["face_keypoints_2d"], (70, 3))[:, :2], face[number], atol=1e-3)


def test_several_dancers_go_there_and_back(tmp_path: Path, run_main: Callable[..., Ran]) -> None:
    frames = [frame(body(150.0 + t), body(350.0, size=350.0)) for t in range(10)]
    path, file = written(tmp_path, frames), tmp_path / "a.dance.json"
    ran = run_main("import", path, "--people", "all", "--fps", "10", "-o", file)
    assert ran.status == 0 and "of 2 dancers" in ran.out and "without a song" in ran.out
    assert len(read_dance(file).takes[0].dancers) == 2
    assert run_main("export", file, "-o", tmp_path / "back.json").status == 0
    back = json.loads((tmp_path / "back.json").read_text())
    for one, other in zip(back, frames, strict=True):
        for got, wanted in zip(one["people"], other["people"], strict=True):
            np.testing.assert_allclose(got["pose_keypoints_2d"], wanted["pose_keypoints_2d"], atol=1e-2)
    ran = run_main("export", file, "-o", tmp_path / "x.csv")
    assert ran.status == 1 and "one person is needed" in ran.err
    assert run_main("export", file, "--people", "2", "-o", tmp_path / "x.csv").status == 0
    assert run_main("export", file, "--as", "video", "-o", tmp_path / "x.mp4").status == 0


def test_outputs_that_are_inputs_are_refused(tmp_path: Path, run_main: Callable[..., Ran], beat_song: Path) -> None:
    path = written(tmp_path, [frame(body())] * 5)
    song = shutil.copy(beat_song, tmp_path / "song.wav")
    file = tmp_path / "a.dance.json"
    assert run_main("import", path, "-o", file).status == 0
    (tmp_path / "link.json").symlink_to(file)
    (tmp_path / "poses").mkdir()
    shutil.copy(path, tmp_path / "poses" / "0.json")
    before = {one: one.read_bytes() for one in tmp_path.rglob("*") if one.is_file()}
    for command in (
        ("export", file, "-o", file),
        ("export", file, "-o", tmp_path / "link.json"),
        ("import", path, "-o", path),
        ("import", path, "--song", song, "-o", song),
        ("import", tmp_path / "poses", "-o", tmp_path / "poses" / "0.json"),
        ("beats", song, "-o", song),
        ("dance", song, "-o", song),
    ):
        ran = run_main(*command, "--overwrite")
        assert ran.status == 1 and "would be destroyed" in ran.err, command
    assert {one: one.read_bytes() for one in tmp_path.rglob("*") if one.is_file()} == before


def test_dancers_of_a_take_are_counted_from_the_first() -> None:
    first, second = dance(0.2), replace(dance(0.2), joints=dance(0.2).joints * 1.5 + np.float32((1, 0, 0)))
    take = Take(first, 0, "none", partners=(second,))

    def chosen(people: str) -> list[SkeletonSequence]:
        return export.chosen_dancers(take, people, "x", single=False)

    assert chosen("largest") == [first] == chosen("1") == chosen("left") and chosen("right") == [second] == chosen("2")
