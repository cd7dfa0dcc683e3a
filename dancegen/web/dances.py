"""Dances: takes that are made, taken in, and told to the page; each version is a file of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from dancegen.audio.load import load_song
from dancegen.dances.captured import dance_to
from dancegen.dances.dance_file import DanceFile, edit_json, source_json, write_dance
from dancegen.dances.make import MOST_TAKES, Styles, describe_bars, find_grid, make_dance
from dancegen.dances.read_dance import check_song, read_dance
from dancegen.dances.takes import COLUMNS
from dancegen.dances.to_song import put_to_song
from dancegen.errors import DancegenError
from dancegen.production.fitting import Fitted, fit_to, fits
from dancegen.production.request import Request, check_limits
from dancegen.registry import backend
from dancegen.web import clips, pictures, songs, styles
from dancegen.web.project import Project
from dancegen.web.studio import Studio, stamp
from dancegen.web.work import Job

FIRST = ".first.dance.json"  # the ending of a file of the first take, shown while the others are made
DANCERS = 8  # of a take that are sent to the page


def make(studio: Studio, song: str, asked: dict[str, Any], job: Job) -> str:
    """Takes of a new dance to a song; the name of their file.

    Args:
        asked: "takes", and attributes of `Request` that shape a dance.
    """
    takes = asked.pop("takes", 1)
    if type(takes) is not int or not 1 <= takes <= MOST_TAKES:
        raise DancegenError(f"there can be 1 to {MOST_TAKES} takes")
    if isinstance(asked.get("style"), str):
        asked["style"] = styles.style_path(studio, asked["style"])
    request = studio.request(song=studio.project.path("songs", song), **asked)
    check_limits("seed", request.seed + takes - 1)
    heard = songs.hear(studio, song, job)
    job.stage("listening to the song")
    sound = load_song(request.song, *songs.stretch(studio, song, heard), job)
    fit, info = dancer_of(studio, request, studio.project.state["picture"] or "", job)
    grid = songs.grid_of(heard, sound)
    manner = Styles(request.style, amount=request.style_amount, turns=request.turns)
    seeds = range(request.seed, request.seed + takes)
    first: list[str] = []

    def show(made: DanceFile) -> None:
        first.append(keep(studio, song, replace(made, body=fit.body), ending=FIRST))

    sweep(studio.project)
    with one_thread():
        made = make_dance(sound, grid, fit.dancer, info, seeds=seeds, styles=manner, reporter=job, show_first=show)
    return keep(studio, song, replace(made, body=fit.body), instead_of=first[0] if first else None)


@contextmanager
def one_thread() -> Iterator[None]:
    """Networks compute with one thread: two would wait for each other beside a browser that plays."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def from_clip(studio: Studio, song: str, clip: str, job: Job) -> str:
    """A clip's movement danced to a song, its accents on the beats; the name of the file."""
    captured = clips.read(studio, clip)
    heard = songs.hear(studio, song, job)
    job.stage("listening to the song")
    sound = load_song(studio.project.path("songs", song), *songs.stretch(studio, song, heard), job)
    return keep(studio, song, dance_to(captured, sound, songs.grid_of(heard, sound), clip))


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


def keep(
    studio: Studio,
    song: str,
    made: DanceFile,
    take: int | None = None,
    *,
    instead_of: str | None = None,
    ending: str = ".dance.json",
) -> str:
    """Write a version of a song's dance and show it; its name.

    Args:
        take: which of its takes is shown; the best where nobody says.
        instead_of: a version that it takes the place of, rather than to come after it.
        ending: of the name.
    """
    name = studio.project.free_name("dances", Path(song).stem, ending)
    write_dance(studio.project.folder / "dances" / name, made)
    studio.project.add_dance(song, name, take or made.default_take, instead_of)
    studio.note_change()
    return name


def sweep(project: Project) -> None:
    """Remove first takes whose others have come since, where no video was asked for with them."""
    shown = {name for history in project.state["dances"].values() for name in history["versions"]}
    asked = "".join(project.request_path(name).read_text("utf-8", "replace") for name in project.requests())
    for path in (project.folder / "dances").glob(f"*{FIRST}"):
        if path.name not in shown and path.name not in asked:
            path.unlink(missing_ok=True)


def read(studio: Studio, name: str) -> DanceFile:
    """A version of a dance; the page asks for each of its takes."""
    path = studio.project.path("dances", name)
    key = stamp(path)
    found = studio.dances.get(key)
    return found or studio.dances.put(key, read_dance(path))  # type: ignore[no-any-return]


def tell(made: DanceFile, name: str) -> dict[str, Any]:
    """A dance as the page takes it: all but the poses; seconds of the song's file."""
    grid = made.grid.beats_or_count(made.seconds)
    takes = []
    for number, take in enumerate(made.takes, 1):
        scores = take.scores or {}
        shown = {label: form.format(scores[key]) for label, (key, form) in COLUMNS.items() if key in scores}
        entry = {"number": number, "seed": take.seed, "style": styles.label(take.style), "scores": shown}
        entry |= {"rank": scores.get("rank"), "dancers": min(len(take.dancers), DANCERS)}
        edits = [edit_json(one) for one in take.edits]
        entry |= {
            "edits": [{**one, "style": styles.label(one["style"])} for one in edits],
            "from": [source_json(one) for one in take.sources],
        }
        takes.append(entry)
    rows = describe_bars(grid, made.seconds)
    bars = [{"number": bar, "begin": begin + made.start, "end": end + made.start} for bar, begin, end, _ in rows]
    beats = (grid.times + made.start).round(4).tolist()
    facts = {"name": name, "fps": made.fps, "start": made.start, "seconds": made.seconds, "best": made.default_take}
    return {**facts, "takes": takes, "bars": bars, "beats": beats}


def poses(made: DanceFile, number: int) -> bytes:
    """The joints of a take: float32, little endian, (dancers, T, V, 3) canonical, one dancer after the other."""
    take = made.take(number)
    return b"".join(np.ascontiguousarray(one.joints, "<f4").tobytes() for one in take.dancers[:DANCERS])


def dancer_of(studio: Studio, request: Request, name: str, job: Job) -> tuple[Fitted, Any]:
    """The choreographer that a request names, and which file its weights are from; it dances for the picture `name`
    where it dances for anybody, for nobody where that is empty."""
    backends = studio.backends(request, ["choreographer"], job)
    dancer = backends.dancer()
    people = pictures.dancers(studio, name, job) if name and fits(dancer) else []
    fit = fit_to(dancer, people, name, request.steps)
    return fit, backends.weights.get(backend("choreographer", request.choreographer).weights)
