"""What every person detector can do, and how those that find one person at a time find several."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

import numpy as np

from dancegen.images.picture import ConditionalImage
from dancegen.people.located import Detection

MOST_PEOPLE = 8  # each further person costs another look
ROW = 1.75  # a picture so many times as wide as high (or as high as wide) may hold a row of people
OTHER_HEIGHT = 0.3  # of the largest person's, that everybody else has at least: smaller ones are passers-by


class Detector(Protocol):
    """Finds people; a module's `load(weights, device)` makes one, `registry` names them."""

    def find(self, picture: ConditionalImage) -> list[Detection]:
        """All people it sees and believes, the most prominent first; nobody where it is not sure.

        A face alone is a person too, with no hips (confidence 0): whoever needs a body says what lacks.
        """
        ...


@runtime_checkable
class Watcher(Protocol):
    """A detector that is quick enough for every frame of a film, where it is known about where somebody is."""

    def look(self, picture: ConditionalImage, box: tuple[int, int, int, int]) -> Detection | None:
        """The one person in a part (left, top, right, bottom) of a picture, without a mask; None: nobody."""
        ...


def find_one_by_one(
    look: Callable[[list[Detection]], Detection | None], is_another: Callable[[list[Detection], Detection], bool]
) -> list[Detection]:
    """People found by looking again and again, each time with those found so far painted over.

    Args:
        look: who is seen besides these; None = nobody.
        is_another: whether that is somebody else, not what was left of these.
    """
    found: list[Detection] = []
    while len(found) < MOST_PEOPLE:
        new = look(found)
        if new is None or (found and not is_another(found, new)):
            break
        found.append(new)
    return found


def squares(width: int, height: int) -> list[tuple[int, int, int, int]]:
    """Boxes (left, top, right, bottom) along a wide or tall picture, each half over the next; none in a usual one.

    A row of people is too small for a detector that looks at the whole of it.
    """
    side, long = min(width, height), max(width, height)
    if long < ROW * side:
        return []
    starts = np.linspace(0, long - side, 1 + int(np.ceil(2 * (long - side) / side))).astype(int)
    if width > height:
        return [(int(start), 0, int(start) + side, side) for start in starts]
    return [(0, int(start), side, int(start) + side) for start in starts]
