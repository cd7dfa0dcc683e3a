"""Limbs stay within the figure: where the joints of a drawn arm lie beside it, its line is followed from the hand.

A figure that stands out from a flat background says where its limbs are. A network, which knows usual bodies, places
the shoulders of somebody without a neck too high, and elbows where no line is.

Glossary: V = 18 joints; h x w the figure, made small.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from PIL import Image
from scipy.ndimage import distance_transform_edt
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra

from dancegen.body import joints as J
from dancegen.body.joints import body_height, mid_hip
from dancegen.people.located import limb_distance

SIDE = 256  # pixels of the longer side on which lines are followed
BESIDE = 0.02  # heights from the figure, from which a place is not on it
OUTSIDE = 0.12  # the share of an arm's axis beside the figure from which its joints are not believed
CORE = 0.05  # heights around the spine: there an arm ends
NEAR_HAND = 0.05  # heights around the wrist within which its line begins
LENGTHS = (0.15, 1.0)  # heights: other lines are no arm's
SAMPLES = 40  # along an axis
FAR = 2.0  # radii from every limb


def unexplained(joints: np.ndarray, figure: np.ndarray) -> float:
    """The share of a figure (H, W) bool that is far from every limb of joints (V, 2): less is likelier."""
    height = float(body_height(joints.astype(np.float64)))
    return share_beyond(figure, FAR, partial(limb_distance, joints, np.ones(len(joints), bool), height))


def share_beyond(figure: np.ndarray, far: float, distance: Callable[[tuple[int, int], float], np.ndarray]) -> float:
    """The share of a figure (H, W) bool that is more than `far` radii from every limb.

    `distance` of a size (W, H) and a scale says how far each pixel is, as `located.limb_distance` does.
    """
    step = max(max(figure.shape) // SIDE, 1)
    small = figure[::step, ::step]
    away = distance((small.shape[1], small.shape[0]), 1 / step)
    return float((away[small] > far).mean()) if small.any() else 0.0


def follow_outline(joints: np.ndarray, confidence: np.ndarray, figure: np.ndarray) -> np.ndarray:
    """Joints (V, 2), the arms' on the figure.

    Args:
        joints: (V, 2) pixels; confidence: (V,).
        figure: (H, W) bool, with what it encloses.
    """
    scale = min(1.0, SIDE / max(figure.shape))
    size = max(round(figure.shape[1] * scale), 1), max(round(figure.shape[0] * scale), 1)
    small = Image.fromarray(figure.astype(np.uint8) * 255).resize(size, Image.Resampling.BOX)
    inside = np.asarray(small) > 255 // 4  # (h, w): thin lines stay
    here = joints.astype(np.float64) * scale
    height = float(body_height(here))
    beside = distance_transform_edt(~inside) > BESIDE * height
    moved = joints.copy()
    for chain in J.ARM_CHAINS:
        if (confidence[list(chain)] > 0).all() and _sample(beside, here[list(chain)]).mean() > OUTSIDE:
            line = _arm_line(inside, here, chain[2], height)
            if line is not None:
                moved[chain[0]], moved[chain[1]] = line[0] / scale, line[1] / scale
    return moved


def _sample(field: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Values of a field (h, w) along the line through places (n, 2)."""
    at = np.linspace(0, len(places) - 1, SAMPLES)
    x, y = (np.interp(at, np.arange(len(places)), places[:, axis]) for axis in (0, 1))
    rows, columns = (np.clip(value, 0, side - 1).astype(int) for value, side in zip((y, x), field.shape, strict=True))
    values: np.ndarray = field[rows, columns]
    return values


def _arm_line(
    inside: np.ndarray, joints: np.ndarray, wrist: int, height: float
) -> tuple[np.ndarray, np.ndarray] | None:
    """Where the line from a wrist to the trunk leaves the trunk, and its middle: (2,) each; None where there is none.

    Args:
        inside: (h, w) bool; joints: (V, 2) in it.
    """
    spine = np.zeros_like(inside)
    ends = np.stack([joints[J.NECK], mid_hip(joints)])
    steps = np.linspace(0, 1, SAMPLES)[:, None]
    columns, rows = np.clip(ends[0] + steps * (ends[1] - ends[0]), 0, np.array(inside.shape[::-1]) - 1).astype(int).T
    spine[rows, columns] = True
    trunk = distance_transform_edt(~spine) <= CORE * height
    open_to = inside | trunk
    away, before = _ways_from(trunk, open_to)
    y, x = np.mgrid[0 : inside.shape[0], 0 : inside.shape[1]] + 0.5
    apart = np.hypot(x - joints[wrist, 0], y - joints[wrist, 1])
    apart = np.where(inside & np.isfinite(away), apart, np.inf)
    if apart.min() > NEAR_HAND * height:
        return None
    line = [int(apart.argmin())]
    while before[line[-1]] >= 0:
        line.append(int(before[line[-1]]))
    rows, columns = np.unravel_index(line[::-1], inside.shape)
    way = np.stack([columns, rows], 1) + 0.5  # (n, 2) from the trunk to the hand
    gone = np.append(0.0, np.cumsum(np.linalg.norm(np.diff(way, axis=0), axis=1)))
    if not LENGTHS[0] * height < gone[-1] < LENGTHS[1] * height:
        return None
    return way[0], way[int(np.searchsorted(gone, gone[-1] / 2))]


def _ways_from(start: np.ndarray, open_to: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How far each place is from `start` through `open_to`, both (h, w) bool: (h, w), inf where there is no way; and
    the place before each on its way, numbered row by row: (h * w,), negative where there is none.
    """
    number = np.arange(start.size).reshape(start.shape)
    ends: list[np.ndarray] = []
    for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
        here = (slice(0, start.shape[0] - down), slice(max(-right, 0), start.shape[1] - max(right, 0)))
        there = (slice(down, None), slice(max(right, 0), start.shape[1] + min(right, 0)))
        both = open_to[here] & open_to[there]
        ends.append(np.stack([number[here][both], number[there][both], np.full(both.sum(), np.hypot(down, right))]))
    first, second, length = np.concatenate(ends, 1)
    graph = csr_matrix((length, (first.astype(int), second.astype(int))), (start.size, start.size))
    away, before, _ = dijkstra(graph, False, number[start & open_to], min_only=True, return_predecessors=True)
    return away.reshape(start.shape), before
