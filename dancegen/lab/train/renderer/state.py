"""All that a training run is: networks, optimisers, the running mean and the step, in one safetensors file."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from dancegen.errors import DancegenError
from dancegen.lab.train.renderer.discriminator import Discriminator
from dancegen.renderers.retouch.generator import Generator, RendererConfig
from dancegen.renderers.retouch.shells import ShellConfig, ShellGenerator
from dancegen.weights.checkpoint import NOTES_KEY, fill_network, load_checkpoint, read_metadata, save_checkpoint
from dancegen.weights.run_state import moments_of, part_of, restore_moments

MEAN_DECAY = 0.998
STATE_FILE = "training.safetensors"
Sizes = RendererConfig | ShellConfig


@dataclass
class TrainingState:
    """Networks with their optimisers; `mean` is the running mean of `network`, the one that is shipped."""

    network: Generator | ShellGenerator
    mean: Generator | ShellGenerator
    discriminator: Discriminator
    generator_optimiser: torch.optim.Adam
    discriminator_optimiser: torch.optim.Adam
    step: int = 0

    @classmethod
    def begin(cls, config: Sizes, seed: int, device: str, start: Path | None = None) -> TrainingState:
        """Networks as they start, from a seed, or G_r from the weights `start`; limb maps are learnt elsewhere."""
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            network = ShellGenerator(config) if isinstance(config, ShellConfig) else Generator(config)
            discriminator = Discriminator()
        if start is not None:
            fill_network(network, load_checkpoint(start, type(config))[1], start)
        if isinstance(network, Generator):
            network.limb.requires_grad_(False)
        for module in (network, discriminator):
            module.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        mean = copy.deepcopy(network).requires_grad_(False)
        return cls(
            network,
            mean,
            discriminator,
            torch.optim.Adam(network.parameters(), betas=(0.9, 0.99)),
            torch.optim.Adam(discriminator.parameters(), betas=(0.5, 0.99)),
        )

    @torch.no_grad()
    def update_mean(self) -> None:
        """Move the running mean towards the network; faster while the run is young."""
        decay = min(MEAN_DECAY, (1 + self.step) / (10 + self.step))
        for mean, value in zip(self.mean.parameters(), self.network.parameters(), strict=True):
            mean.lerp_(value, 1 - decay)

    def modules(self) -> dict[str, torch.nn.Module]:
        """The networks by the prefix of their tensors."""
        return {"network": self.network, "mean": self.mean, "discriminator": self.discriminator}

    def optimisers(self) -> dict[str, torch.optim.Adam]:
        """The optimisers by the prefix of their tensors."""
        return {"adam": self.generator_optimiser, "judge": self.discriminator_optimiser}


def save(out: Path, state: TrainingState, plan: dict[str, Any]) -> None:
    """Write the whole state."""
    tensors = {
        f"{prefix}.{key}": value
        for prefix, module in state.modules().items()
        for key, value in module.state_dict().items()
    }
    for role, optimiser in state.optimisers().items():
        tensors |= moments_of(optimiser, role)
    save_checkpoint(out / STATE_FILE, tensors, state.network.config, {"step": state.step, "plan": plan})


def restore(out: Path, plan: dict[str, Any], state: TrainingState) -> TrainingState:
    """Go on from what `out` holds, if it holds anything; `state` is overwritten and returned.

    Raises:
        DancegenError: the run in `out` has other sizes or another plan.
    """
    path = out / STATE_FILE
    if not path.exists():
        return state
    config, tensors = load_checkpoint(path, type(state.network.config))
    if config != state.network.config:
        raise DancegenError(f"{path} was trained with {config}", "give the same sizes or another --out")
    notes = read_metadata(path)[NOTES_KEY]
    if notes["plan"] != plan:
        raise DancegenError(f"{out} holds a run with other options", "give another --out or the same options")
    for prefix, module in state.modules().items():
        module.load_state_dict(part_of(tensors, prefix))
    for role, optimiser in state.optimisers().items():
        restore_moments(optimiser, part_of(tensors, role))
    state.step = int(notes["step"])
    return state


def export(path: Path, state: TrainingState, plan: dict[str, Any]) -> None:
    """Write the running mean alone, in half precision: the file that is shipped."""
    tensors = {key: value.half() for key, value in state.mean.state_dict().items()}
    save_checkpoint(path, tensors, state.network.config, {"step": state.step, "plan": plan})
