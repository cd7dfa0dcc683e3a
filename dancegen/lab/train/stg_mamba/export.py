"""From a training run to shipped weights: averaged networks, phrases' basis, ranks of music, in half precision."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dancegen.choreographers.stg_mamba.config import STYLES, ChoreographerConfig
from dancegen.choreographers.stg_mamba.model import Choreographer
from dancegen.lab.datasets.placing import Stage
from dancegen.weights.checkpoint import save_checkpoint


def assemble(
    config: ChoreographerConfig, average: dict[str, Tensor], prior: dict[str, Tensor], stage: Stage
) -> Choreographer:
    """The network of averaged weights, a trained prior's and what the stage knows of phrases and music; its sizes are
    yet to be set (`sizes.set_sizes`)."""
    network = Choreographer(config)
    state = {name: value for name, value in average.items() if not name.startswith(("prior.", "phrases.", "ranks"))}
    state |= {f"prior.{name}": value for name, value in prior.items()}
    state |= {f"phrases.{name}": torch.from_numpy(getattr(stage.codec, name)) for name in ("rest", "vectors", "spread")}
    state["ranks"] = torch.from_numpy(stage.table).float()
    network.load_state_dict({**network.state_dict(), **{name: value.cpu() for name, value in state.items()}})
    unknown = [number for number, style in enumerate(STYLES) if number and style not in stage.styles]
    with torch.no_grad():
        network.style.weight[unknown] = 0  # see `Choreographer.known`
    return network.eval()


def export(network: Choreographer, path: Path, notes: dict[str, Any]) -> Choreographer:
    """Write the network in half precision; returns it as it will be loaded."""
    state = network.state_dict()
    half = {name: value.half() if value.is_floating_point() else value for name, value in state.items()}
    save_checkpoint(path, half, network.config, notes)
    loaded = Choreographer(network.config)
    loaded.load_state_dict({name: value.float() for name, value in half.items()})
    return loaded.eval()
