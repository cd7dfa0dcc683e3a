"""How much of a figure is no head, trunk, arm or leg that was found."""

from __future__ import annotations

import numpy as np

from dancegen.people.located import LocatedBody

SPARE = 0.1  # the share of a figure far from every limb that is told; people have 0.03 at most
FAR = 2.6  # radii from every limb
LOOK_SIDE = 256  # pixels of the longer side on which that is looked at


def spare_share(subject: LocatedBody) -> float:
    """The share of the person's outline that is far from every limb."""
    height, width = subject.mask.shape
    scale = min(1.0, LOOK_SIDE / max(height, width))
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    rows, columns = (np.arange(side) * full // side for side, full in zip(size[::-1], (height, width), strict=True))
    person = subject.mask[rows][:, columns] > 0.5
    return float((subject.distance(size, scale)[person] > FAR).mean()) if person.any() else 0.0
