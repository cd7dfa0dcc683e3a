"""Dances for one person: what choreographers with `for_person = True` are asked for besides the contract."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dancegen.errors import DancegenError

if TYPE_CHECKING:
    import numpy as np

    from dancegen.audio.grid import BeatGrid
    from dancegen.audio.song import Song
    from dancegen.body.sequence import SkeletonSequence
    from dancegen.choreographers.base import Choreographer


@dataclass(frozen=True)
class Person:
    """Who is to dance, as a picture shows them.

    Attributes:
        joints: (V, 2) pixels.
        confidence: (V,), 0 = not in the picture.
        size: (W, H) of the picture, pixels.
    """

    joints: np.ndarray
    confidence: np.ndarray
    size: tuple[int, int]


class Tailored:
    """A choreographer who dances for one person, or in so many steps.

    Args:
        dancer: one with `for_person`.
        person, steps: as its `dance` takes them.
    """

    def __init__(self, dancer: Any, person: Person | None, steps: int | None) -> None:
        self.dancer, self.styles = dancer, dancer.styles
        self.given = {"person": person, "steps": steps}

    def dance(self, song: Song, grid: BeatGrid, **how: Any) -> SkeletonSequence:
        """See `Choreographer.dance`."""
        made: SkeletonSequence = self.dancer.dance(song, grid, **how, **self.given)
        return made


def tailor(dancer: Choreographer, person: Person | None, steps: int | None) -> Choreographer:
    """The choreographer as it dances for a person, in so many steps; one who dances for nobody stays as it is.

    Raises:
        DancegenError: steps are asked of a choreographer who has none.
    """
    if getattr(dancer, "for_person", False):
        return Tailored(dancer, person, steps)
    if steps is not None:
        raise DancegenError(
            "--steps is for choreographers that draw a dance from noise", "add --choreographer hotdance"
        )
    return dancer
