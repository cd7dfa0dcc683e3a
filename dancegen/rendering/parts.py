"""The person's pixels divided among the limbs, with the overlaps that keep a moving puppet in one piece.

Glossary: B batch, K = 15 limbs, h x w the picture; `distances` (B, K, h, w) as `limbs.capsule_distances` gives them.
"""

from __future__ import annotations

import numpy as np
import torch

from dancegen.rendering.limbs import (
    DEFAULT_ORDER,
    NEIGHBOURS,
    RADII,
    K,
    capsule_distances,
    joint_points,
    limb_segments,
)
from dancegen.skeleton.joints import body_height

SEAM = 0.10  # every two limbs overlap by this many radii, so that an unmoved puppet has no cracks
CAP_RIM = 0.25  # the outer share of a joint's round cap in which it fades
CORE = np.full(K, 0.70, np.float32)  # within this distance a limb goes on behind whatever hides it, radii


def limb_distances(joints: np.ndarray, height: int, width: int) -> torch.Tensor:
    """`capsule_distances` of poses given in pixels: (B, V, 2+) -> (B, K, height, width)."""
    size = body_height(joints[..., :2])  # (B,)
    segments = torch.from_numpy(limb_segments(joints, size).astype(np.float32))  # (B, K, 2, 2)
    radii = torch.from_numpy((size[:, None] * RADII).astype(np.float32))  # (B, K)
    x, y = torch.arange(width) + 0.5, torch.arange(height) + 0.5
    return capsule_distances(segments, radii, x, y)


def owners(distances: torch.Tensor) -> torch.Tensor:
    """How much each pixel is each limb's, 1 up to the rim between two limbs and 0 a seam's width beyond: same shape."""
    nearest, index = distances.topk(2, dim=1, largest=False)  # (B, 2, h, w)
    is_nearest = torch.zeros_like(distances).scatter(1, index[:, :1], 1.0)
    rival = torch.where(is_nearest > 0, nearest[:, 1:], nearest[:, :1])  # (B, K, h, w): the nearest other limb
    return ((rival - distances + SEAM) / SEAM).clamp(0, 1)


def parts(distances: torch.Tensor, joints: np.ndarray) -> torch.Tensor:
    """`owners`, with neighbouring limbs reaching softly into each other around the joint that they share.

    Args:
        distances: (B, K, h, w), perhaps corrected by the network.
        joints: (B, V, 2+) in pixels of the same grid.

    Returns:
        (B, K, h, w) in 0..1; the sum over limbs is at least 1.
    """
    own = owners(distances)
    height, width = distances.shape[-2:]
    points = torch.from_numpy(joint_points(joints).astype(np.float32)).to(distances)  # (B, 14, 2)
    size = torch.from_numpy(body_height(joints[..., :2]).astype(np.float32)).to(distances)  # (B,)
    x = torch.arange(width, device=distances.device) + 0.5
    y = torch.arange(height, device=distances.device) + 0.5
    reaching = [own[:, k] for k in range(K)]
    for a, b, point, reach in NEIGHBOURS:
        dx = x - points[:, point, 0, None]  # (B, w)
        dy = y - points[:, point, 1, None]  # (B, h)
        distance = (dx[:, None, :] ** 2 + dy[:, :, None] ** 2).sqrt() / (reach * size[:, None, None])  # (B, h, w)
        cap = ((1 - distance) / CAP_RIM).clamp(0, 1)
        reaching[a] = torch.maximum(reaching[a], own[:, b] * cap)
        reaching[b] = torch.maximum(reaching[b], own[:, a] * cap)
    return torch.stack(reaching, 1)


def hidden_cores(distances: torch.Tensor) -> torch.Tensor:
    """Where a limb goes on unseen behind a nearer one (an arm before the chest): (B, K, h, w), 0..1."""
    own = owners(distances)
    order = torch.from_numpy(DEFAULT_ORDER).to(distances)
    hides = (order[None, :] - order[:, None] > 0.5).to(distances)  # (K hidden, K hiding)
    covered = torch.einsum("kj,bjhw->bkhw", hides, own).clamp(0, 1)
    core = ((torch.from_numpy(CORE).to(distances)[:, None, None] - distances) / 0.1).clamp(0, 1)
    return covered * core
