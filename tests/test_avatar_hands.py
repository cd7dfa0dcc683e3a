"""Arms that point at the camera: their hands are seen, their sleeves are in the shade."""

from __future__ import annotations

import numpy as np
import pytest

from dancegen.body import joints as J
from dancegen.body import limbs as L
from dancegen.renderers.avatar.bones import move_bones
from dancegen.renderers.avatar.shell import Shell
from tests.test_avatar import avatar, body, kernels_move, shell

__all__ = ["avatar", "body", "shell"]  # fixtures


@pytest.mark.parametrize("aside", [-0.5, 0.0, 0.5])
@pytest.mark.parametrize("down", [-0.5, 0.0, 0.3])
def test_a_hand_that_points_at_the_camera_is_seen(shell: Shell, aside: float, down: float) -> None:
    """Such a forearm is short in the picture; its hand is not."""
    rest, pose = shell.joints, shell.joints.copy()
    way = np.array([aside, down, -1.0]) / np.linalg.norm([aside, down, 1.0])
    for _, elbow, wrist in J.ARM_CHAINS:
        pose[wrist] = pose[elbow] + shell.body.lengths["forearm"] * way
    rig = move_bones(rest, pose[None], shell.body)[0]
    for hand, (_, elbow, wrist) in zip((L.R_HAND, L.L_HAND), J.ARM_CHAINS, strict=True):
        bone = (rest[wrist] - rest[elbow]) / np.linalg.norm(rest[wrist] - rest[elbow])
        ends = [np.array(kernels_move(rig.motions[hand], *place)) for place in (rest[wrist], rest[wrist] + bone)]
        shown = np.linalg.norm((ends[1] - ends[0])[:2])
        assert shown > 0.55


def test_other_hands_go_on_from_their_forearms(shell: Shell) -> None:
    rest, pose = shell.joints, shell.joints.copy()
    for side, (_, elbow, wrist) in zip((-1, 1), J.ARM_CHAINS, strict=True):
        pose[wrist] = pose[elbow] + shell.body.lengths["forearm"] * np.array([0.8 * side, -0.3, -0.5])
    rig = move_bones(rest, pose[None], shell.body)[0]
    for forearm in (L.R_FOREARM, L.L_FOREARM):
        assert rig.motions[forearm + 1, :4] == pytest.approx(rig.motions[forearm, :4], abs=1e-4)  # how they are turned


def test_what_points_at_the_camera_is_in_the_shade(shell: Shell) -> None:
    """At rest all is as light as in the picture; a forearm that is seen from its end shows the sides of its sleeve."""
    from dancegen.renderers.avatar import kernels

    pose = shell.joints.copy()
    for _, elbow, wrist in J.ARM_CHAINS:
        pose[wrist] = pose[elbow] + shell.body.lengths["forearm"] * np.array([0.0, 0.0, -1.0])
    light = []
    for joints in (shell.joints, pose):
        rig = move_bones(shell.joints, joints[None], shell.body)[0]
        placed, facing = np.zeros_like(shell.mesh.vertices), np.zeros((len(shell.mesh.vertices), 2), np.float32)
        kernels.skin(shell.mesh, rig, 0, len(placed), placed, facing)
        light.append(facing[:, 1])
    forearm = np.isin(shell.mesh.bones[:, 0], (L.R_FOREARM, L.L_FOREARM)) & (shell.mesh.normals[:, 2] > 0.9)
    trunk = shell.mesh.bones[:, 0] == L.UPPER_TORSO
    assert light[0] == pytest.approx(1, abs=1e-3)
    assert light[1][forearm].mean() < 0.85
    assert light[1][trunk] == pytest.approx(1, abs=0.05)
