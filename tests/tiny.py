"""The smallest choreographer there is, for tests and for the programs beside them."""

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
    for zeroed in (network.transformer.modulate, network.transformer.last, network.transformer.out):
        torch.nn.init.normal_(zeroed.weight, std=0.1)
    save_checkpoint(path, network.state_dict(), config)
    return path
