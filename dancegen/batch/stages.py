"""What a batch's worker does: one stage of one video, its result in a file that other jobs share."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dancegen.errors import DancegenError

if TYPE_CHECKING:
    from dancegen.batch.jobs import Job
    from dancegen.people.subject import Subject
    from dancegen.production.backends import Backends
    from dancegen.weights.verify import WeightsInfo


def run_stage(job: Job, scratch: Path) -> None:
    """Make `job`'s output under the name `scratch`. Networks stay loaded for the next job of this process."""
    {"dance": _dance, "subject": _subject, "video": _video}[job.kind](job.task, scratch)


def _dance(task: dict[str, Any], scratch: Path) -> None:
    from dancegen.audio.load import load_song
    from dancegen.dances.dance_file import write_dance
    from dancegen.dances.make import find_grid, make_dance, parse_styles

    backends = _backends(task, "choreographer")
    song = load_song(Path(task["song"]), task["start"], task["duration"])
    grid = find_grid(song, tempo=task["tempo"], weights=task["weights"].get("beats"))
    info = next(iter(backends.weights.values()), None)
    styles = parse_styles([task["style"]])
    made = make_dance(song, grid, backends.dancer(), info, seeds=[task["seed"]], styles=styles)
    write_dance(scratch, made)


def _subject(task: dict[str, Any], scratch: Path) -> None:
    from dancegen.images.picture import open_picture
    from dancegen.people.find import find_subject

    backends = _backends(task, "subject")
    image = open_picture(task["picture"])
    found = find_subject(image, network=backends.subject, pose_file=task["pose"], mask_file=task["mask"])
    write_subject(scratch, found, backends.weights.get("subject"))


def _video(task: dict[str, Any], scratch: Path) -> None:
    from dancegen.dances.read_dance import grid_at, origin_of, read_dance
    from dancegen.production.known import Known
    from dancegen.production.produce import render_dance

    made = read_dance(Path(task["dance"]))
    subject, found_by = read_subject(Path(task["subject"]), Path(task["picture"]))
    origin = origin_of(made, None)
    how = {name: task[name] for name in ("seed", "style", "size", "fps", "crf", "preview", "start", "duration")}
    known = Known(
        grid_at(made, task["start"]),
        made.take(None).skeleton,
        subject,
        replace(origin, weights={**origin.weights, **found_by}),
    )
    backends = _backends(task, "renderer")
    render_dance(task["song"], task["picture"], scratch, known=known, backends=backends, **how)


def write_subject(path: Path, subject: Subject, weights: WeightsInfo | None = None) -> None:
    """A found person as a file: `joints` (18, 2) pixels, `confidence` (18,), `mask` (H, W) float32, `detector`.

    `weights` is the name and the sha256 of the network that helped, empty if there was none.
    """
    with path.open("wb") as file:
        np.savez_compressed(
            file,
            joints=subject.joints,
            confidence=subject.confidence,
            mask=subject.mask.astype(np.float32),
            detector=np.asarray(subject.detector),
            weights=np.asarray([weights.name, weights.sha256] if weights else [], str),
        )


def read_subject(path: Path, picture: Path) -> tuple[Subject, dict[str, WeightsInfo]]:
    """The person of `write_subject` in their picture, and the weights of their role."""
    from dancegen.images.picture import open_picture
    from dancegen.people.subject import Subject
    from dancegen.weights.verify import WeightsInfo

    try:
        with np.load(path, allow_pickle=False) as stored:
            joints, confidence, mask = (stored[name] for name in ("joints", "confidence", "mask"))
            subject = Subject(open_picture(picture), joints, confidence, mask, str(stored["detector"]))
            helped = stored["weights"].tolist()
            return subject, {"subject": WeightsInfo(*helped)} if helped else {}
    except (OSError, ValueError, KeyError) as cause:
        raise DancegenError(f"{path} is not a subject file", "remove it, it will be made again") from cause


def _backends(task: dict[str, Any], *jobs: str) -> Backends:
    return _loaded(tuple(sorted(task["weights"].items())), task["device"], task["offline"], task.get("preview"), jobs)


@cache
def _loaded(
    weights: tuple[tuple[str, str], ...], device: str, offline: bool, preview: bool | None, jobs: tuple[str, ...]
) -> Backends:
    from dancegen.production.backends import load_backends
    from dancegen.production.request import Request

    how: dict[str, Any] = {"weights": dict(weights), "device": device, "offline": offline, "preview": bool(preview)}
    return load_backends(Request(Path(), Path(), **how), jobs)
