"""The README of a kit: what its files are and how they are used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

COMFY = """\
In ComfyUI: copy this folder, by its name `{name}`, into `ComfyUI/input/`, and load `workflow.json` (drag it into the
window, or send it to `/prompt`). {nodes} Choose your own files where a loader names one that you do not have.{cut}
"""
SONG = """\
`song.m4a` is the song, cut to the dance; {where}. Where a result has no sound yet:

    ffmpeg -i result.mp4 -i song.m4a -map 0:v -map 1:a -c copy -shortest with_song.mp4
"""
SILENT = "There is no song here: the dance file was exported without `--song`.\n"
CORE = "It needs no custom nodes, but a ComfyUI that knows `{node}`."
WRAPPER = "It needs the custom nodes ComfyUI-WanVideoWrapper (kijai)."

TEXTS = {
    "wan-animate": (
        "Wan-Animate (Wan2.2-Animate-14B)",
        """\
- `src_ref.png`: the picture, {size}, black beside it
- `src_pose.mp4`: the poses, {size}, {fps} frames a second, as Wan-Animate's own preprocessing draws them; on the body
  of the picture's person, so that nothing is left to retarget
- `src_face.mp4`: the picture's own face, 512x512, moved and turned with the head

With their code (github.com/Wan-Video/Wan2.2), which makes segments of 77 frames of any length:

    python generate.py --task animate-14B --ckpt_dir ./Wan2.2-Animate-14B/ --src_root_path {name} --refert_num 1

With dancegen itself, which does the same by diffusers: `--renderer wan-animate`.
""",
        CORE.format(node="WanAnimateToVideo"),
    ),
    "wan-animate-2": (
        "Wan-Animate-2 (14B)",
        """\
- `reference.png`: the picture, {size}
- `driving.mp4`: a figure on a plain ground that dances, {size}, {fps} frames a second; this model takes no skeleton

With diffusers, which draws 24 frames a second; give the rate, or the dance becomes slower than the song:

    import torch
    from diffusers import ModularPipeline
    from diffusers.utils import export_to_video, load_image, load_video

    pipe = ModularPipeline.from_pretrained("Wan-AI/Wan2.2-Animate-2-14B-Diffusers")
    pipe.load_components(dtype=torch.bfloat16)
    frames, rate = load_video("driving.mp4", return_fps=True)
    made = pipe(image=load_image("reference.png"), driving_video=frames, driving_video_fps=rate,
                prompt="what the person looks like, and the background", output="videos")
    export_to_video(made[0], "result.mp4", fps=24)

82.5 GB of weights; on an 80 GB card they have to be offloaded (their documentation says how).
""",
        CORE.format(node="WanAnimate2ToVideo"),
    ),
    "scail-2": (
        "SCAIL-2 (14B)",
        """\
- `ref.png`: the picture, {size}; `ref_mask.png`: who is who in it, on white: its ground shall be seen
- `driving.mp4`, and the same as `rendered_v2.mp4`: a figure on a plain ground for each dancer, {size}, {fps} frames a
  second; the last pose is held until their last segment is full
- `rendered_mask_v2.mp4`: who is who in it, in the same colours: blue, red, green, magenta, cyan, yellow from the first;
  on black: its ground shall not be seen

With their code (github.com/zai-org/SCAIL-2, branch `sat-scail2`), which asks for a line of a long, detailed prompt and
this folder, and writes to `samples/` at the driving video's rate:

    bash scripts/sample_sgl_14Bsc_xc_cli.sh
    a person in ... dances in front of ...@@{name}
""",
        CORE.format(node="WanSCAILToVideo"),
    ),
    "steadydancer": (
        "SteadyDancer (14B)",
        """\
- `clip-001` ... ({clips} in all): 81 pictures of the poses (`positive`), 81 of those not to follow (`negative`) and
  `prompt.txt`; {fps} frames a second, which is what SteadyDancer writes
- `clip-001/ref_image.png`, `reference.png`: the picture, {size}. The first pose is the picture's own and becomes the
  dance's within half a second: SteadyDancer keeps the first frame as it is
- `pose.mp4`, `negative.mp4`: all of both, for ComfyUI

With their code (github.com/MCG-NJU/SteadyDancer), clip after clip; each begins with the last frame of the one before:

    python generate_dancer.py --task i2v-14B --size 1024*576 --ckpt_dir ./SteadyDancer-14B \\
        --prompt "$(cat {name}/clip-001/prompt.txt)" --image {name}/clip-001/ref_image.png \\
        --cond_pos_folder {name}/clip-001/positive/ --cond_neg_folder {name}/clip-001/negative/ \\
        --sample_guide_scale 5.0 --condition_guide_scale 1.0 --end_cond_cfg 0.4 --base_seed 0 --save_file clip-001.mp4
    ffmpeg -sseof -0.2 -i clip-001.mp4 -update 1 {name}/clip-002/ref_image.png

Join the clips without the first frame of all but the first clip: it is the last of the clip before.
""",
        WRAPPER,
    ),
    "one-to-all": (
        "One-to-All Animation (1.3B and 14B)",
        """\
- `{cache}`: the folder that their preprocessing would have left, {size}, {fps} frames a second: the picture, its own
  pose, an empty mask (the whole picture counts), and the poses

With their code (github.com/ssj9596/One-to-All-Animation): copy that folder into `input_cache/` and name it in the
`task_list` of `video-generation/inference_1.3b.py` or `inference_14b.py` as

    ("reference.png", "dance.mp4", "ref", "", "", "", "", "what the picture shows"),

The 1.3B makes videos whose shorter side is 384 pixels and runs on consumer cards. Their video shows the poses beside
the result; the frames of the result alone lie beside it as pictures.
""",
        WRAPPER,
    ),
    "controlnet": (
        "ControlNet (OpenPose)",
        """\
- `pose.mp4`: the poses, {size}, {fps} frames a second; `poses.json`: the same as ComfyUI's POSE_KEYPOINT
- `reference.png`: the picture, {size}; ControlNet does not look at it, an IP-Adapter can
""",
        "It needs no custom nodes.",
    ),
    "animate-anyone": (
        "AnimateAnyone (Moore Threads' training)",
        """\
- `reference.png`: the picture, {size}, black beside it
- `dance_kps.mp4`: the poses, {size}, {fps} frames a second
- `animation.yaml`: their configuration with this case

With their code (github.com/MooreThreads/Moore-AnimateAnyone), this folder copied into theirs:

    python -m scripts.pose2vid --config ./{name}/animation.yaml -W 512 -H 768 -L {count}

Their video shows picture, poses and result side by side.
""",
        "It needs the custom nodes ComfyUI-AnimateAnyone-Evolved.",
    ),
}


def readme(kind: str, facts: Mapping[str, str], notes: Sequence[str]) -> str:
    """The text for a kit of a kind, with its facts, and notes of what is special about this one."""
    title, body, nodes = TEXTS[kind]
    values = {"cut": "", **facts}
    parts = [f"# A dance for {title}\n", body.format(**values), COMFY.format(**values, nodes=nodes)]
    where = "the videos carry it too" if kind != "one-to-all" else "`pose.mp4` carries it too"
    parts.append(SONG.format(where=where) if facts["song"] else SILENT)
    if notes:
        parts.append("".join(f"- {note}\n" for note in notes))
    parts.append("Made by dancegen; where each of these facts was read is in its `assets/docs/kits.md`.\n")
    return "\n".join(parts)
