"""What a choreographer is: the contract that every line "choreographer" of the registry fulfils."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from dancegen.audio.grid import BeatGrid
    from dancegen.audio.song import Song
    from dancegen.body.sequence import SkeletonSequence
    from dancegen.progress import Reporter


TURNS = 0.5  # how much of the dancer's turning a dance has where nothing else is asked for
TURN_LEVELS = (0.0, 0.5, 1.0)
AMOUNT = 1.0  # of a style, likewise
MOST_STEPS = 100  # in which a dance is drawn from noise


class Choreographer(Protocol):
    """Makes dances; holds its weights, and nothing of a song.

    One with `for_person = True` is also asked for `person: Person | None` and `steps: int | None` by `dance`, and has
    `bones(person)`, the lengths (17,) that the bones of its dances for that person have (see `tailor.py`).

    Attributes:
        styles: the dance styles it knows, the plain one first.
    """

    styles: tuple[str, ...]

    def dance(
        self,
        song: Song,
        grid: BeatGrid,
        *,
        seed: int,
        style: str,
        amount: float = AMOUNT,
        turns: float = TURNS,
        reporter: Reporter | None = None,
    ) -> SkeletonSequence:
        """A canonical dance as long as the song, 30 poses a second.

        Args:
            song: the music; any length.
            grid: its beats; confidence 0 where there are none.
            seed: another seed, another dance; the same seed and song, the same dance, on every device.
            style: one of `styles`, or for those that learn styles a file of `dancegen style learn`.
            amount: how much of it, 0..1; the rest is the plain style, 0 is that very dance.
            turns: 0 faces the camera, 0.5 turns half away, 1 turns all round; `SkeletonSequence.yaw` tells the turns.
            reporter: told of a stage and its steps; Ctrl-C in it stops the work.

        Raises:
            DancegenError: a style it does not know.
        """
