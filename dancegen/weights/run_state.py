"""The state of a training run as tensors of one file: weights, their running mean, and the optimiser's moments."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

OPTIMISER = "optimiser"


def pack(network: nn.Module, mean: Mapping[str, Tensor], optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """What `unpack` goes on from, by names `network.NAME`, `mean.NAME` and `optimiser.INDEX.NAME`."""
    state = {f"network.{name}": value for name, value in network.state_dict().items()}
    state |= {f"mean.{name}": value for name, value in mean.items()}
    for index, moments in optimiser.state_dict()["state"].items():
        state |= {f"{OPTIMISER}.{index}.{name}": torch.as_tensor(value) for name, value in moments.items()}
    return {name: value.clone() for name, value in state.items()}


def unpack(
    state: Mapping[str, Tensor], network: nn.Module, mean: dict[str, Tensor], optimiser: torch.optim.Optimizer
) -> None:
    """Put the tensors of `pack` back into a run of the same sizes and the same optimiser."""
    network.load_state_dict(_part(state, "network"))
    mean.update(_part(state, "mean"))
    moments: dict[int, dict[str, Tensor]] = {}
    for name, value in _part(state, OPTIMISER).items():
        index, _, kind = name.partition(".")
        moments.setdefault(int(index), {})[kind] = value
    optimiser.load_state_dict(optimiser.state_dict() | {"state": moments})


def _part(state: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    return {key.removeprefix(f"{name}."): value for key, value in state.items() if key.startswith(f"{name}.")}


@torch.no_grad()
def follow(mean: Mapping[str, Tensor], network: nn.Module, average: float, step: int) -> None:
    """Move the mean weights towards the network's: `average` of them stay, fewer while the run is young."""
    keep = min(average, (step + 1) / (step + 10))
    for name, value in network.state_dict().items():
        if value.is_floating_point():
            mean[name].lerp_(value, 1 - keep)
        else:
            mean[name].copy_(value)
