"""A dance as one portable file: `song.dance.json`, UTF-8 JSON that can be read, compared and edited by hand.

The format, version 1 (every field is required unless marked optional)::

    {
      "format": "dancegen dance",      what this file is
      "version": 1,                    raised when an older dancegen could no longer read the file rightly
      "made_by": "dancegen 0.1.0",     optional
      "song": {"name": "tune.wav",     the file's name without its folder
               "sha256": "...",        of the file's bytes, so that a dance is not put under another song
               "start": 0.0,           seconds of the file that were skipped
               "seconds": 60.0},       length of the stretch that is danced to
      "beats": {"tempo": 120.0,        beats a minute; 0 = no beat was found
                "confidence": 0.8,     0..1; 1 = given by hand
                "times": [0.52, ...]}, seconds from the start of the stretch, rising
      "weights": {"name": "choreographer", "sha256": "..."} or null (an imported dance),
      "fps": 30,                       poses a second
      "joints": ["nose", "neck", ...], the 18 of OpenPose, in this order
      "axes": "...",                   in words: x right, y down, z away from the camera, one body height = 1
      "unit": 1e-06,                   what 1 in "poses" means, in body heights
      "placement": {...},              optional, imported dances: where canonical joints lay in the imported picture
                                       ({"width", "height", "scale", "x", "y"}: pixel = (x, y) + scale * joint)
      "chosen": 3,                     optional: the take that is rendered if none is named; without it the best ranked
      "takes": [
        {"seed": 7, "style": "none",
         "edits": [{"bars": [17, 24], "seed": 9, "style": "none"}],   stretches made anew later, oldest first; with
                                                                      "weights" where other weights made them
         "scores": {"hit_rate": 61.0, ...},                           optional; see dancegen/dances/takes.py
         "confidence": [[1, ...], ...],                               optional, (poses, 18), 0..1: imported dances
         "poses": [[x0, y0, z0, x1, ...], ...]}                       one line a pose: 54 whole numbers
      ]
    }

Joints are whole numbers of `unit`, so that reading and writing a file again changes no byte of its poses.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from dancegen import __version__
from dancegen.body.joints import JOINT_NAMES, V
from dancegen.body.sequence import SkeletonSequence
from dancegen.errors import DancegenError
from dancegen.files import write_whole
from dancegen.weights.verify import WeightsInfo

FORMAT = "dancegen dance"
VERSION = 1
UNIT = 1e-6  # body heights; at 1,024 pixels a body half a unit is 0.0005 pixel
AXES = "x to the viewer's right, y down with 0 the ground, z away from the camera; 1 = one body height"


@dataclass(frozen=True)
class SongInfo:
    """Which song, and which stretch of it (`start` and `seconds`, in seconds)."""

    name: str
    sha256: str
    start: float
    seconds: float


@dataclass(frozen=True)
class Edit:
    """Bars made anew: `first`..`last` counted from 1, both included; `weights` where they are not the dance's own."""

    first: int
    last: int
    seed: int
    style: str
    weights: WeightsInfo | None = None


@dataclass(frozen=True)
class Take:
    """One dance to the song: a canonical `skeleton`, how it was made, and its scores against this song."""

    skeleton: SkeletonSequence
    seed: int
    style: str
    edits: tuple[Edit, ...] = ()
    scores: dict[str, float] | None = None


@dataclass(frozen=True)
class Placement:
    """Where a canonical dance lies in a picture: pixel = (x, y) + scale * (joint x, joint y)."""

    width: int
    height: int
    scale: float
    x: float
    y: float


@dataclass(frozen=True)
class DanceFile:
    """What a dance file holds. `times` is (B,) float64, seconds from the start of the stretch."""

    song: SongInfo
    times: np.ndarray
    tempo: float
    confidence: float
    weights: WeightsInfo | None
    takes: tuple[Take, ...]
    placement: Placement | None = None
    chosen: int | None = None

    @property
    def fps(self) -> float:
        """Poses a second, the same for all takes."""
        return self.takes[0].skeleton.fps

    def take(self, number: int | None) -> Take:
        """Take `number`, counted from 1; None is `default_take`."""
        number = self.default_take if number is None else number
        if not 1 <= number <= len(self.takes):
            raise DancegenError(f"there is no take {number}", f"choose one of 1 to {len(self.takes)}")
        return self.takes[number - 1]

    @property
    def default_take(self) -> int:
        """The number of the `chosen` take, else of the one with the lowest `rank`, else 1."""
        if self.chosen is not None:
            return self.chosen
        ranks = [(take.scores or {}).get("rank", math.inf) for take in self.takes]
        return ranks.index(min(ranks)) + 1

    def with_take(self, number: int, take: Take) -> DanceFile:
        """The same file with take `number` (from 1) replaced."""
        self.take(number)
        return replace(self, takes=(*self.takes[: number - 1], take, *self.takes[number:]))


def file_sha256(path: Path) -> str:
    """The sha256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def rounded(skeleton: SkeletonSequence) -> SkeletonSequence:
    """The skeleton as it will be after a trip through a file; what is drawn now is what is rendered later."""
    units = np.rint(skeleton.joints.astype(np.float64) / UNIT)
    return replace(skeleton, joints=(units * UNIT).astype(np.float32))


def write_dance(path: Path, dance: DanceFile) -> None:
    """Write a dance file, whole or not at all."""
    write_whole(path, to_text(dance).encode())


def to_text(dance: DanceFile) -> str:
    """The file's text: the head indented, then one line a pose, so that two dances can be compared line by line."""
    head: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "made_by": f"dancegen {__version__}",
        "song": vars(dance.song),
        "beats": {
            "tempo": round(float(dance.tempo), 4),
            "confidence": round(float(dance.confidence), 4),
            "times": [round(float(time), 4) for time in dance.times],
        },
        "weights": vars(dance.weights) if dance.weights else None,
        "fps": dance.fps,
        "joints": list(JOINT_NAMES),
        "axes": AXES,
        "unit": UNIT,
    }
    if dance.chosen is not None:
        head["chosen"] = dance.chosen
    if dance.placement:
        head["placement"] = vars(dance.placement)
    lines = [f"  {json.dumps(key)}: {json.dumps(value, allow_nan=False)}" for key, value in head.items()]
    takes = ",\n".join(_take_text(take) for take in dance.takes)
    return "{\n" + ",\n".join(lines) + ',\n  "takes": [\n' + takes + "\n  ]\n}\n"


def _take_text(take: Take) -> str:
    head: dict[str, Any] = {
        "seed": take.seed,
        "style": take.style,
        "edits": [edit_json(edit) for edit in take.edits],
    }
    if take.scores is not None:
        head["scores"] = {key: round(float(value), 4) for key, value in take.scores.items()}
    lines = [f"     {json.dumps(key)}: {json.dumps(value, allow_nan=False)}" for key, value in head.items()]
    confidence = take.skeleton.confidence
    if (confidence != 1).any():
        rows = [_row(np.round(row.astype(float), 3)) for row in confidence]
        lines.append('     "confidence": [\n' + ",\n".join(rows) + "]")
    poses = np.rint(take.skeleton.joints.astype(np.float64) / UNIT).astype(np.int64).reshape(-1, V * 3)
    lines.append('     "poses": [\n' + ",\n".join(_row(row) for row in poses) + "]")
    return "    {\n" + ",\n".join(lines) + "}"


def edit_json(edit: Edit) -> dict[str, Any]:
    """A stretch made anew as the file has it."""
    stored: dict[str, Any] = {"bars": [edit.first, edit.last], "seed": edit.seed, "style": edit.style}
    return stored | ({"weights": vars(edit.weights)} if edit.weights else {})


def _row(values: np.ndarray) -> str:
    whole_where_possible = [int(value) if value == int(value) else value for value in values.tolist()]
    return json.dumps(whole_where_possible, separators=(",", ":"))
