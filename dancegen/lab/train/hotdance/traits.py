"""What a dance is like beat by beat, as music may ask for it (`choreographers/hotdance/music.py`): five ranks.

Glossary: R rows of a table of quantiles, N windows, Q beats, T = 8 Q frames, L = 17 bones, V = 18 joints.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dancegen.body.joints import BEAT_JOINTS, L_ANKLE, L_HIP, L_WRIST, R_ANKLE, R_HIP, R_WRIST
from dancegen.body.sequence import place_joints
from dancegen.choreographers.hotdance.model import RANKED
from dancegen.choreographers.hotdance.music import ASKED, BAR, beat_traits
from dancegen.lab.datasets.placing import Sound

CHUNK = 64  # windows at a time
LOW = 0.8  # quantile of the hips' height that bent knees are told by
STILL = 1e-3  # body heights a frame, below which a bar has no accents


def window_traits(directions: np.ndarray, root: np.ndarray, period: np.ndarray) -> np.ndarray:
    """Size, steps a second, height of the higher hand, depth of the hips, share of the bar's movement: (N, Q, 5).

    Args:
        directions: (N, T, L, 3).
        root: (N, T, 2).
        period: (N, Q) seconds that each beat lasts.
    """
    parts = []
    for first in range(0, len(root), CHUNK):
        some = slice(first, first + CHUNK)
        flat = (-1, *directions.shape[2:])
        joints = place_joints(directions[some].reshape(flat).astype(np.float32), root[some].reshape(-1, 2))
        parts.append(_of_joints(joints.reshape(*root[some].shape[:2], -1, 3), period[some]))
    return np.concatenate(parts)


def _of_joints(joints: np.ndarray, period: np.ndarray) -> np.ndarray:
    """The same of joints (N, T, V, 3)."""
    beats = period.shape[1]
    stride = joints.shape[1] // beats
    limbs = joints[:, :, list(BEAT_JOINTS)]
    moved = np.linalg.norm(np.diff(limbs, axis=1, append=limbs[:, -1:]), axis=-1).mean(axis=-1)  # (N, T)
    ankles = joints[:, :, [R_ANKLE, L_ANKLE]]
    steps = np.linalg.norm(np.diff(ankles, axis=1, append=ankles[:, -1:]), axis=-1).sum(axis=-1)
    hand = -joints[:, :, [R_WRIST, L_WRIST], 1].min(axis=-1)
    hips = joints[:, :, [R_HIP, L_HIP], 1].mean(axis=-1)  # y down: the larger is the lower
    found = np.zeros((len(joints), beats, ASKED), np.float32)
    for beat in range(beats):
        low, high = (int(np.clip((beat + edge) * stride, 0, joints.shape[1])) for edge in BAR)
        bar, own = slice(low, high), slice(beat * stride, (beat + 1) * stride)
        spread = limbs[:, bar] - limbs[:, bar].mean(axis=1, keepdims=True)
        found[:, beat, 0] = np.linalg.norm(spread, axis=-1).mean(axis=(1, 2))
        found[:, beat, 1] = steps[:, bar].mean(axis=1) * stride / period[:, beat]
        found[:, beat, 2] = hand[:, bar].mean(axis=1)
        found[:, beat, 3] = np.quantile(hips[:, bar], LOW, axis=1)
        found[:, beat, 4] = moved[:, own].mean(axis=1) / np.maximum(moved[:, bar].mean(axis=1), STILL)
    return found


def rank_traits(raw: np.ndarray, style: np.ndarray) -> np.ndarray:
    """Traits (N, Q, 5) as ranks 0..1 among the beats of the same style (N,)."""
    ranks = np.zeros(raw.shape, np.float32)
    for name in np.unique(style):
        rows = style == name
        flat = raw[rows].reshape(-1, raw.shape[-1])
        order = flat.argsort(axis=0).argsort(axis=0) / max(len(flat) - 1, 1)
        ranks[rows] = order.reshape(raw[rows].shape)
    return ranks


def beat_quantiles(songs: Sequence[Sound]) -> np.ndarray:
    """The table (R, 5) of quantiles of what beats of songs are like, by which music's are ranked."""
    every = np.concatenate([beat_traits(song.slices, song.beats) for song in songs])
    return np.nanquantile(every, np.linspace(0, 1, RANKED), axis=0).astype(np.float32)
