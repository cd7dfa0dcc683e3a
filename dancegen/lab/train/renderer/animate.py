"""One pass of G_r as training sees it: G_r(concat(condition image, S_i)) on square frames, differentiable throughout.

Glossary: B batch, s the trained side, g the network's grid, r the condition image's side.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from dancegen.lab.train.renderer.data import shrink
from dancegen.lab.train.renderer.puppet import Cutout, move
from dancegen.renderers.retouch.conditions import Conditions, draw_conditions
from dancegen.renderers.retouch.generator import Generator, Retouch, compose


@dataclass(frozen=True)
class Animated:
    """G_r's frames.

    Attributes:
        frame: (B, 3, s, s).
        alpha: (B, 1, s, s) the person's coverage.
        puppet: (B, 4, s, s) premultiplied.
        retouch: the network's answer, enlarged to s.
        conditions: the target skeletons' pictures, on the grid.
    """

    frame: torch.Tensor
    alpha: torch.Tensor
    puppet: torch.Tensor
    retouch: Retouch
    conditions: Conditions


def animate(network: Generator, cutout: Cutout, targets: np.ndarray, plate: torch.Tensor, bf16: bool) -> Animated:
    """I = G_r(concat(condition image, S)), for one target of each picture.

    Args:
        cutout: the condition images, cut by their own skeletons.
        targets: (B, V, 3) in pixels of the condition images.
        plate: (B, 3, s, s).
    """
    side, grid = plate.shape[-1], min(network.config.grid, plate.shape[-1])
    puppet = move(cutout, targets, side, network.limb)  # (B, 4, s, s)
    scale = grid / cutout.side
    conditions = draw_conditions(targets * np.float32(scale), cutout.colours, grid, grid)
    coarse, coarse_plate = (shrink(picture, grid) for picture in (puppet, plate))
    with torch.autocast(plate.device.type, torch.bfloat16, enabled=bf16):
        retouch = network(coarse, coarse_plate, conditions)
    retouch = retouch.enlarge(side, side)
    # Colours do not decide coverage: an L1 on colours would rather veil the sharp puppet with a blurred mean.
    coverage = replace(retouch, kept=retouch.kept.detach(), under=retouch.under.detach())
    frame, _ = compose(puppet, coverage, plate)
    # The outline may grow beyond the puppet's but not bite into it: `kept` mends what lies inside.
    _, alpha = compose(puppet, replace(retouch, kept=retouch.kept.detach()), plate)
    return Animated(frame, alpha, puppet, retouch, conditions)
