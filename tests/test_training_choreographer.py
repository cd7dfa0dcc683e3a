"""Training the choreographer: pairs on the beat, one batch overfitted, resumed runs equal, own data converted."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from dancegen.audio.beats import BeatGrid
from dancegen.audio.song import Song
from dancegen.body.canonical import place_joints
from dancegen.body.joints import BONES, NOSE, R_ANKLE, R_SHOULDER, mid_hip
from dancegen.body.openpose import frame_json
from dancegen.choreographers.stg_mamba.config import ChoreographerConfig
from dancegen.choreographers.stg_mamba.model import load_choreographer
from dancegen.choreographers.stg_mamba.phrasebook import BOW_STYLE
from dancegen.choreographers.stg_mamba.phrases import even_beats
from dancegen.dances.metrics import beat_scores, joint_speed
from dancegen.errors import DancegenError
from dancegen.lab.datasets import data
from dancegen.lab.datasets.compose import Repertoire, compose
from dancegen.lab.datasets.convert import convert_folder, lift
from dancegen.lab.datasets.data import Material, build_dances, find_material, make_track, prepare
from dancegen.lab.datasets.material import load_material, save_material
from dancegen.lab.datasets.motion import Motion, canonical, mirrored, read_motion
from dancegen.lab.datasets.warp import ease
from dancegen.lab.train.stg_mamba import bows
from dancegen.lab.train.stg_mamba import train as training
from dancegen.lab.train.stg_mamba.bows import collect_bows
from dancegen.lab.train.stg_mamba.export import export
from dancegen.lab.train.stg_mamba.losses import LossWeights
from tests.conftest import click_track

TINY = ChoreographerConfig(
    audio_channels=(2, 4, 4, 4, 8), hidden=32, noise=6, style_width=2, node=16, blocks=1, state=4, head_width=8, head=64
)
OPTIONS = training.TrainOptions(steps=8, batch=2, pieces=20, warmup=2, genre_steps=2, free=1, judged_from=2)


def arm_dance(seconds: float, beat: float, style: str = "none") -> Motion:
    """A dancer whose arms swing, resting every `beat` seconds, and whose knees bend along."""
    time = np.arange(round(seconds * 30)) / 30
    directions = np.zeros((len(time), len(BONES), 3), np.float32)
    directions[:, :, 1] = 1
    for limb, way in ((0, (-1, 0.1, 0)), (1, (1, 0.1, 0)), (6, (-0.2, 1, 0)), (9, (0.2, 1, 0)), (12, (0, -1, -0.3))):
        directions[:, limb] = way  # shoulders and hips have width, the head is above
    swing = np.cos(np.pi * time / beat)
    for limb, side in ((2, -1), (3, -1), (4, 1), (5, 1)):
        directions[:, limb, 0] = side * (1.2 + 1.1 * swing)
    for limb in (7, 10):
        directions[:, limb, 2] = -0.3 * (1 + swing)
    directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
    root = np.stack([0.05 * swing, np.full_like(time, -0.5)], axis=1).astype(np.float32)
    return Motion(directions, root, style, "made", 0.0)


@pytest.fixture(scope="module")
def material() -> Material:
    samples, times = click_track(120, 14.0)
    track = make_track(Song(Path("clicks.wav"), samples, 0.0), BeatGrid(times, 120, 1.0))
    repertoire = Repertoire([arm_dance(20, 0.6, "cha-cha"), arm_dance(20, 0.45, "rumba")], np.ones(2))
    return Material(build_dances(track, repertoire, 3, np.random.default_rng(0)), [], repertoire.motions)


def turning(seconds: float) -> np.ndarray:
    """A stiff dancer in the data's axes (y up, metres) who turns slowly and walks: (T, V, 3)."""
    still = arm_dance(seconds, 0.5).joints * np.array([1, -1, -1]) * 1.72
    angle = np.arange(len(still)) / 30 * 0.4
    turn = np.exp(1j * angle)[:, None] * (still[..., 0] + 1j * still[..., 2])
    walked = np.stack([turn.real + angle[:, None] * 0.2, still[..., 1] + 0.1, turn.imag], axis=-1)
    return walked.astype(np.float32)


def test_a_canonical_dancer_faces_the_camera_on_the_floor() -> None:
    directions, root, usable = canonical(turning(12))
    joints = place_joints(directions, root)[usable]
    assert usable.mean() > 0.9
    assert (joints[:, R_SHOULDER, 0] < mid_hip(joints)[:, 0]).all()  # the right is at the viewer's left
    assert np.abs(mid_hip(joints)[:, 2]).max() < 1e-5
    assert (joints[..., 1].max(axis=1) < 0.01).all() and np.abs(joints[:, R_ANKLE, 1].max() + 0.045) < 0.02
    assert np.abs(joints[..., 0]).max() < 1.0


def test_mirroring_twice_is_nothing_and_once_swaps_sides() -> None:
    motion = arm_dance(3, 0.5)
    once = mirrored(motion.directions, motion.root)
    twice = mirrored(*once)
    assert np.array_equal(twice[0], motion.directions) and np.array_equal(twice[1], motion.root)
    assert np.allclose(place_joints(*once)[:, NOSE, 0], -motion.joints[:, NOSE, 0], atol=1e-6)


@pytest.mark.parametrize("tempo", [100, 128, 165])
def test_built_dances_meet_the_beats_of_any_tempo(tempo: float) -> None:
    grid = BeatGrid(np.arange(0.37, 40, 60 / tempo), tempo, 1.0)
    repertoire = Repertoire([arm_dance(30, 0.57), arm_dance(30, 0.43)], np.ones(2))
    made = compose(repertoire, even_beats(grid, 40), np.ones(1200), {"none"}, np.random.default_rng(0))
    scores = beat_scores(place_joints(*made), 30, grid.times)
    assert scores["hit_rate"] > 85 and 55 < scores["coverage"] < 130


def test_easing_keeps_the_path_and_slows_the_beats() -> None:
    motion = arm_dance(12, 0.83)
    beats = np.arange(0, 370, 15.0)
    eased = place_joints(*ease(motion.directions, motion.root, beats))
    speed = joint_speed(eased, 30)
    on = speed[beats[2:-3].astype(int)].mean()
    off = speed[(beats[2:-3] + 7).astype(int)].mean()
    assert on < 0.8 * off
    gaps = np.linalg.norm(eased[::10, None] - motion.joints[None], axis=-1).mean(-1).min(axis=1)
    assert gaps.max() < 0.02


def test_one_batch_can_be_overfitted(material: Material) -> None:
    weights = LossWeights(divergence=0.0)
    options = replace(OPTIONS, steps=70, learning_rate=3e-3, judged_from=10**6, style_dropout=0.0, weights=weights)
    trainer = training.Trainer(TINY, options, material, torch.device("cpu"))
    batch = trainer.draw()
    trainer.draw = lambda: batch  # type: ignore[method-assign]
    first = trainer.advance()["position"]
    for _ in range(69):
        last = trainer.advance()["position"]
    assert last < 0.3 * first


def test_a_resumed_run_equals_an_uninterrupted_one(material: Material, tmp_path: Path) -> None:
    whole = training.train(TINY, OPTIONS, material, tmp_path / "whole")
    training.train(TINY, OPTIONS, material, tmp_path / "parts", stop_after=5)
    parts = training.train(TINY, OPTIONS, material, tmp_path / "parts")
    assert whole.step == parts.step == 8
    for name, value in whole.network.state_dict().items():
        assert torch.equal(value, parts.network.state_dict()[name]), name
    assert all(torch.equal(whole.average[name], parts.average[name]) for name in whole.average)
    assert whole.advance() == parts.advance()


def test_a_run_with_other_options_is_refused(material: Material, tmp_path: Path) -> None:
    training.train(TINY, OPTIONS, material, tmp_path, stop_after=1)
    with pytest.raises(DancegenError, match="other options"):
        training.train(TINY, replace(OPTIONS, seed=9), material, tmp_path)


def test_exported_weights_load_and_carry_codes(material: Material, tmp_path: Path) -> None:
    trainer = training.train(TINY, OPTIONS, material, tmp_path)
    made = export(trainer, material.train, tmp_path / "out.safetensors", {}, codes=16)
    loaded = load_choreographer(tmp_path / "out.safetensors")
    assert 8 <= loaded.config.codes <= 20 and torch.equal(loaded.codes, made.codes)
    assert all(torch.equal(value, made.state_dict()[name]) for name, value in loaded.state_dict().items())


def test_curtsies_of_the_training_dances_are_found(material: Material, monkeypatch: pytest.MonkeyPatch) -> None:
    dance = material.train[0]
    directions, root = dance.directions.copy(), dance.root.copy()
    down = np.sin(np.pi * np.clip((np.arange(len(root)) / 30 - 5) / 3, 0, 1)) ** 2  # lowest at 6.5 s
    for limb in (6, 9):  # neck to hips: the trunk tips toward the camera
        directions[:, limb, 1] *= 1 - down
        directions[:, limb, 2] += down
    directions = (directions / np.linalg.norm(directions, axis=-1, keepdims=True)).astype(np.float16)
    bowing = replace(dance, directions=directions, root=root)
    trainer = training.Trainer(TINY, OPTIONS, material, torch.device("cpu"))
    assert not collect_bows(trainer.network, trainer.posterior, [bowing])  # an untrained network cannot curtsy
    monkeypatch.setattr(bows, "_danced", lambda *_: True)
    found = collect_bows(trainer.network, trainer.posterior, [dance, bowing])
    assert len(found) == 1 and found[0][0].shape == (5, TINY.noise)
    assert found[0][1][0] == BOW_STYLE and found[0][1][3] == pytest.approx(0.5, abs=0.02)


def test_material_survives_the_disk(material: Material, tmp_path: Path) -> None:
    save_material(tmp_path / "m.npz", material)
    again = load_material(tmp_path / "m.npz")
    assert len(again.train) == len(material.train)
    for a, b in zip(again.train, material.train, strict=True):
        assert np.array_equal(a.directions, b.directions) and np.array_equal(a.track.samples, b.track.samples)
    (tmp_path / "broken.npz").write_bytes(b"no")
    with pytest.raises(DancegenError):
        load_material(tmp_path / "broken.npz")


def test_a_folder_of_ones_own_is_prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "SILENCE_SECONDS", 4.0)
    samples, _ = click_track(120, 14.0)
    soundfile.write(tmp_path / "mine.wav", samples, 16_000)
    soundfile.write(tmp_path / "other.wav", samples[: 16_000 * 8], 16_000)
    np.savez(tmp_path / "mine.npz", joints=turning(14), fps=30, genre="rumba")
    made = prepare(tmp_path, dances=1, seed=0)
    assert {dance.track.name for dance in made.train} >= {"mine", "other"}
    assert all(np.isfinite(dance.directions).all() for dance in made.train)
    with pytest.raises(DancegenError, match="0 motion files"):
        find_material(tmp_path / "nothing")


def test_openpose_folders_become_motions(tmp_path: Path) -> None:
    pixels = arm_dance(4, 0.5).joints[..., :2] * 300 + np.array([320, 400])
    (tmp_path / "take").mkdir()
    for i, pose in enumerate(pixels):
        text = json.dumps(frame_json(pose, np.ones(18)))
        (tmp_path / "take" / f"take_{i:012d}_keypoints.json").write_text(text)
    assert convert_folder(tmp_path) == 1
    motions = read_motion(tmp_path / "take.npz", "none")
    assert len(motions) == 1
    drawn, true = motions[0].joints[10:-10, :, :2], arm_dance(4, 0.5).joints[10:-10, :, :2]
    gap = (drawn - mid_hip(drawn)[:, None]) - (true - mid_hip(true)[:, None])
    assert np.abs(gap).mean() < 0.04


def test_lifting_keeps_foreshortening() -> None:
    true = arm_dance(3, 0.5).joints
    lifted = lift(true[..., :2] * 200 + 300) / 1.72
    assert np.abs(np.abs(lifted[..., 2]).max() - np.abs(true[..., 2]).max()) < 0.1


def test_a_folder_of_frames_itself_is_one_motion(tmp_path: Path) -> None:
    folder = tmp_path / "take"
    folder.mkdir()
    for i, pose in enumerate(arm_dance(1, 0.5).joints[..., :2] * 300 + 320):
        (folder / f"{i:03d}_keypoints.json").write_text(json.dumps(frame_json(pose, np.ones(18))))
    assert convert_folder(folder) == 1
    assert [path.name for path in tmp_path.rglob("*.npz")] == ["take.npz"]


def test_a_resumed_log_has_no_step_twice(tmp_path: Path) -> None:
    log = tmp_path / training.LOG
    for step in (50, 100, 150):
        training.append_log(log, step, {"position": 0.5, "seconds": 1.0})
    training.cut_log(log, 100)
    training.append_log(log, 150, {"position": 0.4, "seconds": 1.0})
    assert [line.split(",")[0] for line in log.read_text().splitlines()] == ["step", "50", "100", "150"]
    training.cut_log(tmp_path / "none.csv", 100)


def test_a_run_too_short_for_a_log_has_empty_curves(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    assert training.draw_curves(tmp_path).is_file()


def test_curves_without_matplotlib_say_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(DancegenError, match=r"dancegen\[train\]"):
        training.draw_curves(tmp_path)
