"""Clips: videos of somebody who moves, captured beside the other work; `clips/NAME.dance.json` is what became of one.

It is what `dancegen capture clips/NAME` writes: danced to a song as a whole, put into bars, or danced like.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from dancegen.dances.dance_file import write_dance
from dancegen.dances.read_dance import read_dance
from dancegen.errors import DancegenError
from dancegen.production.capture import Asked, capture_movement
from dancegen.web.studio import Studio, stamp
from dancegen.web.work import DONE, FAILED, RUNNING, STOPPED, WAITING, Job

if TYPE_CHECKING:
    from dancegen.body.sequence import SkeletonSequence
    from dancegen.dances.dance_file import DanceFile

KIND = "capture"  # of the jobs


def dance_file(clip: Path) -> Path:
    """Where the movement of a clip is kept."""
    return clip.with_name(f"{clip.name}.dance.json")


def add(studio: Studio, name: str, asked: dict[str, Any]) -> Job:
    """Put a clip into the queue of those that are captured; what waits or runs for it already is stopped.

    Args:
        asked: "people", "seed", "samples" of `production.capture.Asked`; "start" and "duration", seconds of the clip.

    Raises:
        DancegenError: as `Asked`; there is no such clip, or nothing of it is left.
    """
    from dancegen.capture.clip import open_clip

    path = studio.project.path("clips", name)
    how = {key: asked[key] for key in ("people", "seed", "samples") if asked.get(key) is not None}
    wrong = [key for key, one in how.items() if type(one) is not (str if key == "people" else int)]
    if wrong or not all(isinstance(asked.get(key) or 0, int | float) for key in ("start", "duration")):
        raise DancegenError("a clip cannot be captured like that", "reload the page")
    request = studio.request()
    wanted = Asked(**how, weights=request.weights, offline=request.offline)
    start, duration = float(asked.get("start") or 0), asked.get("duration") or None
    open_clip(path, start, duration, None)
    for job in studio.studies.jobs():
        if (job.kind, job.about) == (KIND, name):
            studio.studies.stop(job.number)
    return studio.studies.add(KIND, name, lambda job: capture(studio, name, wanted, (start, duration), job))


def capture(studio: Studio, name: str, asked: Asked, stretch: tuple[float, float | None], job: Job) -> str:
    """Look at a clip and write its movement; the name of that file."""
    from dancegen.capture.clip import open_clip
    from dancegen.dances.captured import captured_dance

    clip = open_clip(studio.project.path("clips", name), *stretch, None)
    made = captured_dance(clip, capture_movement(clip, asked, job), None, job)
    out = dance_file(clip.path)
    write_dance(out, made)
    return out.name


def read(studio: Studio, name: str) -> DanceFile:
    """What was captured of a clip.

    Raises:
        DancegenError: nothing yet.
    """
    path = dance_file(studio.project.path("clips", name))
    if not path.is_file():
        raise DancegenError(f"{name} is not captured yet", "wait for it, or capture it again")
    key = stamp(path)
    found = studio.dances.get(key)
    return found or studio.dances.put(key, read_dance(path))  # type: ignore[no-any-return]


def movement(studio: Studio, name: str) -> SkeletonSequence:
    """The most fitting movement of a clip."""
    return read(studio, name).take(None).skeleton


def tell(studio: Studio) -> list[dict[str, Any]]:
    """All clips: what is done about each, and whether its movement is there ("captured": another number each time)."""
    jobs = {job.about: job for job in studio.studies.jobs() if job.kind == KIND}
    found = []
    for name in studio.project.names("clips"):
        out, job = dance_file(studio.project.path("clips", name)), jobs.get(name)
        there = out.stat().st_mtime_ns // 1000 if out.is_file() else 0
        open_ones = (WAITING, RUNNING) if there else (WAITING, RUNNING, FAILED, STOPPED)
        state = job.state if job and job.state in open_ones else DONE if there else ""
        found.append({"name": name, "state": state, "captured": there, "job": job.tell() if job else None})
    return found
