"""The puppet as one batched, differentiable function: what `renderers.puppet` does limb by limb, on whole pictures.

It leaves out what only finished frames have: skirts in one piece (`renderers.puppet.skirt`) and crisper colours.

Training needs the gradient through the condition image (a neighbour frame that G_r made itself, equations 3 and 5);
inference needs speed. Both share limbs, parts and the completion of hidden sides.

Glossary: B batch, K = 15 limbs, V = 18 joints, r x r the condition image, s x s the target grid.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from dancegen.body.capsules import limb_distances
from dancegen.body.limbs import K, limb_maps, limb_order
from dancegen.images.matting import separate
from dancegen.renderers.puppet.bends import BENDS, bending, limb_bends
from dancegen.renderers.puppet.limb_motion import LimbNetwork, corrected_maps
from dancegen.renderers.puppet.parts import FILLED, by_colour, complete, hidden_cores, joint_widths, parts

ANALYSIS = 128  # the grid on which limbs are told apart, pixels


@dataclass(frozen=True)
class Cutout:
    """A batch of condition images cut into limbs.

    Attributes:
        textures: (B, K, 4, r, r) premultiplied.
        joints: (B, V, 2+) in pixels of the condition image.
        colours: (B, K, 3) mean colour of each limb.
    """

    textures: torch.Tensor
    joints: np.ndarray
    colours: torch.Tensor

    def rows(self, index: list[int]) -> Cutout:
        """Some of the batch's pictures, perhaps repeated."""
        return Cutout(self.textures[index], self.joints[index], self.colours[index])


def cut(picture: torch.Tensor, matte: torch.Tensor, joints: np.ndarray) -> Cutout:
    """Cut pictures into limb layers.

    Args:
        picture: (B, 3, r, r) 0..1; matte: (B, 1, r, r); joints: (B, V, 2+) pixels.
    """
    side = picture.shape[-1]
    small = min(side, ANALYSIS)
    colours, edge = separate(picture, matte, band=max(1.0, side / 256))
    with torch.no_grad():
        local = (joints[..., :2] * (small / side)).astype(np.float32)
        coarse, present = (F.interpolate(p, (small, small), mode="area") for p in (colours, edge))
        distances = by_colour(limb_distances(local, small, small).to(picture.device), coarse, present)
        shares = _enlarged(parts(distances, local, joint_widths(present, local)), side)  # (B, K, r, r)
        cores = _enlarged(hidden_cores(distances, local), side)
    layers = []
    for limb in range(K):
        colour, share = colours, shares[:, limb, None]
        if limb in FILLED:
            colour, share = complete(colours, edge, share, cores[:, FILLED.index(limb), None])
        alpha = share * edge
        layers.append(torch.cat([colour * alpha, alpha], 1))
    textures = torch.stack(layers, 1)  # (B, K, 4, r, r)
    return Cutout(textures, joints, mean_colours(textures))


def mean_colours(textures: torch.Tensor) -> torch.Tensor:
    """The mean colour of each limb; of the whole person where a limb has no pixels: (B, K, 4, r, r) -> (B, K, 3)."""
    sums = textures.sum((-1, -2))  # (B, K, 4)
    whole = sums.sum(1, keepdim=True)
    few = 1e-3 * whole
    return (sums[..., :3] + few[..., :3]) / (sums[..., 3:] + few[..., 3:]).clamp_min(1e-6)


def move(cutout: Cutout, targets: np.ndarray, side: int, network: LimbNetwork | None = None) -> torch.Tensor:
    """The limbs laid back to front on the target skeletons: (B, 4, side, side), premultiplied.

    Args:
        targets: (B, V, 3) in pixels of the condition image (not of the target grid).
        side: pixels of the target grid.
        network: corrects the limbs' maps; it is trained by itself (`limb_loop`), no gradient reaches it.
    """
    batch, source_side = len(targets), cutout.textures.shape[-1]
    plain = limb_maps(cutout.joints, targets)  # (B, K, 2, 3) condition image's pixels
    if network is not None:
        plain = corrected_maps(plain, targets, network.corrections(cutout.joints, targets))
    maps = torch.from_numpy(plain)
    centres = (torch.arange(side) + 0.5) * (source_side / side)
    y, x = torch.meshgrid(centres, centres, indexing="ij")
    places = torch.stack([x, y], -1) + _bent(cutout.joints, targets, x, y)  # (B, K, s, s, 2)
    grid = torch.einsum("bkij,bkhwj->bkhwi", maps[..., :2], places) + maps[..., 2][:, :, None, None]
    grid = grid * (2 / source_side) - 1
    grid = grid.flatten(0, 1).to(cutout.textures.device)
    sampled = F.grid_sample(cutout.textures.flatten(0, 1), grid, padding_mode="zeros", align_corners=False)
    sampled = sampled.view(batch, K, 4, side, side)
    order = torch.from_numpy(np.argsort(limb_order(targets), axis=1, kind="stable"))  # (B, K) back to front
    rows = torch.arange(batch)
    over = torch.zeros_like(sampled[:, 0])
    for rank in range(K):
        layer = sampled[rows, order[:, rank]]
        over = layer + over * (1 - layer[:, 3:])
    return over


def _bent(source: np.ndarray, targets: np.ndarray, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """What the limbs' bends add to target places x, y (s, s): (B, K, s, s, 2)."""
    bends = limb_bends(source, targets)
    shifts = torch.zeros(len(targets), K, *x.shape, 2)

    def each(values: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(values.astype(np.float32))[..., None, None]  # (B, N, 1, 1)

    kept = (bends.axis, bends.side, bends.end, bends.span, bends.turn, bends.radius, bends.tight)
    pivot_x, pivot_y = each(bends.pivot[..., 0]), each(bends.pivot[..., 1])
    dx, dy = bending(x - pivot_x, y - pivot_y, *(each(value) for value in kept))  # (B, N, s, s)
    for index, (limb, *_) in enumerate(BENDS):
        shifts[:, limb] += torch.stack([dx[:, index], dy[:, index]], -1)
    return shifts


def _enlarged(grid: torch.Tensor, side: int) -> torch.Tensor:
    return grid if grid.shape[-1] == side else F.interpolate(grid, (side, side), mode="bilinear", align_corners=False)
