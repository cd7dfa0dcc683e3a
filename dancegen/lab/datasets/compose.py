"""Beat-built dances: phrases of the performances, warped onto the beats of any song, strung together and blended.

Each phrase of 8 beats is chosen among random candidates by how well its slow moments meet the beats, how near its first
pose is to the last one, and how well its energy fits the loudness of that stretch of the song.

Glossary: T poses at 30 a second, L = 17 bones, B beats.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dancegen.choreographers.stg_mamba.phrases import PHRASE_BEATS
from dancegen.dances.metrics import joint_speed
from dancegen.lab.datasets.motion import FPS, Motion
from dancegen.lab.datasets.warp import (
    ease,
    find_path,
    path_costs,
    sample_motion,
    slowness_cost,
    smooth_map,
)

CANDIDATES = 24  # phrases looked at for each choice
FAST_BEAT = 0.44  # seconds; where beats come faster, slow moments are put on every second one
GAIN = (0.78, 1.04)  # size of the movement at the quietest and the loudest stretch of a song
LIVELY = 0.24  # body heights per second; calmer phrases are chosen only where there are no others
CONTINUE = 0.5  # chance that the performance goes on instead of a new phrase being chosen


@dataclass(frozen=True)
class Phrase:
    """A stretch of one performance with the poses that fall on its beats."""

    motion: Motion
    path: np.ndarray  # (beats + 1,) poses of the performance
    energy: float


class Repertoire:
    """The performances to choose from, with what the choice needs computed once.

    Args:
        motions: usable stretches.
        weights: (len(motions),) how often each may be chosen, e.g. less for waltz in closed hold.
    """

    def __init__(self, motions: list[Motion], weights: np.ndarray) -> None:
        self.motions = motions
        self.weights = weights * np.array([len(m) for m in motions], float)
        self.costs = [slowness_cost(m.joints) for m in motions]
        self.speeds = [joint_speed(m.joints, FPS) for m in motions]
        energies = np.concatenate([speed[:: FPS // 2] for speed in self.speeds])
        self.energy_ranks = np.quantile(energies, np.linspace(0, 1, 33))
        self._paths: dict[tuple[int, int, int], tuple[np.ndarray, np.ndarray]] = {}

    def paths(self, index: int, beats: int, period: float) -> tuple[np.ndarray, np.ndarray]:
        """`path_costs` of one performance, remembered per half pose of the period."""
        key = (index, beats, round(period * 2))
        if key not in self._paths:
            self._paths[key] = path_costs(self.costs[index], beats, key[2] / 2)
        return self._paths[key]

    def rank(self, energy: float) -> float:
        """0..1: the share of all moments that are calmer."""
        return float(np.interp(energy, self.energy_ranks, np.linspace(0, 1, 33)))

    def choose(
        self,
        beats: int,
        period: float,
        last: np.ndarray | None,
        loudness: float,
        styles: set[str],
        generator: np.random.Generator,
    ) -> Phrase:
        """A phrase of `beats` steps of `period` poses that goes on well from the directions `last` (L, 3)."""
        allowed = np.array([m.style in styles for m in self.motions]) * self.weights
        best, best_cost = None, np.inf
        for attempt in range(2 * CANDIDATES):
            if best is not None and attempt >= CANDIDATES:
                break
            index = int(generator.choice(len(self.motions), p=allowed / allowed.sum()))
            found = self._candidate(index, beats, period, generator)
            if found is None or (found[0].energy < LIVELY and attempt < CANDIDATES):
                continue
            phrase, fit = found
            join = 0.0 if last is None else float(np.abs(phrase.motion.directions[phrase.path[0]] - last).mean())
            cost = fit + 2.5 * join + 0.6 * abs(self.rank(phrase.energy) - (0.35 + 0.65 * loudness))
            if cost < best_cost:
                best, best_cost = phrase, cost
        return best if best is not None else self.choose(beats, period * 0.9, last, loudness, styles, generator)

    def _candidate(
        self, index: int, beats: int, period: float, generator: np.random.Generator
    ) -> tuple[Phrase, float] | None:
        total, steps = self.paths(index, beats, period)
        margin = int(period / 2)
        starts = np.flatnonzero(np.isfinite(total))
        starts = starts[starts >= margin]
        if not len(starts):
            return None
        some = generator.choice(starts, size=min(12, len(starts)), replace=False)
        start = int(some[np.argmin(total[some])])
        path = find_path(start, steps)
        energy = float(self.speeds[index][path[0] : path[-1]].mean())
        return Phrase(self.motions[index], path, energy), float(total[start]) / (beats + 1)

    def continued(self, phrase: Phrase, period: float) -> Phrase | None:
        """The same performance, going on where the phrase ends; None where it ends too soon."""
        index = next(i for i, motion in enumerate(self.motions) if motion is phrase.motion)
        beats = len(phrase.path) - 1
        total, steps = self.paths(index, beats, period)
        start = int(phrase.path[-1])
        if start >= len(total) or not np.isfinite(total[start]):
            return None
        path = find_path(start, steps)
        energy = float(self.speeds[index][path[0] : path[-1]].mean())
        return Phrase(phrase.motion, path, energy) if energy >= LIVELY else None


def compose(
    repertoire: Repertoire, beats: np.ndarray, loudness: np.ndarray, styles: set[str], generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """A dance to a song.

    Args:
        beats: (B,) seconds, evenly continued so that beats[0] <= 0 and the last is past the song's end; a phrase
            begins at every PHRASE_BEATS-th of them, from the first on.
        loudness: (T,) 0..1 at 30 a second, slowly varying.

    Returns:
        directions (T, L, 3) and root (T, 2), float32, eased onto the beats.
    """
    count = len(loudness)
    at = beats * FPS
    stride = 2 if np.median(np.diff(beats)) < FAST_BEAT else 1
    directions = np.zeros((count, *repertoire.motions[0].directions.shape[1:]), np.float32)
    root, weight = np.zeros((count, 2), np.float32), np.zeros(count, np.float32)
    phrase: Phrase | None = None
    for first in range(0, len(beats) - 1, PHRASE_BEATS):
        knots = at[first : first + PHRASE_BEATS + 1 : stride]
        if len(knots) < 2 or knots[0] >= count:
            break
        period = float(np.median(np.diff(knots)))
        # the last phrase of a song may be short: choose a whole one and use its beginning
        steps = PHRASE_BEATS // stride
        knots = np.concatenate([knots, knots[-1] + period * np.arange(1, steps + 2 - len(knots))])
        begin, end = np.clip(knots[[0, -1]].round().astype(int), 0, count - 1)
        level = float(loudness[begin : end + 1].mean())
        following = None
        if phrase is not None and generator.random() < CONTINUE:
            following = repertoire.continued(phrase, period)
        if following is None:
            last = None if phrase is None else phrase.motion.directions[phrase.path[-1]]
            following = repertoire.choose(steps, period, last, level, styles, generator)
        phrase = following
        _add_phrase(directions, root, weight, phrase, knots, period / stride)
    root /= np.maximum(weight, 1e-6)[:, None]
    directions /= np.maximum(np.linalg.norm(directions, axis=-1, keepdims=True), 1e-6)
    return ease(*_sized(directions, root, loudness), at)


def _add_phrase(
    directions: np.ndarray, root: np.ndarray, weight: np.ndarray, phrase: Phrase, knots: np.ndarray, beat: float
) -> None:
    """Add one phrase to the sums, fading over a beat around its ends."""
    half = beat / 2
    first, last = max(0, int(np.ceil(knots[0] - half))), min(len(root) - 1, int(knots[-1] + half))
    if last < first:
        return
    time = np.arange(first, last + 1)
    source = smooth_map(time, knots, phrase.path.astype(float))
    moved, place = sample_motion(phrase.motion.directions, phrase.motion.root, source)
    place = place - np.array([place[:, 0].mean(), 0], np.float32)
    edge = np.minimum(time - (knots[0] - half), (knots[-1] + half) - time) / beat
    share = np.clip(edge, 0, 1)
    share = (share * share * (3 - 2 * share) + 1e-4).astype(np.float32)
    directions[first : last + 1] += share[:, None, None] * moved
    root[first : last + 1] += share[:, None] * place
    weight[first : last + 1] += share


def _sized(directions: np.ndarray, root: np.ndarray, loudness: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Quiet music gets smaller movement: limbs pulled toward the dance's mean pose, travel and rise likewise."""
    gain = (GAIN[0] + (GAIN[1] - GAIN[0]) * loudness).astype(np.float32)
    rest = directions.mean(axis=0)
    rest = rest / np.maximum(np.linalg.norm(rest, axis=-1, keepdims=True), 1e-6)
    sized = rest + gain[:, None, None] * (directions - rest)
    sized /= np.maximum(np.linalg.norm(sized, axis=-1, keepdims=True), 1e-6)
    return sized, _stand(sized, root, gain)


def _stand(directions: np.ndarray, root: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """The root under which the resized body stands as high above the ground as before."""
    return root * np.stack([gain, np.ones_like(gain)], axis=1)
