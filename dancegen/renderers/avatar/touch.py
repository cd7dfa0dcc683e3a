"""G_r on drawn shells: what the network answers on its grid, laid on the figure at the video's size.

Glossary: B frames; h x w a layer; g x g the network's grid; V = 18 joints.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from dancegen.renderers.avatar.renderer import Avatar, AvatarRenderer, Drawn
from dancegen.renderers.retouch.conditions import Window, fit_window
from dancegen.renderers.retouch.generator import firm_cover
from dancegen.renderers.retouch.shells import (
    ShellGenerator,
    ShellRetouch,
    load_shell_generator,
    merge_shell,
    normal_depth,
)

TOGETHER = 8  # frames that the network looks at together
FAINT = 0.004  # alpha below which nothing is seen


class TouchedAvatar(AvatarRenderer):
    """The avatar whose layers G_r retouches.

    Args:
        weights: of the network.
        device: see there.
    """

    def __init__(self, weights: Path, device: torch.device) -> None:
        super().__init__(device)
        self.network = load_shell_generator(weights)

    def finish(self, figure: Avatar, layers: Iterator[Drawn], targets: np.ndarray) -> Iterator[Drawn]:
        """Layers as the network leaves them, a few at a time."""
        touch = Touch.begin(self.network, figure.shell.joints, figure.plate.size)
        for start in range(0, len(targets), TOGETHER):
            some = targets[start : start + TOGETHER].astype(np.float32)
            yield from touch.retouch(list(islice(layers, len(some))), some)


@dataclass(frozen=True, eq=False)
class Touch:
    """The network and where it looks."""

    network: ShellGenerator
    window: Window

    @classmethod
    def begin(cls, network: ShellGenerator, joints: np.ndarray, size: tuple[int, int]) -> Touch:
        """For a subject (V, 2+) in a video of `size` (w, h)."""
        return cls(network, fit_window(joints, size, network.config.grid))

    def retouch(self, drawn: list[Drawn], targets: np.ndarray) -> list[Drawn]:
        """Drawn layers as the network leaves them; targets (B, V, 3) video pixels."""
        window, origins = self.window, self.window.origins(targets)
        shells = torch.stack(
            [self._look(*one, origin, pose) for one, origin, pose in zip(drawn, origins, targets, strict=True)]
        )
        local = (targets - np.pad(origins, ((0, 0), (0, 1)))[:, None]) / window.cell
        answer = self.network(shells, local.astype(np.float32))
        return [
            self._lay(*one, origin, ShellRetouch(*(part[n : n + 1] for part in vars(answer).values())))
            for n, (one, origin) in enumerate(zip(drawn, origins, strict=True))
        ]

    def _box(self, origin: np.ndarray) -> tuple[int, int, int, int]:
        """Left, top, width, height of the window in the video."""
        left, top = (round(float(value)) for value in origin)
        return left, top, round(self.window.columns * self.window.cell), round(self.window.rows * self.window.cell)

    def _look(self, layer: np.ndarray, corner: tuple[int, int], origin: np.ndarray, pose: np.ndarray) -> torch.Tensor:
        """A layer as the network sees it: (5, rows, columns)."""
        left, top, width, height = self._box(origin)
        whole = torch.zeros(5, height, width)
        seen = layer.copy()
        seen[4] = normal_depth(layer[4], layer[3], pose)
        (x0, y0, x1, y1), (u0, v0) = _overlap(layer, corner, (left, top, left + width, top + height))
        if x1 > x0 and y1 > y0:
            whole[:, y0 - top : y1 - top, x0 - left : x1 - left] = torch.from_numpy(
                seen[:, v0 : v0 + y1 - y0, u0 : u0 + x1 - x0]
            )
        return F.interpolate(whole[None], (self.window.rows, self.window.columns), mode="area")[0]

    def _lay(self, layer: np.ndarray, corner: tuple[int, int], origin: np.ndarray, answer: ShellRetouch) -> Drawn:
        """The answer (1, ., rows, columns) laid on a layer."""
        left, top, width, height = self._box(origin)
        x0, y0 = max(min(corner[0], left), 0), max(min(corner[1], top), 0)
        x1 = min(max(corner[0] + layer.shape[2], left + width), self.window.size[0])
        y1 = min(max(corner[1] + layer.shape[1], top + height), self.window.size[1])
        whole = np.zeros((5, y1 - y0, x1 - x0), np.float32)
        whole[4] = np.float32(1e9)
        rows, columns = corner[1] - y0, corner[0] - x0
        whole[:, rows : rows + layer.shape[1], columns : columns + layer.shape[2]] = layer
        u0, v0, u1, v1 = max(left, 0), max(top, 0), min(left + width, x1), min(top + height, y1)
        large = answer.enlarge(height, width)
        large = ShellRetouch(*(part[..., v0 - top : v1 - top, u0 - left : u1 - left] for part in vars(large).values()))
        large = ShellRetouch(large.kept, firm_cover(large.under), large.painted, large.raw, large.tint)
        part = whole[:4, v0 - y0 : v1 - y0, u0 - x0 : u1 - x0]
        part[:] = merge_shell(torch.from_numpy(part)[None], large)[0].numpy()
        used = whole[3] > FAINT
        if not used.any():
            return whole[:, :0, :0], (x0, y0)
        v, u = np.flatnonzero(used.any(1)), np.flatnonzero(used.any(0))
        box = whole[:, v[0] : v[-1] + 1, u[0] : u[-1] + 1]
        return np.ascontiguousarray(box), (x0 + int(u[0]), y0 + int(v[0]))


def _overlap(
    layer: np.ndarray, corner: tuple[int, int], box: tuple[int, int, int, int]
) -> tuple[tuple[int, int, int, int], tuple[int, int]]:
    """What of a layer lies in a box: left, top, right, bottom in the video, and its first pixel in the layer."""
    x0, y0 = max(corner[0], box[0]), max(corner[1], box[1])
    x1, y1 = min(corner[0] + layer.shape[2], box[2]), min(corner[1] + layer.shape[1], box[3])
    return (x0, y0, x1, y1), (x0 - corner[0], y0 - corner[1])
