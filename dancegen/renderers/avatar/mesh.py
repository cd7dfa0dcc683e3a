"""A piece of a person as a closed surface of two sides, a grid of squares whose outer nodes lie on its outline."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import binary_dilation, distance_transform_edt, map_coordinates, maximum_filter

from dancegen.renderers.avatar.sheets import Grid

STEP = 3.0  # pixels between nodes in a video of 512
LEAST_STEP = 1.5
SEEN, SURE = 0.3, 0.7  # alpha from which a square is drawn, and from which something is no stain
TORN = 0.3  # of a vertex's weights on the one leg and the other, from which they are not joined
KNEE = 0.5  # of a step from the outline over which a piece rises straight, about as deep on the whole as a root
RINGS = (0.5, 1.5)  # steps inside the outline nearer than which nodes are moved onto it, and to a step inside
THICK = 1.5  # steps from a place to its outline, somewhere near, for it to be given such rings
REACH = 1.6  # pixels around what is sure within which something faint is an edge


@dataclass(frozen=True, eq=False)
class Surface:
    """One piece's surface; n nodes each for front and back, which share those on the outline's place.

    Attributes:
        vertices: (2 n, 3) video pixels, the front's first.
        uv: (2 n, 2) texels; weights: (2 n, K).
        front, back: (m, 3) triangles each, clockwise on the screen where they face the camera.
    """

    vertices: np.ndarray
    uv: np.ndarray
    weights: np.ndarray
    front: np.ndarray
    back: np.ndarray


def clean_alpha(alpha: np.ndarray, reach: float) -> np.ndarray:
    """Alpha (H, W) without what is faint and not at an edge within `reach` texels: stains."""
    near = distance_transform_edt(alpha < SURE) < reach * 1.0 if (alpha >= SURE).any() else np.zeros(alpha.shape, bool)
    return alpha * near


def make_surface(
    grid: Grid,
    alpha: np.ndarray,
    thickness: np.ndarray,
    middle: np.ndarray,
    weights: np.ndarray,
    torn: np.ndarray,
    step: float,
) -> Surface:
    """The surface of a piece, torn where its sides go with different legs and no cloth spans them.

    Args:
        alpha: (H, W) texels.
        thickness, middle: (h, w) half depth and depth of the middle, cells.
        weights: (K, h, w).
        torn: (h, w) how much more each cell goes with the one leg than with the other, 0 where cloth spans them.
        step: video pixels between nodes.
    """
    squares, corners = _squares(alpha, step * grid.density)
    node = np.zeros(np.add(squares.shape, 1), bool)
    filled = np.zeros(node.shape, int)
    for rows, columns in corners:
        node[rows, columns] |= squares
        filled[rows, columns] += squares
    number = np.full(node.shape, -1)
    number[node] = np.arange(int(node.sum()))
    places, outside, inward = _on_rings(alpha, np.argwhere(node)[:, ::-1] * step, grid.density, step)
    rim = outside | (filled[node] < 4)
    cells = (places * grid.per_pixel).T[::-1] - 0.5

    def look_up(values: np.ndarray) -> np.ndarray:
        found: np.ndarray = map_coordinates(values, cells, order=1, mode="nearest")
        return found

    # Nodes lie at any distance from the outline, where a round limb is steepest: with its root there, outlines seen
    # from a side go in and out. A straight rise to the same depth a step inside is sampled alike wherever nodes lie.
    share = np.clip(inward, 0.05, 1)
    deep = np.where(rim, 0, look_up(thickness) * np.minimum(share / KNEE, 1) / np.sqrt(share)) / grid.per_pixel[0]
    z = look_up(middle) / grid.per_pixel[0]
    used = weights.any((1, 2))
    shares = np.zeros((len(places), len(weights)))
    shares[:, used] = np.stack([look_up(each) for each in weights[used]], 1)
    xy = places + grid.corner
    vertices = np.concatenate([np.column_stack([xy, z - deep]), np.column_stack([xy, z + deep])])
    at = [number[rows, columns][squares] for rows, columns in corners]  # upper left, upper right, lower left, right
    front = np.concatenate([np.stack([at[0], at[1], at[3]], 1), np.stack([at[0], at[3], at[2]], 1)])
    sides = look_up(torn)[front]  # (m, 3)
    front = front[(sides.max(1) < TORN) | (sides.min(1) > -TORN)]
    back = front[:, ::-1] + len(places)
    return Surface(vertices, np.tile(places * grid.density, (2, 1)), np.tile(shares, (2, 1)), front, back)


def _squares(alpha: np.ndarray, step: float) -> tuple[np.ndarray, list[tuple[slice, slice]]]:
    """Which squares of a grid of `step` texels are drawn (rows, columns), and how their corners lie in the nodes."""
    used = binary_dilation(alpha > SEEN, iterations=2)
    rows, columns = (int(np.ceil(side / step)) for side in alpha.shape)
    squares = np.zeros((rows, columns), bool)
    y, x = np.nonzero(used)
    squares[np.minimum((y / step).astype(int), rows - 1), np.minimum((x / step).astype(int), columns - 1)] = True
    ends = (slice(None, -1), slice(1, None))
    return squares, [(row, column) for row in ends for column in ends]


def _texels(places: np.ndarray, density: float, shape: tuple[int, ...]) -> tuple[np.ndarray, ...]:
    """Rows and columns (n,) of the texels under places (n, 2) in video pixels."""
    return tuple(np.clip((places[:, axis] * density).astype(int), 0, shape[1 - axis] - 1) for axis in (1, 0))


def _on_rings(
    alpha: np.ndarray, nodes: np.ndarray, density: float, step: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Nodes (n, 2) video pixels with those outside moved onto the outline, those near it onto it or a step inside.

    A round limb is steepest at its outline: with nodes at any distance from it, outlines seen from a side go in and
    out. What is thinner than that, as fingers are, keeps its nodes where they are.

    Returns:
        nodes; which are on the outline (n,); how far inside each is (n,) steps.
    """
    inside = alpha > SEEN - 0.05
    if not inside.any():
        return nodes, np.ones(len(nodes), bool), np.zeros(len(nodes))
    away, places = distance_transform_edt(~inside, return_indices=True)
    deep, rims = distance_transform_edt(inside, return_indices=True)
    at, size = _texels(nodes, density, alpha.shape), step * density
    steps, thick = deep[at] / size, maximum_filter(deep, int(THICK * size) * 2 + 1)[at] > THICK * size
    outside = away[at] > 0
    onto = outside | (thick & (steps < RINGS[0]))
    ring = thick & ~onto & (steps < RINGS[1])
    nearest = np.where(outside, places[(slice(None), *at)], rims[(slice(None), *at)])[::-1].T + 0.5
    inward = nodes * density - nearest
    inward /= np.maximum(np.linalg.norm(inward, axis=1, keepdims=True), 1e-6)
    far = np.where(onto, np.where(outside, 0, 0.5), size)[:, None]
    moved = np.where((onto | ring)[:, None], (nearest + far * np.where(outside[:, None], 0, inward)) / density, nodes)
    return moved, onto, np.where(onto, 0, np.where(ring, 1.0, steps))
