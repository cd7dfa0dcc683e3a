"""The frame of a kit: how large it is, and how the picture and all that is on it are laid into it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from dancegen.body.sequence import SkeletonSequence
from dancegen.images.picture import ConditionalImage
from dancegen.people.located import LocatedBody

NEARLY = 0.88  # of the wanted area: frames from here on are chosen among by their shape


@dataclass(frozen=True)
class Frame:
    """A frame of `size` (w, h) pixels; a pixel x of the picture lies at x * scale + corner (x and y alike)."""

    size: tuple[int, int]
    scale: float
    corner: tuple[float, float]

    def poses(self, dance: SkeletonSequence) -> SkeletonSequence:
        """Poses in pixels of the picture, in pixels of the frame."""
        joints = dance.joints.astype(np.float64) * self.scale
        joints[..., :2] += self.corner
        hands, face = (None if part is None else self._points(part) for part in (dance.hands, dance.face))
        return replace(dance, joints=joints.astype(np.float32), hands=hands, face=face)

    def _points(self, points: np.ndarray) -> np.ndarray:
        """Points (..., 3) of hands or a face; those that are not there stay 0."""
        places = points[..., :2] * self.scale + np.asarray(self.corner)
        return np.where(points[..., 2:] > 0, np.concatenate([places, points[..., 2:]], axis=-1), 0)

    def picture(self, pixels: np.ndarray) -> np.ndarray:
        """A picture (H, W, 3) in the frame, black where there is none: uint8 (h, w, 3)."""
        (width, height), (x, y) = self.size, self.corner
        box = (-x / self.scale, -y / self.scale, (width - x) / self.scale, (height - y) / self.scale)
        whole = (0.0, 0.0, float(pixels.shape[1]), float(pixels.shape[0]))
        inside = (max(box[0], 0.0), max(box[1], 0.0), min(box[2], whole[2]), min(box[3], whole[3]))
        left, top = round(inside[0] * self.scale + x), round(inside[1] * self.scale + y)
        right, bottom = round(inside[2] * self.scale + x), round(inside[3] * self.scale + y)
        part = Image.fromarray(pixels).resize((right - left, bottom - top), Image.Resampling.LANCZOS, inside)
        out = Image.new("RGB", self.size)
        out.paste(part, (left, top))
        return np.asarray(out)

    def mask(self, mask: np.ndarray) -> np.ndarray:
        """A mask (H, W) 0..1 in the frame: float32 (h, w) 0..1."""
        grey = np.repeat((mask[..., None] * 255 + 0.5).astype(np.uint8), 3, axis=2)
        return self.picture(grey)[..., 0].astype(np.float32) / 255

    def person(self, body: LocatedBody) -> LocatedBody:
        """A person of the picture, on the picture that the frame shows."""
        shown = ConditionalImage(body.picture.path, self.picture(body.picture.pixels), body.picture.notes)
        joints = (body.joints * self.scale + np.asarray(self.corner)).astype(np.float32)
        return replace(body, picture=shown, joints=joints, mask=self.mask(body.mask))


def shape_like(picture: tuple[int, int], area: int, step: int) -> tuple[int, int]:
    """Width and height in multiples of `step`, at most `area` pixels, shaped as nearly as can be like a picture (w, h).

    Among sizes of nearly that area the one of the picture's shape is taken.
    """
    ratio = picture[0] / picture[1]
    sizes: list[tuple[int, int]] = []
    for high in range(step, area // step + 1, step):
        near = {max(int(high * ratio / step), 1) * step, (int(high * ratio / step) + 1) * step}
        sizes += [(wide, high) for wide in near if wide * high <= area]
    most = max(wide * high for wide, high in sizes)
    large = [size for size in sizes if size[0] * size[1] >= min(NEARLY * area, most)]
    return min(large, key=lambda one: (abs(np.log(one[0] / one[1] / ratio)), -one[0] * one[1]))


def pad(picture: tuple[int, int], size: tuple[int, int]) -> Frame:
    """The whole picture (w, h) in the middle of a frame, black beside it."""
    scale = min(size[0] / picture[0], size[1] / picture[1])
    return Frame(size, scale, _middle(picture, size, scale))


def crop(picture: tuple[int, int], size: tuple[int, int]) -> Frame:
    """The middle of the picture (w, h), as large as fills the frame."""
    scale = max(size[0] / picture[0], size[1] / picture[1])
    return Frame(size, scale, _middle(picture, size, scale))


def _middle(picture: tuple[int, int], size: tuple[int, int], scale: float) -> tuple[float, float]:
    return (size[0] - picture[0] * scale) / 2, (size[1] - picture[1] * scale) / 2
