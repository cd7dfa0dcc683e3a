"""Dances told from real dancing, and danced to noise."""

from __future__ import annotations

import numpy as np
import pytest

from dancegen.body.joints import L_WRIST, R_WRIST
from dancegen.body.sequence import place_joints
from dancegen.choreographers.finish.frame import STANDING
from dancegen.choreographers.stg_mamba.dance import StgMamba
from dancegen.choreographers.stg_mamba.model import load_choreographer
from dancegen.lab.evaluate.apart import told_apart
from dancegen.lab.evaluate.noise import noise_rows
from dancegen.weights.resolve import weights_path


def swaying(seed: int, shake: float) -> np.ndarray:
    """Somebody who stands, sways by chance and shakes the hands."""
    rng = np.random.default_rng(seed)
    limbs = np.asarray(STANDING, float) / np.linalg.norm(STANDING, axis=-1, keepdims=True)
    time = np.arange(600) / 30
    root = np.stack([0.1 * np.sin(time * rng.uniform(2, 4) + rng.uniform(0, 6)), np.full(600, -0.5)], axis=1)
    joints = place_joints(np.repeat(limbs[None], 600, axis=0), root)
    joints[:, [R_WRIST, L_WRIST]] += shake * rng.normal(size=(600, 2, 3))
    return joints + 0.002 * rng.normal(size=joints.shape)


@pytest.mark.parametrize(("shake", "low", "high"), [(0.0, 25, 75), (0.05, 95, 100)])
def test_only_what_differs_is_told_from_real_dancing(shake: float, low: float, high: float) -> None:
    real = [[swaying(seed, 0.0)] for seed in range(12)]
    made = [[swaying(100 + seed, shake)] for seed in range(12)]
    found = told_apart(real, made)
    assert low <= found.pop("told from real dancing, %") <= high
    if shake:
        assert any("wrists" in name or "hands" in name for name in found)


def test_noise_is_danced_to() -> None:
    dancer = StgMamba(load_choreographer(weights_path("choreographer", offline=True)))
    row = noise_rows(dancer, draws=2)
    assert row["plain noise: hit_rate"] > 80 and row["plain noise: frozen"] <= 5
    assert row["plain noise: jitter_ratio"] < 1.5 and row["plain noise: skate_ratio"] < 1.2
