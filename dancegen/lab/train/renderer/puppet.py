"""The product's puppet in batches, with the gradient through the condition image.

Training needs that gradient: in equations 3 and 5 the condition image is a neighbour frame that G_r made itself. Where
the limbs lie is decided without it.

Glossary: B batch, K = 15 limbs, V = 18 joints, r x r the condition image, s x s the target grid.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from dancegen.images.filters import separate
from dancegen.renderers.puppet.cut import LimbLayers, cut_layers
from dancegen.renderers.puppet.motion import LimbNetwork, motions
from dancegen.renderers.puppet.puppet import limb_pictures, mean_colours


@dataclass(frozen=True)
class Cutout:
    """A batch of condition images cut into limbs.

    Attributes:
        layers: B puppets of one texel per pixel.
        joints: (B, V, 2+) in pixels of the condition image.
        colours: (B, K, 3) mean colour of each limb.
        side: r, pixels of the condition image.
    """

    layers: list[LimbLayers]
    joints: np.ndarray
    colours: torch.Tensor
    side: int


def cut(picture: torch.Tensor, matte: torch.Tensor, joints: np.ndarray) -> Cutout:
    """Cut pictures into limb layers.

    Args:
        picture: (B, 3, r, r) 0..1; matte: (B, 1, r, r); joints: (B, V, 2+) pixels.
    """
    side = picture.shape[-1]
    colours, edges = separate(picture, matte, band=max(1.0, side / 256))
    rows = zip(colours, edges, joints, strict=True)
    layers = [cut_layers(colour, edge[0], pose, 1.0, (0.0, 0.0)) for colour, edge, pose in rows]
    return Cutout(layers, joints, torch.stack([mean_colours(one) for one in layers]), side)


def move(cutout: Cutout, targets: np.ndarray, side: int, network: LimbNetwork | None = None) -> torch.Tensor:
    """The limbs laid back to front on the target skeletons: (B, 4, side, side), premultiplied.

    Args:
        targets: (B, V, 3) in pixels of the condition image (not of the target grid).
        side: pixels of the target grid.
        network: corrects the limbs' maps; it is trained by itself (`limb_loop`), no gradient reaches it.
    """
    frames = []
    for layers, pose in zip(cutout.layers, motions(cutout.joints, targets, network), strict=True):
        frame = layers.textures[0].new_zeros(4, side, side)
        for (left, top, right, bottom), limb in limb_pictures(
            layers, *pose.view_from(0.0, 0.0, cutout.side / side), (side, side)
        ):
            under = frame[:, top:bottom, left:right].clone()  # kept for the gradient: must not change in place
            frame[:, top:bottom, left:right] = limb + under * (1 - limb[3:])
        frames.append(frame)
    return torch.stack(frames)
