"""The multi-scale patch discriminator (vid2vid, pix2pixHD): LSGAN with feature matching."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import nn

CONDITION_CHANNELS = 3 + 1  # `Conditions.painted` and `.covered`: the skeleton, as the judge sees it


class Patch(nn.Module):
    """Judges patches: (B, 3 + CONDITION_CHANNELS, h, w) -> features of every layer, the last one the verdict."""

    def __init__(self, width: int) -> None:
        super().__init__()
        widths = (3 + CONDITION_CHANNELS, width, 2 * width, 4 * width)
        self.layers = nn.ModuleList(nn.Conv2d(a, b, 4, 2, 1) for a, b in pairwise(widths))
        self.verdict = nn.Conv2d(widths[-1], 1, 3, 1, 1)

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Features (B, width, h / 2, w / 2), ... and the verdict (B, 1, h / 8, w / 8)."""
        features = []
        for layer in self.layers:
            x = F.leaky_relu(layer(x), 0.2)
            features.append(x)
        return [*features, self.verdict(x)]


class Discriminator(nn.Module):
    """The same judge at full size and at half of it, each with its own weights."""

    def __init__(self, width: int = 32, scales: int = 2) -> None:
        super().__init__()
        self.scales = nn.ModuleList(Patch(width) for _ in range(scales))

    def forward(self, frame: torch.Tensor, skeleton: torch.Tensor) -> list[list[torch.Tensor]]:
        """Features of each scale; frame (B, 3, s, s), skeleton (B, CONDITION_CHANNELS, any, any)."""
        skeleton = F.interpolate(skeleton, frame.shape[-2:], mode="bilinear", align_corners=False)
        x = torch.cat([frame, skeleton], 1)
        answers = []
        for scale in self.scales:
            answers.append(scale(x))
            x = F.avg_pool2d(x, 2)
        return answers
