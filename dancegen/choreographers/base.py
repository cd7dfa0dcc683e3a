"""What a choreographer is: the contract that every line "choreographer" of the registry fulfils."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from dancegen.audio.grid import BeatGrid
    from dancegen.audio.song import Song
    from dancegen.body.sequence import SkeletonSequence
    from dancegen.progress import Reporter


class Choreographer(Protocol):
    """Makes dances; holds its weights, and nothing of a song.

    Attributes:
        styles: the dance styles it knows, the plain one first.
    """

    styles: tuple[str, ...]

    def dance(
        self, song: Song, grid: BeatGrid, *, seed: int, style: str, reporter: Reporter | None = None
    ) -> SkeletonSequence:
        """A canonical dance as long as the song, 30 poses a second.

        Args:
            song: the music; any length.
            grid: its beats; confidence 0 where there are none.
            seed: another seed, another dance; the same seed and song, the same dance, on every device.
            style: one of `styles`.
            reporter: told of a stage and its steps; Ctrl-C in it stops the work.

        Raises:
            DancegenError: a style it does not know.
        """
