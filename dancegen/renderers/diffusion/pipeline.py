"""diffusers' WanAnimatePipeline: loaded as the memory allows, drawn segment by segment.

The pipeline draws all segments in one call and keeps them in memory. Here each is a call of its own, so that it can be
kept on the disk; what joins it to the one before is the pipeline's own step for that, given the frames to go on from.

Glossary: T frames, h x w the frame.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from dancegen.errors import DancegenError
from dancegen.renderers.control.wan import OVERLAP
from dancegen.renderers.diffusion.cost import STEPS, Plan

PROMPT = "视频中的人在做动作"  # "the person in the video is moving": Wan-Animate's own, which it was trained with
GUIDANCE = 1.0  # none: it is trained to do without


class Animator:
    """The pipeline, ready to draw segments of one person.

    Args:
        folder: of the pipeline, as `save_pretrained` writes it.
        device: where it works.
        plan: how it is held there.

    Raises:
        DancegenError: the folder holds no such pipeline, or the memory is full.
    """

    def __init__(self, folder: Path, device: torch.device, plan: Plan) -> None:
        kind = torch.float32 if device.type == "cpu" else torch.bfloat16
        with _explain_errors("loading Wan-Animate"), _silence():
            self._prompt = _encode_prompt(folder, device, kind)  # (1, L, C)
            self._pipeline = _load(folder, kind)
            _place(self._pipeline, device, plan)
        self._join = self._pipeline.prepare_prev_segment_cond_latents
        self._pipeline.prepare_prev_segment_cond_latents = self._go_on
        self._tail: torch.Tensor | None = None

    def segment(
        self,
        reference: np.ndarray,
        poses: Sequence[np.ndarray],
        faces: Sequence[np.ndarray],
        tail: torch.Tensor | None,
        draw_from: torch.Generator,
        step: Callable[[], None],
    ) -> torch.Tensor:
        """Draw one segment.

        Args:
            reference: uint8 (h, w, 3).
            poses, faces: as many as frames, uint8 (h, w, 3) and (s, s, 3).
            tail: (1, 3, OVERLAP, h, w) in -1..1, the last frames of the segment before; None for the first.
            draw_from: for the noise, on the CPU.
            step: called after each step of denoising; what it raises ends the work.

        Returns:
            (3, T, h, w) float32 in 0..1; the first OVERLAP of them are those of the tail, where there is one.

        Raises:
            DancegenError: the memory is full.
        """

        def tell(_pipeline: Any, _number: int, _time: Any, given: dict[str, Any]) -> dict[str, Any]:
            step()
            return given

        self._tail = tail
        with _explain_errors(f"drawing {reference.shape[1]}x{reference.shape[0]}"), _silence(), torch.inference_mode():
            made = self._pipeline(
                image=Image.fromarray(reference),
                pose_video=[Image.fromarray(one) for one in poses],
                face_video=[Image.fromarray(one) for one in faces],
                height=reference.shape[0],
                width=reference.shape[1],
                segment_frame_length=len(poses),
                num_inference_steps=STEPS,
                mode="animate",
                prev_segment_conditioning_frames=OVERLAP,
                guidance_scale=GUIDANCE,
                prompt_embeds=self._prompt,
                generator=draw_from,
                output_type="pt",
                callback_on_step_end=tell,
            ).frames  # (1, T, 3, h, w)
        video: torch.Tensor = made[0].transpose(0, 1).float().cpu()  # (3, T, h, w)
        return video

    def _go_on(self, before: torch.Tensor | None = None, **given: Any) -> torch.Tensor:
        """The pipeline's step that joins segments, told of the one before, of which each call knows nothing."""
        if self._tail is not None:
            before, given = self._tail.to(given.get("device")), {**given, "start_frame": OVERLAP}
        joined: torch.Tensor = self._join(before, **given)
        return joined


def _encode_prompt(folder: Path, device: torch.device, kind: torch.dtype) -> torch.Tensor:
    """The prompt as the network reads it; the text encoder, of 11 GB, is let go of at once."""
    from diffusers import WanAnimatePipeline

    without = {"transformer": None, "vae": None, "image_encoder": None, "image_processor": None, "scheduler": None}
    text = WanAnimatePipeline.from_pretrained(folder, **without, torch_dtype=kind, local_files_only=True)
    free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else 0
    if sum(one.numel() * one.element_size() for one in text.text_encoder.parameters()) < 0.8 * free:
        text.text_encoder.to(device)
    with torch.inference_mode():
        made: torch.Tensor = text.encode_prompt(
            PROMPT, do_classifier_free_guidance=False, max_sequence_length=512, device=text.text_encoder.device
        )[0]
    return made.to("cpu", copy=True)


def _load(folder: Path, kind: torch.dtype) -> Any:
    """The pipeline without its text encoder; frames are coded in float32, where bfloat16 leaves bands."""
    from diffusers import WanAnimatePipeline

    kinds = {"vae": torch.float32, "default": kind}
    without = {"text_encoder": None, "tokenizer": None}
    pipeline = WanAnimatePipeline.from_pretrained(folder, **without, torch_dtype=kinds, local_files_only=True)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def _place(pipeline: Any, device: torch.device, plan: Plan) -> None:
    """Hold the parts as the plan says."""
    if plan.eight_bit:
        pipeline.transformer.enable_layerwise_casting(
            storage_dtype=torch.float8_e4m3fn, compute_dtype=pipeline.transformer.dtype
        )
    if plan.name == "whole":
        pipeline.to(device)
    elif plan.name == "parts":
        pipeline.enable_model_cpu_offload(device=device)
    else:
        pipeline.vae.to(device)
        pipeline.image_encoder.to(device)
        pipeline.transformer.enable_group_offload(
            onload_device=device,
            offload_device=torch.device("cpu"),
            offload_type="block_level",
            num_blocks_per_group=1,
            use_stream=device.type == "cuda",
        )


@contextlib.contextmanager
def _explain_errors(doing: str) -> Any:
    """What goes wrong in the libraries, in plain words."""
    try:
        yield
    except torch.OutOfMemoryError as cause:
        what = f"the memory was full while {doing}"
        raise DancegenError(what, "choose a smaller --size, or close other programs; what is drawn is kept") from cause
    except (OSError, ValueError) as cause:
        said = " ".join(str(cause).split())[:200]
        raise DancegenError(f"{doing} failed ({said})", "run `dancegen weights verify wan-animate`") from cause


@contextlib.contextmanager
def _silence() -> Any:
    """Neither bars nor warnings of the libraries: progress is told step by step."""
    from diffusers.utils import logging as of_diffusers
    from transformers.utils import logging as of_transformers

    levels = [library.get_verbosity() for library in (of_diffusers, of_transformers)]
    try:
        for library in (of_diffusers, of_transformers):
            library.set_verbosity_error()
            library.disable_progress_bar()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for library, level in zip((of_diffusers, of_transformers), levels, strict=True):
            library.set_verbosity(level)
            library.enable_progress_bar()
