"""Training and validation apart by choreography, not by recording: for every network that learns from dancers.

Couples of the data dance one choreography in several recordings, and some recordings hold the same capture twice. So a
stretch of training that a validation dancer dances too, a "twin", leaves the training; and where training recordings
are twins of each other, each counts a share, so that together they count once.

A window is WINDOW poses; two windows are twins when the mean distance of their joints, straightened and about the
mid-hip, is below TWIN body heights.

Glossary: T poses at 30 a second, V = 18 joints, N windows, S = 25 poses of a window that are compared, C components.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

VALIDATION_TAKES = (
    "DANCE_C_4",
    "DANCE_R_2",
    "DANCE_W_24",
    "cmu_60_08",
    "cmu_61_08",
    "cmu_60_14",
    "cmu_61_14",
    "cmu_05_18",
    "cmu_charleston2",
    "cmu_131_04",
    "m2m_dance_body_roll",
)
CHOICE_TAKES = ("DANCE_R_2", "cmu_60_08", "cmu_61_08")  # of these: sampling and the like of `capture/` are chosen on
VALIDATION_SONGS = (  # what was chosen by looking was chosen on these
    "honky-tonk_villain",
    "pink_blue",
    "boomboxhead-contententnumber2",
    "krampus_workshop",
    "lobby",
)
TEST_SONGS = (  # neither trained on nor looked at while choosing
    "boom_-_ripper",
    "country",
    "fate",
    "game-60s",
    "the_haunted_mansion_the_courtyard",
)
WINDOW = 75  # poses, 2.5 s
TWIN = 0.01  # body heights
EVERY = 3  # one pose of so many is compared within a window
HOP = 6  # poses between the windows that are looked for; any pose may begin the one that is found
COMPONENTS = 12  # of a pose, enough for a first look; what is near is measured exactly
NEAR = 0.02  # body heights, root mean square of those components, at which it is
BLOCK = 256  # windows looked for at a time


@dataclass(frozen=True)
class Take:
    """One recording: `name`, and joints (T, V, 3) straightened and about the mid-hip, in body heights."""

    name: str
    joints: np.ndarray


@dataclass(frozen=True)
class Twin:
    """Pose `start` of take `take` begins a window that is a twin of the one at `other_start` of `other`."""

    take: int
    start: int
    other: int
    other_start: int


def is_validation(name: str) -> bool:
    """Whether a recording or song of this name is never trained on."""
    return name in VALIDATION_TAKES or name in VALIDATION_SONGS or name in TEST_SONGS


def find_twins(looked_for: Sequence[Take], among: Sequence[Take], hop: int = HOP) -> list[Twin]:
    """Every twin of a window (one each `hop` poses) of `looked_for` in `among`, at whatever pose it begins.

    A take is no twin of itself within a window's length.
    """
    centre, basis = _components([take.joints for take in among])
    search, owner, start = _windows(among, centre, basis, 1)
    lengths = np.einsum("nc,nc->n", search, search)
    found: list[Twin] = []
    for index, take in enumerate(looked_for):
        wanted, _, begins = _windows([take], centre, basis, hop)
        for first in range(0, len(wanted), BLOCK):
            part = wanted[first : first + BLOCK]
            square = np.einsum("nc,nc->n", part, part)[:, None] + lengths - 2 * part @ search.T  # (BLOCK, N)
            for row, column in zip(*np.nonzero(square < NEAR**2), strict=True):
                other, at, here = int(owner[column]), int(start[column]), int(begins[first + row])
                itself = among[other].name == take.name and abs(at - here) < WINDOW
                if not itself and _distance(take.joints, here, among[other].joints, at) < TWIN:
                    found.append(Twin(index, here, other, at))
    return found


def twin_free_poses(training: Sequence[Take], validation: Sequence[Take]) -> list[np.ndarray]:
    """For each training take the poses (T,) bool that lie in no twin of a validation window."""
    free = [np.ones(len(take.joints), bool) for take in training]
    for twin in find_twins(validation, training):
        free[twin.other][max(0, twin.other_start - HOP) : twin.other_start + WINDOW + HOP] = False
    return free


def shares(training: Sequence[Take], hop: int = 15) -> list[np.ndarray]:
    """How much each pose (T,) of each training take counts: one over the number of takes that dance it."""
    dancers = [np.ones(len(take.joints), np.float32) for take in training]
    others: dict[tuple[int, int], set[int]] = {}
    for twin in find_twins(training, training, hop):
        others.setdefault((twin.take, twin.start), set()).add(twin.other)
    for (take, start), names in others.items():
        part = dancers[take][start : start + WINDOW]
        np.maximum(part, 1 + len(names - {take}), out=part)
    return [1 / count for count in dancers]


def _components(joints: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The mean pose (3 V,) and the main components (3 V, C) of poses, scaled to root mean square joint distance."""
    poses = np.concatenate([one[::15].reshape(-1, one.shape[1] * 3) for one in joints]).astype(np.float64)
    centre = poses.mean(axis=0)
    _, vectors = np.linalg.eigh(np.cov(poses, rowvar=False))
    basis = vectors[:, -COMPONENTS:] / (joints[0].shape[1]) ** 0.5
    return centre.astype(np.float32), basis.astype(np.float32)


def _windows(
    takes: Sequence[Take], centre: np.ndarray, basis: np.ndarray, hop: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Windows (N, S C) whose difference's length is a root mean square distance; take (N,) and first pose (N,)."""
    steps = np.arange(0, WINDOW, EVERY)
    rows, owner, start = [np.zeros((0, len(steps) * basis.shape[1]), np.float32)], [], []
    for index, take in enumerate(takes):
        first = np.arange(0, len(take.joints) - WINDOW + 1, hop)
        if len(first):
            reduced = (take.joints.reshape(len(take.joints), -1) - centre) @ basis  # (T, C)
            rows.append((reduced[first[:, None] + steps] / len(steps) ** 0.5).reshape(len(first), -1))
            owner += [index] * len(first)
            start += first.tolist()
    return np.concatenate(rows).astype(np.float32), np.asarray(owner, int), np.asarray(start, int)


def _distance(first: np.ndarray, at: int, second: np.ndarray, there: int) -> float:
    """The mean joint distance of two windows."""
    gap = first[at : at + WINDOW : EVERY] - second[there : there + WINDOW : EVERY]
    return float(np.linalg.norm(gap, axis=-1).mean())
