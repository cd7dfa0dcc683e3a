"""A style that was learnt from a few dances: a trainable copy beside the frozen prior, as ControlNet has it.

Zhang et al., "Adding Conditional Control to Text-to-Image Diffusion Models", ICCV 2023, and section 3.4 of ViMo: what
the copy says enters the frozen network through layers that are zero at first, so that a style begins as what the
choreographer dances anyway. The file holds the copy and the layers, and which choreographer they belong to.

Glossary: B batch, K tokens of a phrase, D numbers of a token, W width.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dancegen.choreographers.stg_mamba.config import ChoreographerConfig
from dancegen.choreographers.stg_mamba.prior import Prior, PriorBlock
from dancegen.errors import DancegenError
from dancegen.weights.checkpoint import CONFIG_KEY, build_network, config_from_json, load_checkpoint, read_metadata

REMEDY = "give a file of `dancegen style learn`"


@dataclass(frozen=True)
class StyleConfig:
    """Attributes:
    base: sha256 of the choreographer's weights that the style was learnt for.
    blocks: of the trainable copy.
    """

    base: str
    blocks: int


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
    """The frozen prior with a style; it is asked as `Prior` is."""

    def __init__(self, prior: Prior, branch: StyleBranch) -> None:
        super().__init__()
        self.prior, self.branch = prior, branch

    def told(self, sound: Tensor, heard: Tensor, facts: Tensor, style: Tensor, meter: int) -> Tensor:
        """See `Prior.told`."""
        return self.prior.told(sound, heard, facts, style, meter)

    def forward(self, place: Tensor, beside: Tensor, time: Tensor, told: Tensor) -> Tensor:
        """See `Prior.forward`."""
        prior, branch = self.prior, self.branch
        own = prior.at_time(told + branch.own, time)
        told = prior.at_time(told, time)
        given = torch.cat([place, beside], dim=2)
        x, y = prior.enter(given), branch.enter(given)  # (B, K, W)
        for block, copy, join in zip(prior.blocks, branch.blocks, branch.joins, strict=True):
            y = copy(y, own)
            x = block(x, told) + join(y)
        return prior.leave(F.silu(prior.norm(x)))  # type: ignore[no-any-return]


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


def load_style(path: Path, prior: Prior, config: ChoreographerConfig, base: str) -> StyledPrior:
    """A prior with the style of a file.

    Args:
        path: the file.
        prior: of the choreographer, on any device.
        config: its sizes.
        base: sha256 of its weights.

    Raises:
        DancegenError: as `read_style`; it was learnt for other weights; broken.
    """
    said = read_style(path)
    if said.base != base:
        raise DancegenError(
            f"--style {path} was learnt for another choreographer ({said.base[:12]}, here is {base[:12]})",
            "learn it again, or give the weights it was learnt with as --weights choreographer=FILE",
        )
    _, state = load_checkpoint(path, StyleConfig)
    branch = build_network(lambda _: StyleBranch(config), said, state, path)
    return StyledPrior(prior, branch.to(next(prior.parameters()).device)).eval().requires_grad_(False)
