"""The soft shadow under the feet of somebody who dances on the ground of a picture, as a layer of black.

Glossary: h x w the video; V = 18 joints; B = body height.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from dancegen.body import joints as J
from dancegen.body.sequence import SkeletonSequence
from dancegen.people.located import LocatedBody
from dancegen.renderers.base import Layer
from dancegen.renderers.plate import Plate

SOLE = 0.042  # B from an ankle down to the ground
WIDE, HIGH = 0.055, 0.013  # B, the spread of the shadow under one foot
LIFTED = 0.05  # B above the ground at which a foot's shadow is faint
AROUND = 0.10, 0.03  # B beside and above the feet, where the picture's own shadow is looked for
WEAKEST, STRONGEST = 0.12, 0.45  # of the light that it takes
CUT, REACH = 0.03, 2.6  # B above the lower edge: feet that may be cut off; spreads after which nothing is drawn


@dataclass(frozen=True)
class Ground:
    """Where a shadow falls: `y` of the ground, the body's height `unit`, both in video pixels; `strength`, the share of
    light that is missing under a foot; `size` (w, h) and `scale` (2,) as of a `Plate`."""

    y: float
    unit: float
    strength: float
    size: tuple[int, int]
    scale: np.ndarray
    device: torch.device

    def layers(self, poses: SkeletonSequence) -> Iterator[Layer]:
        """One layer for each pose, to be laid on the plate before anybody."""
        for pose in poses.joints:
            yield self._layer(pose[[J.R_ANKLE, J.L_ANKLE], :2] * self.scale)

    def _layer(self, ankles: np.ndarray) -> Layer:
        """The shadow of feet at (2, 2) x and y."""
        wide, high = WIDE * self.unit, HIGH * self.unit
        low = np.array([ankles[:, 0].min() - REACH * wide, self.y - REACH * high])
        far = np.array([ankles[:, 0].max() + REACH * wide, self.y + REACH * high])
        left, top = np.clip(np.floor(low).astype(int), 0, self.size)
        right, bottom = np.clip(np.ceil(far).astype(int), 0, self.size)
        alpha = np.zeros((max(bottom - top, 0), max(right - left, 0)), np.float32)
        down = np.exp(-0.5 * ((np.arange(top, bottom) + 0.5 - self.y) / high) ** 2)
        for x, y in ankles:
            lifted = max(self.y - SOLE * self.unit - y, 0.0) / (LIFTED * self.unit)
            across = np.exp(-0.5 * ((np.arange(left, right) + 0.5 - x) / wide) ** 2)
            alpha = np.maximum(alpha, self.strength * np.exp(-lifted * lifted) * down[:, None] * across)
        colours = np.concatenate([np.zeros((3, *alpha.shape)), alpha[None]]).astype(np.float32)
        return Layer(torch.from_numpy(colours).to(self.device), (int(left), int(top)))


def find_ground(person: LocatedBody, plate: Plate) -> Ground | None:
    """Where the shadow of a person falls; None where the picture shows no ground: paper, or feet out of the picture."""
    ankles = [joint for joint in (J.R_ANKLE, J.L_ANKLE) if person.confidence[joint] > 0]
    unit = person.height * float(plate.scale[1])
    y = float(person.places[[J.R_ANKLE, J.L_ANKLE], 1].max() * plate.scale[1]) + SOLE * unit
    if not ankles or plate.is_plain or y > plate.size[1] - CUT * unit:
        return None
    return Ground(y, unit, _strength(person, plate, y, unit), plate.size, plate.scale, plate.device)


def _strength(person: LocatedBody, plate: Plate, y: float, unit: float) -> float:
    """How much darker the ground beside the feet is in the picture than without the person."""
    x = person.joints[[J.R_ANKLE, J.L_ANKLE], 0] * plate.scale[0]
    wide, high = (share * unit for share in AROUND)
    rows = slice(max(int(y - high), 0), int(y + high) + 1)
    columns = slice(max(int(x.min() - wide), 0), max(int(x.max() + wide) + 1, 1))
    seen, empty, matte = (p[:, rows, columns].mean(0) for p in (plate.pixels, plate.colours, plate.matte(person)))
    missing = (1 - seen / empty.clamp_min(0.02))[matte < 0.02]
    return float(np.clip(float(missing.quantile(0.9)), WEAKEST, STRONGEST)) if len(missing) else WEAKEST
