"""What the subject network is built of.

Glossary: B batch; C channels; h, w a level's size.
"""

from __future__ import annotations

import itertools

import torch.nn.functional as F
from torch import Tensor, nn


class Block(nn.Module):
    """Two 3x3 convolutions around which the input is carried."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.first_norm = nn.BatchNorm2d(channels)
        self.second = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) -> (B, C, h, w)."""
        y = F.relu(self.first_norm(self.first(x)))
        return F.relu(x + self.second_norm(self.second(y)))


class Halve(nn.Module):
    """A 3x3 convolution of stride 2."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, stride=2, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) -> (B, C', h / 2, w / 2)."""
        return F.relu(self.norm(self.conv(x)))


class UNet(nn.Module):
    """Levels down and up again with skips. The input enters at `widths[0]` channels.

    Args:
        widths: channels of the levels.
        blocks: residual blocks of each level on the way down (the coarsest has one); one on the way up.
        extra: channels that are given beside the second level's input.
    """

    def __init__(self, widths: tuple[int, ...], blocks: int, extra: int = 0) -> None:
        super().__init__()
        last = len(widths) - 1
        self.down = nn.ModuleList(Halve(a, b) for a, b in itertools.pairwise(widths))
        self.inside = nn.ModuleList(
            nn.Sequential(*(Block(width) for _ in range(1 if level == last else blocks)))
            for level, width in enumerate(widths)
        )
        self.extra = nn.Conv2d(extra, widths[1], 1) if extra else None
        self.narrow = nn.ModuleList(nn.Conv2d(b, a, 1) for a, b in itertools.pairwise(widths))
        self.up = nn.ModuleList(Block(width) for width in widths[:-1])

    def forward(self, x: Tensor, extra: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """(B, widths[0], h, w) -> the same shape, and the coarsest features."""
        skips = []
        x = self.inside[0](x)
        for level, (halve, inside) in enumerate(zip(self.down, self.inside[1:], strict=True)):
            skips.append(x)
            x = halve(x)  # (B, widths[level + 1], h / 2, w / 2)
            if level == 0 and self.extra is not None and extra is not None:
                x = x + self.extra(extra)
            x = inside(x)
        coarsest = x
        for level in reversed(range(len(skips))):
            finer = F.interpolate(self.narrow[level](x), scale_factor=2.0, mode="bilinear", align_corners=False)
            x = self.up[level](skips[level] + finer)  # (B, widths[level], ...)
        return x, coarsest
