"""How well HotDance's autoencoder tells dances again that it was not trained on, seen by the cameras of training.

Glossary: N windows, T frames, V = 18 joints, L = 17 bones.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dancegen.choreographers.hotdance.model import HotDance
from dancegen.lab.datasets.motion import FPS, Motion
from dancegen.lab.train.hotdance.pool import Pool
from dancegen.lab.train.hotdance.run import generator_of
from dancegen.lab.train.hotdance.vae import FRAMES, measure_retelling
from dancegen.lab.train.hotdance.views import see

RATE = 16.0  # frames a second: eight a beat at 120 beats a minute


def windows_of(motions: Sequence[Motion]) -> Pool:
    """Windows of FRAMES frames at RATE of motions, one after the other, without music."""
    rows = []
    for motion in motions:
        at = np.arange(int((len(motion) - 1) / FPS * RATE)) * FPS / RATE
        low = at.astype(int)
        share = (at - low)[:, None]
        root = motion.root[low] * (1 - share) + motion.root[low + 1] * share
        directions = motion.directions[low] * (1 - share[..., None]) + motion.directions[low + 1] * share[..., None]
        turn = np.gradient(motion.turn[low]) if len(motion.turn) else np.zeros(len(at))
        rows += [(directions[i : i + FRAMES], root[i : i + FRAMES], turn[i : i + FRAMES]) for i in _starts(len(at))]
    count, beats = len(rows), FRAMES // 8
    directions, root, turn = (np.stack([row[part] for row in rows]).astype(np.float32) for part in range(3))
    nothing = np.zeros((count, beats, 1), np.float32)
    return Pool(directions, root, turn, nothing, nothing, np.zeros(count, np.uint8))


def _starts(frames: int) -> range:
    return range(0, frames - FRAMES + 1, FRAMES)


def vae_row(network: HotDance, motions: Sequence[Motion]) -> dict[str, float]:
    """Mean error and its 95 % in bins, that of depth, and jitter over the real one."""
    pool = windows_of(motions)
    told = measure_retelling(network.vae, see(pool, np.arange(len(pool)), generator_of(3, 0)))
    names = {"mean": "bins off", "most": "bins off, 95 %", "depth": "bins of depth off", "jitter": "jitter / real"}
    return {f"autoencoder, {says}": told[name] for name, says in names.items()}
