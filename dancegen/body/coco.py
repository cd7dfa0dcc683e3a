"""Keypoints of MMPose, COCO, AlphaPose and Ultralytics: lists of people, each with a list of points.

- MMPose: a list of {"frame_id", "instances": [{"keypoints": [[x, y], ...], "keypoint_scores": [...]}]}, the same under
  "instance_info" beside "meta_info", or of one picture the instances alone;
- COCO and COCO-WholeBody: "annotations" (with "images") or a list of results, {"image_id", "keypoints": [x, y, v, ...]}
  and "lefthand_kpts", "righthand_kpts", "face_kpts"; AlphaPose writes such results with file names as "image_id";
- Ultralytics: {"keypoints": {"x": [...], "y": [...], "visible": [...]}}.
Sources: MMPose, mmpose/apis/inferencers; COCO, format-data; COCO-WholeBody, data_format.md; AlphaPose, docs/output.md.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from dancegen.body.layouts import FACE, Keypoints, by_count, by_name, clean_points
from dancegen.body.sequence import HAND
from dancegen.errors import DancegenError

REMEDY = "give the file as MMPose, COCO or AlphaPose wrote it"
PARTS = {"lefthand_kpts": HAND, "righthand_kpts": HAND, "face_kpts": FACE}

Frame = tuple[list[Keypoints], tuple[int, int] | None, int | None]  # people, canvas, number


def is_instance(item: Any) -> bool:
    """Whether it is one person of such a file."""
    return isinstance(item, dict) and "keypoints" in item


def frames_of(data: Any, name: str) -> list[Frame] | None:
    """The frames of such a file; None where it is another layout.

    Raises:
        DancegenError: one of these layouts, but broken.
    """
    if isinstance(data, dict) and isinstance(data.get("annotations"), list):
        return _dataset(data, name)
    names = _names(data)
    info = data.get("instance_info") if isinstance(data, dict) else data
    if not isinstance(info, list) or not info:
        return None
    if all(isinstance(item, dict) and "instances" in item for item in info):
        return [
            (_people(item["instances"] or [], names, f"{name}, frame {number}"), None, _number(item.get("frame_id")))
            for number, item in enumerate(info, 1)
        ]
    if not all(is_instance(item) for item in info):
        return None
    if "image_id" in info[0]:
        return [(people, None, number) for number, people in _by_image(info, names, name).items()]
    return [(_people(info, names, name), None, None)]


def _dataset(data: dict[str, Any], name: str) -> list[Frame]:
    """COCO's annotations: one frame for each image."""
    categories = data.get("categories")
    names = categories[0].get("keypoints") if isinstance(categories, list) and _is_object(categories[:1]) else None
    given = data.get("images")
    images = [image for image in given if isinstance(image, dict)] if isinstance(given, list) else []
    held = [item for item in data["annotations"] if is_instance(item)]
    found = _by_image(held, names if _texts(names) else None, name)
    listed = [(number, image) for image in images if (number := _number(image.get("id"))) is not None]
    sizes = {number: (image.get("width"), image.get("height")) for number, image in listed}
    numbers = {number: _number(image.get("file_name")) for number, image in listed}
    named = len(set(numbers.values())) == len(numbers) and None not in numbers.values()
    frames: list[Frame] = []
    for image in sorted({*found, *sizes}):
        width, height = sizes.get(image, (None, None))
        canvas = (width, height) if type(width) is int and type(height) is int and min(width, height) > 0 else None
        frames.append((found.get(image, []), canvas, numbers.get(image) if named else image))
    return sorted(frames, key=lambda frame: frame[2] if frame[2] is not None else -1)


def _by_image(items: Sequence[Any], names: Sequence[str] | None, name: str) -> dict[int, list[Keypoints]]:
    """People by the number of their image, rising."""
    found: dict[int, list[Keypoints]] = {}
    for place, item in enumerate(items, 1):
        number = _number(item.get("image_id"))
        if number is None:
            raise DancegenError(f'{name}, entry {place}: its "image_id" has no number', REMEDY)
        found.setdefault(number, []).extend(_people([item], names, f"{name}, entry {place}"))
    return dict(sorted(found.items()))


def _people(items: Any, names: Sequence[str] | None, name: str) -> list[Keypoints]:
    if not isinstance(items, list):
        raise DancegenError(f"{name} has no list of people", REMEDY)
    found = []
    for number, item in enumerate(items, 1):
        where = f"{name}, person {number}" if len(items) > 1 else name
        if not isinstance(item, dict):
            raise DancegenError(f"{where} is not an object", REMEDY)
        points = _points(item, where)
        if points is not None:
            found.append(_with_parts(by_name(points, names, where) if names else by_count(points, where), item, where))
    return found


def _points(item: dict[str, Any], name: str) -> np.ndarray | None:
    """(K, 3) x, y, confidence; None where this person has no keypoints."""
    given = item.get("keypoints")
    if isinstance(given, dict):  # Ultralytics
        sides = [clean_row(given.get(key), f"{name}, {key}") for key in ("x", "y")]
        marks = clean_row(given["visible"], name) if given.get("visible") is not None else np.ones(len(sides[0]))
        return _join_sides(sides, marks, name)
    if given is None or (isinstance(given, list) and not given):
        return None
    scores = item.get("keypoint_scores")
    if scores is None:
        return clean_points(given, 3, name)
    pairs = given[:, :2] if isinstance(given, np.ndarray) and given.ndim == 2 else given
    if isinstance(pairs, list):
        pairs = [pair[:2] if isinstance(pair, list | np.ndarray) else pair for pair in pairs]
    places = clean_points(pairs, 2, name)
    return _join_sides([places[:, 0], places[:, 1]], clean_row(scores, f"{name}, keypoint_scores"), name)


def _join_sides(sides: Sequence[np.ndarray], marks: np.ndarray, name: str) -> np.ndarray:
    if not len(sides[0]) == len(sides[1]) == len(marks):
        counts = f"{len(sides[0])} and {len(marks)}"
        raise DancegenError(f"{name} has not one score for each keypoint ({counts})", REMEDY)
    return clean_points(np.stack([*sides, marks], axis=1), 3, name)


def clean_row(values: Any, name: str) -> np.ndarray:
    """(N,) numbers; null is 0."""
    if not isinstance(values, list | np.ndarray):
        raise DancegenError(f"{name} is not a list of numbers", REMEDY)
    rows = np.array([[np.nan if value is None else value, 1.0] for value in values]) if _is_plain(values) else None
    if rows is None:
        raise DancegenError(f"{name} is not a list of numbers", REMEDY)
    return np.nan_to_num(rows.reshape(-1, 2)[:, 0])


def _is_plain(values: Any) -> bool:
    return all(
        value is None or (isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e9)
        for value in values
    )


def _with_parts(person: Keypoints, item: dict[str, Any], name: str) -> Keypoints:
    """The person with the hands and the face that COCO-WholeBody keeps apart."""
    parts = {}
    for key, count in PARTS.items():
        values = item.get(key)
        if not isinstance(values, list | np.ndarray) or len(values) != 3 * count:
            continue
        points = clean_points(values, 3, f"{name}, {key}")
        if (points[:, 2] > 0).any():
            parts[key] = points
    if not parts:
        return person
    none = np.zeros((HAND, 3))
    hands = np.stack([parts.get("lefthand_kpts", none), parts.get("righthand_kpts", none)])
    return Keypoints(person.body, hands if hands.any() else person.hands, parts.get("face_kpts", person.face))


def _names(data: Any) -> Sequence[str] | None:
    """The names of the keypoints where MMPose tells them."""
    info = data.get("meta_info") if isinstance(data, dict) else None
    listed = info.get("keypoint_id2name") if isinstance(info, dict) else None
    if isinstance(listed, dict) and all(key.isdecimal() and len(key) < 5 for key in listed):
        listed = [listed[key] for key in sorted(listed, key=int)]
    return listed if _texts(listed) else None


def _texts(listed: Any) -> bool:
    return isinstance(listed, list) and bool(listed) and all(isinstance(one, str) for one in listed)


def _is_object(listed: list[Any]) -> bool:
    return bool(listed) and isinstance(listed[0], dict)


def _number(value: Any) -> int | None:
    """The number of a frame: a whole number, or the last one in a file's name."""
    if type(value) is int:
        return value
    digits = re.findall(r"\d+", value.rpartition(".")[0] or value) if isinstance(value, str) else []
    return int(digits[-1]) if digits and len(digits[-1]) < 16 else None
