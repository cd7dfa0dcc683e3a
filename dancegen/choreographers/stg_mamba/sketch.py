"""Phrases laid on beats: what a phrase's code stands for, before the network dances it.

A phrase is stored by the beat, not by the second: STEPS even steps of way in each. Laid on a song it slows toward each
beat, the more the more sets in there, and passes over into the next phrase within a beat.

Glossary: Q phrases, G = (beats + 2 EDGE) STEPS + 1 stored poses, C = POSE_VALUES, T poses, B beats, S slices.
"""

from __future__ import annotations

import numpy as np

from dancegen.audio.spectrum import SLICES
from dancegen.body.sequence import by_blocks

STEPS = 8  # stored poses of a beat
EDGE = 1  # beats stored before and after a phrase, for its joins
HALF_JOIN = 0.5  # beats
ACCENT = (0.28, 0.58)  # depth of the pace's wave on a beat on which nothing, the most, sets in
DEEPEST = 0.9  # of an accent between beats of unlike ways
SLICE_RATE = 10 * SLICES  # slices a second
NEAR_BEAT = 3  # slices around a beat in which a sound belongs to it


def sample(stored: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Stored poses (G, C) at fractional places (T,), by Catmull-Rom splines: (T, C) float32."""
    low = np.clip(np.floor(place).astype(int), 1, len(stored) - 3)
    u = (place - low).astype(np.float32)[:, None]
    a, b, c, d = (stored[low + k].astype(np.float32) for k in (-1, 0, 1, 2))
    return b + 0.5 * u * (c - a + u * (2 * a - 5 * b + 4 * c - d + u * (3 * (b - c) + d - a)))


def accents(slices: np.ndarray, beats: np.ndarray) -> np.ndarray:
    """The depth (B,) of each beat's accent, beats (B,) in seconds: what sets in near it in mel levels (S, M) from time
    0 on, against the strongest beats of the stretch. Beats outside the sound have a middling accent."""
    if not len(slices):
        return np.full(len(beats), sum(ACCENT) / 2)
    before = np.maximum(np.arange(len(slices)) - 1, 0)
    rise = by_blocks(lambda here, last: np.maximum(here - slices[last], 0).mean(axis=1), slices, before)  # (S,)
    at = np.round(beats * SLICE_RATE).astype(int)
    near = np.clip(at[:, None] + np.arange(-NEAR_BEAT, NEAR_BEAT + 1), 0, len(rise) - 1)
    here = rise[near].max(axis=1)
    inside = (at >= 0) & (at < len(rise))
    strong = float(np.quantile(here[inside], 0.9)) if inside.any() else 0.0
    share = np.where(inside, np.clip(here / max(strong, 1e-3), 0, 1), 0.5)
    return ACCENT[0] + (ACCENT[1] - ACCENT[0]) * share


def slowest_on_beats(depth: np.ndarray, phrases: np.ndarray) -> np.ndarray:
    """Accents (B,) of phrases (Q, G, C), deeper where one of the ways beside a beat is far shorter than the other: only
    then is the beat still slower than either."""
    inner = phrases[:, EDGE * STEPS : -EDGE * STEPS, :-3]  # up to each phrase's last beat
    ways = np.concatenate([np.abs(np.diff(one, axis=0)).mean(axis=1).reshape(-1, STEPS).sum(axis=1) for one in inner])
    last, here = (ways[np.clip(np.arange(len(depth)) + side, 0, len(ways) - 1)] for side in (-1, 0))
    uneven = (last + here) / np.maximum(2 * np.minimum(last, here), 1e-3)  # 1 where both are alike
    least = (1 - depth) / (1 + depth)  # the pace on a beat over that beside it
    return np.maximum(depth, np.minimum((uneven - least) / (uneven + least), DEEPEST))


def lay(phrases: np.ndarray, steps: int, beat: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """Phrases (Q, G, C) of `steps` poses a beat one after the other on a count, the first from beat 0 on: (T, C).

    `beat` (T,), rising, is where in the count each pose is, `depth` (B,) each beat's accent. What lies before the first
    or after the last phrase holds their ends.
    """
    beats = (phrases.shape[1] - 1) // steps - 2 * EDGE
    number = np.arange(len(depth))
    total = np.zeros((len(beat), phrases.shape[2]), np.float32)
    weight = np.zeros((len(beat), 1), np.float32)
    for slot, phrase in enumerate(phrases):
        low = -np.inf if slot == 0 else slot * beats - HALF_JOIN
        high = np.inf if slot == len(phrases) - 1 else (slot + 1) * beats + HALF_JOIN
        first, last = np.searchsorted(beat, [low, high])
        if last <= first:
            continue
        at = beat[first:last]
        eased = at - np.interp(at, number, depth) * np.sin(2 * np.pi * at) / (2 * np.pi) - slot * beats
        place = np.clip((eased + EDGE) * steps, 1, len(phrase) - 2)
        share = np.clip(np.minimum(at - low, high - at) / (2 * HALF_JOIN), 0, 1)
        share = (share * share * (3 - 2 * share) + 1e-4).astype(np.float32)[:, None]
        total[first:last] += share * sample(phrase, place)
        weight[first:last] += share
    total /= np.maximum(weight, 1e-6)
    return total


def unit_directions(values: np.ndarray) -> np.ndarray:
    """Pose values (..., C) with the limbs' directions brought to length 1."""
    directions = values[..., :-3].reshape(*values.shape[:-1], -1, 3)
    directions = directions / np.maximum(np.linalg.norm(directions, axis=-1, keepdims=True), 1e-4)
    return np.concatenate([directions.reshape(*values.shape[:-1], -1), values[..., -3:]], axis=-1).astype(np.float32)
