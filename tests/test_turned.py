"""People from every side: how poses are turned, and what a flat figure is allowed."""

from __future__ import annotations

import numpy as np
import pytest

from dancegen.body import joints as J
from dancegen.lab.evaluate.turned import mirror_method, turn_target
from dancegen.lab.synthetic.poses import Target, still_pose
from dancegen.people.located import LocatedBody
from tests.test_puppet import drawn


@pytest.mark.parametrize("degrees", [0, 45, 90, 180])
def test_a_pose_is_turned_as_a_solid_about_its_hips(degrees: float) -> None:
    joints = still_pose(np.random.default_rng(0)).joints + np.array([0.3, 0, 0.2])
    made = turn_target(Target(joints, 0.0), np.radians(degrees)).joints
    np.testing.assert_allclose(made[:, 1], joints[:, 1])
    np.testing.assert_allclose(J.mid_hip(made), J.mid_hip(joints), atol=1e-9)
    across = [(pose[J.L_SHOULDER] - pose[J.R_SHOULDER])[[0, 2]] for pose in (joints, made)]
    cosine = across[0] @ across[1] / np.linalg.norm(across[0]) / np.linalg.norm(across[1])
    assert np.degrees(np.arccos(np.clip(cosine, -1, 1))) == pytest.approx(degrees, abs=0.1)


def test_a_flat_figure_that_turns_its_back_is_the_picture_mirrored() -> None:
    body = drawn(120, 100, 80)
    seen: list[LocatedBody] = []

    def method(subject: LocatedBody, joints: np.ndarray) -> np.ndarray:
        seen.append(subject)
        return subject.picture.pixels

    front = np.pad(body.joints, ((0, 0), (0, 1)))
    back = front * (-1, 1, 1) + (120, 0, 0)
    mirrored = mirror_method(method)
    assert np.array_equal(mirrored(body, front), body.picture.pixels)
    assert np.array_equal(mirrored(body, back), body.picture.pixels[:, ::-1])
    np.testing.assert_allclose(seen[1].joints, back[:, :2], atol=1e-4)
    assert np.array_equal(seen[1].mask, body.mask[:, ::-1])
