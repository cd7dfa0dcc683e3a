"""Networks that only training needs: posterior, discriminator, genre network.

Glossary: B batch, F pieces, T = 3 F poses, Q units of a window, Z noise, C pose values, K beat inputs, V joints.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dancegen.body.joints import V
from dancegen.choreographers.stg_mamba.config import STYLES, ChoreographerConfig
from dancegen.choreographers.stg_mamba.stgm import GraphConv


class Discriminator(nn.Module):
    """Is a stretch of movement, with its music's beats, of the data? Strided convolutions over 30 poses a second."""

    def __init__(self, config: ChoreographerConfig, width: int = 64) -> None:
        super().__init__()
        inputs = 2 * (V * 3 + 2) + config.beat_inputs
        self.layers = nn.ModuleList(
            [
                nn.Conv1d(inputs, width, 5, 2, padding=2),
                nn.Conv1d(width, width, 5, 2, padding=2),
                nn.Conv1d(width, 2 * width, 5, 2, padding=2),
            ]
        )
        self.out = nn.Conv1d(2 * width, 1, 3, padding=1)

    def forward(self, joints: Tensor, beats: Tensor) -> tuple[Tensor, list[Tensor]]:
        """(B, T, V, 3), (B, F, K) -> scores (B, T / 8) and the features of each layer."""
        place = (joints[:, :, 8, :2] + joints[:, :, 11, :2]) / 2  # (B, T, 2)
        shape = joints - F.pad(place, (0, 1))[:, :, None]
        flat = torch.cat([shape.flatten(2), place], dim=-1)  # (B, T, V * 3 + 2)
        speed = F.pad(flat[:, 1:] - flat[:, :-1], (0, 0, 1, 0)) * 10
        told = beats.repeat_interleave(flat.shape[1] // beats.shape[1], dim=1)  # (B, T, K)
        x = torch.cat([flat, speed, told], dim=-1).transpose(1, 2)  # (B, inputs, T)
        features = []
        for layer in self.layers:
            x = F.leaky_relu(layer(x), 0.2)
            features.append(x)
        return self.out(x)[:, 0], features


class GenreNetwork(nn.Module):
    """A small ST-GCN that tells the style of a dance; its layers carry the pose perceptual loss."""

    def __init__(self, widths: tuple[int, ...] = (24, 48, 64)) -> None:
        super().__init__()
        self.lift = nn.Linear(6, widths[0])
        inputs = (widths[0], *widths[:-1])
        self.graphs = nn.ModuleList(GraphConv(width) for width in inputs)
        self.times = nn.ModuleList(
            nn.Conv2d(i, o, (7, 1), (2, 1), padding=(3, 0)) for i, o in zip(inputs, widths, strict=True)
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for width in widths)
        self.out = nn.Linear(2 * widths[-1], len(STYLES))

    def forward(self, joints: Tensor) -> tuple[Tensor, list[Tensor]]:
        """(B, T, V, 3) -> logits (B, styles) and the features of each layer."""
        place = (joints[:, :, 8, :2] + joints[:, :, 11, :2]) / 2  # (B, T, 2)
        shape = joints - F.pad(place, (0, 1))[:, :, None]
        speed = F.pad(joints[:, 1:] - joints[:, :-1], (0, 0, 0, 0, 1, 0)) * 10
        x = F.relu(self.lift(4 * torch.cat([shape, speed], dim=-1)))  # (B, T, V, d)
        features = [x]
        for graph, time, norm in zip(self.graphs, self.times, self.norms, strict=True):
            x = F.relu(graph(x)).permute(0, 3, 1, 2)  # (B, d, T, V)
            x = F.relu(norm(time(x))).permute(0, 2, 3, 1)  # (B, T / 2, V, d)
            features.append(x)
        told = torch.cat([x.mean(dim=(1, 2)), x.std(dim=1).mean(dim=1)], dim=1)  # (B, 2 d)
        return self.out(told), features
