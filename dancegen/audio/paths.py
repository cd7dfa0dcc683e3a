"""The best beats and bars through what a network hears, as Viterbi paths.

Beats: over (frame, frames since the beat before), which is the bar-pointer model of Krebs, Boeck and Widmer 2015
without its states between beats. Bars: over (beat, place in a bar of three or four). A path at three halves or two
thirds of the tempo replaces the first where more of what is heard lies on its beats.

Glossary: T frames, K periods, B beats, C frames a chunk.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from dancegen.audio.spectrum import FRAME_RATE

FASTEST, SLOWEST = 215.0, 48.0  # beats a minute
PERIODS = np.arange(round(60 * FRAME_RATE / FASTEST), round(60 * FRAME_RATE / SLOWEST) + 1)  # (K,) frames: 28..125
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
RIVALS = (2 / 3, 3 / 2)  # of the period
NEAR = 0.08  # of a rival's period, to both sides
FEWEST = 3  # beats that make a grid
SURE = 6.0  # log odds of single beats are kept within +- this where paths are compared
HIT = 4  # frames between a moment that is heard as a beat and a beat of the path
# Weights of how sure a path's beats are, of the share of what is heard that lies on them, of its bars' worth a second;
# and what a rival must be ahead by: logistic regression on 300 composed songs.
JUDGE, AHEAD = np.array([0.79, 6.7, 1.57]), 0.43
SIDE = 4  # beats before and after a moment, whose tempi are compared
OCTAVE, SHARP = 0.08, 0.26  # octaves by which those tempi, and the two beats there, may miss a doubling


def peaks(odds: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """The largest of (T,) within a frame of each of (B,) frames: (B,)."""
    return np.max(around(odds, frames), axis=0)


def around(odds: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """Of (T,) what is a frame before, at and a frame after each of (B,) frames: (3, B); the ends are held."""
    return odds[np.clip(frames + np.array([[-1], [0], [1]]), 0, len(odds) - 1)]


def beat_frames(odds: np.ndarray, periods: np.ndarray = PERIODS, unusual: float = UNUSUAL) -> np.ndarray:
    """The best beats: (T,) log odds a frame -> (B,) frames, rising; empty where nothing pays.

    A path's worth is the sum of the odds at its beats, less the cost of its changes of tempo. It may begin and end
    anywhere, so that silence in front and behind holds no beats. Long songs are decided in windows that overlap, so
    that memory does not grow.
    """
    found = np.zeros(0, np.int64)
    for first in range(0, max(len(odds) - OVERLAP, 1), WINDOW):
        later = first + _window_beats(odds[first : first + WINDOW + OVERLAP], periods, unusual)
        seam = first + OVERLAP // 2 if first else 0
        found = found[found < seam]
        soonest = max(seam, found[-1] + periods[0]) if len(found) else seam
        found = np.concatenate([found, later[later >= soonest]])
    return found


def _window_beats(odds: np.ndarray, periods: np.ndarray, unusual: float) -> np.ndarray:
    odds = np.clip(odds + WILLING, LEAST, MOST).astype(np.float32)
    cost, rows = _tempo_costs(periods), np.arange(len(periods))
    tempi = 60 * FRAME_RATE / periods  # (K,) beats a minute
    prior = (unusual * np.log2(tempi / np.clip(tempi, USUAL_FROM, USUAL_TO)) ** 2).astype(np.float32)
    chunk = int(periods[0])  # frames at a time: none of them can be the beat before another of them
    ring = int(periods[-1]) + chunk
    worth = np.full((ring, len(periods)), -np.inf, np.float32)  # of the best path with a beat there and then a period
    kept = np.full((len(odds), len(periods)), FRESH, np.uint8)  # the period before that beat
    best, last = 0.0, (-1, -1)
    for first in range(0, len(odds), chunk):
        frames = np.arange(first, min(first + chunk, len(odds)))  # (C,)
        here = (
            worth[(frames[:, None] - periods) % ring, rows] + odds[frames, None] - prior
        )  # (C, K) a period, then a beat
        here[frames[:, None] < periods] = -np.inf
        top = np.unravel_index(int(here.argmax()), here.shape)
        if here[top] > best:
            best, last = float(here[top]), (int(frames[top[0]]), int(top[1]))
        ways = here[:, None, :] - cost  # (C, K after, K before)
        before = ways.argmax(axis=2)  # (C, K)
        onward = np.take_along_axis(ways, before[..., None], axis=2)[..., 0]
        fresh = (odds[frames] - EDGE)[:, None]
        kept[frames] = np.where(onward > fresh, before, FRESH)
        worth[frames % ring] = np.maximum(onward, fresh)
    return _walk_back(last, kept, periods)


def _walk_back(last: tuple[int, int], kept: np.ndarray, periods: np.ndarray) -> np.ndarray:
    frame, period = last
    if frame < 0:
        return np.zeros(0, np.int64)
    frames = [frame]
    while period != FRESH:
        frame -= int(periods[period])
        frames.append(frame)
        period = int(kept[frame, period])
    return np.asarray(frames[::-1])


def _tempo_costs(periods: np.ndarray) -> np.ndarray:
    """What a period (row) costs after another (column): (K, K) float32."""
    difference = np.maximum(np.abs(periods[:, None] - periods[None, :]) - ROUNDING, 0)
    ratio = difference / np.minimum(periods[:, None], periods[None, :])
    return np.minimum(STEADY * ratio, JUMP).astype(np.float32)


def bar_places(odds: np.ndarray) -> tuple[np.ndarray, float]:
    """The place of each beat in its bar, from 0, (B,) int, and the path's worth: of (B,) log odds of a downbeat."""
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
    return np.array([states[each][1] for each in reversed(path)]), float(worth.max())


def rival_beats(odds: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """Of (2, T) log odds and the best beats (B,): these, or a rival's: three for two, or two for three."""
    best, most = frames, _judge(odds, frames) + AHEAD
    for ratio in RIVALS:
        period = float(np.median(np.diff(frames))) * ratio
        near = PERIODS[np.abs(PERIODS / period - 1) <= NEAR]
        other = beat_frames(odds[0], near, 0.0) if len(near) else frames[:0]
        if len(other) > FEWEST and (worth := _judge(odds, other)) > most:
            best, most = other, worth
    return best


def _judge(odds: np.ndarray, frames: np.ndarray) -> float:
    beat, inner = odds[0], odds[0, 1:-1]
    heard = np.flatnonzero((inner > beat[:-2]) & (inner >= beat[2:]) & (inner > 0)) + 1  # moments heard as beats
    after = np.clip(np.searchsorted(frames, heard), 1, len(frames) - 1)
    away = np.minimum(np.abs(frames[after] - heard), np.abs(frames[after - 1] - heard))
    share = float((beat[heard] * (away <= HIT)).sum() / max(float(beat[heard].sum()), 1e-6))
    sure = float(np.clip(peaks(beat, frames), -SURE, SURE).mean())
    worth = bar_places(peaks(odds[1], frames))[1] / (odds.shape[1] / FRAME_RATE)
    return float(JUDGE @ [sure, share, worth])


def keep_octave(frames: np.ndarray) -> np.ndarray:
    """(B,) beats that are not suddenly twice or half as many: what is rarer in time is thinned or filled like the rest.

    A song that doubles its drums goes on at its tempo.
    """
    gaps = np.diff(frames)
    seams = _octave_seams(gaps)
    if not seams:
        return frames
    doubled = np.zeros(len(gaps), int)  # how often the beats of a gap are doubled, from the first ones on
    for first, step in seams:
        doubled[first:] += step
    levels = np.unique(doubled)
    usual = levels[np.argmax([gaps[doubled == level].sum() for level in levels])]
    edges, parts = [0, *(first for first, _ in seams), len(gaps)], []
    for first, last in pairwise(edges):
        part, more = frames[first : last + 1], usual - doubled[first]
        if more > 0:
            fine = np.arange(2**more * (last - first) + 1) / 2**more
            part = np.round(np.interp(fine, np.arange(len(part)), part)).astype(np.int64)
        elif more < 0:
            part = part[(last - first) % 2**-more if last < len(gaps) else 0 :: 2**-more]
        parts.append(part)
    return np.unique(np.concatenate(parts))


def _octave_seams(gaps: np.ndarray) -> list[tuple[int, int]]:
    """Which of (B - 1,) gaps are the first of twice (1) or half (-1) as many beats."""
    found: list[tuple[int, int]] = []
    size = np.log2(gaps)
    for first in range(SIDE, len(gaps) - SIDE + 1):
        change = float(np.median(size[first - SIDE : first]) - np.median(size[first : first + SIDE]))
        step, here = round(change), float(size[first - 1] - size[first])
        known = found and first - found[-1][0] < SIDE
        if abs(step) == 1 and abs(change - step) < OCTAVE and abs(here - step) < SHARP and not known:
            found.append((first, step))
    return found
