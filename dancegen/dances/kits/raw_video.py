"""Kits for animators that take a driving video and no skeleton: Wan-Animate-2 and SCAIL-2.

Source: diffusers, modular_pipelines/wan_animate_2/encoders.py (letterboxing, `driving_video_fps`); zai-org/SCAIL-2,
README of branch wan-scail2 ("Mask Semantics"), sample_video.py of branch sat-scail2 (names of the files, segments,
`extract_and_compress_mask_to_latent`); ComfyUI, comfy_extras/nodes_wan.py (`WanAnimate2ToVideo`) and nodes_scail.py
(`WanSCAILToVideo`, `SCAIL2ColoredMask`); these nodes cut off what is of another shape.
"""

from __future__ import annotations

import math
import shutil
from contextlib import ExitStack
from typing import Any

from dancegen.dances.kits.driving import FPS, colour_masks
from dancegen.dances.kits.material import EXACT, Material
from dancegen.dances.kits.workflow import Graph, Link, join, output, sample, wan_models
from dancegen.renderers.control.frame import crop
from dancegen.renderers.control.poses import hold
from dancegen.video.encode import VideoWriter

SEGMENT = 81  # frames
SHARED = 5  # frames that a segment of SCAIL-2 shares with the one before
MOST = 24  # segments in one workflow: a minute
ANIMATE_2, SCAIL_2 = "wan_animate_2_int8_convrot.safetensors", "wan2.1_14B_SCAIL_2_fp8_scaled.safetensors"


def write_wan_animate_2(material: Material) -> dict[str, str]:
    """Reference picture, driving video, workflow; returns what the README says besides."""
    size = material.driving_size
    material.save("reference.png", crop(material.picture_size, size).picture(material.picture))
    count = material.count(FPS)
    _drive(material, ["driving.mp4"], count)
    graph, made = _animate_2(material, size, count)
    material.write("workflow.json", graph.text())
    return {"size": f"{size[0]}x{size[1]}", "cut": _cut(made, count)}


def write_scail_2(material: Material) -> dict[str, str]:
    """The folder that SCAIL-2 reads, with who is who in colours; returns what the README says besides."""
    size = material.driving_size
    frame = crop(material.picture_size, size)
    material.save("ref.png", frame.picture(material.picture))
    material.save("ref_mask.png", colour_masks(material.people, frame))
    count = material.count(FPS)
    _drive(material, ["driving.mp4", "rendered_mask_v2.mp4"], whole_segments(count))
    shutil.copyfile(material.folder / "driving.mp4", material.folder / "rendered_v2.mp4")
    graph, made = _scail(material, size, count)
    material.write("workflow.json", graph.text())
    return {"size": f"{size[0]}x{size[1]}", "cut": _cut(made, count)}


def whole_segments(count: int) -> int:
    """Frames that SCAIL-2's script needs to draw `count`: it leaves out a segment that ends with the video or after."""
    if count <= SEGMENT:
        return count
    return SEGMENT + math.ceil((count - SEGMENT) / (SEGMENT - SHARED)) * (SEGMENT - SHARED) + 1


def _drive(material: Material, names: list[str], count: int) -> None:
    """Write the driving video of `count` frames, the last pose held, and with a second name who is where in it."""
    driver = material.drive(material.driving_size)
    poses = [hold(one, count) for one in driver.poses(material.dances, FPS)]
    material.reporter.stage(names[0], len(poses[0]), "frames")
    with ExitStack() as open_files:
        videos = [
            open_files.enter_context(
                VideoWriter(material.folder / name, *driver.size, FPS, song, {"title": name}, EXACT)
            )
            for name, song in zip(names, (material.song, None), strict=False)
        ]
        for shown in driver.frames(poses):
            for video, image in zip(videos, shown, strict=False):
                video.write(image)
            material.reporter.advance()


def _animate_2(material: Material, size: tuple[int, int], count: int) -> tuple[Graph, int]:
    graph = Graph(material.name)
    reference, (driving, sound) = graph.image("reference.png"), graph.video("driving.mp4")
    models = wan_models(graph, ANIMATE_2, material.prompt, reference)
    given = {"reference_image": reference, "pose_video": driving}
    model, vae = models.pop("model"), models["vae"]
    parts: list[Link] = []
    before: dict[str, Any] = {"video_frame_offset": 0}
    done = 0
    while done < count and len(parts) < MOST:
        made = graph.node("WanAnimate2ToVideo", **models, **_sizes(size), **given, **before)
        drawn = sample(graph, model, made, 40, 5.0, 2)
        latent = graph.node("TrimVideoLatent", samples=drawn, trim_amount=output(made, 3))
        images = graph.node("VAEDecode", samples=latent, vae=vae)
        parts.append(graph.node("ImageFromBatch", image=images, batch_index=output(made, 4), length=4096))
        before = {"continue_motion": images, "video_frame_offset": output(made, 5)}
        done += SEGMENT - (len(parts) > 1)
    return _finish(graph, parts, min(done, count), sound if material.song else None)


def _scail(material: Material, size: tuple[int, int], count: int) -> tuple[Graph, int]:
    graph = Graph(material.name)
    reference, (driving, sound) = graph.image("ref.png"), graph.video("rendered_v2.mp4")
    models = wan_models(graph, SCAIL_2, material.prompt, reference)
    given = {
        "reference_image": reference,
        "reference_image_mask": graph.image("ref_mask.png"),
        "pose_video": driving,
        "pose_video_mask": graph.video("rendered_mask_v2.mp4")[0],
        **{"replacement_mode": False, "pose_strength": 1.0, "pose_start": 0.0, "pose_end": 1.0},
        "previous_frame_count": SHARED,
    }
    model, vae = models.pop("model"), models["vae"]
    parts: list[Link] = []
    before: dict[str, Any] = {"video_frame_offset": 0}
    done = 0
    while done < count and len(parts) < MOST:
        made = graph.node("WanSCAILToVideo", **models, **_sizes(size), **given, **before)
        images = graph.node("VAEDecode", samples=sample(graph, model, made, 40, 5.0, 2), vae=vae)
        first = SHARED if parts else 0
        parts.append(graph.node("ImageFromBatch", image=images, batch_index=first, length=4096))
        before = {"previous_frames": images, "video_frame_offset": output(made, 3)}
        done += SEGMENT - first
    return _finish(graph, parts, min(done, count), sound if material.song else None)


def _sizes(size: tuple[int, int]) -> dict[str, int]:
    return {"width": size[0], "height": size[1], "length": SEGMENT, "batch_size": 1}


def _finish(graph: Graph, parts: list[Link], done: int, sound: Link | None) -> tuple[Graph, int]:
    graph.save(graph.node("ImageFromBatch", image=join(graph, parts), batch_index=0, length=done), FPS, sound)
    return graph, done


def _cut(made: int, count: int) -> str:
    return "" if made >= count else f" The workflow makes the first {made / FPS:.0f} s; their own script makes all."
