"""The analytic puppet: each limb a layer cut from the picture, moved by its affine map, laid back to front.

A frame costs one sampling of each layer's own box. Coordinates: "source" and "target" are pixels of the video's size,
(0, 0) the corner of the first pixel.

Glossary: K = 15 limbs; h x w the video; layers are premultiplied RGBA in 0..1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F

from dancegen.body.limbs import K
from dancegen.renderers.puppet.bends import BENDS_OF, Bends, bend_shifts
from dancegen.renderers.puppet.cut import MARGIN, LimbLayers
from dancegen.renderers.puppet.skirt import (
    PAIRS,
    project_forward,
    span_legs,
)


def shrink_layers(layers: LimbLayers, density: float) -> LimbLayers:
    """The same layers with about `density` texels per source pixel, for drawing small without aliasing."""
    factor = int(layers.density // density)
    if factor < 2:
        return layers
    textures = []
    for texture in layers.textures:
        bare = texture[:, MARGIN:-MARGIN, MARGIN:-MARGIN]
        right, bottom = -bare.shape[2] % factor, -bare.shape[1] % factor
        textures.append(F.pad(F.avg_pool2d(F.pad(bare, (0, right, 0, bottom)), factor), (MARGIN,) * 4).contiguous())
    return replace(layers, textures=tuple(textures), density=layers.density / factor)


def mean_colours(layers: LimbLayers) -> torch.Tensor:
    """The mean colour of each limb; of the whole person where a limb has no pixels: (K, 3)."""
    sums = torch.stack([texture.sum((1, 2)) for texture in layers.textures])  # (K, 4)
    few = 1e-3 * sums.sum(0)
    return (sums[:, :3] + few[:3]) / (sums[:, 3:] + few[3:]).clamp_min(1e-6)


def puppet_box(
    layers: LimbLayers, maps: np.ndarray, bends: Bends, size: tuple[int, int]
) -> tuple[int, int, int, int] | None:
    """Left, top, right, bottom of all limbs on a target of `size` (h, w); None where nothing is in it."""
    boxes = [_target_box(layers, limb, maps, bends, *size) for limb in range(K)]
    seen = np.array([box for box in boxes if box is not None])
    if not len(seen):
        return None
    left, top = seen[:, :2].min(0)
    right, bottom = seen[:, 2:].max(0)
    return int(left), int(top), int(right), int(bottom)


def lay(
    layers: LimbLayers,
    maps: np.ndarray,
    bends: Bends,
    order: np.ndarray,
    frame: torch.Tensor,
) -> None:
    """Lay the limbs over `frame`, back to front, in place.

    Args:
        maps: (K, 2, 3) target -> source pixels.
        bends: of this one skeleton.
        order: (K,) larger is nearer the camera.
        frame: (3, h, w) colours, or (4, h, w) premultiplied with alpha.
    """
    for (left, top, right, bottom), limb in limb_pictures(layers, maps, bends, order, frame.shape[-2:]):
        frame[:, top:bottom, left:right].mul_(1 - limb[3:]).add_(limb[: len(frame)])


def limb_pictures(
    layers: LimbLayers, maps: np.ndarray, bends: Bends, order: np.ndarray, size: tuple[int, int] | torch.Size
) -> Iterator[tuple[tuple[int, int, int, int], torch.Tensor]]:
    """The limbs that a target of `size` (h, w) shows, back to front: boxes, and in them premultiplied (4, bh, bw)."""
    for limb in np.argsort(order, kind="stable"):
        box = _target_box(layers, int(limb), maps, bends, *size)
        if box is not None:
            yield box, _sample(layers, int(limb), maps, bends, box)


def _target_box(
    layers: LimbLayers, limb: int, maps: np.ndarray, bends: Bends, height: int, width: int
) -> tuple[int, int, int, int] | None:
    left, top = (float(value) for value in layers.corners[limb])
    tall, wide = (side - 2 * MARGIN for side in layers.textures[limb].shape[-2:])
    right, bottom = left + wide / layers.density, top + tall / layers.density
    corners = np.array([[left, top], [right, top], [left, bottom], [right, bottom]])
    by = [limb, PAIRS[limb][0]] if layers.hem and limb in PAIRS else [limb]
    try:
        forward = np.concatenate([project_forward(maps[k], corners) for k in by])  # (4 or 8, 2)
    except np.linalg.LinAlgError:
        return None
    low, high = forward.min(0), forward.max(0)
    for index in BENDS_OF.get(limb, []):
        if bends.turn[index]:  # the skin that is stretched around a joint may lie outside
            low = np.minimum(low, bends.pivot[index] - 0.7 * bends.radius[index])
            high = np.maximum(high, bends.pivot[index] + 0.7 * bends.radius[index])
    x0, y0 = np.floor(low).astype(int)
    x1, y1 = np.ceil(high).astype(int)
    x0, y0, x1, y1 = max(int(x0), 0), max(int(y0), 0), min(int(x1), width), min(int(y1), height)
    return (x0, y0, x1, y1) if x1 > x0 and y1 > y0 else None


def _sample(
    layers: LimbLayers,
    limb: int,
    maps: np.ndarray,
    bends: Bends,
    box: tuple[int, int, int, int],
) -> torch.Tensor:
    """The layer seen through its map inside a target box: (4, bh, bw)."""
    left, top, right, bottom = box
    backward, texture = maps[limb], layers.textures[limb]
    height, width = texture.shape[-2:]
    to_unit = 2 * layers.density / np.array([width, height], np.float64)  # source pixels -> grid_sample's -1..1
    # The margin shifts the texture's first texel by MARGIN.
    offset = (backward[:, 2] - layers.corners[limb]) * to_unit + 2 * MARGIN / np.array([width, height]) - 1
    linear = backward[:, :2] * to_unit[:, None]
    x = torch.arange(left, right, device=texture.device, dtype=torch.float32) + 0.5
    y = torch.arange(top, bottom, device=texture.device, dtype=torch.float32) + 0.5
    grid = torch.empty(1, bottom - top, right - left, 2, device=texture.device)
    for axis in range(2):
        row = x * float(linear[axis, 0]) + float(offset[axis])
        torch.add(row[None, :], y[:, None] * float(linear[axis, 1]), out=grid[0, ..., axis])
    for index in BENDS_OF.get(limb, []):
        _bend(grid[0], linear, bends, index, x, y)
    skirt = span_legs(limb, maps, layers.axes, layers.hem, x, y) if layers.hem and limb in PAIRS else None
    if skirt is not None:
        for axis in range(2):
            grid[0, ..., axis].add_(skirt[axis], alpha=float(to_unit[axis]))
    return F.grid_sample(texture[None], grid, mode="bilinear", padding_mode="zeros", align_corners=False)[0]


def _bend(grid: torch.Tensor, linear: np.ndarray, bends: Bends, index: int, x: torch.Tensor, y: torch.Tensor) -> None:
    """Add one bend to the places (bh, bw, 2) at which a layer is sampled; x (bw,), y (bh,) target pixels."""
    if abs(bends.turn[index]) < 1e-3:
        return
    radius = float(bends.radius[index])
    ranges = []
    for places, pivot in ((x, float(bends.pivot[index, 0])), (y, float(bends.pivot[index, 1]))):
        first = min(max(int(pivot - radius - float(places[0])), 0), len(places))
        ranges.append((first, min(max(int(pivot + radius - float(places[0])) + 2, first), len(places)), pivot))
    (x0, x1, pivot_x), (y0, y1, pivot_y) = ranges
    if x1 <= x0 or y1 <= y0:
        return
    kept = (bends.axis, bends.side, bends.end, bends.span, bends.turn, bends.radius, bends.tight)
    values = [float(value[index]) for value in kept]
    dx, dy = bend_shifts((x[x0:x1] - pivot_x)[None, :], (y[y0:y1] - pivot_y)[:, None], values)
    for axis in range(2):
        grid[y0:y1, x0:x1, axis].add_(dx, alpha=float(linear[axis, 0])).add_(dy, alpha=float(linear[axis, 1]))
