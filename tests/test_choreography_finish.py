"""What finishes a dance and what it is made of: beginnings, ends, turns, the floor, couples, the body, the blocks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from dancegen.audio.beats import BeatGrid
from dancegen.audio.song import Song
from dancegen.body.joints import BONES, MIRROR, body_height, mid_hip
from dancegen.body.sequence import BONE_LENGTHS, bone_directions, place_joints
from dancegen.choreographers.finish.couple import partner
from dancegen.choreographers.finish.facing import LIMIT, WIDE, face, face_camera, yaw
from dancegen.choreographers.finish.frame import STANDING, Frame, frame_dance, hold_seconds, last_pose
from dancegen.choreographers.finish.ground import settle
from dancegen.choreographers.stg_mamba.config import STYLES
from dancegen.choreographers.stg_mamba.counting import frame_of
from dancegen.choreographers.stg_mamba.dance import choreograph, listen
from dancegen.choreographers.stg_mamba.model import Choreographer
from dancegen.choreographers.stg_mamba.stgm import STGMBlock, partitioned_adjacency
from dancegen.dances.metrics import frozen_share
from tests.conftest import click_track
from tests.tiny import TINY
from tests.tiny_choreographer import song_of, tiny_choreographer

UPRIGHT = np.asarray(STANDING) / np.linalg.norm(STANDING, axis=-1, keepdims=True)


@pytest.fixture(scope="module")
def network() -> Choreographer:
    return tiny_choreographer()


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
