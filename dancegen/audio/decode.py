"""From log odds of beats and downbeats to the best run of beats, and of bars over them.

Both are Viterbi paths: over (frame, frames since the beat before), which is the bar-pointer model of Krebs, Boeck and
Widmer 2015 without its states between beats; then over (beat, place in a bar of three or four).

Glossary: T frames, K periods, B beats, C frames a chunk.
"""

from __future__ import annotations

import numpy as np

from dancegen.audio.spectrum import FRAME_RATE

FASTEST, SLOWEST = 215.0, 48.0  # beats a minute
PERIODS = np.arange(round(60 * FRAME_RATE / FASTEST), round(60 * FRAME_RATE / SLOWEST) + 1)  # (K,) frames: 28..125
CHUNK = int(PERIODS[0])  # frames at a time: none of them can be the beat before another of them
STEADY = 40.0  # cost of a beat e times as long as the one before
ROUNDING = 0.5  # frames by which two beats of one tempo may differ at no cost
JUMP = 9.0  # the most that a change of tempo costs
LEAST, MOST = -1.5, 4.0  # log odds are kept within: a break of some beats is bridged, one sure beat is not all
WILLING = 1.0  # added to all log odds: a frame alone does not tell that beats repeat
USUAL_FROM, USUAL_TO = 60.0, 125.0  # beats a minute that cost nothing
UNUSUAL = 6.0  # cost of a beat an octave from there; costs and limits were chosen on songs of no test
EDGE = 6.0  # cost of beginning the beats
WINDOW, OVERLAP = 36_000, 6_000  # frames decided at once, and shared by two windows: what is a minute away is no matter
FRESH = 255  # stands for "no beat before" among the kept periods
METERS = (3, 4)
BAR_LIMIT = 4.0  # log odds of a downbeat are kept within +- this
REMETER = 12.0  # cost of another meter or another place in the bar
OF_THREE, PICKUP = 2.0, 1.5  # cost of bars of three, of a beginning inside a bar: where nothing tells, neither is there


def beat_frames(odds: np.ndarray) -> np.ndarray:
    """The best beats: (T,) log odds a frame -> (B,) frames, rising; empty where nothing pays.

    A path's worth is the sum of the odds at its beats, less the cost of its changes of tempo. It may begin and end
    anywhere, so that silence in front and behind holds no beats. Long songs are decided in windows that overlap, so
    that memory does not grow.
    """
    found = np.zeros(0, np.int64)
    for first in range(0, max(len(odds) - OVERLAP, 1), WINDOW):
        later = first + _window_beats(odds[first : first + WINDOW + OVERLAP])
        seam = first + OVERLAP // 2 if first else 0
        found = found[found < seam]
        soonest = max(seam, found[-1] + PERIODS[0]) if len(found) else seam
        found = np.concatenate([found, later[later >= soonest]])
    return found


def _window_beats(odds: np.ndarray) -> np.ndarray:
    odds = np.clip(odds + WILLING, LEAST, MOST).astype(np.float32)
    cost, rows = _tempo_costs(), np.arange(len(PERIODS))
    tempi = 60 * FRAME_RATE / PERIODS  # (K,) beats a minute
    prior = (UNUSUAL * np.log2(tempi / np.clip(tempi, USUAL_FROM, USUAL_TO)) ** 2).astype(np.float32)
    ring = int(PERIODS[-1]) + CHUNK
    worth = np.full((ring, len(PERIODS)), -np.inf, np.float32)  # of the best path with a beat there and then a period
    kept = np.full((len(odds), len(PERIODS)), FRESH, np.uint8)  # the period before that beat
    best, last = 0.0, (-1, -1)
    for first in range(0, len(odds), CHUNK):
        frames = np.arange(first, min(first + CHUNK, len(odds)))  # (C,)
        here = (
            worth[(frames[:, None] - PERIODS) % ring, rows] + odds[frames, None] - prior
        )  # (C, K) a period, then a beat
        here[frames[:, None] < PERIODS] = -np.inf
        top = np.unravel_index(int(here.argmax()), here.shape)
        if here[top] > best:
            best, last = float(here[top]), (int(frames[top[0]]), int(top[1]))
        ways = here[:, None, :] - cost  # (C, K after, K before)
        before = ways.argmax(axis=2)  # (C, K)
        onward = np.take_along_axis(ways, before[..., None], axis=2)[..., 0]
        fresh = (odds[frames] - EDGE)[:, None]
        kept[frames] = np.where(onward > fresh, before, FRESH)
        worth[frames % ring] = np.maximum(onward, fresh)
    return _walked_back(last, kept)


def _walked_back(last: tuple[int, int], kept: np.ndarray) -> np.ndarray:
    frame, period = last
    if frame < 0:
        return np.zeros(0, np.int64)
    frames = [frame]
    while period != FRESH:
        frame -= int(PERIODS[period])
        frames.append(frame)
        period = int(kept[frame, period])
    return np.asarray(frames[::-1])


def _tempo_costs() -> np.ndarray:
    """What a period (row) costs after another (column): (K, K) float32."""
    difference = np.maximum(np.abs(PERIODS[:, None] - PERIODS[None, :]) - ROUNDING, 0)
    ratio = difference / np.minimum(PERIODS[:, None], PERIODS[None, :])
    return np.minimum(STEADY * ratio, JUMP).astype(np.float32)


def bar_places(odds: np.ndarray) -> np.ndarray:
    """The place of each beat in its bar, from 0: (B,) log odds of a downbeat at each beat -> (B,) int."""
    states = [(meter, place) for meter in METERS for place in range(meter)]
    before = np.array([states.index((meter, (place - 1) % meter)) for meter, place in states])
    first = np.array([place == 0 for _, place in states])
    odds = np.clip(odds, -BAR_LIMIT, BAR_LIMIT)
    worth = first * odds[0] - OF_THREE * np.array([meter == METERS[0] for meter, _ in states]) - PICKUP * ~first
    kept = np.zeros((len(odds), len(states)), np.uint8)
    for beat in range(1, len(odds)):
        best = int(np.argmax(worth))
        straight, other = worth[before], worth[best] - REMETER
        kept[beat] = np.where(straight >= other, before, best)
        worth = np.maximum(straight, other) + first * odds[beat]
    path = [int(np.argmax(worth))]
    for beat in range(len(odds) - 1, 0, -1):
        path.append(int(kept[beat, path[-1]]))
    return np.array([states[each][1] for each in reversed(path)])
