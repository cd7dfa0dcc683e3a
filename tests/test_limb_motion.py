"""The limb network: how limbs widen and lengthen between two skeletons, and how that is learnt."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import shared_data
from PIL import Image
from scipy.ndimage import gaussian_filter

from dancegen.body.joints import R_ELBOW
from dancegen.body.limb_maps import limb_maps, limb_order
from dancegen.body.limbs import HEAD, L_HAND, R_FOOT, R_FOREARM, R_UPPER_ARM, K
from dancegen.errors import DancegenError
from dancegen.lab.evaluate.picture_metrics import sharpness
from dancegen.lab.synthetic.outlines import SLICES, Outlines, make_outlines
from dancegen.lab.synthetic.scene import Sources, find_sources
from dancegen.lab.train.renderer import limb_data, limb_loop
from dancegen.lab.train.renderer.limb_data import draw_pairs, prepare_pairs
from dancegen.lab.train.renderer.limb_loop import LimbPlan, compare, train_limbs
from dancegen.lab.train.renderer.puppet import cut, move
from dancegen.lab.train.renderer.state import TrainingState
from dancegen.renderers.compose import make_scene
from dancegen.renderers.puppet.bends import limb_bends
from dancegen.renderers.puppet.motion import FEATURES, LimbNetwork, correct_maps, limb_frames, skeleton_features
from dancegen.renderers.puppet.puppet import lay
from dancegen.renderers.puppet.renderer import PuppetRenderer
from dancegen.renderers.retouch.generator import RendererConfig, load_generator
from tests.test_puppet import as_sequence, drawn

RIGHT = [(-10, -52), (-14, -35), (-15, -20)], [(-6, -20), (-7, 3), (-7, 26)]
FACE = [(-2, -64), (2, -64), (-5, -63), (5, -63)]
LEFT = [[(-x, y) for x, y in limb] for limb in RIGHT]
STANDING = np.array([(0, -62), (0, -52), *RIGHT[0], *LEFT[0], *RIGHT[1], *LEFT[1], *FACE], float)
SIZES = RendererConfig(grid=16, widths=(4, 4, 4, 4), part_widths=(4, 4, 4, 4), limb_width=32)


def stirred(width: int = 16) -> LimbNetwork:
    torch.manual_seed(0)
    network = LimbNetwork(width)
    torch.nn.init.normal_(network.leave.weight, std=3.0)
    return network.eval()


def posed(count: int, seed: int = 0) -> np.ndarray:
    """Skeletons (count, 18, 3) near the standing one."""
    rng = np.random.default_rng(seed)
    return np.concatenate([STANDING + rng.normal(0, 2, (count, 18, 2)), rng.normal(0, 2, (count, 18, 1))], -1)


def test_a_fresh_network_changes_nothing() -> None:
    targets = posed(3)
    maps = limb_maps(STANDING, targets)
    corrections = LimbNetwork(16).corrections(STANDING, targets)
    assert corrections.shape == (3, K, 2)
    np.testing.assert_array_equal(correct_maps(maps, targets, corrections), maps)


def test_who_does_not_move_is_not_changed() -> None:
    still = np.pad(STANDING, ((0, 0), (0, 1)))[None]
    network = stirred()
    assert abs(network.corrections(STANDING, still)).max() < 1e-6
    assert abs(network.corrections(STANDING, posed(1))).max() > 0.01


def test_corrections_do_not_depend_on_place_and_size() -> None:
    targets, network = posed(4), stirred()
    here = network.corrections(STANDING, targets)
    moved = network.corrections(STANDING * 2.5 + [40, -7], targets * 2.5 + [40, -7, 0])
    np.testing.assert_allclose(here, moved, atol=1e-4)
    assert skeleton_features(STANDING, targets).shape == (4, FEATURES)


def test_a_body_without_size_is_no_harm() -> None:
    assert np.isfinite(stirred().corrections(STANDING, np.zeros((2, 18, 3)))).all()
    assert np.isfinite(stirred().corrections(np.zeros((18, 2)), posed(2))).all()


def test_corrections_stretch_along_and_across_a_limb_from_its_first_end() -> None:
    targets = posed(2)
    maps = limb_maps(STANDING, targets)
    corrections = np.random.default_rng(1).uniform(-0.3, 0.3, (2, K, 2))
    made = correct_maps(maps, targets, corrections)
    start, along, across = limb_frames(targets[..., :2])

    def mapped(m: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
        place = start + u[..., None] * along + v[..., None] * across
        return np.einsum("bkij,bkj->bki", m[..., :2], place) + m[..., 2]

    ones = np.ones((2, K))
    expected = mapped(maps, 4 * (1 + corrections[..., 0]), -3 * (1 + corrections[..., 1]))
    np.testing.assert_allclose(mapped(made, 4 * ones, -3 * ones), expected, atol=2e-3)
    np.testing.assert_allclose(mapped(made, 0 * ones, 0 * ones), mapped(maps, 0 * ones, 0 * ones), atol=2e-3)


def test_heads_grow_evenly_hands_and_feet_stay() -> None:
    corrections = stirred().corrections(STANDING, posed(5))
    np.testing.assert_allclose(corrections[:, HEAD, 0], corrections[:, HEAD, 1], atol=1e-6)
    assert not corrections[:, [L_HAND, R_FOOT]].any()
    assert abs(corrections[:, 1, 0] - corrections[:, 1, 1]).max() > 1e-3


def growing(people: int, seed: int = 0) -> Outlines:
    """People whose every limb is 10 x as long as wide, seen from nearer and further away."""
    rng = np.random.default_rng(seed)
    joints, edges = [], []
    for _ in range(people):
        zoom = np.exp(rng.normal(0, 0.25, (8, 1, 1)))
        pose = posed(8, int(rng.integers(1 << 30))) * zoom
        start, along, across = limb_frames(pose[..., :2])
        u = np.linspace(0, 16, SLICES)[None, None, :, None, None]
        v = np.array([-4, 4])[None, None, None, :, None]
        frame = (x[:, :, None, None] for x in (start, along, across))
        first, one, other = frame
        edges.append(first + zoom[:, :, None, None] * (u * one + v * other))
        joints.append(pose)
    return Outlines(np.stack(joints).astype(np.float32), np.stack(edges).astype(np.float32))


def test_the_network_learns_that_the_near_are_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outlines = growing(60)
    monkeypatch.setattr(limb_loop, "prepare_outlines", lambda *arguments: outlines)
    path = train_limbs(tmp_path, tmp_path, LimbPlan(steps=400, batch=48), SIZES)
    generator = load_generator(path)
    plain, corrected = compare(generator, draw_pairs(growing(20, 1), 256, np.random.default_rng(0)))
    assert corrected < 0.8 * plain
    nearer = np.pad(STANDING * 1.3, ((0, 0), (0, 1)))[None]
    head = generator.limb.corrections(STANDING, nearer)[0, HEAD]
    assert -0.35 < head[0] < -0.06  # 1 / 1.3 - 1 = -0.23, shrunk by what little training leaves open


def test_a_resumed_run_equals_an_uninterrupted_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outlines = growing(10)
    monkeypatch.setattr(limb_loop, "prepare_outlines", lambda *arguments: outlines)
    monkeypatch.setattr(limb_loop, "SAVE_EVERY", 3)
    whole = train_limbs(tmp_path, tmp_path / "whole", LimbPlan(steps=6, batch=8), SIZES)
    step, calls = limb_loop.train_step, []

    def cut_off(*arguments: object) -> float:
        calls.append(1)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return step(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(limb_loop, "train_step", cut_off)
    with pytest.raises(KeyboardInterrupt):
        train_limbs(tmp_path, tmp_path / "parts", LimbPlan(steps=6, batch=8), SIZES)
    parts = train_limbs(tmp_path, tmp_path / "parts", LimbPlan(steps=6, batch=8), SIZES)
    a, b = load_generator(whole).state_dict(), load_generator(parts).state_dict()
    assert all(torch.equal(a[key], b[key]) for key in a)
    with pytest.raises(DancegenError, match="other options"):
        train_limbs(tmp_path, tmp_path / "parts", LimbPlan(steps=7, batch=8), SIZES)


def test_missing_edges_do_not_count() -> None:
    outlines = growing(2)
    joints, edges = outlines.joints[:, :2].astype(float), outlines.edges[:, :2].astype(float)
    edges[:, 1, 3] = np.nan
    pairs = prepare_pairs(joints, edges)
    assert not pairs.known[:, 3].any()
    assert bool(pairs.known[:, 4].all())
    network = stirred()
    loss = limb_loop.measure_misses(limb_loop.errors(*network(pairs.features, pairs.still), pairs))
    loss.backward()  # type: ignore[no-untyped-call]
    assert all(bool(torch.isfinite(p.grad).all()) for p in network.parameters() if p.grad is not None)


def test_outlines_of_rigged_characters() -> None:
    sources = find_sources(shared_data("characters").parent, "val")
    few = Sources(sources.characters[:3], [], sources.clips[:1], "val")
    made, again = make_outlines(few, 0, 0), make_outlines(few, 0, 0)
    np.testing.assert_array_equal(made.edges, again.edges)
    assert made.edges.shape == (8, K, SLICES, 2, 2)
    start, _, across = limb_frames(made.joints)
    offset = made.edges - start[:, :, None, None]
    v = (offset * across[:, :, None, None]).sum(-1)  # (8, K, S, 2)
    assert (v[..., 1] > v[..., 0]).all()
    inside = (v[..., 0] < 0.02 * 256) & (v[..., 1] > -0.02 * 256)  # the limb's axis runs between its edges
    assert inside[:, [4, 7, 10, 13]].mean() > 0.9


def test_limbs_meet_at_their_elbows() -> None:
    targets = posed(6)
    maps = correct_maps(limb_maps(STANDING, targets), targets, stirred().corrections(STANDING, targets))
    elbows = targets[:, R_ELBOW, :2]
    places = [np.einsum("bij,bj->bi", maps[:, k, :, :2], elbows) + maps[:, k, :, 2] for k in (R_UPPER_ARM, R_FOREARM)]
    np.testing.assert_allclose(places[0], places[1], atol=1e-3)


def test_training_draws_with_the_limb_network_too() -> None:
    subject = drawn(96, 96, 80)
    picture = torch.from_numpy(subject.image.pixels).permute(2, 0, 1)[None].float() / 255
    cutout = cut(picture, torch.from_numpy(subject.mask)[None, None], subject.joints[None])
    moved = subject.joints + np.random.default_rng(0).normal(0, 4, subject.joints.shape)
    target = np.pad(moved, ((0, 0), (0, 1)))[None]
    network = stirred()
    maps = limb_maps(subject.joints, target)
    right = correct_maps(maps, target, network.corrections(subject.joints, target))
    assert abs(right - maps).max() > 0.05
    frame = torch.zeros(4, 96, 96)
    lay(cutout.layers[0], right[0], limb_bends(subject.joints, target).row(0), limb_order(target)[0], frame)
    off, without = (float((frame - move(cutout, target, 96, n)[0]).abs().mean()) for n in (network, None))
    assert off < 1e-6
    assert without > 0.002


def test_a_run_of_other_sizes_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limb_loop, "prepare_outlines", lambda *arguments: growing(4))
    train_limbs(tmp_path, tmp_path, LimbPlan(steps=1, batch=4), SIZES)
    with pytest.raises(DancegenError, match="another --out"):
        train_limbs(tmp_path, tmp_path, LimbPlan(steps=2, batch=4), replace(SIZES, limb_width=8))


def test_the_renderer_goes_on_from_the_limb_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limb_loop, "prepare_outlines", lambda *arguments: growing(4))
    start = train_limbs(tmp_path, tmp_path, LimbPlan(steps=3, batch=4), SIZES)
    state = TrainingState.begin(load_generator(start).config, 5, "cpu", start)
    told = load_generator(start).state_dict()
    assert all(torch.equal(value, told[key]) for key, value in state.network.state_dict().items())
    assert not any(p.requires_grad for p in state.network.limb.parameters())
    assert all(p.requires_grad for p in state.network.frame.parameters())


def test_outlines_are_kept_and_missing_data_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DancegenError, match="no characters"):
        limb_data.prepare_outlines(tmp_path / "nothing", tmp_path, "train", 3)
    made: list[int] = []
    one = Outlines(posed(8).astype(np.float32), np.zeros((8, K, SLICES, 2, 2), np.float32))
    monkeypatch.setattr(limb_data, "find_sources", lambda *arguments: Sources([tmp_path], [], [np.zeros(1)], "train"))
    monkeypatch.setattr(limb_data, "make_outlines", lambda sources, index, seed: (made.append(index), one)[1])
    first = limb_data.prepare_outlines(tmp_path, tmp_path, "train", 3)
    again = limb_data.prepare_outlines(tmp_path, tmp_path, "train", 3)
    assert made == [0, 1, 2]
    assert first.joints.shape == (3, 8, 18, 3)
    np.testing.assert_array_equal(first.joints, again.joints)


def test_a_person_in_their_own_pose_is_as_crisp_as_the_picture() -> None:
    rng = np.random.default_rng(0)
    subject = drawn(256, 256, 220)
    noise = gaussian_filter(rng.normal(0, 60, subject.image.pixels.shape), (0.8, 0.8, 0))  # texture to keep
    subject.image.pixels[:] = np.clip(subject.image.pixels * 0.6 + 60 + noise, 0, 255).astype(np.uint8)
    renderer = PuppetRenderer()
    frame = next(make_scene(renderer, [subject], 128).frames(as_sequence(subject.joints[None])))
    small = np.asarray(Image.fromarray(subject.image.pixels).resize((128, 128), Image.Resampling.LANCZOS))
    mask = np.asarray(Image.fromarray((subject.mask * 255).astype(np.uint8)).resize((128, 128))) > 250
    assert 0.95 < sharpness(frame / 255, small / 255, mask.astype(float)) < 1.15  # 0.86 as sampled
