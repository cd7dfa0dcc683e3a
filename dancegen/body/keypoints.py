"""Keypoint files of other tools: frames with people, in pixels. See `openpose` and `coco` for the layouts.

What can only be guessed (shares or pixels, which scores count, when a frame was) is decided once for the whole clip,
and each guess is a note.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from functools import reduce
from math import gcd
from pathlib import Path
from typing import Any

import numpy as np

from dancegen.body import coco
from dancegen.body.joints import V
from dancegen.body.layouts import Keypoints
from dancegen.body.openpose import REMEDY, parse_canvas, parse_editor, parse_people
from dancegen.errors import DancegenError
from dancegen.jsonfile import read_json
from dancegen.progress import count_of

LARGEST_SHARE = 1.5  # the median of coordinates that are shares of a picture is below; of those in pixels, above
UNSURE = 0.3  # a score below, of the tools that give every joint a place, is none; their own drawings leave it out
MOST_FRAMES = 500_000  # four and a half hours at 30 a second


@dataclass(frozen=True, eq=False)
class KeypointFrame:
    """One frame of a clip: all people with a body.

    Attributes:
        persons: places in pixels of the canvas, or in shares of it where `normalised`.
        canvas: (W, H), or None where the file does not say.
        normalised: the places are shares of an unknown picture.
        number: which frame of its video it is, or None where that is not said.
    """

    persons: tuple[Keypoints, ...]
    canvas: tuple[int, int] | None = None
    normalised: bool = False
    number: int | None = None

    @property
    def people(self) -> np.ndarray:
        """(N, V, 2) float64, the places of all joints; 0, 0 where one was not seen."""
        return np.array([person.body[:, :2] for person in self.persons]).reshape(-1, V, 2)

    @property
    def confidence(self) -> np.ndarray:
        """(N, V) float64, 0 = not seen."""
        return np.array([person.body[:, 2] for person in self.persons]).reshape(-1, V)

    def scale_by(self, scale: tuple[float, float]) -> KeypointFrame:
        """With places times `scale` (x, y)."""
        factor = np.array([*scale, 1.0])
        persons = tuple(
            Keypoints(
                person.body * factor,
                None if person.hands is None else person.hands * factor,
                None if person.face is None else person.face * factor,
            )
            for person in self.persons
        )
        return replace(self, persons=persons)


@dataclass(frozen=True, eq=False)
class Clip:
    """Frames of one video, evenly spaced, and what was guessed about them, in words.

    `missing` of the frames are in no file, which the notes say.
    """

    frames: tuple[KeypointFrame, ...]
    notes: tuple[str, ...]
    missing: int = 0


def read_clip(path: Path | str) -> Clip:
    """A keypoint file, or a folder of files with a frame each, in the order of the numbers in their names.

    Frames that are missing between numbers are there, without people.

    Raises:
        DancegenError: no file, not JSON, not a known layout, a wrong number of joints, numbers that are none.
    """
    path = Path(path)
    if not path.is_dir():
        frames, told = _parse(read_json(path, "keypoint file", REMEDY, finite=False), str(path))
        return _to_pixels(frames, told, str(path))
    numbered, notes = _files(path)
    frames, skipped = [], 0
    for file, number in numbered:
        found, told = _parse(read_json(file, "keypoint file", REMEDY, finite=False), str(file))
        skipped += len(found) > 1
        notes += [note for note in told if note not in notes]
        frames += [replace(frame, number=number) for frame in (found if len(numbered) == 1 else found[:1])]
    if skipped and len(numbered) > 1:
        notes.append(f"{count_of(skipped, 'files')} of {path} hold several frames: the first of each is taken")
    return _to_pixels(frames, notes, str(path))


def read_keypoints(path: Path | str) -> list[KeypointFrame]:
    """The frames of `read_clip`."""
    return list(read_clip(path).frames)


def parse_keypoints(data: Any, name: str) -> list[KeypointFrame]:
    """The frames of a file, from its JSON; `name` is what errors call it."""
    frames, notes = _parse(data, name)
    return list(_to_pixels(frames, notes, name).frames)


def _files(folder: Path) -> tuple[list[tuple[Path, int | None]], list[str]]:
    """The .json files of a folder in order, each with the number of its frame."""
    files = sorted(file for file in folder.glob("*.json") if not file.name.startswith("."))
    if not files:
        raise DancegenError(f"{folder} has no .json files in it", "name the folder that OpenPose wrote")
    groups = [[int(digits) for digits in re.findall(r"\d{1,15}", _stem(file))] for file in files]
    places = min(len(group) for group in groups)
    for place in range(1, places + 1):  # from the last number in the name on, the first that differs in each
        numbers = [group[-place] for group in groups]
        if len(set(numbers)) == len(numbers):
            order = np.argsort(numbers)
            return [(files[at], numbers[at]) for at in order], []
    if places:
        what = f"{folder} holds files of several clips ({files[0].name[:40]} and {files[-1].name[:40]})"
        raise DancegenError(what, "give a folder with the files of one")
    return [(file, None) for file in files], ["names without numbers: the files are taken in the order of their names"]


def _stem(file: Path) -> str:
    return file.name.removesuffix(".json").removesuffix("_keypoints")


def _parse(data: Any, name: str) -> tuple[list[KeypointFrame], list[str]]:
    """The frames as the file has them, in its own unit."""
    listed = coco.frames_of(data, name)
    if listed is not None:
        return _drop_unsure([KeypointFrame(tuple(people), canvas, number=number) for people, canvas, number in listed])
    frames = data if isinstance(data, list) else [data]
    if len(frames) == 1 and isinstance(frames[0], list) and len(frames[0]) > 1:  # a batch of one clip
        frames = frames[0]
    if not frames:
        raise DancegenError(f"{name} has no frames", REMEDY)
    named = [f"{name}, frame {number}" if len(frames) > 1 else name for number in range(1, len(frames) + 1)]
    parsed = [_frame(frame, where) for frame, where in zip(frames, named, strict=True)]
    bare = sum(count for _, count in parsed)
    notes = []
    if bare:
        if not any(frame.persons for frame, _ in parsed) and len(frames) == 1:
            raise DancegenError(f'{name} has no body: no "pose_keypoints_2d" in its people', REMEDY)
        notes.append(f"{count_of(bare, 'people')} without a body (a hand or a face alone) left out")
    empty = sum(frame is None or (isinstance(frame, dict) and frame.get("people", 0) is None) for frame in frames)
    if empty:
        notes.append(f"{count_of(empty, 'frames')} of null: nobody there")
    return [frame for frame, _ in parsed], notes


def _frame(data: Any, name: str) -> tuple[KeypointFrame, int]:
    """A frame and how many entries of it have no body."""
    if data is None:
        return KeypointFrame(()), 0
    if isinstance(data, list) and len(data) == 1:  # a batch of one
        data = data[0]
    if not isinstance(data, dict):
        raise DancegenError(f'{name} has no "people" list', REMEDY)
    if "keypoints" in data and "people" not in data:
        canvas = parse_canvas(data, name, ("width", "height"))
        return KeypointFrame(tuple(parse_editor(data, name)), canvas), 0
    canvas = parse_canvas(data, name, ("canvas_width", "canvas_height"))
    found = parse_people(data, name)
    return KeypointFrame(tuple(found), canvas), len(data["people"] or []) - len(found)


def _drop_unsure(frames: list[KeypointFrame]) -> tuple[list[KeypointFrame], list[str]]:
    """Without the places of low scores, which these tools give to joints that they do not see."""
    scores = [person.body[:, 2] for frame in frames for person in frame.persons]
    given = np.concatenate(scores) if scores else np.zeros(0)
    given = given[given > 0]
    least = min(UNSURE, 0.5 * float(np.median(given))) if len(given) else 0.0
    low = float((given < least).mean()) if len(given) else 0.0
    if not low:
        return frames, []

    def keep_sure(points: np.ndarray | None) -> np.ndarray | None:
        return None if points is None else np.where(points[..., 2:] < least, 0.0, points)

    kept = []
    for frame in frames:
        persons = [
            Keypoints(
                np.where(person.body[:, 2:] < least, 0.0, person.body), keep_sure(person.hands), keep_sure(person.face)
            )
            for person in frame.persons
        ]
        kept.append(replace(frame, persons=tuple(persons)))
    return kept, [f"scores under {least:.2g} are taken as not seen ({100 * low:.0f} % of the joints)"]


def _to_pixels(frames: list[KeypointFrame], notes: list[str], name: str) -> Clip:
    """In pixels where a canvas is known, one frame a moment."""
    seen = [person.body[person.body[:, 2] > 0, :2] for frame in frames for person in frame.persons if person.seen]
    if seen and float(np.median(np.abs(np.concatenate(seen)))) <= LARGEST_SHARE:
        usual = Counter(frame.canvas for frame in frames if frame.canvas).most_common(1)
        scale = usual[0][0] if usual else None
        frames = [
            frame.scale_by(frame.canvas or scale) if scale else replace(frame, normalised=True) for frame in frames
        ]
        notes = [*notes, "coordinates are taken as shares of the picture (0 to 1)"]
    placed, told = _in_time(frames, name)
    return Clip(tuple(placed), (*notes, *told), len(placed) - len(frames))


def _in_time(frames: list[KeypointFrame], name: str) -> tuple[list[KeypointFrame], list[str]]:
    """The frames at the places that their numbers give; frames that are not there have nobody."""
    numbers = [frame.number for frame in frames if frame.number is not None]
    if len(numbers) < max(len(frames), 2) or sorted(set(numbers)) != numbers:
        return frames, []
    count = numbers[-1] - numbers[0] + 1
    later = [f"numbers begin at {numbers[0]}: the clip begins there (--start places it in the song)"]
    notes = later if numbers[0] > 1 else []  # from 0 or from 1, as tools count
    if count == len(frames):
        return frames, notes
    if count > MOST_FRAMES:
        what = f"the frames of {name} have numbers from {numbers[0]} to {numbers[-1]}"
        raise DancegenError(what, f"give a clip of at most {MOST_FRAMES:,} frames, numbered one by one")
    placed = [KeypointFrame((), frames[0].canvas, frames[0].normalised, number) for number in range(count)]
    for frame, number in zip(frames, numbers, strict=True):
        placed[number - numbers[0]] = frame
    step = reduce(gcd, np.diff(numbers).tolist())
    gone = count_of(count - len(frames), "frames")
    if step > 1:
        return placed, [*notes, f"numbers rise by {step}: one frame of {step} is there, {gone} between interpolated"]
    return placed, [*notes, f"{gone} missing between numbers {numbers[0]} and {numbers[-1]}: interpolated"]
