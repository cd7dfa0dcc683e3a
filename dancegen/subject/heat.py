"""From the finder's heatmaps to joints.

Glossary: B batch; V 18 joints; h, w the maps' size; a cell is one place of a map, `FINDER_STRIDE` px of the input.
"""

from __future__ import annotations

import torch
from torch import Tensor

from dancegen.subject.capsules import body_heights

FINDER_STRIDE = 4
# (parent, child, the longest distance believed between them in body heights: 1.6 times a natural limb)
REACHES: tuple[tuple[int, int, float], ...] = (
    *((2, 3, 0.26), (3, 4, 0.24), (5, 6, 0.26), (6, 7, 0.24)),
    *((8, 9, 0.39), (9, 10, 0.38), (11, 12, 0.39), (12, 13, 0.38)),
)
SOFT_REACH = 0.04


def joints_from_heat(heat: Tensor, stride: int = FINDER_STRIDE) -> tuple[Tensor, Tensor]:
    """Joint places from heatmap logits: the mean over the 5 x 5 cells around the highest.

    Returns:
        (B, V, 2) px of the input, and (B, V) how much of the whole map lies in those cells, 0..1.
    """
    rows, columns = heat.shape[-2:]
    share = torch.softmax(heat.float().flatten(2), dim=2)  # (B, V, rows * columns)
    peak = share.argmax(dim=2)  # (B, V)
    row = torch.arange(rows, device=heat.device).repeat_interleave(columns)
    column = torch.arange(columns, device=heat.device).repeat(rows)
    near_row = (row - (peak // columns)[..., None]).abs() <= 2  # (B, V, rows * columns)
    near_column = (column - (peak % columns)[..., None]).abs() <= 2
    local = share * (near_row & near_column)
    mass = local.sum(dim=2)
    x = (local * (column + 0.5)).sum(dim=2) / mass
    y = (local * (row + 0.5)).sum(dim=2) / mass
    return torch.stack([x, y], dim=2) * stride, mass


def within_reach(heat: Tensor, stride: int = FINDER_STRIDE) -> Tensor:
    """Heatmap logits (B, V, h, w) less likely where a limb would be far longer than the body allows.

    Keeps a lamp post from being taken for a forearm. Each joint's parent is taken as found; drawings' long limbs pass.
    """
    heat = heat.clone()
    rows, columns = heat.shape[-2:]
    y = (torch.arange(rows, device=heat.device) + 0.5) * stride
    x = (torch.arange(columns, device=heat.device) + 0.5) * stride
    cells = torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1)  # (h, w, 2)
    height = body_heights(*joints_from_heat(heat, stride))[:, None, None]  # (B, 1, 1)
    for parent, child, reach in REACHES:
        joints, _ = joints_from_heat(heat[:, [parent]], stride)  # (B, 1, 2)
        distance = (cells - joints[:, :, None]).norm(dim=-1)  # (B, h, w)
        beyond = (distance - reach * height).clamp(min=0) / (SOFT_REACH * height)
        heat[:, child] = heat[:, child] - 0.5 * beyond.square()
    return heat
