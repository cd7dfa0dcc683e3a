"""Styles of one's own: learnt from clips beside the other work, `styles/NAME.style.safetensors` in the project."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dancegen.errors import DancegenError
from dancegen.production.capture import Asked
from dancegen.production.style import USUAL_STEPS, Learning, learn_style
from dancegen.registry import is_style_file
from dancegen.web import clips
from dancegen.web.project import STYLE, check_name, tidy_name
from dancegen.web.studio import Studio
from dancegen.web.work import DONE, FAILED, RUNNING, STOPPED, WAITING, Job

KIND = "style"  # of the jobs


def add(studio: Studio, asked: dict[str, Any]) -> Job:
    """Put a style into the queue of what is learnt; what was begun before goes on.

    Args:
        asked: "name"; "clips", names of those that were captured; "steps" of the training.

    Raises:
        DancegenError: no name, no clips, or a number of steps that cannot be.
    """
    name, wanted, steps = asked.get("name"), asked.get("clips"), asked.get("steps") or USUAL_STEPS
    if not isinstance(name, str) or not name.strip():
        raise DancegenError("a style needs a name", "name it")
    if not isinstance(wanted, list) or not wanted or type(steps) is not int:
        raise DancegenError("no clip to learn a style from", "capture some, and choose them")
    file = f"{tidy_name(name.strip().removesuffix(STYLE) + STYLE).removesuffix(STYLE)}{STYLE}"
    check_name(file)
    sources = [clips.dance_file(studio.project.path("clips", str(clip))) for clip in wanted]
    for clip in wanted:
        clips.read(studio, str(clip))
    request = studio.request()
    how = Asked(samples=1, weights=request.weights, offline=request.offline)
    learning = Learning(steps=steps, capture=how)
    for job in studio.studies.jobs():
        if (job.kind, job.about) == (KIND, file) and job.state in (WAITING, RUNNING):
            return job
    studio.project.change_in("learnt", file, {"clips": [str(clip) for clip in wanted], "steps": steps})
    return studio.studies.add(KIND, file, lambda job: learn(studio, file, sources, learning, job))


def learn(studio: Studio, file: str, sources: list[Path], learning: Learning, job: Job) -> str:
    """Learn a style; its file's name."""
    learn_style(sources, studio.project.folder / "styles" / file, learning, job)
    return file


def style_path(studio: Studio, style: str) -> str:
    """A style as choreographers take it: one of the project by its path, wherever the project was when it was used."""
    own = studio.project.folder / "styles" / Path(style).name
    return str(own) if is_style_file(style) and own.is_file() else style


def label(style: str) -> str:
    """A style as the page calls it."""
    return Path(style).name if is_style_file(style) else style


def tell(studio: Studio) -> list[dict[str, Any]]:
    """All styles of the project: whether each is there, what is done about it, what it is learnt from."""
    jobs = {job.about: job for job in studio.studies.jobs() if job.kind == KIND}
    there, begun = studio.project.names("styles"), studio.project.state["learnt"]
    found = []
    for name in sorted({*there, *begun}, key=str.lower):
        job = jobs.get(name)
        shown = (WAITING, RUNNING) if name in there else (WAITING, RUNNING, FAILED, STOPPED)
        state = job.state if job and job.state in shown else DONE if name in there else ""
        entry = {"name": name, "state": state, "there": name in there, "job": job.tell() if job else None}
        found.append({**begun.get(name, {}), **entry})
    return found
