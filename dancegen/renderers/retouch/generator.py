"""G_r: I_i = G_r(concat(I_0, S_i)), vid2vid's composition on top of the analytic puppet.

The network sees the puppet (I_0 already moved by the two skeletons), the target skeleton and the background on a coarse
grid and answers with a few smooth pictures: what of the puppet to drop, what to paint beneath it and how far. They are
enlarged to the video's size, where the puppet is sampled sharp:

    frame = kept * puppet + (1 - kept * a) * (under * raw + (1 - under) * plate)

with `puppet` premultiplied by its alpha `a`. In the paper's letters, alpha = kept a + (1 - kept a) under and
w = (1 - kept a) under / alpha give out = w * raw + (1 - w) * warp(I_0) over the plate: raw paint where nothing visible
maps, the picture itself wherever it does. The paper's residual flow is left out: where the pose leaves the outline
open, an L1 makes limbs thinner by it. Every head starts at zero, and then the frame is the puppet.

Glossary: B batch, K = 15 limbs, h x w the grid (the longer side is `grid`), H x W the video's window.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from dancegen.body.limbs import K
from dancegen.images.filters import spread
from dancegen.renderers.puppet.motion import LimbNetwork
from dancegen.renderers.retouch.conditions import CHANNELS, Conditions
from dancegen.weights.checkpoint import build_network, load_checkpoint

HEADS = (1, 1, 3)  # channels of the answers: what of the puppet to drop, how far to paint beneath, the paint itself


@dataclass(frozen=True)
class RendererConfig:
    """The sizes of G_r.

    Attributes:
        grid: longer side of the network's grid, pixels.
        widths: channels at the grid, at half, a quarter and an eighth of it.
        part_widths: channels of the once-per-picture network that tells limbs apart.
        part_limit: its largest correction of a limb's distance, radii.
        limb_width: units of the network that corrects limb maps.
    """

    grid: int = 128
    widths: tuple[int, ...] = (16, 32, 64, 96)
    part_widths: tuple[int, ...] = (16, 32, 64, 96)
    part_limit: float = 1.0
    limb_width: int = 256


@dataclass(frozen=True)
class Retouch:
    """The network's answer for a batch of frames, on its grid.

    Attributes:
        kept: (B, 1, h, w) how much of the puppet stays, 0..1.
        under: (B, 1, h, w) how far the raw image covers the background beneath the puppet, 0..1.
        raw: (B, 3, h, w) 0..1.
    """

    kept: torch.Tensor
    under: torch.Tensor
    raw: torch.Tensor

    def rows(self, index: int) -> Retouch:
        """The answer for one frame of the batch, itself a batch of one."""
        return Retouch(*(part[index : index + 1] for part in (self.kept, self.under, self.raw)))

    def crop(self, first: tuple[int, int], last: tuple[int, int]) -> Retouch:
        """From row and column `first` up to `last`."""
        rows, columns = slice(first[0], last[0]), slice(first[1], last[1])
        return Retouch(*(part[..., rows, columns] for part in (self.kept, self.under, self.raw)))

    def enlarge(self, height: int, width: int) -> Retouch:
        """The same answer for a window of another size."""
        stacked = torch.cat([self.kept, self.under, self.raw], 1)
        if stacked.shape[-2:] != (height, width):
            stacked = F.interpolate(stacked, (height, width), mode="bilinear", align_corners=False)
        return Retouch(*stacked.split(HEADS, 1))


def firm_cover(under: torch.Tensor) -> torch.Tensor:
    """What the network paints beneath the puppet, drawn firmly or not at all: a veil is neither person nor background.

    Used on finished frames; training sees the plain shares, whose gradients reach everywhere. Only where it is sure:
    on real pairs a lower threshold gained inside the person and lost as much around them.
    """
    return (4 * under - 2.8).clamp(0, 1)


def merge(puppet: torch.Tensor, retouch: Retouch) -> torch.Tensor:
    """The retouched person, to be laid over any background.

    Args:
        puppet: (B, 4, H, W) premultiplied.
        retouch: enlarged to (H, W).

    Returns:
        (B, 4, H, W) premultiplied.
    """
    kept = retouch.kept * puppet  # (B, 4, H, W)
    beneath = (1 - kept[:, 3:]) * retouch.under
    return kept + beneath * torch.cat([retouch.raw, torch.ones_like(retouch.under)], 1)


def compose(puppet: torch.Tensor, retouch: Retouch, plate: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The frame and the person's alpha.

    Args:
        puppet, retouch: as `merge` takes them.
        plate: (B, 3, H, W).

    Returns:
        frame (B, 3, H, W), alpha (B, 1, H, W).
    """
    person = merge(puppet, retouch)
    return person[:, :3] + (1 - person[:, 3:]) * plate, person[:, 3:]


class UNet(nn.Module):
    """Four levels of residual blocks with skip connections; the last convolution starts at zero."""

    def __init__(self, inputs: int, outputs: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.enter = _conv(inputs, widths[0])
        self.down = nn.ModuleList(_conv(a, b, stride=2) for a, b in pairwise(widths))
        self.deep = nn.ModuleList(Residual(b) for b in widths[1:])
        self.bottom = Residual(widths[-1])
        self.up = nn.ModuleList(_conv(b + a, a) for a, b in pairwise(widths))
        self.fine = nn.ModuleList(Residual(a) for a in widths[1:-1])
        self.leave = nn.Conv2d(widths[0], outputs, 3, padding=1)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)  # type: ignore[arg-type]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, inputs, h, w) -> (B, outputs, h, w); h and w are multiples of 8."""
        x = x.contiguous(memory_format=torch.channels_last)  # a third faster on the CPU
        levels = [F.silu(self.enter(x))]  # (B, widths[0], h, w)
        for down, block in zip(self.down, self.deep, strict=True):
            levels.append(block(F.silu(down(levels[-1]))))  # half the size each
        x = self.bottom(levels[-1])
        for index in range(len(self.up) - 1, -1, -1):
            x = F.interpolate(x, scale_factor=2, mode="nearest")
            x = F.silu(self.up[index](torch.cat([x, levels[index]], 1)))  # (B, widths[index], ...)
            if index:
                x = self.fine[index - 1](x)
        return self.leave(x)


class Residual(nn.Module):
    """x + conv(silu(conv(x))), started near the identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = _conv(width, width), _conv(width, width)
        with torch.no_grad():
            self.second.weight.mul_(0.3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, width, h, w), same shape."""
        return x + self.second(F.silu(self.first(x)))


def _conv(inputs: int, outputs: int, stride: int = 1) -> nn.Conv2d:
    layer = nn.Conv2d(inputs, outputs, 3, stride, 1)
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return layer


def squash(x: torch.Tensor) -> torch.Tensor:
    """A share in 0..1 that is exactly 0 at x = 0 and below, with a gradient everywhere: no head can die."""
    floor = float(torch.sigmoid(torch.tensor(-2.0)))
    soft = (torch.sigmoid(3 * x - 2) - floor) / (1 - floor)
    return soft + (soft.clamp_min(0) - soft).detach()


class Generator(nn.Module):
    """G_r: a per-frame network, a once-per-picture network that tells limbs apart, and one that corrects limb maps."""

    def __init__(self, config: RendererConfig) -> None:
        super().__init__()
        self.config = config
        self.frame = UNet(4 + 3 + CHANNELS, sum(HEADS), config.widths)
        self.part = UNet(3 + 1 + K, K, config.part_widths)
        self.limb = LimbNetwork(config.limb_width)

    def forward(self, puppet: torch.Tensor, plate: torch.Tensor, conditions: Conditions) -> Retouch:
        """The retouch of a batch of frames.

        Args:
            puppet: (B, 4, h, w) premultiplied, on the grid.
            plate: (B, 3, h, w).
            conditions: of the target skeletons.
        """
        told = torch.cat([puppet, plate, conditions.stack()], 1)  # (B, 7 + CHANNELS, h, w)
        drop, under, raw = self.frame(told).float().split(HEADS, 1)  # (B, 1 or 3, h, w)
        # Near the puppet's own colours from the start: what it shows goes on where it ends.
        person = spread(puppet[:, :3] / puppet[:, 3:].clamp_min(1e-2), puppet[:, 3:]) + 0.7 * raw.tanh()
        return Retouch(
            kept=1 - squash(drop) * conditions.reach,
            under=squash(under) * conditions.reach,
            raw=person.clamp(0, 1),
        )

    def part_corrections(self, picture: torch.Tensor, matte: torch.Tensor, closeness: torch.Tensor) -> torch.Tensor:
        """How much nearer each pixel is to each limb than its capsule says, radii.

        Args:
            picture: (B, 3, h, w); matte: (B, 1, h, w); closeness: (B, K, h, w) of the subject's own skeleton.

        Returns:
            (B, K, h, w), to be subtracted from the distances.
        """
        out = self.part(torch.cat([picture * matte, matte, closeness], 1)).float()
        return self.config.part_limit * out.tanh()


def load_generator(path: Path, device: str | torch.device = "cpu") -> Generator:
    """G_r from its checkpoint, ready to render."""
    config, state = load_checkpoint(path, RendererConfig)
    network = build_network(Generator, config, state, path)
    return network.to(device).eval().requires_grad_(False)
