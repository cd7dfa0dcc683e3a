"""Training the choreographer: pairs on the beat, one batch overfitted, resumed runs equal, own data converted."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from torch.nn.functional import pad

from dancegen.body.joints import BONES, NOSE, R_ANKLE, R_SHOULDER, mid_hip
from dancegen.body.openpose import frame_json
from dancegen.body.sequence import place_joints
from dancegen.choreographers.stg_mamba.config import STYLES, ChoreographerConfig
from dancegen.choreographers.stg_mamba.model import load_choreographer
from dancegen.choreographers.stg_mamba.prior import PhraseBasis, Prior
from dancegen.dances.metrics import beat_scores, joint_speed
from dancegen.errors import DancegenError
from dancegen.lab.datasets.bank import build_bank
from dancegen.lab.datasets.batches import style_shares
from dancegen.lab.datasets.codes import THIN, Codec, codec_of, fit_codec, phrase_values
from dancegen.lab.datasets.convert import convert_folder, lift
from dancegen.lab.datasets.counts import count_freely
from dancegen.lab.datasets.data import DANCED, Material, find_material, load_material, prepare, save_material
from dancegen.lab.datasets.motion import SPIN, Motion, mirror_motion, read_motion, slow_turn, to_canonical
from dancegen.lab.datasets.placing import Sound, Stage
from dancegen.lab.datasets.warp import ease
from dancegen.lab.train.stg_mamba import flow
from dancegen.lab.train.stg_mamba import train as training
from dancegen.lab.train.stg_mamba.export import assemble, export
from dancegen.lab.train.stg_mamba.flow import begin_as, collect, fit_prior
from dancegen.lab.train.stg_mamba.sizes import measure_sizes
from dancegen.styles.arms import with_arms
from dancegen.styles.codes import mirror_values
from tests.conftest import click_track

TINY = ChoreographerConfig(
    ear=(4, 4, 8),
    hidden=32,
    token=24,
    style_width=2,
    node=16,
    blocks=1,
    state=4,
    head_width=8,
    head=64,
    prior=32,
    prior_blocks=1,
)
OPTIONS = training.TrainOptions(steps=8, batch=2, pieces=20, warmup=2, genre_steps=2, judged_from=2)


def arm_dance(seconds: float, beat: float, style: str = "rumba") -> Motion:
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
    turn = 0.3 * np.sin(time).astype(np.float32)
    return Motion(directions, root, style, "made", 0.0, turn)


def song(tempo: float, seconds: float, name: str = "clicks") -> Sound:
    """A song as a stage knows it: noise that sets in on the beats."""
    rng = np.random.default_rng(0)
    slices = rng.normal(-0.5, 0.05, (round(seconds * 50), 33)).astype(np.float32)
    times = np.arange(0.2, seconds - 0.1, 60 / tempo)
    slices[(times * 50).astype(int)] += 1.5
    return Sound(name, slices.astype(np.float16), times, "")


@pytest.fixture(scope="module")
def material() -> Material:
    motions = [arm_dance(24, 0.6, "cha-cha"), arm_dance(24, 0.45, "rumba"), arm_dance(40, 0.6, "waltz")]
    shares = [np.ones(len(motion), np.float32) for motion in motions]
    banks = {4: build_bank(motions, shares, 4, SPIN), 3: build_bank(motions[2:], shares[2:], 3, SPIN)}
    heard = [song(120, 60), song(95, 60, "slow")]
    stage = Stage(banks, heard, DANCED, ["made"] * 3, fit_codec(banks[4], 24, 0))
    return Material(stage, motions, [])


def turning(seconds: float) -> np.ndarray:
    """A stiff dancer in the data's axes (y up, metres) who turns slowly and walks: (T, V, 3)."""
    still = arm_dance(seconds, 0.5).joints * np.array([1, -1, -1]) * 1.72
    angle = np.arange(len(still)) / 30 * 0.4
    turn = np.exp(1j * angle)[:, None] * (still[..., 0] + 1j * still[..., 2])
    walked = np.stack([turn.real + angle[:, None] * 0.2, still[..., 1] + 0.1, turn.imag], axis=-1)
    return walked.astype(np.float32)


def test_a_canonical_dancer_faces_the_camera_on_the_floor() -> None:
    directions, root, usable = to_canonical(turning(12))
    joints = place_joints(directions, root)[usable]
    assert usable.mean() > 0.9
    assert (joints[:, R_SHOULDER, 0] < mid_hip(joints)[:, 0]).all()  # the right is at the viewer's left
    assert np.abs(mid_hip(joints)[:, 2]).max() < 1e-5
    assert (joints[..., 1].max(axis=1) < 0.01).all() and np.abs(joints[:, R_ANKLE, 1].max() + 0.045) < 0.02
    assert np.abs(joints[..., 0]).max() < 1.0


def test_mirroring_twice_is_nothing_and_once_swaps_sides() -> None:
    motion = arm_dance(3, 0.5)
    once = mirror_motion(motion.directions, motion.root)
    twice = mirror_motion(*once)
    assert np.array_equal(twice[0], motion.directions) and np.array_equal(twice[1], motion.root)
    assert np.allclose(place_joints(*once)[:, NOSE, 0], -motion.joints[:, NOSE, 0], atol=1e-6)


def test_turning_is_kept_beside_the_straightened_dance(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", joints=turning(12), fps=30)
    (motion,) = read_motion(tmp_path / "a.npz", "rumba")
    assert len(motion.turn) == len(motion)
    assert abs(np.diff(motion.turn).mean() * 30) == pytest.approx(0.4, abs=0.02)
    assert np.allclose(slow_turn(turning(12))[0], 0)


def test_windows_are_on_the_beat_whatever_is_heard(material: Material) -> None:
    rng, scores = np.random.default_rng(0), []
    for _ in range(12):
        window = material.stage.draw(80, rng)
        joints = place_joints(window.target[:, :-3].reshape(240, -1, 3), window.target[:, -3:-1])
        assert np.allclose(np.linalg.norm(window.target[:, :3], axis=1), 1, atol=1e-4)
        whole = np.arange(np.ceil(window.position[0]), window.position[-1])
        beats = np.interp(whole, window.position, np.arange(80) / 10)
        scores.append(beat_scores(joints, 30, beats)["hit_rate"])
    assert np.mean(scores) > 80


def test_loud_music_is_danced_larger(material: Material) -> None:
    stage, rng = material.stage, np.random.default_rng(1)
    sizes, asked = [], []
    for _ in range(60):
        window = stage.draw(80, rng)
        if window.style == "rumba":
            sizes.append(window.target[:, :-3].std(axis=0).mean())
            asked.append(window.ranks[:, 0].mean())
    assert np.corrcoef(sizes, asked)[0, 1] > 0.3
    assert stage.banks[4].traits.min() >= 0 and stage.banks[4].traits.max() <= 1


def basis_of(codec: Codec) -> PhraseBasis:
    basis = PhraseBasis(TINY)
    told = {name: torch.from_numpy(getattr(codec, name)) for name in ("rest", "vectors", "spread")}
    basis.load_state_dict(basis.state_dict() | told)
    return basis


def test_a_code_says_its_phrase(material: Material) -> None:
    bank, codec = material.stage.banks[4], material.stage.codec
    values = np.stack([phrase_values(bank, row)[::THIN] for row in range(0, len(bank), 7)])
    codes = codec.encode(values)
    again = codec.decode(codes)
    assert codes.shape == (len(values), 11, 24) and np.abs(again - values)[..., :-1].mean() < 0.05
    basis = basis_of(codec)
    assert np.allclose(basis(torch.from_numpy(codes)).numpy(), again, atol=1e-5)
    assert np.abs(mirror_values(mirror_values(values)) - values).max() < 1e-5
    assert np.allclose(with_arms(values[0], values[0]), values[0], atol=1e-4)


def test_a_larger_codec_keeps_what_an_earlier_one_says_and_says_more(material: Material) -> None:
    bank, earlier = material.stage.banks[4], material.stage.codec
    basis = basis_of(earlier)
    assert np.allclose(codec_of(basis).finders, earlier.finders, rtol=1e-3, atol=1e-4)
    larger = fit_codec(bank, 40, 0, base=codec_of(basis))
    values = np.stack([phrase_values(bank, row)[::THIN] for row in range(0, len(bank), 7)])
    assert np.allclose(larger.encode(values)[..., :24], earlier.encode(values), atol=1e-2)
    gaps = [np.abs(codec.decode(codec.encode(values)) - values).mean() for codec in (earlier, larger)]
    assert gaps[1] < 0.9 * gaps[0]


def test_arms_are_lent_and_styles_change_in_free_windows_alone(material: Material) -> None:
    stage = material.stage
    free = [stage.draw(160, np.random.default_rng(seed), free=True) for seed in range(60)]
    bound = [stage.draw(160, np.random.default_rng(seed)) for seed in range(60)]
    assert all(len(window.styles) == len(window.codes) for window in free)
    assert all(steps == arms for window in bound for steps, arms in window.styles)
    assert all(len(set(window.styles)) == 1 for window in bound)
    lent = np.mean([steps != arms for window in free for steps, arms in window.styles])
    assert 0.15 < lent < 0.6 and any(len({steps for steps, _ in window.styles}) > 1 for window in free)
    shares = style_shares(next(window for window in free if len({steps for steps, _ in window.styles}) > 1))
    assert float(shares.sum()) == pytest.approx(1) and (shares > 0).sum() > 1


def test_free_counts_rise_within_the_danceable(material: Material) -> None:
    for seed in range(20):
        gaps = np.diff(count_freely(60, np.random.default_rng(seed)))
        assert gaps.min() > 0.36 and gaps.max() < 0.83


def test_the_prior_learns_what_phrases_there_are(material: Material) -> None:
    torch.manual_seed(0)
    prior = training.Choreographer(TINY).prior
    phrases = collect(material.stage, 20, 0)
    assert phrases[4].codes.shape[1:] == (11, 24) and phrases[3].codes.shape[1:] == (15, 24)
    assert len(phrases[4]) + len(phrases[3]) >= 20
    losses: list[float] = []
    how = {"steps": 300, "batch": 32, "seed": 0, "rate": 3e-3}
    kept = fit_prior(prior, phrases, **how, tell=lambda _, loss, kept: losses.append(loss))
    assert losses[-1] < 0.8 * losses[0]
    assert set(kept) == set(prior.state_dict())


def test_sizes_are_what_a_prior_draws_too_small(material: Material) -> None:
    prior = Prior(TINY)  # untrained: it leaves its noise as it is, of deviation 1
    phrases = collect(material.stage, 12, 0)
    large = {
        meter: replace(rows, codes=1.2 * rows.codes / rows.codes.std(dim=(0, 1))) for meter, rows in phrases.items()
    }
    sizes = measure_sizes(prior, large, 0)
    known = [STYLES.index(style) for style in material.stage.styles]
    assert sizes.shape == (len(STYLES), TINY.token) and bool((sizes >= 1).all())
    assert sizes[known].mean() == pytest.approx(1.2, abs=0.1)


def test_a_prior_goes_on_exactly_and_begins_as_an_earlier_one(material: Material, tmp_path: Path) -> None:
    phrases = collect(material.stage, 8, 0)
    how = {"batch": 8, "seed": 0, "rate": 3e-3}

    def fresh() -> Prior:
        torch.manual_seed(0)
        return Prior(TINY)

    whole = fit_prior(fresh(), phrases, steps=4, **how)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flow, "SAVED_EVERY", 2)
        with pytest.raises(KeyboardInterrupt):
            fit_prior(fresh(), phrases, steps=4, **how, state=tmp_path / "s", tell=stop_at(3, patch))
        parts = fit_prior(fresh(), phrases, steps=4, **how, state=tmp_path / "s")
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    larger = Prior(replace(TINY, token=TINY.token + 8))
    begin_as(larger, whole)
    earlier = fresh()
    earlier.load_state_dict(whole)
    place, beside, time = torch.randn(2, 11, TINY.token), torch.randn(2, 11, TINY.token + 1), torch.rand(2)
    told = earlier.condition(phrases[4].sound[:2], torch.ones(2), phrases[4].facts[:2], phrases[4].style[:2], 4)
    widened = torch.cat([pad(beside[..., :-1], (0, 8)), beside[..., -1:]], dim=2)
    said = larger(pad(place, (0, 8)), widened, time, told)
    assert torch.allclose(said[..., : TINY.token], earlier(place, beside, time, told), atol=1e-5)
    assert (said[..., TINY.token :] == 0).all()


def stop_at(step: int, patch: pytest.MonkeyPatch) -> Callable[[int, float, dict], None]:
    """Somebody who stops a training at a step, as Ctrl-C does."""
    patch.setattr(flow, "TOLD_EVERY", 1)

    def tell(now: int, _: float, __: dict) -> None:
        if now == step:
            raise KeyboardInterrupt

    return tell


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


@pytest.mark.parametrize(("seed", "share"), [(0, 0.5), (1, 0.2)])  # the first batch's sketch is half right already
def test_one_batch_can_be_overfitted(material: Material, seed: int, share: float) -> None:
    options = replace(OPTIONS, steps=160, learning_rate=3e-3, judged_from=10**6, style_dropout=0.0, seed=seed)
    trainer = training.Trainer(TINY, options, material.stage, material.motions, torch.device("cpu"))
    batch = trainer.draw()
    trainer.draw = lambda: batch  # type: ignore[method-assign]
    first = trainer.advance()["position"]
    for _ in range(159):
        last = trainer.advance()["position"]
    assert last < share * first


def test_a_resumed_run_equals_an_uninterrupted_one(material: Material, tmp_path: Path) -> None:
    whole = training.train(TINY, OPTIONS, material, tmp_path / "whole")
    training.train(TINY, OPTIONS, material, tmp_path / "parts", until=training.Until(5))
    parts = training.train(TINY, OPTIONS, material, tmp_path / "parts")
    assert whole.step == parts.step == 8
    for name, value in whole.network.state_dict().items():
        assert torch.equal(value, parts.network.state_dict()[name]), name
    assert all(torch.equal(whole.average[name], parts.average[name]) for name in whole.average)
    assert whole.advance() == parts.advance()


def test_a_run_with_other_options_is_refused(material: Material, tmp_path: Path) -> None:
    training.train(TINY, OPTIONS, material, tmp_path, until=training.Until(1))
    with pytest.raises(DancegenError, match="other options"):
        training.train(TINY, replace(OPTIONS, seed=9), material, tmp_path)


def test_exported_weights_load_and_hold_no_phrases(material: Material, tmp_path: Path) -> None:
    trainer = training.train(TINY, OPTIONS, material, tmp_path)
    made = export(
        assemble(TINY, trainer.average, trainer.network.prior.state_dict(), material.stage),
        tmp_path / "out.safetensors",
        {},
    )
    loaded = load_choreographer(tmp_path / "out.safetensors")
    assert all(torch.equal(value, made.state_dict()[name]) for name, value in loaded.state_dict().items())
    assert np.allclose(loaded.phrases.rest, material.stage.codec.rest, atol=1e-3)
    assert loaded.ranks[-1, 0] > loaded.ranks[0, 0]
    assert not any("codes" in name for name in loaded.state_dict())


def test_material_survives_the_disk(material: Material, tmp_path: Path) -> None:
    save_material(tmp_path / "m.npz", material)
    again = load_material(tmp_path / "m.npz")
    assert np.array_equal(again.stage.banks[4].directions, material.stage.banks[4].directions)
    assert np.array_equal(again.stage.codec.vectors, material.stage.codec.vectors)
    assert [motion.style for motion in again.motions] == [motion.style for motion in material.motions]
    first, second = (made.stage.draw(40, np.random.default_rng(5)) for made in (material, again))
    assert np.allclose(first.sketch, second.sketch, atol=1e-5)
    (tmp_path / "broken.npz").write_bytes(b"no")
    with pytest.raises(DancegenError):
        load_material(tmp_path / "broken.npz")


def test_a_folder_of_ones_own_is_prepared(tmp_path: Path) -> None:
    samples, _ = click_track(120, 30.0)
    soundfile.write(tmp_path / "mine.wav", samples, 16_000)
    soundfile.write(tmp_path / "other.wav", samples, 16_000)
    dance = arm_dance(30, 0.5)
    np.savez(tmp_path / "mine.npz", joints=dance.joints * np.array([1, -1, -1]) * 1.72, fps=30, genre="rumba")
    made = prepare(tmp_path, token=400, seed=0)  # more numbers than so few phrases have directions
    assert {sound.name: sound.style for sound in made.stage.sounds} == {"mine": "rumba", "other": ""}
    window = made.stage.draw(30, np.random.default_rng(0))
    assert np.isfinite(window.target).all() and np.isfinite(window.sketch).all() and window.codes.shape[2] == 400
    with pytest.raises(DancegenError, match="0 motion files"):
        find_material(tmp_path / "nothing")


def test_openpose_folders_become_motions(tmp_path: Path) -> None:
    pixels = arm_dance(4, 0.5).joints[..., :2] * 300 + np.array([320, 400])
    (tmp_path / "take").mkdir()
    for i, pose in enumerate(pixels):
        text = json.dumps(frame_json(pose, np.ones(18)))
        (tmp_path / "take" / f"take_{i:012d}_keypoints.json").write_text(text)
    assert convert_folder(tmp_path) == 1
    motions = read_motion(tmp_path / "take.npz", "other")
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


def test_a_run_too_short_for_a_log_has_empty_curves(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    assert training.draw_curves(tmp_path).is_file()


def test_curves_without_matplotlib_say_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(DancegenError, match=r"dancegen\[train\]"):
        training.draw_curves(tmp_path)


def test_all_moments_of_a_performance_are_danced_as_often() -> None:
    """A dancer rests before the first step and after the last; what lies in the middle is in many phrases."""
    motion = arm_dance(24, 0.6, "cha-cha")
    at = np.concatenate([np.zeros(45, int), np.arange(len(motion)), np.full(45, len(motion) - 1)])
    rested = replace(motion, directions=motion.directions[at], root=motion.root[at], turn=motion.turn[at])
    bank = build_bank([rested], [np.ones(len(rested), np.float32)], 4, SPIN)
    assert bank.start.min() < 0.3 and (bank.start + 8 * bank.period).max() > len(rested) / 30 - 0.3
    seconds = np.arange(0.25, len(rested) / 30, 0.5)
    held = [(bank.weight * (bank.start < at) * (at < bank.start + 8 * bank.period)).sum() for at in seconds]
    ends = np.r_[held[:3], held[-3:]]
    assert ends.mean() > 0.5 * np.mean(held)
