"""Choreographers who dance for the person of a picture: who that is, and the body that their dance file names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dancegen.choreographers.base import Choreographer
from dancegen.choreographers.tailor import Person, tailor
from dancegen.dances.dance_file import Body
from dancegen.people.located import LocatedBody
from dancegen.progress import Reporter


@dataclass(frozen=True)
class Fitted:
    """A choreographer as it dances for somebody, and that body; None for the usual one."""

    dancer: Choreographer
    body: Body | None


def fits(dancer: Choreographer) -> bool:
    """Whether a choreographer dances for one person at all."""
    return bool(getattr(dancer, "for_person", False))


def fit_to(
    dancer: Choreographer,
    people: Sequence[LocatedBody],
    name: str,
    steps: int | None,
    reporter: Reporter | None = None,
) -> Fitted:
    """The choreographer as it dances for the first of the people, in so many steps.

    Args:
        people: of the picture `name`; without anybody, or for a choreographer who dances for nobody, nothing is fitted.
        reporter: is told where there are others.

    Raises:
        DancegenError: steps are asked of a choreographer who has none.
    """
    if not people or not fits(dancer):
        return Fitted(tailor(dancer, None, steps), None)
    if len(people) > 1 and reporter:
        reporter.note("the dance is made for the largest of the people: the others dance it on their own bodies")
    first = people[0]
    person = Person(first.joints, first.confidence, first.picture.size)
    body = Body(name, tuple(dancer.bones(person)))  # type: ignore[attr-defined]
    return Fitted(tailor(dancer, person, steps), body)
