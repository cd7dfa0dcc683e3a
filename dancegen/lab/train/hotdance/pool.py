"""The windows of dance and music that HotDance trains on: drawn once from the choreographers' stage, kept in one file.

Bodies, cameras and noise are drawn anew in each step (`views.py`); which phrase lies on which music is drawn here, so
that a step costs no phrase to be placed.

Glossary: N windows, F pieces of 0.1 s, T = 3 F poses, L = 17 bones, S slices of a piece, M mel bands.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dancegen.choreographers.stg_mamba.config import STYLES
from dancegen.errors import DancegenError
from dancegen.lab.datasets.placing import Stage
from dancegen.progress import Reporter, SilentReporter


@dataclass(frozen=True)
class Pool:
    """Windows.

    Attributes:
        directions: (N, T, L, 3) float16, straightened.
        root: (N, T, 2) float32, mid-hip in body heights.
        rate: (N, T) float16, radians per second of turning.
        mel: (N, F, S, M) float16.
        position, period: (N, F) float32, beats since a phrase's first and seconds per beat.
        style: (N,) uint8, of STYLES.
        meter: (N,) uint8.
    """

    directions: np.ndarray
    root: np.ndarray
    rate: np.ndarray
    mel: np.ndarray
    position: np.ndarray
    period: np.ndarray
    style: np.ndarray
    meter: np.ndarray

    def __len__(self) -> int:
        return len(self.root)


def draw_pool(stage: Stage, count: int, pieces: int, seed: int, reporter: Reporter | None = None) -> Pool:
    """`count` windows of `pieces`, decided by `seed` alone."""
    reporter = reporter or SilentReporter()
    reporter.stage("placing phrases on music", count, "windows")
    rows: dict[str, list[np.ndarray]] = {name: [] for name in Pool.__dataclass_fields__}
    for number in range(count):
        window = stage.draw(pieces, np.random.default_rng([seed, number]))
        poses = window.target  # (T, C)
        made = {
            "directions": poses[:, :-3].reshape(len(poses), -1, 3).astype(np.float16),
            "root": poses[:, -3:-1].astype(np.float32),
            "rate": poses[:, -1].astype(np.float16),
            "mel": window.mel.astype(np.float16),
            "position": window.position.astype(np.float32),
            "period": window.period.astype(np.float32),
            "style": np.uint8(STYLES.index(window.style) if window.style in STYLES else 0),
            "meter": np.uint8(window.meter),
        }
        for name, value in made.items():
            rows[name].append(np.asarray(value))
        reporter.advance()
    return Pool(**{name: np.stack(values) for name, values in rows.items()})


def save_pool(path: Path, pool: Pool) -> None:
    """Write a pool into one .npz, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part.npz")
    np.savez(part, **{name: getattr(pool, name) for name in Pool.__dataclass_fields__})
    part.replace(path)


def load_pool(path: Path) -> Pool:
    """Read what `save_pool` wrote; raises DancegenError where it is missing or broken."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return Pool(**{name: file[name] for name in Pool.__dataclass_fields__})
    except (OSError, ValueError, KeyError) as cause:
        raise DancegenError(f"{path} is no pool of training windows", "delete it and run again") from cause
