"""The windows of dance and music that HotDance trains on: drawn once from the choreographers' stage, kept in one file.

The stage lays phrases on beats. What the music of a window asks for is then read from the dance itself (`traits.py`):
so one tells of the other. Some arms are those of another window, so that they are not all held as in couples.

Bodies, cameras and noise are drawn anew in each step (`views.py`). Time is counted in beats.

Glossary: N windows, Q beats, T = 8 Q frames, L = 17 bones, K clock values.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dancegen.choreographers.hotdance.config import HotDanceConfig
from dancegen.choreographers.hotdance.music import clocks
from dancegen.choreographers.stg_mamba.config import STYLES
from dancegen.choreographers.stg_mamba.sketch import sample, unit_directions
from dancegen.errors import DancegenError
from dancegen.lab.datasets.motion import FPS
from dancegen.lab.datasets.placing import HELD, Stage, Window
from dancegen.lab.train.hotdance.traits import beat_quantiles, rank_traits, window_traits
from dancegen.progress import Reporter, SilentReporter
from dancegen.styles.arms import with_arms

PIECES = 190  # of a drawn window: 19 s are as many beats as a segment has at the slowest tempo
ALIGNED = 0.7  # share of the windows that begin with a bar of four, as segments of a song do
SPARE = 3  # poses at the ends that splines need
DANCED = {"cha-cha": 1.0, "rumba": 0.9, "tango": 0.5, "waltz": 0.7, "salsa": 1.6, "ballet": 1.2, "other": 0.9}
OTHER_ARMS = 0.25  # share of the windows in no closed hold whose arms are those of another such window


@dataclass(frozen=True)
class Pool:
    """Windows.

    Attributes:
        directions: (N, T, L, 3) float16, straightened.
        root: (N, T, 2) float32, mid-hip in body heights.
        turn: (N, T) float16, radians that the dancer turns in each frame.
        asked: (N, Q, 5) float32, what the dance is like, as music asks for it.
        clock: (N, Q, K) float32.
        style: (N,) uint8, of STYLES.
    """

    directions: np.ndarray
    root: np.ndarray
    turn: np.ndarray
    asked: np.ndarray
    clock: np.ndarray
    style: np.ndarray

    def __len__(self) -> int:
        return len(self.root)


def draw_pool(
    stage: Stage, count: int, config: HotDanceConfig, seed: int, reporter: Reporter | None = None
) -> tuple[Pool, np.ndarray]:
    """`count` windows, decided by `seed` alone, and the table (R, 5) by which beats are ranked."""
    reporter = reporter or SilentReporter()
    rows = draw_windows(stage, count, config, seed, reporter)
    rng = np.random.default_rng([seed, count])
    rows["directions"] = free_arms(rows["directions"], rows["style"], rng)
    raw = window_traits(rows["directions"], rows["root"], rows.pop("period"))
    asked = rank_traits(raw, rows["style"])
    return Pool(asked=asked, **rows), beat_quantiles(stage.sounds)


def draw_windows(
    stage: Stage, count: int, config: HotDanceConfig, seed: int, reporter: Reporter
) -> dict[str, np.ndarray]:
    """The dances of `count` windows; `period` (N, Q) are the seconds of their beats."""
    stage = Stage(stage.banks, stage.sounds, DANCED, stage.sources.tolist(), stage.codec)
    reporter.stage("placing phrases on music", count, "windows")
    rows: list[dict[str, np.ndarray]] = []
    number = 0
    while len(rows) < count:
        rng = np.random.default_rng([seed, number])
        number += 1
        found = by_beats(stage.draw(PIECES, rng, whole=True), config, rng)[: count - len(rows)]
        rows += found
        for _ in found:
            reporter.advance()
    return {name: np.stack([row[name] for row in rows]) for name in rows[0]}


def free_arms(directions: np.ndarray, style: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Directions (N, T, L, 3) of windows of styles (N,), some of them with the arms of others."""
    free = np.flatnonzero(~np.isin(style, [STYLES.index(name) for name in HELD]))
    takes = free[rng.random(len(free)) < OTHER_ARMS]
    gives = free[rng.integers(0, len(free), len(takes))] if len(free) else free

    def values(row: int) -> np.ndarray:
        flat = directions[row].reshape(len(directions[row]), -1).astype(np.float32)
        return np.pad(flat, ((0, 0), (0, 3)))

    made = directions.copy()
    for row, other in zip(takes, gives, strict=True):
        made[row] = with_arms(values(row), values(other))[:, :-3].reshape(directions.shape[1:])
    return made


def by_beats(window: Window, config: HotDanceConfig, rng: np.random.Generator) -> list[dict[str, np.ndarray]]:
    """The stretches of a window that begins with a phrase, each as many beats long as a segment, if it has so many."""
    edges = np.arange(len(window.position)) / 10  # s
    end = (len(window.target) - SPARE) / FPS
    last = int(np.floor(np.interp(end, edges, window.position)))
    first = int(rng.integers(0, 8))
    first -= first % 4 if rng.random() < ALIGNED else 0
    found = []
    while first + config.columns <= last:
        found.append(_stretch(window, first, config))
        first += config.columns - config.columns % 4
    return found


def _stretch(window: Window, first: int, config: HotDanceConfig) -> dict[str, np.ndarray]:
    """The beats from `first` on."""
    edges = np.arange(len(window.position)) / 10
    beat = first + np.arange(config.columns + 1)
    times = np.interp(beat, window.position, edges)
    place = np.interp(first + np.arange(config.frames) / config.stride, window.position, edges) * FPS
    poses = unit_directions(sample(window.target, np.clip(place, 1, len(window.target) - SPARE)))
    period = np.diff(times)
    style = STYLES.index(window.style) if window.style in STYLES else 0
    return {
        "directions": poses[:, :-3].reshape(len(poses), -1, 3).astype(np.float16),
        "root": poses[:, -3:-1].astype(np.float32),
        "turn": (poses[:, -1] * np.repeat(period, config.stride) / config.stride).astype(np.float16),
        "period": period.astype(np.float32),
        "clock": clocks(first, period, window.meter),
        "style": np.asarray(style, np.uint8),
    }


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
