"""How deep each piece of a person is, from its outline alone.

A surface blown up over an outline: h = root of u, where u has the Laplacian -c inside and is 0 at the outline. With
c = 2 a stripe becomes a round cylinder, with c = 4 a disc a ball; a torso is flatter.

Glossary: h x w cells.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import distance_transform_edt, gaussian_filter
from scipy.sparse import coo_matrix
from scipy.sparse.linalg import spsolve

from dancegen.body import joints as J
from dancegen.body import limbs as L
from dancegen.renderers.avatar.depth import foot_ends
from dancegen.renderers.avatar.sheets import Grid, Sheet

ROUND, BALL = 2.0, 4.0  # c of what is as deep as it is wide
LIMB, HEAD, FLAT = 1.2 * ROUND, 1.5 * BALL, 1.13  # c of limbs, head and torso: medians of the rigged people of training
CLOTH = 0.94  # c of skirts and coats
CHIN, NECK_OVER = 0.05, 0.03  # heights below the middle of the face where a head ends, and over which it becomes a neck
MOST_TORSO, MOST_LIMB = 0.085, 0.10  # half depths, heights
UNDER = 0.97  # of a leg's depth that the trunk has over it
BELOW, BELOW_OVER = 0.92, 0.14  # the level of the spine from which the trunk is no deeper than the legs, and over what
SOLE_ROUND = 0.008  # heights over which a foot comes to its full length from its outline
LEAST_LEG = 0.045  # heights, where no leg is seen


def inflate(mask: np.ndarray, open_edge: np.ndarray, curvature: np.ndarray) -> np.ndarray:
    """The half depth of a piece.

    Args:
        mask: (h, w) bool.
        open_edge: (h, w) bool, cells outside of it towards which it does not taper: there it goes on.
        curvature: (h, w) c.

    Returns:
        (h, w) in cells, 0 outside.
    """
    height, width = mask.shape
    count = int(mask.sum())
    depth = np.zeros(mask.shape)
    if not count:
        return depth
    index = np.full(mask.shape, -1)
    index[mask] = np.arange(count)
    y, x = np.nonzero(mask)
    own, rows, columns = np.full(count, 1e-5), [], []
    for down, right in ((0, 1), (0, -1), (1, 0), (-1, 0)):
        y1, x1 = y + down, x + right
        inside = (y1 >= 0) & (y1 < height) & (x1 >= 0) & (x1 < width)
        y1, x1 = np.clip(y1, 0, height - 1), np.clip(x1, 0, width - 1)
        neighbour = inside & mask[y1, x1]
        own += ~(inside & ~mask[y1, x1] & open_edge[y1, x1])
        rows.append(np.flatnonzero(neighbour))
        columns.append(index[y1, x1][neighbour])
    row, column = np.concatenate([*rows, np.arange(count)]), np.concatenate([*columns, np.arange(count)])
    value = np.concatenate([np.full(len(row) - count, -1.0), own])
    found = spsolve(coo_matrix((value, (row, column)), shape=(count, count)).tocsc(), curvature[mask])
    depth[mask] = np.sqrt(np.maximum(found, 0))
    return depth


def sheet_thickness(sheet: Sheet, grid: Grid, weights: np.ndarray, legs: np.ndarray) -> np.ndarray:
    """The half depth of a piece (h, w), cells.

    Args:
        weights: (K, h, w) of its bones.
        legs: (h, w) the half depth of the legs, for the trunk, which must not stand out over them.
    """
    torso = weights[L.UPPER_TORSO] + weights[L.LOWER_TORSO]
    nearest = grid.scores.argmin(0)
    open_edge = np.zeros_like(sheet.mask)
    if sheet.is_trunk:
        open_edge = grid.person & np.isin(nearest, (L.R_THIGH, L.L_THIGH, L.R_SHIN, L.L_SHIN))
        face = grid.local[list(J.FACE_JOINTS), 1].mean() + CHIN * grid.height
        skull = np.clip((face - grid.places[..., 1]) / (NECK_OVER * grid.height), 0, 1)
        curvature = FLAT + weights[L.HEAD] * (ROUND - FLAT + skull * (HEAD - ROUND))
    else:
        curvature = LIMB * (1 - torso) + FLAT * torso
        if not sheet.is_arm:
            open_edge = grid.person & np.isin(nearest, (L.UPPER_TORSO, L.LOWER_TORSO))
            if grid.hem:
                from dancegen.renderers.avatar.skirt import above_hem

                curvature = np.where(above_hem(grid), CLOTH, curvature)
    depth = inflate(sheet.mask, open_edge & ~sheet.mask, curvature)
    depth = np.minimum(depth, np.where(torso > 0.5, MOST_TORSO, MOST_LIMB) * grid.height)
    depth = gaussian_filter(depth, 0.7)
    if not (sheet.is_trunk or sheet.is_arm):
        depth = _add_feet(sheet, grid, weights, depth)
    return _over_legs(sheet, grid, depth, legs) if sheet.is_trunk else depth


def _add_feet(sheet: Sheet, grid: Grid, weights: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """A leg's half depth (h, w) with feet as long as feet are."""
    away = distance_transform_edt(sheet.mask)
    edge = np.clip(away / (SOLE_ROUND * grid.height), 0, 1)
    for foot in (L.R_FOOT, L.L_FOOT):
        heel, toes = foot_ends(sheet, grid, foot)
        depth = depth + weights[foot] * sheet.mask * (edge * (heel + toes) / 2 - depth)
    return depth


def _over_legs(sheet: Sheet, grid: Grid, depth: np.ndarray, legs: np.ndarray) -> np.ndarray:
    """The trunk's half depth (h, w), where it reaches over the legs and below the hips no deeper than they are."""
    size = grid.height
    away = distance_transform_edt(sheet.mask)
    on_legs = np.isin(sheet.owner, (L.R_THIGH, L.L_THIGH)) & (legs > 0)
    share = np.clip((gaussian_filter(on_legs.astype(float), 0.012 * size) - 0.3) / 0.5, 0, 1)
    edge = np.sqrt(np.clip(away / (0.02 * size), 0, 1))
    level = np.minimum(depth, UNDER * gaussian_filter(legs, 0.01 * size)) * edge
    depth = depth * (1 - share) + level * share
    low = np.clip((grid.level - BELOW) / BELOW_OVER, 0, 1)
    widest = np.maximum(gaussian_filter(legs.max(1), 0.01 * size), LEAST_LEG * size)[:, None]
    edge = np.sqrt(np.clip(away / (0.03 * size), 0, 1))
    result: np.ndarray = depth * (1 - low) + np.minimum(depth, BELOW * widest * edge) * low
    return result
