"""Draws a shell in a pose, with as many threads as there are.

Glossary: N vertices; h x w the part of the video that the figure covers.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np

from dancegen.renderers.avatar import kernels
from dancegen.renderers.avatar.bones import Rig
from dancegen.renderers.avatar.kernels import SIDE
from dancegen.renderers.avatar.shell import Shell

BANDS = 4  # a thread: the figure is not as dense everywhere


class Canvas:
    """Holds what drawing needs room for.

    Args:
        shell: the figure.
        size: (w, h) of the video.
        pool: the threads.
        threads: how many they are.
    """

    def __init__(self, shell: Shell, size: tuple[int, int], pool: ThreadPoolExecutor, threads: int) -> None:
        self.shell, self.size, self.pool, self.threads = shell, size, pool, threads
        count = len(shell.mesh.vertices)
        self.placed, self.facing = np.zeros((count, 3), np.float32), np.zeros((count, 2), np.float32)
        self.depth = np.zeros((0, 0), np.float32)
        self.samples = np.zeros((0, 0, 4), np.uint8)

    def draw(self, rig: Rig) -> tuple[np.ndarray, tuple[int, int]]:
        """The figure in a pose: (5, h, w) float32, premultiplied RGBA and depth; and where its corner is."""
        mesh = self.shell.mesh
        self._split(len(mesh.vertices), 1, lambda part: kernels.skin(mesh, rig, *part, self.placed, self.facing))
        low = np.floor(self.placed[:, :2].min(0)).astype(int)
        high = np.ceil(self.placed[:, :2].max(0)).astype(int)
        left, top = np.clip(low, 0, self.size)
        right, bottom = np.clip(high, 0, self.size)
        layer = np.empty((5, bottom - top, right - left), np.float32)
        if layer.size:
            self.placed[:, :2] -= (left, top)
            self._paint(layer)
        return layer, (int(left), int(top))

    def _paint(self, layer: np.ndarray) -> None:
        """Fill a layer (5, h, w) with the placed vertices, whose corner is its own."""
        high, wide = SIDE * layer.shape[1], SIDE * layer.shape[2]
        if self.depth.shape[0] < high or self.depth.shape[1] <= wide:
            # A column more: views of all of an array would be another type to the compiled loops.
            room = max(high, self.depth.shape[0]), max(wide + 1, self.depth.shape[1])
            self.depth, self.samples = np.empty(room, np.float32), np.empty((*room, 4), np.uint8)
        depth, samples = self.depth[:high, :wide], self.samples[:high, :wide]

        def band(part: tuple[int, int]) -> None:
            rows = (SIDE * part[0], SIDE * part[1])
            kernels.clear(depth, samples, rows)
            kernels.draw(self.shell.mesh, self.shell.atlas, self.placed, self.facing, depth, samples, rows)
            kernels.resolve(depth, samples, layer, rows)

        self._split(layer.shape[1], BANDS, band)

    def _split(self, count: int, more: int, work: Callable[[tuple[int, int]], None]) -> None:
        """Do work on parts of 0..count, in all threads."""
        if self.threads == 1:
            work((0, count))
            return
        edges = np.linspace(0, count, min(self.threads * more, count) + 1).astype(int).tolist()
        list(self.pool.map(work, pairwise(edges)))
