"""Training of G_r on a toy set that the test draws: equations, overfitting, exact resumption."""

from __future__ import annotations

import io
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from dancegen.body.capsules import limb_distances
from dancegen.body.limb_maps import limb_maps, limb_order
from dancegen.body.limbs import LIMB_NAMES
from dancegen.errors import DancegenError
from dancegen.images.filters import separate
from dancegen.lab.train.renderer import loop
from dancegen.lab.train.renderer.animate import animate
from dancegen.lab.train.renderer.data import (
    Batch,
    add_detector_errors,
    collate,
    detector_mask,
    find_scenes,
    make_batch,
    mirror_scene,
)
from dancegen.lab.train.renderer.loop import train, train_step
from dancegen.lab.train.renderer.losses import difference, supervised_terms, total
from dancegen.lab.train.renderer.plan import TrainingPlan
from dancegen.lab.train.renderer.puppet import cut, move
from dancegen.lab.train.renderer.puppet_task import generator_terms, neighbour_loss, show_cases
from dancegen.lab.train.renderer.state import TrainingState
from dancegen.renderers.puppet.bends import limb_bends
from dancegen.renderers.puppet.cut import cut_layers
from dancegen.renderers.puppet.puppet import lay
from dancegen.renderers.retouch.generator import Generator, RendererConfig
from dancegen.weights.checkpoint import load_checkpoint
from tests.test_puppet import drawn, standing
from tests.test_rendering import TINY, stirred

SIDE = 64


def _jpeg(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four toy scenes in the stored format: a drawn figure with waving arms."""
    folder = tmp_path_factory.mktemp("frames")
    rng = np.random.default_rng(0)
    for index in range(4):
        pictures, labels, alphas, poses = [], [], [], []
        for _ in range(8):
            joints = standing(SIDE, SIDE, 50) + rng.normal(0, 2, (1, 2)).astype(np.float32)
            joints[[3, 4, 6, 7]] += rng.normal(0, 4, (4, 2)).astype(np.float32)
            distances = limb_distances(joints[None], SIDE, SIDE)[0].numpy()
            alpha = np.clip((1 - distances.min(0)) * 2, 0, 1)
            limb = distances.argmin(0)
            colours = np.random.default_rng(index).uniform(0, 1, (15, 3))
            picture = alpha[..., None] * colours[limb] + (1 - alpha[..., None]) * [0.3, 0.5, 0.7]
            pictures.append(_jpeg((picture * 255).astype(np.uint8)))
            labels.append(np.where(alpha > 0.5, limb + 1, 0).astype(np.uint8))
            alphas.append((alpha * 255).astype(np.uint8))
            poses.append(np.pad(joints, ((0, 0), (0, 1))))
        empty = _jpeg(np.full((SIDE, SIDE, 3), [77, 128, 179], np.uint8))
        path = folder / "train" / f"{index:06d}.npz"
        path.parent.mkdir(exist_ok=True)
        np.savez_compressed(
            path,
            frame_bytes=np.frombuffer(b"".join(pictures), np.uint8),
            frame_ends=np.cumsum([len(picture) for picture in pictures]),
            labels=np.stack(labels),
            alpha=np.stack(alphas),
            background=np.frombuffer(empty, np.uint8),
            joints=np.stack(poses).astype(np.float32),
            meta=json.dumps({}),
        )
    return folder


def _plan(**changes: object) -> TrainingPlan:
    return TrainingPlan(**{"steps": 4, "batch": 2, "bf16": False, **changes})  # type: ignore[arg-type]


def _batch(frames: Path, seed: int = 0) -> Batch:
    return make_batch(find_scenes(frames, "train"), 2, SIDE, True, np.random.default_rng(seed))


def test_step_zero_is_the_puppet(frames: Path) -> None:
    batch = _batch(frames)
    cutout = cut(batch.picture, batch.matte, batch.joints)
    network = TrainingState.begin(TINY, 0, "cpu").network
    made = animate(network, cutout, batch.targets[:, 0], batch.plate, bf16=False)
    puppet = move(cutout, batch.targets[:, 0], SIDE)
    plain = puppet[:, :3] + (1 - puppet[:, 3:]) * batch.plate
    assert torch.allclose(made.frame, plain, atol=1e-4)
    assert torch.allclose(made.alpha, puppet[:, 3:], atol=1e-4)


def test_training_draws_the_products_puppet() -> None:
    subject = drawn(96, 96, 80)
    picture = torch.from_numpy(subject.image.pixels).permute(2, 0, 1)[None].float() / 255
    matte = torch.from_numpy(subject.mask)[None, None]
    target = np.pad(subject.joints, ((0, 0), (0, 1)))
    target[[3, 4], 1] -= 15
    other = target + np.float32(3)
    pair = cut(picture.repeat(2, 1, 1, 1), matte.repeat(2, 1, 1, 1), np.stack([subject.joints] * 2))
    batched = move(pair, np.stack([target, other]), 96)
    colours, edge = separate(picture, matte, band=1.0)
    layers = cut_layers(colours[0], edge[0, 0], subject.joints, 1.0, (0.0, 0.0))
    frame = torch.zeros(4, 96, 96)
    bends = limb_bends(subject.joints, target)
    assert abs(bends.turn).max() > 0.2
    lay(layers, limb_maps(subject.joints, target), bends, limb_order(target), frame)
    assert float((frame - batched[0]).abs().max()) < 1e-5
    assert float((frame - batched[1]).abs().mean()) > 0.01
    half = move(pair, np.stack([target, other]), 48)[0]  # on a coarser grid
    assert float((F.avg_pool2d(frame[None], 2)[0] - half).abs().mean()) < 0.02


def test_fsr_and_bsr_are_equations_3_to_6(frames: Path) -> None:
    batch, network, plan = _batch(frames), stirred(TINY), _plan()
    made, _ = generator_terms(network, batch, plan, False, np.random.default_rng(0))
    first = cut(batch.picture, batch.matte, batch.joints)
    for i, neighbour in ((1, 0), (2, 1), (0, 1), (1, 2)):
        beside = animate(network, first, batch.targets[:, neighbour], batch.plate, False)  # I_(i-1) or I_(i+1)
        condition = cut(beside.frame, beside.alpha, batch.targets[:, neighbour])
        again = animate(network, condition, batch.targets[:, i], batch.plate, False)
        baseline = animate(network, first, batch.targets[:, i], batch.plate, False)
        by_hand = np.abs(baseline.frame.numpy() - again.frame.numpy()).mean()
        assert float(neighbour_loss(network, batch, made, i, neighbour, False)) == pytest.approx(by_hand, rel=1e-4)
        assert by_hand > 0
    assert float(difference(torch.zeros(2, 3), torch.full((2, 3), -2.0))) == 2.0


def test_the_regularisation_reaches_the_network_through_the_condition_image(frames: Path) -> None:
    batch, network = _batch(frames), stirred(TINY).requires_grad_(True)
    made, _ = generator_terms(network, batch, _plan(), False, np.random.default_rng(0))
    made[0].frame.retain_grad()
    neighbour_loss(network, batch, made, 1, 0, False).backward()
    assert float(made[0].frame.grad.abs().sum()) > 0  # type: ignore[union-attr]


def test_variants_switch_their_terms(frames: Path) -> None:
    batch, network = _batch(frames), stirred(TINY)
    for fsr, bsr in ((False, False), (True, False), (False, True), (True, True)):
        _, terms = generator_terms(network, batch, _plan(fsr=fsr, bsr=bsr), True, np.random.default_rng(0))
        assert ("fsr" in terms, "bsr" in terms) == (fsr, bsr)
        assert torch.isfinite(total(terms))


def test_one_batch_is_overfitted(frames: Path) -> None:
    state, batch = TrainingState.begin(TINY, 0, "cpu"), _batch(frames)
    plan = _plan(steps=200, gan=False, rate=2e-2)
    losses = []
    for _ in range(80):
        losses.append(train_step(state, plan, batch, False, np.random.default_rng(0)))
        state.step += 1
    assert losses[-1]["parts"] < 0.9 * losses[0]["parts"]
    assert losses[-1]["loss"] < 0.9 * losses[0]["loss"]


class _Stop:
    """A reporter that interrupts the training after some steps."""

    def __init__(self, after: int) -> None:
        self.left = after

    def stage(self, name: str, total: int | None = None, unit: str = "") -> None:
        """Nothing."""

    def advance(self, steps: int = 1) -> None:
        """Count down."""
        self.left -= steps
        if self.left < 0:
            raise KeyboardInterrupt

    def note(self, text: str) -> None:
        """Nothing."""


def test_a_resumed_run_equals_an_uninterrupted_one(
    frames: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "SMALL", 32)
    monkeypatch.setattr(loop, "LARGE", 64)
    monkeypatch.setattr(loop, "SAVE_EVERY", 2)
    monkeypatch.setattr(loop, "LOG_EVERY", 1)
    config = RendererConfig(grid=32, widths=(4, 8, 8, 8), part_widths=(4, 8, 8, 8))
    plan = _plan(large_from=0.75, regularise_from=0.25, adversarial_from=0.5)
    whole = train(frames, tmp_path / "whole", plan, config)
    with pytest.raises(KeyboardInterrupt):
        train(frames, tmp_path / "parts", plan, config, reporter=_Stop(2))
    parts = train(frames, tmp_path / "parts", plan, config)
    # Not the bytes: safetensors writes its notes in any order.
    (_, tensors), (_, again) = (load_checkpoint(path, RendererConfig) for path in (whole, parts))
    assert tensors.keys() == again.keys()
    assert all(torch.equal(value, again[name]) for name, value in tensors.items())
    steps = [line.split(",")[0] for line in (tmp_path / "parts" / "log.csv").read_text().split()]
    assert steps == ["step", "1", "2", "3", "4"]
    assert (tmp_path / "parts" / "cases_000004.png").exists()
    with pytest.raises(DancegenError, match="trained with"):
        train(frames, tmp_path / "parts", plan, TINY)
    with pytest.raises(DancegenError, match="other options"):
        train(frames, tmp_path / "parts", replace(plan, seed=plan.seed + 1), config)


def test_a_mirrored_scene_keeps_its_labels_on_its_joints(frames: Path) -> None:
    from dancegen.lab.synthetic.store import read_scene

    scene = read_scene(find_scenes(frames, "train")[0], (0, 1))
    turned = mirror_scene(scene)
    for one in (scene, turned):
        for joint, limb in ((4, "right"), (7, "left"), (9, "right"), (12, "left")):
            x, y = one.joints[0, joint, :2].astype(int)
            assert LIMB_NAMES[one.labels[0, y, x] - 1].startswith(limb)
    twice = mirror_scene(turned)
    assert np.array_equal(twice.labels, scene.labels)
    assert np.allclose(twice.joints, scene.joints)


def test_detector_masks_err_as_they_say() -> None:
    alpha = np.zeros((512, 512), np.float32)
    alpha[130:400, 150:280] = 1
    rng = np.random.default_rng(0)
    area = {kind: float(detector_mask(alpha, kind, rng).sum()) for kind in ("true", "eroded", "grown", "ragged")}
    assert area["eroded"] < area["true"] < area["grown"]


def test_detected_joints_err_alike_in_every_frame_of_a_scene() -> None:
    joints = np.pad(standing(200, 200, 180), ((0, 0), (0, 1)), constant_values=5.0)
    found = add_detector_errors(np.tile(joints, (40, 3, 1, 1)), np.random.default_rng(0))
    error = (found - joints)[..., :2] / 180
    assert 0.005 < error.std() < 0.02
    assert np.abs(error - error.mean(1, keepdims=True)).mean() < 0.5 * np.abs(error).mean()
    flat = (found[..., 2] == 0).all((1, 2))
    assert 0 < flat.sum() < 40


def test_wrong_colours_are_repaired_and_good_ones_kept(frames: Path) -> None:
    batch = _batch(frames)
    network = TrainingState.begin(TINY, 0, "cpu").network
    made = animate(network, cut(batch.picture, batch.matte, batch.joints), batch.targets[:, 0], batch.plate, False)
    truth = torch.ones_like(made.frame)
    for raw, better in ((1.0, True), (-2.0, False)):
        kept = torch.ones_like(made.retouch.kept, requires_grad=True)
        retouch = replace(made.retouch, kept=kept, raw=torch.full_like(made.frame, raw))
        terms = supervised_terms(replace(made, retouch=retouch), truth, torch.ones_like(made.alpha))
        (terms["repaired"] * 10 + terms["dropped"] * 2).backward()
        covered = made.puppet[:, 3:] > 0.9
        assert bool((kept.grad[covered] > 0).float().mean() > 0.5) is better  # type: ignore[index]


def test_collate_scales_joints_to_the_trained_side(frames: Path) -> None:
    from dancegen.lab.synthetic.store import read_scene

    scene = read_scene(find_scenes(frames, "train")[0], (0, 1, 2))
    batch = collate([scene], [scene.alpha[0] / 255.0], 32, None)
    assert batch.frames.shape == (1, 2, 3, 32, 32)
    assert np.allclose(batch.targets, scene.joints[None, 1:] / 2)


def test_cases_of_a_single_scene_are_shown(frames: Path, tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    shutil.copy(find_scenes(frames, "train")[0], tmp_path / "train")
    show_cases(tmp_path / "cases.png", tmp_path, Generator(TINY), SIDE)
    with Image.open(tmp_path / "cases.png") as shown:
        assert shown.size == (8 * SIDE, SIDE) and np.asarray(shown)[:, 4 * SIDE :].max() == 0


def test_no_scenes_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(DancegenError, match="no training scenes"):
        find_scenes(tmp_path, "train")
