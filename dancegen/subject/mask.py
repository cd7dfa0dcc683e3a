"""first version"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dancegen.subject.detection import Detection
from dancegen.subject.image import ConditionalImage
from dancegen.subject.prior import limb_distance

if TYPE_CHECKING:
    from dancegen.subject.network import SubjectNetwork


def person_mask(image: ConditionalImage, found: Detection, network: SubjectNetwork | None) -> tuple[np.ndarray, str]:
    """The mask (H, W) float32 in 0..1 and who made it."""
    if image.alpha is not None:
        return image.alpha, "transparency"
    if found.mask is not None:
        return found.mask, found.detector
    if network is not None:
        return network.segment(image.pixels, found.joints, found.confidence), "network"
    distance = limb_distance(found.joints, found.confidence, image.size)
    return np.clip(1.5 - distance, 0, 1), "limbs"
