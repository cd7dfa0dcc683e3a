"""Dances: takes made, bars made anew, kept, mirrored or given another style; each version is a file of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dancegen.audio.bars import bars as bars_of
from dancegen.audio.load import load_song
from dancegen.choreographers.base import tailored
from dancegen.dances.bars import check_bars
from dancegen.dances.dance_file import DanceFile, Edit, edit_json, source_json, write_dance
from dancegen.dances.make import MOST_TAKES, Styles, describe_bars, find_grid, make_dance, redo
from dancegen.dances.mirror import mirror_bars
from dancegen.dances.read_dance import check_song, read_dance
from dancegen.dances.takes import COLUMNS
from dancegen.dances.to_song import put_to_song
from dancegen.errors import DancegenError
from dancegen.production.request import Request, check_limits
from dancegen.registry import backend
from dancegen.web import songs
from dancegen.web.studio import Studio, stamp
from dancegen.web.work import Job

DANCERS = 8  # of a take that are sent to the page


def make(studio: Studio, song: str, asked: dict[str, Any], job: Job) -> str:
    """Takes of a new dance to a song; the name of their file.

    Args:
        asked: "takes", and attributes of `Request` that shape a dance.
    """
    takes = asked.pop("takes", 1)
    if type(takes) is not int or not 1 <= takes <= MOST_TAKES:
        raise DancegenError(f"there can be 1 to {MOST_TAKES} takes")
    request = studio.request(song=studio.project.path("songs", song), **asked)
    check_limits("seed", request.seed + takes - 1)
    heard = songs.hear(studio, song, job)
    job.stage("listening to the song")
    sound = load_song(request.song, *songs.stretch(studio, song, heard), job)
    dancer, info = _dancer(studio, request, job)
    grid = songs.grid_of(heard, sound)
    styles = Styles(request.style, amount=request.style_amount, turns=request.turns)
    seeds = range(request.seed, request.seed + takes)
    made = make_dance(sound, grid, dancer, info, seeds=seeds, styles=styles, reporter=job)
    return keep(studio, song, made)


def edit(studio: Studio, song: str, asked: dict[str, Any], job: Job) -> str:
    """Bars of the take that is shown made anew; the name of the new version.

    Args:
        asked: "do": "redo" (these bars), "keep" (these bars, all others are made anew) or "mirror"; "bars": stretches
            [first, last]; "seed" and "style" of what is made anew.
    """
    history = studio.project.dance_of(song)
    if history is None:
        raise DancegenError(f"{song} has no dance yet", "make one first")
    made = read(studio, history["versions"][history["at"]])
    number = min(history["take"], len(made.takes))
    grid = made.grid.beats_or_count(made.seconds)
    bars = _stretches(asked.get("bars"))
    for first, last in bars:
        check_bars(grid, first, last)
    if asked.get("do") == "mirror":
        return keep(studio, song, mirror_bars(made, number, bars), number)
    if asked.get("do") == "keep":
        every = bars_of(grid)
        bars = others(bars, every[0].number, every[-1].number)
        if not bars:
            raise DancegenError("all bars are kept: nothing is left to be made anew", "choose fewer bars")
    how = {name: asked[name] for name in ("style", "style_amount", "choreographer", "seed") if name in asked}
    request = studio.request(song=studio.project.path("songs", song), **how)
    job.stage("listening to the song")
    sound = load_song(request.song, made.start, made.seconds)
    dancer, info = _dancer(studio, request, job)
    own = made.take(number)
    manner = (request.style, request.style_amount) if "style" in asked else (own.style, own.amount)
    edits = [Edit(first, last, request.seed, manner[0], info, manner[1]) for first, last in bars]
    return keep(studio, song, redo(made, number, sound, dancer, edits, job), number)


def take_in(studio: Studio, song: str, given: Path) -> str:
    """A dance file from elsewhere as a version of the song's dance.

    Raises:
        DancegenError: it is none, or was made for another song.
    """
    made = read_dance(given)
    path = studio.project.path("songs", song)
    check_song(made, path, given.name)
    if made.song is None:
        sound = load_song(path)
        made = put_to_song(made, sound, find_grid(sound))
    return keep(studio, song, made)


def keep(studio: Studio, song: str, made: DanceFile, take: int | None = None) -> str:
    """Write a version of a song's dance and show it; its name."""
    name = studio.project.free_name("dances", Path(song).stem, ".dance.json")
    write_dance(studio.project.folder / "dances" / name, made)
    studio.project.add_dance(song, name, take or made.default_take)
    studio.changed()
    return name


def read(studio: Studio, name: str) -> DanceFile:
    """A version of a dance; the page asks for each of its takes."""
    path = studio.project.path("dances", name)
    key = stamp(path)
    found = studio.dances.get(key)
    return found or studio.dances.put(key, read_dance(path))  # type: ignore[no-any-return]


def others(bars: Sequence[tuple[int, int]], lowest: int, highest: int) -> list[tuple[int, int]]:
    """The stretches of lowest..highest that are not in `bars`."""
    kept = {bar for first, last in bars for bar in range(first, last + 1)}
    left = [bar for bar in range(lowest, highest + 1) if bar not in kept]
    starts = [bar for bar in left if bar - 1 not in left]
    ends = [bar for bar in left if bar + 1 not in left]
    return list(zip(starts, ends, strict=True))


def told(studio: Studio, name: str) -> dict[str, Any]:
    """A dance as the page takes it: all but the poses; seconds of the song's file."""
    made = read(studio, name)
    grid = made.grid.beats_or_count(made.seconds)
    takes = []
    for number, take in enumerate(made.takes, 1):
        scores = take.scores or {}
        shown = {label: form.format(scores[key]) for label, (key, form) in COLUMNS.items() if key in scores}
        entry = {"number": number, "seed": take.seed, "style": take.style, "scores": shown}
        entry |= {"rank": scores.get("rank"), "dancers": min(len(take.dancers), DANCERS)}
        entry |= {"edits": [edit_json(one) for one in take.edits], "from": [source_json(one) for one in take.sources]}
        takes.append(entry)
    rows = describe_bars(grid, made.seconds)
    bars = [{"number": bar, "begin": begin + made.start, "end": end + made.start} for bar, begin, end, _ in rows]
    beats = (grid.times + made.start).round(4).tolist()
    facts = {"name": name, "fps": made.fps, "start": made.start, "seconds": made.seconds, "best": made.default_take}
    return {**facts, "takes": takes, "bars": bars, "beats": beats}


def poses(studio: Studio, name: str, number: int) -> bytes:
    """The joints of a take: float32, little endian, (dancers, T, V, 3) canonical, one dancer after the other."""
    take = read(studio, name).take(number)
    return b"".join(np.ascontiguousarray(one.joints, "<f4").tobytes() for one in take.dancers[:DANCERS])


def _stretches(bars: Any) -> list[tuple[int, int]]:
    """[[first, last], ...] of the page."""
    try:
        found = [(int(first), int(last)) for first, last in bars]
    except (TypeError, ValueError) as cause:
        raise DancegenError("these are no bars", "mark bars on the timeline") from cause
    if not found:
        raise DancegenError("no bars are marked", "mark bars on the timeline")
    return found


def _dancer(studio: Studio, request: Request, job: Job) -> tuple[Any, Any]:
    """The choreographer that a request names, and which file its weights are from."""
    backends = studio.backends(request, ["choreographer"], job)
    dancer = tailored(backends.dancer(), None, request.steps)
    return dancer, backends.weights.get(backend("choreographer", request.choreographer).weights)
