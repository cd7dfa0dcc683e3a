"""A dance as one portable file: `song.dance.json`, UTF-8 JSON that can be read, compared and edited by hand.

The format, version 2, is described in `assets/docs/dance-file.md` and by `dance.schema.json` beside this module.
Version 1 (of dancegen 0.1.0) is read too: there song and beats had to be there, and a take had one dancer.

Joints are whole numbers of `unit`, so that reading and writing a file again changes no byte of its poses. What a dance
does not have is left out.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from dancegen import __version__
from dancegen.audio.grid import BeatGrid
from dancegen.body.joints import JOINT_NAMES
from dancegen.body.sequence import SkeletonSequence, by_blocks
from dancegen.choreographers.base import AMOUNT
from dancegen.dances.dancer_text import UNIT, dancer_text
from dancegen.errors import DancegenError
from dancegen.files import whole_file, write_error
from dancegen.weights.verify import WeightsInfo

FORMAT = "dancegen dance"
VERSION = 2
OLDER = (1,)  # versions that are read too
SOURCES = ("made", "captured", "kept", "filled")
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
    amount: float = AMOUNT


@dataclass(frozen=True)
class Source:
    """Where bars `first`..`last` (both included) come from: `how` is one of SOURCES, `name` that of the file, or ""."""

    first: int
    last: int
    how: str
    name: str = ""


def without_bars(sources: tuple[Source, ...], first: int, last: int) -> tuple[Source, ...]:
    """The sources of all bars but `first`..`last`, which were made anew."""
    kept = []
    for source in sources:
        if source.first < first:
            kept.append(replace(source, last=min(source.last, first - 1)))
        if source.last > last:
            kept.append(replace(source, first=max(source.first, last + 1)))
    return tuple(kept)


@dataclass(frozen=True)
class Take:
    """One dance to the song: a canonical `skeleton`, how it was made, and its scores against this song.

    `partners` are further dancers, on the same floor and in the same unit as the first, with as many poses. `sources`
    says where bars come from; bars that it does not name were made by the choreographer. `amount` of the style and
    `turns` are as `Choreographer.dance` takes them; None where nobody knows what turns were asked for.
    """

    skeleton: SkeletonSequence
    seed: int
    style: str
    edits: tuple[Edit, ...] = ()
    scores: dict[str, float] | None = None
    partners: tuple[SkeletonSequence, ...] = ()
    sources: tuple[Source, ...] = ()
    amount: float = AMOUNT
    turns: float | None = None

    @property
    def dancers(self) -> tuple[SkeletonSequence, ...]:
        """All of them, the first first."""
        return (self.skeleton, *self.partners)

    @property
    def as_it_is(self) -> bool:
        """Whether it is shown from its first pose on, since some of it was filmed or kept, not made for the music."""
        return any(source.how != "made" for source in self.sources)


@dataclass(frozen=True)
class Placement:
    """Where a canonical dance lies in a picture: pixel = (x, y) + scale * (joint x, joint y)."""

    width: int
    height: int
    scale: float
    x: float
    y: float


@dataclass(frozen=True)
class Section:
    """A part of the song, `begin` to `end` in seconds of the stretch; parts of one `name` are alike."""

    name: str
    begin: float
    end: float


@dataclass(frozen=True)
class Body:
    """The body a dance was made for: `bones` are the lengths of `joints.BONES`, body heights."""

    name: str
    bones: tuple[float, ...]


@dataclass(frozen=True)
class DanceFile:
    """What a dance file holds.

    Attributes:
        song: None for a dance that was made to no song.
        times: (B,) float64, the beats, seconds from the start of the stretch; none where nobody knows them.
        tempo, confidence: as in `audio.grid.BeatGrid`.
        weights: None where no network made it.
        takes: one at least, all of one length and rate.
        placement: of an imported dance, where it lay in its picture.
        chosen: the take that is rendered where none is named.
        downbeat: (B,) bool, which beats begin a bar; empty: every fourth from the first.
        tempi: (seconds, beats a minute) from when on another tempo holds.
        sections: of the song, in order.
        body: None for the canonical one.
    """

    song: SongInfo | None
    times: np.ndarray
    tempo: float
    confidence: float
    weights: WeightsInfo | None
    takes: tuple[Take, ...]
    placement: Placement | None = None
    chosen: int | None = None
    downbeat: np.ndarray = field(default_factory=lambda: np.zeros(0, bool))
    tempi: tuple[tuple[float, float], ...] = ()
    sections: tuple[Section, ...] = ()
    body: Body | None = None

    @property
    def start(self) -> float:
        """Seconds of the song's file before the dance; 0 without a song."""
        return self.song.start if self.song else 0.0

    @property
    def seconds(self) -> float:
        """How long the dance is: the stretch of its song, or its poses."""
        return self.song.seconds if self.song else self.takes[0].skeleton.seconds

    @property
    def knows_beats(self) -> bool:
        """Whether the beats of its song are in it."""
        return len(self.times) > 0

    @property
    def grid(self) -> BeatGrid:
        """Its beats and bars."""
        return BeatGrid(self.times, self.tempo, self.confidence, self.downbeat)

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


def round_dance(skeleton: SkeletonSequence) -> SkeletonSequence:
    """The skeleton as it will be after a trip through a file; what is drawn now is what is rendered later."""

    def round_trip(joints: np.ndarray) -> np.ndarray:
        return (np.rint(joints.astype(np.float64) / UNIT) * UNIT).astype(np.float32)

    return replace(skeleton, joints=by_blocks(round_trip, skeleton.joints))


def write_dance(path: Path, dance: DanceFile) -> None:
    """Write a dance file, whole or not at all.

    Raises:
        DancegenError: the folder cannot be written to, or is full.
    """
    try:
        with whole_file(path) as scratch, scratch.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(_text(dance))
    except OSError as cause:
        raise write_error(path, cause) from cause


def to_text(dance: DanceFile) -> str:
    """The file's text: the head indented, then one line a pose, so that two dances can be compared line by line."""
    return "".join(_text(dance))


def _text(dance: DanceFile) -> Iterator[str]:
    head = {"format": FORMAT, "version": VERSION, "made_by": f"dancegen {__version__}", **_head(dance)}
    head |= {"fps": dance.fps, "joints": list(JOINT_NAMES), "axes": AXES, "unit": UNIT}
    if dance.body:
        head["body"] = {"name": dance.body.name, "bones": [round(float(bone), 6) for bone in dance.body.bones]}
    if dance.placement:
        head["placement"] = vars(dance.placement)
    if dance.chosen is not None:
        head["chosen"] = dance.chosen
    yield "{\n" + _lines(head, "  ") + '  "takes": [\n'
    for number, take in enumerate(dance.takes):
        yield ",\n" if number else ""
        yield from _take_text(take)
    yield "\n  ]\n}\n"


def _head(dance: DanceFile) -> dict[str, Any]:
    """What is told of the music, and by what the dance was made."""
    head: dict[str, Any] = {}
    if dance.song:
        head["song"] = vars(dance.song)
    if len(dance.times) or dance.confidence:
        head["beats"] = {
            "tempo": round(float(dance.tempo), 4),
            "confidence": round(float(dance.confidence), 4),
            "times": [round(float(time), 4) for time in dance.times],
        }
        if len(dance.downbeat):
            head["beats"]["downbeats"] = np.flatnonzero(dance.downbeat).tolist()
        if dance.tempi:
            head["beats"]["tempi"] = [[round(time, 4), round(tempo, 4)] for time, tempo in dance.tempi]
    if dance.sections:
        head["sections"] = [vars(section) for section in dance.sections]
    if dance.weights:
        head["weights"] = vars(dance.weights)
    return head


def _take_text(take: Take) -> Iterator[str]:
    head: dict[str, Any] = {"seed": take.seed, "style": take.style, **_amount(take.amount)}
    if take.turns is not None:
        head["turns"] = take.turns
    if take.edits:
        head["edits"] = [edit_json(edit) for edit in take.edits]
    if take.sources:
        head["from"] = [source_json(source) for source in take.sources]
    if take.scores is not None:
        head["scores"] = {key: round(float(value), 4) for key, value in take.scores.items()}
    yield "    {\n" + _lines(head, "     ")
    yield from dancer_text(take.skeleton, "     ")
    for number, partner in enumerate(take.partners):
        yield ',\n     "partners": [\n       {\n' if number == 0 else "},\n       {\n"
        yield from dancer_text(partner, "        ")
    yield "}]}" if take.partners else "}"


def _lines(values: dict[str, Any], indent: str) -> str:
    """Each value on a line, with a comma behind each."""
    return "".join(
        f"{indent}{json.dumps(key)}: {json.dumps(value, allow_nan=False)},\n" for key, value in values.items()
    )


def source_json(source: Source) -> dict[str, Any]:
    """Where bars come from, as the file has it."""
    stored: dict[str, Any] = {"bars": [source.first, source.last], "how": source.how}
    return stored | ({"name": source.name} if source.name else {})


def _amount(amount: float) -> dict[str, float]:
    return {} if amount == AMOUNT else {"style_amount": amount}


def edit_json(edit: Edit) -> dict[str, Any]:
    """A stretch made anew as the file has it."""
    stored: dict[str, Any] = {"bars": [edit.first, edit.last], "seed": edit.seed, "style": edit.style}
    stored |= _amount(edit.amount)
    return stored | ({"weights": vars(edit.weights)} if edit.weights else {})
