"""Figures that tests draw themselves, with true joints and masks, and a network's stand-in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from dancegen.body.joints import (
    L_ANKLE,
    L_ELBOW,
    L_HIP,
    L_KNEE,
    L_SHOULDER,
    L_WRIST,
    NECK,
    NOSE,
    R_ANKLE,
    R_ELBOW,
    R_HIP,
    R_KNEE,
    R_SHOULDER,
    R_WRIST,
    V,
)
from dancegen.images.picture import ConditionalImage
from dancegen.people.find import find_people
from dancegen.people.located import LocatedBody

HALF = {
    NECK: (0, -0.80), NOSE: (0, -0.90), 14: (-0.02, -0.92), 16: (-0.045, -0.91),
    R_SHOULDER: (-0.10, -0.79), R_ELBOW: (-0.20, -0.66), R_WRIST: (-0.29, -0.55),
    R_HIP: (-0.06, -0.50), R_KNEE: (-0.08, -0.26), R_ANKLE: (-0.10, -0.04),
}  # fmt: skip
BONES = (
    (R_SHOULDER, R_ELBOW, 0.07), (R_ELBOW, R_WRIST, 0.06), (L_SHOULDER, L_ELBOW, 0.07), (L_ELBOW, L_WRIST, 0.06),
    (R_HIP, R_KNEE, 0.10), (R_KNEE, R_ANKLE, 0.08), (L_HIP, L_KNEE, 0.10), (L_KNEE, L_ANKLE, 0.08),
)  # fmt: skip


def figure_joints(x: float, ground: float, height: float) -> np.ndarray:
    """A person who stands facing us with the arms away from the body: (V, 2) pixels."""
    pose = np.zeros((V, 2))
    mirrored = {R_SHOULDER: L_SHOULDER, R_ELBOW: L_ELBOW, R_WRIST: L_WRIST, R_HIP: L_HIP, R_KNEE: L_KNEE}
    mirrored |= {R_ANKLE: L_ANKLE, 14: 15, 16: 17}
    for joint, (side, up) in HALF.items():
        pose[joint] = side, up
        if joint in mirrored:
            pose[mirrored[joint]] = -side, up
    return (pose * height + (x, ground)).astype(np.float32)


def figure_mask(joints: np.ndarray, size: tuple[int, int], height: float) -> np.ndarray:
    """The figure's filled shape: (H, W) bool."""
    picture = Image.new("L", size)
    draw = ImageDraw.Draw(picture)
    for a, b, thick in BONES:
        draw.line([*joints[a], *joints[b]], fill=255, width=round(thick * height))
        for end in (a, b):
            _disc(draw, joints[end], thick * height / 2)
    trunk = [joints[R_SHOULDER], joints[L_SHOULDER], joints[L_HIP], joints[R_HIP]]
    draw.polygon([tuple(point) for point in trunk], fill=255)
    for corner in trunk:
        _disc(draw, corner, 0.045 * height)
    draw.line([*joints[NECK], *joints[NOSE]], fill=255, width=round(0.06 * height))
    _disc(draw, joints[NOSE], 0.075 * height)
    return np.asarray(picture) > 128


def find_subject(picture: ConditionalImage, *, network: Any = None, **options: Any) -> LocatedBody:
    """The largest person of a picture; `network` is a stand-in, loaded already."""
    return find_people(picture, network=network and (lambda: network), **options)[0]


@dataclass(frozen=True)
class Drawn:
    """A picture with what is true of it."""

    image: ConditionalImage
    joints: np.ndarray
    mask: np.ndarray

    def save(self, path: Path) -> Path:
        Image.fromarray(self.image.pixels).save(path)
        return path


def line_drawing(size: tuple[int, int] = (300, 400), hollow: bool = True, tint: int = 0) -> Drawn:
    """An outlined figure on paper: inside it has the paper's own colour, or another (`hollow` False)."""
    joints = figure_joints(size[0] / 2, size[1] * 0.94, size[1] * 0.88)
    mask = figure_mask(joints, size, size[1] * 0.88)
    solid = Image.fromarray(mask)
    edge = np.asarray(solid.convert("L").filter(ImageFilter.MaxFilter(5))) != np.asarray(
        solid.convert("L").filter(ImageFilter.MinFilter(3))
    )
    y, x = np.mgrid[0 : size[1], 0 : size[0]]
    paper = np.stack([235 - x * tint / size[0], 232 - y * tint / size[1], 225 - x * tint / size[0]], axis=-1)
    pixels = paper.copy()
    if not hollow:
        pixels[mask] = (90, 140, 220)
    pixels[edge] = (40, 30, 60)
    pixels = np.clip(pixels + np.random.default_rng(0).normal(0, 2, pixels.shape), 0, 255).astype(np.uint8)
    whole = mask | edge
    return Drawn(ConditionalImage(Path("drawing.png"), pixels), joints, whole)


def photo(size: tuple[int, int] = (320, 420)) -> Drawn:
    """A figure in three colours before a busy background."""
    rng = np.random.default_rng(3)
    joints = figure_joints(size[0] / 2, size[1] * 0.94, size[1] * 0.85)
    mask = figure_mask(joints, size, size[1] * 0.85)
    noise = Image.fromarray(rng.integers(0, 255, (12, 9, 3), dtype=np.uint8)).resize(size, Image.Resampling.BICUBIC)
    pixels = np.asarray(noise, np.float32) * 0.6 + 20
    y = np.mgrid[0 : size[1], 0 : size[0]][0]
    pixels[mask & (y < joints[NECK, 1])] = (225, 180, 150)
    pixels[mask & (y >= joints[NECK, 1]) & (y < joints[R_HIP, 1])] = (245, 245, 240)
    pixels[mask & (y >= joints[R_HIP, 1])] = (20, 25, 60)
    blurred = Image.fromarray(pixels.astype(np.uint8)).filter(ImageFilter.GaussianBlur(0.7))
    return Drawn(ConditionalImage(Path("photo.png"), np.array(blurred)), joints, mask)


@dataclass(frozen=True)
class Found:
    """As the network's segmentation."""

    mask: np.ndarray


@dataclass
class StandIn:
    """A subject network that knows the answer, shifted by some pixels as a real one would be."""

    joints: np.ndarray
    confidence: np.ndarray
    mask: np.ndarray
    asked: int = 0

    def find_joints(self, pixels: np.ndarray, figure: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """The known joints, if the whole picture is shown."""
        self.asked += 1
        return self.joints.copy(), self.confidence.copy()

    def find_finer(self, pixels: np.ndarray, figure: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """The same, not asked again."""
        return self.joints.copy(), self.confidence.copy()

    def paint_background(self, pixels: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Grey where the mask is."""
        return np.where(mask[..., None] > 0.5, 128, pixels).astype(np.uint8)

    def segment(self, pixels: np.ndarray, joints: np.ndarray, confidence: np.ndarray) -> Found:
        """The known mask, blurred."""
        soft = Image.fromarray((self.mask * 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(4))
        return Found(np.asarray(soft, np.float32) / 255)


def overlap(mask: np.ndarray, truth: np.ndarray) -> float:
    """Intersection over union at 0.5."""
    found = mask > 0.5
    return float((found & truth).sum() / max((found | truth).sum(), 1))


def _disc(draw: ImageDraw.ImageDraw, at: np.ndarray, radius: float) -> None:
    draw.ellipse([at[0] - radius, at[1] - radius, at[0] + radius, at[1] + radius], fill=255)
