"""The choreographer: shapes, determinism, any length, silence, and what its parts promise."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from dancegen.audio.beats import BeatGrid, find_beats
from dancegen.audio.song import Song
from dancegen.body.canonical import BONE_LENGTHS, bone_directions, place_joints
from dancegen.body.joints import BONES, MIRROR, body_height, mid_hip
from dancegen.choreographers.finish.facing import LIMIT, face_camera, yaw
from dancegen.choreographers.finish.ground import settle
from dancegen.choreographers.finish.sizing import ARM_BONES, ARMS, LEG_BONES, LEGS, enlarge, slow_loudness
from dancegen.choreographers.stg_mamba import dance as dances
from dancegen.choreographers.stg_mamba.config import ChoreographerConfig
from dancegen.choreographers.stg_mamba.dance import choreograph, window_starts
from dancegen.choreographers.stg_mamba.model import Choreographer, fade_noise, load_choreographer
from dancegen.choreographers.stg_mamba.phrasebook import BOW_AFTER, BOW_STYLE, end_with_bow
from dancegen.choreographers.stg_mamba.phrases import PHRASE_BEATS, even_beats, phrase_position
from dancegen.choreographers.stg_mamba.stgm import STGMBlock, partitioned_adjacency
from dancegen.dances.metrics import bone_drift
from dancegen.errors import DancegenError
from dancegen.weights.checkpoint import save_checkpoint
from tests.conftest import click_track

TINY = ChoreographerConfig(
    audio_channels=(2, 4, 4, 4, 8), hidden=16, noise=4, style_width=2, node=8, blocks=1, state=4, head_width=4, head=16
)


@pytest.fixture(scope="module")
def network() -> Choreographer:
    torch.manual_seed(0)
    return Choreographer(TINY).eval()


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


def test_codes_are_chosen_by_seed_style_and_tempo(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = Choreographer(replace(TINY, codes=40))
    network.codes.copy_(torch.randn(40, 4, TINY.noise))
    facts = torch.stack([torch.arange(40) % 4 + 1, torch.arange(40) // 4, torch.rand(40), torch.full((40,), 0.5)], 1)
    network.code_facts.copy_(facts)
    save_checkpoint(tmp_path / "n.safetensors", network.state_dict(), network.config)
    loaded = load_choreographer(tmp_path / "n.safetensors")
    song, grid = song_of(30)
    waltz = choreograph(song, grid, loaded, seed=5, style="waltz").joints
    assert np.allclose(waltz, choreograph(song, grid, network.eval(), seed=5, style="waltz").joints, atol=1e-7)
    assert not np.allclose(waltz, choreograph(song, grid, loaded, seed=5, style="rumba").joints)


def test_codes_of_curtsies_end_a_dance_and_are_drawn_nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Choreographer(replace(TINY, codes=6)).eval()
    network.code_facts[:, 0], network.code_facts[:, 3] = 1, 0.5
    network.code_facts[5, 0], network.codes[5] = BOW_STYLE, 3
    noise = torch.zeros(20, TINY.noise)
    bowed = end_with_bow(network, noise, 18, 0.5, seed=0)
    assert (bowed[15:19] == 3).all() and not bowed[:15].any() and not bowed[19:].any() and not noise.any()
    assert torch.equal(end_with_bow(network, noise, 2, 0.5, seed=0), noise)  # no room
    heard: list[torch.Tensor] = []
    monkeypatch.setattr(dances, "fade_noise", lambda given: heard.append(given[0]) or fade_noise(given))
    for seconds in (BOW_AFTER + 3, BOW_AFTER - 3):
        choreograph(*song_of(seconds), network, seed=1, style="waltz")
    long, short = heard
    assert (long[-10:] == 3).all() and not long[:-50].any() and not short.any()
    network.code_facts[5, 0], network.codes[5] = 1, 0
    assert torch.equal(end_with_bow(network, noise, 18, 0.5, seed=0), noise)  # no such codes


def test_the_phrase_clock_follows_the_beats() -> None:
    grid = BeatGrid(np.arange(1.0, 30, 0.5), 120, 1)
    assert np.allclose(phrase_position(grid, np.array([1.0, 5.0, 0.0])), [0, 1, -0.25])
    beats = even_beats(grid, 40.0)
    assert beats[0] <= 0 and beats[-1] > 40 and np.allclose(np.diff(beats), 0.5, atol=0.02)
    assert np.allclose(np.floor(phrase_position(grid, beats[::PHRASE_BEATS] + 0.02)), np.arange(len(beats[::8])) - 1)


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


def test_noise_fades_between_phrases_and_stays_within() -> None:
    noise = torch.cat([torch.zeros(1, 20, 3), torch.ones(1, 20, 3)], dim=1)
    faded = fade_noise(noise)
    assert torch.equal(faded[:, :19], noise[:, :19]) and torch.equal(faded[:, 21:], noise[:, 21:])
    assert (faded.diff(dim=1) >= 0).all() and faded.diff(dim=1).max() < 0.5


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


def test_loud_music_gets_bigger_movement() -> None:
    time = np.arange(600) / 30
    directions = np.zeros((600, len(BONES), 3), np.float32)
    directions[..., 0], directions[..., 1] = 0.3 * np.sin(2 * np.pi * time)[:, None], 1
    directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
    root = np.stack([0.1 * np.sin(time), np.full(600, -0.5)], axis=1).astype(np.float32)
    inputs = np.zeros((200, len(dances.BEAT_FEATURES)), np.float32)
    inputs[100:, dances.BEAT_FEATURES.index("loudness")] = 1
    sized, placed = enlarge(directions, root, slow_loudness(inputs, 3))
    assert np.allclose(np.linalg.norm(sized, axis=-1), 1, atol=1e-5) and np.array_equal(placed[:, 1], root[:, 1])
    quiet, loud = sized[:240, ..., 0].std(axis=0), sized[360:, ..., 0].std(axis=0)
    assert (loud > 1.3 * quiet).all()
    assert quiet[LEG_BONES[0]] == pytest.approx(LEGS / ARMS * quiet[ARM_BONES[0]], rel=0.05)


@pytest.mark.parametrize("height", [1.5, -0.5, -3.0])
def test_a_dance_comes_down_to_the_floor_from_any_height(height: float) -> None:
    standing = np.zeros((30, len(BONES), 3), np.float32)
    standing[..., 1] = 1
    joints = settle(standing, np.full((30, 2), height, np.float32), 30)
    assert np.isfinite(joints).all() and joints[..., 1].max() < 0
