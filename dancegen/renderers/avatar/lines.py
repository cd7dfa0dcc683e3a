"""What the lines of a drawing say beyond those of photos: what they enclose with the trunk is no leg's, and
what lies beyond the trunk's hem is not the trunk's.

Glossary: K = 15 limbs; V = 18 joints; h x w the video.
"""

from __future__ import annotations

import numpy as np
import torch

from dancegen.body import limbs as L
from dancegen.body.capsules import limb_distances
from dancegen.body.joints import body_height
from dancegen.body.limbs import K
from dancegen.images.filters import grow, resize
from dancegen.people.located import LocatedBody
from dancegen.renderers.plate import Plate, read_matte
from dancegen.renderers.puppet.regions import LENGTH, MOST, SEED, START, spread_costs, walk_steps

THIGHS, SHINS = [L.R_THIGH, L.L_THIGH], [L.R_SHIN, L.L_SHIN]
LOWER_HALF = 2.5  # of a thigh, radii of the shin: there it begins, for its upper half may lie within a belly's line
CROSSED = 2.0  # radii that a thigh loses by a colour change of 1 on the way from there
CROSSED_TRUNK = 1.1  # likewise a lower torso, on the way from the upper one
STROKE = 0.025  # heights: no line is wider
OUTLINED, ALIKE = 0.8, 0.2  # of an edge has its usual colour, nearly, in a figure that has a line around it


def keep_legs_below(person: LocatedBody, plate: Plate, joints: np.ndarray) -> torch.Tensor | None:
    """How much nearer each pixel is to each limb for it (K, h, w), below 0 for a thigh's and a lower torso's beyond a
    line; None where the figure has no outline.

    Args:
        joints: (V, 2) video pixels.
    """
    size = plate.size[::-1]
    picture, matte = (resize(part, size)[None] for part in (plate.original, read_matte(person, plate.device)))
    if not is_outlined(picture, matte > 0.5):
        return None
    distances = limb_distances(joints[None], *size).to(matte)  # (1, K, h, w)
    begin = ((distances[:, THIGHS] - SEED) * START).clamp_min(0)
    begin = torch.where(distances[:, SHINS] > LOWER_HALF, 2 * MOST, begin.clamp_max(2 * MOST))
    chest = ((distances[:, [L.UPPER_TORSO]] - SEED) * START).clamp(0, 2 * MOST)
    found = spread_costs(torch.cat([begin, chest], 1), walk_steps(picture, matte, LENGTH / float(body_height(joints))))
    nearer = torch.zeros(K, *size, device=plate.device)
    found[:, 2:] = -grow(-found[:, 2:], round(STROKE * float(body_height(joints))))  # the trunk's line is the trunk's
    nearer[THIGHS] = -CROSSED * found[0, :2].clamp_max(MOST)
    nearer[L.LOWER_TORSO] = -CROSSED_TRUNK * found[0, 2].clamp_max(MOST)
    return nearer


def is_outlined(picture: torch.Tensor, person: torch.Tensor) -> bool:
    """Whether a figure has a line of one colour around it: (1, 3, h, w), (1, 1, h, w) bool."""
    outside = (~person).float()
    edge = ((grow(outside, 3) > 0.5) & (grow(outside, 1) < 0.5))[0, 0]
    colours = picture[0, :, edge]  # (3, n)
    if not colours.numel():
        return False
    line = colours.median(1, keepdim=True).values
    return bool(((colours - line).abs().amax(0) < ALIKE).float().mean() > OUTLINED)
