"""A dance as numbers: what the choreographer makes, a dance file holds and the renderer follows."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from dancegen.body.blocks import blocks
from dancegen.body.joints import V
from dancegen.errors import DancegenError

HAND = 21  # points of a hand: the wrist, then four a finger from the thumb, as OpenPose and COCO-WholeBody count
_OPTIONAL: dict[str, tuple[int | None, ...]] = {"yaw": (), "depth": (), "hands": (2, HAND, 3), "face": (None, 3)}


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
        confidence: (T, V) float32 in 0..1; joints of 0 were not seen (imported dances) and are not drawn.
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
        if not np.isfinite(joints).all():
            raise DancegenError("a skeleton sequence has joints that are not numbers", "interpolate or remove them")
        confidence = self.confidence if self.confidence.size else np.ones(joints.shape[:2], np.float32)
        object.__setattr__(self, "joints", joints)
        object.__setattr__(self, "confidence", np.ascontiguousarray(confidence, np.float32))
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
        return replace(self, joints=self.joints[poses], confidence=self.confidence[poses], **chosen)

    def resampled(self, fps: float, count: int) -> SkeletonSequence:
        """The same movement at another rate, `count` poses long, linearly between poses; the ends are held."""
        at = np.clip(np.arange(count) * (self.fps / fps), 0, len(self) - 1)  # (count,)
        made = [self._moments(at[part], fps) for part in blocks(count)]
        names = ["joints", "confidence", *(name for name in _OPTIONAL if getattr(self, name) is not None)]
        return replace(made[0], **{name: np.concatenate([getattr(each, name) for each in made]) for name in names})

    def _moments(self, at: np.ndarray, fps: float) -> SkeletonSequence:
        """Between the poses, at fractional numbers (T,) of them."""
        low = np.floor(at).astype(int)
        high = np.minimum(low + 1, len(self) - 1)
        first, second, share = self.at(low), self.at(high), (at - low).astype(np.float32)
        return replace(
            first,
            joints=_between(first.joints, second.joints, share),
            fps=fps,
            confidence=np.minimum(first.confidence, second.confidence),  # (count, V)
            yaw=None if first.yaw is None or second.yaw is None else _between(first.yaw, second.yaw, share),
            depth=None if first.depth is None or second.depth is None else _between(first.depth, second.depth, share),
            hands=_points_between(first.hands, second.hands, share),
            face=_points_between(first.face, second.face, share),
        )


def _between(a: np.ndarray, b: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Values (T, ...) between two moments, share (T,) 0 = the first."""
    weight = share.reshape(-1, *(1,) * (a.ndim - 1))
    return a * (1 - weight) + b * weight


def _points_between(a: np.ndarray | None, b: np.ndarray | None, share: np.ndarray) -> np.ndarray | None:
    """Points (T, ..., 3) between two moments; those that one of them lacks are not there."""
    if a is None or b is None:
        return None
    confidence = np.minimum(a[..., 2:], b[..., 2:])
    return np.where(confidence > 0, np.concatenate([_between(a, b, share)[..., :2], confidence], axis=-1), 0)
