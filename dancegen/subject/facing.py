"""Whether the person faces the camera or turns their back to it: what the sides of arms and legs depend on.

Glossary: B batch; S `FACING_SIZE`; V 18 joints.
"""

from __future__ import annotations

import itertools

import numpy as np
from torch import Tensor, nn

from dancegen.skeleton.joints import L_HIP, L_SHOULDER, NECK, R_HIP, R_SHOULDER, body_height
from dancegen.subject.blocks import Block, Halve
from dancegen.subject.crop import Box

FACING_SIZE = 64  # px of the square that is looked at
FACE = (0, 14, 15, 16, 17)
TALL, NECKS, TALLEST = 0.42, 2.6, 0.8  # that square's side: body heights, or times from head to neck; at most


class Facing(nn.Module):
    """Log odds that the person in a square around head and chest faces the camera."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        steps = [(3, widths[0]), *itertools.pairwise(widths)]
        self.body = nn.Sequential(*(nn.Sequential(Halve(a, b), Block(b)) for a, b in steps))
        self.out = nn.Linear(widths[-1] * (FACING_SIZE >> len(widths)) ** 2, 1)

    def forward(self, picture: Tensor) -> Tensor:
        """(B, 3, S, S) in 0..1 -> (B,) logits, positive for a front."""
        features = self.body(picture - 0.5)  # (B, C, S / 16, S / 16) for four widths
        return self.out(features.flatten(1))[:, 0]


def head_box(joints: np.ndarray) -> Box:
    """The square around head and chest of a person with the joints (V, 2) px, whichever side is which."""
    head = joints[list(FACE)].mean(axis=0)
    height = float(body_height(np.asarray(joints, np.float64)))
    side = max(TALL * height, NECKS * float(np.linalg.norm(head - joints[NECK])))
    side = max(min(side, TALLEST * height), 4.0)
    left, top = (head + joints[NECK]) / 2 - side / 2
    return Box(float(left), float(top), side)


def frontness(joints: np.ndarray) -> float:
    """How far the left shoulder and hip lie to the right of the right ones, body heights: negative for a back."""
    across = joints[L_SHOULDER] - joints[R_SHOULDER] + joints[L_HIP] - joints[R_HIP]
    return float(across[0] / 2 / body_height(np.asarray(joints, np.float64)))
