"""A dance as numbers: what the choreographer makes, a dance file holds, the renderer follows; and its canonical body.

The canonical body has bone lengths as shares of the body height. The choreographer predicts a unit direction for each
of the 17 bones and the place of the mid-hip. Joints are then sums along the bones, so that none can change its length
(bone drift 0 in 3D by construction). Long dances lie in temporary files and are taken a stretch at a time (`blocks`).

Glossary: V = 18 joints, L = 17 bones (the order of `joints.BONES`), T poses. Axes: x to the viewer's right, y down,
z away from the camera; unit one body height.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from dancegen import scratch
from dancegen.body.joints import BONES, L_HIP, NECK, R_HIP, V
from dancegen.errors import DancegenError

HAND = 21  # points of a hand: the wrist, then four a finger from the thumb, as OpenPose and COCO-WholeBody count
_OPTIONAL: dict[str, tuple[int | None, ...]] = {"yaw": (), "depth": (), "hands": (2, HAND, 3), "face": (None, 3)}
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
BLOCK = 3000  # rows: 100 s of poses at 30 a second, of which a float64 copy is 1.3 MB


@dataclass(frozen=True)
class SkeletonSequence:
    """Poses at a constant rate, either canonical or in pixels of one picture.

    Canonical (from the choreographer): x to the viewer's right, y **down**, z away from the camera; unit = one body
    height (`joints.body_height`); y = 0 is the ground, so standing joints have negative y; x = 0 is the middle of the
    dancer's floor; z is relative to the mid-hip. In pixels (after retargeting): x and y in pixels of the picture with
    (0, 0) the corner of its first pixel, z in the same unit.

    What only some dances have is None in the others.

    Attributes:
        joints: (T, V, 3) float32, finite; turned as `yaw` says.
        fps: poses a second.
        confidence: (T, V) float32 in 0..1, or (V,) of all poses; joints of 0 were not seen (imported dances) and are
            not drawn. It may be read only.
        yaw: (T,) float32, degrees that the body is turned around the vertical, 0 facing the viewer, positive toward the
            viewer's right; it does not wrap: a whole turn ends at 360.
        depth: (T,) float32, how far behind the middle of the floor the mid-hip is; with its x the path.
        hands: (T, 2, HAND, 3) float32, x, y and confidence of the points of the left and the right hand, as given.
        face: (T, F, 3) float32, likewise of F points of the face.
    """

    joints: np.ndarray
    fps: float
    confidence: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    yaw: np.ndarray | None = None
    depth: np.ndarray | None = None
    hands: np.ndarray | None = None
    face: np.ndarray | None = None

    def __post_init__(self) -> None:
        joints = np.ascontiguousarray(self.joints, np.float32)
        if joints.ndim != 3 or joints.shape[1:] != (V, 3):
            raise DancegenError(f"a skeleton sequence has the shape {joints.shape}", f"give (T, {V}, 3)")
        if not all(np.isfinite(joints[part]).all() for part in blocks(len(joints), joints)):
            raise DancegenError("a skeleton sequence has joints that are not numbers", "interpolate or remove them")
        confidence = np.asarray(self.confidence if self.confidence.size else np.ones(V), np.float32)
        if confidence.ndim == 1 or is_repeated(confidence):
            confidence = np.broadcast_to(confidence if confidence.ndim == 1 else confidence[0], joints.shape[:2])
        else:
            confidence = np.ascontiguousarray(confidence)
        object.__setattr__(self, "joints", joints)
        object.__setattr__(self, "confidence", confidence)
        for name, shape in _OPTIONAL.items():
            given = getattr(self, name)
            if given is None:
                continue
            if given.ndim != 1 + len(shape) or any(
                wanted not in (None, size) for size, wanted in zip(given.shape, (len(joints), *shape), strict=True)
            ):
                raise DancegenError(f"the {name} of {len(joints)} poses has the shape {given.shape}", "give one a pose")
            object.__setattr__(self, name, np.ascontiguousarray(given, np.float32))

    def __len__(self) -> int:
        return len(self.joints)

    @property
    def seconds(self) -> float:
        """The length in seconds: poses / fps."""
        return len(self) / self.fps

    def at(self, poses: np.ndarray) -> SkeletonSequence:
        """The poses of these numbers (N,), in this order."""
        chosen = {name: getattr(self, name)[poses] for name in _OPTIONAL if getattr(self, name) is not None}
        chosen["joints"] = by_blocks(lambda some: self.joints[some], poses)
        chosen["confidence"] = self.confidence[0] if is_repeated(self.confidence) else self.confidence[poses]
        return replace(self, **chosen)

    def resample(self, fps: float, count: int) -> SkeletonSequence:
        """The same movement at another rate, `count` poses long, linearly between poses; the ends are held."""
        if fps == self.fps and count == len(self):
            return self
        at = np.clip(np.arange(count) * (self.fps / fps), 0, len(self) - 1)  # (count,)
        return self.moments(at, fps)

    def moments(self, at: np.ndarray, fps: float) -> SkeletonSequence:
        """Between the poses, at fractional numbers (T,) of them, which are a rate of `fps`."""
        ways: dict[str, Callable[..., np.ndarray]] = dict.fromkeys(("joints", "yaw", "depth"), _interpolate)
        ways |= {"hands": _points_between, "face": _points_between, "confidence": _minimum}
        if is_repeated(self.confidence):
            del ways["confidence"]
        names = [name for name in ways if getattr(self, name) is not None]
        made = {name: by_blocks(functools.partial(_moments, getattr(self, name), ways[name]), at) for name in names}
        return replace(self, fps=fps or self.fps, **made)


def is_repeated(rows: np.ndarray) -> bool:
    """Whether one row stands for all."""
    return len(rows) > 0 and rows.strides[0] == 0


def _moments(values: np.ndarray, between: Callable[..., np.ndarray], at: np.ndarray) -> np.ndarray:
    low = np.floor(at).astype(int)
    first, second = values[low], values[np.minimum(low + 1, len(values) - 1)]
    scratch.release(values)
    return between(first, second, (at - low).astype(np.float32))


def _interpolate(a: np.ndarray, b: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Values (T, ...) between two moments, share (T,) 0 = the first."""
    weight = share.reshape(-1, *(1,) * (a.ndim - 1))
    return a * (1 - weight) + b * weight


def _minimum(a: np.ndarray, b: np.ndarray, _: np.ndarray) -> np.ndarray:
    return np.minimum(a, b)


def _points_between(a: np.ndarray, b: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Points (T, ..., 3) between two moments; those that one of them lacks are not there."""
    confidence = np.minimum(a[..., 2:], b[..., 2:])
    return np.where(confidence > 0, np.concatenate([_interpolate(a, b, share)[..., :2], confidence], axis=-1), 0)


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


def blocks(count: int, *arrays: np.ndarray) -> Iterator[slice]:
    """Slices that cover 0..`count` in order, one empty slice for none; after each the `arrays` are let go of."""
    for first in range(0, max(count, 1), BLOCK):
        yield slice(first, min(first + BLOCK, count))
        scratch.release(*arrays)


def by_blocks(function: Callable[..., np.ndarray], *arrays: np.ndarray) -> np.ndarray:
    """`function(*arrays)` for a function that treats every row by itself: (T, ...) each -> (T, ...)."""
    out = np.zeros(0)
    for part in blocks(len(arrays[0]), *arrays):
        made = function(*(array[part] for array in arrays))
        if part.start == 0:
            out = scratch.zeros((len(arrays[0]), *made.shape[1:]), made.dtype)
        out[part] = made
        scratch.release(out)
    return out


def over_blocks(function: Callable[..., np.ndarray], rows: np.ndarray, *arrays: np.ndarray) -> np.ndarray:
    """`by_blocks(function, rows, *arrays)` written over `rows`, which are given back: an hour of poses is held once."""
    for part in blocks(len(rows), rows, *arrays):
        rows[part] = function(rows[part], *(array[part] for array in arrays))
    return rows
