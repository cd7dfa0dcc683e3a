"""Everything that is computed on a GPU stays there until it is asked for: run on a GPU that is not there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from dancegen.body.joints import R_ANKLE, R_ELBOW, R_KNEE, R_WRIST
from dancegen.body.sequence import SkeletonSequence
from dancegen.choreographers.stg_mamba.dance import choreograph
from dancegen.choreographers.stg_mamba.model import Choreographer
from dancegen.device import choose_device
from dancegen.errors import DancegenError
from dancegen.lab.train.renderer.data import find_scenes, make_batch
from dancegen.lab.train.renderer.plan import TrainingPlan
from dancegen.lab.train.renderer.puppet_task import generator_terms, move_batch
from dancegen.people.located import LocatedBody
from dancegen.people.network.network import SubjectNetwork
from dancegen.renderers.compose import make_scene
from dancegen.renderers.puppet.renderer import PuppetRenderer
from dancegen.renderers.retouch.generator import Generator
from tests.fake_device import CUDA, FakeGpu, OnGpu, moved
from tests.test_puppet import drawn
from tests.test_rendering import TINY as TINY_RENDERER
from tests.test_rendering import stirred
from tests.test_skirt import in_a_skirt
from tests.test_subject_network import TINY as TINY_SUBJECT
from tests.test_training_renderer import frames as toy_scenes
from tests.tiny import TINY as TINY_CHOREOGRAPHER
from tests.tiny_choreographer import song_of

pytestmark = pytest.mark.filterwarnings("ignore:CUDA is not available", "ignore:PyTorch was compiled without cuDNN")

scenes = toy_scenes


@pytest.fixture(autouse=True)
def gpu() -> Iterator[None]:
    with FakeGpu():
        yield


def test_the_gpu_that_is_not_there_refuses_what_a_real_one_does() -> None:
    here, there = torch.ones(3), torch.ones(3).to("cuda")
    assert isinstance(there, OnGpu) and there.device == CUDA and torch.zeros(2, device=CUDA).is_cuda
    assert type((there + 1).cpu()) is torch.Tensor and there[torch.arange(2)].is_cuda
    for wrong in (lambda: here + there, lambda: torch.stack([there, here]), lambda: here[there.long()]):
        with pytest.raises(RuntimeError, match="tensors on cuda and on the CPU"):
            wrong()
    with pytest.raises(TypeError, match=r"\.cpu\(\)"):
        there.numpy()


def test_a_device_is_chosen_among_those_that_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device().type == "cpu"
    with pytest.raises(DancegenError, match="no cuda device that torch can use: choose cpu"):
        choose_device("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert choose_device().type == "cuda" and choose_device("cuda:1").index == 1 and choose_device("cpu").type == "cpu"
    for wrong, said in (("cuda:2", "2 GPUs, counted from cuda:0"), ("mps", "no mps device"), ("cuda:x", "is none")):
        with pytest.raises(DancegenError, match=said):
            choose_device(wrong)


def test_a_dance_is_the_same_on_a_gpu() -> None:
    torch.manual_seed(0)
    network = Choreographer(TINY_CHOREOGRAPHER).eval()
    song, grid = song_of(12)
    expected = choreograph(song, grid, network, seed=3).joints
    np.testing.assert_allclose(choreograph(song, grid, moved(network), seed=3).joints, expected, atol=1e-6)


@pytest.mark.parametrize("subject", [drawn(96, 96, 80), in_a_skirt()], ids=["trousers", "skirt"])
@pytest.mark.parametrize("with_network", [False, True], ids=["puppet", "network"])
def test_frames_are_the_same_on_a_gpu(subject: LocatedBody, with_network: bool) -> None:
    poses = np.stack([np.pad(subject.joints, ((0, 0), (0, 1)))] * 2)
    poses[1, [R_ELBOW, R_WRIST], 1] -= 15
    poses[1, [R_KNEE, R_ANKLE], 0] -= 5

    def frames(network: Generator | None, device: str) -> np.ndarray:
        renderer = PuppetRenderer(network, device)
        return np.stack(list(make_scene(renderer, [subject], 96).frames(SkeletonSequence(poses, 30))))

    network = stirred(TINY_RENDERER) if with_network else None
    expected = frames(network, "cpu")
    made = frames(moved(network) if network else None, "cuda")
    assert np.abs(made.astype(int) - expected).max() <= 1


def test_a_person_is_the_same_on_a_gpu() -> None:
    torch.manual_seed(0)
    network, subject = SubjectNetwork(TINY_SUBJECT).eval(), drawn(96, 96, 80)
    pixels = subject.image.pixels

    def found() -> list[np.ndarray]:
        segmented = network.segment(pixels, subject.joints, subject.confidence)
        return [*network.find_joints(pixels), segmented.mask, network.paint_background(pixels, subject.mask)]

    expected = found()
    moved(network)
    for one, other in zip(found(), expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)


def test_the_renderers_losses_are_the_same_on_a_gpu(scenes: Path) -> None:
    network = stirred(TINY_RENDERER)
    batch = make_batch(find_scenes(scenes, "train"), 2, 64, True, np.random.default_rng(0))

    def terms(device: str) -> dict[str, float]:
        on_it, plan = move_batch(batch, device), TrainingPlan(bf16=False)
        told = generator_terms(network, on_it, plan, True, np.random.default_rng(0))[1]
        return {name: float(value) for name, value in told.items()}

    expected = terms("cpu")
    moved(network)
    assert terms("cuda") == pytest.approx(expected, rel=1e-4)
