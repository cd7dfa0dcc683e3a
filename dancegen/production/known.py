"""What is known before a video is made: a dance file's dance, a person found before, given beats."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dancegen.progress import Reporter

if TYPE_CHECKING:
    from dancegen.audio.grid import BeatGrid
    from dancegen.audio.song import Song
    from dancegen.body.sequence import SkeletonSequence
    from dancegen.dances.origin import Origin
    from dancegen.people.located import LocatedBody
    from dancegen.production.request import Request


@dataclass(frozen=True)
class Known:
    """The results of stages that need not be done again; None for those that must.

    Attributes:
        grid: the beats of the stretch of the song, or what tells them once it is heard.
        dance: canonical, or those of several dancers, or what tells them once the song is heard and people are found.
        people: those found in this very picture who shall dance, the largest first.
        origin: where that dance and those people come from.
        as_it_is: whether that dance is shown from its first pose on, as films and imported poses are; one that was made
            for music grows out of the pose of the picture.
    """

    grid: BeatGrid | Callable[[Song], BeatGrid] | None = None
    dance: SkeletonSequence | Sequence[SkeletonSequence] | Callable[..., Sequence[SkeletonSequence]] | None = None
    people: Sequence[LocatedBody] = ()
    origin: Origin | None = None
    as_it_is: bool = False

    def recall(self, song: Song, people: Sequence[LocatedBody]) -> tuple[BeatGrid | None, tuple[SkeletonSequence, ...]]:
        """Beats for this song, where they are known, and its dancers, none where no dance is; `people` shall dance."""
        from dancegen.body.sequence import SkeletonSequence

        grid = self.grid(song) if callable(self.grid) else self.grid
        dance = self.dance(song, people) if callable(self.dance) else self.dance
        if dance is None:
            return grid, ()
        return grid, (dance,) if isinstance(dance, SkeletonSequence) else tuple(dance)


def read_known(request: Request, known: Known, reporter: Reporter) -> tuple[Request, Known]:
    """What the files of a request say: its dance file, or its beats; what is known already stays.

    Returns:
        The request with the dance file's seed, style and (where none was asked for) stretch of the song, and what is
        known.

    Raises:
        DancegenError: a file that is not there, broken, or made for another song.
    """
    if request.dance:
        from dancegen.production.given_dance import read_given_dance

        return read_given_dance(request, known, reporter)
    if known.grid is None and (request.beats or request.tempo):
        from dancegen.dances.bars import check_beats
        from dancegen.dances.make import find_grid

        check_beats(request.beats)
        heard = (request.beats, request.tempo, request.weights.get("beats"), reporter)
        return request, replace(known, grid=lambda song: find_grid(song, *heard))
    return request, known
