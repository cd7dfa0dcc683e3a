"""The person, drawn small while the song plays: frames as JPEG, from any moment on, as fast as they are drawn.

A frame on the wire is its length in bytes (uint32), its moment in seconds of the song's file (float32), both little
endian, and the JPEG. Where drawing is slower than the song, frames are left out evenly rather than late.
"""

from __future__ import annotations

import io
import math
import re
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import Image

from dancegen.people.located import LocatedBody
from dancegen.production.known import Known
from dancegen.production.produce import Film, prepare
from dancegen.production.request import Request
from dancegen.web import pictures, videos
from dancegen.web.studio import Studio, stamp
from dancegen.web.work import Job

SIDE = 256  # pixels, the longer one
FPS = 30.0
AT_ONCE = 8  # frames: what the renderer draws together
SLACK = 0.85  # of the measured speed that is counted on
MOST_LEFT_OUT = 10  # three frames a second are the fewest
JPEG_QUALITY = 80


@dataclass(frozen=True, eq=False)
class Scene:
    """A video of SIDE that is ready to be drawn, and where it begins in its song."""

    film: Film
    start: float


def scene(studio: Studio, asked: dict[str, Any], job: Job) -> Scene:
    """What is asked for, made ready; the last one is remembered."""
    values = videos.request_fields(studio, {**asked, **preview_settings(asked)}, job)
    files = [values[name] for name in ("song", "picture", "dance", "pose", "mask") if values.get(name)]
    key = (stamp(*files), repr(sorted(values.items(), key=lambda item: item[0])))
    known = studio.scenes.get(key)
    if known is not None:
        return known  # type: ignore[no-any-return]
    request = Request.from_json(videos.plain_fields(values, None))
    backends = studio.backends(request, ["subject", "renderer"], job)
    film = prepare(request, job, known=Known(people=_people(studio, job)), backends=backends)
    return studio.scenes.put(key, Scene(film, film.made.song.start))  # type: ignore[no-any-return]


def _people(studio: Studio, job: Job) -> list[LocatedBody]:
    """Those who dance, as the page shows them."""
    picture = studio.project.state["picture"]
    choice = str(studio.project.state["people"].get(picture, "largest"))
    found = pictures.find(studio, picture, job)
    return [found[number - 1] for number in pictures.parse_choice(choice, len(found))]


def preview_settings(asked: dict[str, Any]) -> dict[str, Any]:
    """Size and rate of a preview of what is asked for."""
    sides = re.fullmatch(r"(\d{2,4})x(\d{2,4})", str(asked.get("canvas") or ""), re.IGNORECASE)
    if sides is None:  # what else it is, a request refuses
        return {"size": None if asked.get("canvas") else SIDE, "fps": FPS}
    wide, high = int(sides[1]), int(sides[2])
    scale = SIDE / max(wide, high)
    smaller = (max(2 * round(side * scale / 2), 64) for side in (wide, high))
    return {"canvas": "x".join(map(str, smaller)), "size": None, "fps": FPS}


def frames(ready: Scene, begin: float, over: Callable[[], bool] = lambda: False) -> Iterator[bytes]:
    """Frames from a moment on (seconds of the song's file) to the end, unless it is `over` before."""
    film, step, at_once = ready.film, 1, 1  # the first one alone: it is soon there, and says nothing about the others
    at, count = max(round((begin - ready.start) * FPS), 0), film.made.frames
    while at < count and not over():
        chosen = np.arange(at, min(at + at_once * step, count), step)
        began = time.monotonic()
        drawn = list(draw_at(film, chosen))
        speed = SLACK * len(chosen) / max(time.monotonic() - began, 1e-3)  # frames a second
        for number, frame in zip(chosen, drawn, strict=True):
            yield pack(frame, ready.start + float(number) / FPS)
        at = int(chosen[-1]) + step
        step = min(max(math.ceil(FPS / speed), 1), MOST_LEFT_OUT) if at_once > 1 else 1
        at_once = AT_ONCE


def draw_at(film: Film, chosen: np.ndarray) -> Iterator[np.ndarray]:
    """Some frames of a film, by their numbers (N,)."""
    drawn = film.draw(*(poses.at(chosen) for poses in film.poses))
    return replace(film.camera, boxes=film.camera.boxes[chosen]).look(drawn) if film.camera else drawn


def pack(frame: np.ndarray, moment: float) -> bytes:
    """A frame as it goes to the page; what is transparent lies on mid grey."""
    if frame.shape[2] == 4:
        alpha = frame[..., 3:].astype(np.float32) / 255
        frame = (frame[..., :3] * alpha + 128 * (1 - alpha)).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(frame).save(buffer, "JPEG", quality=JPEG_QUALITY)
    content = buffer.getvalue()
    return struct.pack("<If", len(content), moment) + content
