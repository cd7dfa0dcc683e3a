"""What the compiled loops take: a shell at rest, its colours, and how its bones stand.

Apart from the loops, so that whoever makes these does not compile anything.

Glossary: N vertices; M triangles; K = 15 bones.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Mesh(NamedTuple):
    """A shell at rest.

    Attributes:
        vertices: (N, 3) float32; uv: (N, 2) float32, texels of the vertex's page.
        bones: (N, 4) int32 and weights: (N, 4) float32, which sum to 1.
        triangles: (M, 3) int32, clockwise on the screen where they face the camera; pages: (M,) int32.
    """

    vertices: np.ndarray
    uv: np.ndarray
    bones: np.ndarray
    weights: np.ndarray
    triangles: np.ndarray
    pages: np.ndarray


class Atlas(NamedTuple):
    """The pages of colour, RGBA, not multiplied by alpha: (T,) uint8 in all, and where each begins, wide, high."""

    texels: np.ndarray
    starts: np.ndarray
    widths: np.ndarray
    heights: np.ndarray


class Rig(NamedTuple):
    """How the bones stand in one pose.

    Attributes:
        scale: how much larger than at rest everything is, first of all.
        motions: (K, 8) float32 dual quaternions, from rest at that size.
        pivots, axes: (K, 3) float32 where a bone begins and where it points at rest; stretches: (K,) float32.
    """

    scale: float

    motions: np.ndarray
    pivots: np.ndarray
    axes: np.ndarray
    stretches: np.ndarray
