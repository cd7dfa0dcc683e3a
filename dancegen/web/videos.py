"""Videos: a request is written as `NAME.json` in the project, made as `videos/NAME.mp4`, with the report beside it."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

from dancegen.errors import DancegenError
from dancegen.files import write_whole
from dancegen.production.checks import check_all
from dancegen.production.produce import produce
from dancegen.production.request import PATHS, Request
from dancegen.production.request_json import read_request
from dancegen.production.sinks import VideoFile
from dancegen.report.page import write_report
from dancegen.web import dances, pictures
from dancegen.web.choices import GROUPS, relative_name
from dancegen.web.project import FILMS
from dancegen.web.studio import Studio, stamp
from dancegen.web.work import DONE, FAILED, RUNNING, STOPPED, WAITING, Job

OF_DANCE = tuple(name for name, group in GROUPS.items() if group == "dance")  # the dance file's own once there is one


def request_fields(studio: Studio, asked: dict[str, Any], job: Job | None = None) -> dict[str, Any]:
    """The fields of a request for the picture, the song and the dance that are shown.

    Args:
        asked: attributes of `Request` that were chosen on the page.

    Raises:
        DancegenError: something is missing, or as `Request`.
    """
    state = studio.project.state
    song, picture = state["song"], state["picture"]
    if not song or not picture:
        raise DancegenError(f"there is no {'picture' if song else 'song'} yet", "add one first")
    history = studio.project.dance_of(song)
    if history is None:
        raise DancegenError("there is no dance yet", "make one first")
    chosen = {name: one for name, one in asked.items() if one is not None and name not in OF_DANCE}
    if chosen.get("background") in studio.project.names("pictures"):
        chosen["background"] = str(studio.project.path("pictures", str(chosen["background"])))
    people = str(state["people"].get(picture, "largest"))
    Request.from_json({**studio.usual, **chosen, "song": song, "picture": picture, "people": people})
    found = _find_people(studio, picture, job)
    values: dict[str, Any] = dict(chosen)
    values |= {"song": studio.project.path("songs", song), **pictures.files_of(studio, picture, found)}
    name = history["versions"][history["at"]]
    take = min(history["take"], len(dances.read(studio, name).takes))
    values |= {"dance": studio.project.path("dances", name), "take": take}
    Request.from_json({**studio.usual, **plain_fields(values, None)})
    return {**studio.usual, **values}


def _find_people(studio: Studio, picture: str, job: Job | None) -> Any:
    """The people of a picture; found on the spot where nobody asked before."""
    if job is not None:
        return pictures.find(studio, picture, job)
    return studio.hands.add("find", picture, lambda own: pictures.find(studio, picture, own)).result.result()


def ask(studio: Studio, asked: dict[str, Any]) -> str:
    """Write a request for a video; its name."""
    values = request_fields(studio, asked)
    with studio.asking:  # two pages that ask at once get two names
        taken = {*studio.project.requests(), *(Path(name).stem for name in studio.project.names("videos"))}
        stem = f"take{values['take']}"
        name = next(
            name for number in range(1, 10**6) if (name := stem if number == 1 else f"{stem}-{number}") not in taken
        )
        content = {"version": 1, **plain_fields(_freeze(studio, name, values), studio.project.folder)}
        write_whole(studio.project.request_path(name), json.dumps(content, indent=1).encode())
    studio.note_change()
    return name


def _freeze(studio: Studio, name: str, values: dict[str, Any]) -> dict[str, Any]:
    """The fields, with copies of the corrections as they are now: those that are made later are for other videos."""
    frozen = dict(values)
    for field, ending in (("pose", "pose.json"), ("mask", "mask.png")):
        if values.get(field):
            frozen[field] = studio.project.folder / "asked" / f"{name}.{ending}"
            write_whole(frozen[field], Path(values[field]).read_bytes())
    return frozen


def plain_fields(values: dict[str, Any], folder: Path | None) -> dict[str, Any]:
    """Fields as JSON has them, files by their names in `folder`."""
    plain = {}
    for name, value in values.items():
        path = Path(value) if name in PATHS or (name == "background" and Path(str(value)).is_absolute()) else None
        plain[name] = value if path is None else relative_name(path, folder) if folder else str(path)
    return plain


def add(studio: Studio, name: str) -> Job:
    """Put a video that was asked for into the queue."""
    if name not in studio.project.requests():
        raise DancegenError(f"no video {name} was asked for", "reload the page")
    for job in studio.films.jobs():
        if job.about == name and job.state in (WAITING, RUNNING):
            return job
    return studio.films.add("film", name, lambda job: film(studio, name, job))


def film(studio: Studio, name: str, job: Job) -> str:
    """Make a video and its report; the video's file name."""
    request = Request(**read_request(studio.project.request_path(name)))
    out = studio.project.folder / "videos" / f"{name}{'.webm' if request.transparent else '.mp4'}"
    jobs = ["renderer"] if request.pose and request.mask else ["subject", "renderer"]
    backends = studio.backends(request, jobs, job)
    made = replace(produce(request, VideoFile(out, overwrite=True), job, backends=backends), path=out)
    job.stage("report")
    checks = check_all(made.grid, made.people, made.dance, made.size, made.frames, out.parent)
    write_report(out.with_suffix(".html"), made, checks, command(studio, name))
    return out.name


def command(studio: Studio, name: str) -> str:
    """What makes the same video in a terminal."""
    request = studio.project.request_path(name)
    out = (
        studio.project.folder
        / f"{name}{'.webm' if _read_request(studio, name).get('background') == 'none' else '.mp4'}"
    )
    return shlex.join(["dancegen", "render", "--request", str(request), "-o", str(out)])


def tell(studio: Studio) -> list[dict[str, Any]]:
    """All videos that were asked for, the newest first: what is made of them, and where it is."""
    made = {Path(one).stem: one for one in studio.project.names("videos") if one.lower().rpartition(".")[2] in FILMS}
    jobs = {job.about: job for job in studio.films.jobs()}
    found = []
    for name in studio.project.requests():
        job, file = jobs.get(name), made.get(name)
        state = job.state if job and (job.state in (WAITING, RUNNING, FAILED, STOPPED)) else DONE if file else ""
        report = f"{name}.html" if (studio.project.folder / "videos" / f"{name}.html").is_file() else None
        entry = {"name": name, "state": state, "file": file, "report": report, "job": job.tell() if job else None}
        entry["asked"] = _read_request(studio, name)
        found.append({**entry, "command": command(studio, name)})
    return found


def _read_request(studio: Studio, name: str) -> dict[str, Any]:
    """What a request says, files by their names; empty where it cannot be read."""
    path = studio.project.request_path(name)
    key = stamp(path)
    try:
        values = studio.asked.get(key) or studio.asked.put(key, read_request(path))
    except DancegenError:
        return {}
    return {key: value.name if isinstance(value, Path) else value for key, value in values.items()}
