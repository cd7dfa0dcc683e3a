"""G_r on the avatar: I_i = G_r(concat(I_0, S_i)), vid2vid's composition on top of the shell, which can turn.

The network sees the shell drawn in the pose (I_0 moved by the two skeletons), with its depth, and the skeleton. It
answers, on a grid around the dancer, with six smooth pictures that are enlarged to the video's size, where the shell is
drawn sharp:

    colours = (1 - painted) * (shell + tint) + painted * raw
    person  = kept * a * colours + (1 - kept * a) * under * raw

with `a` the shell's alpha. In the paper's letters out = w * raw + (1 - w) * warp(I_0) with w = painted on the shell and
1 beside it; `tint` is a smooth change of the warped picture's light, `kept` and `under` are what of the outline to drop
and how far to paint beyond it. The empty background is no input: the person is the same before any. Every head starts
at zero, and then the frame is the shell.

Glossary: B batch; K = 15 limbs; V = 18 joints; g x g the grid, on which the network works in blocks of 2 x 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from dancegen.body import joints as J
from dancegen.body.capsules import limb_distances
from dancegen.body.joints import body_height
from dancegen.body.limb_maps import DEPTH_LIMIT, limb_order
from dancegen.body.limbs import K
from dancegen.images.filters import spread
from dancegen.renderers.retouch.generator import UNet, squash
from dancegen.weights.checkpoint import build_network, load_checkpoint

BLOCK = 2  # cells a side that are one place to the network: wide channels on few places are quicker than the reverse
SHELL = 5  # RGB, alpha, depth
SKELETON = K + 1 + 2  # closeness, depth, where the chest faces
FINE = (1, 1, 1, 3)  # channels of the answers at full resolution: kept, under, painted, raw
TINT = 3
MOST_TINT, MOST_RAW = 0.5, 0.7  # how far from the shell's colour the answers can go
DEEPEST = 0.5  # body heights of depth that are 1 to the network


@dataclass(frozen=True)
class ShellConfig:
    """The sizes of the network.

    Attributes:
        grid: longer side of the grid, cells.
        widths: channels at a half, a quarter, ... of it.
    """

    grid: int = 128
    widths: tuple[int, ...] = (16, 32, 64, 96)


@dataclass(frozen=True)
class ShellRetouch:
    """The network's answer, on its grid: kept, under, painted (B, 1, g, g) 0..1; raw (B, 3, g, g) 0..1; tint
    (B, 3, g, g)."""

    kept: torch.Tensor
    under: torch.Tensor
    painted: torch.Tensor
    raw: torch.Tensor
    tint: torch.Tensor

    def enlarge(self, height: int, width: int) -> ShellRetouch:
        """The same answer for a window of another size."""
        stacked = torch.cat([self.kept, self.under, self.painted, self.raw, self.tint], 1)
        if stacked.shape[-2:] != (height, width):
            stacked = F.interpolate(stacked, (height, width), mode="bilinear", align_corners=False)
        return ShellRetouch(*stacked.split((*FINE, TINT), 1))


def merge_shell(shell: torch.Tensor, retouch: ShellRetouch) -> torch.Tensor:
    """The person as the network leaves them: RGBA (B, 4, h, w), multiplied by alpha, of a shell like that."""
    rgb, alpha = shell[:, :3], shell[:, 3:4]
    kept = retouch.kept * alpha
    colours = (rgb / alpha.clamp_min(1e-3) + retouch.tint).clamp(0, 1)
    colours = colours + retouch.painted * (retouch.raw - colours)
    beyond = (1 - kept) * retouch.under
    return torch.cat([kept * colours + beyond * retouch.raw, kept + beyond], 1)


def draw_skeleton(targets: np.ndarray, height: int, width: int) -> torch.Tensor:
    """Target skeletons (B, V, 3) in pixels of a picture h x w, as the network takes them: (B, SKELETON, h, w)."""
    distances = limb_distances(targets, height, width)  # (B, K, h, w)
    order = torch.from_numpy(limb_order(targets))[..., None, None]  # (B, K, 1, 1)
    depth = (torch.softmax(1.5 * order - 4 * distances, 1) * order).sum(1, keepdim=True) / DEPTH_LIMIT
    across = targets[:, J.L_SHOULDER] - targets[:, J.R_SHOULDER]
    across = across / np.maximum(np.linalg.norm(across, axis=-1, keepdims=True), 1e-3)
    facing = torch.from_numpy(across[:, [0, 2], None, None].astype(np.float32))  # (B, 2, 1, 1)
    return torch.cat([(1 - distances / 2).clamp_min(0), depth, facing.expand(-1, -1, height, width)], 1)


class ShellGenerator(nn.Module):
    """G_r on shells."""

    def __init__(self, config: ShellConfig) -> None:
        super().__init__()
        self.config = config
        inputs, outputs = SHELL * BLOCK**2 + SKELETON, sum(FINE) * BLOCK**2 + TINT
        self.frame = UNet(inputs, outputs, config.widths)

    def forward(self, shell: torch.Tensor, targets: np.ndarray) -> ShellRetouch:
        """The retouch of a batch of frames.

        Args:
            shell: (B, SHELL, h, w) on the grid: RGB and depth (in `DEEPEST` heights) multiplied by alpha, and alpha
                between them.
            targets: (B, V, 3) in cells.
        """
        rows, columns = shell.shape[-2:]
        fit = BLOCK * 2 ** (len(self.config.widths) - 1)  # the network halves its picture so many times
        shell = F.pad(shell, (0, -columns % fit, 0, -rows % fit))
        height, width = shell.shape[-2] // BLOCK, shell.shape[-1] // BLOCK
        skeleton = draw_skeleton((targets / BLOCK).astype(np.float32), height, width).to(shell.device)
        out = self.frame(torch.cat([F.pixel_unshuffle(shell, BLOCK), skeleton], 1)).float()
        fine, tint = out.split((sum(FINE) * BLOCK**2, TINT), 1)
        drop, under, painted, raw = F.pixel_shuffle(fine, BLOCK).split(FINE, 1)
        tint = F.interpolate(tint, shell.shape[-2:], mode="bilinear", align_corners=False)
        near = skeleton[:, :K].amax(1, keepdim=True)  # nothing is painted far from the skeleton
        reach = F.interpolate((3 * near + 0.5).clamp(0, 1), shell.shape[-2:], mode="bilinear", align_corners=False)
        person = spread(shell[:, :3] / shell[:, 3:4].clamp_min(1e-2), shell[:, 3:4])
        raw, tint = (person + MOST_RAW * raw.tanh()).clamp(0, 1), MOST_TINT * tint.tanh()
        answers = (1 - squash(drop), squash(under) * reach, squash(painted), raw, tint)
        return ShellRetouch(*(answer[..., :rows, :columns] for answer in answers))


def load_shell_generator(path: Path, device: str | torch.device = "cpu") -> ShellGenerator:
    """The network from its checkpoint, ready to render."""
    config, state = load_checkpoint(path, ShellConfig)
    network = build_network(ShellGenerator, config, state, path)
    return network.to(device).eval().requires_grad_(False)


def normal_depth(depth: np.ndarray, alpha: np.ndarray, joints: np.ndarray) -> np.ndarray:
    """A layer's depth (h, w), video pixels, as the network takes it."""
    height = max(float(body_height(joints[:, :2])), 1.0)
    scaled: np.ndarray = (alpha * np.clip(depth / (DEEPEST * height), -1, 1)).astype(np.float32)
    return scaled
