"""A renderer of one's own in one file: the person as coloured capsules. `--renderer capsules:load` draws with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from dancegen.body.joints import BONES
from dancegen.body.sequence import SkeletonSequence
from dancegen.people.located import LocatedBody
from dancegen.renderers.base import Layer
from dancegen.renderers.plate import Plate

WIDTH = 0.06  # of a capsule, shares of the person's height


class Capsules:
    """Every bone is a capsule in the picture's own colour at its middle."""

    background = "keep"
    shows_turns = True

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def prepare(self, person: LocatedBody, plate: Plate) -> tuple[Plate, float, torch.Tensor]:
        """The plate, half a capsule's width in video pixels, and a colour (3,) for each bone."""
        middles = np.mean([person.joints[list(bone), :2] for bone in BONES], axis=1)  # (bones, 2)
        x, y = np.clip(middles, 0, np.subtract(person.picture.size, 1)).astype(int).T
        colours = torch.tensor(person.picture.pixels[y, x] / 255, device=self.device).float()
        return plate, WIDTH / 2 * person.height * float(plate.scale.mean()), colours

    def draw(self, figure: tuple[Plate, float, torch.Tensor], poses: SkeletonSequence) -> Iterator[Layer]:
        """The whole frame as one layer for each pose."""
        plate, radius, colours = figure
        width, height = plate.size
        y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        place = torch.stack([x, y], -1).float().to(self.device)  # (h, w, 2)
        for joints in poses.joints[..., :2] * plate.scale:
            points = torch.tensor(joints, device=self.device).float()
            layer = torch.zeros(4, height, width, device=self.device)
            for (one, other), colour in zip(BONES, colours, strict=True):
                start, bone = points[one], points[other] - points[one]
                share = (((place - start) @ bone) / bone.dot(bone).clamp_min(1e-6)).clamp(0, 1)
                away = (place - start - share[..., None] * bone).norm(dim=-1)  # (h, w)
                alpha = (radius - away + 0.5).clamp(0, 1)
                layer = layer * (1 - alpha) + torch.cat([colour, colour.new_ones(1)])[:, None, None] * alpha
            yield Layer(layer, (0, 0))


def load(_weights: Path | None, device: torch.device) -> Capsules:
    """What the registry calls."""
    return Capsules(device)
