"""How limbs bend at their joints: the skin on the opening side of a joint is stretched like a fan instead of torn.

Every limb moves by one affine map. Where two limbs turn against each other the angle between them closes on one side,
where they overlap, and opens on the other, where two stiff pieces would leave a notch at an elbow and a stump or a
puffed sleeve at a shoulder. There, before a limb's map is applied, a target pixel is turned about the joint: not at all
near the limb's own axis, as the neighbour turns near the neighbour's, and in between by what lies between.

Glossary: N bends, each of one limb at one joint; angles in radians, y pointing down; the "far end" of a limb is the
joint that it leads to from the bend.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from dancegen.body import joints as J
from dancegen.body import limbs as L
from dancegen.body.joints import body_height

# Hips are left out: a fan there draws the shirt's hem down the thigh.
# limb, its joint that bends, its far end, the neighbour's far end, the joint towards which the torso's side lies (the
# joint itself where the neighbour is no torso).
BENDS = (
    (L.R_UPPER_ARM, J.R_SHOULDER, J.R_ELBOW, J.NECK, J.R_HIP),
    (L.L_UPPER_ARM, J.L_SHOULDER, J.L_ELBOW, J.NECK, J.L_HIP),
    (L.R_UPPER_ARM, J.R_ELBOW, J.R_SHOULDER, J.R_WRIST, J.R_ELBOW),
    (L.L_UPPER_ARM, J.L_ELBOW, J.L_SHOULDER, J.L_WRIST, J.L_ELBOW),
    (L.R_FOREARM, J.R_ELBOW, J.R_WRIST, J.R_SHOULDER, J.R_ELBOW),
    (L.L_FOREARM, J.L_ELBOW, J.L_WRIST, J.L_SHOULDER, J.L_ELBOW),
    (L.R_THIGH, J.R_KNEE, J.R_HIP, J.R_ANKLE, J.R_KNEE),
    (L.L_THIGH, J.L_KNEE, J.L_HIP, J.L_ANKLE, J.L_KNEE),
    (L.R_SHIN, J.R_KNEE, J.R_ANKLE, J.R_HIP, J.R_KNEE),
    (L.L_SHIN, J.L_KNEE, J.L_ANKLE, J.L_HIP, J.L_KNEE),
)
BENDS_OF = {limb: [i for i, bend in enumerate(BENDS) if bend[0] == limb] for limb in {bend[0] for bend in BENDS}}

STIFF = np.radians(55)  # nearer to a limb's own axis than this nothing is turned
TORSO_STIFF = np.radians(10)  # likewise from the torso's side
LEAST_FAN = np.radians(30)
REACH = 0.13  # body heights around a joint in which it bends
TIGHT = 1.4  # at most 1 + this / 4 times smaller, halfway
SHORT = 0.05  # body heights: a limb that points at the camera has no direction


@dataclass(frozen=True)
class Bends:
    """The bends of target skeletons, in the pixels that those are given in.

    Attributes:
        pivot: (..., N, 2) the joint.
        axis: (..., N) direction of the limb's axis from there.
        side: (..., N) +1 or -1, the sense in which the opening side is walked from the axis.
        end, span: (..., N) angles from the axis at which the neighbour's turn is reached, and the neighbour's axis.
        turn: (..., N) how much further than the limb the neighbour turns, from target to source.
        radius: (..., N) pixels.
        tight: (..., N) how much the fan is drawn in: a raised shoulder is bulkier than a hanging one.
    """

    pivot: np.ndarray
    axis: np.ndarray
    side: np.ndarray
    end: np.ndarray
    span: np.ndarray
    turn: np.ndarray
    radius: np.ndarray
    tight: np.ndarray

    def row(self, index: int) -> Bends:
        """The bends of one skeleton."""
        return Bends(*(value[index] for value in vars(self).values()))

    def shift(self, x: float, y: float, cell: float = 1.0) -> Bends:
        """The same seen from a window at (x, y), each of its pixels `cell` wide."""
        pivot, radius = (self.pivot - np.array([x, y])) / cell, self.radius / cell
        return replace(self, pivot=pivot, radius=radius)


def limb_bends(source: np.ndarray, target: np.ndarray) -> Bends:
    """The bends from a source skeleton to targets.

    Args:
        source: (V, 2+), or (..., V, 2+) that broadcasts with the target.
        target: (..., V, 2+).
    """
    source = np.broadcast_to(source[..., :2], (*target.shape[:-1], 2)).astype(np.float64)
    target = np.asarray(target[..., :2], np.float64)
    _, joint, own, other, guard = (list(column) for column in zip(*BENDS, strict=True))
    size = np.asarray(body_height(target))[..., None]

    def towards(joints: np.ndarray, ends: list[int]) -> np.ndarray:
        return joints[..., ends, :] - joints[..., joint, :]

    def walk(joints: np.ndarray, ends: list[int]) -> np.ndarray:
        """The angle from the limb's axis to another direction, 0..2 pi."""
        return (_angle(towards(joints, ends)) - _angle(towards(joints, own))) % (2 * np.pi)

    between = walk(target, other)  # (..., N)
    turn = walk(source, other) - between
    side = np.where(turn > 0, -1.0, 1.0)
    span = np.where(side > 0, between, 2 * np.pi - between)
    to_side = walk(target, guard)
    to_side = np.where(side > 0, to_side, 2 * np.pi - to_side)
    on_torso = np.array(guard) != np.array(joint)
    end = np.where(on_torso, np.minimum(span, to_side) - TORSO_STIFF, span - STIFF)
    end = np.maximum(end, STIFF + LEAST_FAN)
    # The fan ends where the limb's own skin begins: no second sleeve under a raised arm.
    turn = np.clip(turn, STIFF - end, end - STIFF)
    # Nothing may jump: no bend where a limb is folded right onto its neighbour or points at the camera.
    sure = np.clip(np.minimum(between, 2 * np.pi - between) / np.radians(30), 0, 1)
    for joints in (source, target):
        for ends in (own, other):
            length = np.linalg.norm(towards(joints, ends), axis=-1)
            sure = sure * np.clip(length / (SHORT * size) - 0.3, 0, 1)
    return Bends(
        target[..., joint, :],
        _angle(towards(target, own)),
        side,
        end,
        span,
        turn * sure,
        np.broadcast_to(REACH * size, span.shape),
        TIGHT * np.clip(np.abs(turn) * sure, 0, 1) * ((np.array(other) == J.NECK) & (to_side > span)),
    )


def _angle(vector: np.ndarray) -> np.ndarray:
    return np.arctan2(vector[..., 1], vector[..., 0])


def bend_shifts(
    x: torch.Tensor, y: torch.Tensor, bend: Sequence[torch.Tensor] | Sequence[float]
) -> tuple[torch.Tensor, torch.Tensor]:
    """How far a bend moves target pixels before the limb's map: shifts of x and y.

    Args:
        x, y: places relative to the joint, pixels; they and the values of `bend` broadcast.
        bend: axis, side, end, span, turn, radius and tight of `Bends`, in that order.
    """
    axis, side, end, span, turn, radius, tight = bend
    walked = torch.remainder(side * (torch.atan2(y, x) - axis), 2 * torch.pi)
    distance = (x * x + y * y).sqrt()
    share = ((walked - STIFF) / (end - STIFF)).clamp(0, 1) * (walked < span)
    near = ((1 - distance / radius) / 0.35).clamp(0, 1)
    angle = turn * share * near
    drawn_in = 1 + tight * near * share * (1 - share)
    cos, sin = torch.cos(angle) * drawn_in, torch.sin(angle) * drawn_in
    return cos * x - sin * y - x, sin * x + cos * y - y
