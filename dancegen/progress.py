"""How the work tells what it is doing, without printing: the command line decides what is shown."""

from __future__ import annotations

from typing import Protocol

SINGULARS = {
    "people": "person",
    "picture analyses": "picture analysis",
    "choreographies": "choreography",
}


def one_or(number: float, several: str) -> str:
    """The word for `number` things, from the word for several: `frame` for 1, `frames` for 0 and 2."""
    return several if number != 1 else SINGULARS.get(several, several.removesuffix("s"))


def count_of(number: int, several: str) -> str:
    """How many of what: `1 window`, `2 windows`."""
    return f"{number} {one_or(number, several)}"


class Reporter(Protocol):
    """Receives the progress of a job. `cli.main` has one for terminals and one for pipes."""

    def stage(self, name: str, total: int | None = None, unit: str = "") -> None:
        """A new stage begins; `total` is its length in `unit` (several: "frames") where that is known."""

    def advance(self, steps: int = 1) -> None:
        """`steps` more of the current stage are done."""

    def note(self, text: str) -> None:
        """Something the user should know that does not stop the work ("two people found, took the larger")."""


class SilentReporter:
    """The default of the Python API: says nothing and keeps nothing."""

    def stage(self, name: str, total: int | None = None, unit: str = "") -> None:
        """Nothing."""

    def advance(self, steps: int = 1) -> None:
        """Nothing."""

    def note(self, text: str) -> None:
        """Nothing."""
