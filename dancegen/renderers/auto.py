"""Draws each person as their picture asks for: in depth where it has shades, as a flat skin where it is lines on paper.

A drawn outline has no depth: wrapped around a body it becomes a stroke beside it. A flat skin keeps it as it was drawn.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from dancegen.body.sequence import SkeletonSequence
from dancegen.people.located import LocatedBody
from dancegen.renderers.base import KEEP, Layer, Renderer
from dancegen.renderers.plate import Plate, read_matte

if TYPE_CHECKING:
    from dancegen.renderers.avatar.renderer import AvatarRenderer

LOOK = 256  # pixels of the longer side of what is looked at
BIN = 24  # of 255: colours are told apart in so large steps
FEW, MOSTLY = 3, 0.85  # a figure of which so few colours are so much is drawn
SAME = 31  # of 255: as near as this to the paper's colour is paper
PLAIN, HOLLOW = 0.95, 0.33  # the share of paper around a drawing, and in one that is outlines alone
DARK = 90  # of 255: paper is lighter


@dataclass(frozen=True, eq=False)
class Chosen:
    """A figure and who draws it."""

    renderer: Renderer
    figure: Any


class AutoRenderer:
    """See `renderers.base.Renderer`.

    Args:
        weights: a file for the puppet's network, or None.
        device: where to work.
    """

    background = KEEP
    shows_turns = True

    def __init__(self, weights: Path | None, device: torch.device) -> None:
        self.weights, self.device = weights, device

    @cached_property
    def avatar(self) -> AvatarRenderer:
        """Loaded for the first picture."""
        from dancegen.renderers.avatar.renderer import load

        return load(None, self.device)

    @cached_property
    def puppet(self) -> Renderer:
        """Loaded for the first picture that shows too little of a person for a shell."""
        from dancegen.renderers.puppet.renderer import load

        return load(self.weights, self.device)

    def can_turn(self, people: Sequence[LocatedBody]) -> bool:
        """Whether all of them can be seen from behind."""
        return not any(is_drawing(person) for person in people)

    def prepare(self, person: LocatedBody, plate: Plate) -> Chosen:
        """The figure that fits the picture; a puppet where too little is seen to be given a surface."""
        from dancegen.renderers.avatar.shell import Shapeless

        prepare = self.avatar.prepare
        if is_drawing(person):
            from dancegen.renderers.avatar.flat import prepare_flat as prepare
        try:
            return Chosen(self.avatar, prepare(person, plate))
        except Shapeless:
            return Chosen(self.puppet, self.puppet.prepare(person, plate))

    def draw(self, figure: Chosen, poses: SkeletonSequence) -> Iterator[Layer]:
        """As whoever draws it does."""
        return figure.renderer.draw(figure.figure, poses)


def load(weights: Path | None, device: torch.device) -> AutoRenderer:
    """What the registry calls; the renderers themselves are loaded when a picture needs them."""
    return AutoRenderer(weights, device)


def is_drawing(person: LocatedBody) -> bool:
    """Whether a person is lines on paper, or a few flat colours on it."""
    matte = read_matte(person, torch.device("cpu"))[0].numpy()
    step = max(max(matte.shape) // LOOK, 1)
    matte, pixels = matte[::step, ::step], person.picture.pixels[::step, ::step].astype(int)
    own, around = pixels[matte > 0.9], pixels[matte < 0.02]
    if not len(own) or not len(around):
        return False
    paper = np.median(around, axis=0)
    if (np.abs(around - paper).max(1) < SAME).mean() < PLAIN:
        return False
    bins = own // BIN @ np.array([10_000, 100, 1])
    counts = np.sort(np.unique(bins, return_counts=True)[1])[::-1]
    flat = counts[:FEW].sum() > MOSTLY * len(own)
    hollow = paper.mean() > DARK and (np.abs(own - paper).max(1) < SAME).mean() > HOLLOW
    return bool(flat or hollow)
