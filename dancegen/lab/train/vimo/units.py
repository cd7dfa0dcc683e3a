"""Hidden units that nothing wakes: found by what a network does, and begun anew.

A GELU lets something through below zero, so that these units say a little, nearly always the same; the next layer is
told the mean of it instead.

Glossary: B windows, S frames, X numbers of movement, Y of 2D, K hidden units of an MLP.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from dancegen.capture.diffusion import add_noise
from dancegen.capture.network import Vimo


@contextmanager
def watch_units(network: nn.Module) -> Iterator[dict[str, Tensor]]:
    """The highest and the mean output (2, K) of each GELU by its name, of whatever the network does meanwhile; the mean
    is of the last time."""
    found: dict[str, Tensor] = {}
    hooks = []
    for name, module in network.named_modules():
        if isinstance(module, nn.GELU):

            def keep(_module: object, _given: object, out: Tensor, name: str = name) -> None:
                units = out.detach().flatten(0, -2)
                top = units.amax(0)
                top = torch.maximum(found[name][0], top) if name in found else top
                found[name] = torch.stack([top, units.mean(0)])

            hooks.append(module.register_forward_hook(keep))
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()


@torch.no_grad()
def revive_units(network: Vimo, moved: Tensor, sight: Tensor, generator: torch.Generator) -> int:
    """Begin anew the units that windows (B, S, X) and (B, S, Y) never wake: other weights in, none out. Returns how
    many."""
    clean = (moved - network.centre) / network.spread
    noise = torch.randn(clean.shape, generator=generator)
    at = torch.rand(len(clean), generator=generator)
    with watch_units(network) as units:
        network.denoise(add_noise(clean, at, noise), at, network.watch(sight))
    count = 0
    for name, (top, mean) in units.items():
        block = network.get_submodule(name.rpartition(".")[0])
        assert isinstance(block, nn.Sequential)
        first, last, dead = block[0], block[2], top <= 0
        assert isinstance(first, nn.Linear) and isinstance(last, nn.Linear)
        drawn = (2 * torch.rand(first.weight.shape, generator=generator) - 1) * first.in_features**-0.5
        last.bias.add_(last.weight[:, dead] @ mean[dead])
        first.weight[dead], first.bias[dead], last.weight[:, dead] = drawn[dead], 0.0, 0.0
        count += int(dead.sum())
    return count
