"""One dancer of a dance file's JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from dancegen.body.joints import JOINT_NAMES, V
from dancegen.body.sequence import HAND, SkeletonSequence
from dancegen.dances import fields
from dancegen.errors import DancegenError
from dancegen.progress import count_of

FARTHEST = 16.0  # body heights from the middle of the floor; beyond it float32 is too coarse for whole units
MOST_TURNED = 1e6  # degrees
MOST_FACE = 1000  # points; the largest in use has 478


@dataclass(frozen=True)
class Scale:
    """Poses a second, and what 1 means in body heights."""

    fps: float
    unit: float


def read_dancer(stored: dict[str, Any], where: str, scale: Scale) -> SkeletonSequence:
    """The poses of one dancer and what else is told of them.

    Raises:
        DancegenError: what is wrong; `where` ("take 1") begins it.
    """
    poses = fields.values(stored, "poses", f"{where}: ")
    if not poses:
        raise DancegenError(f"{where} has no poses")
    joints = (_table(poses, V * 3, f"{where}, pose") * scale.unit).reshape(-1, V, 3)  # (T, V, 3)
    _check_near(joints.reshape(len(joints), -1), f"{where}, pose")
    confidence = np.zeros(0, np.float32)
    if stored.get("confidence") is not None:
        confidence = _table(fields.values(stored, "confidence", f"{where}: "), V, f"{where}, confidence")
        if len(confidence) != len(joints) or confidence.min() < 0 or confidence.max() > 1:
            raise DancegenError(f'{where}: "confidence" must hold {V} numbers from 0 to 1 for each pose')
    hands = _points(stored, "hands", where, len(joints), scale.unit, 2 * HAND)
    return SkeletonSequence(
        joints.astype(np.float32),
        scale.fps,
        confidence.astype(np.float32),
        yaw=_one_a_pose(stored, "yaw", where, len(joints), 1, MOST_TURNED),
        depth=_one_a_pose(stored, "depth", where, len(joints), scale.unit, FARTHEST),
        hands=None if hands is None else hands.reshape(-1, 2, HAND, 3),
        face=_points(stored, "face", where, len(joints), scale.unit),
    )


def _one_a_pose(
    stored: dict[str, Any], key: str, where: str, count: int, unit: float, most: float
) -> np.ndarray | None:
    """(T,) float32, or None where there is none."""
    if stored.get(key) is None:
        return None
    values = fields.numbers(stored, key, f"{where}: ") * unit
    if len(values) != count:
        raise DancegenError(f'{where}: "{key}" has {count_of(len(values), "numbers")} for {count_of(count, "poses")}')
    if (np.abs(values) > most).any():
        raise DancegenError(
            f'{where}: "{key}" goes beyond {most:g} at pose {int(np.argmax(np.abs(values) > most)) + 1}'
        )
    return values.astype(np.float32)


def _points(
    stored: dict[str, Any], key: str, where: str, count: int, unit: float, points: int | None = None
) -> np.ndarray | None:
    """(T, points, 3) float32 x, y (body heights) and confidence, 0 where a row is null; None where there is none."""
    if stored.get(key) is None:
        return None
    rows = fields.values(stored, key, f"{where}: ")
    if len(rows) != count:
        raise DancegenError(f'{where}: "{key}" has {count_of(len(rows), "rows")} for {count_of(count, "poses")}')
    given = [number for number, row in enumerate(rows) if row is not None]
    if not given:
        return None
    first = rows[given[0]]
    width = 3 * points if points else len(first) if isinstance(first, list | np.ndarray) else 0
    if width % 3 or not 3 <= width <= 3 * MOST_FACE:
        raise DancegenError(f'{where}: "{key}" must hold x, y and confidence of at most {MOST_FACE} points')
    table = np.zeros((count, width // 3, 3))
    table[given] = _table([rows[number] for number in given], width, f"{where}, {key}").reshape(-1, width // 3, 3)
    table[..., :2] *= unit
    if table[..., 2].min() < 0 or table[..., 2].max() > 1:
        raise DancegenError(f'{where}: "{key}" has a confidence that is not from 0 to 1')
    _check_near(table[..., :2].reshape(count, -1), f"{where}, {key}")
    return table.astype(np.float32)


def _check_near(table: np.ndarray, where: str) -> None:
    """Refuse rows (T, N) of places, body heights, of which one is far away."""
    far = np.abs(table).max(axis=1) > FARTHEST
    if far.any():
        raise DancegenError(f"{where} {int(np.argmax(far)) + 1} lies more than {FARTHEST:g} body heights away")


def _table(rows: list[Any], width: int, where: str) -> np.ndarray:
    """Rows of `width` finite numbers to (rows, width) float64; the first bad row is named."""
    try:
        table = np.asarray(rows, np.float64)
        if table.shape == (len(rows), width) and np.isfinite(table).all():
            return table
    except (ValueError, TypeError, OverflowError):
        pass
    for number, row in enumerate(rows, 1):
        listed = row.tolist() if isinstance(row, np.ndarray) else row
        if not isinstance(listed, list) or len(listed) != width:
            count = count_of(len(listed), "numbers") if isinstance(listed, list) else "no numbers"
            raise DancegenError(f"{where} {number} has {count}, not {width}")
        bad = next((place for place, value in enumerate(listed) if not fields.is_number(value)), None)
        if bad is not None:
            what = JOINT_NAMES[bad * V // width] if width in (V, 3 * V) else f"number {bad + 1}"
            raise DancegenError(f"{where} {number}: {what} is {json.dumps(listed[bad])[:40]}, not a number")
    raise DancegenError(f"{where}s do not all hold {width} numbers")
