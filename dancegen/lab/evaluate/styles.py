"""Styles apart: does a judge tell them, and how near is each to real dancing of that style?

- The judge is the ST-GCN of the perceptual loss, trained anew on windows of 2.5 s of the training performances that no
  held-out dancer dances; its hit rate on dances is given beside its own on held-out real windows.
- Frechet distances by style: every song is danced in every style, and styles weigh as in the real footage. A dance in
  one style is no mixture: real cha-cha alone is further from all real dancing than two halves of that from each other.

Glossary: N windows, T poses, V = 18 joints.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from dancegen.choreographers.base import Choreographer
from dancegen.choreographers.stg_mamba.config import STYLES
from dancegen.dances import metrics
from dancegen.lab.datasets.motion import FPS, Motion
from dancegen.lab.datasets.split import twin_free_poses
from dancegen.lab.evaluate.choreographer import HeardSong, RealDance, frechet_row, halves_row
from dancegen.lab.train.stg_mamba.networks import GenreNetwork
from dancegen.lab.train.stg_mamba.train import fit_genre, hold_still

WINDOW = round(2.5 * FPS)
HOP = WINDOW // 2
STEPS = 400
SKIP = 4.0  # seconds at both ends of a dance, in which it begins and ends


def train_judge(
    training: Sequence[Motion], held_out: Sequence[Motion], seed: int = 1, steps: int = STEPS
) -> GenreNetwork:
    """A judge of styles that has seen nothing that a held-out dancer dances."""
    from dancegen.lab.datasets.data import straighten

    free = twin_free_poses([straighten(one) for one in training], [straighten(one) for one in held_out])
    parts = [part for one, kept in zip(training, free, strict=True) for part in _stretches(one, kept)]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        judge = GenreNetwork()
    fit_genre(judge, parts, steps, torch.Generator().manual_seed(seed), torch.device("cpu"), WINDOW)
    hold_still(judge)
    return judge


def _stretches(motion: Motion, kept: np.ndarray) -> list[Motion]:
    """The stretches of a performance that are kept, (T,) bool."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], kept, [False]]).astype(int)))
    runs = zip(edges[::2], edges[1::2], strict=True)
    return [
        Motion(motion.directions[a:b], motion.root[a:b], motion.style, motion.source, motion.start)
        for a, b in runs
        if b - a >= WINDOW
    ]


def judge_windows(judge: GenreNetwork, dances: Sequence[np.ndarray]) -> np.ndarray:
    """The style (N,) that the judge sees in each window of dances (T, V, 3)."""
    windows = [dance[at : at + WINDOW] for dance in dances for at in range(0, len(dance) - WINDOW + 1, HOP)]
    if not windows:
        return np.zeros(0, int)
    with torch.inference_mode():
        return judge(torch.from_numpy(np.stack(windows)).float())[0].argmax(dim=1).numpy()


def dances_by_style(
    dancer: Choreographer, songs: Sequence[HeardSong], seeds: Sequence[int]
) -> dict[str, list[np.ndarray]]:
    """The middles of dances facing the camera, in every style that is offered."""
    skip = int(SKIP * FPS)

    def middle(song: HeardSong, style: str, seed: int) -> np.ndarray:
        return dancer.dance(song.song, song.grid, seed=seed, style=style, turns=0.0).joints[skip:-skip]

    return {style: [middle(song, style, seed) for song in songs for seed in seeds] for style in dancer.styles[1:]}


def style_rows(
    judge: GenreNetwork, dances: dict[str, list[np.ndarray]], held_out: Sequence[Motion]
) -> dict[str, dict[str, float]]:
    """For each style what the judge says of it, in %: `danced`, of our dances; `real`, of held-out real windows."""
    rows = {}
    for style, of_style in dances.items():
        number = STYLES.index(style)
        seen = judge_windows(judge, [one.joints for one in held_out if one.style == style])
        found = judge_windows(judge, of_style)
        rows[style] = {"danced": 100 * float((found == number).mean())}
        if len(seen):
            rows[style]["real"] = 100 * float((seen == number).mean())
        others = np.bincount(found[found != number], minlength=len(STYLES))
        if others.any():
            rows[style][f"as {STYLES[int(others.argmax())]}"] = 100 * float(others.max()) / len(found)
    return rows


def matched_row(dances: dict[str, list[np.ndarray]], real: RealDance) -> dict[str, float]:
    """PFD and VFD of dances against real ones, both with the styles' shares of the real footage."""
    by_style = {style: [one.joints for one in real.stretches if one.style == style] for style in dances}
    by_style = {style: of_style for style, of_style in by_style.items() if of_style}
    weights = [sum(map(len, of_style)) for of_style in by_style.values()]
    row = {}
    for name, features in (("pfd", metrics.pose_features), ("vfd", lambda one: metrics.velocity_features(one, FPS))):
        made = mix_moments([[features(one) for one in dances[style]] for style in by_style], weights)
        true = mix_moments([[features(one) for one in of_style] for of_style in by_style.values()], weights)
        row[name] = metrics.gaussian_distance(*made, *true)
    return row


def frechet_by_style(dances: dict[str, list[np.ndarray]], real: RealDance) -> dict[str, dict[str, float]]:
    """For each style of which there are two real recordings PFD and VFD of its dances, over those of halves of them."""
    rows = {}
    for style, made in dances.items():
        of_style = [one for one in real.stretches if one.style == style]
        if len({one.source for one in of_style}) > 1:
            own, halves = frechet_row(made, [one.joints for one in of_style]), halves_row(of_style)
            rows[style] = {name: own[name] / halves[name] for name in ("pfd", "vfd")}
    return rows


def mix_moments(parts: Sequence[Sequence[np.ndarray]], weights: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """Mean (C,) and covariance (C, C) of features that are weighed by part."""
    means, squares = [], []
    for part in parts:
        rows = np.concatenate(part)
        means.append(rows.mean(axis=0))
        squares.append(rows.T @ rows / len(rows))
    mean = np.average(means, axis=0, weights=weights)
    return mean, np.average(squares, axis=0, weights=weights) - np.outer(mean, mean)
