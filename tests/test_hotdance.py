"""HotDance: poses as pictures, the sampler, dances on a picture's body, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import Listener, Ran

from dancegen.assets.example import PICTURE, POSE
from dancegen.body import joints as J
from dancegen.body.joints import ARM_BONES, BONES, LEG_BONES, V, body_height
from dancegen.body.sequence import BONE_LENGTHS
from dancegen.choreographers.hotdance.carriage import Carriage, carry, no_carriage
from dancegen.choreographers.hotdance.dance import HotDancer, Wish, choreograph, linger, listen, load
from dancegen.choreographers.hotdance.dancer import canonical_dancer, dancer_of
from dancegen.choreographers.hotdance.generate import (
    Sampling,
    drop_roughest,
    ease,
    keep_beats,
    noise_of_segments,
    segments,
)
from dancegen.choreographers.hotdance.image import draw, from_bins, read, to_bins
from dancegen.choreographers.hotdance.model import HotDance
from dancegen.choreographers.hotdance.music import SOUND_VALUES, find_repeats
from dancegen.choreographers.hotdance.reference import mask_of, reference
from dancegen.choreographers.stg_mamba.config import STYLES
from dancegen.choreographers.tailor import Person, tailor
from dancegen.dances.keep import bone_lengths
from dancegen.errors import DancegenError
from tests.tiny import save_tiny_hotdance
from tests.tiny_choreographer import song_of

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def dancer(tmp_path_factory: pytest.TempPathFactory) -> HotDancer:
    return load(save_tiny_hotdance(tmp_path_factory.mktemp("weights") / "hot.safetensors"), CPU)


@pytest.fixture
def person() -> Person:
    """Long arms, short legs, in a picture of 400 x 600."""
    shape = canonical_dancer().shape * 560
    for shoulder, elbow, wrist in J.ARM_CHAINS:
        shape[[elbow, wrist]] += 0.3 * (shape[[elbow, wrist]] - shape[shoulder])
    return Person(shape - (80, 0), np.ones(V), (400, 600))


def test_a_pose_is_read_from_its_picture_as_it_was_drawn() -> None:
    points = torch.rand(2, 24, V, 3, generator=torch.Generator().manual_seed(0)) - torch.tensor([0.0, 0.0, 0.5])
    at = to_bins(points, 64)
    picture = draw(at, 64)
    assert picture.shape == (2, 3 * V, 64, 24) and torch.allclose(picture.sum(2), torch.ones(()))
    again = from_bins(read((picture + 1e-9).log()), 64)
    assert (again - points).abs().max() < 0.01 / 64


def test_a_joint_that_is_not_seen_leaves_its_column_empty() -> None:
    at = to_bins(torch.full((1, 8, V, 3), 0.3), 64)
    seen = torch.ones_like(at)
    seen[:, 5] = 0
    picture = draw(at, 64, seen)
    assert not picture[:, 5].any() and picture[:, 4].any()


def test_the_mask_tells_frames_of_a_column_and_the_reference_ends_where_they_do() -> None:
    known = torch.tensor([0, 8, 11])
    mask = mask_of(known, 4, 8)
    assert mask.shape == (3, 8, 4) and mask.sum(dim=(1, 2)).tolist() == [0, 8, 11]
    assert mask[2, :3, 1].all() and not mask[2, 3:, 1].any()
    real, mixed, shape = torch.ones(3, 2, 2, 4), torch.full((3, 2, 2, 1), 2.0), torch.full((3, 2, 2, 1), 3.0)
    told = reference(real, mixed, shape, known, 8)
    assert told[:, 0, 0].tolist() == [[3, 3, 3, 3], [1, 3, 3, 3], [1, 2, 3, 3]]


def test_steps_and_guidance_change_a_dance_and_the_seed_decides_it(dancer: HotDancer) -> None:
    song, grid = song_of(16)
    wish = Wish(5, "rumba")
    one = choreograph(song, grid, dancer.network, wish, sampling=Sampling(3))
    assert len(one) == 480
    np.testing.assert_array_equal(
        choreograph(song, grid, dancer.network, wish, sampling=Sampling(3)).joints, one.joints
    )
    for other in (Sampling(5), Sampling(3, guidance=3.0)):
        assert np.abs(choreograph(song, grid, dancer.network, wish, sampling=other).joints - one.joints).max() > 1e-4


def test_bones_are_the_pictures_own(dancer: HotDancer, person: Person) -> None:
    song, grid = song_of(8)
    dance = tailor(dancer, person, 2).dance(song, grid, seed=0, style="waltz")
    bones = np.asarray(dancer.bones(person))
    assert bones[3] > 1.15 * BONE_LENGTHS[3]
    ends = np.asarray(BONES)
    lengths = np.linalg.norm(dance.joints[:, ends[:, 1]] - dance.joints[:, ends[:, 0]], axis=-1)
    np.testing.assert_allclose(lengths, np.broadcast_to(bones, lengths.shape), atol=1e-4)


@pytest.mark.parametrize("pickup", [0.0, 2.6])
def test_a_dance_begins_in_the_pose_of_the_picture(dancer: HotDancer, person: Person, pickup: float) -> None:
    """To the pixel where limbs are as long as measured; it stands so until the music begins, and then goes on."""
    joints = np.asarray(person.joints).copy()
    joints[J.R_WRIST] = joints[J.R_ELBOW] - (0, 60)  # a hand up
    posed = replace(person, joints=joints)
    song, grid = song_of(8)
    late = replace(song, samples=np.where(np.arange(len(song.samples)) < pickup * 22050, 0, song.samples))
    later = replace(grid, times=grid.times[grid.times >= pickup], downbeat=grid.downbeat[grid.times >= pickup])
    dance = dancer.dance(late, later, seed=0, style="auto", person=posed, steps=2)
    pose = dancer_of(posed).pose
    ends = np.asarray(BONES)[:12]

    def flat(number: int) -> np.ndarray:
        limbs = dance.joints[number, ends[:, 1]] - dance.joints[number, ends[:, 0]]
        made: np.ndarray = (limbs / np.linalg.norm(limbs, axis=-1, keepdims=True))[:, :2]
        return made

    assert np.abs(flat(0) - pose[:12]).max() < 0.05 and pose[3, 1] < -0.8
    assert np.abs(flat(round(pickup * 30))[3] - pose[3]).max() < 0.3
    assert np.abs(flat(round(pickup * 30) + 45) - pose[:12]).max() > 0.1


def test_who_dances_lingers_on_the_beat() -> None:
    beats = np.linspace(-2, 6, 801)
    passed = linger(beats)
    assert np.allclose(passed[::100], beats[::100], atol=1e-9) and (np.diff(passed) > 0).all()
    speed = np.diff(passed) / np.diff(beats)
    assert speed[200] < 0.6 < 1.4 < speed[250]  # on a beat, half way to the next


def test_without_a_picture_it_dances_on_the_canonical_body(dancer: HotDancer) -> None:
    song, grid = song_of(6)
    dance = dancer.dance(song, grid, seed=0, style="auto")
    assert abs(float(np.median(body_height(dance.joints))) - 1) < 0.06
    assert dance.joints[..., 1].max() < 0.02  # nobody sinks into the ground


def test_songs_of_one_seed_are_danced_in_other_styles(dancer: HotDancer) -> None:
    """Where several styles suit: the same beats, and sound that rises and falls otherwise."""
    song, grid = song_of(16)
    swells = [np.repeat(np.linspace(0.6, 1.4, 8)[np.roll(np.arange(8), by)], 2) for by in range(8)]
    leads = []
    for swell in swells:
        samples = song.samples * np.repeat(swell, len(song.samples) // 16 + 1)[: len(song.samples)]
        leads.append(listen(replace(song, samples=samples.astype(np.float32)), grid, dancer.network, Wish(0)).lead)
    assert len(set(leads)) > 1
    asked = listen(song, grid, dancer.network, Wish(0, "salsa"))
    assert asked.shares == {"salsa": 1.0}


def test_a_carriage_moves_posture_and_movement() -> None:
    """Nothing changes without one; a movement is made larger, the posture shifted, turns stay, bones stay bones."""
    time = np.arange(900) / 30
    directions = np.zeros((900, len(BONES), 3), np.float32)
    directions[..., 0], directions[..., 1] = 0.2 * np.sin(2 * np.pi * 2 * time)[:, None], 1
    directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
    root = np.ones((900, 2), np.float32)
    none = no_carriage(3 * len(BONES))
    same, place = carry(directions, root, none, 30.0)
    assert np.allclose(same, directions, atol=1e-5) and np.array_equal(place, root)
    shift = np.zeros((len(BONES), 3), np.float32)
    shift[ARM_BONES[0], 1] = -0.4
    how = Carriage(none.posture, shift.ravel(), 1.5 * none.movement, 0.5)
    made, place = carry(directions, root, how, 30.0)
    assert made[:, LEG_BONES[0], 0].std() == pytest.approx(1.5 * directions[:, LEG_BONES[0], 0].std(), rel=0.05)
    assert made[:, ARM_BONES[0], 0].std() > 1.3 * made[:, LEG_BONES[0], 0].std()  # a shorter arm is the same way aside
    assert np.allclose(np.linalg.norm(made, axis=-1), 1, atol=1e-5) and (place == [0.5, 1]).all()


def test_a_carriage_is_that_of_the_styles_danced(dancer: HotDancer) -> None:
    network = HotDance(dancer.network.config)
    network.shift[STYLES.index("rumba")] = 1.0
    half = network.carriage({"rumba": 0.5, "tango": 0.5})
    assert np.allclose(half.shift, 0.5) and half.travel == 1 and np.allclose(half.posture, np.eye(len(half.shift)))


def test_of_draws_those_stay_that_rest_on_beats() -> None:
    frames = torch.arange(80.0)
    on_beat, off_beat = (torch.sin(torch.pi * (frames - shift) / 8) for shift in (4.0, 0.0))
    twice = torch.sin(2 * torch.pi * (frames - 2) / 8)
    points = torch.stack([off_beat, on_beat, twice])[:, :, None, None].repeat(1, 1, 18, 3)
    assert keep_beats(points, 8, 1).tolist() == [1] and keep_beats(points, 8, 2).tolist() == [1, 2]


def test_what_sounds_alike_is_danced_with_nearly_the_same_noise(dancer: HotDancer) -> None:
    first, second, third = noise_of_segments(dancer.network, 3, [-1, -1, 0], 2)
    assert float((first - third).square().mean()) < 0.2 < float((first - second).square().mean())
    sound = np.random.default_rng(0).normal(size=(64, SOUND_VALUES)).astype(np.float32).cumsum(axis=0)
    sound[48:] = sound[16:32]
    assert find_repeats(sound, 16, 4) == [-1, -1, -1, 1]


def test_a_jump_between_segments_is_spread() -> None:
    """A steady movement that jumps by ten steps goes on steadily; what is far from the border stays."""
    points = (torch.arange(60.0)[:, None, None] * torch.ones(18, 3)).contiguous()
    points[30:] += 10
    given = points.clone()
    ease(points, [30], 8)
    steps = points.diff(dim=0)
    assert steps.max() < 2.1 and float(steps[29, 0, 0]) == pytest.approx(1, abs=1e-4)
    assert torch.equal(points[:22], given[:22]) and torch.equal(points[38:], given[38:])


def test_the_draw_that_jumps_is_left_out() -> None:
    points = torch.arange(20.0)[:, None, None].repeat(3, 1, 18, 3)
    points[1, 10:] += 5
    assert drop_roughest(points, 10).tolist() == [0, 2]


def test_segments_go_on_from_each_other(dancer: HotDancer) -> None:
    config = dancer.network.config
    per, kept = config.columns, config.overlap // config.stride
    assert [segments(dancer.network, n) for n in (1, per, per + 1, 2 * per - kept)] == [1, 1, 2, 2]
    seen = Listener()
    song, grid = song_of(20)
    dancer.dance(song, grid, seed=0, style="auto", reporter=seen)
    assert seen.steps == segments(dancer.network, 41)


@pytest.mark.parametrize("hidden", [(J.R_ANKLE, J.L_ANKLE), (J.R_KNEE, J.L_KNEE, J.R_ANKLE, J.L_ANKLE), (J.NOSE,)])
def test_hidden_joints_have_usual_lengths(dancer: HotDancer, person: Person, hidden: tuple[int, ...]) -> None:
    confidence = np.ones(V)
    confidence[list(hidden)] = 0
    partly = replace(person, confidence=confidence)
    song, grid = song_of(4)
    dance = dancer.dance(song, grid, seed=0, style="auto", person=partly, steps=1)
    assert np.isfinite(dance.joints).all() and not dancer_of(partly).seen[list(hidden)].any()


def test_a_drawings_odd_body_and_a_face_alone(dancer: HotDancer, person: Person) -> None:
    odd = np.asarray(person.joints).copy()
    odd[[J.R_KNEE, J.R_ANKLE, J.L_KNEE, J.L_ANKLE], 1] -= 60  # stumps
    song, grid = song_of(4)
    dance = dancer.dance(song, grid, seed=0, style="auto", person=replace(person, joints=odd), steps=1)
    assert np.isfinite(dance.joints).all()
    face = np.zeros(V)
    face[list(J.FACE_JOINTS)] = 1
    with pytest.raises(DancegenError, match="has no torso"):
        dancer.dance(song, grid, seed=0, style="auto", person=replace(person, confidence=face))


@pytest.mark.parametrize("seconds", [0.5, 3.0])
def test_short_songs(dancer: HotDancer, seconds: float) -> None:
    song, grid = song_of(seconds)
    assert abs(dancer.dance(song, grid, seed=0, style="auto").seconds - seconds) < 0.11


def test_a_song_without_a_beat_is_counted(dancer: HotDancer) -> None:
    song, grid = song_of(8)
    nothing = replace(grid, times=np.zeros(0), confidence=0.0, downbeat=np.zeros(0, bool))
    assert np.isfinite(dancer.dance(song, nothing, seed=0, style="auto").joints).all()


def test_steps_that_cannot_be(dancer: HotDancer, run_main: Callable[..., Ran], tmp_path: Path, beat_song: Path) -> None:
    with pytest.raises(DancegenError, match="--steps must be 1 to 100, not 0"):
        Sampling(0)
    ran = run_main("dance", beat_song, "--steps", 4, "-o", tmp_path / "d.dance.json")
    assert ran.status == 1 and "--steps: stg-mamba draws no dance from noise" in ran.err
    ran = run_main("dance", beat_song, "--steps", 400, "-o", tmp_path / "d.dance.json")
    assert ran.status == 1 and "--steps must be 1 to 100, not 400" in ran.err


def with_long_arms(folder: Path) -> Path:
    """The pose of the example, its hands twice as far from the elbows."""
    pose = json.loads(POSE.read_text(encoding="utf-8"))
    numbers = np.asarray(pose["people"][0]["pose_keypoints_2d"]).reshape(V, 3)
    for elbow, wrist in ((J.R_ELBOW, J.R_WRIST), (J.L_ELBOW, J.L_WRIST)):
        numbers[wrist, :2] += numbers[wrist, :2] - numbers[elbow, :2]
    pose["people"][0]["pose_keypoints_2d"] = numbers.ravel().tolist()
    made = folder / "long.pose.json"
    made.write_text(json.dumps(pose), encoding="utf-8")
    return made


def test_a_dance_file_carries_the_pictures_body(run_main: Callable[..., Ran], tmp_path: Path, beat_song: Path) -> None:
    from dancegen.dances.read_dance import read_dance

    weights = save_tiny_hotdance(tmp_path / "hot.safetensors")
    out = tmp_path / "d.dance.json"
    how: tuple[Any, ...] = ("--choreographer", "hotdance", "--weights", f"choreographer.hotdance={weights}")
    ran = run_main("dance", beat_song, *how, "--steps", 1, "--picture", PICTURE, "-o", out)
    assert ran.status == 0, ran.err
    made = read_dance(out)
    assert made.body is not None and made.body.name == PICTURE.name and len(made.body.bones) == len(BONES)
    video = ("--weights", "renderer=puppet", "--size", 64, "--fps", 5, "--pose", POSE, "--device", "cpu", "--preview")
    other = tmp_path / "other.png"
    other.write_bytes(PICTURE.read_bytes())
    ran = run_main("render", beat_song, other, "--dance", out, *video, "-o", tmp_path / "v.mp4")
    assert ran.status == 0 and "was made for" not in ran.err  # the same body, whatever the picture's name
    video = (*video[:-4], with_long_arms(tmp_path), *video[-3:])
    ran = run_main("render", beat_song, PICTURE, "--dance", out, *video, "-o", tmp_path / "w.mp4")
    assert ran.status == 0 and f"was made for {PICTURE.name}" in ran.err, ran.err
    again = tmp_path / "again.dance.json"
    ran = run_main("dance", beat_song, *how, "--steps", 1, "--redo", "1-2", "--seed", 9, "--from", out, "-o", again)
    assert ran.status == 0 and f"was made for {PICTURE.name}: what is made anew does not begin as" in ran.err, ran.err
    redone = read_dance(again)
    old, new = made.take(1).skeleton.joints, redone.take(1).skeleton.joints
    assert np.abs(old - new).max() > 0.01 and redone.body == made.body
    assert np.abs(bone_lengths(new) - made.body.bones).max() < 1e-4  # also of bars that were danced for nobody
    ran = run_main("dance", beat_song, "--keep", f"{out}@1-1", "-o", tmp_path / "kept.dance.json")
    assert ran.status == 0 and f"{out.name} was made for another body" in ran.err, ran.err
    ran = run_main("join", out, tmp_path / "kept.dance.json", "-o", tmp_path / "joined.dance.json")
    assert (
        ran.status == 0 and f"kept.dance.json was made for another body: it is danced on that of {out.name}" in ran.err
    )
    joined = read_dance(tmp_path / "joined.dance.json")
    assert joined.body == made.body
    assert np.abs(bone_lengths(joined.take(1).skeleton.joints) - made.body.bones).max() < 1e-4
    ran = run_main(
        "dance", beat_song, *how, "--steps", 1, "--picture", PICTURE, "--keep", f"{out}@1-1", "-o", again, "--overwrite"
    )
    assert ran.status == 0 and "another body" not in ran.err, ran.err


def test_a_picture_is_for_those_who_dance_on_its_body(
    run_main: Callable[..., Ran], tmp_path: Path, beat_song: Path, tiny_weights: Path
) -> None:
    weights = ("--weights", f"choreographer={tiny_weights}")
    ran = run_main("dance", beat_song, *weights, "--picture", PICTURE, "-o", tmp_path / "d.dance.json")
    assert ran.status == 1 and "--picture: --choreographer stg-mamba dances on no body of its own" in ran.err


def test_its_own_experiments(dancer: HotDancer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row for each; a song played faster has its beats sooner, a spliced one both tempi."""
    from dancegen.lab.evaluate import hotdance as experiments

    for name, value in {"SECONDS": 10.0, "SPLICE": 5.0, "BODIES": 1, "SPEEDS": (0.8, 1.2)}.items():
        monkeypatch.setattr(experiments, name, value)
    song, grid = song_of(20)
    faster, beats = experiments.play_at(song, grid, 1.25, 8.0)
    assert faster.seconds == 8.0 and np.allclose(np.diff(beats.times), 0.4)
    _, both = experiments.splice(song, grid)
    gaps = np.diff(both.times)
    assert abs(gaps[2] - 0.5 / 0.8) < 1e-6 and abs(gaps[-1] - 0.5 / 1.2) < 1e-6
    rows = experiments.experiment_rows(dancer, [(song, grid), song_of(20, 100)])
    assert {"tempo x0.8, % off", "stitching, jump / median step", "scale % off", "dead units, layers, %"} <= set(rows)
    assert np.isfinite(list(rows.values())).all()
    assert rows["swapped again, by itself, body heights"] == 0
    for name in ("seed", "beats", "style", "amount", "turns", "picture", "mask", "known frames", "time index"):
        assert rows[f"swapped {name}, by itself, body heights"] > 0, name


def test_heads_look_at_the_camera_or_nearly() -> None:
    """A head in profile and one turned to the back come round; the body and a head that looks ahead stay."""
    from dancegen.choreographers.finish.facing import HEAD_BONES, turn_directions
    from dancegen.choreographers.finish.frame import STANDING
    from dancegen.choreographers.hotdance.reading import AWAY, look_ahead

    directions = np.repeat(np.asarray(STANDING, np.float32)[None], 4, axis=0)
    directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
    given = directions.copy()
    angles = np.radians([0.0, 10.0, 90.0, 179.9])
    given[:, HEAD_BONES] = turn_directions(given[:, HEAD_BONES], angles)
    made = look_ahead(given)
    body = [bone for bone in range(17) if bone not in HEAD_BONES]
    assert np.array_equal(made[:, body], given[:, body])
    assert np.allclose(made[0], directions[0], atol=1e-5)
    eyes = made[:, 13] - made[:, 15]
    shown = np.arctan2(eyes[:, 2], -eyes[:, 0])
    assert np.radians(9) < shown[1] < shown[2] <= AWAY and abs(shown[3]) < 0.01  # no jump from side to side
