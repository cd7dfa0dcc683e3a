"""What the subject network is told of a body: how near each pixel is to each limb.

Glossary: B batch; V = 18 joints; K = 15 limbs.
"""

from __future__ import annotations

import torch
from torch import Tensor

from dancegen.body import joints as J
from dancegen.body.geometry import from_axes, unit
from dancegen.body.joints import body_height
from dancegen.body.limbs import LIMB_JOINTS, RADII, K, limb_axes

HEAD_REACH = 0.07  # body heights beyond the nose at which the head ends
SMALLEST_BODY = 8.0  # px


def soft_limbs(joints: Tensor, confidence: Tensor, size: tuple[int, int] | torch.Size, stride: int) -> Tensor:
    """What the subject network is told of the limbs: exp(-(distance / radius)^2 / 2).

    Args:
        joints: (B, V, 2) px; confidence: (B, V), a limb with an unknown joint (0) is left empty.
        size: (h, w) of the input; stride: px between the field's samples.

    Returns:
        (B, K, h / stride, w / stride) in 0..1.
    """
    seen = confidence > 0
    height = body_height(joints, seen).clip(SMALLEST_BODY)  # (B,)
    nose = joints[:, J.NOSE]
    head = nose + unit(nose - joints[:, J.NECK]) * HEAD_REACH * height[:, None]
    y, x = (torch.arange(side // stride, device=joints.device) * stride + 0.5 * stride for side in size)
    distance = from_axes(limb_axes(joints, height, head), x, y)[1]  # (B, K, rows, columns)
    radius = torch.from_numpy(RADII).to(joints) * height[:, None]  # (B, K)
    known = torch.stack([seen[:, LIMB_JOINTS[limb]].all(1) for limb in range(K)], 1)  # (B, K)
    return torch.exp(-0.5 * (distance / radius.clip(1.0)[..., None, None]) ** 2) * known[..., None, None]
