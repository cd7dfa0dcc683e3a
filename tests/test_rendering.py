"""The renderer with its network: equal to the puppet at the start, on any picture, in flat memory."""

from __future__ import annotations

import json
import resource
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from dancegen.body.joints import L_HIP, R_ELBOW, R_KNEE
from dancegen.body.limbs import K
from dancegen.errors import DancegenError
from dancegen.people.located import LocatedBody
from dancegen.renderers.compose import make_scene
from dancegen.renderers.puppet.renderer import PuppetRenderer
from dancegen.renderers.retouch.conditions import SNAP, draw_conditions, fit_window
from dancegen.renderers.retouch.generator import Generator, RendererConfig, Retouch, compose, firm_cover, load_generator
from dancegen.weights.checkpoint import CONFIG_KEY, read_metadata, save_checkpoint
from tests.test_puppet import as_sequence, drawn, standing

TINY = RendererConfig(grid=64, widths=(4, 8, 8, 8), part_widths=(4, 8, 8, 8))


UNDER = 1  # the frame network's channel of how far the raw image covers


def stirred(config: RendererConfig, seed: int = 0) -> Generator:
    """A generator whose last layers are no longer zero."""
    network = Generator(config).eval().requires_grad_(False)
    generator = torch.Generator().manual_seed(seed)
    for unet in (network.frame, network.part):
        unet.leave.weight.normal_(0, 0.1, generator=generator)
        unet.leave.bias.uniform_(-0.2, 0.4, generator=generator)
    return network


def moving(joints: np.ndarray, count: int) -> np.ndarray:
    """The arms waved up, (count, 18, 2)."""
    frames = np.repeat(joints[None], count, 0)
    lift = np.linspace(0, 1, count)[:, None] * (joints[8] - joints[1])[1]
    frames[:, 3, 1:] -= lift * 0.5
    frames[:, 4, 1:] -= lift
    frames[:, 7, 1:] -= lift
    return frames


@pytest.mark.parametrize(("width", "height", "tall"), [(96, 96, 80), (200, 100, 40), (70, 120, 110)])
def test_step_zero_is_the_puppet(width: int, height: int, tall: float) -> None:
    subject = drawn(width, height, tall)
    dance = as_sequence(moving(subject.joints, 3))
    frames = []
    for network in (None, Generator(TINY).eval()):
        renderer = PuppetRenderer(network)
        frames.append(list(make_scene(renderer, [subject], max(width, height)).frames(dance)))
    for plain, made in zip(*frames, strict=True):
        assert np.abs(plain.astype(int) - made).max() <= 1


def test_composition_is_vid2vids() -> None:
    generator = torch.Generator().manual_seed(0)

    def random(channels: int) -> torch.Tensor:
        return torch.rand(1, channels, 5, 6, generator=generator)

    warp, coverage, raw, plate = random(3), random(1), random(3), random(3)
    retouch = Retouch(random(1), random(1), raw)
    frame, alpha = compose(torch.cat([warp * coverage, coverage], 1), retouch, plate)
    w = (1 - retouch.kept * coverage) * retouch.under / alpha
    assert torch.allclose(frame, alpha * (w * raw + (1 - w) * warp) + (1 - alpha) * plate, atol=1e-5)


def test_a_veil_is_drawn_firmly_or_not_at_all() -> None:
    under = torch.tensor([0.0, 0.3, 0.6, 0.9, 1.0])
    assert torch.allclose(firm_cover(under), torch.tensor([0.0, 0.0, 0.0, 0.8, 1.0]))


def test_a_network_only_touches_the_neighbourhood_of_the_person() -> None:
    subject = drawn(256, 128, 60)
    renderer = PuppetRenderer(stirred(TINY))
    scene = make_scene(renderer, [subject], 256)
    frame = next(scene.frames(as_sequence(subject.joints)))
    changed = np.abs(frame.astype(int) - scene.background.empty).max(-1) > 0
    columns = np.nonzero(changed.any(0))[0]
    assert changed.any()
    assert columns[0] > 64 and columns[-1] < 192


def test_nothing_is_painted_beneath_a_figure_on_paper() -> None:
    subject = drawn(128, 128, 110)
    paper = np.where(subject.mask[..., None] > 0, subject.image.pixels, 240).astype(np.uint8)
    on_paper = replace(subject, picture=replace(subject.image, pixels=paper))
    network = Generator(TINY).eval().requires_grad_(False)
    network.frame.leave.bias[UNDER] = 5.0
    dance = as_sequence(moving(subject.joints, 3))

    def most_painted(person: LocatedBody) -> int:
        frames = []
        for one in (None, network):
            renderer = PuppetRenderer(one)
            frames.append(np.stack(list(make_scene(renderer, [person], 128).frames(dance))).astype(int))
        return int(np.abs(frames[1] - frames[0]).max())

    assert most_painted(on_paper) <= 1
    assert most_painted(subject) > 50


def test_nothing_is_painted_around_head_hands_and_feet() -> None:
    joints = np.pad(standing(128, 128, 110), ((0, 0), (0, 1)))
    reach = draw_conditions(joints[None], torch.zeros(1, K, 3), 128, 128).reach[0, 0]
    x, y = joints[0, :2].astype(int)  # the nose
    assert float(reach[y - 12 : y, x - 8 : x + 8].max()) == 0
    for joint in (R_ELBOW, L_HIP, R_KNEE):
        x, y = joints[joint, :2].astype(int)
        assert float(reach[y, x]) == 1
    assert float(reach[:, :5].max()) == 0


def test_batches_do_not_change_a_frame() -> None:
    subject = drawn(96, 96, 80)
    renderer = PuppetRenderer(stirred(TINY))
    scene = make_scene(renderer, [subject], 96)
    joints = moving(subject.joints, 10)
    together = list(scene.frames(as_sequence(joints)))
    alone = [next(scene.frames(as_sequence(one[None]))) for one in joints]
    for a, b in zip(together, alone, strict=True):
        assert np.abs(a.astype(int) - b).max() <= 1


@pytest.mark.parametrize("offset", [1000.0, -70.0])
def test_a_dancer_leaving_the_picture(offset: float) -> None:
    subject = drawn(100, 100, 80)
    renderer = PuppetRenderer(stirred(TINY))
    scene = make_scene(renderer, [subject], 100)
    frame = next(scene.frames(as_sequence(subject.joints + np.float32(offset))))
    assert frame.shape == scene.background.empty.shape


def test_the_window_moves_in_whole_steps_and_holds_the_person() -> None:
    joints = standing(400, 300, 150)
    window = fit_window(joints, (400, 300), 128)
    assert window.rows % SNAP == window.columns % SNAP == 0
    step = SNAP * window.cell
    for shift in np.linspace(-40, 40, 9):
        moved = joints + np.float32(shift)
        origin = window.origins(moved[None])[0]
        assert np.allclose(origin / step, np.round(origin / step))
        assert (moved.min(0) >= origin).all()
        assert (moved.max(0) <= origin + np.array([window.columns, window.rows]) * window.cell).all()


@pytest.mark.parametrize("size", [(90, 160), (160, 90), (150, 150), (400, 160)])
def test_the_window_leaves_no_part_of_the_person_out(size: tuple[int, int]) -> None:
    """Nothing is drawn outside it: heads would be cut off."""
    joints = standing(*size, 140)
    window = fit_window(joints, size, 128)
    span = np.array([window.columns, window.rows]) * window.cell
    for x in (-200, -30, 0, 30, 200):
        for y in (-60, -15, 0, 25, 70):
            moved = joints + np.float32([x, y])
            origin = window.origins(moved[None])[0]
            first, last = np.clip(moved.min(0), 0, size), np.clip(moved.max(0), 0, size)
            assert (origin <= first + 1e-6).all() and (origin + span >= last - 1e-6).all()
            full = span >= size
            assert (origin[full] <= 0).all() and (origin + span - size)[full].min(initial=0) >= -1e-6


def test_memory_does_not_grow_with_the_frames() -> None:
    subject = drawn(64, 64, 50)
    renderer = PuppetRenderer(stirred(TINY))
    scene = make_scene(renderer, [subject], 64)
    joints = moving(subject.joints, 32)
    peaks = []
    for _ in range(6):
        for _ in scene.frames(as_sequence(joints)):
            pass
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    assert peaks[-1] - peaks[1] < 20_000  # KiB


def test_a_network_of_version_0_1_is_refused_by_the_field_that_differs(tmp_path: Path) -> None:
    """It answered with a residual flow and a shadow, too."""
    path = tmp_path / "old.safetensors"
    save_checkpoint(path, Generator(TINY).state_dict(), TINY)
    stored = read_metadata(path)[CONFIG_KEY] | {"flow_limit": 0.0}
    save_file(load_file(path), path, {CONFIG_KEY: json.dumps(stored)})
    with pytest.raises(DancegenError, match=r"unknown field flow_limit"):
        load_generator(path)


def test_a_network_with_more_answers_is_refused_by_the_tensor_that_differs(tmp_path: Path) -> None:
    state = Generator(TINY).state_dict()
    state["frame.leave.weight"] = torch.zeros(8, 4, 3, 3)
    save_checkpoint(tmp_path / "old.safetensors", state, TINY)
    with pytest.raises(DancegenError, match=r"tensor frame.leave.weight is \(8, 4, 3, 3\), not \(5, 4, 3, 3\)"):
        load_generator(tmp_path / "old.safetensors")


def test_weights_round_trip(tmp_path: Path) -> None:
    network = stirred(TINY)
    save_checkpoint(tmp_path / "g.safetensors", network.state_dict(), TINY)
    loaded = load_generator(tmp_path / "g.safetensors")
    assert loaded.config == TINY
    for key, value in network.state_dict().items():
        assert torch.equal(value, loaded.state_dict()[key])
