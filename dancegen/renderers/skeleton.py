"""The bones on black: what `--preview` draws, quick enough to judge a dance by."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from dancegen.body.draw import draw_skeleton
from dancegen.body.sequence import SkeletonSequence
from dancegen.images.picture import output_size
from dancegen.people.subject import Subject


@dataclass(frozen=True)
class Blackboard:
    """The size (w, h) of the video, and video pixels for a pixel of the picture in x and y."""

    size: tuple[int, int]
    scale: np.ndarray


class SkeletonRenderer:
    """Draws with lines; has nothing to load."""

    def prepare(self, subject: Subject, longer: int) -> Blackboard:
        """A black picture of the subject's shape, its longer side `longer` pixels."""
        size = output_size(subject.image.size, longer)
        return Blackboard(size, np.divide(size, subject.image.size))

    def render(self, board: Blackboard, poses: SkeletonSequence) -> Iterator[np.ndarray]:
        """A frame uint8 (h, w, 3) for each pose, which is in pixels of the picture."""
        black = np.zeros((board.size[1], board.size[0], 3), np.uint8)
        for joints, confidence in zip(poses.joints, poses.confidence, strict=True):
            yield draw_skeleton(black, joints[:, :2] * board.scale, confidence)


def load(_weights: Path | None, _device: torch.device) -> SkeletonRenderer:
    """See `registry`."""
    return SkeletonRenderer()
