"""Videos to dances: clips of all kinds, pose videos, who is followed, warping onto beats, completion, bad input."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
import torch
from conftest import Listener

from dancegen.assets.example import PICTURE
from dancegen.body.draw import CONTROLNET, draw_skeleton
from dancegen.body.joints import BONES, NECK, body_height, mid_hip
from dancegen.body.sequence import BONE_LENGTHS, SkeletonSequence
from dancegen.capture.clip import frames, open_clip
from dancegen.capture.complete import SEAM, close_seams, fill_gap
from dancegen.capture.diffusion import Sampling
from dancegen.capture.imagine import OVERLAP, Seen, at_rate, imagine, pad, window_starts
from dancegen.capture.movement import CHANNELS, to_channels
from dancegen.capture.network import Vimo, VimoConfig
from dancegen.capture.pose_video import is_pose_picture, read_pose
from dancegen.capture.refine import views
from dancegen.capture.settle import from_sequence, to_sequence
from dancegen.capture.watch import Scenes, is_drawn, watch
from dancegen.cli.main import main
from dancegen.dances.captured import follow_one
from dancegen.dances.keep import Kept, held_limbs, join_dances, keep_bars, parse_kept
from dancegen.dances.metrics import kinematic_beats
from dancegen.dances.read_dance import read_dance
from dancegen.dances.warp import STRETCH, match, warp_dance
from dancegen.errors import DancegenError
from dancegen.people.located import Detection
from dancegen.weights.checkpoint import save_checkpoint
from tests.test_training_vimo import walk
from tests.workbench_tools import dance_file

SMALL = VimoConfig(frames=150, token=2, width=16, heads=2, looks=1)
FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()


def dancing(seconds: float, raised: float = 0.0) -> SkeletonSequence:
    """A canonical dance of exact bones that turns and steps."""
    joints = walk(seconds, raised) * np.array([1, -1, -1])
    root = np.stack([0.05 * np.sin(np.arange(len(joints)) / 20), np.full(len(joints), -0.5)], axis=1)
    from dancegen.body.sequence import bone_directions, place_joints

    depth = 0.1 * np.arange(len(joints)) / len(joints)
    placed = place_joints(bone_directions(joints), root).astype(np.float32)
    yaw = np.degrees(0.4 * np.arange(len(joints)) / 30)
    return SkeletonSequence(placed, 30.0, yaw=yaw.astype(np.float32), depth=depth.astype(np.float32))


@pytest.fixture(scope="module")
def network() -> Vimo:
    torch.manual_seed(1)
    made = Vimo(SMALL).eval()
    torch.nn.init.normal_(made.out.weight, std=0.05)
    return made


@pytest.fixture(scope="module")
def weights(network: Vimo, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "vimo.safetensors"
    save_checkpoint(path, network.state_dict(), SMALL)
    return path


def pose_pictures(seconds: float, fps: int, shift: float = 0.0) -> list[np.ndarray]:
    dance = dancing(seconds).resample(fps, round(seconds * fps))
    points = dance.joints[..., :2] * 300 + (200 + shift, 380)
    black = np.zeros((400, 400, 3), np.uint8)
    return [draw_skeleton(black, pose, np.ones(18), CONTROLNET) for pose in points]


def film(path: Path, pictures: list[np.ndarray], fps: int, *more: str) -> Path:
    height, width = pictures[0].shape[:2]
    raw = b"".join(picture.tobytes() for picture in pictures)
    command = [FFMPEG, "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}"]
    subprocess.run([*command, "-r", str(fps), "-i", "pipe:0", *more, str(path)], input=raw, check=True)
    return path


@pytest.fixture(scope="module")
def pose_film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return film(tmp_path_factory.mktemp("film") / "poses.mp4", pose_pictures(3, 15), 15, "-crf", "16")


class Finder:
    """Sees whoever is said to be there, frame by frame: (T) lists of points (V, 2)."""

    def __init__(self, people: list[list[np.ndarray]]) -> None:
        self.people, self.looks = people, 0

    def find(self, picture: object) -> list[Detection]:
        here = self.people[min(self.looks, len(self.people) - 1)]
        self.looks += 1
        return [Detection(points.astype(np.float32), np.ones(18, np.float32), None, "test") for points in here]


def test_a_pose_is_read_back_by_its_colours_in_either_order() -> None:
    picture = pose_pictures(1, 5)[2]
    true = dancing(1).resample(5, 5).joints[2, :, :2] * 300 + (200, 380)
    assert is_pose_picture(picture) and not is_pose_picture(np.full_like(picture, 90))
    assert not is_pose_picture(np.zeros_like(picture))
    for order in (picture, np.ascontiguousarray(picture[..., ::-1])):
        found = read_pose(order)
        seen = found[:, 2] > 0
        assert seen.sum() >= 12
        assert np.linalg.norm(found[seen, :2] - true[seen], axis=1).max() < 5


def test_a_pose_video_becomes_a_dance_file(pose_film: Path, weights: Path, tmp_path: Path) -> None:
    out = tmp_path / "moves.dance.json"
    with pytest.raises(SystemExit) as end:
        main(
            ["capture", str(pose_film), "-o", str(out), "--samples", "2", "--weights", f"capture.vimo={weights}", "-q"]
        )
    assert end.value.code == 0
    made = read_dance(out)
    assert len(made.takes) == 2 and made.song is None and made.default_take == 1
    skeleton = made.takes[0].skeleton
    assert abs(made.seconds - 3) < 0.1 and skeleton.fps == 30 and skeleton.yaw is not None
    assert made.takes[0].sources[0].how == "captured"
    lengths = [np.linalg.norm(skeleton.joints[:, b] - skeleton.joints[:, a], axis=1) for a, b in BONES]
    assert np.abs(np.array(lengths) - np.array(BONE_LENGTHS)[:, None]).max() < 1e-3  # a file has whole units
    assert sorted(path.name for path in tmp_path.iterdir()) == ["moves.dance.json"]


def test_clips_are_upright_small_and_even(tmp_path: Path) -> None:
    pictures = [np.full((240, 640, 3), 10 * number, np.uint8) for number in range(20)]
    clip = open_clip(film(tmp_path / "a.mp4", pictures, 10), 0.5, 1.0, None)
    assert clip.size == (512, 192) and clip.fps == 10 and clip.seconds == 1.0 and not clip.sound
    assert len(list(frames(clip))) == 10
    moving = film(tmp_path / "a.gif", pictures, 10)
    assert open_clip(moving, 0, None, None).fps == 10
    turned = tmp_path / "t.mp4"
    command = [
        FFMPEG,
        "-v",
        "error",
        "-display_rotation",
        "90",
        "-i",
        str(tmp_path / "a.mp4"),
        "-c",
        "copy",
        str(turned),
    ]
    subprocess.run(command, check=True)
    assert open_clip(turned, 0, None, None).size == (192, 512)
    assert next(frames(open_clip(turned, 0, None, None))).shape == (512, 192, 3)


def test_what_is_no_clip_is_refused_in_one_line(tmp_path: Path, beat_song: Path, pose_film: Path) -> None:
    (tmp_path / "text.mp4").write_text("no video")
    (tmp_path / "cut.mp4").write_bytes(pose_film.read_bytes()[:3000])
    for path, told in {
        tmp_path / "missing.mp4": "no such file",
        tmp_path / "text.mp4": "no video",
        tmp_path / "cut.mp4": "no video",
        beat_song: "sound and no pictures",
        PICTURE: "still picture",
    }.items():
        with pytest.raises(DancegenError, match=told):
            open_clip(path, 0, None, None)
    for options, told in {
        (9.0, None, None): "start earlier",
        (0, 0.1, None): "too short",
        (0, None, 99.0): "--fps",
    }.items():
        with pytest.raises(DancegenError, match=told):
            open_clip(pose_film, *options)


def test_a_clip_without_anybody_says_so(tmp_path: Path) -> None:
    clip = open_clip(film(tmp_path / "grey.mp4", [np.full((64, 64, 3), 99, np.uint8)] * 20, 10), 0, None, None)
    assert not is_drawn(clip)
    with pytest.raises(DancegenError, match="nobody is seen"):
        follow_one(clip, watch(clip, Finder([[]]), Listener()), "largest", Listener())


def test_the_one_who_is_meant_is_followed_not_a_bystander(tmp_path: Path) -> None:
    clip = open_clip(film(tmp_path / "two.mp4", [np.full((400, 400, 3), 99, np.uint8)] * 30, 10), 0, None, None)
    points = dancing(3).resample(10, 30).joints[..., :2]
    near, far = points * 300 + (120, 380), points * 200 + (320, 300)
    people = [[two, one] if number % 2 else [one, two] for number, (one, two) in enumerate(zip(near, far, strict=True))]
    people[10] = [far[10]]  # the dancer is not seen, the bystander is
    seen = follow_one(clip, watch(clip, Finder(people), Listener()), "largest", Listener())
    assert not seen.points[10].any()
    kept = [number for number in range(30) if number != 10]
    assert np.abs(seen.points[kept, :, :2].numpy() - near[kept]).max() < 1e-3
    with pytest.raises(DancegenError, match=r"0\.5 s only"):
        follow_one(clip, watch(clip, Finder([[one] for one in near[:5]] + [[]]), Listener()), "largest", Listener())


def test_cuts_are_seen_and_movement_is_none() -> None:
    rng = np.random.default_rng(0)
    first, second = (np.kron(rng.integers(0, 255, (12, 12, 3)), np.ones((8, 8, 1))).astype(np.uint8) for _ in range(2))
    scenes = Scenes()
    found = [scenes.cut(np.roll(scene, step, axis=1)) for scene in (first, second) for step in range(6)]
    assert np.flatnonzero(found).tolist() == [6]


def test_windows_cover_a_clip_and_hold_their_overlap(network: Vimo) -> None:
    for length in (150, 151, 270, 500):
        starts = window_starts(length, 150)
        assert starts[0] == 0 and starts[-1] == length - 150
        assert all(later - earlier <= 150 - OVERLAP for earlier, later in pairwise(starts))
    assert len(pad(torch.zeros(40, 2), 150)) == 150
    joints = dancing(8).joints * 300 + (200, 380, 0)
    points = torch.from_numpy(np.concatenate([joints[..., :2], np.ones((240, 18, 1))], axis=-1)).float()
    seen = Seen(points, torch.zeros(240), (400, 400), 30.0)
    made = imagine(network, seen, 2, Sampling(2), 5, Listener())
    again = imagine(network, seen, 2, Sampling(2), 5, Listener())
    assert [len(one) for one, _ in made] == [240, 240] and made[0][1] <= made[1][1]
    assert all(torch.equal(a, b) for (a, _), (b, _) in zip(made, again, strict=True))


def test_other_rates_are_joined_within_a_shot_only() -> None:
    points = torch.ones(4, 18, 3) * torch.arange(4)[:, None, None]
    points[..., 2] = 1
    seen = at_rate(Seen(points, torch.tensor([0.0, 0, 1, 0]), (10, 10), 15.0))
    assert seen.points[:, 0, 0].tolist() == [0, 0.5, 1, 1, 2, 2.5, 3, 3] and seen.cut.tolist() == [
        0,
        0,
        0,
        0,
        1,
        0,
        0,
        0,
    ]


def test_a_settled_dance_stands_on_the_floor_with_still_feet() -> None:
    numbers = to_channels(*(one[None] for one in from_sequence(dancing(4))))[0]
    assert numbers.shape == (120, CHANNELS)
    dance = to_sequence(numbers)
    assert dance.joints[..., 1].max() <= 1e-3
    assert dance.yaw is not None and abs((dance.yaw[-1] - dance.yaw[0]) - (dancing(4).yaw[-1] - dancing(4).yaw[0])) < 5


def test_a_body_that_bends_its_knees_is_no_smaller() -> None:
    standing = dancing(4)
    bent = standing.joints.copy()
    bent[..., [9, 12], 1] -= 0.1  # knees and ankles are seen higher, as in a squat
    bent[..., [10, 13], 1] -= 0.25
    sizes = []
    for joints in (standing.joints, bent):
        points = torch.from_numpy(np.concatenate([joints[..., :2] * 300, np.ones((*joints.shape[:2], 1))], -1)).float()
        seen, cut = points[None], torch.zeros(1, len(joints))
        sizes.append(views(torch.from_numpy(standing.joints)[None], seen, seen[..., 2], cut)[1])
    torch.testing.assert_close(sizes[1], sizes[0], rtol=0.03, atol=0)


def test_accents_go_to_beats_within_limits() -> None:
    dance = dancing(12)
    beats = np.arange(0.3, 14, 0.55)
    pairs = match(kinematic_beats(dance.joints, 30), beats)
    stretch = np.diff(pairs[:, 1]) / np.diff(pairs[:, 0])
    assert len(pairs) > 5 and (stretch >= STRETCH[0] - 1e-9).all() and (stretch <= STRETCH[1] + 1e-9).all()
    assert np.isin(pairs[:, 1], beats).all()
    moved = warp_dance(dance, beats, 12.0)
    accents = kinematic_beats(moved.joints, 30)
    accents = accents[(accents > pairs[0, 1]) & (accents < pairs[-1, 1])]
    off = np.abs(accents[:, None] - beats).min(axis=1)
    assert np.mean(off < 0.1) > 0.8
    assert warp_dance(dance, np.zeros(0), 12.0) is dance
    at_once = warp_dance(dance, np.arange(0, 14, 0.55), 12.0)  # the first accent on a beat at 0: nothing goes before it
    assert at_once.seconds > 8 and np.isfinite(at_once.joints).all()


def acceleration(dance: SkeletonSequence) -> np.ndarray:
    place = dance.joints.astype(float).copy()
    if dance.depth is not None:
        place[..., 2] += dance.depth[:, None]
    return np.linalg.norm(np.diff(place, 2, axis=0), axis=-1).mean(axis=1)


def test_a_gap_is_filled_and_what_is_known_stays(network: Vimo) -> None:
    dance = dancing(6)
    made = fill_gap(network, dance, 70, 95, 3)
    outside = np.r_[0:70, 95 : len(dance)]
    assert np.array_equal(made.joints[outside], dance.joints[outside])
    assert not np.array_equal(made.joints[70:95], dance.joints[70:95])
    lengths = [np.linalg.norm(made.joints[:, b] - made.joints[:, a], axis=1) for a, b in BONES]
    assert np.abs(np.array(lengths) - np.array(BONE_LENGTHS)[:, None]).max() < 1e-4
    hips = mid_hip(made.joints)[:, 0]
    assert np.abs(np.diff(hips)).max() < 0.02
    for begin, end, told in ((0, 20, "both sides"), (10, 140, "too long")):
        with pytest.raises(DancegenError, match=told):
            fill_gap(network, dance, begin, end, 3)


def test_seams_of_a_fill_do_not_jerk() -> None:
    line = torch.linspace(0, 1, 60)[:, None].expand(-1, 2).clone()
    gap, made = slice(20, 40), line.clone()
    made[20] += 0.05  # a jerk where the known part ends
    made[39] -= 0.05
    out = close_seams(line, made[gap], gap)
    assert (out - line[gap]).abs().max() < 1e-6 and torch.equal(out[SEAM:-SEAM], made[gap][SEAM:-SEAM])
    short = slice(20, 20 + 2 * SEAM)
    assert torch.equal(close_seams(line, made[short], short), made[short])


def test_joined_dances_are_both_there(network: Vimo) -> None:
    first, second = dancing(3), dancing(3, 1.0)
    whole = join_dances(first, second, network, 0)
    assert len(whole) == 90 + 30 + 90
    assert np.array_equal(whole.joints[:90], first.joints)
    local = [one - mid_hip(one)[:, None] for one in (whole.joints[120:], second.joints)]
    assert np.abs(local[0] - local[1]).max() < 1e-5


def test_kept_bars_come_back_exactly(network: Vimo) -> None:
    base, two = dance_file(seconds=20.0), dance_file(2, seconds=20.0)
    other = replace(two, takes=two.takes[1:])
    grid = base.grid
    name, first, last = parse_kept("intro.dance.json@2-3")
    made = keep_bars(base, [Kept(other, first, last, name)], grid, network)
    from dancegen.dances.bars import bar_poses

    fps = base.fps
    begin, end = bar_poses(grid, 2, 3, fps, len(base.takes[0].skeleton))
    assert np.array_equal(made.takes[0].skeleton.joints[begin:end], other.takes[0].skeleton.joints[begin:end])
    assert any(source.how == "kept" and source.name == name for source in made.takes[0].sources)
    with pytest.raises(DancegenError, match="names no bars"):
        parse_kept("intro.dance.json")
    with pytest.raises(DancegenError, match="twice"):
        keep_bars(base, [Kept(other, 2, 3, name), Kept(other, 3, 4, name)], grid, network)


def test_a_transition_has_the_bones_of_the_dance(network: Vimo) -> None:
    """Of a body with long arms and short legs: what the network imagines is put on it, and so are held limbs."""
    from dancegen.body.sequence import bone_directions
    from dancegen.dances.keep import _fill, bone_lengths, place_bones

    usual = dancing(5)
    own = np.array(BONE_LENGTHS)
    own[2:6] *= 1.3
    own[[7, 8, 10, 11]] *= 0.85
    lengths = np.tile(own, (len(usual), 1))
    joints = place_bones(bone_directions(usual.joints), lengths, usual.joints)
    dance = replace(usual, joints=joints)
    made = _fill(network, dance, 70, 90, 3)
    assert np.abs(bone_lengths(made.joints) - own).max() < 1e-4
    assert np.array_equal(made.joints[:70], joints[:70]) and not np.array_equal(made.joints[70:90], joints[70:90])
    assert np.abs(bone_lengths(held_limbs(dancing(5, 1.0), dance, "arms").joints) - own).max() < 1e-4


def test_held_limbs_point_where_they_did() -> None:
    from dancegen.body.joints import ARM_BONES
    from dancegen.body.sequence import bone_directions

    old, new = dancing(2), dancing(2, 1.0)
    made = held_limbs(old, new, "arms")
    arms = list(ARM_BONES)
    assert np.abs(bone_directions(made.joints)[:, arms] - bone_directions(old.joints)[:, arms]).max() < 1e-4
    assert np.abs(made.joints[:, NECK] - new.joints[:, NECK]).max() < 1e-4
    assert abs(float(body_height(made.joints[0])) - 1) < 0.1
    with pytest.raises(DancegenError, match="choose arms or legs"):
        held_limbs(old, new, "head")
