"""A dance file's JSON as a `DanceFile`; see `assets/docs/dance-file.md` for the format."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from dancegen.body.joints import BONES, JOINT_NAMES
from dancegen.body.sequence import SkeletonSequence
from dancegen.choreographers.base import AMOUNT
from dancegen.dances import fields
from dancegen.dances.dance_file import (
    FORMAT,
    OLDER,
    SOURCES,
    VERSION,
    Body,
    DanceFile,
    Edit,
    Placement,
    Section,
    SongInfo,
    Source,
    Take,
)
from dancegen.dances.dancer_json import Scale, read_dancer
from dancegen.errors import DancegenError
from dancegen.weights.verify import WeightsInfo

MOST_SECONDS = 1e6
MOST_PARTNERS = 31  # a troupe of 32


def dance_from_json(content: Any) -> DanceFile:
    """What a file of version 1 or 2 says.

    Args:
        content: as `jsonfile.parse_json` gives it.

    Raises:
        DancegenError: what is wrong in it, and where; it does not know the file's name.
    """
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise DancegenError(f'this is not a dance file (no "format": "{FORMAT}")', "name a file of `dancegen dance`")
    version = _version(content)
    if content.get("joints") != list(JOINT_NAMES):
        raise DancegenError('"joints" is not the list of the 18 OpenPose joints in their order')
    scale = Scale(fields.number(content, "fps", 1, 1000), fields.number(content, "unit", 1e-12, 1))
    if version == 1:  # where both had to be there
        fields.field(content, "song", "")
        fields.field(content, "beats", "")
    song = fields.object_(content, "song") if content.get("song") is not None else None
    beats = fields.object_(content, "beats") if content.get("beats") is not None else _NO_BEATS
    times = _times(beats)
    takes = fields.values(content, "takes")
    if not takes:
        raise DancegenError('"takes" is empty')
    read = tuple(_take(take, f"take {number}", scale) for number, take in enumerate(takes, 1))
    lengths = sorted({len(take.skeleton) for take in read})
    if len(lengths) > 1:
        raise DancegenError(f"its takes differ in length ({', '.join(map(str, lengths))} poses)")
    return DanceFile(
        song=_song(song) if song is not None else None,
        times=times,
        tempo=fields.number(beats, "tempo", 0, 1e4, "beats: "),
        confidence=fields.number(beats, "confidence", 0, 1, "beats: "),
        weights=_weights(content),
        takes=read,
        placement=_placement(content),
        chosen=_read_choice(content, len(read)),
        downbeat=_downbeat(beats, len(times)),
        tempi=_tempi(beats),
        sections=tuple(_section(section) for section in fields.objects(content, "sections")),
        body=_body(content),
    )


_NO_BEATS: dict[str, Any] = {"tempo": 0, "confidence": 0, "times": []}


def _version(content: dict[str, Any]) -> int:
    if "version" not in content:
        raise DancegenError('"version" is missing')
    version = content["version"]
    if version not in (VERSION, *OLDER) or type(version) is not int:
        what = f"it has version {fields.describe_value(version)}, and this dancegen reads version {VERSION}"
        raise DancegenError(what, "upgrade dancegen")
    return version


def _song(song: dict[str, Any]) -> SongInfo:
    return SongInfo(
        fields.text(song, "name", "song: "),
        fields.text(song, "sha256", "song: "),
        fields.number(song, "start", 0, MOST_SECONDS, "song: "),
        fields.number(song, "seconds", 0, MOST_SECONDS, "song: "),
    )


def _times(beats: dict[str, Any]) -> np.ndarray:
    times = fields.numbers(beats, "times", "beats: ")
    if (np.diff(times) <= 0).any():
        first = int(np.argmax(np.diff(times) <= 0)) + 2
        raise DancegenError(f'beats: "times" does not rise at its beat {first}', "sort it")
    return times


def _downbeat(beats: dict[str, Any], count: int) -> np.ndarray:
    """(B,) bool, or empty where the file does not say."""
    if beats.get("downbeats") is None:
        return np.zeros(0, bool)
    places = fields.numbers(beats, "downbeats", "beats: ")
    if (places % 1 != 0).any() or (np.diff(places) <= 0).any() or not ((places >= 0) & (places < count)).all():
        raise DancegenError(f'beats: "downbeats" must be rising whole numbers from 0 to {count - 1}')
    marked = np.zeros(count, bool)
    marked[places.astype(int)] = True
    return marked


def _tempi(beats: dict[str, Any]) -> tuple[tuple[float, float], ...]:
    if beats.get("tempi") is None:
        return ()
    pairs = [row.tolist() if isinstance(row, np.ndarray) else row for row in fields.values(beats, "tempi", "beats: ")]
    if not all(isinstance(pair, list) and len(pair) == 2 and all(map(fields.is_number, pair)) for pair in pairs):
        raise DancegenError('beats: "tempi" must hold pairs of seconds and beats a minute')
    return tuple((float(time), float(tempo)) for time, tempo in pairs)


def _section(section: dict[str, Any]) -> Section:
    begin, end = (fields.number(section, key, 0, MOST_SECONDS, "sections: ") for key in ("begin", "end"))
    return Section(fields.text(section, "name", "sections: "), begin, end)


def _weights(content: dict[str, Any], prefix: str = "") -> WeightsInfo | None:
    if content.get("weights") is None:
        return None
    weights, prefix = fields.object_(content, "weights"), f"{prefix}weights: "
    return WeightsInfo(fields.text(weights, "name", prefix), fields.text(weights, "sha256", prefix))


def _read_choice(content: dict[str, Any], takes: int) -> int | None:
    if content.get("chosen") is None:
        return None
    number = fields.whole_number(content, "chosen")
    if not 1 <= number <= takes:
        raise DancegenError(f'"chosen" is {number}, and there are takes 1 to {takes}')
    return number


def _placement(content: dict[str, Any]) -> Placement | None:
    if content.get("placement") is None:
        return None
    stored = fields.object_(content, "placement")
    width, height = (round(fields.number(stored, key, 1, 1e6, "placement: ")) for key in ("width", "height"))
    x, y = (fields.number(stored, key, -1e7, 1e7, "placement: ") for key in ("x", "y"))
    return Placement(width, height, fields.number(stored, "scale", 1e-6, 1e6, "placement: "), x, y)


def _body(content: dict[str, Any]) -> Body | None:
    if content.get("body") is None:
        return None
    body = fields.object_(content, "body")
    bones = fields.numbers(body, "bones", "body: ")
    if len(bones) != len(BONES) or not ((bones >= 0) & (bones <= 1)).all():
        raise DancegenError(f'body: "bones" must hold {len(BONES)} lengths from 0 to 1')
    return Body(fields.text(body, "name", "body: "), tuple(bones.tolist()))


def _take(stored: Any, where: str, scale: Scale) -> Take:
    if not isinstance(stored, dict):
        raise DancegenError(f"{where} is not an object")
    prefix = f"{where}: "
    scores = stored.get("scores")
    if scores is not None and not (isinstance(scores, dict) and all(map(fields.is_number, scores.values()))):
        raise DancegenError(f'{where}: "scores" must map names to numbers')
    skeleton = read_dancer(stored, where, scale)
    return Take(
        skeleton=skeleton,
        seed=fields.whole_number(stored, "seed", prefix),
        style=fields.text(stored, "style", prefix),
        edits=tuple(_edit(edit, where) for edit in fields.objects(stored, "edits", prefix)),
        scores=scores,
        partners=_partners(stored, where, scale, len(skeleton)),
        sources=tuple(_source(source, f"{where}, from: ") for source in fields.objects(stored, "from", prefix)),
        amount=_amount(stored, prefix),
        turns=fields.number(stored, "turns", 0, 1, prefix) if stored.get("turns") is not None else None,
    )


def _partners(stored: dict[str, Any], where: str, scale: Scale, count: int) -> tuple[SkeletonSequence, ...]:
    listed = fields.objects(stored, "partners", f"{where}: ")
    if len(listed) > MOST_PARTNERS:
        raise DancegenError(f'{where}: "partners" has {len(listed)} dancers, more than {MOST_PARTNERS}')
    read = [read_dancer(one, f"{where}, partner {number}", scale) for number, one in enumerate(listed, 1)]
    for number, partner in enumerate(read, 1):
        if len(partner) != count:
            raise DancegenError(f"{where}, partner {number} has {len(partner)} poses, the first dancer {count}")
    return tuple(read)


def _bars(stored: dict[str, Any], what: str) -> tuple[int, int]:
    bars = stored.get("bars")
    if not (isinstance(bars, list) and len(bars) == 2 and all(type(bar) is int for bar in bars)):
        raise DancegenError(f'{what} needs "bars": [first, last]')
    return bars[0], bars[1]


def _edit(stored: dict[str, Any], where: str) -> Edit:
    first, last = _bars(stored, f'{where}: each of "edits"')
    seed, style = fields.whole_number(stored, "seed", f"{where}: "), fields.text(stored, "style", f"{where}: ")
    return Edit(first, last, seed, style, _weights(stored, f"{where}, edits, "), _amount(stored, f"{where}, edits: "))


def _amount(stored: dict[str, Any], prefix: str) -> float:
    if stored.get("style_amount") is None:
        return AMOUNT
    return fields.number(stored, "style_amount", 0, 1, prefix)


def _source(stored: dict[str, Any], prefix: str) -> Source:
    first, last = _bars(stored, prefix + "each")
    how = fields.text(stored, "how", prefix)
    if how not in SOURCES:
        raise DancegenError(f'{prefix}"how" is {json.dumps(how)[:40]}, not one of {", ".join(SOURCES)}')
    return Source(first, last, how, fields.text(stored, "name", prefix) if "name" in stored else "")
