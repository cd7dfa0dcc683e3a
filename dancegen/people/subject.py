"""The person of the picture: where they are, pixel by pixel and joint by joint."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dancegen.images.picture import ConditionalImage


@dataclass(frozen=True)
class Subject:
    """A found person.

    Attributes:
        image: the picture.
        joints: (V, 2) float32, pixels of the picture.
        confidence: (V,) float32 in 0..1; 0 = not in the picture (the joint's place is then a guess).
        mask: (H, W) float32 in 0..1, soft-edged, 1 = person.
        detector: who found the joints and who the mask, for reports: "mediapipe", "network", "pose file", ...
    """

    image: ConditionalImage
    joints: np.ndarray
    confidence: np.ndarray
    mask: np.ndarray
    detector: str
