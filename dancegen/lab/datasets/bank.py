"""A bank of dance phrases: stretches of performances, cut where slow moments lie evenly, counted in beats.

A phrase lasts four units: eight beats of a dance in four, or four bars of three. Its poses are stored at STEPS even
steps of way within each beat, so that it can be danced to any beats with accents of any depth (`placing.py`), together
with what music may choose it by (TRAITS).

Glossary: P phrases, B beats of a phrase, T poses of a performance, G = (B + 2) STEPS + 1 stored poses, L = 17 bones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from dancegen.body.joints import BEAT_JOINTS, L_ANKLE, L_WRIST, R_ANKLE, R_WRIST
from dancegen.body.sequence import place_joints
from dancegen.styles.motion import FPS, Motion
from dancegen.styles.phrases import BEATS, EDGE, PERIODS, STEPS, even_way, phrase_starts, phrase_turns
from dancegen.styles.warp import sample_motion

CALM = 0.2  # body heights per second: a dancer who stands before the first step and after the last
ROOM = round(PERIODS[-1] * FPS)  # poses beside a phrase that its cutting needs: the longest beat
COLUMNS = {
    "directions": np.float16,
    "root": np.float16,
    "turn": np.float16,
    "period": np.float32,
    "style": np.str_,
    "source": np.int64,
    "start": np.float32,
    "weight": np.float32,
    "speed": np.float32,
    "spin": np.bool_,
}
TRAITS = ("size", "steps", "hands", "knees")  # each a rank 0..1 among the phrases of a style


@dataclass(frozen=True)
class Bank:
    """P phrases of one metre.

    Attributes:
        meter: beats of a bar, 4 or 3.
        directions: (P, G, L, 3) float16; the first EDGE beats lie before the phrase.
        root: (P, G, 2) float16.
        turn: (P, G) float16 radians, slow turning since the phrase's beginning.
        period: (P,) float32, seconds per beat of the performance.
        style: (P,) str.
        source: (P,) int, which motion.
        start: (P,) float32, seconds into the recording.
        weight: (P,) float32, how often it is drawn, so that all moments of a performance are danced as often.
        speed: (P,) float32, body heights per second of the performance.
        spin: (P,) bool, whether the dancer turns faster than the eye of a camera follows.
        traits: (P, len(TRAITS)) float32.
    """

    meter: int
    directions: np.ndarray
    root: np.ndarray
    turn: np.ndarray
    period: np.ndarray
    style: np.ndarray
    source: np.ndarray
    start: np.ndarray
    weight: np.ndarray
    speed: np.ndarray
    spin: np.ndarray
    traits: np.ndarray

    def __len__(self) -> int:
        return len(self.period)

    def from_sources(self, numbers: np.ndarray) -> Bank:
        """The same phrases, their sources counted as `numbers` says."""
        return replace(self, source=numbers[self.source])

    @property
    def beats(self) -> int:
        """Beats of a phrase."""
        return BEATS[self.meter]


def build_bank(motions: Sequence[Motion], shares: Sequence[np.ndarray], meter: int, spin: float) -> Bank:
    """All phrases of the performances at all PERIODS.

    Args:
        motions: performances.
        shares: how much each of their poses counts (`split.shares`), (T,) each; 0 in a phrase leaves it out.
        meter: 4 or 3.
        spin: radians per second of slow turning from which a phrase counts as a spin.
    """
    rows: list[dict] = []
    raw: list[list[float]] = []
    for index, motion in enumerate(motions):
        standing, share = with_room(motion, shares[index])
        velocity = np.gradient(standing.joints[:, list(BEAT_JOINTS)], 1 / FPS, axis=0)
        speed = np.linalg.norm(velocity, axis=-1).mean(axis=1)  # (T,)
        for period in PERIODS:
            paths = [p for p in phrase_starts(standing, meter, period) if share[p[0] : p[-1] + 1].min() > 0]
            for path, often in zip(paths, _drawn_alike(paths, len(standing)), strict=True):
                inside = slice(path[0], path[-1] + 1)
                row = _phrase(standing, path, spin)
                weight = share[inside].min() * often
                rows.append(row | {"source": index, "weight": weight, "speed": speed[inside].mean()})
                poses = place_joints(row["directions"], row["root"])[EDGE * STEPS : -EDGE * STEPS]
                raw.append(_traits(poses, row["period"], BEATS[meter]))
    columns = {name: np.asarray([row[name] for row in rows], kind) for name, kind in COLUMNS.items()}
    traits = _ranks(np.asarray(raw).reshape(-1, len(TRAITS)), columns["style"], columns["weight"])
    return Bank(meter, **columns, traits=traits)


def with_room(motion: Motion, share: np.ndarray) -> tuple[Motion, np.ndarray]:
    """A performance with ROOM before its beginning and after its end, and how much each pose (T,) counts there.

    Dancers mostly rest there, and phrases need room at both ends. Where somebody stands calmly the poses are those next
    to the end in reverse; elsewhere there is none.
    """
    if len(motion) <= ROOM:
        return motion, share
    pace = np.linalg.norm(np.diff(motion.joints[:, list(BEAT_JOINTS)], axis=0), axis=-1).mean(axis=1) * FPS
    before, after = (ROOM if side.mean() < CALM else 0 for side in (pace[:ROOM], pace[-ROOM:]))
    at = np.pad(np.arange(len(motion)), (before, after), mode="reflect")
    longer = replace(motion, directions=motion.directions[at], root=motion.root[at], start=motion.start - before / FPS)
    return replace(longer, turn=motion.turn[at] if len(motion.turn) else motion.turn), share[at]


def _drawn_alike(paths: Sequence[np.ndarray], count: int) -> list[float]:
    """How often each of some phrases is to be drawn for all of `count` poses to be seen alike: those in the middle of a
    performance lie in many phrases, those at its ends in few."""
    held = np.zeros(count)
    for path in paths:
        held[path[0] : path[-1] + 1] += 1
    return [float((1 / held[path[0] : path[-1] + 1]).mean()) for path in paths]


def _phrase(motion: Motion, path: np.ndarray, spin: float) -> dict:
    """What is stored of one phrase besides where it comes from."""
    beats = len(path) - 1
    at = even_way(motion, path, beats)
    directions, root = sample_motion(motion.directions, motion.root, at)
    rate = np.gradient(motion.turn[path[0] : path[-1] + 1]) * FPS
    return {
        "directions": directions,
        "root": root - [root[:, 0].mean(), 0],
        "turn": phrase_turns(motion, at),
        "period": (path[-1] - path[0]) / beats / FPS,
        "style": motion.style,
        "start": motion.start + path[0] / FPS,
        "spin": np.abs(rate).max() > spin,
    }


def _traits(joints: np.ndarray, period: float, beats: int) -> list[float]:
    """TRAITS of a phrase's joints (N, V, 3), not yet ranked."""
    spread = joints[:, list(BEAT_JOINTS)] - joints[:, list(BEAT_JOINTS)].mean(axis=0)
    size = float(np.linalg.norm(spread, axis=-1).mean())
    feet = np.linalg.norm(np.diff(joints[:, [R_ANKLE, L_ANKLE]], axis=0), axis=-1).sum() / beats / period
    hands = float(-joints[:, [R_WRIST, L_WRIST], 1].min(axis=1).mean())
    hips = (joints[:, 8, 1] + joints[:, 11, 1]) / 2  # y down: the larger is the lower
    return [size, float(feet), hands, float(np.quantile(hips, 0.8))]


def _ranks(raw: np.ndarray, style: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Each column (P, C) as ranks 0..1 among the phrases of the same style, as often as they are drawn."""
    out = np.zeros(raw.shape, np.float32)
    for name in set(style.tolist()):
        rows = np.flatnonzero(style == name)
        for column in range(raw.shape[1]):
            order = rows[raw[rows, column].argsort(kind="stable")]
            below = np.cumsum(weight[order]) - weight[order]
            out[order, column] = below / max(float(below[-1]), 1e-9)
    return out
