"""The bones alone: what `--preview` draws on black, quick enough to judge a dance by."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from dancegen.body.draw import Look, draw_skeleton
from dancegen.body.sequence import SkeletonSequence
from dancegen.images.filters import as_tensor
from dancegen.people.located import LocatedBody
from dancegen.renderers.base import Layer
from dancegen.renderers.plate import Plate


@dataclass(frozen=True)
class Bones:
    """Where they are drawn: the video's size (w, h), and its pixels for a pixel of the picture in x and y."""

    size: tuple[int, int]
    scale: np.ndarray
    look: Look


class SkeletonRenderer:
    """See `renderers.base.Renderer`; has nothing to load."""

    background = "black"
    shows_turns = True
    device = torch.device("cpu")

    def prepare(self, _person: LocatedBody, plate: Plate) -> Bones:
        """Nothing of the picture but its size."""
        return Bones(plate.size, plate.scale, Look(half_width=max(1.5, max(plate.size) / 150)))

    def draw(self, figure: Bones, poses: SkeletonSequence) -> Iterator[Layer]:
        """One layer for each pose; poses are in pixels of the picture."""
        for joints, confidence in zip(poses.joints, poses.confidence, strict=True):
            yield _layer(figure, joints[:, :2] * figure.scale, confidence)


def load(_weights: Path | None, _device: torch.device) -> SkeletonRenderer:
    """The renderer; there are no weights."""
    return SkeletonRenderer()


def _layer(figure: Bones, joints: np.ndarray, confidence: np.ndarray) -> Layer:
    """The bones in a box around them: drawn on black they are their colours times alpha, on white they show alpha."""
    room = 2 * (figure.look.half_width or 0) + 2
    low, high = joints.min(0) - room, joints.max(0) + room
    x0, y0 = (int(value) for value in np.clip(low, 0, figure.size))
    x1, y1 = (int(value) for value in np.ceil(np.clip(high, 0, figure.size)))
    black = np.zeros((max(y1 - y0, 0), max(x1 - x0, 0), 3), np.uint8)
    if not black.size:
        return Layer(torch.zeros(4, 0, 0), (0, 0))
    drawn, veiled = (
        as_tensor(draw_skeleton(canvas, joints - (x0, y0), confidence, figure.look), torch.device("cpu"))
        for canvas in (black, black + 255)
    )
    alpha = 1 - (veiled - drawn).amax(0, keepdim=True)
    return Layer(torch.cat([drawn, alpha.clamp(0, 1)]), (x0, y0))
