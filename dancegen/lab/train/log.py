"""The log of a training run: a CSV file with a line a report, that a run which goes on continues."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

DIGITS = 5  # behind the point


def append_log(path: Path, step: int, row: Mapping[str, float]) -> None:
    """One more line. What a line does not say stays empty; a log begun with fewer columns gets those that it lacks."""
    columns, rows = _read(path)
    missing = [name for name in ("step", *row) if name not in columns]
    with path.open("w" if missing else "a", newline="") as file:
        writer = csv.DictWriter(file, columns + missing, restval="")
        if missing:
            writer.writeheader()
            writer.writerows(rows)
        writer.writerow({"step": step, **{name: round(value, DIGITS) for name, value in row.items()}})


def cut_log(path: Path, step: int) -> None:
    """Forget what was logged after `step`, the last one saved before a run was killed: it is done again."""
    columns, rows = _read(path)
    if all(int(row["step"]) <= step for row in rows):
        return
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(row for row in rows if int(row["step"]) <= step)


def _read(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    """The columns and the lines; none where there is no log yet."""
    if not path.exists():
        return [], []
    with path.open(newline="") as file:
        reader = csv.DictReader(file)
        return list(reader.fieldnames or []), list(reader)
