"""OpenPose and ComfyUI keypoint files, read and written.

Layouts that are read:
- OpenPose: {"people": [{"pose_keypoints_2d": [x, y, c, ...]}]} with 18 (COCO-18) or 25 (BODY_25) joints, pixels;
- ComfyUI's POSE_KEYPOINT: one such frame or a list of them, with "canvas_width" and "canvas_height", coordinates in
  pixels or in 0..1; DWPose nodes write the same, with faces and hands beside the body (which are left out).
Source of the joint orders: OpenPose, doc/02_output.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dancegen.body.joints import V
from dancegen.errors import DancegenError
from dancegen.jsonfile import read_json
from dancegen.progress import counted

# BODY_25's index of each COCO-18 joint: BODY_25 has the mid-hip at 8 and six foot points at the end.
BODY_25 = (0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18)
FARTHEST = 1e6  # pixels, of keypoints and canvases; beyond it a file is broken
REMEDY = "give an OpenPose or ComfyUI keypoint file with 18 or 25 body joints (dancegen subject PICTURE writes one)"


@dataclass(frozen=True)
class KeypointFrame:
    """One frame of a keypoint file.

    Attributes:
        people: (N, V, 2) float64, in pixels of the canvas, or in 0..1 where the file says no canvas.
        confidence: (N, V) float64, 0 = not seen.
        canvas: (W, H), or None where the file does not say.
    """

    people: np.ndarray
    confidence: np.ndarray
    canvas: tuple[int, int] | None

    @property
    def normalised(self) -> bool:
        """Whether the coordinates are shares of an unknown picture."""
        seen = self.confidence > 0
        return self.canvas is None and bool(seen.any()) and float(np.abs(self.people[seen]).max()) <= 1.5


def read_keypoints(path: Path | str) -> list[KeypointFrame]:
    """All frames of a keypoint file; a single frame gives a list of one. Frames may have no people.

    Raises:
        DancegenError: no file, not JSON, not a known layout, a wrong number of joints, numbers that are none.
    """
    path = Path(path)
    data = read_json(path, "keypoint file", REMEDY, finite=False)
    return parse_keypoints(data, str(path))


def parse_keypoints(data: Any, name: str) -> list[KeypointFrame]:
    """As `read_keypoints`, from loaded JSON; `name` is what errors call it."""
    frames = data if isinstance(data, list) else [data]
    if not frames:
        raise DancegenError(f"{name} has no frames", REMEDY)
    return [_frame(frame, f"{name}, frame {i + 1}" if len(frames) > 1 else name) for i, frame in enumerate(frames)]


def frame_json(joints: np.ndarray, confidence: np.ndarray, canvas: tuple[int, int] | None = None) -> dict[str, Any]:
    """One person as OpenPose JSON (COCO-18), or as a ComfyUI frame where the canvas (W, H) is given.

    Args:
        joints: (V, 2 or more) pixels.
        confidence: (V,); ComfyUI frames get exactly 1.0 or 0, as its nodes expect.
    """
    seen = np.asarray(confidence) > 0
    marks = np.where(seen, 1.0, 0.0) if canvas else np.where(seen, confidence, 0.0)
    flat: list[float] = []
    for (x, y), c, here in zip(np.asarray(joints, np.float64)[:, :2], marks, seen, strict=True):
        flat += [round(float(x), 4), round(float(y), 4), round(float(c), 4) or 0.0] if here else [0.0, 0.0, 0.0]
    if canvas is None:
        return {"version": 1.3, "people": [{"person_id": [-1], "pose_keypoints_2d": flat}]}
    return {"people": [{"pose_keypoints_2d": flat}], "canvas_width": canvas[0], "canvas_height": canvas[1]}


def _frame(data: Any, name: str) -> KeypointFrame:
    people = data.get("people") if isinstance(data, dict) else None
    if not isinstance(people, list):
        raise DancegenError(f'{name} has no "people" list', REMEDY)
    canvas = _canvas(data, name)
    bodies = [_person(person, f"{name}, person {i + 1}") for i, person in enumerate(people)]
    points = np.array([body[0] for body in bodies]).reshape(-1, V, 2)
    confidence = np.array([body[1] for body in bodies]).reshape(-1, V)
    seen = confidence > 0
    if canvas and seen.any() and float(np.abs(points[seen]).max()) <= 1.5:
        points = points * canvas  # ComfyUI's normalised variant
    return KeypointFrame(points, confidence, canvas)


def _canvas(data: dict[str, Any], name: str) -> tuple[int, int] | None:
    sides = data.get("canvas_width"), data.get("canvas_height")
    if sides == (None, None):
        return None
    numbers = [s for s in sides if isinstance(s, int | float) and not isinstance(s, bool) and 1 <= s <= FARTHEST]
    if len(numbers) != 2:
        raise DancegenError(f"{name} has a canvas of {sides[0]} x {sides[1]}", "write both sides in pixels")
    return round(numbers[0]), round(numbers[1])


def _person(person: Any, name: str) -> tuple[np.ndarray, np.ndarray]:
    """(V, 2) and (V,) of one entry of "people"."""
    values = person.get("pose_keypoints_2d") if isinstance(person, dict) else None
    if not isinstance(values, list | np.ndarray):
        raise DancegenError(f'{name} has no "pose_keypoints_2d"', REMEDY)
    if len(values) not in (3 * V, 3 * 25):
        raise DancegenError(
            f"{name} has {counted(len(values), 'numbers')}, not 54 (18 joints) or 75 (25 joints)", REMEDY
        )
    if not all(value is None or isinstance(value, int | float) for value in values):
        raise DancegenError(f"{name} has keypoints that are not numbers", REMEDY)
    # null, which arrays have as NaN, is a joint not seen
    packed = isinstance(values, np.ndarray)
    flat = np.nan_to_num(values) if packed else np.array([0.0 if v is None else v for v in values], np.float64)
    flat = flat.reshape(-1, 3)
    if (np.abs(flat) > FARTHEST).any() and np.isfinite(flat).all():
        raise DancegenError(f"{name} has keypoints of astronomic size", REMEDY)
    if not np.isfinite(flat).all():
        joint = int(np.flatnonzero(~np.isfinite(flat).all(axis=1))[0])
        raise DancegenError(
            f"{name}: keypoint {joint} is not a number (NaN or infinite)", "set joints not seen to 0, 0, 0"
        )
    body = flat[list(BODY_25)] if len(flat) == 25 else flat
    confidence = np.clip(body[:, 2], 0, 1)
    return body[:, :2], confidence
