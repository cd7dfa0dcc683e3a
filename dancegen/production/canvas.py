"""The video's own size: the picture is cropped or continued to its shape, around the people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from dancegen.errors import DancegenError
from dancegen.images.picture import ConditionalImage
from dancegen.people.located import LocatedBody
from dancegen.production.request import Request

DETAIL = 2  # pixels of the picture kept for one of the video: what the puppet is cut out at
BLUR = 1 / 40  # of the longer side: how soft a picture is that is continued beyond its edge
SOFT_FROM = 1 / 10  # of the longer side: how far from its edge it is as soft as that


@dataclass(frozen=True)
class Window:
    """A part of a picture, or more than it: left, top, width and height in its pixels, all whole."""

    left: int
    top: int
    width: int
    height: int

    def of_picture(self, pixels: np.ndarray) -> np.ndarray:
        """What is seen of uint8 (H, W, 3): beyond the edge, the edge continued and softened."""
        seen, away = self._cut(pixels)
        if not away.any():
            return seen
        from scipy.ndimage import gaussian_filter

        longer = max(self.width, self.height)
        soft = gaussian_filter(seen.astype(np.float32), (BLUR * longer, BLUR * longer, 0), mode="nearest")
        share = np.minimum(away / (SOFT_FROM * longer), 1)[..., None]  # (height, width, 1)
        return np.clip(seen + share * (soft - seen) + 0.5, 0, 255).astype(np.uint8)

    def of_mask(self, mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """What is seen of float32 (H, W), at the size (w, h); nothing beyond the edge."""
        seen, away = self._cut(mask.astype(np.float32))
        return np.asarray(Image.fromarray(seen * (away == 0)).resize(size, Image.Resampling.BILINEAR))

    def _cut(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The window of (H, W, ...), its edge continued outside, and (height, width) how many pixels outside it is."""
        rows, columns = np.arange(self.height)[:, None] + self.top, np.arange(self.width) + self.left
        near = np.clip(rows, 0, len(values) - 1), np.clip(columns, 0, values.shape[1] - 1)
        return values[near], np.maximum(np.abs(near[0] - rows), np.abs(near[1] - columns))


def fit_to_canvas(people: Sequence[LocatedBody], request: Request) -> list[LocatedBody]:
    """The people of a picture as --canvas and --fit want it; as they are where there is no --canvas.

    Raises:
        DancegenError: cropped to that shape, the picture would lose a part of somebody.
    """
    canvas = request.canvas_size
    if canvas is None:
        return list(people)
    picture = people[0].picture
    window = (_crop if request.fit == "crop" else _pad)(people, picture.size, canvas[0] / canvas[1])
    detail = DETAIL if min(window.width / canvas[0], window.height / canvas[1]) >= DETAIL else 1
    size = (canvas[0] * detail, canvas[1] * detail)
    pixels = np.asarray(Image.fromarray(window.of_picture(picture.pixels)).resize(size, Image.Resampling.LANCZOS))
    alpha = None if picture.alpha is None else window.of_mask(picture.alpha, size)
    fitted = ConditionalImage(picture.path, pixels, picture.notes, alpha)
    scale, corner = np.divide(size, (window.width, window.height)), (window.left, window.top)
    return [
        replace(
            person,
            picture=fitted,
            joints=((person.joints - corner) * scale).astype(np.float32),
            mask=window.of_mask(person.mask, size),
            depth=None if person.depth is None else (person.depth * scale.mean()).astype(np.float32),
            knuckles=None if person.knuckles is None else ((person.knuckles - corner) * scale).astype(np.float32),
        )
        for person in people
    ]


def _pad(people: Sequence[LocatedBody], size: tuple[int, int], aspect: float) -> Window:
    """The whole picture (w, h) and more: beside it, so that the people are near the middle; above it, not below."""
    width, height = size
    if width / height >= aspect:
        high = max(round(width / aspect), height)
        return Window(0, height - high, width, high)
    wide = max(round(height * aspect), width)
    low, high_ = _span(people)
    return Window(round(np.clip((low[0] + high_[0] - wide) / 2, width - wide, 0)), 0, wide, height)


def _crop(people: Sequence[LocatedBody], size: tuple[int, int], aspect: float) -> Window:
    """The largest part of the picture (w, h) of that shape, the people in its middle as far as the edges allow."""
    part = np.minimum(size, np.rint((size[1] * aspect, size[0] / aspect))).astype(int)
    low, high = _span(people)
    if (np.clip(high, 0, size) - np.clip(low, 0, size) > part).any():
        what = "--fit crop: cropped to the shape of --canvas, the picture would lose a part of the person"
        raise DancegenError(what, "use --fit pad, or a --canvas of another shape")
    corner = np.rint(np.clip((low + high - part) / 2, 0, np.subtract(size, part))).astype(int)
    return Window(int(corner[0]), int(corner[1]), int(part[0]), int(part[1]))


def _span(people: Sequence[LocatedBody]) -> tuple[np.ndarray, np.ndarray]:
    """The corners (2,) of the box around all joints that are seen, pixels."""
    seen = np.concatenate([person.joints[person.confidence > 0] for person in people])
    return seen.min(axis=0), seen.max(axis=0)
