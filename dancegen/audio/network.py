"""The network that hears beats and bars: a temporal convolutional network (Davies and Boeck 2019) on mel levels.

Glossary: N songs, T frames at 100 a second, S = T / 2 steps, M = 66 mel filters, P = 12 pitch classes, C channels.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dancegen.audio.hearing import CLASSES, PITCH_EVERY
from dancegen.audio.spectrum import FLUX_LAG, MELS

STEP = 2  # frames a step
ACTIVATIONS = ("beat", "downbeat")
LEVEL_SCALE = 0.25  # brings log mel levels (0..12) to about 0..3


@dataclass(frozen=True)
class BeatNetConfig:
    """Attributes:
    channels: C.
    kernel: taps of each dilated convolution, odd.
    blocks: dilated blocks; block b looks (kernel - 1) / 2 * 2^b steps to each side.
    dropout: share of the channels left out, in training only.
    """

    channels: int = 32
    kernel: int = 5
    blocks: int = 9
    dropout: float = 0.1

    @property
    def context(self) -> int:
        """Frames to each side that a frame's activation depends on."""
        return STEP * ((self.kernel - 1) // 2 * (2**self.blocks - 1) + 8)


class Block(nn.Module):
    """One dilated convolution beside the straight way."""

    def __init__(self, config: BeatNetConfig, dilation: int) -> None:
        super().__init__()
        wide = config.channels
        self.norm = nn.LayerNorm(wide)
        padding = (config.kernel - 1) // 2 * dilation
        self.look = nn.Conv1d(wide, wide, config.kernel, padding=padding, dilation=dilation)
        self.mix = nn.Conv1d(wide, wide, 1)
        self.drop = nn.Dropout1d(config.dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, S) to the same shape."""
        look = nn.functional.gelu(self.look(self.norm(x.transpose(1, 2)).transpose(1, 2)))  # (N, C, S)
        return x + self.drop(self.mix(look))


class BeatNet(nn.Module):
    """Mel levels and pitch classes to the log odds of a beat and of a downbeat at each frame."""

    def __init__(self, config: BeatNetConfig) -> None:
        super().__init__()
        self.config = config
        wide = config.channels
        self.bands = nn.Conv1d(2 * MELS, wide, 1)
        self.steps = nn.Conv1d(wide, wide, 5, stride=STEP, padding=2)
        self.pitch = nn.Conv1d(CLASSES, wide, 1)
        self.blocks = nn.ModuleList(Block(config, 2**number) for number in range(config.blocks))
        self.norm = nn.LayerNorm(wide)
        self.out = nn.Conv1d(wide, len(ACTIVATIONS) * STEP, 1)

    def forward(self, mel: Tensor, pitch: Tensor) -> Tensor:
        """Args:
            mel: (N, T, M) log levels, T a multiple of PITCH_EVERY.
            pitch: (N, T / PITCH_EVERY, P) log levels.

        Returns:
            (N, 2, T) log odds, rows as ACTIVATIONS.
        """
        level = mel.transpose(1, 2) * LEVEL_SCALE  # (N, M, T)
        rise = nn.functional.pad((level[:, :, FLUX_LAG:] - level[:, :, :-FLUX_LAG]).relu(), (FLUX_LAG, 0))
        x = self.steps(nn.functional.gelu(self.bands(torch.cat([level, rise], dim=1))))  # (N, C, S)
        harmony = pitch.transpose(1, 2) * LEVEL_SCALE  # (N, P, T / 4)
        harmony = harmony - harmony.mean(dim=1, keepdim=True)
        x = x + self.pitch(harmony).repeat_interleave(PITCH_EVERY // STEP, dim=2)
        for block in self.blocks:
            x = block(x)
        out = self.out(self.norm(x.transpose(1, 2)).transpose(1, 2))  # (N, 4, S)
        return out.unflatten(1, (len(ACTIVATIONS), STEP)).transpose(2, 3).flatten(2)  # (N, 2, T)
