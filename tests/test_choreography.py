"""The choreographer: shapes, determinism, any length, silence, and what its parts promise."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from dancegen.audio.beats import BeatGrid, find_beats
from dancegen.audio.song import Song
from dancegen.audio.spectrum import mel_pieces
from dancegen.body.joints import BONES, MIRROR, body_height, mid_hip
from dancegen.body.sequence import BONE_LENGTHS, bone_directions, place_joints
from dancegen.choreographers.finish.couple import partner
from dancegen.choreographers.finish.facing import LIMIT, WIDE, face, face_camera, yaw
from dancegen.choreographers.finish.frame import STANDING, Frame, frame_dance, hold_seconds, last_pose
from dancegen.choreographers.finish.ground import settle
from dancegen.choreographers.stg_mamba import dance as dances
from dancegen.choreographers.stg_mamba.config import STYLES, ChoreographerConfig
from dancegen.choreographers.stg_mamba.counting import SECTION, count_for, frame_of, repeats, sections
from dancegen.choreographers.stg_mamba.dance import choreograph, listen, window_starts
from dancegen.choreographers.stg_mamba.hearing import KNOWN_BY, mixed_seed, number_of
from dancegen.choreographers.stg_mamba.imagine import roots, rounds, suits
from dancegen.choreographers.stg_mamba.model import Choreographer, load_choreographer
from dancegen.choreographers.stg_mamba.sketch import EDGE, STEPS, lay
from dancegen.choreographers.stg_mamba.stgm import STGMBlock, partitioned_adjacency
from dancegen.choreographers.stg_mamba.styles import ARMS as LENT
from dancegen.choreographers.stg_mamba.styles import appeal, choose_style, plan
from dancegen.dances.metrics import bone_drift, frozen_share
from dancegen.errors import DancegenError
from dancegen.weights.checkpoint import save_checkpoint
from tests.conftest import click_track
from tests.tiny import TINY

UPRIGHT = np.asarray(STANDING) / np.linalg.norm(STANDING, axis=-1, keepdims=True)


@pytest.fixture(scope="module")
def network() -> Choreographer:
    torch.manual_seed(0)
    made = Choreographer(TINY).eval()
    made.phrases.vectors.normal_(0, 0.1)
    made.ranks.copy_(torch.linspace(-1, 1, 101)[:, None].expand(-1, 4))
    torch.nn.init.normal_(made.prior.leave.weight, 0, 0.1)
    return made


def song_of(seconds: float, tempo: float = 120) -> tuple[Song, BeatGrid]:
    samples, times = click_track(tempo, seconds)
    return Song(Path("clicks.wav"), samples, 0.0), BeatGrid(times, tempo, 1.0)


@pytest.mark.parametrize("seconds", [0.5, 3.21, 9.99, 10.0, 10.1, 27.3])
def test_a_dance_has_the_length_of_its_song(network: Choreographer, seconds: float) -> None:
    song, grid = song_of(seconds)
    dance = choreograph(song, grid, network, seed=1)
    assert len(dance) == song.pieces * 3 and dance.fps == 30
    assert bone_drift(dance.joints) < 1e-5


def test_one_seed_is_one_dance_and_another_seed_another(network: Choreographer) -> None:
    song, grid = song_of(12)
    first, again = (choreograph(song, grid, network, seed=7).joints for _ in range(2))
    other = choreograph(song, grid, network, seed=8).joints
    assert np.allclose(first, again, atol=1e-7)  # threads add up in any order: the last digit is not promised
    assert np.abs(first - other).mean() > 1e-4


def test_a_dance_does_not_depend_on_windows_batched_together(
    network: Choreographer, monkeypatch: pytest.MonkeyPatch
) -> None:
    song, grid = song_of(40)
    together = choreograph(song, grid, network, seed=3).joints
    monkeypatch.setattr(dances, "WINDOWS_AT_ONCE", 1)
    assert np.allclose(choreograph(song, grid, network, seed=3).joints, together, atol=1e-5)


@pytest.mark.parametrize("pieces", [1, 20, 99, 100, 101, 180, 181, 263, 1000])
def test_windows_cover_the_song_and_their_shares_sum_to_one(pieces: int) -> None:
    total = np.zeros(pieces * 3)
    for first in window_starts(pieces):
        count = min(dances.WINDOW, pieces)
        total[first * 3 : (first + count) * 3] += dances._fade(first, count, pieces, 3)
    assert np.allclose(total, 1, atol=1e-5)


def test_joins_of_windows_do_not_jump(network: Choreographer) -> None:
    song, grid = song_of(30)
    steps = np.abs(np.diff(choreograph(song, grid, network, seed=0).joints, axis=0)).max(axis=(1, 2))
    seam = (dances.WINDOW - dances.OVERLAP) * 3
    assert steps[seam : seam + dances.OVERLAP * 3].max() < 1.5 * np.quantile(steps, 0.99)


def test_silence_dances_without_a_beat(network: Choreographer) -> None:
    song = Song(Path("silence.wav"), np.zeros(16_000 * 6, np.float32), 0.0)
    dance = choreograph(song, find_beats(song), network, seed=0)
    assert len(dance) == 180 and np.isfinite(dance.joints).all()


def test_an_unknown_style_names_the_known(network: Choreographer) -> None:
    song, grid = song_of(2)
    with pytest.raises(DancegenError, match="cha-cha"):
        choreograph(song, grid, network, seed=0, style="polka")


def test_weights_survive_the_disk_and_styles_differ(network: Choreographer, tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "n.safetensors", network.state_dict(), network.config)
    loaded = load_choreographer(tmp_path / "n.safetensors")
    song, grid = song_of(20)
    rumba = choreograph(song, grid, network, seed=5, style="rumba").joints
    assert np.allclose(rumba, choreograph(song, grid, loaded, seed=5, style="rumba").joints, atol=1e-7)
    assert not np.allclose(rumba, choreograph(song, grid, loaded, seed=5, style="tango").joints)


def test_every_unit_of_the_ear_hears(network: Choreographer) -> None:
    mel = torch.from_numpy(mel_pieces(song_of(12)[0]))[None]
    torch.manual_seed(0)
    for layer in Choreographer(ChoreographerConfig()).ear.layers(mel):
        assert (layer[0].std(0) > 1e-3).all()


def test_other_sound_at_the_same_beats_is_another_dance(network: Choreographer) -> None:
    song, grid = song_of(20)
    noise = np.random.default_rng(0).normal(0, 0.2, len(song.samples)).astype(np.float32)
    noise[: 16_000 * KNOWN_BY] = song.samples[: 16_000 * KNOWN_BY]  # not by the song's number alone
    dances_ = [
        choreograph(Song(song.path, s), grid, network, seed=1, style="rumba").joints for s in (song.samples, noise)
    ]
    assert np.abs(dances_[0] - dances_[1]).mean() > 1e-3


def test_a_count_dances_every_second_of_fast_beats_and_waltz_in_three() -> None:
    fast = BeatGrid(np.arange(0.3, 40, 0.3), 200, 1)
    assert np.allclose(np.diff(count_for(fast, 40, "salsa").beats), 0.6, atol=0.02)
    slow = BeatGrid(np.arange(0.3, 40, 1.2), 50, 1)
    assert np.allclose(np.diff(count_for(slow, 40, "rumba").beats), 0.6, atol=0.02)
    count = count_for(BeatGrid(np.arange(1.0, 30, 0.5), 120, 1), 40.0, "waltz")
    assert count.meter == 3 and count.phrase == 12
    assert count.beats[0] <= 0 and count.beats[-1] > 40
    assert np.allclose((count.position(np.array([1.0])) + 1e-6) % 12, 0, atol=1e-3)  # a phrase begins with the song's


def test_a_phrase_is_slow_on_the_beats_it_is_laid_on() -> None:
    phrase = np.zeros((1, (8 + 2 * EDGE) * STEPS + 1, 54), np.float32)
    phrase[0, :, 0] = np.arange(phrase.shape[1]) / STEPS  # one a beat
    beat = np.linspace(0.5, 7.5, 701)
    laid = lay(phrase, STEPS, beat, np.full(9, 0.6))[:, 0]
    assert np.allclose(laid[50::100], beat[50::100] + EDGE, atol=0.02)
    speed = np.gradient(laid, beat)
    assert speed[50] == pytest.approx(0.4, abs=0.1) and speed[100] == pytest.approx(1.6, abs=0.1)


def test_a_refrain_repeats_its_phrases() -> None:
    rng = np.random.default_rng(0)
    verse, refrain = rng.normal(size=(4, 4, 6)), rng.normal(size=(4, 4, 6))
    song = np.concatenate([verse, refrain, verse, refrain]) + 0.01 * rng.normal(size=(16, 4, 6))
    assert repeats(song).tolist() == [-1] * 8 + list(range(8))


def test_a_dance_begins_and_ends_standing_and_rests_in_silence() -> None:
    time = np.arange(900) / 30
    directions = np.zeros((900, len(BONES), 3), np.float32)
    directions[..., 0], directions[..., 1] = np.sin(6 * time)[:, None], 1
    directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
    frame = Frame(1.0, 0.5, np.array([[12.0, 16.0]]), 28.0, 0.5)
    framed, _ = frame_dance(
        directions, np.zeros((900, 2), np.float32), 30, frame, last_pose(("rumba", "rumba"), 3, UPRIGHT)
    )
    speed = np.linalg.norm(np.diff(framed, axis=0), axis=-1).mean(axis=1) * 30
    for rest in (slice(0, 20), slice(13 * 30 + 5, 15 * 30 + 20), slice(28 * 30 + 2, 899)):
        assert speed[rest].max() < 0.1 < speed[rest].max() + 0.1 and speed[rest].max() > 0  # it breathes
    assert speed[200:300].mean() > 0.5
    assert np.allclose(np.linalg.norm(framed, axis=-1), 1, atol=1e-5)


def test_repeats_of_repeats_go_back_to_one_phrase() -> None:
    repeats = np.array([-1, -1, -1, 0, 1, 3, 4, 5])
    assert roots(repeats).tolist() == [0, 1, 2, 0, 1, 0, 1, 0]
    assert [group.tolist() for group in rounds(repeats)] == [[0, 2], [3, 5, 7], [1], [4, 6]]


def test_who_stands_counts_the_dance_in_and_never_freezes() -> None:
    directions = np.repeat(np.asarray(STANDING, np.float32)[None], 600, 0)
    directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
    frame = Frame(6.0, 0.5, np.zeros((0, 2)), 18.0, 0.5, counts=True)
    ending = last_pose(("tango", "rumba"), 1, UPRIGHT)
    joints = settle(*frame_dance(directions, np.zeros((600, 2), np.float32), 30, frame, ending), 30)
    knees = joints[:, [9, 12], 2].mean(axis=1)  # z: they go forward where they bend
    counted, before = knees[120:180], knees[:100]
    assert counted.std() > 4 * before.std()
    lowest = np.flatnonzero((counted[1:-1] < counted[:-2]) & (counted[1:-1] <= counted[2:])) + 121
    assert np.allclose(lowest % 15, 0, atol=1) | np.allclose(lowest % 15, 14, atol=1)
    assert frozen_share(joints[100:180], 30) == 0 and frozen_share(joints[545:], 30) == 0


def test_dances_end_unlike_each_other_and_short_ones_soon() -> None:
    poses = {(style, seed): last_pose((style, style), seed, UPRIGHT) for style in STYLES[1:] for seed in range(8)}
    assert all(np.allclose(np.linalg.norm(pose, axis=-1), 1, atol=1e-6) for pose in poses.values())
    gaps = [np.abs(poses[style, 0] - poses[style, seed]).max() for style in STYLES[1:] for seed in range(1, 8)]
    assert min(gaps) > 0.1 and np.mean(np.asarray(gaps) > 0.5) > 0.8
    assert np.array_equal(last_pose(("rumba", "rumba"), 4, UPRIGHT), poses["rumba", 4])
    ways = [last_pose(("rumba", "ballet"), seed, poses["ballet", 3]) for seed in range(20)]
    nearer = [float((pose * poses["ballet", 3]).sum()) for pose in ways]
    assert np.mean(nearer) > np.mean(
        [float((last_pose(("rumba", "ballet"), s, -UPRIGHT) * poses["ballet", 3]).sum()) for s in range(20)]
    )
    assert hold_seconds(8) < 0.5 < hold_seconds(60) <= 1


def test_silence_is_found_and_the_last_pose_comes_before_the_end() -> None:
    samples, times = click_track(120, 30.0)
    samples[16_000 * 10 : 16_000 * 14] = 0
    song, grid = Song(Path("gap.wav"), samples, 0.0), BeatGrid(times, 120, 1.0)
    heard = listen(song, grid, "rumba", np.zeros((101, 4)))
    frame = frame_of(heard.mel, heard.count, song.seconds, True)
    assert len(frame.silences) == 1 and np.allclose(frame.silences[0], [10, 14], atol=0.5)
    assert 26 < frame.finish < 29.4 and np.abs(times - frame.finish).min() < 0.02
    assert frame.begin == pytest.approx(times[0], abs=0.02)


def test_the_music_decides_the_style() -> None:
    calm, busy = np.array([0.1, 0.1, 0.5, 0.3]), np.array([0.9, 0.9, 0.8, 0.4])
    slow, fast, three = appeal(0.75, False, calm), appeal(0.44, False, busy), appeal(0.66, True, np.full(4, 0.5))
    assert max(slow, key=slow.__getitem__) == "ballet" and max(fast, key=fast.__getitem__) == "salsa"
    assert three["waltz"] > 0.7 and sum(slow.values()) == pytest.approx(1)
    assert {choose_style(slow, seed) for seed in range(40)} >= {"ballet", "rumba"}


def test_a_song_is_heard_once_where_the_style_counts_it_otherwise(
    network: Choreographer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a waltz to a song in four: its bars are counted in three, its sound is heard once."""
    heard, meters = [], []

    def hear(song: Song) -> np.ndarray:
        heard.append(song)
        return mel_pieces(song)

    def count(*given: Any) -> Any:
        meters.append(count_for(*given).meter)
        return count_for(*given)

    monkeypatch.setattr(dances, "mel_pieces", hear)
    monkeypatch.setattr(dances, "count_for", count)
    choreograph(*song_of(12.0), network, seed=0, style="waltz", amount=0.6)
    assert len(heard) == 1 and set(meters) == {3}


def test_a_song_is_known_by_how_it_begins_however_loud_and_however_long() -> None:
    song, other = song_of(30)[0].samples, np.random.default_rng(0).normal(0, 0.1, 16_000 * 30).astype(np.float32)
    own = number_of(song, 16_000)
    assert own == number_of(song * 0.7, 16_000) == number_of(song[: 16_000 * 12], 16_000)
    assert own == number_of(song + 1e-7, 16_000) and own != number_of(other, 16_000)
    assert mixed_seed(0, own, "noise") != mixed_seed(1, own, "noise") != mixed_seed(1, own, "end")
    assert number_of(song[:0], 16_000) == 0


def test_sections_change_with_the_sound_and_come_back() -> None:
    rng = np.random.default_rng(0)
    verse, refrain = 0.5 * rng.normal(size=(2, 4, 6)), 3 + 0.5 * rng.normal(size=(3, 4, 6))
    sound = np.concatenate([verse, refrain, verse, refrain]) + 0.01 * rng.normal(size=(10, 4, 6))
    parts = sections(sound, repeats(sound))
    assert parts[:, 0].tolist() == [0, 0, 1, 1, 1, 0, 0, 1, 1, 1]
    assert parts[:, 1].tolist() == [0] * 5 + [1] * 5
    same = sections(np.zeros((13, 4, 6)) + 0.001 * rng.normal(size=(13, 4, 6)), np.full(13, -1))
    assert np.bincount(same[:, 0]).max() <= SECTION[1]  # a song that never changes is no single dance


def test_a_change_of_section_is_a_change_of_dance_and_a_return_its_steps_again() -> None:
    parts = np.array([[0, 0], [0, 0], [1, 0], [1, 0], [2, 0], [0, 1], [0, 1]])
    odds = [appeal(0.5, False, np.full(4, 0.6))] * len(parts)
    plans = [plan(parts, odds, seed, 7, "auto") for seed in range(60)]
    for made in plans:
        assert made[0] == made[1] and made[2] == made[3] and made[5][0] == made[0][0]
        assert all(arms in LENT[steps] for steps, arms in made)
        assert "waltz" not in dict(made)  # is danced to music in three alone
    changes = np.mean([made[1][0] != made[2][0] for made in plans])
    assert changes > 0.75 and len({tuple(made) for made in plans}) > 30
    held = np.mean([arms in ("tango", "waltz", "salsa") for made in plans for _, arms in made])
    assert held < 0.25
    assert plan(parts, odds, 0, 7, "auto") != plan(parts, odds, 0, 8, "auto")  # another song, another dance
    asked = [plan(parts, odds, seed, 7, "tango") for seed in range(60)]
    assert {steps for made in asked for steps, _ in made} == {"tango"}
    assert np.mean([arms == "tango" for made in asked for _, arms in made]) > 0.6
    three = plan(parts, [appeal(0.6, True, np.full(4, 0.5))] * len(parts), 0, 7, "auto")
    assert {steps for steps, _ in three} <= {"waltz", "ballet"}


def test_a_phrase_unlike_the_last_ones_is_preferred() -> None:
    rng = np.random.default_rng(0)
    ideas = rng.normal(size=(4, 89, 54)).astype(np.float32)
    ideas[3] = ideas[0] + 0.5 * rng.normal(size=(89, 54))
    ranks = np.full(4, 0.5)
    alone = suits(ideas, ranks, 4)
    after = suits(ideas, ranks, 4, [ideas[alone, ::STEPS]])
    assert after != alone


def test_the_canonical_body_is_one_high_and_keeps_its_bones() -> None:
    directions = np.random.default_rng(0).normal(size=(5, len(BONES), 3))
    directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
    joints = place_joints(directions, np.array([0.2, -0.5]))
    for limb, (parent, child) in enumerate(BONES):
        assert np.allclose(np.linalg.norm(joints[:, child] - joints[:, parent], axis=-1), BONE_LENGTHS[limb], atol=1e-6)
    assert np.allclose(bone_directions(joints), directions, atol=1e-5)
    assert np.allclose(mid_hip(joints), [0.2, -0.5, 0], atol=1e-6)
    standing = np.zeros((len(BONES), 3))
    standing[:, 1] = 1
    assert 0.9 < body_height(place_joints(standing, np.array([0, -0.5]))) < 1.1


def test_network_and_numpy_place_joints_alike(network: Choreographer) -> None:
    directions, root = torch.randn(2, 3, len(BONES), 3), torch.randn(2, 3, 2)
    assert np.allclose(network.place(directions, root), place_joints(directions.numpy(), root.numpy()), atol=1e-5)


def test_an_stgm_block_sees_joints_and_both_directions_of_time() -> None:
    torch.manual_seed(0)
    x = torch.randn(1, 12, 18, 8)

    def reach(scans: tuple[str, ...]) -> np.ndarray:
        """Where the output changes when joint 4 of piece 6 changes: (F, V) bool."""
        block = STGMBlock(replace(TINY, scans=scans))
        changed = x.clone()
        changed[0, 6, 4] += torch.randn(8)  # adding a constant would be undone by the norm
        return (block(x) - block(changed)).detach().abs().amax(-1)[0].numpy() > 1e-7

    forward, backward, space = reach(("tgf",)), reach(("tgb",)), reach(("sg",))
    assert forward[7:].any() and not forward[:6].any()
    assert backward[:6].any() and not backward[7:].any()
    assert space[6].sum() > 10 and not np.delete(space, 6, axis=0).any()


def test_the_adjacency_parts_are_self_parent_and_children() -> None:
    parts = partitioned_adjacency()
    assert np.allclose(parts[0], np.eye(18))
    assert parts[1].sum() == len(BONES)
    assert ((parts[2] > 0) == (parts[1] > 0).T).all()
    mirrored = parts[:, list(MIRROR)][:, :, list(MIRROR)]
    assert np.allclose(mirrored, parts)


def test_nobody_turns_away_from_the_camera() -> None:
    front = np.zeros((1, len(BONES), 3), np.float32)
    front[..., 1] = 1
    front[:, 0], front[:, 1], front[:, 6, 0], front[:, 9, 0] = (-1, 0, 0), (1, 0, 0), -0.2, 0.2
    front /= np.linalg.norm(front, axis=-1, keepdims=True)
    angle = np.radians([0, 10, -20, 50, -85])
    turn = np.exp(-1j * angle)[:, None] * (front[..., 0] + 1j * front[..., 2])
    turned = np.stack([turn.real, np.broadcast_to(front[..., 1], turn.shape), turn.imag], axis=-1).astype(np.float32)
    assert np.allclose(yaw(turned), angle, atol=1e-5)
    faced = face_camera(turned)
    assert np.allclose(faced[:3], turned[:3], atol=1e-6) and np.allclose(np.linalg.norm(faced, axis=-1), 1, atol=1e-5)
    assert (np.abs(yaw(faced)) <= LIMIT + 1e-6).all() and yaw(faced)[3] > 0 > yaw(faced)[4]


def front_dance(rate: float, seconds: float = 8.0) -> tuple[np.ndarray, np.ndarray]:
    """A dancer who faces the camera, and a steady rate of turning."""
    front = np.zeros((round(seconds * 30), len(BONES), 3), np.float32)
    front[..., 1] = 1
    front[:, 0], front[:, 1], front[:, 6, 0], front[:, 9, 0] = (-1, 0, 0), (1, 0, 0), -0.2, 0.2
    return front / np.linalg.norm(front, axis=-1, keepdims=True), np.full(len(front), rate)


def test_turns_are_as_wide_as_asked_for() -> None:
    front, rate = front_dance(1.2)  # 9.6 rad in 8 s
    ends = np.array([120, 240])
    still, wide, whole = (face(front.copy(), rate, 30, level, ends) for level in (0.0, 0.5, 1.0))
    assert np.abs(yaw(still)).max() < 0.01
    assert np.radians(20) < np.abs(yaw(wide)).max() <= WIDE + 1e-6
    turned_by = np.unwrap(yaw(whole))
    assert abs(turned_by[-1]) == pytest.approx(4 * np.pi, abs=0.1)  # one whole turn a phrase
    assert np.abs(np.cos(turned_by[[0, 120, 239]]) - 1).max() < 0.01  # and at its end it faces the camera
    head = wide[:, 12]
    assert np.abs(head[:, 2] - front[:, 12, 2]).max() < 0.35  # the head stays with the camera


@pytest.mark.parametrize("height", [1.5, -0.5, -3.0])
def test_a_dance_comes_down_to_the_floor_from_any_height(height: float) -> None:
    standing = np.zeros((30, len(BONES), 3), np.float32)
    standing[..., 1] = 1
    joints = settle(standing, np.full((30, 2), height, np.float32), 30)
    assert np.isfinite(joints).all() and joints[..., 1].max() < 0


def test_a_couple_steps_as_in_a_mirror_with_arms_of_its_own(network: Choreographer) -> None:
    song, grid = song_of(8.0)
    leader, other = (choreograph(song, grid, network, seed=seed, style="salsa") for seed in (1, 2))
    follower = partner(leader, other)
    image = leader.joints[:, list(MIRROR)] * [-1, 1, 1]
    legs, wrists = [8, 9, 10, 11, 12, 13], [4, 7]
    assert np.allclose(follower.joints[:, legs], image[:, legs], atol=1e-4)
    assert np.abs(follower.joints[:, wrists] - image[:, wrists]).mean() > 0.01
    assert np.allclose(bone_directions(follower.joints)[:, 0], bone_directions(image)[:, 0], atol=1e-4)
    assert follower.yaw is not None and leader.yaw is not None and np.allclose(follower.yaw, -leader.yaw)
