"""HotDance whole: the autoencoder, the transformer, and the scale of the latents between them.

Glossary: B segments, C channels, W bins, Z latent channels, H rows and N columns of latents, V = 18 joints, S styles,
D values of the directions of all bones.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from dancegen.body.joints import BONES
from dancegen.choreographers.hotdance.carriage import Carriage, no_carriage
from dancegen.choreographers.hotdance.config import HotDanceConfig
from dancegen.choreographers.hotdance.dit import Transformer
from dancegen.choreographers.hotdance.image import draw, from_bins, read, to_bins
from dancegen.choreographers.hotdance.music import ASKED
from dancegen.choreographers.hotdance.vae import PoseVae
from dancegen.choreographers.stg_mamba.config import STYLES
from dancegen.weights.checkpoint import build_network, load_checkpoint

RANKED = 101


class HotDance(nn.Module):
    """The networks as they are trained, stored and used."""

    centre: Tensor  # (Z, H, 1) of latents ...
    spread: Tensor  # ... and what they are divided by
    ranks: Tensor  # (RANKED, 4) quantiles of what music is like, see `stg_mamba.hearing.rank`
    asks: Tensor  # (RANKED, 5) likewise of what beats are like, see `music.asked`
    posture: Tensor  # (S, D, D) of the carriage of each style, see `carriage.Carriage`
    shift: Tensor  # (S, D)
    movement: Tensor  # (S, D, D)
    travel: Tensor  # (S,)

    def __init__(self, config: HotDanceConfig) -> None:
        super().__init__()
        self.config = config
        self.vae = PoseVae(config)
        self.transformer = Transformer(config, len(STYLES))
        self.register_buffer("centre", torch.zeros(config.latent, config.rows, 1))
        self.register_buffer("spread", torch.ones(config.latent, config.rows, 1))
        self.register_buffer("ranks", torch.zeros(RANKED, 4))
        self.register_buffer("asks", torch.zeros(RANKED, ASKED))
        for name, value in no_carriage(3 * len(BONES))._asdict().items():
            self.register_buffer(name, torch.as_tensor(np.stack([value] * len(STYLES)).astype(np.float32)))

    def carriage(self, shares: dict[str, float]) -> Carriage:
        """That of a dance which is so much of each style."""
        parts = (self.posture, self.shift, self.movement, self.travel)
        mixed = (
            sum(share * part[STYLES.index(name)].cpu().float() for name, share in shares.items()) for part in parts
        )
        posture, shift, movement, travel = (torch.as_tensor(part).numpy() for part in mixed)
        return Carriage(posture, shift, movement, float(travel))

    def encode(self, points: Tensor, seen: Tensor | None = None) -> Tensor:
        """Points (B, T, V, 3), of which seen (B, T, V, 3) are drawn, to scaled latents (B, Z, H, N)."""
        known = None if seen is None else seen.permute(0, 3, 2, 1).flatten(1, 2).to(points)
        at = to_bins(points, self.config.bins)
        if self.config.raw:
            told = at if known is None else at * known
            mean = told.unflatten(2, (-1, self.config.stride)).transpose(2, 3)
        else:
            mean, _ = self.vae.encode(draw(at, self.config.bins, known))
        return (mean - self.centre) / self.spread

    def decode(self, latents: Tensor) -> Tensor:
        """Scaled latents (B, Z, H, N) to points (B, T, V, 3)."""
        told = latents * self.spread + self.centre
        at = told.transpose(2, 3).flatten(2) if self.config.raw else read(self.vae.decode(told))
        return from_bins(at, self.config.bins)


def load_hotdance(path: Path, device: torch.device) -> HotDance:
    """The networks of a weights file, ready for use.

    Raises:
        DancegenError: as `load_checkpoint` and `build_network`.
    """
    config, state = load_checkpoint(path, HotDanceConfig)
    return build_network(HotDance, config, state, path).to(device).eval()
