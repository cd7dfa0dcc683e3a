"""A person of a picture: where they are, pixel by pixel and joint by joint, and all that follows from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dancegen.images.picture import ConditionalImage
from dancegen.people.posture import Posture


@dataclass(frozen=True, eq=False)
class LocatedBody(Posture):
    """A found person; heights, lengths and distances are those of `Posture`.

    Attributes:
        picture: the picture.
        joints: (V, 2) float32, pixels of the picture.
        confidence: (V,) float32 in 0..1; 0 = not in the picture (the joint's place is then a guess).
        mask: (H, W) float32 in 0..1, soft-edged, 1 = person.
        depth: (V,) float32 pixels, how far each joint is behind the mid-hip, as the detector sees it; None = unknown.
        knuckles: (2, 2) float32 pixels, the middle of the right and the left hand's knuckles; None = unknown.
        detector: who found the joints and who the mask, for reports: "mediapipe", "network", "pose file", ...
    """

    picture: ConditionalImage
    joints: np.ndarray
    confidence: np.ndarray
    mask: np.ndarray
    detector: str
    depth: np.ndarray | None = None
    knuckles: np.ndarray | None = None

    @property
    def image(self) -> ConditionalImage:
        """The picture, as version 0.1.0 called it."""
        return self.picture
