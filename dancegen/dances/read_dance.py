"""Reading a dance file that somebody may have edited by hand: each defect gets one clear line."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dancegen.audio.grid import BeatGrid
from dancegen.body.sequence import SkeletonSequence
from dancegen.dances.dance_file import DanceFile, Take, edit_json, file_sha256
from dancegen.dances.dance_json import dance_from_json
from dancegen.errors import DancegenError
from dancegen.jsonfile import read_json
from dancegen.registry import full_role
from dancegen.weights.manifest import load_manifest
from dancegen.weights.verify import WeightsInfo

if TYPE_CHECKING:
    from dancegen.dances.origin import Origin

TAKE_AGAIN = "make it again with `dancegen dance`"


def read_dance(path: Path) -> DanceFile:
    """Read and check a dance file.

    Raises:
        DancegenError: one line that names the file, the place in it and what is wrong there.
    """
    content = read_json(path, "dance file", f"name a whole dance file or {TAKE_AGAIN}", finite=False)
    try:
        return dance_from_json(content)
    except DancegenError as cause:
        raise DancegenError(f"{path}: {cause.what}", cause.remedy or TAKE_AGAIN) from cause


def check_song(dance: DanceFile, song: Path, where: str, force: bool = False) -> str | None:
    """Refuse a dance that was made for another song; with `force`, return the warning instead.

    A dance without a song goes with any.

    Args:
        dance: the dance.
        song: the file that shall be danced to.
        where: the dance file's name, for the message.
        force: go on all the same.
    """
    if dance.song is None or dance.song.sha256 == file_sha256(song):
        return None
    what = f"{where} was made for another song ({dance.song.name}) than {song.name}"
    if not force:
        raise DancegenError(what, "give that song, or add --force to use the dance all the same")
    return f"{what}; used because of --force"


def cut_to(
    take: Take, dance: DanceFile, start: float, seconds: float, force: bool = False
) -> tuple[SkeletonSequence, ...]:
    """The poses of all dancers for the stretch of the song from `start`, `seconds` long (both in seconds of the file).

    With `force` what the dance does not cover holds its first or last pose; without it that is an error.
    """
    skeleton = take.skeleton
    fps, offset = skeleton.fps, start - dance.start
    count = max(1, round(seconds * fps))
    slack = 0.5  # a rounding of the song's length is no missing dance
    if not force and (offset < -slack or offset + seconds > skeleton.seconds + slack):
        covered = f"{dance.start:.1f} to {dance.start + skeleton.seconds:.1f} s"
        raise DancegenError(
            f"the dance covers {covered} of the song, not {start:.1f} to {start + seconds:.1f} s",
            "choose --start and --duration within it, or make the dance for the whole song",
        )
    at = np.clip(np.arange(count) + round(offset * fps), 0, len(skeleton) - 1)  # (count,)
    return tuple(dancer.at(at) for dancer in take.dancers)


def origin_of(dance: DanceFile, number: int | None) -> Origin:
    """What a video of take `number` (None: the one that is rendered then) tells about its dance."""
    from dancegen.dances.origin import Origin

    take = dance.take(number)
    facts: dict[str, Any] = {"start": dance.start, "seconds": round(dance.seconds, 6)}
    if dance.song:
        facts["song_sha256"] = dance.song.sha256
    facts |= {"take": number or dance.default_take, "seed": take.seed, "style": take.style}
    facts |= {"turns": take.turns} if take.turns is not None else {}
    if take.edits:
        facts["edits"] = [edit_json(edit) for edit in take.edits]
    return Origin({role_of(dance.weights): dance.weights} if dance.weights else {}, facts)


def role_of(weights: WeightsInfo) -> str:
    """The role of weights that made a dance; a user's own, and such as are listed no more, count as STG-Mamba's."""
    listed = (entry.role for entry in load_manifest() if entry.sha256 == weights.sha256)
    return next(listed, full_role("choreographer"))


def grid_at(dance: DanceFile, start: float) -> BeatGrid:
    """The dance's own beats, counted from `start` (seconds of the song's file)."""
    return dance.grid.within(start - dance.start, math.inf)
