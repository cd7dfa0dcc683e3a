"""Nodes of kijai's ComfyUI-WanVideoWrapper that several workflows have.

Source: kijai/ComfyUI-WanVideoWrapper, nodes.py, nodes_model_loading.py, nodes_sampler.py. Where guidance is on, its
SteadyDancer needs negative poses; its One-to-All reads the poses of one segment, context windows do not cut them.
"""

from __future__ import annotations

from dancegen.dances.kits.workflow import NEGATIVE, Graph, Link

WINDOW = 81  # frames drawn at once
_TILES = {"enable_vae_tiling": False, "tile_x": 272, "tile_y": 272, "tile_stride_x": 144, "tile_stride_y": 128}


def load_vae(graph: Graph) -> Link:
    """The coder of pictures."""
    return graph.node("WanVideoVAELoader", model_name="Wan2_1_VAE_bf16.safetensors", precision="bf16")


def encode(graph: Graph, vae: Link, images: Link) -> Link:
    """Images as latents."""
    return graph.node("WanVideoEncode", vae=vae, image=images, **_TILES)


def load_models(graph: Graph, model: str, prompt: str) -> dict[str, Link]:
    """What each sampler needs: the model, and what it is told."""
    loaded = graph.node(
        "WanVideoModelLoader", model=model, base_precision="fp16", quantization="disabled", load_device="offload_device"
    )
    text = graph.node(
        "WanVideoTextEncodeCached",
        **{"model_name": "umt5-xxl-enc-bf16.safetensors", "precision": "bf16", "quantization": "disabled"},
        **{"positive_prompt": prompt, "negative_prompt": NEGATIVE, "use_disk_cache": True, "device": "gpu"},
    )
    return {"model": loaded, "text_embeds": text}


def draw(graph: Graph, models: dict[str, Link], embeds: Link, vae: Link, frames: int = WINDOW) -> Link:
    """Sample and decode; in windows that overlap where one does not hold the frames."""
    windows = {}
    if frames > WINDOW:
        windows["context_options"] = graph.node(
            "WanVideoContextOptions",
            **{"context_schedule": "uniform_standard", "context_frames": WINDOW, "context_stride": 4},
            **{"context_overlap": 16, "freenoise": True, "verbose": False},
        )
    samples = graph.node(
        "WanVideoSampler",
        **models,
        **{"image_embeds": embeds, "steps": 30, "cfg": 5.0, "shift": 5.0},
        **{"seed": 0, "force_offload": True, "scheduler": "unipc", "riflex_freq_index": 0, **windows},
    )
    return graph.node("WanVideoDecode", vae=vae, samples=samples, **_TILES)
