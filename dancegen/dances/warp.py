"""A dance warped in time so that its accents fall on beats: piece by piece faster or slower, within limits.

Accents are the dance's own beats, its moments of rest. Which accent goes to which beat is a shortest path: little
stretching is cheap, passing over an accent costs.

Glossary: K accents, B beats, T poses.
"""

from __future__ import annotations

import math

import numpy as np

from dancegen.body.sequence import SkeletonSequence
from dancegen.dances.metrics import kinematic_beats

STRETCH = (0.7, 1.4)  # how much longer a piece may become
AHEAD = 3  # accents that a piece may pass over, and one
SKIPPED = 0.12  # cost of an accent that is passed over, in squared logarithms of stretch times seconds
FIRST_BEATS = 4  # one of which the first accent goes to


def warp_dance(dance: SkeletonSequence, beats: np.ndarray, longest: float) -> SkeletonSequence:
    """The dance with accents on `beats` (B,) seconds, at most `longest` seconds; unchanged where nothing fits."""
    anchors = match(kinematic_beats(dance.joints, dance.fps), beats)
    if len(anchors) < 2:
        return dance
    own, wanted = anchors.T
    own, wanted = _with_ends(own, wanted, dance.seconds)
    count = max(2, math.floor(min(wanted[-1], longest) * dance.fps))
    from scipy.interpolate import PchipInterpolator

    back = PchipInterpolator(wanted, own)(np.arange(count) / dance.fps)
    at = np.clip(back * dance.fps, 0, len(dance) - 1)
    return dance.moments(at, dance.fps)


def match(accents: np.ndarray, beats: np.ndarray) -> np.ndarray:
    """Pairs (N, 2) of an accent's and a beat's time, rising in both, with every stretch between within STRETCH."""
    if len(accents) < 2 or len(beats) < 2:
        return np.zeros((0, 2))
    cost = np.full((len(accents), len(beats)), math.inf)
    before = np.full((len(accents), len(beats), 2), -1)
    for beat in range(min(FIRST_BEATS, len(beats))):
        for accent in range(min(AHEAD, len(accents))):
            shift = abs(beats[beat] - accents[accent])
            cost[accent, beat] = SKIPPED * accent + 0.05 * shift
    for accent in range(1, len(accents)):
        for earlier in range(max(0, accent - AHEAD), accent):
            length = accents[accent] - accents[earlier]
            stretch = (beats[None, :] - beats[:, None]) / length  # (from, to)
            fits = (stretch >= STRETCH[0]) & (stretch <= STRETCH[1])
            step = np.where(fits, np.log(np.maximum(stretch, 1e-3)) ** 2 * length, math.inf)
            whole = cost[earlier][:, None] + step + SKIPPED * (accent - earlier - 1)
            best = whole.argmin(axis=0)
            value = whole[best, np.arange(len(beats))]
            better = value < cost[accent]
            cost[accent][better] = value[better]
            before[accent][better] = np.stack([np.full(len(beats), earlier), best], axis=1)[better]
    return _walk_back(cost, before, accents, beats)


def _walk_back(cost: np.ndarray, before: np.ndarray, accents: np.ndarray, beats: np.ndarray) -> np.ndarray:
    """The best path that ends as late as any does."""
    last = max((accent for accent in range(len(accents)) if np.isfinite(cost[accent]).any()), default=-1)
    if last < 0:
        return np.zeros((0, 2))
    here, pairs = (last, int(cost[last].argmin())), []
    while here[0] >= 0:
        pairs.append((accents[here[0]], beats[here[1]]))
        here = (int(before[here][0]), int(before[here][1]))
    return np.array(pairs[::-1])


def _with_ends(own: np.ndarray, wanted: np.ndarray, seconds: float) -> tuple[np.ndarray, np.ndarray]:
    """With the beginning and the end of the dance: at the pace of the nearest piece, from the song's beginning on."""
    pace = np.diff(wanted) / np.diff(own)
    if own[0] > 0 and wanted[0] > 0:
        begin = wanted[0] - own[0] * np.clip(pace[0], *STRETCH)
        start = own[0] - wanted[0] / np.clip(pace[0], *STRETCH) if begin < 0 else 0.0
        own, wanted = np.concatenate([[start], own]), np.concatenate([[max(begin, 0.0)], wanted])
        if wanted[0] > 0:  # the dance waits for its beginning
            own, wanted = np.concatenate([[start - 1e-3], own]), np.concatenate([[0.0], wanted])
    if own[-1] < seconds:
        end = wanted[-1] + (seconds - own[-1]) * np.clip(pace[-1], *STRETCH)
        own, wanted = np.concatenate([own, [seconds]]), np.concatenate([wanted, [end]])
    return own, wanted
