"""How smoothly gaps in held-out dances are filled: what the seams' accelerations are against those inside.

Glossary: T poses at 30 a second, V = 18 joints.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dancegen.body.sequence import SkeletonSequence
from dancegen.capture.complete import fill_gap
from dancegen.capture.movement import to_channels
from dancegen.capture.network import Vimo
from dancegen.capture.settle import to_sequence
from dancegen.lab.datasets.performances import Performances, draw_windows
from dancegen.lab.train.vimo.samples import generator_of

POSES = 240  # of a dance, 8 s
GAP = (90, 150)  # poses that are filled, 2 s
BESIDE = 2  # poses on each side of a seam that belong to it


@dataclass(frozen=True)
class Seams:
    """The mean acceleration at seams over that inside fills, and over that of the true dances at the same poses; and
    whether all known poses are what they were."""

    inside: float
    true: float
    equal: bool


def measure_seams(network: Vimo, held_out: Performances, count: int) -> Seams:
    """Of `count` dances with one gap each."""
    directions, root = draw_windows(held_out, count, POSES, generator_of(300, 0), 0.0)
    seam, inside, true, equal = [], [], [], True
    begin, end = GAP
    at = np.concatenate([np.arange(edge - BESIDE, edge + BESIDE) for edge in GAP])
    for number, moved in enumerate(to_channels(directions, root)):
        dance = to_sequence(moved)
        whole = fill_gap(network, dance, begin, end, number)
        known = np.r_[0:begin, end:POSES]
        equal &= bool((whole.joints[known] == dance.joints[known]).all())
        made = accelerations(whole)
        seam.append(made[at].mean())
        inside.append(made[begin + BESIDE : end - BESIDE].mean())
        true.append(accelerations(dance)[at].mean())
    return Seams(float(np.mean(seam) / np.mean(inside)), float(np.mean(seam) / np.mean(true)), equal)


def accelerations(dance: SkeletonSequence) -> np.ndarray:
    """The mean second difference of joints at each pose (T,), with the path; 0 at the ends."""
    joints = dance.joints.astype(np.float64).copy()
    if dance.depth is not None:
        joints[..., 2] += dance.depth[:, None]
    bend = np.linalg.norm(joints[2:] - 2 * joints[1:-1] + joints[:-2], axis=-1).mean(axis=1)
    return np.pad(bend, 1)
