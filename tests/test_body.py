"""The body's one vocabulary, bones, limbs and segments, and its one distance field, the same in numpy and torch."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from dancegen.body import joints as J
from dancegen.body import limbs as L
from dancegen.body.capsules import limb_distances
from dancegen.body.geometry import from_axes
from dancegen.body.joints import V, body_height
from dancegen.body.limbs import K, limb_axes
from dancegen.people.located import limb_distance
from dancegen.people.network.limb_field import soft_limbs
from tests.test_puppet import standing

SIZE = (160, 200)  # (w, h)


def poses(count: int, seed: int = 0) -> np.ndarray:
    """Standing bodies with joints moved at random: (count, V, 2) float64."""
    rng = np.random.default_rng(seed)
    return standing(*SIZE, 150).astype(np.float64) + rng.normal(0, 8, (count, V, 2))


def test_segments_are_bones_and_the_axes_of_their_limbs() -> None:
    joints = poses(1)[0]
    axes = limb_axes(joints)
    assert len(L.SEGMENTS) == 8
    for limb, (parent, child) in L.SEGMENTS.items():
        assert (parent, child) in J.BONES
        assert np.array_equal(axes[limb], joints[[parent, child]])
        side = L.LIMB_NAMES[limb].split()[0]
        assert J.JOINT_NAMES[parent].startswith(side) and J.JOINT_NAMES[child].startswith(side)
    assert {J.BONES[bone] for bone in (*J.ARM_BONES, *J.LEG_BONES)} == set(L.SEGMENTS.values())
    assert sorted((*J.ARM_BONES, *J.LEG_BONES, *J.TRUNK_BONES)) == list(range(len(J.BONES)))
    assert sorted(L.LIMB_JOINTS) == list(range(K))


def test_mirror_tables_agree_with_each_other() -> None:
    for table in (J.MIRROR, J.BONE_MIRROR, L.LIMB_MIRROR, L.LABEL_MIRROR):
        assert [table[index] for index in table] == list(range(len(table)))
    for bone, (parent, child) in enumerate(J.BONES):
        assert J.BONES[J.BONE_MIRROR[bone]] == (J.MIRROR[parent], J.MIRROR[child])
    for limb, joints in L.LIMB_JOINTS.items():
        assert {J.MIRROR[joint] for joint in joints} == set(L.LIMB_JOINTS[L.LIMB_MIRROR[limb]])
    # Written out, as shipped weights and stored labels have them.
    assert J.MIRROR == (0, 1, 5, 6, 7, 2, 3, 4, 11, 12, 13, 8, 9, 10, 15, 14, 17, 16)
    assert J.BONE_MIRROR == (1, 0, 4, 5, 2, 3, 9, 10, 11, 6, 7, 8, 12, 15, 16, 13, 14)
    assert L.LABEL_MIRROR == (0, 1, 2, 3, 7, 8, 9, 4, 5, 6, 13, 14, 15, 10, 11, 12)


def test_a_mirrored_body_has_mirrored_limbs() -> None:
    joints = poses(1)[0]
    turned = joints[list(J.MIRROR)] * (-1, 1)
    axes, mirrored = limb_axes(joints), limb_axes(turned)
    assert np.allclose(mirrored, axes[list(L.LIMB_MIRROR)] * (-1, 1))


def test_numpy_and_torch_see_one_body() -> None:
    joints = poses(5)
    tensor = torch.from_numpy(joints)
    assert np.allclose(body_height(joints), body_height(tensor).numpy(), rtol=1e-12)
    assert np.allclose(limb_axes(joints), limb_axes(tensor).numpy(), rtol=1e-12)
    x, y = np.arange(SIZE[0]) + 0.5, np.arange(SIZE[1]) + 0.5
    fields = zip(
        from_axes(limb_axes(joints), x, y), from_axes(limb_axes(tensor), *map(torch.from_numpy, (x, y))), strict=True
    )
    for one, other in fields:
        assert one.shape == (5, K, SIZE[1], SIZE[0])
        assert np.allclose(one, other.numpy(), rtol=1e-10, atol=1e-10)


def test_the_distance_is_that_to_the_nearest_point_of_the_axis() -> None:
    axes = limb_axes(poses(1)[0])
    x, y = np.array([3.0, 60.0, 150.0]), np.array([10.0, 80.0])
    _, distances = from_axes(axes, x, y)
    steps = np.linspace(0, 1, 4001)[:, None]
    for limb, (start, end) in enumerate(axes):
        dense = start + steps * (end - start)
        for row, column in np.ndindex(2, 3):
            nearest = np.linalg.norm(dense - (x[column], y[row]), axis=1).min()
            assert distances[limb, row, column] == pytest.approx(nearest, abs=0.02)


def test_every_user_of_the_field_agrees() -> None:
    """The puppet's, the masks' prior and the subject network's are one field, seen differently."""
    joints = poses(1)[0]
    size = float(body_height(joints))
    field = from_axes(limb_axes(joints), np.arange(SIZE[0]) + 0.5, np.arange(SIZE[1]) + 0.5)[1] / (
        size * L.RADII[:, None, None]
    )
    puppets = limb_distances(joints[None], SIZE[1], SIZE[0])[0].numpy()
    assert np.allclose(puppets, field, atol=1e-3)
    soft = soft_limbs(torch.from_numpy(joints)[None], torch.ones(1, V), (SIZE[1], SIZE[0]), 1)[0].numpy()
    others = [limb for limb in range(K) if limb != L.HEAD]  # its axis is the network's own
    assert np.allclose(soft[others], np.exp(-0.5 * field[others] ** 2), atol=1e-6)


def test_limbs_of_unknown_joints_are_left_out() -> None:
    joints = torch.from_numpy(poses(1))
    known = torch.ones(1, V)
    known[0, J.L_KNEE] = 0
    empty = soft_limbs(joints, known, (SIZE[1], SIZE[0]), 4)[0].amax((1, 2)) == 0
    assert {L.LIMB_NAMES[limb] for limb in torch.where(empty)[0].tolist()} == {"left thigh", "left shin", "left foot"}


def test_unseen_limbs_do_not_tell_the_height() -> None:
    joints = poses(1)[0]
    seen = np.ones(V, bool)
    assert body_height(joints, seen) == pytest.approx(body_height(joints))
    joints[J.R_ANKLE] += (0, 900)
    seen[J.R_ANKLE] = False
    wild, tamed = body_height(joints), body_height(joints, seen)
    assert tamed < 0.5 * wild
    both = body_height(torch.from_numpy(joints), torch.from_numpy(seen))
    assert float(both) == pytest.approx(float(tamed))


def test_the_prior_of_masks_is_the_nearest_limb() -> None:
    joints = standing(*SIZE, 150)
    near = limb_distance(joints, np.ones(V, bool), float(body_height(joints)), SIZE)
    assert near.shape == (SIZE[1], SIZE[0]) and near.dtype == np.float32
    x, y = np.rint(joints[[J.R_ELBOW, J.L_KNEE, J.NECK]]).astype(int).T
    assert near[y, x].max() < 0.5
    assert near[5, 5] > 3
