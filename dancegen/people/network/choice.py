"""Which peaks of the heatmaps are the joints, chosen together, and where between the cells they are.

A map often has a peak on each leg, or on each arm, and each map's own highest peak then finds both knees on one leg. So
the peaks of both arms, and of both legs, are chosen at once: likely places, limbs no longer than bodies have them, and
the two elbows, wrists, knees or ankles not at one place where there is a second.

Glossary: V 18 joints; N peaks of a map, `PEAKS` where it has as many; h, w its size; a cell is one place of a map,
`FINDER_STRIDE` px of the input; a window is the 5 x 5 cells around one.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from dancegen.body import joints as J
from dancegen.body.joints import body_height

FINDER_STRIDE = 4
WINDOW = 2  # cells to each side of a peak that belong to it
SMALLEST_BODY = 8.0  # px
PEAKS = 4  # of a map that are looked at
LEAST = 0.02  # share of a map that a second peak holds at least
# The longest limbs believed, from their parent joint, body heights: 1.6 times natural ones; how much farther costs half
# a nat, and what at most.
REACHES = {J.R_SHOULDER: 0.26, J.R_ELBOW: 0.24, J.R_HIP: 0.39, J.R_KNEE: 0.38}
SOFT_REACH, TOO_FAR = 0.04, 6.0
APART, TOGETHER = 0.06, 1.5  # body heights within which left and right are at one place, and what that costs, nats
NEVER = -30.0


def near_cells(cells: Tensor, rows: int, columns: int) -> Tensor:
    """Which cells of a map are at most `WINDOW` from the cell numbered `cells` (...): (..., rows * columns) bool."""
    row = torch.arange(rows, device=cells.device).repeat_interleave(columns)
    column = torch.arange(columns, device=cells.device).repeat(rows)
    near_row = (row - (cells // columns)[..., None]).abs() <= WINDOW
    return near_row & ((column - (cells % columns)[..., None]).abs() <= WINDOW)


def means_around(share: Tensor, cells: Tensor, rows: int, columns: int) -> tuple[Tensor, Tensor]:
    """Mean places in the windows of maps.

    Args:
        share: (..., rows * columns) maps that sum to 1; cells: (...) number of the cell in each window's middle.

    Returns:
        (..., 2) x and y in cells, and (...) the window's part of the map.
    """
    local = share * near_cells(cells, rows, columns)
    mass = local.sum(dim=-1)
    y = torch.arange(rows, device=share.device).repeat_interleave(columns) + 0.5
    x = torch.arange(columns, device=share.device).repeat(rows) + 0.5
    middle = torch.stack([(local * x).sum(dim=-1), (local * y).sum(dim=-1)], dim=-1)
    return middle / mass[..., None].clamp(min=1e-9), mass


REACHES |= {J.L_SHOULDER: 0.26, J.L_ELBOW: 0.24, J.L_HIP: 0.39, J.L_KNEE: 0.38}


def choose_joints(heat: Tensor, stride: int = FINDER_STRIDE) -> tuple[Tensor, Tensor]:
    """Joint places from heatmap logits (V, h, w).

    Returns:
        (V, 2) px of the input, and (V,) how much of the whole map lies around the place, 0..1.
    """
    places, mass = peaks(heat, stride)
    height = max(float(body_height(places[:, 0])), SMALLEST_BODY)
    which = torch.from_numpy(_choice(places.cpu().numpy() / height, mass.cpu().numpy())).to(heat.device)
    each = torch.arange(len(which), device=heat.device)
    return places[each, which], mass[each, which]


def peaks(heat: Tensor, stride: int = FINDER_STRIDE) -> tuple[Tensor, Tensor]:
    """The (at most) `PEAKS` places of each map (V, h, w) with most of it in the 5 x 5 cells around them, most first.

    Returns:
        (V, N, 2) px of the input; (V, N) the shares, 0 where there are no more.
    """
    share = torch.softmax(heat.float().flatten(1), dim=1)  # (V, h * w)
    mass = 25 * F.avg_pool2d(share.reshape(heat.shape), 5, stride=1, padding=2)
    tops = torch.where(F.max_pool2d(mass, 5, stride=1, padding=2) == mass, mass, 0.0).flatten(1)
    most = tops.topk(min(PEAKS, tops.shape[1]), dim=1).indices  # (V, N)
    columns = heat.shape[2]
    near = near_cells(most, heat.shape[1], columns)  # (V, N, h * w)
    sharpest = (share[:, None] * near).argmax(dim=2)  # the window's middle is flat: the joint is at its highest cell
    places, _ = means_around(share[:, None].expand_as(near), sharpest, heat.shape[1], columns)
    return places * stride, tops.gather(1, most)


def _choice(places: np.ndarray, mass: np.ndarray) -> np.ndarray:
    """(V,) which of the N places, (V, N, 2) in body heights, of `mass` (V, N), each joint takes."""
    which = np.zeros(len(places), np.int64)
    likely = np.where(mass > LEAST, np.log(mass + 1e-9), NEVER)
    likely[:, 0] = np.log(mass[:, 0] + 1e-9)
    for right, left in (J.ARM_CHAINS, J.LEG_CHAINS):
        sides = [_chain(places, likely, chain) for chain in (right, left)]  # (N, N, N) each
        total = sides[0][:, :, :, None, None, None] + sides[1]
        for step in (1, 2):
            cost = TOGETHER * np.exp(-0.5 * np.square(_distances(places[right[step]], places[left[step]]) / APART))
            total = total - _spread(cost, step)
        which[[*right, *left]] = np.unravel_index(int(total.argmax()), total.shape)
    return which


def _chain(places: np.ndarray, likely: np.ndarray, chain: tuple[int, int, int]) -> np.ndarray:
    """(N, N, N) how likely each choice of a limb's root, middle and end is by itself, nats."""
    root, middle, end = chain
    upper, lower = _lengths(places, root, middle), _lengths(places, middle, end)
    alone = likely[root][:, None, None] + likely[middle][:, None] + likely[end]
    return np.asarray(alone - upper[:, :, None] - lower)


def _lengths(places: np.ndarray, parent: int, child: int) -> np.ndarray:
    """(N, N) the cost of the distances between two joints' places."""
    beyond = np.maximum(_distances(places[parent], places[child]) - REACHES[parent], 0) / SOFT_REACH
    return np.minimum(0.5 * np.square(beyond), TOO_FAR)


def _distances(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(N, N) of (N, 2) and (N, 2)."""
    return np.asarray(np.linalg.norm(first[:, None] - second, axis=-1))


def _spread(table: np.ndarray, step: int) -> np.ndarray:
    """(N, N) over the right and the left side's joint number `step`, as a table over all six joints."""
    shape = [1] * 6
    shape[step], shape[3 + step] = table.shape
    return table.reshape(shape)
