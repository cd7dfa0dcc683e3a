"""A linear basis of phrases: the few directions in which dance phrases differ most, so that a code stands for a phrase.

Glossary: P phrases, G stored poses, C = POSE_VALUES, D numbers of a code.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from dancegen.body.joints import BONE_MIRROR
from dancegen.body.sequence import BONE_LENGTHS
from dancegen.lab.datasets import bank as stored
from dancegen.lab.datasets.bank import Bank

THIN = stored.STEPS // 8  # one stored pose of so many is kept in a code (`sketch.STEPS`)
CARRIES = {2: 1.6, 4: 1.6, 6: 2.0, 7: 1.8, 9: 2.0, 10: 1.8}  # limbs that move others count more
TURN_WEIGHT = 0.03  # a radian a beat against a body height
OVERSAMPLE = 40


@dataclass(frozen=True)
class Basis:
    """Codes of unit variance to phrases: `mean` (G, C), `vectors` (D, G, C), `weights` (C,) of the values."""

    mean: np.ndarray
    vectors: np.ndarray
    weights: np.ndarray

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """(P, D) -> (P, G, C)."""
        return self.mean + np.tensordot(codes, self.vectors, 1)

    def project(self, values: np.ndarray) -> np.ndarray:
        """(P, G, C) -> (P, D), the nearest codes."""
        scaled = (self.vectors * self.weights).reshape(len(self.vectors), -1)  # orthogonal rows
        gap = ((values - self.mean) * self.weights).reshape(len(values), -1)
        return (gap @ scaled.T / np.maximum((scaled**2).sum(axis=1), 1e-9)).astype(np.float32)


def phrase_values(bank: Bank, row: int) -> np.ndarray:
    """A stored phrase as pose values (G', C) float32: directions, root, turning in radians a beat."""
    directions = bank.directions[row].astype(np.float32)
    rate = np.gradient(bank.turn[row].astype(np.float32)) * stored.STEPS
    return np.concatenate([directions.reshape(len(rate), -1), bank.root[row], rate[:, None]], axis=1, dtype=np.float32)


def mirror_values(values: np.ndarray) -> np.ndarray:
    """Pose values (..., C) of the mirror image."""
    directions = values[..., :-3].reshape(*values.shape[:-1], -1, 3)[..., list(BONE_MIRROR), :] * [-1, 1, 1]
    flat = directions.reshape(*values.shape[:-1], -1)
    return np.concatenate([flat, values[..., -3:] * [-1, 1, -1]], axis=-1).astype(np.float32)


def value_weights() -> np.ndarray:
    """How much each pose value moves a body, (C,)."""
    limbs = [length * CARRIES.get(limb, 1.0) for limb, length in enumerate(BONE_LENGTHS)]
    return np.concatenate([np.repeat(limbs, 3), [1.0, 1.0, TURN_WEIGHT]]).astype(np.float32)


def fit_basis(bank: Bank, rows: np.ndarray, odds: np.ndarray, size: int, seed: int, most: int = 3500) -> Basis:
    """The main directions of phrases `rows`, drawn with `odds`, and their mirror images."""
    rng = np.random.default_rng(seed)
    some = rng.choice(rows, size=min(most, len(rows)), p=odds[rows] / odds[rows].sum())
    values = np.stack([phrase_values(bank, int(row))[::THIN] for row in some])
    values = np.concatenate([values, mirror_values(values)])  # (2 P, G, C)
    mean, weights = values.mean(axis=0), value_weights()
    flat = torch.from_numpy(((values - mean) * weights).reshape(len(values), -1))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        _, spread, vectors = torch.svd_lowrank(flat, size + OVERSAMPLE, niter=3)
    scale = spread[:size] / len(flat) ** 0.5  # standard deviation along each
    rows_of = np.zeros((size, *mean.shape), np.float32)  # few phrases have fewer directions: the others say nothing
    rows_of[: len(scale)] = (vectors[:, :size] * scale).T.reshape(len(scale), *mean.shape).numpy()
    return Basis(mean.astype(np.float32), (rows_of / weights).astype(np.float32), weights)
