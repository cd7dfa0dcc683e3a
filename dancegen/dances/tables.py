"""The .npz and .csv files that `export` writes, read again: joints with depth, at the rate and place they had."""

from __future__ import annotations

import csv
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from tokenize import TokenError

import numpy as np

from dancegen.body.joints import JOINT_NAMES, V
from dancegen.body.layouts import FARTHEST
from dancegen.body.sequence import HAND, SkeletonSequence
from dancegen.dances.dance_file import Placement
from dancegen.errors import DancegenError
from dancegen.files import check_input
from dancegen.jsonfile import LARGEST_FILE

MOST_POSES = 500_000  # four and a half hours at 30 a second
FARTHEST_HEIGHTS = 15.0  # body heights from the middle of the floor; a dance file has room for 16
SAME_PLACE = 0.05  # pixels by which a joint may be off where a dance was placed and not put on another body
COLUMNS = ["frame", "time", *(f"{joint}_{axis}" for joint in JOINT_NAMES for axis in "xyzc")]
UNREADABLE = (  # what zipfile, numpy and the parser to which numpy gives an array's header raise
    *(OSError, EOFError, ValueError, KeyError, TypeError, NotImplementedError, zipfile.BadZipFile, zlib.error),
    *(TokenError, SyntaxError, RecursionError, MemoryError),
)
REMEDY = "give a file that `dancegen export` wrote"


def read_npz(path: Path) -> tuple[SkeletonSequence, Placement | None]:
    """The canonical dance, and where it lay in its picture if it was only placed there.

    Raises:
        DancegenError: no such file, or not of `export.write_npz`.
    """
    check_input(path, "dance", "name a file")
    try:
        with zipfile.ZipFile(path) as parts:
            if sum(part.file_size for part in parts.infolist()) > LARGEST_FILE:
                raise DancegenError(f"{path} is larger than a dance can be ({LARGEST_FILE >> 20} MiB)", REMEDY)
        with np.load(path, allow_pickle=False) as stored:
            joints, pixels, confidence, fps, canvas = (
                np.asarray(stored[name], np.float64) for name in ("canonical", "pixels", "confidence", "fps", "canvas")
            )
            more = {name: np.asarray(stored[name], np.float32) for name in MORE if name in stored.files}
    except UNREADABLE as cause:
        raise DancegenError(f"{path} is not the .npz file of a dance", REMEDY) from cause
    count = len(joints) if joints.ndim else 0
    fits = joints.shape == pixels.shape == (count, V, 3) and confidence.shape == (count, V) and canvas.shape == (2,)
    fits = (
        fits
        and 0 < count <= MOST_POSES
        and fps.shape == ()
        and _is_plain(confidence, 0, 1)
        and _is_plain(canvas, 1, 1e6)
    )
    fits = fits and all(MORE[name](values, count) for name, values in more.items())
    if (
        not fits
        or not _is_plain(joints, -FARTHEST_HEIGHTS, FARTHEST_HEIGHTS)
        or not _is_plain(pixels, -FARTHEST, FARTHEST)
    ):
        raise DancegenError(f"{path} holds no dance of 18 joints", REMEDY)
    _check_rate(path, float(fps))
    placement = _placement(joints, pixels, canvas)
    for name in ("hands", "face"):
        if name in more:
            more[name] = _take_back(more[name], placement) if placement else np.zeros(0, np.float32)
    kept = {name: values for name, values in more.items() if values.size}
    return SkeletonSequence(joints, float(fps), confidence.astype(np.float32), **kept), placement


def read_csv(path: Path) -> tuple[np.ndarray, np.ndarray, float]:
    """(T, V, 3) float64 pixels with depth, (T, V) confidence, and the rate, of `export.write_csv`.

    Raises:
        DancegenError: no such file, or another table; with the line.
    """
    check_input(path, "dance", "name a file")
    if path.stat().st_size > LARGEST_FILE:
        raise DancegenError(f"{path} is larger than a dance can be ({LARGEST_FILE >> 20} MiB)", REMEDY)
    times: list[float] = []
    poses: list[np.ndarray] = []
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.reader(file, strict=True)
            if next(rows, None) != COLUMNS:
                raise DancegenError(f"{path} has not the columns of a dance (frame, time, nose_x, nose_y, ...)", REMEDY)
            for row in rows:
                values = np.array(row, np.float32)
                if len(row) != len(COLUMNS) or not _is_plain(values, -FARTHEST, FARTHEST) or len(poses) >= MOST_POSES:
                    raise ValueError(row)
                times.append(float(row[1]))
                poses.append(values[2:].reshape(V, 4))
    except (OSError, ValueError, csv.Error) as cause:
        raise DancegenError(f"{path}, line {len(poses) + 2} is no pose of a dance", "mend that line") from cause
    if not poses:
        raise DancegenError(f"{path} has no poses in it", REMEDY)
    steps = np.diff(times)
    if (steps <= 0).any():
        raise DancegenError(f"{path}, line {int(np.argmax(steps <= 0)) + 3}: its time does not rise", "sort the poses")
    table = np.stack(poses).astype(np.float64)  # (T, V, 4)
    rate = (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 else 30.0
    nearest = round(rate)  # times are written to a tenth of a millisecond
    rate = float(nearest) if abs(rate - nearest) < 0.01 * rate else rate
    _check_rate(path, rate)
    return table[..., :3], np.clip(table[..., 3], 0, 1), rate


def _check_rate(path: Path, fps: float) -> None:
    if not 1 <= fps <= 1000:
        raise DancegenError(f"{path} has {fps:g} poses a second", "export it with --fps from 1 to 240")


def _is_plain(values: np.ndarray, least: float, most: float) -> bool:
    return bool((values >= least).all() and (values <= most).all())


def _is_points(*shape: int | None) -> Callable[[np.ndarray, int], bool]:
    """Whether an array has this shape behind its poses, None for any length, and holds places."""

    def fits(values: np.ndarray, count: int) -> bool:
        same = values.ndim == 1 + len(shape) and len(values) == count
        same = same and all(wanted in (None, size) for wanted, size in zip(shape, values.shape[1:], strict=True))
        return same and _is_plain(values, -FARTHEST, FARTHEST)

    return fits


MORE = {"yaw": _is_points(), "depth": _is_points(), "hands": _is_points(2, HAND, 3), "face": _is_points(None, 3)}


def _placement(joints: np.ndarray, pixels: np.ndarray, canvas: np.ndarray) -> Placement | None:
    """The placement that leads from a canonical dance to its pixels; None where it was put on another body."""
    flat, placed = joints[..., :2].reshape(-1, 2), pixels[..., :2].reshape(-1, 2)
    middle, there = flat.mean(axis=0), placed.mean(axis=0)
    spread = float(((flat - middle) ** 2).sum())
    if spread <= 0:
        return None
    scale = float(((flat - middle) * (placed - there)).sum()) / spread
    x, y = (there - scale * middle).tolist()
    if scale <= 0 or np.abs(flat * scale + (x, y) - placed).max() > SAME_PLACE:
        return None
    return Placement(round(float(canvas[0])), round(float(canvas[1])), scale, x, y)


def _take_back(points: np.ndarray, placement: Placement) -> np.ndarray:
    """Hands or a face (T, ..., 3) in pixels as the canonical dance has them."""
    places = (points[..., :2] - (placement.x, placement.y)) / placement.scale
    there = np.concatenate([places, np.clip(points[..., 2:], 0, 1)], axis=-1)
    return np.where(points[..., 2:] > 0, there, 0).astype(np.float32)
