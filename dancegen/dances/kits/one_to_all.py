"""Kits for One-to-All: its cache folder, as its own preprocessing leaves it.

Source: ssj9596/One-to-All-Animation, video-generation/infer_preprocess.py (names, sizes), inference_1.3b.py
(`find_cache_dir`, `build_split_plan`: fewer than 81 frames fail), opensora/dataset/utils.py (`draw_pose_aligned`);
kijai/ComfyUI-WanVideoWrapper, onetoall/nodes.py (segments).
"""

from __future__ import annotations

import numpy as np

from dancegen.body.draw import Look
from dancegen.body.sequence import SkeletonSequence
from dancegen.dances.kits.material import Material
from dancegen.dances.kits.workflow import Graph, Link, join, output
from dancegen.dances.kits.wrapper import WINDOW, encode, load_models, load_vae
from dancegen.dances.kits.wrapper import draw as sample
from dancegen.renderers.control.frame import crop
from dancegen.renderers.control.poses import Drawing, draw, hold

FPS = 30.0
SHORT, STEP = 768, 16  # pixels: the most that the shorter side has, and what sides are multiples of
LEAST = 81  # frames
OVERLAP = 5  # frames that a segment shares with the one before
MOST = 19  # segments of one workflow: 48 s
DRAWN_AT = 2160  # pixels of the shorter side at which it draws before it makes the picture smaller
WIDER = ((512, 1.0), (1080, 1.5), (2160, 2.0), (3240, 2.5), (4320, 3.5), (5400, 4.5))  # longer side -> factor of sticks


def frame_size(picture: tuple[int, int]) -> tuple[int, int]:
    """Width and height for a picture (w, h), by their rule."""
    scale = min(1.0, SHORT / min(picture))
    wide, high = (max(int(side * scale) // STEP, 1) * STEP for side in picture)
    return wide, high


def drawing(size: tuple[int, int]) -> Drawing:
    """Sticks as wide as theirs are once their drawing is made as small as the frame (w, h); no points of the face."""
    shrunk = min(size) / DRAWN_AT
    longer = max(size) / shrunk
    factor = next((factor for side, factor in WIDER if longer < side), 4.0)
    stick, hand = int(3 * factor) * shrunk, int(2 * factor) * shrunk
    return Drawing(Look(stick, stick, 0.6, ellipses=True), hand / 2, hand)


def write(material: Material) -> dict[str, str]:
    """Write the kit; returns what its README says besides."""
    size = frame_size(material.picture_size)
    frame = crop(material.picture_size, size)
    poses = material.poses(FPS, frame)[0]
    poses = hold(poses, max(len(poses), LEAST))
    cache = f"ref_reference_driven_dance_align_ref_h_{size[1]}_w_{size[0]}_fps_{FPS}"
    (material.folder / cache).mkdir()
    reference = frame.picture(material.picture)
    person = frame.person(material.people[0])
    flat = np.concatenate([person.joints, np.zeros((len(person.joints), 1))], axis=1)[None]  # (1, V, 3)
    own = next(draw(size, [SkeletonSequence(flat, FPS, person.confidence[None])], drawing(size)))
    material.save(f"{cache}/image_input.png", reference)
    material.save(f"{cache}/pose_input.png", own)
    material.save(f"{cache}/mask_input.png", np.zeros_like(reference))
    material.pose_video(f"{cache}/pose.mp4", size, [poses], drawing(size))
    graph, made = workflow(material, cache, size, len(poses))
    material.write("workflow.json", graph.text())
    cut = "" if made >= len(poses) else f" The workflow makes the first {made / FPS:.0f} s; their own script makes all."
    return {"size": f"{size[0]}x{size[1]}", "cache": cache, "cut": cut}


def workflow(material: Material, cache: str, size: tuple[int, int], count: int) -> tuple[Graph, int]:
    """The workflow for kijai's ComfyUI-WanVideoWrapper, segment after segment, and how many frames it makes."""
    graph = Graph(material.name)
    picture, own = graph.image(f"{cache}/image_input.png"), graph.image(f"{cache}/pose_input.png")
    pose, sound = graph.video(f"{cache}/pose.mp4")
    vae = load_vae(graph)
    models = load_models(graph, "Wan21-OneToAllAnimation_fp8_e4m3fn_scaled_KJ.safetensors", material.prompt)
    empty = graph.node("WanVideoEmptyEmbeds", width=size[0], height=size[1], num_frames=WINDOW)
    always = {"strength": 1.0, "start_percent": 0.0, "end_percent": 1.0}
    person = graph.node("WanVideoAddOneToAllReferenceEmbeds", embeds=empty, vae=vae, ref_image=picture, **always)
    first = graph.node("ImageFromBatch", image=pose, batch_index=0, length=WINDOW)
    embeds, shown, images = person, first, first
    parts: list[Link] = []
    done = 0
    while done < count and len(parts) < MOST:
        if parts:
            last = graph.node("ImageFromBatch", image=images, batch_index=WINDOW - OVERLAP, length=OVERLAP)
            embeds = graph.node(
                "WanVideoAddOneToAllExtendEmbeds",
                **{"embeds": person, "prev_latents": encode(graph, vae, last), "pose_images": pose},
                **{"window_size": WINDOW, "overlap": OVERLAP, "frames_processed": done},
                if_not_enough_frames="pad_with_last",
            )
            shown = output(embeds, 1)
        led = graph.node(
            "WanVideoAddOneToAllPoseEmbeds", embeds=embeds, pose_images=shown, pose_prefix_image=own, **always
        )
        images = sample(graph, models, led, vae)
        fresh = OVERLAP if parts else 0
        parts.append(graph.node("ImageFromBatch", image=images, batch_index=fresh, length=WINDOW - fresh))
        done += WINDOW - fresh
    done = min(done, count)
    whole = graph.node("ImageFromBatch", image=join(graph, parts), batch_index=0, length=done)
    graph.save(whole, FPS, sound if material.song else None)
    return graph, done
