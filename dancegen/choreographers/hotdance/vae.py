"""The autoencoder of pose pictures: 54 channels of W x T to latents of W / 8 x T / 8, and back to logits of bins.

It begins with a ruler: a filter that reads where in its column a channel's mark is, and one that draws a mark there
(logits that are linear in a place are a Gaussian around it, for a softmax leaves out what all bins share). What is
learned beside and beyond that is learned from pictures to pictures.

The encoder sees each group of 8 frames by itself, so that latents of known frames tell nothing of what follows, and a
latent stays the same whatever segment it lies in. The decoder sees neighbours too, so that a movement runs smoothly
from group to group.

Glossary: B pictures, C channels, W bins, T frames, H = W / 8 rows and N = T / 8 columns of latents, Z latent channels,
D width, F features of a frame.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dancegen.choreographers.hotdance.config import HotDanceConfig

QUIETEST, LOUDEST = -8.0, 2.0  # log variance of a latent
BINS = 8.0  # in the ruler's unit
BLUNT = 1.5  # bins, deviation of the marks that an untrained decoder draws
DOUBTS = 32  # features by which a column may be drawn otherwise than as one mark


def ruler(bins: int) -> Tensor:
    """The places (W,) of bins, 0 in the middle."""
    return (torch.arange(bins) - (bins - 1) / 2) / BINS


class Block(nn.Module):
    """Mixes neighbouring groups, feature by feature, then the features of each."""

    def __init__(self, width: int, reach: int) -> None:
        super().__init__()
        self.mix = nn.Conv1d(width, width, reach, padding=reach // 2, groups=width)
        self.gain = nn.Parameter(torch.ones(width))
        self.widen = nn.Conv1d(width, 2 * width, 1)
        self.narrow = nn.Conv1d(2 * width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, D, N) to the same."""
        mixed = self.mix(x)
        even = mixed * mixed.square().mean(dim=1, keepdim=True).add(1e-6).rsqrt() * self.gain[:, None]
        return x + self.narrow(F.gelu(self.widen(even)))  # type: ignore[no-any-return]


class PoseVae(nn.Module):
    """Pictures to latents and back."""

    def __init__(self, config: HotDanceConfig) -> None:
        super().__init__()
        wide, frame, step = config.vae_width, config.frame_width, config.stride
        told = config.latent * config.rows
        self.config = config
        self.see_frame = nn.Conv2d(config.channels, frame, (config.bins, 1))
        self.see_group = nn.Conv1d(frame, wide, step, step)
        self.encoder = nn.Sequential(*(Block(wide, 1) for _ in range(config.vae_blocks[0])))
        self.tell = nn.Conv1d(wide, 2 * told, 1)
        self.hear = nn.Conv1d(told, wide, 3, padding=1)
        self.decoder = nn.Sequential(*(Block(wide, 3) for _ in range(config.vae_blocks[1])))
        self.draw_group = nn.ConvTranspose1d(wide, frame, step, step)
        self.join = nn.Conv1d(frame, frame, 5, padding=2, groups=frame)
        self.mend = nn.Conv1d(frame, frame, 1)
        self.place = nn.Conv1d(frame, config.channels, 1)
        self.sharpness = nn.Parameter(torch.full((config.channels, 1, 1), (BINS / BLUNT) ** 2).log())
        self.doubt = nn.Conv1d(frame, DOUBTS, 1)
        self.draw_doubt = nn.Conv1d(DOUBTS, config.channels * config.bins, 1)

    @torch.no_grad()
    def start(self) -> None:
        """Before training: the first features are where marks are, then whether there are any; no doubts are drawn."""
        config, weight = self.config, self.see_frame.weight
        channels = config.channels
        weight.mul_(0.3)
        for channel in range(channels):
            weight[channel], weight[channels + channel] = 0, 0
            weight[channel, channel, :, 0] = ruler(config.bins)
            weight[channels + channel, channel] = 0.3
        for zeroed in (self.see_frame.bias, self.draw_doubt.weight, self.draw_doubt.bias):
            assert zeroed is not None
            zeroed.zero_()

    def encode(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """(B, C, W, T) to the mean and the log variance of its latents, (B, Z, H, N) each."""
        filters, bias = self.see_frame.weight.flatten(1), self.see_frame.bias  # as a product it takes half the time
        assert bias is not None
        frames = filters @ picture.flatten(1, 2) + bias[:, None]  # (B, F, T)
        x = self.encoder(self.see_group(frames))
        mean, log_variance = self.tell(x).chunk(2, dim=1)
        shape = (self.config.latent, self.config.rows)
        return mean.unflatten(1, shape), log_variance.clamp(QUIETEST, LOUDEST).unflatten(1, shape)

    def decode(self, latents: Tensor) -> Tensor:
        """(B, Z, H, N) to logits of the bins (B, C, W, T)."""
        x = self.draw_group(self.decoder(self.hear(latents.flatten(1, 2))))
        x = x + self.mend(F.gelu(self.join(x)))
        marks = ruler(self.config.bins).to(x)[:, None]
        drawn = self.sharpness.exp() * (marks * self.place(x)[:, :, None] - marks.square() / 2)
        return drawn + self.draw_doubt(self.doubt(x)).unflatten(1, (self.config.channels, -1))  # type: ignore[no-any-return]
