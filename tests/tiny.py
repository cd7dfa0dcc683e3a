"""The smallest networks and clips there are, for tests and for the programs beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dancegen.choreographers.stg_mamba.config import ChoreographerConfig

TINY = ChoreographerConfig(
    ear=(4, 4, 8),
    hidden=16,
    token=8,
    style_width=2,
    node=8,
    blocks=1,
    state=4,
    head_width=4,
    head=16,
    prior=16,
    prior_blocks=1,
)


# A standing skeleton: the 18 joints as shares of a square picture.
STANDING = [
    (0.5, 0.14),
    (0.5, 0.26),
    (0.39, 0.26),
    (0.34, 0.38),
    (0.29, 0.49),
    (0.61, 0.26),
    (0.66, 0.38),
    (0.71, 0.49),
]
STANDING += [(0.43, 0.51), (0.43, 0.71), (0.43, 0.9), (0.57, 0.51), (0.57, 0.71), (0.57, 0.9)]
STANDING += [(0.47, 0.12), (0.53, 0.12), (0.43, 0.13), (0.57, 0.13)]


def save_tiny_choreographer(path: Path, metadata: dict[str, Any] | None = None) -> Path:
    """Write a choreographer of a few thousand random numbers, whose dance itself does not matter, but moves."""
    import torch

    from dancegen.choreographers.stg_mamba.model import Choreographer
    from dancegen.weights.checkpoint import save_checkpoint

    torch.manual_seed(0)
    network = Choreographer(TINY)
    network.phrases.vectors.normal_(0, 0.15)  # untrained codes mean nothing, and everybody would stand
    save_checkpoint(path, network.state_dict(), TINY, metadata)
    return path


def save_tiny_hotdance(path: Path) -> Path:
    """Write a HotDance of few random numbers, whose dance moves."""
    import torch

    from dancegen.choreographers.hotdance.config import HotDanceConfig
    from dancegen.choreographers.hotdance.model import HotDance
    from dancegen.weights.checkpoint import save_checkpoint

    config = HotDanceConfig(frame_width=112, vae_width=24, vae_blocks=(1, 1), width=32, layers=1, heads=2, mlp=1)
    torch.manual_seed(0)
    network = HotDance(config)
    network.vae.start()
    heard = network.transformer.ask[2]
    for zeroed in (network.transformer.modulate, network.transformer.last, network.transformer.out, heard):
        torch.nn.init.normal_(zeroed.weight, std=0.1)
    save_checkpoint(path, network.state_dict(), config)
    return path


def save_tiny_vimo(path: Path) -> Path:
    """Write a motion network of random numbers that imagines something."""
    import torch

    from dancegen.capture.network import Vimo, VimoConfig
    from dancegen.weights.checkpoint import save_checkpoint

    torch.manual_seed(1)
    config = VimoConfig(frames=150, token=2, width=16, heads=2, looks=1)
    network = Vimo(config)
    torch.nn.init.normal_(network.out.weight, std=0.05)
    save_checkpoint(path, network.state_dict(), config)
    return path


def save_pose_clip(path: Path, seconds: float = 2.0, fps: int = 10) -> Path:
    """Write a film of a drawn skeleton that steps from side to side and swings its arms."""
    import subprocess

    import numpy as np

    from dancegen.body.draw import CONTROLNET, draw_skeleton
    from dancegen.body.joints import L_ELBOW, L_WRIST, R_ELBOW, R_WRIST
    from dancegen.ffmpeg import ffmpeg_program

    command = [ffmpeg_program(), "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", "400x400"]
    command += ["-r", str(fps), "-i", "pipe:0", "-crf", "16", str(path)]
    frames = []
    for time in np.arange(0, seconds, 1 / fps):
        pose = np.array(STANDING) * 400 + (30 * np.sin(2 * np.pi * time), 0)
        swing = 40 * np.sin(np.pi * time) * np.array([[1, -1]])
        pose[[R_WRIST, L_WRIST]] += 2 * swing
        pose[[R_ELBOW, L_ELBOW]] += swing
        frames.append(draw_skeleton(np.zeros((400, 400, 3), np.uint8), pose, np.ones(18), CONTROLNET).tobytes())
    subprocess.run(command, input=b"".join(frames), check=True)
    return path
