"""The empty background: the picture with the person painted over."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from dancegen.rendering.fill import push_pull
from dancegen.rendering.matting import grown
from dancegen.rendering.patches import fill_with_patches

SMOOTH_GRAIN = 0.007  # mean deviation from the local mean under which a surface is painted smooth (paper, a wall)
RING = 3  # pixels around the hole in which the filling is compared with the picture


def background_plate(picture: torch.Tensor, matte: torch.Tensor, reach: float) -> torch.Tensor:
    """Paint over the person: texture from beside them, its brightness bent to meet the picture at the hole's rim.

    Args:
        picture: (3, h, w) 0..1.
        matte: (1, h, w) 0..1.
        reach: how far beyond the matte the person may still show, pixels.

    Returns:
        (3, h, w): the picture itself wherever the person is not.
    """
    hole = grown((matte > 0.05).float()[None], reach)  # (1, 1, h, w)
    smooth = push_pull(picture[None], 1 - hole)
    if float(hole.max()) == 0 or float(hole.min()) != 0:
        return smooth[0]
    wide = grown(hole, RING)
    pixels = picture.permute(1, 2, 0).cpu().numpy()
    start = smooth[0].permute(1, 2, 0).cpu().numpy()
    painted = fill_with_patches(pixels, wide[0, 0].cpu().numpy() > 0.5, start)
    if painted is None:
        return smooth[0]
    texture = torch.from_numpy(np.ascontiguousarray(painted)).to(picture).permute(2, 0, 1)[None]
    rim = wide * (1 - hole)
    bent = texture + push_pull((picture[None] - texture) * rim, rim)
    grain = _grain(picture[None], wide)
    share = ((grain - SMOOTH_GRAIN) / SMOOTH_GRAIN).clamp(0, 1)
    return torch.where(hole > 0, smooth + share * (bent - smooth), picture[None])[0].clamp(0, 1)


def _grain(picture: torch.Tensor, hole: torch.Tensor) -> torch.Tensor:
    """How much fine structure the picture has around each pixel, carried into the hole: (1, 1, h, w)."""
    radius = max(1, max(picture.shape[-2:]) // 64)
    known = 1 - hole

    def mean(values: torch.Tensor) -> torch.Tensor:
        return F.avg_pool2d(values, 2 * radius + 1, 1, radius)

    share = mean(known)
    local = mean(picture * known) / share.clamp_min(1e-3)
    detail = (picture - local).abs().mean(1, keepdim=True) * known
    trusted = known * (share > 0.5)
    return push_pull(mean(detail * trusted) / mean(trusted).clamp_min(1e-3), trusted)
