"""Where a hand ends that lies on the body.

Glossary: h x w the picture; level: 0 at the wrist, 1 at the fingers' tips.
"""

from __future__ import annotations

import torch

from dancegen.renderers.puppet.regions import BODY

PALM_END = 0.35  # of a hand's length
CLEARLY = 0.25  # by so much what is no hand's is nearer in colour to another limb


def beyond_palm(
    picture: torch.Tensor, matte: torch.Tensor, nearest: torch.Tensor, near: torch.Tensor, level: torch.Tensor
) -> torch.Tensor:
    """(h, w) bool: what has not the palm's colour but that of what the hand lies on: the hand ends before it.

    Args:
        picture: (3, h, w) 0..1; matte: (h, w) 0..1.
        nearest: (h, w) the limb that each pixel looks to be of, without this hand.
        near: (h, w) bool, where a hand is looked for; level: (h, w).
    """
    person, beyond = matte > 0.5, torch.zeros_like(near)
    palm = near & (level < PALM_END) & person
    if not palm.any():
        return beyond
    unlike = (picture - picture[:, palm].median(1).values[:, None, None]).abs().amax(0)
    for limb in BODY:
        own = (nearest == limb) & person & ~near
        if own.any():
            other = picture[:, own].median(1).values[:, None, None]
            beyond |= ((picture - other).abs().amax(0) < unlike - CLEARLY) & (level > PALM_END)
    return beyond
