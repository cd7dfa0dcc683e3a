"""Skeletons as pictures."""

from __future__ import annotations

import numpy as np
import pytest

from dancegen.body.draw import CONTROLNET, draw_skeleton, draw_strip
from dancegen.body.joints import BONES, COLOURS, R_ELBOW, R_SHOULDER, R_WRIST, V
from dancegen.body.sequence import SkeletonSequence


def spread_joints() -> np.ndarray:
    """Joints far apart from each other on a 512 x 512 canvas, so that no limb covers another's middle."""
    rng = np.random.default_rng(1)
    return rng.uniform(40, 470, (V, 2))


def only(*joints: int) -> np.ndarray:
    seen = np.zeros(V)
    seen[list(joints)] = 1
    return seen


def test_joints_and_limbs_have_openpose_colours() -> None:
    joints = spread_joints().round()
    black = np.zeros((512, 512, 3), np.uint8)
    for limb in (2, 3):
        a, b = BONES[limb]
        drawn = draw_skeleton(black, joints, only(a, b), CONTROLNET)
        for joint in (a, b):
            x, y = joints[joint].astype(int)
            assert tuple(drawn[y, x]) == COLOURS[joint]
        x, y = ((joints[a] + joints[b]) / 2).round().astype(int)
        assert np.allclose(drawn[y, x], np.array(COLOURS[limb]) * 0.6, atol=1)


def test_controlnet_limbs_are_ellipses_of_half_width_four() -> None:
    joints = np.zeros((V, 2))
    joints[R_SHOULDER], joints[R_ELBOW] = (100, 100), (300, 100)
    drawn = draw_skeleton(np.zeros((200, 400, 3), np.uint8), joints, only(R_SHOULDER, R_ELBOW), CONTROLNET)
    column = drawn[:, 200].sum(axis=1)
    assert np.flatnonzero(column > 100).tolist() == list(range(96, 105))
    near_end = np.count_nonzero(drawn[:, 115].sum(axis=1) > 100)
    assert 2 <= near_end < 7, "an ellipse is thin at its ends"


def test_edges_are_smooth() -> None:
    joints = np.zeros((V, 2))
    joints[R_SHOULDER], joints[R_ELBOW] = (20, 20), (170, 60)
    drawn = draw_skeleton(np.zeros((100, 200, 3), np.uint8), joints, only(R_SHOULDER, R_ELBOW))
    levels = np.unique(drawn[..., 0])
    assert len(levels) > 20


def test_unseen_joints_are_not_drawn_and_the_canvas_is_left_alone() -> None:
    canvas = np.full((64, 64, 3), 77, np.uint8)
    drawn = draw_skeleton(canvas, np.full((V, 2), 30.0), np.zeros(V))
    assert (drawn == 77).all()
    drawn = draw_skeleton(canvas, spread_joints() / 8, np.ones(V))
    assert (canvas == 77).all()
    assert (drawn != 77).any()


def test_a_limb_needs_both_ends() -> None:
    joints = spread_joints()
    black = np.zeros((512, 512, 3), np.uint8)
    drawn = draw_skeleton(black, joints, only(R_SHOULDER, R_WRIST))
    x, y = ((joints[R_SHOULDER] + joints[R_WRIST]) / 2).astype(int)
    assert not drawn[y, x].any()


def test_joints_outside_the_canvas_are_cut_off() -> None:
    joints = spread_joints()
    joints[::2] += 10_000
    joints[1] = -500
    assert draw_skeleton(np.zeros((50, 90, 3), np.uint8), joints, np.ones(V)).shape == (50, 90, 3)


def test_strip_shows_each_pose_in_its_cell() -> None:
    rng = np.random.default_rng(2)
    sequence = SkeletonSequence(rng.normal(0, 0.2, (30, V, 3)), 30)
    strip = draw_strip(sequence, 5, (80, 120))
    assert strip.shape == (120, 400, 3)
    for cell in range(5):
        inside = strip[:, cell * 80 : (cell + 1) * 80]
        assert (inside != 255).any(axis=2).mean() > 0.01
        assert (inside[:2] == 255).all(), "nothing touches the upper edge"


def test_strip_of_a_dance_nobody_saw_is_empty() -> None:
    sequence = SkeletonSequence(np.zeros((3, V, 3)), 30, np.zeros((3, V), np.float32))
    assert (draw_strip(sequence, 2, (40, 40)) == 255).all()


@pytest.mark.filterwarnings("error")
def test_a_strip_leaves_poses_empty_that_nobody_is_seen_in() -> None:
    confidence = np.ones((3, V))
    confidence[1] = 0
    joints = np.repeat(np.pad(spread_joints(), ((0, 0), (0, 1)))[None], 3, axis=0)
    strip = draw_strip(SkeletonSequence(joints, 30, confidence), 3, (64, 64))
    first, second, third = np.split(strip, 3, axis=1)
    assert (second == 255).all() and (first != 255).any() and np.array_equal(first, third)
