"""Dances told from real dancing, and danced to noise."""

from __future__ import annotations

import numpy as np
import pytest

from dancegen.body.joints import L_WRIST, MIRROR, R_WRIST
from dancegen.body.sequence import place_joints
from dancegen.choreographers.finish.frame import STANDING
from dancegen.choreographers.stg_mamba.dance import StgMamba
from dancegen.choreographers.stg_mamba.model import load_choreographer
from dancegen.lab.evaluate.apart import told_apart
from dancegen.lab.evaluate.noise import noise_rows
from dancegen.lab.evaluate.phrases import count_distinct, joined_songs
from dancegen.weights.resolve import weights_path
from tests.tiny_choreographer import song_of


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


def test_phrases_and_their_mirror_images_are_counted_once() -> None:
    rng = np.random.default_rng(0)
    phrases = rng.normal(0, 0.1, (3, 33, 18, 3)).astype(np.float32)
    image = phrases[:1, :, list(MIRROR)] * np.array([-1, 1, 1], np.float32)
    assert count_distinct(np.concatenate([phrases, phrases[1:] + 0.005, image])) == 3


def test_songs_are_joined_beat_by_beat() -> None:
    songs = [song_of(20.0, 120), song_of(20.0, 100)]
    song, grid = joined_songs(songs, 30.0)
    assert song.seconds == 30.0 and (np.diff(grid.times) > 0.2).all()
    assert np.median(np.diff(grid.times[grid.times < 14])) < 0.55 < np.median(np.diff(grid.times[grid.times > 16]))
