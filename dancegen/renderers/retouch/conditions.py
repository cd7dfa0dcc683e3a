"""What G_r sees: a window of the picture around the person, and the target skeleton as pictures of its limbs.

A small person in a wide picture gets the same resolution as one that fills it. The window follows the dancer in steps
of `SNAP` cells, the stride of the network, so that its answer does not swim on the picture.

Glossary: B batch, V = 18 joints, K = 15 limbs, h x w the network's grid.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from dancegen.body import limbs as L
from dancegen.body.capsules import limb_distances
from dancegen.body.joints import body_height, mid_hip
from dancegen.body.limb_maps import DEPTH_LIMIT, limb_order
from dancegen.body.limbs import K

REACH = 1.6  # body heights the window spans: raised arms, a kick and the steps of the snapping fit in
SNAP = 8  # cells; the network's depth halves its grid three times
RIGID = [L.HEAD, L.R_HAND, L.L_HAND, L.R_FOOT, L.L_FOOT]
CHANNELS = K + 3 + 1 + 1  # closeness, painted, covered, depth


@dataclass(frozen=True)
class Window:
    """A size, not a place.

    Attributes:
        rows, columns: the network's grid, multiples of `SNAP`.
        cell: video pixels per cell.
        size: (w, h) of the video.
    """

    rows: int
    columns: int
    cell: float
    size: tuple[int, int]

    def origins(self, joints: np.ndarray) -> np.ndarray:
        """Where the window's first corner lies for skeletons (B, V, 2+) in video pixels: (B, 2) x and y, snapped.

        Nothing is drawn outside the window, so none of it looks past the picture where it leaves a part of that out.
        """
        middle = (mid_hip(joints[..., :2]) + (joints[..., :2].min(-2) + joints[..., :2].max(-2)) / 2) / 2
        span = np.array([self.columns, self.rows]) * self.cell
        step = SNAP * self.cell
        last = np.ceil((np.array(self.size) - span) / step - 1e-6)  # at which the picture's other end is reached
        return np.clip(np.round((middle - span / 2) / step), np.minimum(last, 0), np.maximum(last, 0)) * step

    def look(self, picture: torch.Tensor, origin: np.ndarray) -> torch.Tensor:
        """The window's content at `origin`: (C, h, w) -> (C, rows, columns); the border is continued outwards."""
        left, top = (round(float(value)) for value in origin)
        right, bottom = left + round(self.columns * self.cell), top + round(self.rows * self.cell)
        height, width = picture.shape[-2:]
        x0, y0 = min(max(left, 0), width - 1), min(max(top, 0), height - 1)
        x1, y1 = max(min(right, width), x0 + 1), max(min(bottom, height), y0 + 1)
        seen = picture[None, :, y0:y1, x0:x1]
        outside = (max(x0 - left, 0), max(right - x1, 0), max(y0 - top, 0), max(bottom - y1, 0))
        if any(outside):
            seen = F.pad(seen, outside, mode="replicate")
        return F.interpolate(seen, (self.rows, self.columns), mode="area")[0]


def fit_window(joints: np.ndarray, size: tuple[int, int], grid: int) -> Window:
    """The window for a subject (V, 2+) in a video of `size` (w, h), its longer side `grid` cells."""
    reach = REACH * float(body_height(joints[:, :2]))
    width, height = min(reach, size[0]), min(reach, size[1])
    cell = max(width, height) / grid
    columns, rows = (SNAP * int(np.ceil(side / cell / SNAP - 1e-6)) for side in (width, height))
    # A window as wide as the picture needs room for its snapping: the border is continued outside.
    columns, rows = (min(cells + SNAP, grid + SNAP) if cells < grid else cells for cells in (columns, rows))
    return Window(rows, columns, cell, size)


@dataclass(frozen=True)
class Conditions:
    """A target skeleton as pictures.

    Attributes:
        closeness: (B, K, h, w) 1 on a limb's axis, 0 from two radii on.
        painted: (B, 3, h, w) the limbs in the person's mean colours, nearest limb in front.
        covered: (B, 1, h, w) about where the person will be.
        depth: (B, 1, h, w) how near the camera the limb in front is.
        reach: (B, 1, h, w) 1 near the person, 0 where the network must not touch the picture: far away, and around
            head, hands and feet, which move as they are and need nothing painted beneath.
    """

    closeness: torch.Tensor
    painted: torch.Tensor
    covered: torch.Tensor
    depth: torch.Tensor
    reach: torch.Tensor

    def stack(self) -> torch.Tensor:
        """The network's share of them: (B, CHANNELS, h, w)."""
        return torch.cat([self.closeness, self.painted, self.covered, self.depth], 1)


def draw_conditions(targets: np.ndarray, colours: torch.Tensor, height: int, width: int) -> Conditions:
    """Draw target skeletons.

    Args:
        targets: (B, V, 3) in pixels of the grid.
        colours: (B, K, 3) mean colour of each limb.
    """
    distances = limb_distances(targets, height, width).to(colours.device)  # (B, K, h, w)
    order = torch.from_numpy(limb_order(targets)).to(colours.device)[..., None, None]  # (B, K, 1, 1)
    front = torch.softmax(1.5 * order - 4 * distances, 1)
    nearest = distances.amin(1, keepdim=True)
    return Conditions(
        closeness=(1 - distances / 2).clamp_min(0),
        painted=torch.einsum("bkhw,bkc->bchw", front, colours),
        covered=((1.3 - nearest) / 0.6).clamp(0, 1),
        depth=(front * order).sum(1, keepdim=True) / DEPTH_LIMIT,
        reach=(3.5 - nearest).clamp(0, 1) * _bending_share(distances),
    )


def _bending_share(distances: torch.Tensor) -> torch.Tensor:
    """1 where the nearest limb is one that bends or stretches, 0 where it is a rigid one: -> (B, 1, h, w)."""
    rigid = distances[:, RIGID].amin(1, keepdim=True)
    other = distances[:, [limb for limb in range(K) if limb not in RIGID]].amin(1, keepdim=True)
    return ((rigid - other) / 0.3 + 0.5).clamp(0, 1)
