"""Where a torso ends beside an arm, by the joints alone: clothes of one colour have no edge there.

Glossary: B batch, V = 18 joints, K = 15 limbs, h x w the picture; `distances` (B, K, h, w) in radii of the limbs.
"""

from __future__ import annotations

import numpy as np
import torch

from dancegen.body import joints as J
from dancegen.body import limbs as L
from dancegen.body.joints import body_height, mid_hip
from dancegen.body.limbs import K

SIDE_RIM = 0.012  # body heights over which the torso ends beside an arm
HIP_FLESH = 0.045  # body heights that a torso is wider than its hips' joints
SHOULDER_FLESH = 0.035  # and higher than its shoulders'
LEAST_HALF = 0.085  # half of a torso's width seen from any side
HEAD_RIM = 0.15  # radii over which the head ends beside a hand
MOST_FURTHER = 0.6  # radii: what the colours say clearly stands
SLEEVE = 1.3  # how far a sleeve may reach, radii of the arm
ARMS = [L.R_UPPER_ARM, L.R_FOREARM, L.R_HAND, L.L_UPPER_ARM, L.L_FOREARM, L.L_HAND]


def torso_distance(joints: np.ndarray, height: int, width: int) -> torch.Tensor:
    """How far each pixel lies outside of what a torso with these joints fills, body heights: (B, h, w).

    Its sides run from the shoulders to a little beside the hips, its top a little above the shoulders.
    """
    xy = joints[..., :2].astype(np.float32)
    size = body_height(xy).astype(np.float32)[:, None]
    neck, hips = xy[:, J.NECK], mid_hip(xy)
    long = np.maximum(np.linalg.norm(hips - neck, axis=-1, keepdims=True), 1e-3)  # (B, 1)
    down = (hips - neck) / long  # (B, 2)
    across = np.stack([-down[:, 1], down[:, 0]], -1)

    def lateral(joint: int, middle: np.ndarray) -> np.ndarray:
        return ((xy[:, joint] - middle) * across).sum(-1, keepdims=True) / size  # (B, 1)

    shoulders = [lateral(joint, neck) for joint in (J.R_SHOULDER, J.L_SHOULDER)]
    hip_sides = [lateral(joint, hips) for joint in (J.R_HIP, J.L_HIP)]
    tops = [((xy[:, joint] - neck) * down).sum(-1, keepdims=True) / size for joint in (J.R_SHOULDER, J.L_SHOULDER)]
    sides = []
    for sign in (1.0, -1.0):  # a body in profile has both shoulders on one side, or nearly
        reach = np.maximum.reduce([sign * place for place in shoulders])
        hip = np.maximum.reduce([sign * place for place in hip_sides]) + HIP_FLESH
        sides.append((np.maximum(reach, LEAST_HALF), np.maximum(hip, LEAST_HALF)))
    x, y = np.arange(width, dtype=np.float32) + 0.5, np.arange(height, dtype=np.float32) + 0.5
    rx, ry = (x - neck[:, :1])[:, None, :], (y - neck[:, 1:])[:, :, None]  # (B, 1, w), (B, h, 1)

    def at(value: np.ndarray) -> np.ndarray:
        return value[..., None].astype(np.float32)  # (B, 1) -> (B, 1, 1)

    along = (rx * at(down[:, :1]) + ry * at(down[:, 1:])) / at(size)  # (B, h, w)
    aside = (rx * at(across[:, :1]) + ry * at(across[:, 1:])) / at(size)
    share = np.clip(along / at(long / size), 0, 1)
    half = np.where(
        aside > 0,
        at(sides[0][0]) * (1 - share) + at(sides[0][1]) * share,
        at(sides[1][0]) * (1 - share) + at(sides[1][1]) * share,
    )
    above = at(np.minimum(*tops)) - SHOULDER_FLESH - along
    return torch.from_numpy(np.maximum(np.abs(aside) - half, above).clip(0).astype(np.float32))


def prefer_arms(distances: torch.Tensor, outside: torch.Tensor) -> torch.Tensor:
    """Distances (B, K, h, w) by which what is beside the torso's or the head's outline is the arm's that lies there.

    A sleeve that hangs at the body is wider than the capsule in it, and so is a hand laid on the head.
    """
    further = torch.zeros_like(distances)
    for limbs, hidden, beyond in (
        (ARMS, (L.UPPER_TORSO, L.LOWER_TORSO), outside / SIDE_RIM),
        ([L.R_HAND, L.L_HAND], (L.HEAD,), (distances[:, L.HEAD] - 0.95) / HEAD_RIM),
    ):
        arm = distances[:, limbs].amin(1)  # (B, h, w)
        others = [k for k in range(K) if k not in ARMS and k not in (L.UPPER_TORSO, L.LOWER_TORSO) and k not in hidden]
        free = (distances[:, others].amin(1) - arm) / 0.2 + 0.5  # nobody else is nearer
        beside = ((SLEEVE - arm) / 0.2).clamp(0, 1) * free.clamp(0, 1)
        for limb in hidden:
            further[:, limb] = beside * beyond.clamp(0, MOST_FURTHER)
    return distances + further
