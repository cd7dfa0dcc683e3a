"""A driving video for animators that take no skeleton: a figure on a plain ground that dances, and where it is.

The whole body is in the picture throughout, nothing is blurred, and it is the very dance of the pose videos.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from dancegen.body.joints import L_ANKLE, R_ANKLE
from dancegen.body.sequence import SkeletonSequence
from dancegen.choreographers.finish.turning import flatten
from dancegen.images.picture import ConditionalImage
from dancegen.people.located import LocatedBody
from dancegen.renderers.base import Renderer
from dancegen.renderers.compose import compose, make_background
from dancegen.renderers.control.frame import Frame
from dancegen.renderers.control.poses import place
from dancegen.renderers.plate import Plate

AREA = 512 * 896  # pixels of the frame; its shape is that of the picture, which readers crop to
STEP = 32  # pixels: SCAIL-2's sides are multiples of it, Wan-Animate-2's of 16
FPS = 30.0
GROUND = "#b4b4b4"  # lighter than clothes and darker than skin mostly are
TALL = 0.6  # of the frame's height, the most that a figure is high: arms go up and jumps higher
WIDE = 0.42  # of a figure's share of the frame's width, half the most that it is high: arms reach to both sides
FEET = 0.93  # of the frame's height, where they stand
# Colours of who is who, of which SCAIL-2 was trained on exactly these. White: a ground that shall be
# seen (the picture's); black: one that shall not (the driving video's).
COLOURS = ((0, 0, 255), (255, 0, 0), (0, 255, 0), (255, 0, 255), (0, 255, 255), (255, 255, 0))


class Driver:
    """Figures on a plain ground, ready to dance.

    Args:
        renderer: draws them.
        people: whom they look like, whole; each on a picture of their own or all on one.
        size: (w, h) of the frame, pixels.
    """

    def __init__(self, renderer: Renderer, people: Sequence[LocatedBody], size: tuple[int, int]) -> None:
        self.size, self._renderer = size, renderer
        self.people = [_cut_alone(one, number, len(people), size) for number, one in enumerate(people)]
        with torch.inference_mode():
            plates = [Plate([one], max(size), renderer.device) for one in self.people]
            self._background = make_background(GROUND, plates[0])
            self._figures = [renderer.prepare(one, plate) for one, plate in zip(self.people, plates, strict=True)]

    def poses(self, dances: Sequence[SkeletonSequence], fps: float) -> list[SkeletonSequence]:
        """Canonical dances, of each figure one, in pixels of the frame; without turns that the renderer cannot show."""
        shown = dances if self._renderer.shows_turns else [flatten(dance)[0] for dance in dances]
        return [place(dance, one, fps) for dance, one in zip(shown, self.people, strict=True)]

    def frames(self, poses: Sequence[SkeletonSequence]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Frames and who is where in them, each uint8 (h, w, 3), black where nobody is."""
        drawn = [self._renderer.draw(figure, one) for figure, one in zip(self._figures, poses, strict=True)]
        with torch.inference_mode():
            for layers in zip(*drawn, strict=True):
                who = np.zeros((self.size[1], self.size[0], 3), np.uint8)
                for layer, colour in zip(layers, COLOURS, strict=False):
                    alpha = layer.colours[3].cpu().numpy()
                    x, y = layer.corner
                    who[y : y + alpha.shape[0], x : x + alpha.shape[1]][alpha > 0.5] = colour
                yield compose(self._background, layers), who


def is_whole(person: LocatedBody) -> bool:
    """Whether a picture shows so much of a person that they can drive a video: both feet, and all above."""
    return bool((person.confidence[[R_ANKLE, L_ANKLE]] > 0).all() and (person.confidence[:14] > 0).sum() >= 13)


def colour_masks(people: Sequence[LocatedBody], frame: Frame) -> np.ndarray:
    """Who is where on the picture in a frame: uint8 (h, w, 3), white where nobody is: that ground shall be seen."""
    who = np.full((frame.size[1], frame.size[0], 3), 255, np.uint8)
    for person, colour in zip(people, COLOURS, strict=False):
        who[frame.mask(person.mask) > 0.5] = colour
    return who


def neutral_figure() -> LocatedBody:
    """The drawn figure that comes with dancegen."""
    from dancegen.assets.example import PICTURE, POSE
    from dancegen.images.picture import open_picture
    from dancegen.people.find import find_people

    return find_people(open_picture(Path(PICTURE)), network=None, pose_file=POSE)[0]


def _cut_alone(person: LocatedBody, number: int, count: int, size: tuple[int, int]) -> LocatedBody:
    """A person cut out of their picture, standing on the plain ground with room around: the one of `count`."""
    rgb = np.array([int(GROUND[at : at + 2], 16) for at in (1, 3, 5)])
    tall = min(TALL * size[1], WIDE * size[0] / count * 2)
    scale = tall / person.height
    low, high = _span(person)
    x = (number + 0.5) * size[0] / count - scale * (low[0] + high[0]) / 2
    frame = Frame(size, scale, (float(x), float(FEET * size[1] - scale * high[1])))
    cut, share = frame.picture(person.picture.pixels), frame.mask(person.mask)[..., None]  # (h, w, 3), (h, w, 1)
    pixels = (cut * share + rgb * (1 - share) + 0.5).astype(np.uint8)
    shown = frame.person(person)
    return replace(shown, picture=ConditionalImage(person.picture.path, pixels, alpha=share[..., 0]))


def _span(person: LocatedBody) -> tuple[np.ndarray, np.ndarray]:
    """The corners (2,) of the box around the joints that are seen, pixels."""
    seen = person.joints[person.confidence > 0][:, :2]
    return seen.min(axis=0), seen.max(axis=0)
