"""Whether a person wears a skirt or a coat: how far down cloth spans both legs.

Glossary: a level is a share of the way down both legs, 0 = hips, 1 = knees, 2 = ankles; h x w the picture.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from dancegen.body import joints as J
from dancegen.body.joints import body_height

LEVELS = np.arange(0.15, 1.96, 0.1)
HIGHEST_HEM, LOWEST_HEM = 0.7, 1.4  # levels: what ends higher is a shirt or shorts, lower most likely trousers
APART = 0.16  # body heights between the legs' axes from which trousers would leave a gap
ASTRIDE = 0.3  # body heights between the legs' axes beyond which no usual skirt reaches
NARROWS = 1.3  # how much wider a dress is at its hem than what is seen below it
EDGE = 0.06  # the least difference of colour (0..1) at a hem
CUT = 0.015  # body heights from the picture's edge within which nothing is told: there the person may be cut off
ROUND = 0.12  # levels that a hem hangs lower in the middle than at the legs


def hem_level(picture: torch.Tensor, matte: torch.Tensor, joints: np.ndarray) -> float:
    """How far down the cloth reaches that spans both legs; 0 = none, or it cannot be told from trousers.

    Args:
        picture: (3, h, w) 0..1; matte: (h, w) 0..1.
        joints: (V, 2+) in their pixels.
    """
    xy = joints[:, :2].astype(np.float64)
    size = float(body_height(xy))
    right, left = (_walk_down(xy, leg) for leg in J.LEG_CHAINS)  # (levels, 2)
    span = left - right
    apart = np.linalg.norm(span, axis=1)  # (levels,)
    shares = np.linspace(0, 1, 11)[:, None, None]
    between = right + shares * span  # (11, levels, 2)
    present = _look_up(matte[None], between)[..., 0]  # (11, levels)
    colours = _look_up(picture, between)  # (11, levels, 3)
    weight = present[..., None] + 1e-3
    colour = (colours * weight).sum(0) / weight.sum(0)  # (levels, 3)
    gaps = np.flatnonzero(present.min(0) < 0.3)
    first_gap = int(gaps[0]) if len(gaps) else len(LEVELS)
    steps = np.linspace(-0.25, 0.25, 51)[:, None, None] * size
    strips = (right + left) / 2 + steps * span / np.maximum(apart, 1e-3)[:, None]  # (51, levels, 2)
    person = _look_up(matte[None], strips)[..., 0] > 0.5  # (51, levels)
    margin = max(CUT * size, 2.0)
    seen = _lie_inside(strips, matte.shape, margin)  # (51, levels)
    unseen = np.flatnonzero(~_lie_inside(between, matte.shape, margin).all(0))
    last = int(unseen[0]) if len(unseen) else len(LEVELS)
    for k in np.flatnonzero((LEVELS > HIGHEST_HEM) & (LEVELS < LOWEST_HEM)):
        if k + 1 >= last:  # what is below the cloth must be seen
            break
        both = seen[:, k - 1] & seen[:, k + 1]
        above, below = ((person[:, i] & both).sum() for i in (k - 1, k + 1))
        change = np.abs(colour[k + 1] - colour[k - 1]).max()
        ends = change > EDGE or apart[k] > APART * size  # the legs below are another thing, or stand apart
        if k <= first_gap + 1 and apart[k] < ASTRIDE * size and above > NARROWS * below and ends:
            return float(LEVELS[k]) + ROUND
    return 0.0


def _lie_inside(places: np.ndarray, size: torch.Size, margin: float) -> np.ndarray:
    """Which places (n, levels, 2) lie at least `margin` pixels inside a picture (h, w): (n, levels) bool."""
    far = np.array([size[1], size[0]]) - margin
    inside: np.ndarray = ((places >= margin) & (places <= far)).all(-1)
    return inside


def _walk_down(xy: np.ndarray, leg: tuple[int, int, int]) -> np.ndarray:
    """The places of `LEVELS` on a leg's axis: (levels, 2)."""
    return np.stack([np.interp(LEVELS, [0, 1, 2], xy[list(leg), axis]) for axis in (0, 1)], -1)


def _look_up(values: torch.Tensor, points: np.ndarray) -> np.ndarray:
    """(C, h, w) sampled at places (..., 2), 0 outside: (..., C)."""
    size = np.array([values.shape[2], values.shape[1]])
    grid = torch.from_numpy((points * 2 / size - 1).astype(np.float32)).reshape(1, -1, 1, 2)
    found = F.grid_sample(values[None].float(), grid.to(values.device), align_corners=False)[0, :, :, 0]  # (C, n)
    return found.T.reshape(*points.shape[:-1], -1).cpu().numpy().astype(np.float64)
