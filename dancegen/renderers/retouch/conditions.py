"""What G_r is told about the target skeleton: pictures of its limbs on the network's grid.

Glossary: B batch, V = 18 joints, K = 15 limbs, h x w the network's grid.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from dancegen.body import limbs as L
from dancegen.body.capsules import limb_distances
from dancegen.body.limbs import K, limb_order

RIGID = [L.HEAD, L.R_HAND, L.L_HAND, L.R_FOOT, L.L_FOOT]
CHANNELS = K + 3 + 1 + 1  # closeness, painted, covered, depth


@dataclass(frozen=True)
class Conditions:
    """A target skeleton as pictures.

    Attributes:
        closeness: (B, K, h, w) 1 on a limb's axis, 0 from two radii on.
        painted: (B, 3, h, w) the limbs in the person's mean colours, nearest limb in front.
        covered: (B, 1, h, w) about where the person will be.
        depth: (B, 1, h, w) how near the camera the limb in front is.
        reach: (B, 1, h, w) 1 near the person, 0 where the network must not touch the picture: far away, and around
            head, hands and feet, which move as they are and need nothing painted beneath.
    """

    closeness: torch.Tensor
    painted: torch.Tensor
    covered: torch.Tensor
    depth: torch.Tensor
    reach: torch.Tensor

    def stack(self) -> torch.Tensor:
        """The network's share of them: (B, CHANNELS, h, w)."""
        return torch.cat([self.closeness, self.painted, self.covered, self.depth], 1)


def draw_conditions(targets: np.ndarray, colours: torch.Tensor, height: int, width: int) -> Conditions:
    """Draw target skeletons.

    Args:
        targets: (B, V, 3) in pixels of the grid.
        colours: (B, K, 3) mean colour of each limb.
    """
    distances = limb_distances(targets, height, width).to(colours.device)  # (B, K, h, w)
    order = torch.from_numpy(limb_order(targets)).to(colours.device)[..., None, None]  # (B, K, 1, 1)
    front = torch.softmax(1.5 * order - 4 * distances, 1)
    nearest = distances.amin(1, keepdim=True)
    return Conditions(
        closeness=(1 - distances / 2).clamp_min(0),
        painted=torch.einsum("bkhw,bkc->bchw", front, colours),
        covered=((1.3 - nearest) / 0.6).clamp(0, 1),
        depth=(front * order).sum(1, keepdim=True) / L.DEPTH_LIMIT,
        reach=(3.5 - nearest).clamp(0, 1) * _bending_share(distances),
    )


def _bending_share(distances: torch.Tensor) -> torch.Tensor:
    """1 where the nearest limb is one that bends or stretches, 0 where it is a rigid one: -> (B, 1, h, w)."""
    rigid = distances[:, RIGID].amin(1, keepdim=True)
    other = distances[:, [limb for limb in range(K) if limb not in RIGID]].amin(1, keepdim=True)
    return ((rigid - other) / 0.3 + 0.5).clamp(0, 1)
