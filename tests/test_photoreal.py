"""Wan-Animate by diffusers, with a tiny pipeline of the same classes: loaded from a Hub, drawn, resumed, interrupted.

These tests need the extra `photoreal` and skip without it; `.ci/run` has an environment for them. Those of plans and
costs need nothing.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import Listener, Ran
from fake_hub import COMMIT, REPO, point_client_at, running_hub
from PIL import Image

from dancegen import Request, registry
from dancegen.assets.example import PICTURE, POSE
from dancegen.body.sequence import SkeletonSequence
from dancegen.errors import DancegenError
from dancegen.production.known import Known
from dancegen.production.produce import produce
from dancegen.production.sinks import VideoFile
from dancegen.renderers.compose import make_scene
from dancegen.renderers.diffusion import cost
from dancegen.renderers.plate import Plate
from dancegen.weights.repository import load_repositories, remember
from dancegen.weights.repository_hub import fetch_all, look_up
from tests.test_puppet import drawn

HERE = importlib.util.find_spec("diffusers") is not None
needs_diffusers = pytest.mark.skipif(not HERE, reason="the extra photoreal is not installed")
CPU = torch.device("cpu")
SEGMENT, STEPS = 13, 2  # frames and steps of the tests: 4n + 1, as the pipeline wants


def tiny_pipeline(folder: Path) -> None:
    """A WanAnimatePipeline of some ten thousand random parameters, as `save_pretrained` writes it."""
    from diffusers import (
        AutoencoderKLWan,
        UniPCMultistepScheduler,
        WanAnimatePipeline,
        WanAnimateTransformer3DModel,
    )
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import (
        CLIPImageProcessor,
        CLIPVisionConfig,
        CLIPVisionModel,
        PreTrainedTokenizerFast,
        UMT5Config,
        UMT5EncoderModel,
    )

    words = ["<pad>", "</s>", "<unk>", "▁", *map(chr, range(97, 123))]
    unigrams = Tokenizer(models.Unigram([(word, -float(rank)) for rank, word in enumerate(words)], unk_id=2))
    unigrams.pre_tokenizer = pre_tokenizers.Metaspace()
    tokens = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    torch.manual_seed(0)
    parts: dict[str, Any] = {
        "tokenizer": PreTrainedTokenizerFast(tokenizer_object=unigrams, **tokens),
        "text_encoder": UMT5EncoderModel(
            UMT5Config(vocab_size=64, d_model=32, d_kv=8, d_ff=37, num_layers=2, num_heads=4)
        ),
        "vae": AutoencoderKLWan(
            base_dim=3, z_dim=16, dim_mult=[1, 1, 1, 1], num_res_blocks=1, temperal_downsample=[False, True, True]
        ),
        "scheduler": UniPCMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=5.0),
        "image_processor": CLIPImageProcessor(crop_size=4, size=4),
        "image_encoder": CLIPVisionModel(
            CLIPVisionConfig(
                **{"hidden_size": 4, "projection_dim": 4, "num_hidden_layers": 2, "num_attention_heads": 2},
                **{"image_size": 4, "intermediate_size": 16, "patch_size": 1},
            )
        ),
        "transformer": WanAnimateTransformer3DModel(
            **{"num_attention_heads": 2, "attention_head_dim": 12, "text_dim": 32, "freq_dim": 16, "ffn_dim": 32},
            **{"num_layers": 2, "rope_max_seq_len": 32, "image_dim": 4, "motion_encoder_size": 16},
            **{"motion_style_dim": 8, "motion_dim": 4, "motion_encoder_dim": 16, "face_encoder_hidden_dim": 16},
            **{"face_encoder_num_heads": 2, "inject_face_latents_blocks": 2},
            motion_encoder_channel_sizes={"4": 16, "8": 16, "16": 16},
        ),
    }
    WanAnimatePipeline(**parts).save_pretrained(folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tiny") / "pipeline"
    tiny_pipeline(path)
    return path


@pytest.fixture
def short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Segments of 13 frames and 2 steps, kept below the test's folder."""
    from huggingface_hub import constants

    from dancegen.renderers.diffusion import pipeline, renderer

    monkeypatch.setattr(constants, "HF_ASSETS_CACHE", str(tmp_path / "assets"))
    for module in (cost, renderer):
        monkeypatch.setattr(module, "SEGMENT", SEGMENT)
    for module in (cost, pipeline):
        monkeypatch.setattr(module, "STEPS", STEPS)


def dancing(count: int, width: int = 48, height: int = 64) -> tuple[Any, SkeletonSequence]:
    """A figure, and it going to the right a little with each pose."""
    body = drawn(width, height, 0.8 * height)
    joints = np.stack([body.joints + np.array([0.2 * at, 0]) for at in range(count)])
    return body, SkeletonSequence(np.concatenate([joints, np.zeros((count, 18, 1))], axis=-1), 30)


def film(folder: Path, count: int, listener: Listener | None = None) -> Iterator[np.ndarray]:
    """Frames of the figure by the tiny pipeline."""
    body, poses = dancing(count)
    renderer = registry.load("renderer", "wan-animate", folder, CPU)
    if listener:
        renderer.reporter = listener
    return make_scene(renderer, [body], 64).frames(poses)


def kept() -> list[str]:
    from dancegen.renderers.diffusion.store import cache_folder

    return sorted(path.name for path in cache_folder().rglob("*.safetensors"))


@needs_diffusers
def test_segments_are_joined_as_the_pipeline_joins_them(folder: Path, short: None) -> None:
    """Two segments, each a call of its own, are what one call of the pipeline draws."""
    from diffusers import WanAnimatePipeline

    from dancegen.renderers.control.wan import OVERLAP
    from dancegen.renderers.diffusion.pipeline import GUIDANCE, PROMPT, Animator

    draw = np.random.default_rng(0)
    count = 2 * SEGMENT - OVERLAP
    reference, *poses = draw.integers(0, 255, (count + 1, 32, 48, 3)).astype(np.uint8)
    faces = list(draw.integers(0, 255, (count, 16, 16, 3)).astype(np.uint8))
    pipeline = WanAnimatePipeline.from_pretrained(folder)
    pipeline.set_progress_bar_config(disable=True)
    with torch.inference_mode():
        expected = (
            pipeline(
                image=Image.fromarray(reference),
                pose_video=[Image.fromarray(one) for one in poses],
                face_video=[Image.fromarray(one) for one in faces],
                **{"height": 32, "width": 48, "segment_frame_length": SEGMENT, "num_inference_steps": STEPS},
                **{"prev_segment_conditioning_frames": OVERLAP, "guidance_scale": GUIDANCE, "prompt": PROMPT},
                **{"generator": torch.Generator().manual_seed(5), "output_type": "pt"},
            )
            .frames[0]
            .transpose(0, 1)
        )  # (3, T, h, w)
    animator = Animator(folder, CPU, cost.Plan("whole", False, 0, 0, ""))
    generator, tail, made = torch.Generator().manual_seed(5), None, []
    for first in (0, SEGMENT - OVERLAP):
        part = slice(first, first + SEGMENT)
        video = animator.segment(reference, poses[part], faces[part], tail, generator, lambda: None)
        made.append(video[:, OVERLAP if tail is not None else 0 :])
        tail = video[None, :, -OVERLAP:] * 2 - 1
    got = torch.cat(made, 1)
    assert got.shape == expected.shape == (3, count, 32, 48)
    assert (got - expected).abs().max() < 1e-4 and expected.std() > 0.01
    alone = animator.segment(reference, poses[SEGMENT - OVERLAP :], faces[SEGMENT - OVERLAP :], None, generator, int)
    assert (alone[:, OVERLAP:] - expected[:, SEGMENT:]).abs().max() > 1e-3  # the join makes a difference


@needs_diffusers
@pytest.mark.parametrize("count", [1, 13, 30])
def test_every_pose_is_a_frame_of_the_video(folder: Path, short: None, count: int) -> None:
    frames = list(film(folder, count, listener := Listener()))
    assert len(frames) == count and frames[0].shape == (64, 48, 3)
    assert np.stack(frames).std() > 1
    segments = cost.segments(count)
    assert [name for name in listener.stages if name.startswith("drawing, ")] == [
        f"drawing, segment {number} of {segments}" for number in range(1, segments + 1)
    ]
    assert listener.steps == STEPS and kept() == []
    for one, other in zip(frames, film(folder, count), strict=True):
        np.testing.assert_array_equal(one, other)  # the same each time


@needs_diffusers
def test_it_goes_on_after_the_last_segment_that_was_finished(
    folder: Path, short: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dancegen.renderers.diffusion.pipeline import Animator

    expected = list(film(folder, 30))
    drawn_now: list[bool] = []
    whole = Animator.segment

    def count(self: Any, *given: Any) -> torch.Tensor:
        drawn_now.append(given[3] is None)
        return whole(self, *given)

    monkeypatch.setattr(Animator, "segment", count)

    class Pressed(Listener):
        def advance(self, steps: int = 1) -> None:
            if "segment 3" in self.stages[-1]:
                raise KeyboardInterrupt

    started = film(folder, 30, Pressed())
    with pytest.raises(KeyboardInterrupt):
        list(started)
    assert kept() == ["segment-0000.safetensors", "segment-0001.safetensors"] and drawn_now == [True, False, False]
    drawn_now.clear()
    again = list(film(folder, 30))
    assert drawn_now == [False, False] and kept() == []
    for one, other in zip(again, expected, strict=True):
        np.testing.assert_array_equal(one, other)
    next(film(folder, 30))
    drawn_now.clear()
    next(film(folder, 29))  # another dance
    assert drawn_now == [True]


@needs_diffusers
def test_a_segment_that_is_damaged_is_drawn_again(folder: Path, short: None) -> None:
    from dancegen.renderers.diffusion.store import cache_folder

    expected = next(film(folder, 30))
    broken = next(cache_folder().rglob("segment-0000.safetensors"))
    broken.write_bytes(broken.read_bytes()[:100])
    np.testing.assert_array_equal(next(film(folder, 30)), expected)


@needs_diffusers
def test_full_memory_is_told_and_nothing_drawn_is_lost(
    folder: Path, short: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dancegen.renderers.diffusion.pipeline import Animator

    whole = Animator.segment
    calls = []

    def failing(self: Any, *given: Any) -> torch.Tensor:
        calls.append(given)
        if len(calls) > 1:
            self._pipeline.transformer.forward = lambda **_: (_ for _ in ()).throw(torch.OutOfMemoryError("full"))
        return whole(self, *given)

    monkeypatch.setattr(Animator, "segment", failing)
    with pytest.raises(DancegenError, match="the memory was full while drawing 48x64: choose a smaller --size"):
        list(film(folder, 30))
    assert kept() == ["segment-0000.safetensors"]


@needs_diffusers
@pytest.mark.parametrize(
    "plan", [cost.Plan("blocks", False, 0, 0, ""), cost.Plan("whole", True, 0, 0, "")], ids=["blocks", "eight bits"]
)
def test_other_plans_draw_nearly_the_same(folder: Path, short: None, plan: cost.Plan) -> None:
    from dancegen.renderers.diffusion.pipeline import Animator

    draw = np.random.default_rng(1)
    reference, *poses = draw.integers(0, 255, (SEGMENT + 1, 32, 32, 3)).astype(np.uint8)
    given = (reference, poses, poses, None)
    one, other = (
        Animator(folder, CPU, how).segment(*given, torch.Generator().manual_seed(0), lambda: None)
        for how in (cost.Plan("whole", False, 0, 0, ""), plan)
    )
    assert (one - other).abs().mean() < (0.05 if plan.eight_bit else 1e-6)


@needs_diffusers
def test_a_folder_without_a_pipeline_is_told(tmp_path: Path, folder: Path, short: None) -> None:
    with pytest.raises(DancegenError, match="loading Wan-Animate failed"):
        list(film(tmp_path, 5))
    with pytest.raises(DancegenError, match="draws 30 frames a second, not 25"):
        body, poses = dancing(5)
        renderer = registry.load("renderer", "wan-animate", folder, CPU)
        list(make_scene(renderer, [body], 64).frames(replace(poses, fps=25.0)))
    with pytest.raises(DancegenError, match="draws one person"):
        renderer.prepare(body, Plate([body, body], 64))


@needs_diffusers
def test_a_video_from_the_hub_to_the_file(
    folder: Path, short: None, beat_song: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without its weights the command that fetches them is named; with them the whole of `produce` makes a video."""
    request = Request(beat_song, PICTURE, duration=1.0, size=64, pose=POSE, device="cpu", renderer="wan-animate")
    still = SkeletonSequence(np.zeros((30, 18, 3)) + np.arange(18)[:, None] * 0.01, 30)
    known = Known(dance=still)
    with running_hub() as hub:
        point_client_at(hub, tmp_path, monkeypatch)
        with pytest.raises(DancegenError, match=r"82.3 GB, licence Apache-2.0: run `dancegen weights download wan-"):
            produce(request, VideoFile(tmp_path / "a.mp4"), known=known)
        for path in folder.rglob("*"):
            if path.is_file():
                hub.files[(REPO, str(path.relative_to(folder)))] = path.read_bytes()
        listed = look_up(replace(load_repositories()[0], repo_id=REPO))
        assert listed.revision == COMMIT
        fetch_all(listed)
        remember(listed)
        asked = len(hub.requests)
        made = produce(request, VideoFile(tmp_path / "a.mp4"), listener := Listener(), known=known)
        assert len(hub.requests) == asked  # nothing is asked for any more
    assert made.frames == 30 and made.facts["renderer"] == "wan-animate"
    assert (tmp_path / "a.mp4").stat().st_size > 1000
    assert any("segment 4 of 4" in name for name in listener.stages) and kept() == []


@needs_diffusers
def test_the_command_takes_a_folder_of_weights(
    folder: Path, short: None, beat_song: Path, tmp_path: Path, run_main: Callable[..., Ran], quick: tuple[str, ...]
) -> None:
    fast = [word for word in quick if word not in ("--fps", "5")]
    weights = ("--weights", f"renderer.wan-animate={folder}")
    arguments = ("render", beat_song, PICTURE, *fast, *weights, "--renderer", "wan-animate", "--duration", "0.7", "-q")
    done = run_main(*arguments, "-o", tmp_path / "a.mp4")
    assert done.status == 0 and "21 frames of 42x64" in done.out, done.err


def test_what_the_renderer_cannot_draw_is_refused_at_once() -> None:
    how = {"renderer": "wan-animate"}
    for said, given in (
        ("draws 30 frames a second, not 25", {"fps": 25.0}),
        ("draws the background too", {"background": "green"}),
        ("draws one person", {"people": "all"}),
    ):
        with pytest.raises(DancegenError, match=said):
            Request(Path("a.mp3"), Path("a.png"), **how, **given)
    assert Request(Path("a.mp3"), Path("a.png"), **how, preview=True, fps=25.0).drawn_by == "skeleton"


def test_the_plan_follows_the_memory() -> None:
    size = (832, 480)
    ways = cost.plans(size)
    assert [way.device_bytes for way in ways] == sorted([way.device_bytes for way in ways], reverse=True)
    assert 35e9 < ways[0].device_bytes < 50e9 and ways[-1].device_bytes < 16e9
    for free, name, eight_bit in ((80e9, "whole", False), (41e9, "parts", False), (24e9, "parts", True)):
        assert (cost.choose(size, free).name, cost.choose(size, free).eight_bit) == (name, eight_bit)
    assert cost.choose(size, 12e9).name == "blocks"
    with pytest.raises(DancegenError, match=r"needs 1[0-9] GB of the GPU's memory, 8\.0 GB are free: choose a smaller"):
        cost.choose((1280, 720), 8e9)
    assert cost.plans((1280, 720))[0].device_bytes > ways[0].device_bytes


def test_time_and_room_grow_with_the_video() -> None:
    assert [cost.segments(frames) for frames in (1, 77, 78, 149, 150)] == [1, 1, 2, 2, 3]
    minute = cost.seconds((832, 480), 1800)
    assert 600 < minute < 36_000 and cost.seconds((1280, 720), 1800) > 2 * minute
    assert cost.seconds((832, 480), 900) < 0.6 * minute
    assert cost.room((832, 480), 1800) > 1800 * 832 * 480 * 3


def test_without_the_extra_it_is_named() -> None:
    line = registry.backend("renderer", "wan-animate")
    if HERE:
        assert line.missing == ""
    else:
        with pytest.raises(DancegenError, match=r"pip install 'dancegen\[photoreal\]'"):
            registry.load("renderer", "wan-animate", None, CPU)
