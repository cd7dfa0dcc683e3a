"""Phrases as the codes of a choreographer's tokens: what its basis would have to be told to draw them.

Glossary: P phrases, G poses by the beat, C = POSE_VALUES, K tokens of a phrase, D numbers of a token.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from dancegen.body.joints import BONE_MIRROR
from dancegen.body.sequence import BONE_LENGTHS
from dancegen.choreographers.stg_mamba.prior import PhraseBasis

CARRIES = {2: 1.6, 4: 1.6, 6: 2.0, 7: 1.8, 9: 2.0, 10: 1.8}  # limbs that move others count more
TURN_WEIGHT = 0.05  # a radian a beat against a body height
STRAY = 1e-3  # how much codes far from the usual cost, against what they do not draw


def mirror_values(values: np.ndarray) -> np.ndarray:
    """Pose values (..., C) of the mirror image."""
    directions = values[..., :-3].reshape(*values.shape[:-1], -1, 3)[..., list(BONE_MIRROR), :] * [-1, 1, 1]
    flat = directions.reshape(*values.shape[:-1], -1)
    return np.concatenate([flat, values[..., -3:] * [-1, 1, -1]], axis=-1).astype(np.float32)


def value_weights() -> np.ndarray:
    """How much each pose value moves a body, (C,)."""
    limbs = [length * CARRIES.get(limb, 1.0) for limb, length in enumerate(BONE_LENGTHS)]
    return np.concatenate([np.repeat(limbs, 3), [1.0, 1.0, TURN_WEIGHT]]).astype(np.float32)


@torch.no_grad()
def encode(basis: PhraseBasis, values: np.ndarray, tokens: int) -> Tensor:
    """The codes (P, K, D) that draw phrases (P, G, C) best, by least squares: what the tokens share is shared out."""
    size = len(basis.spread)
    drawn = basis(torch.eye(tokens * size).unflatten(1, (tokens, size))) - basis.rest  # (K D, G, C)
    weights = torch.from_numpy(value_weights())
    known = (drawn * weights).flatten(1).double()
    wanted = ((torch.from_numpy(values) - basis.rest) * weights).flatten(1).double()  # (P, G C)
    square = known @ known.T
    stray = STRAY * square.diagonal().mean() / basis.spread.double().clamp(min=1e-3).square()
    square = square + torch.diag(stray.repeat(tokens))
    return torch.linalg.solve(square, known @ wanted.T).T.float().unflatten(1, (tokens, size))


@torch.no_grad()
def round_off(basis: PhraseBasis, values: np.ndarray, codes: Tensor) -> float:
    """The mean distance, body heights, of joints of phrases (P, G, C) from those that their codes (P, K, D) draw."""
    weights = torch.from_numpy(value_weights())[:-3]
    gap = (basis(codes)[..., :-3] - torch.from_numpy(values)[..., :-3]) * weights
    return float(gap.unflatten(-1, (-1, 3)).norm(dim=-1).mean())
