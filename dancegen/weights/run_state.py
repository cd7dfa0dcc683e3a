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
    state |= moments_of(optimiser, OPTIMISER)
    return {name: value.clone() for name, value in state.items()}


def unpack(
    state: Mapping[str, Tensor], network: nn.Module, mean: dict[str, Tensor], optimiser: torch.optim.Optimizer
) -> None:
    """Put the tensors of `pack` back into a run of the same sizes and the same optimiser."""
    network.load_state_dict(part_of(state, "network"))
    mean.update(part_of(state, "mean"))
    restore_moments(optimiser, part_of(state, OPTIMISER))


def moments_of(optimiser: torch.optim.Optimizer, role: str) -> dict[str, Tensor]:
    """The moments of an optimiser by names `ROLE.INDEX.NAME`."""
    kept = optimiser.state_dict()["state"].items()
    return {f"{role}.{i}.{name}": torch.as_tensor(value) for i, each in kept for name, value in each.items()}


def restore_moments(optimiser: torch.optim.Optimizer, state: Mapping[str, Tensor]) -> None:
    """Put the tensors of `moments_of`, without the role in their names, back."""
    moments: dict[int, dict[str, Tensor]] = {}
    for name, value in state.items():
        index, _, kind = name.partition(".")
        moments.setdefault(int(index), {})[kind] = value
    optimiser.load_state_dict(optimiser.state_dict() | {"state": moments})


def part_of(state: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    """The tensors whose names begin with `NAME.`, without that."""
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
