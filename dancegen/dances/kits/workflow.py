"""ComfyUI workflows in API format: {node's number: {"class_type", "inputs", "_meta"}}, links as [number, output]."""

from __future__ import annotations

import json
from typing import Any

Link = list[Any]  # [number of a node, number of its output]
# What of the Wan family's files ComfyUI's own templates name: to be replaced by those that are there.
TEXT_ENCODER = "umt5_xxl_fp8_e4m3fn_scaled.safetensors"
VISION = "clip_vision_h.safetensors"
VAE = "wan_2.1_vae.safetensors"
NEGATIVE = "blurred, deformed limbs, extra fingers, still picture, subtitles, low quality"


class Graph:
    """A workflow being put together."""

    def __init__(self, folder: str) -> None:
        self._folder, self._nodes = folder, {}  # type: ignore[var-annotated]

    def node(self, kind: str, **inputs: Any) -> Link:
        """Add a node; returns the link to its first output."""
        number = str(len(self._nodes) + 1)
        self._nodes[number] = {"class_type": kind, "inputs": inputs, "_meta": {"title": kind}}
        return [number, 0]

    def file(self, name: str) -> str:
        """How ComfyUI calls a file of the kit, whose folder lies in its input folder."""
        return f"{self._folder}/{name}"

    def image(self, name: str) -> Link:
        """A picture of the kit: IMAGE."""
        return self.node("LoadImage", image=self.file(name))

    def video(self, name: str) -> tuple[Link, Link]:
        """A video of the kit: its frames (IMAGE) and its sound (AUDIO)."""
        parts = self.node("GetVideoComponents", video=self.node("LoadVideo", file=self.file(name)))
        return parts, output(parts, 1)

    def save(self, images: Link, fps: float, sound: Link | None) -> None:
        """The result as a video, with the song where there is one."""
        audio = {"audio": sound} if sound else {}
        made = self.node("CreateVideo", images=images, fps=fps, **audio)
        self.node("SaveVideo", video=made, filename_prefix=f"video/{self._folder}", format="auto", codec="auto")

    def text(self) -> str:
        """The file."""
        return json.dumps(self._nodes, indent=2) + "\n"


def output(link: Link, number: int) -> Link:
    """Another output of the same node."""
    return [link[0], number]


def join(graph: Graph, parts: list[Link]) -> Link:
    """Batches of images one after the other."""
    whole = parts[0]
    for part in parts[1:]:
        whole = graph.node("ImageBatch", image1=whole, image2=part)
    return whole


def wan_models(graph: Graph, model: str, prompt: str, reference: Link) -> dict[str, Link]:
    """What all of ComfyUI's own Wan nodes need: model, vae, positive, negative, clip_vision_output."""
    clip = graph.node("CLIPLoader", clip_name=TEXT_ENCODER, type="wan", device="default")
    vision = graph.node("CLIPVisionLoader", clip_name=VISION)
    loaded = graph.node("UNETLoader", unet_name=model, weight_dtype="default")
    return {
        "model": graph.node("ModelSamplingSD3", model=loaded, shift=5.0),
        "vae": graph.node("VAELoader", vae_name=VAE),
        "positive": graph.node("CLIPTextEncode", text=prompt, clip=clip),
        "negative": graph.node("CLIPTextEncode", text=NEGATIVE, clip=clip),
        "clip_vision_output": graph.node("CLIPVisionEncode", clip_vision=vision, image=reference, crop="none"),
    }


def sample(graph: Graph, model: Link, made: Link, steps: int, cfg: float, latent: int) -> Link:
    """Denoise what a conditioning node made, whose output number `latent` is the latent."""
    return graph.node(
        "KSampler",
        model=model,
        seed=0,
        steps=steps,
        cfg=cfg,
        sampler_name="euler",
        scheduler="simple",
        positive=made,
        negative=output(made, 1),
        latent_image=output(made, latent),
        denoise=1.0,
    )
