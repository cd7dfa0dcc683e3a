"""Frames from layers: the figures of one or several people laid over what is behind them, the farthest first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from dancegen.body.joints import L_ANKLE, R_ANKLE
from dancegen.body.sequence import BLOCK, SkeletonSequence
from dancegen.images.filters import as_pixels, as_tensor
from dancegen.images.picture import open_picture
from dancegen.people.located import LocatedBody
from dancegen.renderers.base import KEEP, Layer, Renderer, check_background
from dancegen.renderers.ground import Ground, find_ground
from dancegen.renderers.plate import Plate
from dancegen.scratch import release


@dataclass(frozen=True, eq=False)
class Background:
    """What figures are laid over.

    Attributes:
        colours: (3, h, w) 0..1, or (4, h, w) zeros where nothing is behind them.
        empty: uint8 (h, w, 3 or 4), the same as a frame.
    """

    colours: torch.Tensor
    empty: np.ndarray


@dataclass(frozen=True, eq=False)
class Scene:
    """A picture made ready: what is behind, and a figure for everybody who dances.

    Attributes:
        renderer: who draws.
        background: what is behind.
        figures: in the order of the people.
        order: the indices of the people in the picture, the farthest first: whose feet are lower in it is nearer.
        grounds: where their shadows fall, of those who cast one.
    """

    renderer: Renderer
    background: Background
    figures: tuple[Any, ...]
    order: tuple[int, ...]
    grounds: dict[int, Ground] = field(default_factory=dict)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the frames, pixels."""
        return self.background.empty.shape[1], self.background.empty.shape[0]

    def frames(self, *dances: SkeletonSequence) -> Iterator[np.ndarray]:
        """The frames, one by one: uint8 (h, w, 3), or (h, w, 4) with plain alpha where nothing is behind.

        Args:
            dances: of everybody in the order of the people, equally long, in pixels of the picture.
        """
        drawn = [ground.layers(dances[one]) for one, ground in self.grounds.items()]
        drawn += [self.renderer.draw(figure, dance) for figure, dance in zip(self.figures, dances, strict=True)]
        grounds = len(self.grounds)
        orders: Iterator[Sequence[int]] = repeat(self.order)
        if len(dances) > 1:
            from dancegen.renderers.passing import list_orders

            orders = list_orders(self.order, dances)
        with torch.inference_mode():
            for number, layers in enumerate(zip(*drawn, strict=True)):
                yield compose(self.background, [*layers[:grounds], *(layers[grounds + one] for one in next(orders))])
                if number % BLOCK == 0:
                    release(*(dance.joints for dance in dances))


def make_scene(renderer: Renderer, people: Sequence[LocatedBody], size: int, background: str | None = None) -> Scene:
    """Everything that depends on the picture alone.

    Args:
        people: of one picture, at least one.
        size: longer side of the video, pixels.
        background: see `make_background`; None = as the renderer usually has it.
    """
    plate = Plate(people, size, renderer.device)
    what = background or renderer.background
    with torch.inference_mode():
        behind = make_background(what, plate)
        figures = tuple(renderer.prepare(person, plate) for person in people)
        grounds = [find_ground(person, plate) for person in people] if what == KEEP else []
    feet = [float(person.places[[R_ANKLE, L_ANKLE], 1].max()) for person in people]
    order = tuple(int(one) for one in np.argsort(feet, kind="stable"))
    return Scene(renderer, behind, figures, order, {one: ground for one, ground in enumerate(grounds) if ground})


def make_background(what: str, plate: Plate) -> Background:
    """What `--background` asks for, at the plate's size.

    Args:
        what: "keep" (the picture without the people), "none", a colour or the name of a picture, which is scaled to
            fill the frame and cut at its edges.

    Raises:
        DancegenError: as `check_background`, or as `open_picture`.
    """
    given = check_background(what)
    width, height = plate.size
    if what == KEEP:
        colours = plate.colours
    elif given is None:
        colours = torch.zeros(4, height, width, device=plate.device)
    elif isinstance(given, Path):
        colours = as_tensor(_filling(open_picture(given).pixels, plate.size), plate.device)
    else:
        colours = (torch.tensor(given, device=plate.device)[:, None, None] / 255).expand(3, height, width)
    return Background(colours, as_pixels(colours))


def _filling(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A picture (H, W, 3) scaled to cover `size` (w, h), its middle cut out: (h, w, 3)."""
    picture = Image.fromarray(pixels)
    scale = max(size[0] / picture.width, size[1] / picture.height)
    wide, high = size[0] / scale, size[1] / scale
    left, top = (picture.width - wide) / 2, (picture.height - high) / 2
    return np.asarray(picture.resize(size, Image.Resampling.LANCZOS, (left, top, left + wide, top + high)))


def compose(background: Background, layers: Sequence[Layer]) -> np.ndarray:
    """One frame, uint8 (h, w, 3 or 4); the layers are in order, the farthest first."""
    frame = background.empty.copy()
    boxes = [_box(layer) for layer in layers if layer.colours.numel()]
    if not boxes:
        return frame
    left, top = (min(box[side] for box in boxes) for side in (0, 1))
    right, bottom = (max(box[side] for box in boxes) for side in (2, 3))
    part = background.colours[:, top:bottom, left:right].clone()
    for layer in layers:
        if layer.colours.numel():
            x0, y0, x1, y1 = _box(layer)
            under = part[:, y0 - top : y1 - top, x0 - left : x1 - left]
            under.mul_(1 - layer.colours[3:]).add_(layer.colours[: len(part)])
    if len(part) == 4:  # files hold plain colours, not multiplied by alpha
        part[:3] /= part[3:].clamp_min(1e-4)
    frame[top:bottom, left:right] = as_pixels(part)
    return frame


def _box(layer: Layer) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of a layer in the video."""
    x, y = layer.corner
    return x, y, x + layer.colours.shape[2], y + layer.colours.shape[1]
