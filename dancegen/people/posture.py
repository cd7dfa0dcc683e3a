"""What follows from a person's joints alone, worked out once for whoever asks."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from dancegen.body import joints as J
from dancegen.body.proportions import Proportions, complete, measure, usual_places
from dancegen.people.masks.prior import limb_distance


class Posture:
    """Joints with what is derived from them; a base of `Detection` and `LocatedBody`.

    Attributes:
        joints: (V, 2) float32 pixels.
        confidence: (V,) float32 in 0..1, 0 = not in the picture.

    Where there is no torso (`has_torso`), all but `extent` and `middle` raise DancegenError.
    """

    joints: np.ndarray
    confidence: np.ndarray

    @cached_property
    def seen(self) -> np.ndarray:
        """(V,) bool: joints that the picture shows; neck and hips also where they follow from others."""
        return complete(self.joints, self.confidence)[1]

    @cached_property
    def places(self) -> np.ndarray:
        """(V, 2) float64: the joints; those that are not seen are in a likely place."""
        return usual_places(self.joints, self.confidence)

    @cached_property
    def proportions(self) -> Proportions:
        """The true lengths of the limbs, pixels."""
        return measure(self.joints, self.confidence)

    @property
    def height(self) -> float:
        """Of the body when it stands, pixels."""
        return self.proportions.height

    @cached_property
    def extent(self) -> float:
        """How large the person is, pixels: the body's height, or the spread of the joints where there is no torso."""
        return self.height if has_torso(self.confidence) else float(np.ptp(self._shown, axis=0).max())

    @cached_property
    def middle(self) -> np.ndarray:
        """(2,) the middle of what is seen, pixels."""
        return (self._shown.min(axis=0) + self._shown.max(axis=0)) / 2

    @property
    def _shown(self) -> np.ndarray:
        """(n, 2) the joints in the picture; all of them where none is."""
        points = np.asarray(self.joints, np.float64)[:, :2]
        shown = np.asarray(self.confidence) > 0
        return points[shown] if shown.any() else points

    def distance(
        self, size: tuple[int, int], scale: float = 1.0, corner: tuple[float, float] = (0.0, 0.0)
    ) -> np.ndarray:
        """How far each pixel is from the nearest limb, in radii of that limb (`masks.prior`).

        Args:
            size: (W, H) of the result.
            scale: pixels of the result per pixel of the picture.
            corner: x and y in the picture of the result's first corner.

        Returns:
            (H, W) float32.
        """
        return limb_distance(self.places - corner, self.seen, self.height, size, scale)


def missing_joints(confidence: np.ndarray) -> list[str]:
    """The names of the joints of confidence 0, in words ("right ankle")."""
    return [J.JOINT_NAMES[j].replace("_", " ") for j in np.flatnonzero(np.asarray(confidence) <= 0)]


def has_torso(confidence: np.ndarray) -> bool:
    """Whether both sides of the torso (or the neck for the shoulders) are in the picture: the least that can dance."""
    seen = np.asarray(confidence) > 0
    return bool((seen[J.NECK] or seen[[J.R_SHOULDER, J.L_SHOULDER]].any()) and seen[[J.R_HIP, J.L_HIP]].any())
