"""Which of the people of a picture, a clip or a pose file are meant: `--people`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

import numpy as np

from dancegen.errors import DancegenError

WORDS = ("largest", "all", "left", "right")
LONGEST = 4  # digits of a number


class Seen(Protocol):
    """Somebody of whom can be said how large they are and where: in a picture, or through a clip."""

    @property
    def extent(self) -> float:
        """How large, in any unit."""

    @property
    def middle(self) -> np.ndarray:
        """(2,) x to the viewer's right."""


T = TypeVar("T", bound=Seen)


def check_choice(choice: str) -> list[int]:
    """Refuse what `choose_people` cannot understand, before there are people to choose from; the numbers it names."""
    return _numbers(choice)


def choose_people(people: Sequence[T], choice: str, where: str = "the picture") -> list[T]:
    """Those of `people` who are meant, the largest first.

    Args:
        people: at least one.
        choice: "largest", "all", "left" or "right" (as the viewer sees them), or numbers as `dancegen subject` gives
            them: "2" or "1,3"; the largest is 1.
        where: what shows them, for the message.

    Raises:
        DancegenError: another word, or a number that nobody has.
    """
    numbers = _numbers(choice)
    by_size = sorted(people, key=lambda person: -person.extent)
    if numbers:
        if max(numbers) > len(people):
            there = "is only one person" if len(people) == 1 else f"are only {len(people)} people"
            what = f"--people {choice}: there {there} in {where}"
            raise DancegenError(what, "see `dancegen subject PICTURE` for their numbers, the largest is 1")
        return [by_size[number - 1] for number in numbers]
    if choice in ("left", "right"):
        aside = sorted(people, key=lambda person: float(person.middle[0]))
        return [aside[0 if choice == "left" else -1]]
    return by_size if choice == "all" else by_size[:1]


def choose_one(people: Sequence[T], choice: str, where: str = "the picture") -> T:
    """The one person who is meant, where only one can be.

    Raises:
        DancegenError: several are, or as `choose_people`.
    """
    chosen = choose_people(people, choice, where)
    if len(chosen) > 1:
        raise DancegenError(f"--people {choice}: one person is needed here, these are {len(chosen)}", "choose one")
    return chosen[0]


def _numbers(choice: str) -> list[int]:
    """The numbers of a choice, each once and in order; none for one of WORDS."""
    if choice in WORDS:
        return []
    parts = [part.strip() for part in choice.split(",")]
    if all(part.isascii() and part.isdigit() and len(part) <= LONGEST and int(part) > 0 for part in parts):
        return sorted({int(part) for part in parts})
    what = f"--people must be largest, all, left, right or numbers such as 1,3, not {choice!r}"
    raise DancegenError(what, "see `dancegen subject PICTURE` for the people of a picture and their numbers")
