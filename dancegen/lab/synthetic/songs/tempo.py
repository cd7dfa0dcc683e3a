"""When the beats of a made song fall: steady, played by hand, drifting, on a ramp, with jumps, slowing at the end."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

FASTEST, SLOWEST = 210.0, 48.0  # beats a minute
KINDS = {"steady": 0.4, "hand": 0.26, "drift": 0.16, "ramp": 0.1, "jump": 0.14, "ending": 0.04}  # how often
WALK = 400  # steps after which the tempo of a hand repeats


def beat_times(rng: np.random.Generator, tempo: float, seconds: float) -> np.ndarray:
    """(B,) seconds from 0 to past `seconds`, beginning at about `tempo` beats a minute."""
    shares = np.array(list(KINDS.values()))
    curve = _curve(rng, str(rng.choice(list(KINDS), p=shares / shares.sum())), tempo, seconds)
    at, times = 0.0, [0.0]
    while at < seconds + 3:
        at += 60 / float(np.clip(curve(at), SLOWEST, FASTEST))
        times.append(at)
    return np.asarray(times)


def _curve(rng: np.random.Generator, kind: str, tempo: float, seconds: float) -> Callable[[float], float]:
    """Beats a minute at each moment."""
    if kind == "hand":
        walk = np.cumsum(rng.normal(0, rng.uniform(0.002, 0.012), WALK)) * 0.3
        walk += rng.normal(0, rng.uniform(0, 0.012), WALK)
        return lambda t: tempo * (1 + np.clip(walk[int(t * 60 / tempo / 0.36) % WALK], -0.12, 0.12))
    if kind == "drift":
        depth, turn, phase = rng.uniform(0.02, 0.09), rng.uniform(8, 40), rng.uniform(0, 6)
        return lambda t: tempo * (1 + depth * np.sin(2 * np.pi * t / turn + phase))
    if kind == "ramp":
        end = tempo * 2 ** rng.uniform(-0.9, 0.9)
        first, last = sorted(rng.uniform(0, seconds, 2)) if rng.random() < 0.4 else (0, seconds)
        return lambda t: tempo * (end / tempo) ** np.clip((t - first) / max(last - first, 4), 0, 1)
    if kind == "jump":
        moments = np.sort(rng.uniform(4, max(seconds - 4, 5), rng.integers(1, 4)))
        tempi = np.clip([tempo, *(tempo * 2 ** rng.uniform(-0.75, 0.75, len(moments)))], 55, 195)
        return lambda t: tempi[int(np.searchsorted(moments, t, side="right"))]
    if kind == "ending":
        slow = rng.uniform(0.6, 0.9)
        return lambda t: tempo * (1 - (1 - slow) * np.clip((t - seconds + 6) / 6, 0, 1))
    return lambda t: tempo
