"""Picture measures against values known beforehand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dancegen.errors import DancegenError
from dancegen.lab.evaluate.picture_metrics import flicker, ghost, pck, person_l1, psnr, sharpness, ssim
from dancegen.lab.evaluate.renderer import Clip, Shot, copy_method, evaluate, real_clips, renderer_method, split_clips
from dancegen.renderers.puppet.renderer import PuppetRenderer
from tests.test_puppet import drawn, standing

RNG = np.random.default_rng(0)
PICTURE = RNG.uniform(0, 1, (40, 50, 3)).astype(np.float32)
MASK = np.zeros((40, 50), np.float32)
MASK[10:30, 15:35] = 1


def test_psnr_and_ssim() -> None:
    assert psnr(PICTURE, PICTURE) == 100
    assert psnr(np.zeros((4, 4, 3)), np.full((4, 4, 3), 0.1)) == pytest.approx(20)
    assert ssim(PICTURE, PICTURE) == pytest.approx(1)
    assert ssim(PICTURE, 1 - PICTURE) < 0 < ssim(PICTURE, 0.5 * PICTURE) < 1


def test_ssim_agrees_with_scikit_image() -> None:
    metrics = pytest.importorskip("skimage.metrics")
    other = np.clip(PICTURE + RNG.normal(0, 0.1, PICTURE.shape), 0, 1).astype(np.float32)
    grey = [picture.astype(np.float64) @ [0.299, 0.587, 0.114] for picture in (PICTURE, other)]
    theirs = metrics.structural_similarity(
        *grey, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=1.0, full=True
    )[1].mean()
    assert ssim(PICTURE, other) == pytest.approx(theirs, abs=0.01)


def test_person_l1_looks_at_the_person_only() -> None:
    other = PICTURE.copy()
    other[MASK > 0] += 0.2
    other[MASK == 0] += 0.7
    assert person_l1(other, PICTURE, MASK) == pytest.approx(0.2, abs=1e-5)


def test_sharpness_falls_with_blur() -> None:
    from scipy.ndimage import gaussian_filter

    assert sharpness(PICTURE, PICTURE, MASK) == pytest.approx(1)
    assert sharpness(gaussian_filter(PICTURE, (1, 1, 0)), PICTURE, MASK) < 0.5


def test_ghost_is_measured_where_the_person_left() -> None:
    background = np.zeros((40, 50, 3), np.float32)
    frame = background.copy()
    frame[MASK > 0] = 0.3
    assert ghost(frame, background, MASK, np.zeros_like(MASK)) == pytest.approx(0.3)
    assert np.isnan(ghost(frame, background, MASK, MASK))


def test_flicker_is_outside_the_person() -> None:
    still = [PICTURE, PICTURE.copy()]
    still[1][MASK > 0] = 0
    assert flicker(still, [MASK, MASK]) == 0
    moving = [np.zeros_like(PICTURE), np.full_like(PICTURE, 0.25)]
    assert flicker(moving, [MASK, MASK]) == pytest.approx(0.25)


def test_pck_counts_near_joints() -> None:
    joints = standing(100, 100, 80)
    found = joints.copy()
    found[:9, 0] += 6
    assert pck(found, joints, np.ones(18, bool), 0.05) == pytest.approx(0.5)
    assert pck(found, joints, np.ones(18, bool), 0.1) == 1


def test_evaluate_ranks_the_puppet_above_the_copy() -> None:
    shots = []
    for lift in (0, 12):
        subject = drawn(96, 96, 80)
        joints = subject.joints + np.array([lift, 0], np.float32)
        pixels = np.roll(subject.image.pixels, lift, 1)
        shots.append(Shot(pixels, np.pad(joints, ((0, 0), (0, 1))), np.roll(subject.mask, lift, 1)))
    methods = {"copy": copy_method(96), "puppet": renderer_method(PuppetRenderer(), 96)}
    results = evaluate(methods, [Clip("toy", shots, [(0, 1)])], size=96)["toy"]
    assert results["puppet"]["person_l1"] < 0.5 * results["copy"]["person_l1"]
    assert results["puppet"]["ghost"] < results["copy"]["ghost"]


def test_a_folder_without_pairs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DancegenError, match="fewer than two pictures"):
        real_clips(tmp_path)


def test_each_real_pair_is_in_one_half() -> None:
    """What is chosen on one half is reported on the other."""
    shot = Shot(np.zeros((4, 4, 3), np.uint8), np.zeros((18, 3), np.float32), np.zeros((4, 4), np.float32))
    clips = [
        Clip("a", [shot] * 4, [(a, b) for a in range(4) for b in range(4) if a != b]),
        Clip("b", [shot] * 2, [(0, 1)]),
    ]
    chosen, reported = split_clips(clips).values()
    assert [len(clip.pairs) for clip in chosen] == [4] and [len(clip.pairs) for clip in reported] == [8, 1]
    assert not set(chosen[0].pairs) & set(reported[0].pairs)
    assert all((a + b) % 2 == 0 for a, b in chosen[0].pairs)
