"""A dance as numbers: what the choreographer makes, a dance file holds and the renderer follows."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from dancegen.body.joints import V
from dancegen.errors import DancegenError


@dataclass(frozen=True)
class SkeletonSequence:
    """Poses at a constant rate, either canonical or in pixels of one picture.

    Canonical (from the choreographer): x to the viewer's right, y **down**, z away from the camera; unit = one body
    height (`joints.body_height`); y = 0 is the ground, so standing joints have negative y; x = 0 is the middle of the
    dancer's floor; z is relative to the mid-hip. In pixels (after retargeting): x and y in pixels of the picture with
    (0, 0) the corner of its first pixel, z in the same unit.

    Attributes:
        joints: (T, V, 3) float32, finite.
        fps: poses a second.
        confidence: (T, V) float32 in 0..1; joints of 0 were not seen (imported dances) and are not drawn.
    """

    joints: np.ndarray
    fps: float
    confidence: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))

    def __post_init__(self) -> None:
        joints = np.ascontiguousarray(self.joints, np.float32)
        if joints.ndim != 3 or joints.shape[1:] != (V, 3):
            raise DancegenError(f"a skeleton sequence has the shape {joints.shape}", f"give (T, {V}, 3)")
        if not np.isfinite(joints).all():
            raise DancegenError("a skeleton sequence has joints that are not numbers", "interpolate or remove them")
        confidence = self.confidence if self.confidence.size else np.ones(joints.shape[:2])
        object.__setattr__(self, "joints", joints)
        object.__setattr__(self, "confidence", np.ascontiguousarray(confidence, np.float32))

    def __len__(self) -> int:
        return len(self.joints)

    @property
    def seconds(self) -> float:
        """The length in seconds: poses / fps."""
        return len(self) / self.fps

    def resampled(self, fps: float, count: int) -> SkeletonSequence:
        """The same movement at another rate, `count` poses long, linearly between poses; the ends are held."""
        at = np.clip(np.arange(count) * (self.fps / fps), 0, len(self) - 1)  # (count,)
        low = np.floor(at).astype(int)
        high = np.minimum(low + 1, len(self) - 1)
        share = (at - low).astype(np.float32)[:, None, None]
        joints = self.joints[low] * (1 - share) + self.joints[high] * share  # (count, V, 3)
        confidence = np.minimum(self.confidence[low], self.confidence[high])  # (count, V)
        return replace(self, joints=joints, fps=fps, confidence=confidence)
