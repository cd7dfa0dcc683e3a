"""Training frames: posing, skinning, drawn figures, scenes on disk. All on a block figure made here."""

from __future__ import annotations

import dataclasses
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from subject_tools import line_drawing

from dancegen.errors import DancegenError
from dancegen.lab.synthetic import character as characters
from dancegen.lab.synthetic.character import ARM_LABELS, LEG_LABELS
from dancegen.lab.synthetic.figure import random_figure
from dancegen.lab.synthetic.figure_children import child_figure
from dancegen.lab.synthetic.figure_shapes import draw_figure
from dancegen.lab.synthetic.figure_strokes import MARKS
from dancegen.lab.synthetic.leaps import random_leaps
from dancegen.lab.synthetic.look import finish_picture, random_finish, resolve
from dancegen.lab.synthetic.make import contact_sheet, make_frames
from dancegen.lab.synthetic.poses import FACING_LIMIT, TURNED_LIMIT, _legs, dance_run, load_clips, still_pose
from dancegen.lab.synthetic.posing import pose
from dancegen.lab.synthetic.scene import FRAMES, find_sources
from dancegen.lab.synthetic.store import read_scene, scene_path

# name: (parent, place, what the block reaches to)
RIG = {
    "hips": ("", (0, 0.95, 0), (0, 1.1, 0)),
    "spine0": ("hips", (0, 1.1, 0), (0, 1.3, 0)),
    "spine1": ("spine0", (0, 1.3, 0), (0, 1.45, 0)),
    "neck": ("spine1", (0, 1.48, 0), (0, 1.55, 0)),
    "head": ("neck", (0, 1.55, 0), (0, 1.78, 0)),
}
for _side, _sign in (("R", -1), ("L", 1)):
    RIG |= {
        f"{_side}_arm": ("spine1", (_sign * 0.18, 1.45, 0), (_sign * 0.45, 1.45, 0)),
        f"{_side}_forearm": (f"{_side}_arm", (_sign * 0.45, 1.45, 0), (_sign * 0.7, 1.45, 0)),
        f"{_side}_hand": (f"{_side}_forearm", (_sign * 0.7, 1.45, 0), (_sign * 0.85, 1.45, 0)),
        f"{_side}_upleg": ("hips", (_sign * 0.1, 0.92, 0), (_sign * 0.1, 0.5, 0)),
        f"{_side}_leg": (f"{_side}_upleg", (_sign * 0.1, 0.5, 0), (_sign * 0.1, 0.08, 0)),
        f"{_side}_foot": (f"{_side}_leg", (_sign * 0.1, 0.08, 0), (_sign * 0.1, 0.03, 0.15)),
    }
LANDMARKS = {1: "neck", 2: "R_arm", 3: "R_forearm", 4: "R_hand", 5: "L_arm", 6: "L_forearm", 7: "L_hand"}
LANDMARKS |= {8: "R_upleg", 9: "R_leg", 10: "R_foot", 11: "L_upleg", 12: "L_leg", 13: "L_foot"}
FACE = {0: (0, 0.12, 0.1), 14: (-0.03, 0.15, 0.09), 15: (0.03, 0.15, 0.09), 16: (-0.08, 0.12, 0), 17: (0.08, 0.12, 0)}
CORNERS = np.array([[x, y, z] for x in (0, 1) for y in (-1, 1) for z in (-1, 1)], float)
QUADS = ((0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3))


def write_block_figure(path: Path) -> None:
    names = list(RIG)
    vertices, faces, owners = [], [], []
    for index, (_, start, end) in enumerate(RIG.values()):
        first, last = np.array(start, float), np.array(end, float)
        axis = last - first
        side = np.cross(axis, [0.3, 0.5, 0.8])
        side = 0.05 * side / np.linalg.norm(side)
        other = np.cross(axis / np.linalg.norm(axis), side)
        base = len(vertices) * 8
        vertices.append(first + CORNERS[:, :1] * axis + CORNERS[:, 1:2] * side + CORNERS[:, 2:] * other)
        faces += [[base + q[i] for i in corners] for q in QUADS for corners in ((0, 1, 2), (0, 2, 3))]
        owners += [index] * 8
    points = np.concatenate(vertices)
    points[:, 1] -= min(0.0, points[:, 1].min())
    joints = np.zeros((len(points), 4), np.uint8)
    joints[:, 0] = owners
    weights = np.zeros((len(points), 4), np.uint8)
    weights[:, 0] = 255
    rest = np.tile(np.eye(4, dtype=np.float32), (len(names), 1, 1))
    rest[:, :3, 3] = [start for _, start, _ in RIG.values()]
    landmark_joint, offset = np.zeros(18, np.uint8), np.zeros((18, 3), np.float32)
    for landmark, name in LANDMARKS.items():
        landmark_joint[landmark] = names.index(name)
    for landmark, place in FACE.items():
        landmark_joint[landmark], offset[landmark] = names.index("head"), place
    stream = io.BytesIO()
    Image.new("RGB", (8, 8), (200, 90, 60)).save(stream, "WEBP")
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(
        path,
        vertices=points.astype(np.float32),
        normals=np.tile(np.array([[0, 0, 127]], np.int8), (len(points), 1)),
        uvs=np.full((len(points), 2), 0.5, np.float16),
        faces=np.array(faces, np.uint16),
        skin_joints=joints,
        skin_weights=weights,
        joint_names=np.array(names),
        parents=np.array([names.index(p) if p else -1 for p, _, _ in RIG.values()], np.int16),
        rest_global=rest,
        texture=np.frombuffer(stream.getvalue(), np.uint8),
        landmark_joint=landmark_joint,
        landmark_offset=offset,
        meta=json.dumps({"source": "test"}),
    )


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with two block figures, one for each split, backgrounds and two short dances."""
    folder = tmp_path_factory.mktemp("data")
    kept = {True: 0, False: 0}
    for number in range(60):  # names decide the split
        path = folder / "characters" / "blocks" / f"b_{number:03d}.npz"
        if not kept[characters.is_validation(path)]:
            write_block_figure(path)
            kept[characters.is_validation(path)] += 1
    assert kept == {True: 1, False: 1}
    rng = np.random.default_rng(0)
    (folder / "backgrounds").mkdir()
    for number in range(100):
        noise = rng.integers(0, 255, (64, 64, 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / "backgrounds" / f"b_{number:03d}.jpg")
    (folder / "dance" / "m2d").mkdir(parents=True)
    for name in ("DANCE_C_1", "DANCE_C_4"):
        clip = np.stack([1.7 * still_pose(np.random.default_rng(i // 10), lively=True).joints for i in range(90)])
        np.savez(folder / "dance" / "m2d" / f"{name}.npz", joints=clip.astype(np.float16))
    return folder


@pytest.fixture
def figure(data: Path) -> characters.Character:
    return characters.load_character(sorted((data / "characters").glob("*/*.npz"))[0])


def direction(joints: np.ndarray, start: int, end: int) -> np.ndarray:
    bone = joints[end] - joints[start]
    return bone / np.linalg.norm(bone)


def test_rest_pose_is_left_alone(figure: characters.Character) -> None:
    matrices = np.tile(np.eye(4), (len(figure.bind), 1, 1))
    matrices[:, :3, 3] = figure.bind
    vertices, _ = characters.skin(figure, matrices)
    np.testing.assert_allclose(vertices, figure.vertices, atol=1e-6)
    np.testing.assert_allclose(characters.landmarks(figure, matrices), figure.rest, atol=1e-6)


@pytest.mark.parametrize("seed", range(6))
def test_bones_point_as_the_target_and_the_figure_stands_on_the_floor(figure: characters.Character, seed: int) -> None:
    target = still_pose(np.random.default_rng(seed), lively=True)
    matrices = pose(figure, target.joints, target.floor)
    got = characters.landmarks(figure, matrices)
    for start, end in ((2, 3), (3, 4), (5, 6), (6, 7), (8, 9), (9, 10), (11, 12), (12, 13)):
        assert direction(got, start, end) @ direction(target.joints, start, end) > 0.999
    lengths = [np.linalg.norm(got[a] - got[b]) for a, b in ((2, 3), (8, 9))]
    rest = [np.linalg.norm(figure.rest[a] - figure.rest[b]) for a, b in ((2, 3), (8, 9))]
    np.testing.assert_allclose(lengths, rest, rtol=1e-5)
    assert abs(characters.skin(figure, matrices)[0][:, 1].min()) < 1e-5


def test_a_jump_leaves_the_floor(figure: characters.Character) -> None:
    target = still_pose(np.random.default_rng(0))
    matrices = pose(figure, target.joints, target.floor - 0.2)
    assert characters.skin(figure, matrices)[0][:, 1].min() > 0.1


def test_every_limb_label_is_used_and_sides_do_not_mix(figure: characters.Character) -> None:
    labels = figure.limb_weights.argmax(axis=1)
    assert set(labels) == set(range(1, 16))
    assert (figure.vertices[labels == characters.ARM_LABELS["R"][2], 0] < 0).all()
    assert (figure.vertices[labels == characters.LEG_LABELS["L"][2], 0] > 0).all()


def test_proportions_change_only_what_is_asked(figure: characters.Character) -> None:
    longer = characters.with_proportions(figure, {"R_arm": (1.5, 1.0)})
    assert np.linalg.norm(longer.rest[3] - longer.rest[2]) == pytest.approx(
        1.5 * np.linalg.norm(figure.rest[3] - figure.rest[2])
    )
    np.testing.assert_allclose(longer.rest[5:14], figure.rest[5:14], atol=1e-9)


def test_dance_faces_the_camera(data: Path) -> None:
    clip = load_clips(data / "dance", validation=False)[0]
    away = clip * [-1, 1, -1]  # turned round
    for seed in range(8):
        run = dance_run(away, 3, np.random.default_rng(seed))
        across = run[1].joints[11] - run[1].joints[8] + run[1].joints[5] - run[1].joints[2]
        assert abs(np.arctan2(-across[2], across[0])) <= FACING_LIMIT + 1e-6


def test_turned_people_show_their_backs_and_leap(monkeypatch: pytest.MonkeyPatch) -> None:
    kinds: list[str] = []

    def legs(*args: Any, **named: Any) -> str:
        kinds.append(_legs(*args, **named))
        return kinds[-1]

    monkeypatch.setattr("dancegen.lab.synthetic.poses._legs", legs)
    poses = [still_pose(np.random.default_rng(seed), True, TURNED_LIMIT).joints for seed in range(60)]
    across = np.array([joints[11] - joints[8] for joints in poses])
    assert 0.3 < (across[:, 0] < 0).mean() < 0.7  # the left hip on the picture's left: seen from behind
    facing = np.degrees(np.arctan2(-across[:, 2], across[:, 0]))
    assert (np.abs(facing) > 150).any()  # the whole way round
    assert 0.1 < kinds.count("leap") / len(poses) < 0.4  # 0.19 are meant to
    kinds.clear()
    for seed in range(60):
        still_pose(np.random.default_rng(seed), True)
    assert "leap" not in kinds  # of people who face the camera none does


def test_splits_share_nobody(data: Path) -> None:
    train, val = find_sources(data, "train"), find_sources(data, "val")
    assert not set(train.characters) & set(val.characters)
    assert not set(train.backgrounds) & set(val.backgrounds)
    assert len(train.clips) == 2 * len(val.clips) or len(train.clips) == len(val.clips)


def test_outfits_and_twins_are_one_person() -> None:
    folder = Path("valid")
    assert characters.person_of(folder / "X_AIAN_F_1_Busi.npz") == characters.person_of(folder / "AIAN_F_1_Casual.npz")
    assert characters.person_of(folder / "AIAN_F_2_Busi.npz") != characters.person_of(folder / "AIAN_F_1_Busi.npz")


def test_resolve_averages_coverage() -> None:
    labels = np.zeros((4, 4), np.uint8)
    labels[:2, :2] = 5
    labels[0, 2] = 7
    colour = np.full((4, 4, 3), 200, np.uint8)
    covered, coverage, small = resolve(colour, labels)
    np.testing.assert_allclose(coverage, [[1, 0.25], [0, 0]])
    np.testing.assert_allclose(covered[..., 0], [[200, 50], [0, 0]])
    assert small.tolist() == [[5, 0], [0, 0]]


def test_finish_without_noise_repeats() -> None:
    rng = np.random.default_rng(3)
    finish = random_finish(rng, drawing=False)
    picture = rng.uniform(0, 255, (16, 16, 3)).astype(np.float32)
    np.testing.assert_array_equal(finish_picture(picture, finish, None), finish_picture(picture, finish, None))


def test_figure_scenes_are_repeatable_and_resumable(data: Path, tmp_path: Path) -> None:
    def make(folder: str, numbers: range) -> int:
        made = make_frames(tmp_path / folder, data, scenes=numbers, seed=1, split="train", figures=True)
        return made.written

    assert make("a", range(2)) == 2
    assert make("a", range(3)) == 1
    assert make("b", range(2, 3)) == 1
    first, second = (read_scene(scene_path(tmp_path / folder, "train", 2)) for folder in "ab")
    np.testing.assert_array_equal(first.frames, second.frames)
    assert not list((tmp_path / "a" / "train").glob(".*"))


def test_leaps_keep_limb_lengths_and_run_smoothly() -> None:
    leaps = random_leaps(np.random.default_rng(5))
    poses = np.stack([pose for pose, _ in leaps])
    assert len(leaps) == FRAMES
    for first, second, length in ((2, 3, 0.165), (6, 7, 0.145), (8, 9, 0.245), (12, 13, 0.235)):
        np.testing.assert_allclose(np.linalg.norm(poses[:, first] - poses[:, second], axis=1), length, atol=1e-9)
    for run in (poses[1:4], poses[4:7]):
        assert np.abs(np.diff(run, axis=0)).max() < 0.15  # neighbours: a step of a video


def test_boots_turn_with_the_shin() -> None:
    rng = np.random.default_rng(2)
    figure = dataclasses.replace(random_figure(rng), kind="filled", foot="boot", bendy=False, hand="none", dress=False)
    joints = 2 * line_drawing((256, 256)).joints.astype(np.float64)
    joints[10] = joints[9] + [-90, 0]  # the right shin points back, to the left of the picture
    joints[[0, 14, 15]] += [30, 0]  # looks to the right
    _, labels = draw_figure(
        joints, 400.0, dataclasses.replace(figure, wobble=0 * figure.wobble), np.zeros(3), rng.random((512, 512))
    )
    rows, _ = np.nonzero(labels == LEG_LABELS["R"][2])
    assert rows.max() - joints[10, 1] > 25 > joints[10, 1] - rows.min() - 20


def test_a_childs_hand_is_unsteady_and_the_same_in_every_frame() -> None:
    rng = np.random.default_rng(4)
    figure = dataclasses.replace(child_figure(rng), kind="stick", rough=0.8, torso_shape="cloak", pressure=1.0)
    figure = dataclasses.replace(figure, wobble=0 * figure.wobble, shade=0.0, marks=(), wall=2.0, ink=(0, 0, 0))
    joints = 2 * line_drawing((256, 256)).joints.astype(np.float64)
    paper, grain = np.full(3, 255.0), rng.random((512, 512))
    first, labels = draw_figure(joints, 400.0, figure, paper, grain)
    np.testing.assert_array_equal(first, draw_figure(joints, 400.0, figure, paper, grain)[0])
    clean, _ = draw_figure(joints, 400.0, dataclasses.replace(figure, rough=0.0), paper, grain)
    assert (first != clean).any()
    assert (labels[first.min(axis=2) < 100] > 0).all()  # all ink is the person's
    shaded, _ = draw_figure(joints, 400.0, dataclasses.replace(figure, shade=0.9), paper, grain)
    assert shaded.mean() < first.mean() - 1


@pytest.mark.parametrize("shape", ["line", "triangle", "cloak", "box", "oval", "sides"])
def test_marks_and_hands_of_every_kind_are_drawn(shape: str) -> None:
    figure = child_figure(np.random.default_rng(6))
    joints = 2 * line_drawing((256, 256)).joints.astype(np.float64)
    plain = dataclasses.replace(figure, kind="stick", torso_shape=shape, marks=(), hand="none", bow=0.5)
    plain = dataclasses.replace(plain, wobble=0 * figure.wobble)
    drawn = draw_figure(joints, 400.0, plain, np.full(3, 255.0), np.zeros((512, 512)))[1]
    for hand in ("cross", "loops"):
        more = dataclasses.replace(plain, hand=hand, marks=tuple(MARKS))
        labels = draw_figure(joints, 400.0, more, np.full(3, 255.0), np.zeros((512, 512)))[1]
        for _, _, label in ARM_LABELS.values():
            assert (labels == label).sum() > (drawn == label).sum()


def test_figure_scene_is_consistent(data: Path, tmp_path: Path) -> None:
    make_frames(tmp_path, data, scenes=range(6), seed=0, split="train", figures=True)
    hits = []
    for index in range(6):
        scene = read_scene(scene_path(tmp_path, "train", index))
        assert scene.frames.shape == (FRAMES, 256, 256, 3)
        assert scene.labels.shape == scene.alpha.shape == (FRAMES, 256, 256)
        assert scene.joints.shape == (FRAMES, 18, 3)
        assert ((scene.labels > 0) == (scene.alpha >= 128)).all()
        outside = scene.alpha == 0
        far = np.abs(scene.frames.astype(int) - scene.background)[outside].mean()
        assert far < 12  # the empty background, but for the camera's noise
        for frame in range(FRAMES):
            for joint, limbs in ((3, (4, 5)), (6, (7, 8)), (9, (10, 11)), (12, (13, 14))):
                x, y = scene.joints[frame, joint, :2].astype(int)
                around = scene.labels[frame, max(0, y - 6) : y + 7, max(0, x - 6) : x + 7]
                hits.append(bool(np.isin(around, limbs).any()))
    assert np.mean(hits) > 0.85  # the rest are hidden by other limbs
    assert contact_sheet([scene_path(tmp_path, "train", 0)]).size == (9 * 256, 512)


def test_missing_data_is_named(tmp_path: Path) -> None:
    with pytest.raises(DancegenError, match="no characters"):
        make_frames(tmp_path / "out", tmp_path, scenes=range(1), seed=0, split="train")


def test_rendered_scene_agrees_with_its_joints(data: Path, tmp_path: Path) -> None:
    pytest.importorskip("moderngl")
    try:
        make_frames(tmp_path, data, scenes=range(2), seed=0, split="train")
    except DancegenError as error:
        pytest.skip(f"no OpenGL here: {error}")
    for index in range(2):
        scene = read_scene(scene_path(tmp_path, "train", index))
        hips = (scene.joints[:, 8] + scene.joints[:, 11]) / 2
        np.testing.assert_allclose(hips[:, 2], 0, atol=1e-3)
        for frame in range(FRAMES):
            inside = scene.alpha[frame] > 128
            assert 0.01 < inside.mean() < 0.6
            near = [
                inside[max(0, int(y) - 6) : int(y) + 7, max(0, int(x) - 6) : int(x) + 7].any()
                for x, y, _ in scene.joints[frame, :14]
            ]
            assert np.mean(near) > 0.9
