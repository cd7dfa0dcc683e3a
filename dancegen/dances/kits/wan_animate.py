"""Kits for Wan-Animate: pose video, face video, reference picture.

Source: Wan-Video/Wan2.2, wan/animate.py (`prepare_source`, `get_valid_len`) and wan/modules/animate/preprocess
(`draw_aapose_new`, `resize_by_area`, `padding_resize`); ComfyUI, comfy_extras/nodes_wan.py (`WanAnimateToVideo`).
"""

from __future__ import annotations

from dancegen.dances.kits.material import Material
from dancegen.dances.kits.workflow import Graph, Link, join, output, sample, wan_models
from dancegen.renderers.control.face import SIDE, face_frames
from dancegen.renderers.control.frame import pad, shape_like
from dancegen.renderers.control.wan import AREA, FPS, OVERLAP, SEGMENT, STEP, drawing

MOST = 24  # segments in one workflow: a minute


def write(material: Material) -> dict[str, str]:
    """Write the kit; returns what its README says besides."""
    frame = pad(material.picture_size, shape_like(material.picture_size, AREA, STEP))
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
