"""Kits for those that follow OpenPose pictures: ControlNet and AnimateAnyone.

Source: Fannovel16/comfyui_controlnet_aux (the drawing, POSE_KEYPOINT); ComfyUI, nodes.py (`ControlNetApplyAdvanced`);
MooreThreads/Moore-AnimateAnyone, scripts/pose2vid.py (sizes, `-L`) and configs/prompts/animation.yaml;
MrForExample/ComfyUI-AnimateAnyone-Evolved, nodes.py (pose pictures become 512 x 768).
"""

from __future__ import annotations

from dancegen.body.draw import CONTROLNET
from dancegen.dances.export import write_comfyui
from dancegen.dances.kits.material import Material
from dancegen.dances.kits.workflow import Graph
from dancegen.renderers.control.frame import Frame, crop, pad, shape_like
from dancegen.renderers.control.poses import Drawing

FPS = 30.0
DRAWING = Drawing(CONTROLNET, 1.0, 4.0, 3.0)
AREA, STEP = 512 * 768, 64  # pixels of ControlNet's frame, what Stable Diffusion 1.5 draws well
ANYONE = (512, 768)  # AnimateAnyone's frame
BATCH = 16  # frames that ControlNet's workflow draws at once


def write_controlnet(material: Material) -> dict[str, str]:
    """Pose video, keypoints, reference picture, workflow; returns what the README says besides."""
    frame = crop(material.picture_size, shape_like(material.picture_size, AREA, STEP))
    poses = material.poses(FPS, frame)
    material.save("reference.png", frame.picture(material.picture))
    material.pose_video("pose.mp4", frame.size, poses, DRAWING)
    write_comfyui(material.folder / "poses.json", poses[0], frame.size, poses[1:])
    material.write("workflow.json", _controlnet(material, frame).text())
    cut = f" The workflow draws {BATCH} frames at once: count `batch_index` up to go on."
    return {"size": f"{frame.size[0]}x{frame.size[1]}", "cut": cut}


def write_animate_anyone(material: Material) -> dict[str, str]:
    """Reference picture, `dance_kps.mp4`, their configuration, workflow; returns what the README says besides."""
    frame = pad(material.picture_size, ANYONE)
    poses = material.poses(FPS, frame)
    material.save("reference.png", frame.picture(material.picture))
    material.pose_video("dance_kps.mp4", frame.size, poses, DRAWING)
    material.write("animation.yaml", _configuration(material.name))
    material.write("workflow.json", _animate_anyone(material, len(poses[0])).text())
    return {"size": f"{frame.size[0]}x{frame.size[1]}", "count": str(len(poses[0]))}


def _controlnet(material: Material, frame: Frame) -> Graph:
    graph = Graph(material.name)
    pose, sound = graph.video("pose.mp4")
    batch = graph.node("ImageFromBatch", image=pose, batch_index=0, length=BATCH)
    loaded = graph.node("CheckpointLoaderSimple", ckpt_name="v1-5-pruned-emaonly-fp16.safetensors")
    clip, vae = [loaded[0], 1], [loaded[0], 2]
    guided = graph.node(
        "ControlNetApplyAdvanced",
        positive=graph.node("CLIPTextEncode", text=material.prompt, clip=clip),
        negative=graph.node("CLIPTextEncode", text="low quality, deformed", clip=clip),
        control_net=graph.node("ControlNetLoader", control_net_name="control_v11p_sd15_openpose.pth"),
        image=batch,
        **{"strength": 1.0, "start_percent": 0.0, "end_percent": 1.0, "vae": vae},
    )
    width, height = frame.size
    latent = graph.node("EmptyLatentImage", width=width, height=height, batch_size=BATCH)
    drawn = graph.node(
        "KSampler",
        **{"model": loaded, "positive": guided, "negative": [guided[0], 1], "latent_image": latent},
        **{"seed": 0, "steps": 20, "cfg": 7.0, "sampler_name": "euler", "scheduler": "normal", "denoise": 1.0},
    )
    images = graph.node("VAEDecode", samples=drawn, vae=vae)
    graph.save(images, FPS, sound if material.song else None)
    return graph


def _configuration(name: str) -> str:
    """Their animation.yaml with this kit as its only case; the kit lies in the folder it is started from."""
    weights = "./pretrained_weights"
    return f"""\
pretrained_base_model_path: "{weights}/stable-diffusion-v1-5/"
pretrained_vae_path: "{weights}/sd-vae-ft-mse"
image_encoder_path: "{weights}/image_encoder"
denoising_unet_path: "{weights}/denoising_unet.pth"
reference_unet_path: "{weights}/reference_unet.pth"
pose_guider_path: "{weights}/pose_guider.pth"
motion_module_path: "{weights}/motion_module.pth"
inference_config: "./configs/inference/inference_v2.yaml"
weight_dtype: "fp16"
test_cases:
  "./{name}/reference.png":
    - "./{name}/dance_kps.mp4"
"""


def _animate_anyone(material: Material, count: int) -> Graph:
    graph = Graph(material.name)
    reference, (pose, sound) = graph.image("reference.png"), graph.video("dance_kps.mp4")
    base = "./pretrained_weights/stable-diffusion-v1-5/unet/"
    names = {name: f"./pretrained_weights/{name}.pth" for name in ("reference_unet", "denoising_unet", "motion_module")}
    vae = graph.node("VAELoader", vae_name="vae-ft-mse-840000-ema-pruned.safetensors")
    vision = graph.node("CLIPVisionLoader", clip_name="image_encoder.safetensors")
    guider = graph.node("Load_Pose_Guider", pose_guider_model_path="./pretrained_weights/pose_guider.pth")
    latent = graph.node(
        "Animate_Anyone_Sampler",
        reference_unet=graph.node(
            "Load_UNet2D_ConditionModel",
            pretrained_base_unet_folder_path=base,
            unet2d_model_path=names["reference_unet"],
        ),
        denoising_unet=graph.node(
            "Load_UNet3D_ConditionModel",
            pretrained_base_unet_folder_path=base,
            unet3d_model_path=names["denoising_unet"],
            motion_module_path=names["motion_module"],
        ),
        ref_image_latent=graph.node("VAEEncode", pixels=reference, vae=vae),
        clip_image_embeds=graph.node("CLIPVisionEncode", clip_vision=vision, image=reference, crop="none"),
        pose_latent=graph.node("Pose_Guider_Encode", pose_guider=guider, pose_images=pose),
        **{"seed": 0, "steps": 30, "cfg": 3.5, "delta": 1.0, "cfg_type": "full_double_pass", "steps_rcfg": 3},
        **{"context_frames": 24, "context_stride": 1, "context_overlap": 4, "context_batch_size": 1},
        **{"interpolation_factor": 1, "sampler_scheduler_pairs": "DDIM", "beta_start": 0.00085, "beta_end": 0.012},
        **{"beta_schedule": "linear", "prediction_type": "v_prediction", "timestep_spacing": "trailing"},
        steps_offset=1,
    )
    graph.save(graph.node("VAEDecode", samples=latent, vae=vae), FPS, sound if material.song else None)
    return graph
