"""Batches for the choreographer's training, drawn from a stage and from the performances.

Glossary: B batch, F pieces, T = 3 F poses, C = POSE_VALUES, K clock values, S slices of a piece, M mel bands.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dancegen.choreographers.stg_mamba.config import STYLES
from dancegen.choreographers.stg_mamba.counting import clock
from dancegen.lab.datasets.motion import FPS, Motion, mirror_motion
from dancegen.lab.datasets.placing import Stage, Window

BLUR = 0.35  # most that is added to the codes of a sketch, so that the network mends what the prior does not hit


@dataclass(frozen=True)
class Batch:
    """Windows of dances.

    Attributes:
        mel: (B, F, S, M).
        beats: (B, F, K) clock.
        style: (B, S) share of each of STYLES in the steps.
        sketch: (B, T, C) phrases as their codes say them.
        target: (B, T, C).
    """

    mel: Tensor
    beats: Tensor
    style: Tensor
    sketch: Tensor
    target: Tensor

    def to(self, device: torch.device) -> Batch:
        """The same on another device."""
        return Batch(*(getattr(self, name).to(device) for name in self.__dataclass_fields__))

    @property
    def directions(self) -> Tensor:
        """(B, T, L, 3) target."""
        return self.target[..., :-3].unflatten(-1, (-1, 3))

    @property
    def root(self) -> Tensor:
        """(B, T, 2) target."""
        return self.target[..., -3:-1]

    @property
    def rate(self) -> Tensor:
        """(B, T) target, radians per second of turning."""
        return self.target[..., -1]


def draw_batch(stage: Stage, count: int, pieces: int, generator: torch.Generator) -> Batch:
    """`count` windows, drawn with `generator` alone."""
    rng = np.random.default_rng(int(torch.randint(2**62, (1,), generator=generator)))
    return collate([batch_row(stage.draw(pieces, rng, blur=BLUR * rng.random(), free=True)) for _ in range(count)])


def batch_row(window: Window) -> Batch:
    """One window as a batch without its first axis."""
    return Batch(
        torch.from_numpy(window.mel),
        torch.from_numpy(clock(window.position, window.period, window.meter)),
        style_shares(window),
        torch.from_numpy(window.sketch),
        torch.from_numpy(window.target),
    )


def style_shares(window: Window) -> Tensor:
    """How much of each of STYLES the steps of a window have, (S,)."""
    phrase = np.clip(window.position // window.phrase, 0, len(window.styles) - 1).astype(int)
    danced = torch.tensor([style_index(window.styles[number][0]) for number in phrase])
    return torch.bincount(danced, minlength=len(STYLES)) / len(danced)


def style_index(style: str) -> int:
    """Into STYLES; 0 for a style that is not offered."""
    return STYLES.index(style) if style in STYLES else 0


def collate(rows: list[Batch]) -> Batch:
    """Stack windows of one length."""
    return Batch(*(torch.stack([getattr(row, name) for row in rows]) for name in Batch.__dataclass_fields__))


def draw_styles(
    motions: list[Motion], count: int, generator: torch.Generator, length: int = 2 * FPS
) -> tuple[Tensor, Tensor, Tensor]:
    """Stretches of `length` poses of the performances, as many of each style: directions, root and style's number."""
    by_style: dict[int, list[Motion]] = {}
    for motion in motions:
        if len(motion) >= length and motion.style in STYLES:
            by_style.setdefault(STYLES.index(motion.style), []).append(motion)
    known = sorted(by_style)
    rows = []
    for _ in range(count):
        at = torch.rand(4, generator=generator).tolist()
        style = known[int(at[0] * len(known))]
        motion = by_style[style][int(at[1] * len(by_style[style]))]
        first = int(at[2] * (len(motion) - length + 1))
        directions, root = motion.directions[first : first + length], motion.root[first : first + length]
        if at[3] < 0.5:
            directions, root = mirror_motion(directions, root)
        rows.append((torch.from_numpy(directions.copy()), torch.from_numpy(root.copy()), torch.tensor(style)))
    return tuple(torch.stack(column) for column in zip(*rows, strict=True))  # type: ignore[return-value]
