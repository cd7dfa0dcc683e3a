"""One dancer of a take as text, one line a pose, in pieces: an hour of dance is 50 MB of it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np

from dancegen.body.joints import V
from dancegen.body.sequence import SkeletonSequence
from dancegen.scratch import release

UNIT = 1e-6  # body heights; at 1,024 pixels a body half a unit is 0.0005 pixel
PIECE = 1000  # poses that are turned into text at once


def dancer_text(dancer: SkeletonSequence, indent: str) -> Iterator[str]:
    """`"poses": [...]` and, before it, what else this dancer has, without a comma behind."""
    if (dancer.confidence != 1).any():
        yield indent + '"confidence": '
        yield from _table(_round(piece, 3) for piece in _pieces(dancer.confidence))
        yield ",\n"
    if dancer.yaw is not None:
        yield f'{indent}"yaw": {_row(_round(dancer.yaw, 2))},\n'
    if dancer.depth is not None:
        yield f'{indent}"depth": {_row(_units(dancer.depth))},\n'
    for name, points in (("hands", dancer.hands), ("face", dancer.face)):
        if points is not None:
            yield f'{indent}"{name}": '
            yield from _table(_points(piece) for piece in _pieces(points))
            yield ",\n"
    yield indent + '"poses": '
    yield from _table(_units(piece).reshape(-1, V * 3) for piece in _pieces(dancer.joints))


def _pieces(values: np.ndarray) -> Iterator[np.ndarray]:
    for first in range(0, len(values), PIECE):
        yield values[first : first + PIECE]
        release(values)


def _table(pieces: Iterator[np.ndarray]) -> Iterator[str]:
    """Rows as lines, a row of NaN as null."""
    join = "[\n"
    for piece in pieces:
        yield join + ",\n".join("null" if np.isnan(row[0]) else _row(row) for row in piece)
        join = ",\n"
    yield "]"


def _points(points: np.ndarray) -> np.ndarray:
    """Points (T, ..., 3) as (T, N): x and y in units, confidence as it is; NaN for a pose that has none."""
    table = np.concatenate([_units(points[..., :2]), _round(points[..., 2:], 3)], axis=-1).reshape(len(points), -1)
    table[~(points[..., 2] > 0).reshape(len(points), -1).any(axis=1)] = np.nan
    return table


def _units(values: np.ndarray) -> np.ndarray:
    return np.rint(values.astype(np.float64) / UNIT)


def _round(values: np.ndarray, digits: int) -> np.ndarray:
    return np.round(values.astype(float), digits)


def _row(values: np.ndarray) -> str:
    whole_where_possible = [int(value) if value == int(value) else value for value in values.tolist()]
    return json.dumps(whole_where_possible, separators=(",", ":"))
