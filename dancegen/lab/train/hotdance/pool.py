"""The windows of dance and music that HotDance trains on: drawn once from the choreographers' stage, kept in one file.

Bodies, cameras and noise are drawn anew in each step (`views.py`); which phrase lies on which music is drawn here, so
that a step costs no phrase to be placed. Time is counted in beats.

Glossary: N windows, Q beats, T = 8 Q frames, L = 17 bones, G M sound of a beat, K clock values.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dancegen.audio.spectrum import BANDS
from dancegen.choreographers.hotdance.config import HotDanceConfig
from dancegen.choreographers.hotdance.music import clocks, sounds
from dancegen.choreographers.stg_mamba.config import STYLES
from dancegen.choreographers.stg_mamba.sketch import sample, unit_directions
from dancegen.errors import DancegenError
from dancegen.lab.datasets.motion import FPS
from dancegen.lab.datasets.placing import Stage, Window
from dancegen.progress import Reporter, SilentReporter

PIECES = 160  # of a drawn window: 16 s are as many beats as a segment has at the slowest tempo
ALIGNED = 0.7  # share of the windows that begin with a bar of four, as segments of a song do
SPARE = 3  # poses at the ends that splines need


@dataclass(frozen=True)
class Pool:
    """Windows.

    Attributes:
        directions: (N, T, L, 3) float16, straightened.
        root: (N, T, 2) float32, mid-hip in body heights.
        turn: (N, T) float16, radians that the dancer turns in each frame.
        sound: (N, Q, G M) float16.
        asked: (N, Q, 4) float32, what the music asks for.
        clock: (N, Q, K) float32.
        style: (N,) uint8, of STYLES.
    """

    directions: np.ndarray
    root: np.ndarray
    turn: np.ndarray
    sound: np.ndarray
    asked: np.ndarray
    clock: np.ndarray
    style: np.ndarray

    def __len__(self) -> int:
        return len(self.root)


def draw_pool(stage: Stage, count: int, config: HotDanceConfig, seed: int, reporter: Reporter | None = None) -> Pool:
    """`count` windows, decided by `seed` alone."""
    reporter = reporter or SilentReporter()
    reporter.stage("placing phrases on music", count, "windows")
    rows: dict[str, list[np.ndarray]] = {name: [] for name in Pool.__dataclass_fields__}
    made = number = 0
    while made < count:
        rng = np.random.default_rng([seed, number])
        number += 1
        for row in by_beats(stage.draw(PIECES, rng, whole=True), config, rng)[: count - made]:
            for name, value in row.items():
                rows[name].append(value)
            made += 1
            reporter.advance()
    return Pool(**{name: np.stack(values) for name, values in rows.items()})


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
        "sound": sounds(window.mel.reshape(-1, BANDS), times).astype(np.float16),
        "asked": window.ranks[np.minimum(beat[:-1] // window.phrase, len(window.ranks) - 1)].astype(np.float32),
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
