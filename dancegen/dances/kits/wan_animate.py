"""Kits for Wan-Animate: pose video, face video, reference picture.

Source: Wan-Video/Wan2.2, wan/animate.py (`prepare_source`, `get_valid_len`) and wan/modules/animate/preprocess
(`draw_aapose_new`, `resize_by_area`, `padding_resize`); ComfyUI, comfy_extras/nodes_wan.py (`WanAnimateToVideo`).
"""

from __future__ import annotations

from dancegen.body.draw import Look
from dancegen.dances.kits.face import SIDE, face_frames
from dancegen.dances.kits.frame import Frame, pad, shape_like
from dancegen.dances.kits.material import Material
from dancegen.dances.kits.poses import Drawing
from dancegen.dances.kits.workflow import Graph, Link, join, output, sample, wan_models

FPS = 30.0
AREA, STEP = 1280 * 720, 16  # pixels of the frame, and what its sides are multiples of
SEGMENT, OVERLAP = 77, 5  # frames; ComfyUI's node goes on from five of the segment before
MOST = 24  # segments in one workflow: a minute


def frame_of(picture: tuple[int, int], area: int = AREA) -> Frame:
    """The frame of a picture (w, h): all of it, black beside it."""
    return pad(picture, shape_like(picture, area, STEP))


def drawing(size: tuple[int, int]) -> Drawing:
    """Sticks whose width follows the frame (w, h), as `draw_aapose_new` draws them; hands thinner, no face."""
    stick = max(min(size) // 200 - 1, 1)
    return Drawing(Look(stick, stick, 0.6, ellipses=True), max(stick // 2, 1) / 2, max(stick // 2, 1))


def write(material: Material) -> dict[str, str]:
    """Write the kit; returns what its README says besides."""
    frame = frame_of(material.picture_size)
    poses = material.poses(FPS, frame)
    count = len(poses[0])
    material.save("src_ref.png", frame.picture(material.picture))
    material.pose_video("src_pose.mp4", frame.size, poses, drawing(frame.size))
    faces = face_frames(material.people[0], poses[0], frame.size)
    material.film("src_face.mp4", (SIDE, SIDE), FPS, faces, count)
    graph, made = workflow(material, frame.size, count)
    material.write("workflow.json", graph.text())
    cut = "" if made >= count else f" The workflow makes the first {made / FPS:.0f} s; their own script makes all."
    return {"size": f"{frame.size[0]}x{frame.size[1]}", "cut": cut}


def workflow(material: Material, size: tuple[int, int], count: int) -> tuple[Graph, int]:
    """The workflow, segment after segment, and how many frames it makes."""
    graph = Graph(material.name)
    reference = graph.image("src_ref.png")
    (pose, sound), (face, _) = graph.video("src_pose.mp4"), graph.video("src_face.mp4")
    models = wan_models(graph, "wan2.2_animate_14B_bf16.safetensors", material.prompt, reference)
    model = models.pop("model")
    parts: list[Link] = []
    before: dict[str, Link | int] = {"video_frame_offset": 0}
    done = 0
    while done < count and len(parts) < MOST:
        made = graph.node(
            "WanAnimateToVideo",
            **models,
            width=size[0],
            height=size[1],
            length=SEGMENT,
            batch_size=1,
            continue_motion_max_frames=OVERLAP,
            reference_image=reference,
            pose_video=pose,
            face_video=face,
            **before,
        )
        latent = graph.node(
            "TrimVideoLatent", samples=sample(graph, model, made, 20, 1.0, 2), trim_amount=output(made, 3)
        )
        images = graph.node("VAEDecode", samples=latent, vae=models["vae"])
        fresh = graph.node("ImageFromBatch", image=images, batch_index=output(made, 4), length=4096)
        parts.append(fresh)
        before = {"continue_motion": images, "video_frame_offset": output(made, 5)}
        done += SEGMENT if len(parts) == 1 else SEGMENT - OVERLAP
    done = min(done, count)
    whole = graph.node("ImageFromBatch", image=join(graph, parts), batch_index=0, length=min(done, 4096))
    graph.save(whole, FPS, sound if material.song else None)
    return graph, done
