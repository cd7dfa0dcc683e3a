"""Can dances be told from real dancing? A judge of plain measures, and what it goes by.

The judge is a logistic regression on measures of windows of 2.5 s: where feet and hands are, how fast and how evenly
limbs go, how long feet stand. It learns from every second recording and song and is asked about the others, and the
other way round. 50 % cannot be told, 100 % always.

Glossary: T poses, V = 18 joints, N windows, C measures.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from dancegen.body import joints as J
from dancegen.body.joints import mid_hip
from dancegen.lab.datasets.motion import FPS

WINDOW = round(2.5 * FPS)
LIMBS = {
    "ankles": (J.R_ANKLE, J.L_ANKLE),
    "knees": (J.R_KNEE, J.L_KNEE),
    "wrists": (J.R_WRIST, J.L_WRIST),
    "elbows": (J.R_ELBOW, J.L_ELBOW),
    "head": (J.NOSE,),
}
STILL, FLAT = 0.03, 0.01  # body heights per second of an ankle that stands, body heights of one on the ground
RIDGE = 3.0  # how much weights cost
STEPS = 30  # of Newton's method
FARTHEST = 4.0  # deviations
NAMED = 5  # measures


def measure_window(joints: np.ndarray) -> dict[str, float]:
    """The measures of a window (T, V, 3)."""
    hips = mid_hip(joints)
    shape = joints - hips[:, None]
    row: dict[str, float] = {}
    for name, pair in (("feet", LIMBS["ankles"]), ("hands", LIMBS["wrists"])):
        for axis, where in enumerate(("aside", "up", "deep")):
            gap = shape[:, pair[0], axis] - shape[:, pair[1], axis]
            middle = shape[:, list(pair), axis].mean(axis=1)
            row |= {f"{name} apart {where}": float(np.abs(gap).mean()), f"{name} apart {where}, change": gap.std()}
            row |= {f"{name} {where}": float(np.abs(middle).mean()), f"{name} {where}, change": float(middle.std())}
    for name, group in LIMBS.items():
        speed = np.linalg.norm(np.diff(shape[:, list(group)], axis=0), axis=-1).mean(axis=1) * FPS
        rush = np.linalg.norm(np.diff(shape[:, list(group)], n=2, axis=0), axis=-1).mean(axis=1) * FPS**2
        row |= {f"{name} speed": float(speed.mean()), f"{name} top speed": float(np.quantile(speed, 0.95))}
        row[f"{name} rest"] = float(np.quantile(speed, 0.1) / (speed.mean() + 1e-3))
        row |= {f"{name} acceleration": float(np.log(rush.mean() + 0.05)), f"{name} jolts": float(_peak(rush))}
    ankles = joints[:, [J.R_ANKLE, J.L_ANKLE]]
    slow = np.abs(np.diff(ankles[..., 0], axis=0)) * FPS < STILL
    row |= {"a foot stands": float(slow.any(axis=1).mean()), "both feet stand": float(slow.all(axis=1).mean())}
    row["both on the ground"] = float((ankles[..., 1] > ankles[..., 1].max() - FLAT).all(axis=1).mean())
    travel = np.abs(np.diff(hips[:, :2], axis=0)).mean(axis=0) * FPS
    row |= {"hips aside, speed": float(travel[0]), "hips up, speed": float(travel[1]), "hips height": hips[:, 1].mean()}
    for name, ends in (("shoulders", (J.R_SHOULDER, J.L_SHOULDER)), ("hips", (J.R_HIP, J.L_HIP))):
        line = joints[:, ends[1]] - joints[:, ends[0]]
        row |= {f"{name} tilt": float(np.abs(line[:, 1]).mean()), f"{name} turn": float(np.abs(line[:, 2]).mean())}
    row["lean"] = float(np.abs(shape[:, J.NECK, 0]).mean())
    return row


def _peak(values: np.ndarray) -> float:
    return float(np.log(np.quantile(values, 0.98) / (values.mean() + 1e-3) + 1e-3))


def measure(dances: Sequence[np.ndarray]) -> tuple[np.ndarray, list[str]]:
    """(N, C) of the windows of dances (T, V, 3), and the names of the measures."""
    rows = [measure_window(window) for dance in dances for window in _windows(dance)]
    return np.array([list(row.values()) for row in rows]), list(rows[0])


def _windows(dance: np.ndarray) -> Iterator[np.ndarray]:
    yield from (dance[at : at + WINDOW] for at in range(0, len(dance) - WINDOW + 1, WINDOW))


def fit_judge(measures: np.ndarray, made: np.ndarray) -> np.ndarray:
    """Weights (C + 1,) of measures (N, C) by which windows are called made, (N,) 0 or 1; both kinds count alike."""
    rows = np.column_stack([measures, np.ones(len(measures))])
    counts = np.where(made == 1, 0.5 / made.mean(), 0.5 / (1 - made.mean()))
    weights, ridge = np.zeros(rows.shape[1]), RIDGE * np.eye(rows.shape[1])
    for _ in range(STEPS):
        odds = 1 / (1 + np.exp(-np.clip(rows @ weights, -30, 30)))
        slope = rows.T @ (counts * (odds - made)) + RIDGE * np.append(weights[:-1], 0)
        bend = (rows * (counts * odds * (1 - odds))[:, None]).T @ rows + ridge
        weights -= np.linalg.solve(bend, slope)
    return weights


def told_apart(real: Sequence[Sequence[np.ndarray]], made: Sequence[Sequence[np.ndarray]]) -> dict[str, float]:
    """How many windows of others a judge calls right, %, and the deviations between the means of what tells most.

    Args:
        real: the stretches of each recording.
        made: those of each song.
    """
    halves: list[tuple[np.ndarray, np.ndarray]] = []
    names: list[str] = []
    for side in (0, 1):
        parts = [[dance for group in kind[side::2] for dance in group] for kind in (real, made)]
        measures = [measure(part) for part in parts]
        names = measures[0][1]
        called = np.concatenate([np.full(len(rows), number) for number, (rows, _) in enumerate(measures)])
        halves.append((np.concatenate([rows for rows, _ in measures]), called))
    every = np.concatenate([rows for rows, _ in halves])
    middle, spread = every.mean(axis=0), every.std(axis=0) + 1e-6
    scaled = [(np.clip((rows - middle) / spread, -FARTHEST, FARTHEST), called) for rows, called in halves]
    right = []
    for (known, called), (asked, truth) in (scaled, scaled[::-1]):
        says = np.column_stack([asked, np.ones(len(asked))]) @ fit_judge(known, called) > 0
        right.append([float((says[truth == kind] == kind).mean()) for kind in (0, 1)])
    rows, called = (np.concatenate(parts) for parts in zip(*scaled, strict=True))
    gap = rows[called == 1].mean(axis=0) - rows[called == 0].mean(axis=0)
    most = np.abs(gap).argsort()[::-1][:NAMED]
    said = {"told from real dancing, %": 100 * float(np.mean(right))}
    return said | {f"told by: {names[index]}": float(gap[index]) for index in most}
