"""A person of a picture: the joints that a detector finds, whether it can be believed, and all that follows from them.

Glossary: V = 18 joints; H x W the picture; d = distance of a pixel to the nearest limb, in radii of that limb: 0 on its
axis, 1 on the skin of a usual body, about 2 on a skirt's hem or long hair. Where a body with these joints can be in the
picture is the prior of every mask.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from dancegen.body import joints as J
from dancegen.body import limbs as L
from dancegen.body.geometry import from_axes
from dancegen.body.joints import body_height, mid_hip
from dancegen.body.limbs import limb_axes
from dancegen.body.proportions import Proportions, complete, measure, usual_places
from dancegen.images.picture import ConditionalImage

# The joints that each limb needs to be drawn; the head has a usual place, and a foot is below its ankle.
NEEDS = {**L.LIMB_JOINTS, L.HEAD: (J.NECK,), L.R_FOOT: (J.R_ANKLE,), L.L_FOOT: (J.L_ANKLE,)}
TORSO = (J.R_SHOULDER, J.L_SHOULDER, J.R_HIP, J.L_HIP)


def limb_distance(
    points: np.ndarray, seen: np.ndarray, height: float, size: tuple[int, int], scale: float = 1.0
) -> np.ndarray:
    """d for each pixel; `Posture.distance` asks for it.

    Args:
        points: (V, 2) pixels.
        seen: (V,) bool, limbs with a joint that is not seen are left out.
        height: of the body, pixels.
        size: (W, H) of the result.
        scale: size / picture size.

    Returns:
        (H, W) float32.
    """
    axes = (limb_axes(points, height) * scale).astype(np.float32)  # (K, 2, 2)
    x, y = np.arange(size[0], dtype=np.float32), np.arange(size[1], dtype=np.float32)
    nearest = np.full((size[1], size[0]), 1e3, np.float32)
    for limb, needs in NEEDS.items():  # one by one: all fields of a large picture would take hundreds of megabytes
        if seen[list(needs)].all():
            radius = np.float32(L.RADII[limb] * height * scale)
            np.minimum(nearest, from_axes(axes[limb], x, y)[1] / radius, out=nearest)
    return nearest


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
        return self.height if has_torso(self.confidence) else float(np.ptp(self._picture_joints, axis=0).max())

    @cached_property
    def middle(self) -> np.ndarray:
        """(2,) the middle of what is seen, pixels."""
        return (self._picture_joints.min(axis=0) + self._picture_joints.max(axis=0)) / 2

    @property
    def _picture_joints(self) -> np.ndarray:
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


@dataclass(frozen=True, eq=False)
class Detection(Posture):
    """A person as a detector sees them.

    Attributes:
        joints: (V, 2) float32 pixels.
        confidence: (V,) float32 in 0..1, 0 = not in the picture.
        mask: (H, W) float32 in 0..1, or None where the detector makes none.
        detector: its name.
        mask_detector: who made the mask; empty for the detector itself.
        depth: (V,) float32 pixels, how far each joint is behind the mid-hip; None where it does not say.
        knuckles: (2, 2) float32 pixels, x and y of the middle of the right and the left hand's knuckles; None likewise.
    """

    joints: np.ndarray
    confidence: np.ndarray
    mask: np.ndarray | None
    detector: str
    mask_detector: str = ""
    depth: np.ndarray | None = None
    knuckles: np.ndarray | None = None


def implausibility(joints: np.ndarray, confidence: np.ndarray, size: tuple[int, int]) -> str:
    """Why this cannot be a person, or "" if it can.

    Args:
        joints: (V, 2) pixels.
        confidence: (V,).
        size: (W, H) of the picture.
    """
    seen = np.asarray(confidence) > 0
    if seen.sum() < 4:
        return "too few joints"
    if not has_torso(confidence):
        return ""  # a face only: said elsewhere, with the missing joints
    points = np.asarray(joints, np.float64)
    span = points[seen].max(axis=0) - points[seen].min(axis=0)
    if max(span) < 0.06 * max(size) or max(span) < 12:
        return "too small"
    if seen[[J.NECK, *TORSO]].all():
        torso = float(np.linalg.norm(points[J.NECK] - mid_hip(points)))
        shoulders = float(np.linalg.norm(points[J.R_SHOULDER] - points[J.L_SHOULDER]))
        if torso < 0.12 * max(span) and torso < 0.5 * shoulders:
            return "no torso between shoulders and hips"
    if seen.all():
        height = float(body_height(points))
        if height > 6 * max(span):
            return "limbs that do not fit each other"
    return ""


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
        number: their number as `--people` takes it, the largest is 1, and `among` how many people there are.
    """

    picture: ConditionalImage
    joints: np.ndarray
    confidence: np.ndarray
    mask: np.ndarray
    detector: str
    depth: np.ndarray | None = None
    knuckles: np.ndarray | None = None
    number: int = 1
    among: int = 1

    @property
    def image(self) -> ConditionalImage:
        """The picture, as version 0.1.0 called it."""
        return self.picture
