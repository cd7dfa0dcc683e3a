"""How a learnt style dances beside what its choreographer dances anyway (`auto`), on the same songs and seeds.

A judge that has learnt the styles of training performances (`styles.train_judge`) says of each window of 2.5 s how
much it is of the genre that was learnt; the style is preferred where that is more than in the same window of the base's
dance. Diversity is between takes of one song.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from dancegen.choreographers.stg_mamba.config import STYLES
from dancegen.choreographers.stg_mamba.dance import StgMamba
from dancegen.dances import metrics
from dancegen.lab.datasets.data import find_material, style_of
from dancegen.lab.datasets.motion import FPS, Motion, read_motion
from dancegen.lab.datasets.split import is_validation
from dancegen.lab.evaluate.choreographer import HeardSong
from dancegen.lab.evaluate.styles import HOP, SKIP, WINDOW, train_judge
from dancegen.lab.train.stg_mamba.networks import GenreNetwork
from dancegen.progress import Reporter, SilentReporter

Takes = list[list[np.ndarray]]  # of each song, of each seed, (T, V, 3)


def judge_of(data: Path, seed: int = 1) -> tuple[GenreNetwork, list[Motion]]:
    """A judge of styles from the training performances under `data`, and those that are held out."""
    files, _ = find_material(data)
    motions = [motion for file in files for motion in read_motion(file, style_of(file))]
    held_out = [motion for motion in motions if is_validation(motion.source)]
    training = [motion for motion in motions if not is_validation(motion.source)]
    return train_judge(training, held_out, seed), held_out


def compare(
    dancer: StgMamba, style: str, songs: Sequence[HeardSong], seeds: int, reporter: Reporter | None = None
) -> dict[str, Takes]:
    """Dances facing the camera: {"base": ..., "learnt": ...}, of each song as many takes as seeds."""
    reporter = reporter or SilentReporter()
    reporter.stage("dancing", 2 * len(songs) * seeds, "dances")

    def take(song: HeardSong, name: str, seed: int) -> np.ndarray:
        dance = dancer.dance(song.song, song.grid, seed=seed, style=name, turns=0.0)
        reporter.advance()
        return dance.joints

    names = {"base": STYLES[0], "learnt": style}
    return {what: [[take(song, name, seed) for seed in range(seeds)] for song in songs] for what, name in names.items()}


def style_rows(
    judge: GenreNetwork, genre: str, dances: dict[str, Takes], songs: Sequence[HeardSong]
) -> dict[str, dict[str, float]]:
    """Of base and learnt: windows that the judge calls the genre (%), hit rate and coverage (%), diversity; of learnt
    also `preferred`, the share of windows (%) that are more of the genre than the base's."""
    said = {name: [_judge_windows(judge, genre, one) for takes in of for one in takes] for name, of in dances.items()}
    rows = {}
    for name, of in dances.items():
        scores = [
            metrics.beat_scores(one, FPS, song.beats) for song, takes in zip(songs, of, strict=True) for one in takes
        ]
        rows[name] = {
            "of the genre": 100 * float(np.mean(np.concatenate(said[name])[:, 1])),
            "hit rate": float(np.mean([row["hit_rate"] for row in scores])),
            "coverage": float(np.mean([row["coverage"] for row in scores])),
            "diversity": float(np.mean([metrics.diversity(takes) for takes in of])),
        }
    more = np.concatenate(said["learnt"])[:, 0] > np.concatenate(said["base"])[:, 0]
    rows["learnt"]["preferred"] = 100 * float(more.mean())
    return rows


def _judge_windows(judge: GenreNetwork, genre: str, dance: np.ndarray) -> np.ndarray:
    """Of each window of a dance (T, V, 3) the log probability of the genre, and whether it is the likeliest: (N, 2)."""
    skip = int(SKIP * FPS)
    middle, number = dance[skip:-skip], STYLES.index(genre)
    windows = [middle[at : at + WINDOW] for at in range(0, len(middle) - WINDOW + 1, HOP)]
    with torch.inference_mode():
        found = judge(torch.from_numpy(np.stack(windows)).float())[0].log_softmax(dim=1)  # (N, S)
    return np.stack([found[:, number].numpy(), (found.argmax(dim=1) == number).numpy()], axis=1)
