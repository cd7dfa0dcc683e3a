"""The log of a training run."""

from __future__ import annotations

import csv
from pathlib import Path

from dancegen.lab.train.log import append_log, cut_log


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_resumed_log_has_no_step_twice(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    for step in (50, 100, 150):
        append_log(log, step, {"seconds": 1.0, "position": 0.5})
    cut_log(log, 100)
    append_log(log, 150, {"seconds": 1.0, "position": 0.4})
    assert [(row["step"], row["position"]) for row in _rows(log)] == [("50", "0.5"), ("100", "0.5"), ("150", "0.4")]
    cut_log(tmp_path / "none.csv", 100)
    assert not (tmp_path / "none.csv").exists()


def test_terms_that_begin_later_get_a_column(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    append_log(log, 1, {"loss": 0.123456789})
    append_log(log, 2, {"judge": 0.25})
    assert _rows(log) == [{"step": "1", "loss": "0.12346", "judge": ""}, {"step": "2", "loss": "", "judge": "0.25"}]
