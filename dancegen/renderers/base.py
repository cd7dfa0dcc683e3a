"""What every renderer can do, and what it makes: layers, of which `compose` makes frames.

Glossary: h x w the video, or a box of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from dancegen.body.sequence import SkeletonSequence
from dancegen.people.located import LocatedBody
from dancegen.renderers.plate import Plate


@dataclass(frozen=True, eq=False)
class Layer:
    """One figure in one frame, to be laid over the background and over those who are further away.

    Attributes:
        colours: (4, h, w) float32 RGBA in 0..1, the colours multiplied by alpha; h and w may be 0.
        corner: x and y of its first pixel in the video; the layer lies inside it.
    """

    colours: torch.Tensor
    corner: tuple[int, int]


class Renderer(Protocol):
    """Draws people in poses; a module's `load(weights, device)` makes one, `registry` names them.

    Attributes:
        device: where it works.
        background: what the figures are laid over where the user says nothing (`background.check_background`).
    """

    device: torch.device
    background: str

    def prepare(self, person: LocatedBody, plate: Plate) -> Any:
        """Everything that depends on the picture alone: the figure that `draw` takes."""
        ...

    def draw(self, figure: Any, poses: SkeletonSequence) -> Iterator[Layer]:
        """One layer for each pose, drawn as they are asked for: memory does not grow with their number.

        Args:
            poses: in pixels of the picture, as `retarget` gives them.
        """
        ...
