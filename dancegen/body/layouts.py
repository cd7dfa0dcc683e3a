"""Layouts of keypoints: how many points there are, in what order, and which of them are the 18 joints.

Sources: OpenPose, doc/02_output.md (COCO-18, BODY_25, hands, face); COCO keypoints (17); COCO-WholeBody, README (133:
17 of the body, 6 of the feet, 68 of the face, 21 a hand, the left first); DWPose's wholebody.py (134: the same behind
OpenPose's 18); Halpe-FullBody, README (26 and 136, as AlphaPose writes them).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dancegen.body.joints import JOINT_NAMES, L_SHOULDER, NECK, R_SHOULDER, V
from dancegen.body.sequence import HAND
from dancegen.errors import DancegenError

FARTHEST = 1e6  # pixels, of keypoints and canvases; beyond it a file is broken
# Joint -> index, the neck apart: COCO has left before right, and no neck (-1: the middle of the shoulders).
_COCO = (0, -1, 6, 8, 10, 5, 7, 9, 12, 14, 16, 11, 13, 15, 2, 1, 4, 3)
_BODY_25 = (0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18)  # the mid-hip is 8
_HALPE = (0, 18, *_COCO[2:])
BODIES = {17: _COCO, V: tuple(range(V)), 25: _BODY_25, 26: _HALPE, 133: _COCO, 134: tuple(range(V)), 136: _HALPE}
WHOLE = {133: 17 + 6, 134: V + 6, 136: 26}  # where the face begins; then come 68 points of it and 2 x 21 of the hands
FACE = 68
COUNTS = ", ".join(str(count) for count in BODIES)


@dataclass(frozen=True, eq=False)
class Keypoints:
    """One person in one frame, in the file's own unit.

    Attributes:
        body: (V, 3) float64 x, y and confidence; 0, 0, 0 where a joint was not seen.
        hands: (2, HAND, 3) likewise, left and right; None where the file has none.
        face: (F, 3) likewise, or None.
    """

    body: np.ndarray
    hands: np.ndarray | None = None
    face: np.ndarray | None = None

    @property
    def seen(self) -> bool:
        """Whether any joint of the body was."""
        return bool((self.body[:, 2] > 0).any())


def by_count(points: np.ndarray, name: str) -> Keypoints:
    """A person from all their points (K, 3), of the layout that has as many.

    Raises:
        DancegenError: there is no such layout.
    """
    count = len(points)
    if count not in BODIES:
        raise DancegenError(f"{name} has {count} keypoints", f"give one of the layouts of {COUNTS}")
    body = _body(points, BODIES[count])
    if count not in WHOLE:
        return Keypoints(body)
    face = WHOLE[count]
    hands = points[face + FACE : face + FACE + 2 * HAND].reshape(2, HAND, 3)
    return Keypoints(body, hands, points[face : face + FACE])


def by_name(points: np.ndarray, names: Sequence[str], name: str) -> Keypoints:
    """A person whose points (K, 3) the file names, as far as they are joints of ours.

    Raises:
        DancegenError: hardly any is.
    """
    if tuple(names[:17]) == COCO_NAMES and len(points) in BODIES:
        return by_count(points, name)
    found = {said.lower().replace(" ", "_"): index for index, said in enumerate(names[: len(points)])}
    order = tuple(found.get(joint, -1) for joint in JOINT_NAMES)
    if sum(index >= 0 for index in order) < V // 2:
        raise DancegenError(f"{name} names its keypoints otherwise ({', '.join(names[:4])})", "give COCO's names")
    return Keypoints(_body(points, order))


COCO_NAMES = tuple(JOINT_NAMES[_COCO.index(index)] for index in range(17))


def _body(points: np.ndarray, order: Sequence[int]) -> np.ndarray:
    """(V, 3) from points (K, 3); joints of index -1 are not there, but the neck is between the shoulders."""
    body = np.where(np.array(order)[:, None] >= 0, points[list(order)], 0.0)
    right, left = body[R_SHOULDER], body[L_SHOULDER]
    if order[NECK] < 0 and right[2] > 0 and left[2] > 0:
        body[NECK] = [*(right[:2] + left[:2]) / 2, min(right[2], left[2])]
    return body


def clean_points(values: Any, columns: int, name: str) -> np.ndarray:
    """Numbers x, y, confidence, x, ... or rows of them as (K, 3) float64; what is no place is 0, 0, 0.

    No places are null, confidence 0 or below, (0, 0) and (-1, -1): writers put them for points that were not seen.

    Args:
        values: a list or an array; null is None or NaN.
        columns: numbers a point, 2 (all seen) or 3.
        name: what errors call it.

    Raises:
        DancegenError: not numbers, another number of them, not finite, or too far away.
    """
    flat = _flatten(values, columns, name)
    if len(flat) % columns:
        raise DancegenError(f"{name} has {len(flat)} numbers, which are no rows of {columns}", "write x, y, confidence")
    rows = flat.reshape(-1, columns)
    if columns == 2:
        rows = np.concatenate([rows, np.ones((len(rows), 1))], axis=1)
    if np.isinf(rows).any():
        joint = int(np.flatnonzero(np.isinf(rows).any(axis=1))[0])
        what = f"{name}: keypoint {joint} is not a number (NaN or infinite)"
        raise DancegenError(what, "set joints not seen to 0, 0, 0")
    gone = np.isnan(rows).any(axis=1) | (rows[:, 2] <= 0) | _is_unseen(rows)
    points = np.where(gone[:, None], 0.0, rows)
    if (np.abs(points[:, :2]) > FARTHEST).any():
        raise DancegenError(f"{name} has keypoints of astronomic size", "give places in pixels or from 0 to 1")
    points[:, 2] = np.clip(points[:, 2], 0, 1)
    return points


def _is_unseen(rows: np.ndarray) -> np.ndarray:
    return (rows[:, :2] == 0).all(axis=1) | (rows[:, :2] == -1).all(axis=1)


def _flatten(values: Any, columns: int, name: str) -> np.ndarray:
    """All numbers in a row, float64; NaN for null, infinity for what is not a number."""
    if isinstance(values, np.ndarray) and values.shape[1:] in ((), (columns,)):
        return values.reshape(-1)
    listed: list[Any] = []
    for value in values if isinstance(values, list) else [""]:
        row = [None if np.isnan(one) else one for one in value] if isinstance(value, np.ndarray) else value
        listed.extend(row if isinstance(row, list) and len(row) == columns else [row])
    if not all(value is None or (isinstance(value, int | float) and not isinstance(value, bool)) for value in listed):
        raise DancegenError(f"{name} has keypoints that are not numbers", "write x, y, confidence")
    numbers = [np.nan if value is None else np.inf if value != value else float(value) for value in listed]
    return np.array(numbers, np.float64)
