"""The dance metrics on dances whose beats, jitter and bones are known by construction."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from dancegen.body.joints import BONES, L_ELBOW, L_WRIST, R_ELBOW, R_WRIST
from dancegen.body.sequence import place_joints
from dancegen.dances import metrics

FPS = 30.0


def standing(count: int) -> np.ndarray:
    directions = np.zeros((count, len(BONES), 3), np.float32)
    directions[:, :, 1] = 1
    return place_joints(directions, np.tile(np.float32([0, -0.5]), (count, 1)))


def swinging(count: int, beat: float, phase: float = 0.0) -> np.ndarray:
    """Arms that turn around at every beat: the speed is least there."""
    joints = standing(count)
    swing = 0.2 * np.cos(np.pi * (np.arange(count) / FPS - phase) / beat)
    joints[:, [R_ELBOW, R_WRIST, L_ELBOW, L_WRIST], 0] += swing[:, None]
    return joints


def test_kinematic_beats_are_where_the_arms_turn() -> None:
    found = metrics.kinematic_beats(swinging(300, 0.5), FPS)
    inner = found[(found > 0.3) & (found < 9.7)]
    assert np.abs(inner - 0.5 * np.round(inner / 0.5)).max() < 0.02
    assert len(inner) == 19


def test_a_dance_on_the_beat_scores_full_and_off_the_beat_nothing() -> None:
    beats = np.arange(0.5, 9.6, 0.5)
    on = metrics.beat_scores(swinging(300, 0.5), FPS, beats)
    off = metrics.beat_scores(swinging(300, 0.5, phase=0.25), FPS, beats)
    assert on["hit_rate"] > 90 and on["bc_music"] > 0.95 and 90 < on["coverage"] < 115
    assert off["hit_rate"] < 10 and off["bc_music"] < 0.1


def test_no_beats_and_no_dance_score_zero_without_warnings() -> None:
    with np.errstate(all="raise"):
        assert metrics.beat_scores(standing(60), FPS, np.zeros(0))["hit_rate"] == 0
        assert metrics.score(standing(2), FPS, np.arange(3.0))["hit_rate"] == 0


def test_frechet_distance_of_known_gaussians() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(40000, 3)), rng.normal(size=(40000, 3)) * 2 + 1
    assert metrics.frechet_distance(a, a) == pytest.approx(0, abs=1e-9)
    assert metrics.frechet_distance(a, b) == pytest.approx(3 * 1 + 3 * (2 - 1) ** 2, rel=0.05)


def test_jitter_and_frozen_and_bones() -> None:
    still, moving = standing(120), swinging(120, 0.5)
    shaking = moving + np.random.default_rng(0).normal(0, 0.004, moving.shape).astype(np.float32)
    assert metrics.jitter(still, FPS) == 0
    assert metrics.jitter(shaking, FPS) > 5 * metrics.jitter(moving, FPS)
    assert metrics.frozen_share(still, FPS) == 100 and metrics.frozen_share(moving, FPS) == 0
    assert metrics.bone_drift(still) < 1e-7 < metrics.bone_drift(shaking)


def test_a_sliding_dancer_skates() -> None:
    sliding = standing(90)
    sliding[:, :, 0] += np.arange(90)[:, None] / FPS * 0.5
    assert metrics.foot_skate(standing(90), FPS) == 0
    assert metrics.foot_skate(sliding, FPS) == pytest.approx(0.5, rel=0.01)


def test_diversity_and_variance() -> None:
    assert metrics.diversity([standing(30), standing(30)]) == 0
    assert metrics.diversity([standing(60), swinging(60, 0.5)]) > 0.01
    assert metrics.pose_variance(swinging(60, 0.5)) > metrics.pose_variance(standing(60)) == 0


def test_scoring_needs_no_torch() -> None:
    code = "import sys, dancegen.dances.metrics; sys.exit('torch' in sys.modules or 'scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
