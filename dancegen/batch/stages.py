"""What a batch's worker does: one stage of one video, its result in a file that other jobs share."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dancegen.body.joints import V
from dancegen.errors import DancegenError

if TYPE_CHECKING:
    from dancegen.batch.jobs import Job
    from dancegen.people.located import LocatedBody
    from dancegen.production.backends import Backends
    from dancegen.production.request import Request
    from dancegen.weights.verify import WeightsInfo


STORED = ("joints", "confidence", "mask", "detector", "depth", "knuckles", "number", "among")  # of a found person


def run_stage(job: Job, scratch: Path) -> None:
    """Make `job`'s output under the name `scratch`. Networks stay loaded for the next job of this process."""
    {"dance": _dance, "subject": _subject, "video": _video}[job.kind](job.task, scratch)


def _dance(task: dict[str, Any], scratch: Path) -> None:
    from dancegen.audio.load import load_song
    from dancegen.dances.dance_file import write_dance
    from dancegen.dances.make import find_grid, make_dance, parse_styles
    from dancegen.production.fitting import fit_to

    request = _request(task)
    backends = _backends(request, "choreographer")
    song = load_song(request.song, request.start, request.duration)
    grid = find_grid(song, tempo=request.tempo, weights=request.weights.get("beats"))
    info = next(iter(backends.weights.values()), None)
    styles = parse_styles([request.style], request.style_amount, request.turns)
    people = read_people(Path(task["person"]), request.picture)[0] if "person" in task else []
    fit = fit_to(backends.dancer(), people, request.picture.name, request.steps)
    made = make_dance(song, grid, fit.dancer, info, seeds=[request.seed], styles=styles)
    write_dance(scratch, replace(made, body=fit.body))


def _subject(task: dict[str, Any], scratch: Path) -> None:
    from dancegen.images.picture import open_picture
    from dancegen.production.produce import find_people_for
    from dancegen.progress import SilentReporter

    request = _request(task)
    backends = _backends(request, "subject")
    found = find_people_for(request, open_picture(request.picture), backends, SilentReporter())
    write_people(scratch, found, backends.weights.get("subject"))


def _video(task: dict[str, Any], scratch: Path) -> None:
    from dancegen.dances.read_dance import grid_at, origin_of, read_dance
    from dancegen.production.known import Known
    from dancegen.production.produce import produce
    from dancegen.production.sinks import VideoFile

    request = _request(task)
    made = read_dance(Path(task["dance"]))
    people, found_by = read_people(Path(task["subject"]), request.picture)
    origin = origin_of(made, None)
    known = Known(
        grid_at(made, request.start),
        made.take(None).dancers,
        people,
        replace(origin, weights={**origin.weights, **found_by}),
        made.take(None).as_it_is,
    )
    produce(request, VideoFile(scratch), known=known, backends=_backends(request, "renderer"))


def write_people(path: Path, people: Sequence[LocatedBody], weights: WeightsInfo | None = None) -> None:
    """Found people as a file, N of them in one picture (H, W).

    `joints` (N, 18, 2) pixels, `confidence` (N, 18), `mask` (N, H, W) float32, `detector`, `number` and `among` (N,);
    `depth` (N, 18) and `knuckles` (N, 2, 2) pixels, not a number where unknown; `weights`: name and sha256 of the
    network that helped, empty if there was none.
    """
    unknown = {"depth": np.full(V, np.nan, np.float32), "knuckles": np.full((2, 2), np.nan, np.float32)}
    known = {
        name: np.stack([empty if getattr(person, name) is None else getattr(person, name) for person in people])
        for name, empty in unknown.items()
    }
    with path.open("wb") as file:
        np.savez_compressed(
            file,
            joints=np.stack([person.joints for person in people]),
            confidence=np.stack([person.confidence for person in people]),
            mask=np.stack([person.mask for person in people]).astype(np.float32),
            detector=np.asarray([person.detector for person in people]),
            number=np.asarray([person.number for person in people]),
            among=np.asarray([person.among for person in people]),
            **known,
            weights=np.asarray([weights.name, weights.sha256] if weights else [], str),
        )


def read_people(path: Path, picture: Path) -> tuple[list[LocatedBody], dict[str, WeightsInfo]]:
    """The people of `write_people` in their picture, and the weights of their role."""
    from dancegen.images.picture import open_picture
    from dancegen.people.located import LocatedBody
    from dancegen.weights.verify import WeightsInfo

    try:
        with np.load(path, allow_pickle=False) as stored:
            image, helped = open_picture(picture), stored["weights"].tolist()
            people = [
                LocatedBody(image, **{name: _restore_value(values) for name, values in zip(STORED, each, strict=True)})
                for each in zip(*(stored[name] for name in STORED), strict=True)
            ]
            return people, {"subject": WeightsInfo(*helped)} if helped else {}
    except (OSError, ValueError, KeyError) as cause:
        raise DancegenError(f"{path} is not a subject file", "remove it, it will be made again") from cause


def _restore_value(stored: Any) -> Any:
    """A value of one person as `LocatedBody` has it."""
    if stored.ndim == 0:
        return stored.item()
    return None if np.isnan(stored).all() else stored


def _request(task: dict[str, Any]) -> Request:
    from dancegen.production.request import Request

    return Request.from_json(task["request"])


def _backends(request: Request, *jobs: str) -> Backends:
    """Those for some jobs, kept for the next request that names the same."""
    named = ("choreographer", "renderer", "detector", "preview", "weights", "device", "offline")
    chosen = {name: getattr(request, name) for name in named}
    return _load(json.dumps({"song": "", "picture": "", **chosen}, sort_keys=True), jobs)


@cache
def _load(chosen: str, jobs: tuple[str, ...]) -> Backends:
    from dancegen.production.backends import load_backends
    from dancegen.production.request import Request

    return load_backends(Request.from_json(json.loads(chosen)), jobs)
