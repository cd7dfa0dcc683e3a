"""What the subject network is trained to: every loss in one place, with its weight."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from dancegen.lab.train.subject.samples import Batch
from dancegen.people.network.choice import FINDER_STRIDE

HEAT_SIGMA = 1.1  # cells
PRESENT_WEIGHT = 0.5
DICE_WEIGHT = 0.5
EDGE_WEIGHT = 4.0  # how much more the outline counts than flat regions
PARTS_WEIGHT = 0.3
SMALL_PARTS = (6, 9, 12, 15)  # hands and feet, counted double
GRADIENT_WEIGHT = 0.5


def finder_loss(heat: Tensor, present: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
    """Cross-entropy of each present joint's map with a Gaussian around it, and of presence.

    Args:
        heat: (B, V, h, w) logits; present: (B, V) logits.
    """
    rows, columns = heat.shape[-2:]
    y = torch.arange(rows) + 0.5
    x = torch.arange(columns) + 0.5
    place = batch.joints / FINDER_STRIDE  # (B, V, 2)
    near_x = -0.5 * ((x - place[..., :1]) / HEAT_SIGMA).square()  # (B, V, w)
    near_y = -0.5 * ((y - place[..., 1:]) / HEAT_SIGMA).square()  # (B, V, h)
    target = torch.softmax((near_y[..., None] + near_x[..., None, :]).flatten(2), dim=2)  # (B, V, h * w)
    cross = -(target * torch.log_softmax(heat.float().flatten(2), dim=2)).sum(dim=2)  # (B, V)
    heat_loss = (cross * batch.present).sum() / batch.present.sum().clamp(min=1)
    return heat_loss, F.binary_cross_entropy_with_logits(present.float(), batch.present)


def mask_loss(mask: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
    """Binary cross-entropy, the outline weighted up, and 1 - Dice. mask: (B, 1, S, S) logits."""
    mask = mask.float()
    wide = F.max_pool2d(batch.alpha, 5, stride=1, padding=2)
    narrow = -F.max_pool2d(-batch.alpha, 5, stride=1, padding=2)
    weight = 1 + EDGE_WEIGHT * (wide - narrow)
    entropy = F.binary_cross_entropy_with_logits(mask, batch.alpha, weight) / weight.mean()
    chance = torch.sigmoid(mask)
    shared = (chance * batch.alpha).sum(dim=(1, 2, 3))
    dice = 2 * shared / (chance.sum(dim=(1, 2, 3)) + batch.alpha.sum(dim=(1, 2, 3)) + 1)
    return entropy, 1 - dice.mean()


def parts_loss(parts: Tensor, batch: Batch) -> Tensor:
    """Cross-entropy of the limb inside the person. parts: (B, P, S / 2, S / 2) logits."""
    labels = batch.labels[:, ::2, ::2]  # (B, S / 2, S / 2)
    target = torch.where(labels > 0, labels - 1, torch.full_like(labels, -100))
    weight = torch.ones(parts.shape[1])
    weight[[label - 1 for label in SMALL_PARTS]] = 2.0
    if not (labels > 0).any():
        return parts.sum() * 0
    return F.cross_entropy(parts.float(), target, weight)


def plate_loss(painted: Tensor, truth: Tensor, hole: Tensor) -> Tensor:
    """L1 inside the hole, and of the gradients at three scales. All (B, C, S, S)."""
    share = hole.mean().clamp(min=0.01)
    error = (painted.float() - truth) * hole
    loss = error.abs().mean() / share
    for _ in range(3):
        down, right = error.diff(dim=2), error.diff(dim=3)
        loss = loss + GRADIENT_WEIGHT * (down.abs().mean() + right.abs().mean()) / share
        error = F.avg_pool2d(error, 2)
    return loss
