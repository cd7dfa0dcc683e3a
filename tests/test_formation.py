"""Several people: who dances what, when, and that nobody walks through another; looked at in frames too."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import Listener, Ran, click_track
from PIL import Image
from test_scene import two
from workbench_tools import dance as swinging

from dancegen import Request
from dancegen.audio.grid import BeatGrid
from dancegen.body.joints import L_WRIST, MIRROR, R_WRIST, V, mid_hip
from dancegen.body.openpose import frame_json
from dancegen.body.sequence import SkeletonSequence
from dancegen.dances.formation import cast, delay, keep_apart, mirror
from dancegen.errors import DancegenError
from dancegen.production.known import Known
from dancegen.production.produce import prepare
from dancegen.production.staging import begin_as, first_bar

GRID = BeatGrid(np.arange(0.25, 12, 0.5), 120.0, 1.0)  # bars of two seconds


def standing_then_dancing(seconds: float = 12.0, hold: float = 1.0) -> SkeletonSequence:
    """Stands half a second, dances, and holds its last pose."""
    dance = swinging(seconds)
    at = np.clip(np.arange(len(dance)), 15, len(dance) - 1 - round(hold * dance.fps))
    return replace(dance, joints=dance.joints[at])


def moving(dance: SkeletonSequence) -> np.ndarray:
    """(T - 1,) whether it does more than breathe."""
    return np.linalg.norm(np.diff(dance.joints, axis=0), axis=-1).max(axis=1) * dance.fps > 0.1


def test_in_unison_everybody_dances_the_same_and_in_a_mirror_every_second_its_image() -> None:
    dance, places = standing_then_dancing(), [300.0, 10.0, 150.0]  # the third stands in the middle
    assert all(one is dance for one in cast([dance], places, "unison", GRID))
    right, left, middle = cast([dance], places, "mirror", GRID)
    assert right is dance and left is dance
    assert np.allclose(middle.joints, dance.joints[:, list(MIRROR)] * (-1, 1, 1))
    assert np.allclose(middle.joints[:, L_WRIST, 0], -dance.joints[:, R_WRIST, 0])
    assert np.allclose(mirror(middle).joints, dance.joints)


def test_in_a_canon_each_begins_a_bar_after_the_one_to_the_left_and_all_end_together() -> None:
    dance = standing_then_dancing()
    third, first, second = cast([dance], [300.0, 10.0, 150.0], "canon", GRID)
    assert first is dance
    begins = [int(np.argmax(moving(one))) / 30 for one in (first, second, third)]
    assert np.allclose(np.diff(begins), 2.0, atol=0.1)
    for one, bars in ((second, 1), (third, 2)):
        waits = np.linalg.norm(np.diff(one.joints[: 30 * bars], axis=0), axis=-1).max()
        assert 0 < waits * 30 < 0.05  # it breathes
        there = slice(60 * bars + 30, 60 * bars + 90)
        assert np.allclose(one.joints[there], dance.joints[there.start - 60 * bars : there.stop - 60 * bars], atol=1e-3)
        apart = mid_hip(one.joints[-15:])[:, 0] - mid_hip(dance.joints[-15:])[:, 0]
        same = one.joints[-15:] - np.stack([apart, 0 * apart, 0 * apart], 1)[:, None]
        assert np.allclose(same, dance.joints[-15:], atol=1e-3) and np.ptp(apart) < 1e-3  # the last pose, together
        assert np.linalg.norm(np.diff(one.joints, axis=0), axis=-1).max() < 0.12  # no jump


def test_a_canon_follows_a_tempo_that_changes_and_a_short_one_waits_less() -> None:
    slower = BeatGrid(np.concatenate([np.arange(0, 4, 0.5), np.arange(4, 12, 1.0)]), 60.0, 1.0)
    dance = standing_then_dancing()
    late = delay(dance, slower, 4)
    assert np.allclose(late.joints[6 * 30], dance.joints[90], atol=1e-3)  # beat 10 dances beat 6, at 3 s
    short = standing_then_dancing(3.0, 0.0)
    last = cast([short], [0.0, 1.0, 2.0, 3.0], "canon", BeatGrid(np.arange(0.25, 3, 0.5), 120.0, 1.0))[-1]
    assert moving(last).sum() > 20


def test_a_couple_stays_a_couple() -> None:
    one = standing_then_dancing()
    other = swinging(12.0, seed=3)
    left, right = (replace(two, joints=two.joints + np.array([x, 0, 0])) for two, x in ((one, -0.4), (other, 0.4)))
    places = [0.0, 1.0, 2.0, 3.0]
    assert cast([right, left], places, "unison", GRID) == [left, right, left, right]
    mirrored = cast([right, left], places, "mirror", GRID)
    assert mirrored[:2] == [left, right]
    assert np.allclose(mirrored[2].joints, mirror(right).joints)
    assert np.allclose(mirrored[3].joints, mirror(left).joints)
    assert cast([right, left], [5.0], "unison", GRID) == [right]  # the first one


def test_nobody_walks_through_another() -> None:
    dance = standing_then_dancing()
    way = np.sin(np.arange(len(dance)) / 40)[:, None, None] * (150, 0, 0)
    one = replace(dance, joints=dance.joints * 100 + (100, 200, 0) + way)
    other = replace(dance, joints=dance.joints * 100 + (180, 200, 0) - way)
    crossing = mid_hip(other.joints)[:, 0] - mid_hip(one.joints)[:, 0]
    assert crossing.min() < 0
    kept = keep_apart([other, one], [180, 100])
    gap = mid_hip(kept[0].joints)[:, 0] - mid_hip(kept[1].joints)[:, 0]
    assert gap.min() > 24  # two trunks
    assert np.allclose(np.diff(kept[0].joints, axis=1), np.diff(other.joints, axis=1), atol=1e-3)  # the poses stay
    wide = replace(other, joints=other.joints + np.array([1000, 0, 0]))
    assert all(a is b for a, b in zip(keep_apart([one, wide], [100, 1180]), [one, wide], strict=True))


@pytest.fixture
def couple(tmp_path: Path) -> tuple[Path, Path]:
    """A picture of two people, and their joints."""
    left, right = two(110, 0)
    Image.fromarray(left.picture.pixels).save(tmp_path / "two.png")
    people = [frame_json(one.joints, one.confidence)["people"][0] for one in (left, right)]
    (tmp_path / "two.json").write_text(json.dumps({"people": people}))
    return tmp_path / "two.png", tmp_path / "two.json"


@pytest.mark.parametrize("formation", ["unison", "mirror", "canon"])
def test_frames_of_two(formation: str, couple: tuple[Path, Path], beat_song: Path) -> None:
    """What is drawn: the two halves of the picture move alike, as mirror images, or one after the other."""
    picture, pose = couple
    dance = standing_then_dancing(4.0, 0.0)
    how = {"people": "all", "size": 160, "fps": 10.0, "device": "cpu", "pose": pose}
    request = Request(beat_song, picture, formation=formation, preview=True, **how)
    film = prepare(request, known=Known(dance=dance))
    left, right = sorted(film.poses, key=lambda one: float(mid_hip(one.joints)[0, 0]))
    arms = [one.joints[:, [R_WRIST, L_WRIST], 0] - mid_hip(one.joints)[:, :1] for one in (left, right)]
    frames = np.stack(list(film)).astype(int)
    middles = [float(np.median(mid_hip(one.joints)[:, 0])) for one in (left, right)]
    half = round(sum(middles) / 2 * frames.shape[2] / film.made.subject.picture.size[0])
    moved = [np.abs(np.diff(side, axis=0)).mean(axis=(1, 2, 3)) for side in (frames[:, :, :half], frames[:, :, half:])]
    assert min(part.max() for part in moved) > 0.5
    if formation == "unison":
        assert np.allclose(*arms, atol=1.5)
    elif formation == "mirror":
        assert np.allclose(arms[0], -arms[1][:, ::-1], atol=1.5)
    else:
        assert moved[0][8:15].mean() > 5 * moved[1][8:15].mean()  # the left one dances, the right one waits


def test_a_dance_of_two_goes_to_the_two_of_the_picture(couple: tuple[Path, Path], beat_song: Path) -> None:
    picture, pose = couple
    one, other = standing_then_dancing(4.0), swinging(4.0, seed=4)
    request = Request(beat_song, picture, people="all", size=96, fps=10.0, preview=True, pose=pose, device="cpu")
    film = prepare(request, known=Known(dance=[one, other]))
    assert len(film.poses) == 2 and not np.allclose(*(np.diff(one.joints, axis=1) for one in film.poses))
    listener = Listener()
    alone = prepare(replace(request, people="left"), listener, known=Known(dance=[one, other]))
    assert len(alone.poses) == 1 and any("the dance has 2 dancers" in note for note in listener.notes)


def test_formations_that_cannot_be() -> None:
    with pytest.raises(DancegenError, match="--formation must be unison, mirror or canon, not 'circle'"):
        Request(Path("a.wav"), Path("me.png"), people="all", formation="circle")
    for people in ("largest", "left", "2"):
        with pytest.raises(DancegenError, match="--formation canon is for several people"):
            Request(Path("a.wav"), Path("me.png"), people=people, formation="canon")
    Request(Path("a.wav"), Path("me.png"), people="1,3", formation="canon")


def test_a_batch_dances_with_everybody(
    couple: tuple[Path, Path], run_main: Callable[..., Ran], tiny_weights: Path, tmp_path: Path
) -> None:
    """--people all and --formation mean in a batch what they mean in render, and another formation is another video."""
    import soundfile

    picture, pose = couple
    (tmp_path / "songs").mkdir()
    soundfile.write(tmp_path / "songs" / "a.wav", click_track(120, 2.0)[0], 16_000)
    picture.with_name("two.pose.json").write_bytes(pose.read_bytes())
    weights = ("--weights", f"choreographer={tiny_weights}", "--weights", "renderer=puppet", "--offline")
    size = ("--size", 64, "--fps", 5, "--people", "all", "--device", "cpu", *weights)
    args = ("batch", tmp_path / "songs", picture, "-o", tmp_path / "out", "--workers", 1, *size)
    ran = run_main(*args, "--formation", "mirror")
    assert ran.status == 0, ran.err
    assert [file.name for file in (tmp_path / "out").glob("*.mp4")] == ["a--two.mp4"]
    assert "0 videos made" in run_main(*args, "--formation", "mirror").out
    assert "made otherwise" in run_main(*args, "--dry-run").out
    clear = run_main(*args, "--background", "none")
    assert clear.status == 0 and (tmp_path / "out" / "a--two.webm").is_file(), clear.err


def test_check_says_who_else_is_in_the_picture(
    couple: tuple[Path, Path], beat_song: Path, run_main: Callable[..., Ran], quick: tuple[str, ...], tmp_path: Path
) -> None:
    picture, pose = couple
    quick = (*quick[:-5], "--pose", str(pose), "--device", "cpu", "--offline")
    said = {}
    for people in ("largest", "all", "2"):
        ran = run_main("check", beat_song, picture, "-o", tmp_path / "a.mp4", "--people", people, *quick)
        assert ran.status == 0, ran.err
        said[people] = next(line for line in ran.out.splitlines() if line.startswith("people "))
        assert ran.out.count("whole body") == (2 if people == "all" else 1)
    assert "2 people are in the picture" in said["largest"] and "number 1 dances" in said["largest"]
    assert "look" in said["largest"] and "--people all" in said["largest"]
    assert "all of them dance" in said["all"] and " ok " in said["all"] and "number 2 dances" in said["2"]


def test_found_people_come_back_from_a_batchs_file(couple: tuple[Path, Path], tmp_path: Path) -> None:
    from dancegen.batch.stages import read_people, write_people

    picture, _ = couple
    one, other = two(110, 0)
    one = replace(one, depth=np.arange(18, dtype=np.float32), number=1, among=3)
    other = replace(other, knuckles=np.ones((2, 2), np.float32), number=3, among=3)
    write_people(tmp_path / "people.npz", [one, other])
    read, used = read_people(tmp_path / "people.npz", picture)
    assert used == {} and [person.number for person in read] == [1, 3] and read[0].among == 3
    for before, after in zip((one, other), read, strict=True):
        for name in ("joints", "confidence", "mask", "depth", "knuckles"):
            given, found = getattr(before, name), getattr(after, name)
            assert (given is None and found is None) or np.array_equal(given, found), name
        assert after.detector == "test" and after.picture.size == before.picture.size


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("render", "none.mp3", "{picture}", "-o", "a.mp4"), "none.mp3: no such file"),
        (("check", "{song}", "none.png"), "none.png: no such file"),
        (("dance", "none.mp3"), "none.mp3: no such file"),
        (("dance", "{song}", "--redo", "1-2", "-o", "none.json"), "none.json: no such file"),
        (("dance", "{song}", "--redo", "x", "-o", "none.json"), "--redo x is no stretch of bars"),
        (("render", "{song}", "{picture}", "-o", "a.mp4", "--people", "0"), "--people must be"),
    ],
)
def test_what_is_cheap_to_refuse_is_refused_before_networks_are_loaded(
    command: tuple[str, ...],
    said: str,
    beat_song: Path,
    picture: Path,
    run_main: Callable[..., Ran],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from dancegen.production import backends, produce

    def load(*_: object, **__: object) -> None:
        raise AssertionError("networks are loaded")

    monkeypatch.setattr(backends, "load_backends", load)
    monkeypatch.setattr(produce, "load_backends", load)
    monkeypatch.setattr(produce, "load_song", load)
    ran = run_main(*(part.format(song=beat_song, picture=picture) for part in command))
    assert ran.status == 1 and said in ran.err and ran.err.count("\n") == 1


def test_a_number_that_nobody_has_is_refused_before_the_song_is_heard(
    couple: tuple[Path, Path], beat_song: Path, run_main: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    from dancegen.people import find
    from dancegen.production import produce

    def slow(*_: object, **__: object) -> None:
        raise AssertionError("this takes long")

    picture, pose = couple
    monkeypatch.setattr(produce, "find_beats", slow)
    monkeypatch.setattr(find, "person_mask", slow)
    ran = run_main("render", beat_song, picture, "-o", "a.mp4", "--people", "9", "--pose", pose, "--offline")
    assert ran.status == 1 and "--people 9: there are only 2 people" in ran.err


def test_a_dance_grows_out_of_the_pose_of_the_picture() -> None:
    rng = np.random.default_rng(3)
    still = np.cumsum(rng.uniform(-30, 30, (V, 2)), axis=0).astype(np.float32) + 200
    poses = np.concatenate([still + np.cumsum(rng.normal(0, 3, (90, V, 2)), axis=0), np.zeros((90, V, 1))], axis=-1)
    dance = SkeletonSequence(poses.astype(np.float32), 30)
    seen = np.ones(V, np.float32)
    seen[[4, 10]] = 0
    begun = begin_as(dance, still, seen, 2.0)
    known = [joint for joint in range(V) if seen[joint]]
    assert np.allclose(begun.joints[0, known, :2], still[known], atol=0.01)
    assert np.array_equal(begun.joints[60:], dance.joints[60:])
    step = np.abs(np.diff(begun.joints[:, known], axis=0)).max()
    assert step < np.abs(np.diff(dance.joints, axis=0)).max() + 8, "no limb jumps to the other side"
    arm, danced = (one.joints[:60, 3, :2] - one.joints[:60, 2, :2] for one in (begun, dance))
    ends = [np.linalg.norm(still[3] - still[2]), *np.linalg.norm(danced, axis=-1)]
    lengths = np.linalg.norm(arm, axis=-1)
    assert lengths.min() > min(ends) - 1e-3 and lengths.max() < max(ends) + 1e-3, "no limb is squeezed"
    assert begin_as(dance, still, np.zeros(V), 2.0) is dance
    grid = BeatGrid(np.arange(0.5, 20, 0.5), 120, 1.0)
    assert first_bar(grid, 20) == 2.5 and first_bar(grid, 4) == 1.0
