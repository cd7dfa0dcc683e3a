"""A dance that was made to no song, put to one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dancegen.audio.grid import BeatGrid
from dancegen.dances.dance_file import DanceFile, SongInfo, file_sha256
from dancegen.dances.takes import rank_takes

if TYPE_CHECKING:
    from dancegen.audio.song import Song


def put_to_song(dance: DanceFile, song: Song, grid: BeatGrid) -> DanceFile:
    """The dance from the beginning of `song` on, with its beats, its takes scored against them.

    It is danced as long as both last; no pose is changed or cut off.
    """
    seconds = min(song.seconds, dance.takes[0].skeleton.seconds)
    info = SongInfo(song.path.name, file_sha256(song.path), song.start, round(seconds, 6))
    grid = grid.within(0.0, seconds)
    takes = rank_takes(dance.takes, grid.times)
    heard = replace(dance, times=grid.times, tempo=grid.tempo, confidence=grid.confidence, downbeat=grid.downbeat)
    return replace(heard, song=info, takes=takes)
