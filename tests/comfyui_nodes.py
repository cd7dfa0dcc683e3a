"""What ComfyUI's nodes take and give, as read in their own code: types by name of the input, and of the outputs.

ComfyUI (nodes.py, comfy_extras/nodes_wan.py, nodes_scail.py, nodes_video.py, nodes_images.py, nodes_model_advanced.py),
kijai/ComfyUI-WanVideoWrapper (nodes.py, nodes_model_loading.py, nodes_sampler.py, steadydancer, onetoall),
MrForExample/ComfyUI-AnimateAnyone-Evolved (nodes.py). A "?" behind a type: the input may be left out.
"""

from __future__ import annotations

INT, FLOAT, TEXT, SWITCH = "INT", "FLOAT", "STRING", "BOOLEAN"
_WAN = {
    **{"positive": "CONDITIONING", "negative": "CONDITIONING", "vae": "VAE", "width": INT, "height": INT},
    **{"length": INT, "batch_size": INT, "clip_vision_output": "CLIP_VISION_OUTPUT?", "reference_image": "IMAGE?"},
    **{"pose_video": "IMAGE?", "video_frame_offset": INT},
}
_WAN_MADE = ("CONDITIONING", "CONDITIONING", "LATENT")
_TILES = {"enable_vae_tiling": SWITCH, "tile_x": INT, "tile_y": INT, "tile_stride_x": INT, "tile_stride_y": INT}
_PART = {"strength": FLOAT, "start_percent": FLOAT, "end_percent": FLOAT}
_BASE = {"pretrained_base_unet_folder_path": TEXT}
NODES: dict[str, tuple[dict[str, str], tuple[str, ...]]] = {
    "LoadImage": ({"image": TEXT}, ("IMAGE", "MASK")),
    "LoadVideo": ({"file": TEXT}, ("VIDEO",)),
    "GetVideoComponents": ({"video": "VIDEO"}, ("IMAGE", "AUDIO", FLOAT)),
    "CreateVideo": ({"images": "IMAGE", "fps": FLOAT, "audio": "AUDIO?"}, ("VIDEO",)),
    "SaveVideo": ({"video": "VIDEO", "filename_prefix": TEXT, "format": TEXT, "codec": TEXT}, ()),
    "ImageFromBatch": ({"image": "IMAGE", "batch_index": INT, "length": INT}, ("IMAGE",)),
    "ImageBatch": ({"image1": "IMAGE", "image2": "IMAGE"}, ("IMAGE",)),
    "ImageScale": (
        {"image": "IMAGE", "upscale_method": TEXT, "width": INT, "height": INT, "crop": TEXT},
        ("IMAGE",),
    ),
    "CLIPLoader": ({"clip_name": TEXT, "type": TEXT, "device": "STRING?"}, ("CLIP",)),
    "CLIPVisionLoader": ({"clip_name": TEXT}, ("CLIP_VISION",)),
    "CLIPVisionEncode": ({"clip_vision": "CLIP_VISION", "image": "IMAGE", "crop": TEXT}, ("CLIP_VISION_OUTPUT",)),
    "CLIPTextEncode": ({"text": TEXT, "clip": "CLIP"}, ("CONDITIONING",)),
    "UNETLoader": ({"unet_name": TEXT, "weight_dtype": TEXT}, ("MODEL",)),
    "ModelSamplingSD3": ({"model": "MODEL", "shift": FLOAT}, ("MODEL",)),
    "VAELoader": ({"vae_name": TEXT}, ("VAE",)),
    "VAEDecode": ({"samples": "LATENT", "vae": "VAE"}, ("IMAGE",)),
    "VAEEncode": ({"pixels": "IMAGE", "vae": "VAE"}, ("LATENT",)),
    "TrimVideoLatent": ({"samples": "LATENT", "trim_amount": INT}, ("LATENT",)),
    "EmptyLatentImage": ({"width": INT, "height": INT, "batch_size": INT}, ("LATENT",)),
    "CheckpointLoaderSimple": ({"ckpt_name": TEXT}, ("MODEL", "CLIP", "VAE")),
    "ControlNetLoader": ({"control_net_name": TEXT}, ("CONTROL_NET",)),
    "ControlNetApplyAdvanced": (
        {
            **{"positive": "CONDITIONING", "negative": "CONDITIONING", "control_net": "CONTROL_NET", "image": "IMAGE"},
            **{**_PART, "vae": "VAE?"},
        },
        ("CONDITIONING", "CONDITIONING"),
    ),
    "KSampler": (
        {
            **{"model": "MODEL", "seed": INT, "steps": INT, "cfg": FLOAT, "sampler_name": TEXT, "scheduler": TEXT},
            **{"positive": "CONDITIONING", "negative": "CONDITIONING", "latent_image": "LATENT", "denoise": FLOAT},
        },
        ("LATENT",),
    ),
    "WanAnimateToVideo": (
        {
            **_WAN,
            **{"face_video": "IMAGE?", "continue_motion_max_frames": INT, "background_video": "IMAGE?"},
            **{"character_mask": "MASK?", "continue_motion": "IMAGE?"},
        },
        (*_WAN_MADE, INT, INT, INT),
    ),
    "WanAnimate2ToVideo": (
        {
            **_WAN,
            **{"positive_pose": "CONDITIONING?", "clip_vision_output_pose": "CLIP_VISION_OUTPUT?"},
            **{"continue_motion": "IMAGE?", "pose_strength": "FLOAT?", "pose_start_percent": "FLOAT?"},
            **{"pose_end_percent": "FLOAT?", "reference_image_strength": "FLOAT?"},
        },
        (*_WAN_MADE, INT, INT, INT),
    ),
    "WanSCAILToVideo": (
        {
            **_WAN,
            **{"pose_video_mask": "IMAGE?", "replacement_mode": "BOOLEAN?", "pose_strength": FLOAT},
            **{"pose_start": FLOAT, "pose_end": FLOAT, "reference_image_mask": "IMAGE?"},
            **{"previous_frame_count": INT, "previous_frames": "IMAGE?"},
        },
        (*_WAN_MADE, INT),
    ),
    "WanVideoModelLoader": (
        {"model": TEXT, "base_precision": TEXT, "quantization": TEXT, "load_device": TEXT},
        ("WANVIDEOMODEL",),
    ),
    "WanVideoVAELoader": ({"model_name": TEXT, "precision": "STRING?"}, ("WANVAE",)),
    "WanVideoEncode": ({"vae": "WANVAE", "image": "IMAGE", **_TILES}, ("LATENT",)),
    "WanVideoDecode": ({"vae": "WANVAE", "samples": "LATENT", **_TILES}, ("IMAGE",)),
    "WanVideoClipVisionEncode": (
        {
            **{"clip_vision": "CLIP_VISION", "image_1": "IMAGE", "strength_1": FLOAT, "strength_2": FLOAT},
            **{"crop": TEXT, "combine_embeds": TEXT, "force_offload": SWITCH, "image_2": "IMAGE?"},
        },
        ("WANVIDIMAGE_CLIPEMBEDS",),
    ),
    "WanVideoTextEncodeCached": (
        {
            **{"model_name": TEXT, "precision": TEXT, "positive_prompt": TEXT, "negative_prompt": TEXT},
            **{"quantization": TEXT, "use_disk_cache": SWITCH, "device": TEXT},
        },
        ("WANVIDEOTEXTEMBEDS",),
    ),
    "WanVideoImageToVideoEncode": (
        {
            **{"width": INT, "height": INT, "num_frames": INT, "noise_aug_strength": FLOAT, "force_offload": SWITCH},
            **{"start_latent_strength": FLOAT, "end_latent_strength": FLOAT, "vae": "WANVAE?"},
            **{"clip_embeds": "WANVIDIMAGE_CLIPEMBEDS?", "start_image": "IMAGE?"},
        },
        ("WANVIDIMAGE_EMBEDS",),
    ),
    "WanVideoEmptyEmbeds": ({"width": INT, "height": INT, "num_frames": INT}, ("WANVIDIMAGE_EMBEDS",)),
    "WanVideoAddSteadyDancerEmbeds": (
        {
            **{"embeds": "WANVIDIMAGE_EMBEDS", "pose_latents_positive": "LATENT", "pose_strength_spatial": FLOAT},
            **{"pose_strength_temporal": FLOAT, "start_percent": FLOAT, "end_percent": FLOAT},
            **{"pose_latents_negative": "LATENT?", "clip_vision_embeds": "WANVIDIMAGE_CLIPEMBEDS?"},
        },
        ("WANVIDIMAGE_EMBEDS",),
    ),
    "WanVideoAddOneToAllReferenceEmbeds": (
        {"embeds": "WANVIDIMAGE_EMBEDS", "vae": "WANVAE", "ref_image": "IMAGE", **_PART, "ref_mask": "MASK?"},
        ("WANVIDIMAGE_EMBEDS",),
    ),
    "WanVideoAddOneToAllPoseEmbeds": (
        {
            **{"embeds": "WANVIDIMAGE_EMBEDS", "pose_images": "IMAGE", **_PART, "pose_prefix_image": "IMAGE?"},
            **{"pose_cfg_scale": "FLOAT?"},
        },
        ("WANVIDIMAGE_EMBEDS",),
    ),
    "WanVideoAddOneToAllExtendEmbeds": (
        {
            **{"embeds": "WANVIDIMAGE_EMBEDS", "prev_latents": "LATENT", "window_size": INT, "overlap": INT},
            **{"frames_processed": INT, "if_not_enough_frames": TEXT, "pose_images": "IMAGE?"},
        },
        ("WANVIDIMAGE_EMBEDS", "IMAGE"),
    ),
    "WanVideoContextOptions": (
        {
            **{"context_schedule": TEXT, "context_frames": INT, "context_stride": INT, "context_overlap": INT},
            **{"freenoise": SWITCH, "verbose": SWITCH},
        },
        ("WANVIDCONTEXT",),
    ),
    "WanVideoSampler": (
        {
            **{"model": "WANVIDEOMODEL", "image_embeds": "WANVIDIMAGE_EMBEDS", "steps": INT, "cfg": FLOAT},
            **{"shift": FLOAT, "seed": INT, "force_offload": SWITCH, "scheduler": TEXT, "riflex_freq_index": INT},
            **{"text_embeds": "WANVIDEOTEXTEMBEDS?", "context_options": "WANVIDCONTEXT?"},
        },
        ("LATENT", "LATENT"),
    ),
    "Load_UNet2D_ConditionModel": ({**_BASE, "unet2d_model_path": TEXT}, ("UNET2D",)),
    "Load_UNet3D_ConditionModel": ({**_BASE, "unet3d_model_path": TEXT, "motion_module_path": TEXT}, ("UNET3D",)),
    "Load_Pose_Guider": ({"pose_guider_model_path": TEXT}, ("POSE_GUIDER",)),
    "Pose_Guider_Encode": ({"pose_guider": "POSE_GUIDER", "pose_images": "IMAGE"}, ("POSE_LATENT",)),
    "Animate_Anyone_Sampler": (
        {
            **{"reference_unet": "UNET2D", "denoising_unet": "UNET3D", "ref_image_latent": "LATENT"},
            **{"clip_image_embeds": "CLIP_VISION_OUTPUT", "pose_latent": "POSE_LATENT", "seed": INT, "steps": INT},
            **{"cfg": FLOAT, "delta": FLOAT, "cfg_type": TEXT, "steps_rcfg": INT, "context_frames": INT},
            **{"context_stride": INT, "context_overlap": INT, "context_batch_size": INT, "interpolation_factor": INT},
            **{"sampler_scheduler_pairs": TEXT, "beta_start": FLOAT, "beta_end": FLOAT, "beta_schedule": TEXT},
            **{"prediction_type": TEXT, "timestep_spacing": TEXT, "steps_offset": INT},
        },
        ("LATENT",),
    ),
}
PYTHON = {INT: (int,), FLOAT: (int, float), TEXT: (str,), SWITCH: (bool,)}


def faults(workflow: dict) -> list[str]:
    """What ComfyUI would refuse of a workflow in API format."""
    found = []
    for number, node in workflow.items():
        if node["class_type"] not in NODES:
            found.append(f"{number}: no node {node['class_type']}")
            continue
        inputs, _ = NODES[node["class_type"]]
        where = f"{number} ({node['class_type']})"
        found += [
            f"{where} lacks {name}" for name, kind in inputs.items() if kind[-1] != "?" and name not in node["inputs"]
        ]
        for name, value in node["inputs"].items():
            wanted = inputs.get(name, "").rstrip("?")
            if isinstance(value, list):
                source = workflow.get(value[0])
                made = NODES[source["class_type"]][1] if source else ()
                if value[1] >= len(made) or made[value[1]] != wanted:
                    found.append(f"{where}: {name} is no {wanted}: {value}")
                if int(value[0]) >= int(number):
                    found.append(f"{where}: {name} goes in a circle")
            elif not isinstance(value, PYTHON.get(wanted, ())) or (wanted != SWITCH and isinstance(value, bool)):
                found.append(f"{where}: {name} is no {wanted or 'input'}: {value!r}")
    return found
