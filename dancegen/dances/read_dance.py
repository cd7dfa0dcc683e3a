"""Reading a dance file that somebody may have edited by hand: each defect gets one clear line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dancegen.audio.grid import BeatGrid
from dancegen.body.joints import JOINT_NAMES, V
from dancegen.body.sequence import SkeletonSequence
from dancegen.dances.dance_file import (
    FORMAT,
    VERSION,
    DanceFile,
    Edit,
    Placement,
    SongInfo,
    Take,
    edit_json,
    file_sha256,
)
from dancegen.errors import DancegenError
from dancegen.jsonfile import read_json
from dancegen.progress import counted
from dancegen.weights.verify import WeightsInfo

if TYPE_CHECKING:
    from dancegen.dances.origin import Origin

LARGEST_NUMBER = 1e300
FARTHEST = 16.0  # body heights from the middle of the floor; beyond it float32 is too coarse for whole units
TAKE_AGAIN = "make it again with `dancegen dance`"


def read_dance(path: Path) -> DanceFile:
    """Read and check a dance file.

    Raises:
        DancegenError: one line that names the file, the place in it and what is wrong there.
    """
    content = read_json(path, "dance file", f"name a whole dance file or {TAKE_AGAIN}", finite=False)
    try:
        return _dance(content)
    except DancegenError as cause:
        raise DancegenError(f"{path}: {cause.what}", cause.remedy or TAKE_AGAIN) from cause


def check_song(dance: DanceFile, song: Path, where: str, force: bool = False) -> str | None:
    """Refuse a dance that was made for another song; with `force`, return the warning instead.

    Args:
        dance: the dance.
        song: the file that shall be danced to.
        where: the dance file's name, for the message.
        force: go on all the same.
    """
    if dance.song.sha256 == file_sha256(song):
        return None
    what = f"{where} was made for another song ({dance.song.name}) than {song.name}"
    if not force:
        raise DancegenError(what, "give that song, or add --force to use the dance all the same")
    return f"{what}; used because of --force"


def cut_to(take: Take, dance: DanceFile, start: float, seconds: float, force: bool = False) -> SkeletonSequence:
    """The poses for the stretch of the song from `start`, `seconds` long (both in seconds of the file).

    With `force` what the dance does not cover holds its first or last pose; without it that is an error.
    """
    skeleton = take.skeleton
    fps, offset = skeleton.fps, start - dance.song.start
    count = max(1, round(seconds * fps))
    slack = 0.5  # a rounding of the song's length is no missing dance
    if not force and (offset < -slack or offset + seconds > skeleton.seconds + slack):
        covered = f"{dance.song.start:.1f} to {dance.song.start + skeleton.seconds:.1f} s"
        raise DancegenError(
            f"the dance covers {covered} of the song, not {start:.1f} to {start + seconds:.1f} s",
            "choose --start and --duration within it, or make the dance for the whole song",
        )
    at = np.clip(np.arange(count) + round(offset * fps), 0, len(skeleton) - 1)  # (count,)
    return SkeletonSequence(skeleton.joints[at], fps, skeleton.confidence[at])


def origin_of(dance: DanceFile, number: int | None) -> Origin:
    """What a video of take `number` (None: the one that is rendered then) tells about its dance."""
    from dancegen.dances.origin import Origin

    take = dance.take(number)
    facts: dict[str, Any] = {"song_sha256": dance.song.sha256, "start": dance.song.start, "seconds": dance.song.seconds}
    facts |= {"take": number or dance.default_take, "seed": take.seed, "style": take.style}
    if take.edits:
        facts["edits"] = [edit_json(edit) for edit in take.edits]
    return Origin({"choreographer": dance.weights} if dance.weights else {}, facts)


def grid_at(dance: DanceFile, start: float) -> BeatGrid:
    """The dance's own beats, counted from `start` (seconds of the song's file)."""
    times = dance.times + dance.song.start - start
    return BeatGrid(times[times >= 0], dance.tempo, dance.confidence)


def _dance(content: Any) -> DanceFile:
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise DancegenError(f'this is not a dance file (no "format": "{FORMAT}")', "name a file of `dancegen dance`")
    version = content.get("version")
    if "version" not in content:
        raise DancegenError('"version" is missing')
    if version != VERSION:
        what = f"it has version {json.dumps(version)[:20]}, and this dancegen reads version {VERSION}"
        raise DancegenError(what, "upgrade dancegen")
    if content.get("joints") != list(JOINT_NAMES):
        raise DancegenError('"joints" is not the list of the 18 OpenPose joints in their order')
    fps = _number(content, "fps", 1, 1000)
    unit = _number(content, "unit", 1e-12, 1)
    song = _object(content, "song")
    beats = _object(content, "beats")
    takes = _list(content, "takes")
    if not takes:
        raise DancegenError('"takes" is empty')
    read = tuple(_take(take, f"take {number}", fps, unit) for number, take in enumerate(takes, 1))
    lengths = sorted({len(take.skeleton) for take in read})
    if len(lengths) > 1:
        raise DancegenError(f"its takes differ in length ({', '.join(map(str, lengths))} poses)")
    return DanceFile(
        song=SongInfo(
            _text(song, "name", "song: "),
            _text(song, "sha256", "song: "),
            _number(song, "start", 0, 1e6, "song: "),
            _number(song, "seconds", 0, 1e6, "song: "),
        ),
        times=_times(beats),
        tempo=_number(beats, "tempo", 0, 1e4, "beats: "),
        confidence=_number(beats, "confidence", 0, 1, "beats: "),
        weights=_weights(content),
        takes=read,
        placement=_placement(content),
        chosen=_chosen(content, len(read)),
    )


def _times(beats: dict[str, Any]) -> np.ndarray:
    listed = _list(beats, "times", "beats: ")
    if not all(_finite(time) for time in listed):
        raise DancegenError('beats: "times" holds something that is not a number')
    times = np.asarray(listed, np.float64)
    if (np.diff(times) <= 0).any():
        first = int(np.argmax(np.diff(times) <= 0)) + 2
        raise DancegenError(f'beats: "times" does not rise at its beat {first}', "sort it")
    return times


def _weights(content: dict[str, Any], prefix: str = "") -> WeightsInfo | None:
    if content.get("weights") is None:
        return None
    weights = _object(content, "weights")
    return WeightsInfo(_text(weights, "name", f"{prefix}weights: "), _text(weights, "sha256", f"{prefix}weights: "))


def _chosen(content: dict[str, Any], takes: int) -> int | None:
    if content.get("chosen") is None:
        return None
    number = _whole(content, "chosen")
    if not 1 <= number <= takes:
        raise DancegenError(f'"chosen" is {number}, and there are takes 1 to {takes}')
    return number


def _placement(content: dict[str, Any]) -> Placement | None:
    if content.get("placement") is None:
        return None
    stored = _object(content, "placement")
    width, height = (round(_number(stored, key, 1, 1e6, "placement: ")) for key in ("width", "height"))
    x, y = (_number(stored, key, -1e7, 1e7, "placement: ") for key in ("x", "y"))
    return Placement(width, height, _number(stored, "scale", 1e-6, 1e6, "placement: "), x, y)


def _take(stored: Any, where: str, fps: float, unit: float) -> Take:
    if not isinstance(stored, dict):
        raise DancegenError(f"{where} is not an object")
    poses = _list(stored, "poses", f"{where}: ")
    if not poses:
        raise DancegenError(f"{where} has no poses")
    joints = (_grid(poses, V * 3, f"{where}, pose") * unit).reshape(-1, V, 3)  # (T, V, 3)
    far = np.abs(joints).max(axis=(1, 2)) > FARTHEST
    if far.any():
        raise DancegenError(f"{where}, pose {int(np.argmax(far)) + 1} lies more than {FARTHEST:g} body heights away")
    confidence = np.zeros(0, np.float32)
    if stored.get("confidence") is not None:
        confidence = _grid(_list(stored, "confidence", f"{where}: "), V, f"{where}, confidence")
        if len(confidence) != len(joints) or confidence.min() < 0 or confidence.max() > 1:
            raise DancegenError(f'{where}: "confidence" must hold {V} numbers from 0 to 1 for each pose')
    scores = stored.get("scores")
    if scores is not None and not (isinstance(scores, dict) and all(_finite(value) for value in scores.values())):
        raise DancegenError(f'{where}: "scores" must map names to numbers')
    return Take(
        skeleton=SkeletonSequence(joints.astype(np.float32), fps, confidence.astype(np.float32)),
        seed=_whole(stored, "seed", f"{where}: "),
        style=_text(stored, "style", f"{where}: "),
        edits=tuple(_edit(edit, where) for edit in _list(stored, "edits", f"{where}: ")),
        scores=scores,
    )


def _edit(stored: Any, where: str) -> Edit:
    bars = stored.get("bars") if isinstance(stored, dict) else None
    if not (isinstance(bars, list) and len(bars) == 2 and all(type(bar) is int for bar in bars)):
        raise DancegenError(f'{where}: each of "edits" needs "bars": [first, last]')
    seed, style = _whole(stored, "seed", f"{where}: "), _text(stored, "style", f"{where}: ")
    return Edit(bars[0], bars[1], seed, style, _weights(stored, f"{where}, edits, "))


def _grid(rows: list[Any], width: int, where: str) -> np.ndarray:
    """Rows of `width` finite numbers to (rows, width) float64; the first bad row is named."""
    try:
        grid = np.asarray(rows, np.float64)
        if grid.shape == (len(rows), width) and np.isfinite(grid).all():
            return grid
    except (ValueError, TypeError, OverflowError):
        pass
    for number, row in enumerate(rows, 1):
        row = row.tolist() if isinstance(row, np.ndarray) else row
        if not isinstance(row, list) or len(row) != width:
            count = counted(len(row), "numbers") if isinstance(row, list) else "no numbers"
            raise DancegenError(f"{where} {number} has {count}, not {width}")
        bad = next((place for place, value in enumerate(row) if not _finite(value)), None)
        if bad is not None:
            joint = JOINT_NAMES[bad * V // width]
            raise DancegenError(f"{where} {number}: {joint} is {json.dumps(row[bad])[:40]}, not a number")
    raise DancegenError(f"{where}s do not all hold {width} numbers")


def _finite(value: Any) -> bool:
    return type(value) in (int, float) and -LARGEST_NUMBER <= value <= LARGEST_NUMBER  # NaN is in no range


def _field(content: dict[str, Any], key: str, prefix: str) -> Any:
    if key not in content:
        raise DancegenError(f'{prefix}"{key}" is missing')
    return content[key]


def _number(content: dict[str, Any], key: str, low: float, high: float, prefix: str = "") -> float:
    value = _field(content, key, prefix)
    if not _finite(value) or not low <= value <= high:
        raise DancegenError(f'{prefix}"{key}" is {json.dumps(value)}, not a number from {low:g} to {high:g}')
    return value


def _whole(content: dict[str, Any], key: str, prefix: str = "") -> int:
    value = _field(content, key, prefix)
    if type(value) is not int:
        raise DancegenError(f'{prefix}"{key}" is {json.dumps(value)}, not a whole number')
    return value


def _text(content: dict[str, Any], key: str, prefix: str = "") -> str:
    value = _field(content, key, prefix)
    if not isinstance(value, str):
        raise DancegenError(f'{prefix}"{key}" is {json.dumps(value)}, not text')
    return value


def _object(content: dict[str, Any], key: str) -> dict[str, Any]:
    value = _field(content, key, "")
    if not isinstance(value, dict):
        raise DancegenError(f'"{key}" is not an object')
    return value


def _list(content: dict[str, Any], key: str, prefix: str = "") -> list[Any]:
    value = _field(content, key, prefix)
    if isinstance(value, np.ndarray):
        return list(value) if value.ndim > 1 else value.tolist()
    if not isinstance(value, list):
        raise DancegenError(f'{prefix}"{key}" is not a list')
    return value
