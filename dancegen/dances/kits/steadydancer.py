"""Kits for SteadyDancer: clips of 81 pose pictures, with those that it shall not follow, and the first frame.

Source: MCG-NJU/SteadyDancer, generate_dancer.py (names and number of the pictures), wan/image2video_dancer.py (the
frame's size, 16 frames a second), preprocess/pose_align.py and pose_align_withdiffaug.py (drawn twice as large, no
face; the negative poses are the same in other proportions, at random); TMElyralab/MusePose, pose/script/util.py (the
drawing).
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from PIL import Image

from dancegen.body.draw import Look
from dancegen.body.joints import NECK
from dancegen.body.sequence import SkeletonSequence
from dancegen.dances.kits.material import Material
from dancegen.dances.kits.workflow import Graph, Link
from dancegen.dances.kits.wrapper import draw as sample
from dancegen.dances.kits.wrapper import encode, load_models, load_vae
from dancegen.renderers.control.frame import crop
from dancegen.renderers.control.poses import Drawing, draw, ease_in, hold

FPS = 16.0  # what it writes, whatever it is given
CLIP = 81  # frames
AREA = 1024 * 576  # pixels of the frame
TWICE = 2  # the pose pictures are drawn this much larger than the frame
EASE = 8  # poses from the picture's own to the dance's: half a second
DRAWING = Drawing(Look(dot_radius=4, limb_shade=0.6, ellipses=True, by_length=True), 2.0, 3)
SCALES, SHAPES = (0.7, 1.3), (0.6, 1.4)  # of the negative poses, and of their width against their height
QUALITY = 95  # of the JPEG files
MOST = 961  # frames of one workflow: a minute


def frame_size(picture: tuple[int, int]) -> tuple[int, int]:
    """Width and height for a picture (w, h), by their formula."""
    ratio = picture[1] / picture[0]
    return max(int(math.sqrt(AREA / ratio) // 16), 1) * 16, max(int(math.sqrt(AREA * ratio) // 16), 1) * 16


def write(material: Material) -> dict[str, str]:
    """Write the kit; returns what its README says besides."""
    size = frame_size(material.picture_size)
    frame = crop(material.picture_size, size)
    person, dance = material.people[0], material.poses(FPS, frame)[0]
    own = person.joints * frame.scale + np.asarray(frame.corner)
    poses = ease_in(dance, own, person.confidence, EASE)
    reference = frame.picture(material.picture)
    material.save("reference.png", reference)
    large = tuple(side * TWICE for side in size)
    whole = hold(poses, max(len(poses), CLIP))  # ComfyUI's node wants poses for all frames of a window
    for name, shown in (("pose.mp4", whole), ("negative.mp4", distort(whole, np.random.default_rng(0)))):
        material.pose_video(name, (large[0], large[1]), [enlarge(shown)], DRAWING)
    clips = max(1, math.ceil((len(poses) - 1) / (CLIP - 1)))
    material.reporter.stage("clips", clips, "clips")
    for number in range(clips):
        first = number * (CLIP - 1)  # a clip begins where the one before it ends
        _write_clip(material, number, poses.at(np.arange(first, min(first + CLIP, len(poses)))), size)
        material.reporter.advance()
    material.save("clip-001/ref_image.png", reference)
    material.write("workflow.json", workflow(material, size, len(poses)).text())
    cut = "" if len(poses) <= MOST else f" The workflow makes the first {MOST / FPS:.0f} s."
    return {"size": f"{size[0]}x{size[1]}", "clips": str(clips), "cut": cut}


def enlarge(poses: SkeletonSequence) -> SkeletonSequence:
    """Poses in pixels of the frame, in those of the larger pose pictures."""
    hands = None if poses.hands is None else poses.hands * (TWICE, TWICE, 1)
    return replace(poses, joints=poses.joints * TWICE, hands=hands)


def distort(poses: SkeletonSequence, draw_from: np.random.Generator) -> SkeletonSequence:
    """Each pose of another size and shape around its neck, as the negative poses are."""
    scale = draw_from.uniform(*SCALES, len(poses))
    factor = np.stack([scale * draw_from.uniform(*SHAPES, len(poses)), scale], axis=-1)[:, None]  # (T, 1, 2)
    neck = poses.joints[:, NECK, None, :2]  # (T, 1, 2)
    joints = poses.joints.copy()
    joints[..., :2] = neck + (joints[..., :2] - neck) * factor
    hands = poses.hands
    if hands is not None:
        places = neck[:, None] + (hands[..., :2] - neck[:, None]) * factor[:, None]
        hands = np.where(hands[..., 2:] > 0, np.concatenate([places, hands[..., 2:]], axis=-1), 0)
    return replace(poses, joints=joints, hands=hands)


def _write_clip(material: Material, number: int, poses: SkeletonSequence, size: tuple[int, int]) -> None:
    """The folder of one clip: 81 pictures of the poses, 81 of those not to follow, the prompt."""
    folder = material.folder / f"clip-{number + 1:03d}"
    whole = hold(poses, CLIP)
    wrong = distort(whole, np.random.default_rng(number))
    for name, shown in (("positive", whole), ("negative", wrong)):
        (folder / name).mkdir(parents=True)
        for at, image in enumerate(draw((size[0] * TWICE, size[1] * TWICE), [enlarge(shown)], DRAWING)):
            Image.fromarray(image).save(folder / name / f"{at:04d}.jpg", quality=QUALITY)
    (folder / "prompt.txt").write_text(material.prompt + "\n", encoding="utf-8")


def workflow(material: Material, size: tuple[int, int], count: int) -> Graph:
    """The workflow for kijai's ComfyUI-WanVideoWrapper: the whole dance, in windows that overlap."""
    count = min(count, MOST)
    frames = (max(count, CLIP) - 1) // 4 * 4 + 1
    graph = Graph(material.name)
    picture, (pose, sound), (negative, _) = (
        graph.image("reference.png"),
        graph.video("pose.mp4"),
        graph.video("negative.mp4"),
    )
    small, wrong = (_fit(graph, images, size, frames) for images in (pose, negative))
    vae = load_vae(graph)
    vision = graph.node("CLIPVisionLoader", clip_name="clip_vision_h.safetensors")
    look = {"strength_1": 1.0, "strength_2": 1.0, "crop": "center", "combine_embeds": "average", "force_offload": True}
    seen = graph.node("WanVideoClipVisionEncode", clip_vision=vision, image_1=picture, **look)
    first_pose = graph.node("ImageFromBatch", image=small, batch_index=0, length=1)
    seen_pose = graph.node("WanVideoClipVisionEncode", clip_vision=vision, image_1=first_pose, **look)
    first = graph.node(
        "WanVideoImageToVideoEncode",
        **{"width": size[0], "height": size[1], "num_frames": frames, "noise_aug_strength": 0.0},
        **{"start_latent_strength": 1.0, "end_latent_strength": 1.0, "force_offload": True},
        **{"vae": vae, "clip_embeds": seen, "start_image": picture},
    )
    follow = {"pose_strength_spatial": 1.0, "pose_strength_temporal": 1.0, "start_percent": 0.0, "end_percent": 1.0}
    embeds = graph.node(
        "WanVideoAddSteadyDancerEmbeds",
        embeds=first,
        pose_latents_positive=encode(graph, vae, small),
        pose_latents_negative=encode(graph, vae, wrong),
        clip_vision_embeds=seen_pose,
        **follow,
    )
    models = load_models(graph, "Wan21_SteadyDancer_fp8_e4m3fn_scaled_KJ.safetensors", material.prompt)
    images = sample(graph, models, embeds, vae, frames)
    whole = graph.node("ImageFromBatch", image=images, batch_index=0, length=count)
    graph.save(whole, FPS, sound if material.song else None)
    return graph


def _fit(graph: Graph, images: Link, size: tuple[int, int], frames: int) -> Link:
    """As many pose pictures as there are frames, as large as these."""
    small = graph.node(
        "ImageScale", image=images, upscale_method="area", width=size[0], height=size[1], crop="disabled"
    )
    return graph.node("ImageFromBatch", image=small, batch_index=0, length=frames)
