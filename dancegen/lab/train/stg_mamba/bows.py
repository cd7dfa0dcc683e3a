"""Codes of curtsies, with which a long dance ends (`phrasebook.end_with_bow`).

Glossary: N codes, Z noise, T poses, F pieces, U = 4 units.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from dancegen.audio.beats import BEAT_FEATURES
from dancegen.body.canonical import place_joints
from dancegen.body.joints import NECK, mid_hip
from dancegen.choreographers.stg_mamba.model import Choreographer, fade_noise
from dancegen.choreographers.stg_mamba.phrasebook import BOW_STYLE
from dancegen.choreographers.stg_mamba.phrases import UNITS
from dancegen.lab.datasets.data import Dance
from dancegen.lab.datasets.material import Batch, window
from dancegen.lab.train.stg_mamba.networks import Posterior

DEEP = 0.12  # body heights, neck above mid-hip, deepest in a curtsy
STANDING = 0.27  # likewise, at a curtsy's beginning and end
LOWEST_UNIT = 2  # of the four, the one in which the dancer is lowest; then there is a unit to rise in
BOWS = 48


def neck_height(directions: np.ndarray, root: np.ndarray) -> np.ndarray:
    """How far the neck is above the mid-hip, (T, L, 3) and (T, 2) -> (T,) body heights."""
    joints = place_joints(directions, root)
    return mid_hip(joints)[:, 1] - joints[:, NECK, 1]


@torch.no_grad()
def bow_codes(network: Choreographer, posterior: Posterior, dance: Dance) -> list[tuple[Tensor, float]]:
    """The curtsies of one dance that the network dances as deep: codes (1 + U, Z) and seconds per beat of each."""
    height = neck_height(dance.directions.astype(np.float32), dance.root.astype(np.float32))  # (T,)
    if not len(height) or height.min() > DEEP:
        return []
    batch = window(dance, 0, dance.pieces)
    values = torch.cat([batch.directions.flatten(1), batch.root], dim=-1)[None]
    mean, _ = posterior.cpu()(values, batch.beats[None], batch.unit[None])  # (1, units, Z)
    unit = batch.unit.numpy()
    found = []
    low = np.flatnonzero(height < DEEP)
    for part in np.split(low, np.flatnonzero(np.diff(low) > 30) + 1):
        lowest = int(part[np.argmin(height[part])])
        first = int(unit[lowest // 3]) - LOWEST_UNIT
        at = np.flatnonzero((unit >= first) & (unit < first + UNITS))
        whole = first >= 1 and first + UNITS < unit[-1]
        if whole and min(height[3 * at[0]], height[3 * at[-1]]) > STANDING and _danced(network, batch, mean[0], at):
            period = batch.beats[at, BEAT_FEATURES.index("beat_period")].mean()
            found.append((mean[0, first - 1 : first + UNITS], float(period)))
    return found


def _danced(network: Choreographer, batch: Batch, mean: Tensor, at: np.ndarray) -> bool:
    """Whether the network goes down as deep at the pieces `at` when it is given the posterior's mean."""
    around = slice(max(0, int(at[0]) - 20), int(at[-1]) + 20)
    noise = fade_noise(mean[batch.unit[around]][None])  # (1, F, Z)
    directions, root = network(batch.audio[None, around], batch.beats[None, around], noise, batch.style[None])
    height = neck_height(directions[0].numpy(), root[0].numpy())
    return bool(height.min() < DEEP and height.max() > STANDING)


def collect_bows(
    network: Choreographer, posterior: Posterior, dances: list[Dance], count: int = BOWS
) -> list[tuple[Tensor, tuple[float, ...]]]:
    """Up to `count` codes (1 + U, Z) of curtsies and their facts, for export behind all other codes.

    Evenly spread over those that there are; none where nobody curtsies.
    """
    found = [bow for dance in dances for bow in bow_codes(network, posterior, dance)]
    some = np.linspace(0, len(found) - 1, min(count, len(found))).astype(int)
    return [(found[i][0], (BOW_STYLE, -1.0 - i, 0.0, found[i][1])) for i in some]
