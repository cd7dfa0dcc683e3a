"""Limb capsules for the subject network: where each limb can be, from the joints, as soft fields.

Radii and lengths are the analytic puppet's. Torch, in batches; unlike body/limbs.py it copes with unknown joints.
"""

from __future__ import annotations

import torch
from torch import Tensor

from dancegen.body.joints import (
    L_ANKLE,
    L_ELBOW,
    L_HIP,
    L_KNEE,
    L_SHOULDER,
    L_WRIST,
    NECK,
    NOSE,
    R_ANKLE,
    R_ELBOW,
    R_HIP,
    R_KNEE,
    R_SHOULDER,
    R_WRIST,
)
from dancegen.body.limbs import FOOT_LENGTH, HAND_LENGTH, RADII

HEAD_REACH = 0.07  # body heights beyond the nose


def limb_capsules(joints: Tensor, confidence: Tensor, size: tuple[int, int] | torch.Size, stride: int) -> Tensor:
    """Soft membership of each limb: exp(-(distance / radius)^2 / 2).

    Args:
        joints: (B, V, 2) px; confidence: (B, V), a limb with an unknown joint (0) is left empty.
        size: (h, w) of the input; stride: px between the field's samples.

    Returns:
        (B, 15, h / stride, w / stride) in 0..1.
    """
    starts, ends, known = limb_segments(joints, confidence)  # (B, P, 2), (B, P, 2), (B, P)
    rows, columns = size[0] // stride, size[1] // stride
    y = (torch.arange(rows, device=joints.device) + 0.5) * stride
    x = (torch.arange(columns, device=joints.device) + 0.5) * stride
    points = torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1)  # (rows, columns, 2)
    axis = (ends - starts)[:, :, None, None]  # (B, P, 1, 1, 2)
    offset = points - starts[:, :, None, None]  # (B, P, rows, columns, 2)
    along = ((offset * axis).sum(-1) / (axis.square().sum(-1) + 1e-6)).clamp(0, 1)
    distance = (offset - along[..., None] * axis).norm(dim=-1)  # (B, P, rows, columns)
    radius = torch.from_numpy(RADII).to(joints.device) * body_heights(joints, confidence)[:, None]  # (B, P)
    field = torch.exp(-0.5 * (distance / radius.clamp(min=1.0)[..., None, None]).square())
    return field * known[..., None, None]


def limb_segments(joints: Tensor, confidence: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Start and end of each limb's axis, (B, P, 2) px each, and (B, P) 1 where its joints are known."""
    height = body_heights(joints, confidence)[:, None]  # (B, 1)
    seen = (confidence > 0).float()

    def at(index: int) -> Tensor:
        return joints[:, index]

    def beyond(base: int, tip: int, reach: float) -> Tensor:
        """The point `reach` body heights beyond `tip` on the way from `base`."""
        way = at(tip) - at(base)
        return at(tip) + way / (way.norm(dim=-1, keepdim=True) + 1e-6) * reach * height

    hips = (at(R_HIP) + at(L_HIP)) / 2
    waist = (at(NECK) + hips) / 2
    down = torch.tensor([0.0, 1.0], device=joints.device) * FOOT_LENGTH * height  # (B, 2)
    segments = [
        (at(NECK), beyond(NECK, NOSE, HEAD_REACH), (NECK, NOSE)),
        (at(NECK), waist, (NECK, R_HIP, L_HIP)),
        (waist, hips, (NECK, R_HIP, L_HIP)),
    ]
    for shoulder, elbow, wrist in ((R_SHOULDER, R_ELBOW, R_WRIST), (L_SHOULDER, L_ELBOW, L_WRIST)):
        segments.append((at(shoulder), at(elbow), (shoulder, elbow)))
        segments.append((at(elbow), at(wrist), (elbow, wrist)))
        segments.append((at(wrist), beyond(elbow, wrist, HAND_LENGTH), (elbow, wrist)))
    for hip, knee, ankle in ((R_HIP, R_KNEE, R_ANKLE), (L_HIP, L_KNEE, L_ANKLE)):
        segments.append((at(hip), at(knee), (hip, knee)))
        segments.append((at(knee), at(ankle), (knee, ankle)))
        segments.append((at(ankle), at(ankle) + down, (knee, ankle)))
    starts = torch.stack([start for start, _, _ in segments], dim=1)
    ends = torch.stack([end for _, end, _ in segments], dim=1)
    known = torch.stack([seen[:, list(used)].amin(dim=1) for _, _, used in segments], dim=1)
    return starts, ends, known


def body_heights(joints: Tensor, confidence: Tensor) -> Tensor:
    """(B,) px: as `body.joints.body_height`, limbs with unknown joints left out; at least 8."""

    def length(*chain: int) -> Tensor:
        seen = (confidence[:, list(chain)] > 0).all(dim=1)
        steps = joints[:, list(chain[1:])] - joints[:, list(chain[:-1])]
        return steps.norm(dim=-1).sum(dim=1) * seen

    hips = (joints[:, R_HIP] + joints[:, L_HIP]) / 2
    torso = (joints[:, NECK] - hips).norm(dim=-1) * (confidence[:, [NECK, R_HIP, L_HIP]] > 0).all(dim=1)
    leg = torch.maximum(length(R_HIP, R_KNEE, R_ANKLE), length(L_HIP, L_KNEE, L_ANKLE))
    arm = torch.maximum(length(R_SHOULDER, R_ELBOW, R_WRIST), length(L_SHOULDER, L_ELBOW, L_WRIST))
    estimates = torch.stack([torso / 0.30, leg / 0.47, arm / 0.31, (torso + leg) / 0.77], dim=1)
    return estimates.sort(dim=1).values[:, -2].clamp(min=8.0)
