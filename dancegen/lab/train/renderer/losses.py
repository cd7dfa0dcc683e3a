"""The losses of G_r, all in one place, with their weights.

The paper: L_2 = 1 * GAN + 10 * (L1 + L_fsr + L_bsr). The others are what synthetic people add: true masks, limb labels
and a raw image that has a truth of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from dancegen.body.limbs import K
from dancegen.lab.train.renderer.animate import Animated


@dataclass(frozen=True)
class LossWeights:
    """Weights of the terms of the same names."""

    gan: float = 1.0
    features: float = 2.0
    l1: float = 10.0
    fsr: float = 10.0
    bsr: float = 10.0
    gradient: float = 4.0
    mask: float = 5.0
    repaired: float = 10.0
    raw: float = 1.0
    dropped: float = 2.0
    parts: float = 0.3


WEIGHTS = LossWeights()
PERSON_WEIGHT = 3.0  # a person's pixel counts this much more than the background's in L1


def total(terms: dict[str, torch.Tensor], weights: LossWeights = WEIGHTS) -> torch.Tensor:
    """The weighted sum of the terms."""
    return torch.stack([getattr(weights, name) * value for name, value in terms.items()]).sum()


def difference(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """||a - b||_1 as a mean over pixels: equations 4 and 6 of the paper (L_fsr, L_bsr)."""
    return (a - b).abs().mean()


def supervised_terms(made: Animated, frame: torch.Tensor, alpha: torch.Tensor) -> dict[str, torch.Tensor]:
    """The terms that compare a frame with the truth: frame (B, 3, s, s), alpha (B, 1, s, s)."""
    weight = 1 + PERSON_WEIGHT * F.max_pool2d(alpha, 5, 1, 2)
    weight = weight / weight.mean()
    retouch = made.retouch
    return {
        "l1": ((made.frame - frame).abs() * weight).mean(),
        "gradient": picture_gradients(made.frame, frame, weight),
        # L1 finds the more likely of person and background; an entropy would find their mixture, a halo.
        "mask": (made.alpha - alpha).abs().mean() + (retouch.under - alpha).abs().mean(),
        "repaired": _repair_loss(made, frame, alpha),
        "raw": ((retouch.raw - frame).abs() * alpha).mean(),
        "dropped": (1 - retouch.kept).mean(),
    }


def _repair_loss(made: Animated, frame: torch.Tensor, alpha: torch.Tensor) -> torch.Tensor:
    """What `kept` alone may answer for: deep inside the person, is the raw image nearer the truth than the puppet?

    With the weight of `dropped` it must be nearer by 0.2: wrong colours are painted over, texture is not.
    """
    inside = 1 - F.max_pool2d(1 - alpha, 7, 1, 3)
    kept = made.retouch.kept * made.puppet.detach()
    return ((kept[:, :3] + (1 - kept[:, 3:]) * made.retouch.raw.detach() - frame).abs() * inside).mean()


def picture_gradients(made: torch.Tensor, truth: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """L1 between the pictures' gradients, at two sizes."""
    sums = made.new_zeros(())
    for _ in range(2):
        for dim in (-1, -2):
            error = (made.diff(dim=dim) - truth.diff(dim=dim)).abs()
            sums = sums + (error * weight.narrow(dim, 1, error.shape[dim])).mean()
        made, truth, weight = (F.avg_pool2d(picture, 2) for picture in (made, truth, weight))
    return sums


def part_loss(distances: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of the limbs inside the person: distances (B, K, g, g), labels (B, g, g), 0 = background."""
    known = labels > 0
    entropy = F.cross_entropy(-4 * distances, (labels - 1).clamp(0, K - 1), reduction="none")
    return (entropy * known).sum() / known.sum().clamp_min(1)


def realness_loss(answers: list[list[torch.Tensor]], real: bool) -> torch.Tensor:
    """LSGAN: how far the verdicts are from 1 (real) or 0, mean over scales."""
    verdicts = [scale[-1].float() for scale in answers]
    return torch.stack([((verdict - float(real)) ** 2).mean() for verdict in verdicts]).mean()


def feature_matching(made: list[list[torch.Tensor]], truth: list[list[torch.Tensor]]) -> torch.Tensor:
    """L1 between the discriminator's features of the made and the true frame, mean over layers and scales."""
    pairs = [(a, b) for one, other in zip(made, truth, strict=True) for a, b in zip(one[:-1], other[:-1], strict=True)]
    return torch.stack([(a.float() - b.detach().float()).abs().mean() for a, b in pairs]).mean()
