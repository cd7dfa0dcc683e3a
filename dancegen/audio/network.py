"""The network that hears beats and bars: a temporal convolutional network (Davies and Boeck 2019) on mel levels.

A song goes through it block by block, so that an hour takes no more memory than a minute.

Glossary: N songs, T frames at 100 a second, S = T / 2 steps, M = 66 mel filters, P = 12 pitch classes, C channels.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from dancegen import scratch
from dancegen.audio.spectrum import (
    CLASSES,
    FLUX_LAG,
    HOP,
    MELS,
    PITCH_EVERY,
    loudness_gain,
    mel_levels,
    pitch_levels,
    root_mean_square,
)
from dancegen.weights.checkpoint import load_checkpoint

STEP = 2  # frames a step
ACTIVATIONS = ("beat", "downbeat")
LEVEL_SCALE = 0.25  # brings log mel levels (0..12) to about 0..3
BLOCK = 6000  # frames that are kept of a pass, 60 s: each pass hears 20 s more to both sides, which are thrown away


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


@cache
def load_beat_net(path: Path) -> BeatNet:
    """The network of a checkpoint, ready to listen; loaded once in a process.

    Raises:
        DancegenError: there is no such checkpoint of this role.
        RuntimeError: its tensors are of other shapes.
    """
    config, state = load_checkpoint(path, BeatNetConfig)
    network = BeatNet(config).eval()
    network.load_state_dict(state)
    return network


def log_odds(samples: np.ndarray, network: BeatNet) -> np.ndarray:
    """How likely each frame is a beat, and a downbeat: (N,) samples -> (2, ceil(N / HOP)) float32 log odds.

    The frames near a block's ends are heard again with what lies around them: where blocks end changes nothing.
    """
    frames = -(-len(samples) // HOP)
    gain = loudness_gain(root_mean_square(samples))
    context = -(-network.config.context // 4) * 4
    out = scratch.zeros((2, frames))
    for first in range(0, frames, BLOCK):
        begin = max(first - context, 0)
        last = min(first + BLOCK, frames)
        count = -(-(min(last + context, frames) - begin) // 4) * 4
        out[:, first:last] = hear(samples, begin, count, gain, network)[:, first - begin : last - begin]
        scratch.release(out)
    return out


def hear(samples: np.ndarray, begin: int, count: int, gain: float, network: BeatNet) -> np.ndarray:
    """The log odds of `count` frames from `begin`, (2, count), where the network is."""
    device = next(network.parameters()).device
    mel = torch.from_numpy(mel_levels(samples, begin, count, gain))[None]  # (1, count, M)
    pitch = torch.from_numpy(pitch_levels(samples, begin, count, gain))[None]  # (1, count / 4, P)
    with torch.inference_mode():
        return network(mel.to(device), pitch.to(device))[0].cpu().numpy()
