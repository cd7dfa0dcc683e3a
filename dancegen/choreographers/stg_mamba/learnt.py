"""A style that was learnt from a few dances: a trainable copy beside the frozen prior, as ControlNet has it.

Zhang et al., "Adding Conditional Control to Text-to-Image Diffusion Models", ICCV 2023, and section 3.4 of ViMo: what
the copy says enters the frozen network through layers that are zero at first, so that a style begins as what the
choreographer dances anyway. The file holds the copy and the layers, and which choreographer they belong to.

Glossary: B batch, K tokens of a phrase, D numbers of a token, W width.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dancegen.choreographers.stg_mamba.config import ChoreographerConfig
from dancegen.choreographers.stg_mamba.model import Choreographer
from dancegen.choreographers.stg_mamba.prior import FACTS, TIME_WAVES, Prior, PriorBlock
from dancegen.errors import DancegenError
from dancegen.weights.checkpoint import CONFIG_KEY, build_network, config_from_json, load_checkpoint, read_metadata
from dancegen.weights.verify import weights_info

USUAL_SIZE = 1.17  # of a style whose file does not say its own
REMEDY = "give a file of `dancegen style learn`"


@dataclass(frozen=True)
class StyleConfig:
    """Attributes:
    base: sha256 of the choreographer's weights that the style was learnt for.
    blocks: of the trainable copy.
    size: how much larger what was learnt is than what is imagined of it.
    """

    base: str
    blocks: int
    size: float = USUAL_SIZE


class StyleBranch(nn.Module):
    """The copy of the prior's blocks, and what joins them to it."""

    def __init__(self, config: ChoreographerConfig) -> None:
        super().__init__()
        width = config.prior
        self.own = nn.Parameter(torch.zeros(width))  # what the copy is told besides: which style it is
        self.enter = nn.Linear(2 * config.token + 1, width)
        self.blocks = nn.ModuleList(PriorBlock(config) for _ in range(config.prior_blocks))
        self.joins = nn.ModuleList(nn.Linear(width, width) for _ in range(config.prior_blocks))
        for parameter in self.joins.parameters():
            nn.init.zeros_(parameter)

    def begin_as(self, prior: Prior) -> None:
        """Take over the prior's weights; what joins stays zero."""
        self.enter.load_state_dict(prior.enter.state_dict())
        self.blocks.load_state_dict(prior.blocks.state_dict())


class StyledPrior(nn.Module):
    """The frozen prior with a style of `size`; it is asked as `Prior` is."""

    def __init__(self, prior: Prior, branch: StyleBranch, size: float = USUAL_SIZE) -> None:
        super().__init__()
        self.prior, self.branch, self.own = prior, branch, size

    def condition(self, sound: Tensor, heard: Tensor, facts: Tensor, style: Tensor, meter: int) -> Tensor:
        """See `Prior.condition`; it is told of no other style."""
        return self.prior.condition(sound, heard, facts, torch.zeros_like(style), meter)

    def forward(self, place: Tensor, beside: Tensor, time: Tensor, told: Tensor) -> Tensor:
        """See `Prior.forward`."""
        prior, branch = self.prior, self.branch
        own = _at_time(prior, told + branch.own, time)
        told = _at_time(prior, told, time)
        given = torch.cat([place, beside], dim=2)
        x, y = prior.enter(given), branch.enter(given)  # (B, K, W)
        for block, other, join in zip(prior.blocks, branch.blocks, branch.joins, strict=True):
            y = other(y, own)
            x = block(x, told) + join(y)
        return prior.leave(F.silu(prior.norm(x)))  # type: ignore[no-any-return]


def _at_time(prior: Prior, told: Tensor, time: Tensor) -> Tensor:
    """What blocks are told (B, K, W) at times (B,) of the flow, as `Prior.forward` has it."""
    angle = time[:, None] * math.pi * 2.0 ** torch.arange(TIME_WAVES, device=time.device) / 2
    waves = torch.cat([angle.sin(), angle.cos()], dim=1)  # (B, 2 TIME_WAVES)
    return F.silu(told + F.linear(waves, prior.facts.weight[:, FACTS:])[:, None])


def read_style(path: Path) -> StyleConfig:
    """What a style's file says of itself.

    Raises:
        DancegenError: no such file, or none of a style.
    """
    if not path.is_file():
        raise DancegenError(f"--style {path}: there is no such file", f"{REMEDY}, or name a style")
    stored = read_metadata(path).get(CONFIG_KEY)
    if stored is None:
        raise DancegenError(f"--style {path} holds no style", REMEDY)
    return config_from_json(stored, StyleConfig, f"--style {path}")


def with_style(network: Choreographer, weights: Path | None, path: Path) -> Choreographer:
    """A choreographer with the style of a file; all but its prior is that of `network`.

    Args:
        network: on any device; it stays as it is.
        weights: the file it came from.
        path: the file of the style.

    Raises:
        DancegenError: as `read_style`; it was learnt for other weights; broken.
    """
    said, base = read_style(path), weights_info(weights).sha256 if weights else ""
    if said.base != base:
        raise DancegenError(
            f"--style {path} was learnt for another choreographer ({said.base[:12]}, here is {base[:12]})",
            "learn it again, or give the weights it was learnt with as --weights choreographer=FILE",
        )
    _, state = load_checkpoint(path, StyleConfig)
    branch = build_network(lambda _: StyleBranch(network.config), said, state, path)
    styled = copy.copy(network)
    styled._modules = {**network._modules}  # so that another prior there is none here
    prior = StyledPrior(network.prior, branch.to(next(network.parameters()).device), said.size)
    styled._modules["prior"] = prior.eval().requires_grad_(False)
    styled.__dict__["plain"] = network  # no module of it
    return styled
