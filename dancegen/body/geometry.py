"""Geometry of vectors and line segments, written once for numpy and torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

if TYPE_CHECKING:
    import torch

Array = TypeVar("Array", "np.ndarray", "torch.Tensor")


def library(values: np.ndarray | torch.Tensor) -> Any:
    """The module, numpy or torch, whose functions take these values; numpy's need no torch."""
    if isinstance(values, np.ndarray | np.generic):
        return np
    import torch

    return torch


def norm(vectors: Array) -> Array:
    """Euclidean lengths: (..., C) -> (...)."""
    length: Array = (vectors**2).sum(-1) ** 0.5
    return length


def unit(vectors: Array) -> Array:
    """Vectors (..., C) of length 1; of length 0 where they have none."""
    return vectors / norm(vectors)[..., None].clip(1e-6)


def from_axes(axes: Array, x: Array, y: Array) -> tuple[Array, Array]:
    """Where the places of a grid lie against line segments.

    Args:
        axes: (..., 2 ends, 2 xy); numpy or torch.
        x: (w,); y: (h,).

    Returns:
        how far along the segment each place lies, 0..1 on it, and its distance to the segment: (..., h, w) each.
    """
    start, span = axes[..., 0, :], axes[..., 1, :] - axes[..., 0, :]
    dx = x - start[..., 0, None, None]  # (..., 1, w)
    dy = y[:, None] - start[..., 1, None, None]  # (..., h, 1)
    ax, ay = span[..., 0, None, None], span[..., 1, None, None]  # (..., 1, 1)
    level = (dx * ax + dy * ay) / (ax * ax + ay * ay).clip(1e-6)  # (..., h, w)
    on = level.clip(0, 1)
    return level, ((dx - on * ax) ** 2 + (dy - on * ay) ** 2).clip(1e-8) ** 0.5
