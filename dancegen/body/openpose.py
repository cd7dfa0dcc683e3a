"""OpenPose's and ComfyUI's keypoint frames, read and written.

- OpenPose: {"people": [{"pose_keypoints_2d": [x, y, c, ...], "hand_left_keypoints_2d": ..., ...}]}, pixels;
- ComfyUI's POSE_KEYPOINT: such frames with "canvas_width" and "canvas_height", coordinates in pixels or in 0..1; DWPose
  nodes and the OpenPose editors write the same, with null for what there is not;
- the first OpenPose editors: {"width", "height", "keypoints": [[[x, y], ...]]}, one list of 18 points a person.
Source of the joint orders: OpenPose, doc/02_output.md.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from dancegen.body.layouts import FARTHEST, Keypoints, by_count, clean_points
from dancegen.body.sequence import HAND
from dancegen.errors import DancegenError

REMEDY = "give keypoints of OpenPose, ComfyUI, DWPose, MMPose or COCO (dancegen subject PICTURE writes a file)"
HANDS = ("hand_left_keypoints_2d", "hand_right_keypoints_2d")
FACE = "face_keypoints_2d"
FACES = (68, 70)  # points; 70 have the pupils too
EMPTY = ("pose_keypoints_3d", "face_keypoints_3d", "hand_left_keypoints_3d", "hand_right_keypoints_3d")


def parse_people(data: dict[str, Any], name: str) -> list[Keypoints]:
    """The people of a frame who have a body; entries without one (a hand or a face alone) are left out.

    Raises:
        DancegenError: not such a frame.
    """
    people = data.get("people")
    if people is None and "people" in data:
        return []
    if not isinstance(people, list):
        raise DancegenError(f'{name} has no "people" list', REMEDY)
    found = [_person(person, f"{name}, person {number}") for number, person in enumerate(people, 1)]
    return [person for person in found if person is not None]


def parse_editor(data: dict[str, Any], name: str) -> list[Keypoints]:
    """The people of the first OpenPose editors' files."""
    people = data["keypoints"]
    listed = [people] if isinstance(people, np.ndarray) else people if isinstance(people, list) else [None]
    if len(listed) == 18 and all(isinstance(point, list | None) and len(point or []) in (0, 2) for point in listed):
        listed = [listed]
    return [
        by_count(clean_points(_pairs(person), 2, f"{name}, person {number}"), f"{name}, person {number}")
        for number, person in enumerate(listed, 1)
    ]


def parse_canvas(data: dict[str, Any], name: str, keys: tuple[str, str]) -> tuple[int, int] | None:
    """(width, height) of the picture that the frame was made for, or None where it does not say."""
    sides = [data.get(key) for key in keys]
    if sides == [None, None]:
        return None
    for side in sides:
        if not isinstance(side, int | float) or isinstance(side, bool) or not 1 <= side <= FARTHEST:
            told = " x ".join(str(one)[:20] for one in sides)
            raise DancegenError(f"{name} has a canvas of {told}", "write both sides in pixels")
    width, height = (round(float(side or 0)) for side in sides)
    return width, height


def frame_json(
    joints: np.ndarray,
    confidence: np.ndarray,
    canvas: tuple[int, int] | None = None,
    *,
    hands: np.ndarray | None = None,
    face: np.ndarray | None = None,
) -> dict[str, Any]:
    """One person as OpenPose JSON (COCO-18), or as a ComfyUI frame where the canvas (W, H) is given.

    Readers index the lists of hands and face, so they are always there, empty where there are none.

    Args:
        joints: (V, 2 or more) pixels.
        confidence: (V,); ComfyUI frames get exactly 1.0 or 0, as its nodes expect.
        hands: (2, HAND, 3) x, y, confidence of the left and the right one, or None.
        face: (F, 3), or None.
    """
    points = np.concatenate([np.asarray(joints, np.float64)[:, :2], np.asarray(confidence)[:, None]], axis=1)
    person = person_json(points, hands, face, whole=canvas is not None)
    if canvas is None:
        return {"version": 1.3, "people": [{"person_id": [-1], **person, **{key: [] for key in EMPTY}}]}
    return {"people": [person], "canvas_width": canvas[0], "canvas_height": canvas[1]}


def people_json(people: list[dict[str, Any]], canvas: tuple[int, int] | None) -> dict[str, Any]:
    """A frame of several of `person_json`."""
    if canvas is None:
        return {"version": 1.3, "people": [{"person_id": [-1], **one, **{key: [] for key in EMPTY}} for one in people]}
    return {"people": people, "canvas_width": canvas[0], "canvas_height": canvas[1]}


def person_json(
    body: np.ndarray, hands: np.ndarray | None, face: np.ndarray | None, *, whole: bool
) -> dict[str, list[float]]:
    """One entry of "people".

    Args:
        body: (V, 3) x, y, confidence.
        hands: (2, HAND, 3), or None; a hand without any point is empty.
        face: (F, 3), or None.
        whole: confidences become 1.0 or 0.
    """
    sides = hands if hands is not None else (None, None)
    parts = {"pose_keypoints_2d": body, FACE: face, **dict(zip(HANDS, sides, strict=True))}
    return {
        key: _numbers(points, whole) if points is not None and (key[0] == "p" or (points[:, 2] > 0).any()) else []
        for key, points in parts.items()
    }


def _numbers(points: np.ndarray, whole: bool) -> list[float]:
    flat: list[float] = []
    for x, y, c in np.asarray(points, np.float64).tolist():
        mark = 1.0 if whole else round(c, 4) or 0.0
        flat += [round(x, 4), round(y, 4), mark] if c > 0 else [0.0, 0.0, 0.0]
    return flat


def _person(person: Any, name: str) -> Keypoints | None:
    """One entry of "people"; None where it has no body."""
    if person is None:
        return None
    if not isinstance(person, dict):
        raise DancegenError(f'{name} has no "pose_keypoints_2d"', REMEDY)
    values = person.get("pose_keypoints_2d", person.get("pose_keypoints"))  # the second: OpenPose before 1.2
    if values is None or (isinstance(values, list) and not values):
        return None
    if not isinstance(values, list | np.ndarray):
        raise DancegenError(f'{name} has no list "pose_keypoints_2d"', REMEDY)
    whole = by_count(clean_points(values, 3, name), name)
    sides = [_part(person, key, (HAND,), name) for key in HANDS]
    hands = None
    if any(side is not None for side in sides):
        hands = np.stack([np.zeros((HAND, 3)) if side is None else side for side in sides])
    face = _part(person, FACE, FACES, name)
    return Keypoints(whole.body, whole.hands if hands is None else hands, whole.face if face is None else face)


def _part(person: dict[str, Any], key: str, counts: tuple[int, ...], name: str) -> np.ndarray | None:
    """(N, 3) of a hand or a face; None where there is none, or one of another layout."""
    values = person.get(key)
    if not isinstance(values, list | np.ndarray) or len(values) == 0:
        return None
    points = clean_points(values, 3, f"{name}, {key}")
    return points if len(points) in counts and (points[:, 2] > 0).any() else None


def _pairs(person: Any) -> Any:
    """A list of [x, y] with null for points that are not there."""
    if not isinstance(person, list):
        return person
    return [[None, None] if point is None or (isinstance(point, list) and not point) else point for point in person]
