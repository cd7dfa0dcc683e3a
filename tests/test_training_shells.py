"""Training of the avatar's G_r on a toy set that the test draws, and what its answer does to a shell."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from dancegen.lab.train.renderer import loop
from dancegen.lab.train.renderer.data import find_scenes
from dancegen.lab.train.renderer.loop import train
from dancegen.lab.train.renderer.plan import TrainingPlan
from dancegen.lab.train.renderer.shell_task import ShellTask, neighbour_losses, retouch_frames, shell_terms
from dancegen.lab.train.renderer.shells import (
    TARGETS,
    ShellScene,
    mirror_shell_scene,
    pack_layer,
    read_shell_scene,
    write_shell_scene,
)
from dancegen.renderers.retouch.shells import ShellConfig, ShellGenerator, load_shell_generator, merge_shell
from tests.test_puppet import standing

SIDE = 64
TINY = ShellConfig(grid=32, widths=(4, 8, 8))


def toy_scene(seed: int) -> ShellScene:
    """A person of one colour, whose shell is of another and stands a pixel aside."""
    rng = np.random.default_rng(seed)
    joints = np.stack([np.pad(standing(SIDE, SIDE, 50), ((0, 0), (0, 1))) for _ in range(TARGETS)])
    alpha = np.zeros((TARGETS, SIDE, SIDE), np.uint8)
    alpha[:, 8:58, 24:40] = 255
    plate = np.full((SIDE, SIDE, 3), 90, np.uint8)
    frames = np.where(alpha[..., None] > 0, rng.integers(0, 255, 3), plate).astype(np.uint8)
    shells = np.zeros((TARGETS, SIDE, SIDE, 5), np.uint8)
    shells[:, 8:58, 25:41] = [*rng.integers(0, 255, 3), 255, 128]
    return ShellScene(plate, plate, frames, alpha, shells, joints.astype(np.float32), shells[:2], {"index": seed})


@pytest.fixture(scope="module")
def shells(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shells")
    for index in range(3):
        write_shell_scene(folder / "train" / f"{index:06d}.npz", toy_scene(index))
    return folder


def test_a_scene_is_read_as_it_was_written(shells: Path) -> None:
    scene, read = toy_scene(1), read_shell_scene(find_scenes(shells, "train")[1], (0, 3), again=True)
    np.testing.assert_array_equal(read.shells, scene.shells[[0, 3]])
    np.testing.assert_array_equal(read.again, scene.again)
    assert np.abs(read.frames.astype(int) - scene.frames[[0, 3]]).mean() < 6  # JPEG
    assert read.meta == {"index": 1}
    twice = mirror_shell_scene(mirror_shell_scene(read))
    np.testing.assert_array_equal(twice.shells, read.shells)
    np.testing.assert_allclose(twice.joints, read.joints)


def test_a_layer_is_packed_where_it_lies() -> None:
    colours, depth = torch.full((4, 5, 6), 0.5), torch.full((5, 6), 10.0)
    packed = pack_layer(colours, depth, (3, 2), 16, height=40.0)
    assert (packed[2:7, 3:9, :4] == 128).all() and packed[..., 3].sum() == 128 * 30
    assert packed[3, 4, 4] == int(10 / 20 * 127 + 128)
    assert packed[0, 0, 4] == 0


def test_at_the_start_the_frame_is_the_shell(shells: Path) -> None:
    batch = ShellTask().make_batch(find_scenes(shells, "train"), 2, SIDE, True, np.random.default_rng(0), "cpu")
    made = retouch_frames(ShellGenerator(TINY), batch.shells, batch.targets, batch.plates, False)
    plain = batch.shells[:, :3] + (1 - batch.shells[:, 3:4]) * batch.plates
    assert torch.allclose(made.frame, plain, atol=1e-5)
    assert torch.allclose(made.alpha, batch.shells[:, 3:4], atol=1e-6)
    kept = replace(made.retouch, kept=torch.zeros_like(made.retouch.kept))
    assert float(merge_shell(batch.shells, kept).abs().max().detach()) == 0  # nothing kept, nothing painted


def test_a_window_of_any_shape_is_answered() -> None:
    targets = np.pad(standing(24, 40, 20), ((0, 0), (0, 1)))[None]
    answer = ShellGenerator(ShellConfig(widths=(4, 8, 8, 8)))(torch.rand(1, 5, 40, 24), targets)
    assert answer.raw.shape == (1, 3, 40, 24) and answer.kept.shape == (1, 1, 40, 24)


def test_neighbours_are_the_runs_ends(shells: Path) -> None:
    task, plan = ShellTask(), TrainingPlan(bf16=False)
    batch = task.make_batch(find_scenes(shells, "train"), 2, SIDE, True, np.random.default_rng(0), "cpu")
    network = ShellGenerator(TINY)
    made = retouch_frames(network, batch.shells, batch.targets, batch.plates, False)
    other = replace(batch, again=batch.again.clone())
    other.again[:, 1, :3] = 0  # target 2, seen from the middle: the forward loss alone
    before, after = (neighbour_losses(network, one, made.frame, plan) for one in (batch, other))
    assert float(before[1]) == float(after[1])
    assert float(before[0]) < float(after[0])
    for fsr, bsr in ((False, True), (True, False)):
        _, terms = task.terms(network, batch, replace(plan, fsr=fsr, bsr=bsr), True, np.random.default_rng(0))
        assert ("fsr" in terms, "bsr" in terms) == (fsr, bsr)


def test_colours_do_not_decide_coverage(shells: Path) -> None:
    batch = ShellTask().make_batch(find_scenes(shells, "train"), 2, SIDE, False, np.random.default_rng(0), "cpu")
    network = ShellGenerator(TINY)
    made = retouch_frames(network, batch.shells, batch.targets, batch.plates, False)
    terms = shell_terms(made, batch.frames, batch.alpha)
    leave = network.frame.leave.weight
    (colour,) = torch.autograd.grad(terms["l1"] + terms["gradient"], leave, retain_graph=True)
    (outline,) = torch.autograd.grad(terms["mask"], leave)
    assert float(colour[:8].abs().max()) == 0 and float(colour[12:].abs().max()) > 0  # 2 answers of 2 x 2 cells
    assert float(outline[:8].abs().max()) > 0


def test_a_run_resumes_and_its_weights_render(shells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "SMALL", 32)
    monkeypatch.setattr(loop, "LARGE", SIDE)
    monkeypatch.setattr(loop, "SAVE_EVERY", 2)
    plan = TrainingPlan(steps=4, batch=2, bf16=False, large_from=0.75, regularise_from=0.25, adversarial_from=0.5)
    whole = load_shell_generator(train(shells, tmp_path / "whole", plan, TINY)).state_dict()

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(ShellTask, "show_cases", stop)  # after the first saving
        with pytest.raises(KeyboardInterrupt):
            train(shells, tmp_path / "parts", plan, TINY)
    parts = load_shell_generator(train(shells, tmp_path / "parts", plan, TINY)).state_dict()
    assert all(torch.equal(value, parts[name]) for name, value in whole.items())
    assert (tmp_path / "parts" / "cases_000004.png").exists()
