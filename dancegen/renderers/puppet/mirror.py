"""An arm that the picture does not show is the other one, mirrored.

Where the body hides most of an arm, what is seen of it is a strip, or no hand. Nobody has one arm: the other one is
turned over and laid on the hidden one's joints.

Glossary: K = 15 limbs; a limb's texture is premultiplied RGBA (4, hk, wk) with its first corner in source pixels.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from dancegen.body.limb_maps import axis_map
from dancegen.body.limbs import LIMB_MIRROR, limb_axes


def mirror_limb(
    texture: torch.Tensor, corner: np.ndarray, ends: np.ndarray, other: np.ndarray, density: float
) -> tuple[torch.Tensor, np.ndarray]:
    """A limb turned over onto the axis of another.

    Args:
        texture: (4, h, w) premultiplied, without a margin.
        corner: (2,) of its first texel, source pixels.
        ends: (2, 2) the ends of its axis; other: (2, 2) those of the limb that it shall be.
        density: texels per source pixel.

    Returns:
        The texture (4, h', w') of the other limb and its corner (2,).
    """
    backward = axis_map(ends, other, turned_over=True)  # (2, 3): from the other's source pixels to the texture's
    height, width = texture.shape[-2:]
    far = corner + np.array([width, height]) / density
    box = np.array([[corner[0], corner[1]], [far[0], corner[1]], [corner[0], far[1]], [far[0], far[1]]])
    seen = np.linalg.solve(backward[:, :2], (box - backward[:, 2]).T).T  # (4, 2)
    low = np.floor(seen.min(0) * density) / density
    size = np.ceil((seen.max(0) - low) * density).astype(int)
    x, y = ((torch.arange(int(side)) + 0.5) / density + float(low[axis]) for axis, side in enumerate(size))
    grid = torch.empty(1, int(size[1]), int(size[0]), 2)
    for axis, side in enumerate((width, height)):
        place = float(backward[axis, 0]) * x[None] + float(backward[axis, 1]) * y[:, None] + float(backward[axis, 2])
        grid[0, ..., axis] = (place - float(corner[axis])) * density * 2 / side - 1
    made = F.grid_sample(texture[None], grid.to(texture.device), align_corners=False)[0]  # (4, h', w')
    return made, low


def mirror_limbs(
    textures: list[torch.Tensor], corners: np.ndarray, unseen: list[int], joints: np.ndarray, density: float
) -> None:
    """Replace limbs that are hardly seen by those of the other arm, in place.

    Args:
        textures: K tensors (4, hk, wk) without margins; corners: (K, 2) source pixels.
        unseen: limbs of the arms; one whose counterpart is unseen, too, stays as it is.
        joints: (V, 2+) source pixels.
        density: texels per source pixel.
    """
    ends = limb_axes(joints)  # (K, 2, 2)
    for limb in unseen:
        other = LIMB_MIRROR[limb]
        if other not in unseen:
            textures[limb], corners[limb] = mirror_limb(
                textures[other], corners[other], ends[other], ends[limb], density
            )
