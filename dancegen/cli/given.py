"""What the options of `render` and `check` say about the dance, before the song is heard."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dancegen.cli.context import refuse_options, reporter
from dancegen.errors import DancegenError

if TYPE_CHECKING:
    from dancegen.audio.grid import BeatGrid
    from dancegen.audio.song import Song
    from dancegen.body.sequence import SkeletonSequence
    from dancegen.dances.origin import Origin


@dataclass(frozen=True)
class Given:
    """The stretch of the song, and what makes the dance; `dance` and `grid` are None where they are to be made anew.

    See `pipeline.render_dance`.
    """

    start: float
    duration: float | None
    seed: int
    style: str
    dance: Callable[[Song], SkeletonSequence] | None = None
    grid: Callable[[Song], BeatGrid] | None = None
    origin: Origin | None = None


def given_dance(
    song: Path,
    start: float,
    duration: float | None,
    seed: int,
    style: str,
    *,
    dance: Path | None,
    take: int | None,
    force: bool = False,
    beats: Path | None,
    tempo: str | None,
) -> Given:
    """The options of those names, together.

    Raises:
        DancegenError: options that do not go together, or a dance file that is broken or of another song.
    """
    if dance:
        remedy = "leave it out: the dance is made already"
        refuse_options("does not go with --dance", remedy, seed=seed, style=style != "none", tempo=tempo, beats=beats)
        return _read(dance, take, song, start, duration, force)
    if take is not None:
        raise DancegenError("--take is a take of a dance file", "name the file with --dance")
    return Given(start, duration, seed, style, grid=_grid(beats, tempo))


def _read(file: Path, take: int | None, song: Path, start: float, duration: float | None, force: bool) -> Given:
    """The chosen take of a dance file; without --start and --duration the stretch is the dance's own."""
    from dancegen.choreographers.stg_mamba.config import STYLES
    from dancegen.dances.read_dance import check_song, cut_to, grid_at, origin_of, read_dance

    made = read_dance(file)
    chosen = made.take(take)
    note = check_song(made, song, str(file), force)
    if note:
        reporter().note(note)
    elif start == 0 and duration is None:
        start, duration = made.start, made.seconds
    return Given(
        start,
        duration,
        chosen.seed,
        chosen.style if chosen.style in STYLES else STYLES[0],
        dance=lambda sound: cut_to(chosen, made, start, sound.seconds, force),
        grid=(lambda _: grid_at(made, start)) if made.knows_beats and not note else None,  # another song's say nothing
        origin=origin_of(made, take),
    )


def _grid(beats: Path | None, tempo: str | None) -> Callable[[Song], BeatGrid] | None:
    """What tells the beats that --beats and --tempo ask for."""
    from dancegen.dances.bars import check_beats, check_tempo
    from dancegen.dances.make import find_grid

    check_tempo(tempo)
    check_beats(beats)
    return (lambda sound: find_grid(sound, beats, tempo)) if beats or tempo else None
