"""The whole figure: every piece's surface with its bones and colours, ready for the kernels.

Glossary: N vertices, M triangles, K = 15 bones; h x w cells, H x W texels of the person.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from dancegen.body.geometry import unit
from dancegen.body.proportions import Proportions
from dancegen.errors import DancegenError
from dancegen.renderers.avatar.depth import NOWHERE, clear_trunk, joints_in_space, middle_depth
from dancegen.renderers.avatar.mesh import LEAST_STEP, REACH, STEP, Surface, clean_alpha, make_surface
from dancegen.renderers.avatar.pages import sheet_pages
from dancegen.renderers.avatar.sheets import cut_sheets, make_grid
from dancegen.renderers.avatar.thickness import sheet_thickness
from dancegen.renderers.avatar.weights import leg_difference, skin_weights
from dancegen.renderers.puppet.cut import LimbLayers

BONES = 4  # that move one vertex at most
LEAST_SHARE = 0.02  # of a bone


class Shapeless(DancegenError):
    """A person of whom the picture shows too little to be given depth."""


class Mesh(NamedTuple):
    """A shell at rest.

    Attributes:
        vertices: (N, 3) float32; uv: (N, 2) float32, texels of the vertex's page.
        bones: (N, 4) int32 and weights: (N, 4) float32, which sum to 1.
        triangles: (M, 3) int32, clockwise on the screen where they face the camera; pages: (M,) int32.
        normals: (N, 3) float32, inward.
    """

    vertices: np.ndarray
    uv: np.ndarray
    bones: np.ndarray
    weights: np.ndarray
    triangles: np.ndarray
    pages: np.ndarray
    normals: np.ndarray


class Atlas(NamedTuple):
    """The pages of colour, RGBA, not multiplied by alpha: (T,) uint8 in all, and where each begins, wide, high."""

    texels: np.ndarray
    starts: np.ndarray
    widths: np.ndarray
    heights: np.ndarray


@dataclass(frozen=True, eq=False)
class Shell:
    """A figure at rest.

    Attributes:
        joints: (V, 3) at rest, video pixels.
        body: how long its limbs truly are, video pixels.
        mesh, atlas: what the kernels draw.
    """

    joints: np.ndarray
    body: Proportions
    mesh: Mesh
    atlas: Atlas


def make_shell(
    layers: LimbLayers, joints: np.ndarray, depth: np.ndarray | None, seen: np.ndarray, body: Proportions, size: int
) -> Shell:
    """Build the figure.

    Args:
        layers: the person cut into limbs.
        joints: (V, 2) video pixels; depth: (V,) likewise, or None.
        seen: (V,) bool.
        body: see `Shell`.
        size: longer side of the video, pixels: a larger one gets a finer mesh.

    Raises:
        Shapeless: no piece of the person covers more than a few cells.
    """
    grid = make_grid(layers, joints)
    space = joints_in_space(joints, depth, seen, body)
    deep = space[:, 2] * grid.per_pixel[0]
    step = max(LEAST_STEP, STEP * size / 512)
    legs, trunk_front = np.zeros(grid.cells), np.full(grid.cells, NOWHERE)
    surfaces: list[Surface] = []
    pages: list[np.ndarray] = []
    sheets = cut_sheets(layers, grid)
    if not sheets:
        raise Shapeless("too little of the person is seen to be given depth", "choose --renderer puppet")
    for sheet in sheets:
        weights = skin_weights(sheet, grid)
        thickness = sheet_thickness(sheet, grid, weights, legs)
        middle = middle_depth(sheet, grid, weights, deep)
        if sheet.is_trunk:
            trunk_front = np.where(sheet.mask, middle - thickness, NOWHERE)
        elif sheet.is_arm:
            middle = clear_trunk(sheet, grid, middle, thickness, trunk_front)
        else:
            legs = np.maximum(legs, np.where(sheet.mask, thickness, 0))
        alpha = clean_alpha(sheet.alpha, REACH * grid.density)
        surfaces.append(make_surface(grid, alpha, thickness, middle, weights, leg_difference(grid, weights), step))
        pages += sheet_pages(sheet, grid, alpha, bool(seen[[0, 14, 15]].any()))
    return Shell(space, body, join_surfaces(surfaces), bind_pages(pages))


def join_surfaces(surfaces: list[Surface]) -> Mesh:
    """All surfaces as one, the back of each before its front: soft edges are laid over what is behind them."""
    vertices, uv, weights = (
        np.concatenate([getattr(one, name) for one in surfaces]) for name in ("vertices", "uv", "weights")
    )
    triangles, pages, first = [], [], 0
    for index, surface in enumerate(surfaces):
        for page, side in ((2 * index + 1, surface.back), (2 * index, surface.front)):
            triangles.append(side + first)
            pages.append(np.full(len(side), page))
        first += len(surface.vertices)
    weights = np.where(weights < LEAST_SHARE, 0, weights)
    bones = np.argsort(-weights, 1, kind="stable")[:, :BONES]
    shares = np.take_along_axis(weights, bones, 1)
    shares = shares / np.maximum(shares.sum(1, keepdims=True), 1e-6)
    whole, real = np.ascontiguousarray(bones.astype(np.int32)), np.float32
    corners = np.concatenate(triangles)
    normals = np.zeros(vertices.shape)
    sides = np.cross(*(vertices[corners[:, k]] - vertices[corners[:, 0]] for k in (1, 2)))  # (M, 3)
    np.add.at(normals, corners.ravel(), np.repeat(sides, 3, 0))
    return Mesh(
        np.ascontiguousarray(vertices, real),
        np.ascontiguousarray(uv, real),
        whole,
        np.ascontiguousarray(shares, real),
        np.ascontiguousarray(corners, np.int32),
        np.concatenate(pages).astype(np.int32),
        np.ascontiguousarray(unit(normals), real),
    )


def bind_pages(pages: list[np.ndarray]) -> Atlas:
    """Pages (H, W, 4) uint8 one after the other."""
    starts = np.cumsum([0, *(page.size for page in pages[:-1])]).astype(np.int64)
    wide, high = (np.array([page.shape[axis] for page in pages], np.int32) for axis in (1, 0))
    return Atlas(np.concatenate([page.ravel() for page in pages]), starts, wide, high)
