"""The empty background: the picture with the person painted over."""

from __future__ import annotations

import torch

from dancegen.rendering.fill import push_pull
from dancegen.rendering.matting import grown


def background_plate(picture: torch.Tensor, matte: torch.Tensor, reach: float) -> torch.Tensor:
    """Paint over the person.

    Args:
        picture: (B, 3, h, w) 0..1.
        matte: (B, 1, h, w) 0..1.
        reach: how far beyond the matte the person may still show, pixels.

    Returns:
        (B, 3, h, w): the picture itself wherever the person is not.
    """
    hole = grown((matte > 0.05).float(), reach)
    return push_pull(picture, 1 - hole)
