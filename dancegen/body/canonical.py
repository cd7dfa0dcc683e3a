"""The one canonical body: bone lengths as shares of the body height, and joints from bone directions.

The choreographer predicts a unit direction for each of the 17 bones and the place of the mid-hip. Joints are then sums
along the bones, so that none can change its length (bone drift 0 in 3D by construction).

Glossary: V = 18 joints, L = 17 bones (the order of `joints.BONES`), T poses. Axes: x to the viewer's right, y down,
z away from the camera; unit one body height.
"""

from __future__ import annotations

import functools

import numpy as np

from dancegen.body.joints import BONES, L_HIP, NECK, R_HIP, V

BONE_COUNT = len(BONES)
ANKLE_HEIGHT = 0.045  # body heights: a standing ankle above the ground

# Means over the optical capture, scaled so that torso, leg and arm have the shares of `joints.body_height`.
BONE_LENGTHS = (
    0.106,  # neck, right shoulder
    0.106,
    0.175,  # upper arm
    0.135,  # forearm
    0.175,
    0.135,
    0.306,  # neck, right hip
    0.250,  # thigh
    0.220,  # shin
    0.306,
    0.250,
    0.220,
    0.110,  # neck, nose
    0.034,
    0.068,
    0.034,
    0.068,
)


@functools.cache
def bone_paths() -> np.ndarray:
    """(V, L) float32: which bones, times their length, lead from the neck to each joint."""
    paths = np.zeros((V, BONE_COUNT), np.float32)
    for bone, (parent, child) in enumerate(BONES):
        paths[child] = paths[parent]
        paths[child, bone] = BONE_LENGTHS[bone]
    assert not paths[NECK].any()
    return paths


@functools.cache
def rooted_paths() -> np.ndarray:
    """(V, L) float32: the same from the mid-hip."""
    paths = bone_paths()
    return paths - (paths[R_HIP] + paths[L_HIP]) / 2


def place_joints(directions: np.ndarray, root: np.ndarray) -> np.ndarray:
    """Unit directions (..., L, 3) and mid-hip x, y (..., 2) to joints (..., V, 3); the mid-hip has z = 0."""
    joints = rooted_paths() @ directions  # (..., V, 3)
    joints[..., :2] += root[..., None, :]
    return joints


def bone_directions(joints: np.ndarray) -> np.ndarray:
    """The unit directions of the bones, (..., V, 3) -> (..., L, 3); one of no length points down."""
    parents, children = zip(*BONES, strict=True)
    bones = joints[..., list(children), :] - joints[..., list(parents), :]  # (..., L, 3)
    length = np.linalg.norm(bones, axis=-1, keepdims=True)
    return np.where(length > 1e-6, bones / np.maximum(length, 1e-6), np.array([0.0, 1.0, 0.0]))
