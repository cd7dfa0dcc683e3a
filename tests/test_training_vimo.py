"""The motion network and its training: what goes in and out, exact resumption, the synthetic cameras."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from dancegen.body.joints import BONES
from dancegen.body.sequence import BONE_LENGTHS
from dancegen.capture.diffusion import Given, Sampling, sample
from dancegen.capture.movement import (
    CHANNELS,
    HEADING,
    RATE,
    heading_of,
    heading_turn,
    paths,
    place,
    rotate_vectors,
    to_channels,
)
from dancegen.capture.network import Vimo, VimoConfig
from dancegen.capture.sight import FEATURES, features
from dancegen.errors import DancegenError
from dancegen.lab.datasets.performances import draw_windows, load_performances, read_performances, save_performances
from dancegen.lab.synthetic.cameras import LEVELS
from dancegen.lab.synthetic.legs import squat_and_kick
from dancegen.lab.train.vimo import samples
from dancegen.lab.train.vimo.losses import local_steps, losses, pace_loss
from dancegen.lab.train.vimo.samples import draw, generator_of
from dancegen.lab.train.vimo.train import TrainVimoConfig, mean_of, train_vimo
from dancegen.lab.train.vimo.units import revive_units, watch_units
from dancegen.progress import SilentReporter

TINY = VimoConfig(frames=20, token=2, width=16, heads=2, looks=1)


def walk(seconds: float, raised: float = 0.0) -> np.ndarray:
    """Somebody who steps from foot to foot and swings the arms, `raised` so far, metres, y up: (T, 18, 3)."""
    t = np.arange(round(seconds * 30)) / 30
    step = np.maximum(np.sin(2 * np.pi * t), 0)
    other = np.maximum(-np.sin(2 * np.pi * t), 0)
    joints = np.zeros((len(t), 18, 3))
    still = {0: (0, 1.6, 0.1), 1: (0, 1.45, 0), 2: (-0.18, 1.45, 0), 3: (-0.25, 1.15, 0), 4: (-0.3, 0.9, 0)}
    still |= {5: (0.18, 1.45, 0), 6: (0.25, 1.15, 0), 7: (0.3, 0.9, 0), 8: (-0.1, 0.93, 0), 9: (-0.1, 0.5, 0.02)}
    still |= {10: (-0.1, 0.08, 0), 11: (0.1, 0.93, 0), 12: (0.1, 0.5, 0.02), 13: (0.1, 0.08, 0)}
    still |= {14: (-0.03, 1.64, 0.08), 15: (0.03, 1.64, 0.08), 16: (-0.08, 1.62, 0), 17: (0.08, 1.62, 0)}
    for joint, place_ in still.items():
        joints[:, joint] = place_
    joints[:, [9, 10], 1] += 0.15 * step[:, None]
    joints[:, [12, 13], 1] += 0.15 * other[:, None]
    joints[:, 4, 2] += 0.3 * np.sin(2 * np.pi * t)
    joints[:, 7, 2] -= 0.3 * np.sin(2 * np.pi * t)
    joints[:, [3, 4, 6, 7], 1] += raised * np.array([0.3, 0.6, 0.3, 0.6])
    angle = 0.4 * t
    x, z = joints[..., 0].copy(), joints[..., 2].copy()
    joints[..., 0] = x * np.cos(angle)[:, None] + z * np.sin(angle)[:, None]
    joints[..., 2] = z * np.cos(angle)[:, None] - x * np.sin(angle)[:, None]
    return joints


@pytest.fixture(scope="module")
def motions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("motions")
    for number, name in enumerate(("cmu_1", "other", "cmu_05_18")):
        np.savez(folder / f"{name}.npz", joints=walk(6 + number, number), fps=30)
    return folder


def test_numbers_are_the_movement_and_back(motions: Path) -> None:
    directions, root = draw_windows(read_performances(motions), 3, 40, generator_of(0, 0))
    numbers = to_channels(directions, root)
    assert numbers.shape == (3, 40, CHANNELS)
    joints = place(numbers)
    lengths = torch.stack([(joints[..., b, :] - joints[..., a, :]).norm(dim=-1) for a, b in BONES], dim=-1)
    assert torch.allclose(lengths, torch.tensor(BONE_LENGTHS).expand_as(lengths), atol=1e-5)
    way = joints[..., [8, 11], :].mean(-2) - (root - root[:, :1] * torch.tensor([1.0, 0, 1]))
    assert way.abs().max() < 0.02  # the sum of speeds is the path
    angle = torch.full((3, 40), 0.7)
    other = to_channels(rotate_vectors(directions, angle.cos(), angle.sin()), root)
    assert torch.allclose(other[..., :51], numbers[..., :51], atol=1e-5)  # the body does not know its heading
    gap = heading_of(rotate_vectors(directions, angle.cos(), angle.sin())) - heading_of(directions) - 0.7
    assert torch.atan2(gap.sin(), gap.cos()).abs().max() < 1e-4


def test_the_camera_moves_what_is_seen_and_not_the_movement(motions: Path) -> None:
    directions, root = draw_windows(read_performances(motions), 2, 40, generator_of(0, 0))
    moves = torch.linspace(0, 3, 40).expand(2, -1)
    still, moving = to_channels(directions, root), to_channels(directions, root, moves)
    torch.testing.assert_close(place(moving), place(still))
    assert (moving[:, 1:, HEADING] - still[:, 1:, HEADING]).abs().max() > 0.5
    torch.testing.assert_close(torch.stack(heading_turn(still), -1), still[..., HEADING], atol=1e-4, rtol=0)


def test_a_step_of_two_frames_is_the_movement_in_space(motions: Path) -> None:
    directions, root = draw_windows(read_performances(motions), 2, 40, generator_of(0, 0))
    moved = to_channels(directions, root)
    joints = place(moved)
    true = (joints[:, 1:] - joints[:, :-1]).norm(dim=-1)
    torch.testing.assert_close(local_steps(moved).norm(dim=-1), true, atol=1e-4, rtol=0)
    wrong = moved.clone()
    wrong[:, 10, RATE] += 3.0  # a wrong heading from there on is a wrong step there alone
    off = (local_steps(wrong) - local_steps(moved)).norm(dim=-1).amax(-1)
    assert off[:, 9].min() > 1e-3 and off[:, 10:].max() < 1e-6


def test_where_the_pace_differs_it_is_told(motions: Path) -> None:
    directions, root = draw_windows(read_performances(motions), 2, 40, generator_of(0, 0))
    steps = local_steps(to_channels(directions, root))
    assert float(pace_loss(steps, steps)) == 0
    assert float(pace_loss(steps * 1.2, steps)) > float(pace_loss(steps * 1.1, steps)) > 0


def test_dead_units_begin_anew_and_change_little(motions: Path) -> None:
    windows = draw(read_performances(motions), 6, 20, LEVELS["E"], generator_of(1, 1))
    torch.manual_seed(0)
    network = Vimo(TINY).eval()
    torch.nn.init.normal_(network.out.weight, std=0.1)
    unit = network.layers[0].mlp
    with torch.no_grad():
        unit[0].weight[3], unit[0].bias[3] = 0.0, -9.0  # it is never woken
        before = network.regress(windows.sight)
    generator = torch.Generator().manual_seed(0)
    assert revive_units(network, windows.moved, windows.sight, generator) >= 1
    assert unit[0].weight[3].abs().max() > 0 and unit[2].weight[:, 3].abs().max() == 0
    with torch.no_grad():
        assert (network.regress(windows.sight) - before).std() < 0.2 * before.std()
        with watch_units(network) as units:
            network.regress(windows.sight)
    assert units["layers.0.mlp.1"][0, 3] > 0


def test_squats_and_kicks_move_what_they_should(motions: Path) -> None:
    directions, root = draw_windows(read_performances(motions), 60, 60, generator_of(0, 0))
    bent, lower = squat_and_kick(directions, root, generator_of(1, 1))
    ankles = [(paths() @ d)[..., [10, 13], :] + r[..., None, :] for d, r in ((directions, root), (bent, lower))]
    squats = (lower != root).flatten(1).any(1)
    kicks = (bent != directions).flatten(1).any(1) & ~squats
    assert 2 <= squats.sum() <= 20 and 1 <= kicks.sum() <= 20
    assert torch.equal(bent[~squats & ~kicks], directions[~squats & ~kicks])
    assert (lower[squats] - root[squats])[..., 1].amax(1).min() > 0.04  # y down: hips go down ...
    still = (ankles[1] - ankles[0])[squats].norm(dim=-1)
    assert still.median() < 0.005  # ... between standing feet
    assert (ankles[0] - ankles[1])[kicks][..., 1].amax((1, 2)).min() > 0.03  # a foot goes up
    assert torch.allclose(bent.norm(dim=-1), torch.ones(()), atol=1e-3)


def test_training_motion_leaves_out_what_is_held_out(motions: Path, tmp_path: Path) -> None:
    training, held_out = read_performances(motions), read_performances(motions, held_out=True)
    assert set(held_out.names) == {"cmu_05_18"} and "cmu_05_18" not in set(training.names)
    save_performances(tmp_path / "m.npz", held_out)
    again = load_performances(tmp_path / "m.npz")
    assert np.array_equal(again.directions, held_out.directions) and np.array_equal(again.odds, held_out.odds)
    with pytest.raises(DancegenError, match="no motion"):
        read_performances(tmp_path / "nothing")


@pytest.mark.parametrize("level", "ABCDE")
def test_a_film_shows_the_movement_it_is_of(level: str, motions: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "BODIES", 0.0)
    monkeypatch.setattr(samples, "FACES", 0.0)
    held_out = read_performances(motions, held_out=True)
    windows = draw(held_out, 16, 60, LEVELS[level], generator_of(1, 2), 0.0)
    joints = place(windows.moved)
    body = joints - joints[:, :, [8, 11]].mean(2, keepdim=True)
    flat = torch.einsum("bsij,bsvj->bsvi", windows.view, body)[..., :2]
    seen = (windows.points[..., 2] > 0.7) & windows.seen
    shown = windows.points[..., :2]
    shown = shown - shown[:, :, [8, 11]].mean(2, keepdim=True)
    shown = shown * (flat.norm(dim=-1).mean(-1) / shown.norm(dim=-1).mean(-1).clamp(min=1))[..., None, None]
    whole = seen[..., [8, 11]].all(-1, keepdim=True) & seen
    assert (shown - flat).norm(dim=-1)[whole].median() < 0.03  # body heights: noise and perspective
    assert torch.isfinite(windows.sight).all() and windows.sight.shape == (16, 60, FEATURES)
    assert windows.cut.any() == (level in "CE") or windows.cut.mean() < 0.01


def test_sight_is_free_of_place_and_size_and_tells_of_gaps(motions: Path) -> None:
    windows = draw(read_performances(motions), 4, 40, LEVELS["A"], generator_of(3, 4))
    scaled = windows.points * torch.tensor([2.0, 2.0, 1.0])
    twice = features(scaled, windows.cut, windows.size * 2)
    assert torch.allclose(twice, windows.sight, atol=1e-4)
    gone = windows.points.clone()
    gone[:, 10:20, 4] = 0
    assert (features(gone, windows.cut, windows.size)[:, 10:20, 12:15] == 0).all()
    nobody = features(torch.zeros(1, 40, 18, 3), torch.zeros(1, 40), torch.tensor([[640.0, 480.0]]))
    assert torch.isfinite(nobody).all() and (nobody[..., :57] == 0).all()


def test_sampling_repeats_and_keeps_what_is_given() -> None:
    torch.manual_seed(0)
    network = Vimo(TINY).eval()
    torch.nn.init.normal_(network.out.weight, std=0.1)
    sight, given = torch.randn(2, 20, FEATURES), torch.randn(2, 20, CHANNELS)
    mask = torch.zeros(2, 20, CHANNELS)
    mask[:, :5], mask[:, 15:, 30:] = 1, 1
    how = Sampling(steps=4, guidance=1.5)
    made = [sample(network, sight, how, generator_of(0, 1), Given(given, mask)) for _ in range(2)]
    assert torch.equal(made[0], made[1])
    assert torch.equal(made[0][mask > 0], given[mask > 0])
    assert not torch.equal(made[0], sample(network, sight, how, generator_of(0, 2), Given(given, mask)))
    assert torch.isfinite(made[0]).all()


def test_every_loss_is_zero_at_the_truth_but_for_steps_that_are_real(motions: Path) -> None:
    windows = draw(read_performances(motions), 4, 40, LEVELS["B"], generator_of(5, 6))
    found = losses(windows.moved, windows.moved, torch.ones(CHANNELS), windows.view, windows.seen)
    assert all(found[name] < 1e-9 for name in ("simple", "joints", "velocity", "acceleration", "reprojection"))
    assert found["foot"] < 0.01 and found["contact"] < 0.02


class Impatient(SilentReporter):
    """Ctrl-C in the third step."""

    steps = 0

    def advance(self, steps: int = 1) -> None:
        self.steps += steps
        if self.steps == 3:
            raise KeyboardInterrupt


@pytest.mark.parametrize("noise", [True, False])
def test_training_goes_on_exactly(noise: bool, motions: Path, tmp_path: Path) -> None:
    config = VimoConfig(frames=20, token=2, width=16, heads=2, looks=1, noise=noise)
    settings = TrainVimoConfig(steps=4, batch=4, save_every=2, foot_from=1)
    whole = train_vimo(motions, tmp_path / "whole", settings, config=config)
    with pytest.raises(KeyboardInterrupt):
        train_vimo(motions, tmp_path / "parts", settings, config=config, reporter=Impatient())
    parts = load_file(train_vimo(motions, tmp_path / "parts", settings, config=config))
    assert all(torch.equal(value, parts[name]) for name, value in load_file(whole).items())
    with pytest.raises(DancegenError, match="other options"):
        train_vimo(motions, tmp_path / "parts", TrainVimoConfig(steps=4, batch=5), config=config)
    assert len((tmp_path / "whole" / "log.csv").read_text().splitlines()) == 3


def test_a_regression_begins_with_the_weights_of_the_diffusion(motions: Path, tmp_path: Path) -> None:
    settings = TrainVimoConfig(steps=2, batch=4, save_every=2, foot_from=0)
    first = train_vimo(motions, tmp_path / "first", settings, config=TINY)
    still = dataclasses.replace(settings, rate=0.0)
    config = dataclasses.replace(TINY, noise=False)
    then = load_file(train_vimo(motions, tmp_path / "then", still, config=config, begin=first))
    kept = load_file(first)
    assert torch.equal(then["layers.0.film.weight"], kept["layers.0.film.weight"])
    assert torch.equal(then["centre"], kept["centre"])
    with pytest.raises(DancegenError, match="other sizes"):
        train_vimo(motions, tmp_path / "more", still, config=VimoConfig(frames=20, token=2, width=8), begin=first)


def test_the_mean_of_two_runs_lies_between_them(motions: Path, tmp_path: Path) -> None:
    settings = TrainVimoConfig(steps=2, batch=4, save_every=2, foot_from=0)
    first = train_vimo(motions, tmp_path / "first", settings, config=TINY)
    other = train_vimo(motions, tmp_path / "other", settings, config=dataclasses.replace(TINY, noise=False))
    mean = load_file(mean_of(first, other, tmp_path / "mean.safetensors"))
    one, two = load_file(first), load_file(other)
    assert all(torch.allclose(mean[name], (one[name] + two[name]) / 2, atol=1e-3) for name in one)
    with pytest.raises(DancegenError, match="other sizes"):
        wide = train_vimo(motions, tmp_path / "wide", settings, config=dataclasses.replace(TINY, width=32))
        mean_of(first, wide, tmp_path / "no.safetensors")
