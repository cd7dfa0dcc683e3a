"""The one distance field of bodies: how far each pixel is from limbs' axes, and how near in radii of the limb.

Glossary: B batch; V = 18 joints; K = 15 limbs.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from dancegen.body.geometry import from_axes
from dancegen.body.joints import body_height
from dancegen.body.limbs import RADII, limb_axes


def limb_distances(joints: np.ndarray, height: int, width: int) -> Tensor:
    """How far every pixel is from every limb's axis, in radii of the limb; 1 is the capsule's rim.

    Args:
        joints: (B, V, 2+) pixels.

    Returns:
        (B, K, height, width) float32.
    """
    size = body_height(joints[..., :2])  # (B,)
    axes = torch.from_numpy(limb_axes(joints, size).astype(np.float32))  # (B, K, 2, 2)
    radii = torch.from_numpy((size[:, None] * RADII).astype(np.float32))  # (B, K)
    return from_axes(axes, torch.arange(width) + 0.5, torch.arange(height) + 0.5)[1] / radii[..., None, None]
