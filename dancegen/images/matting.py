"""The person's own colours and soft edge, freed of the background that shines through at the rim."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from dancegen.images.push_pull import spread


def grow(mask: torch.Tensor, radius: float) -> torch.Tensor:
    """The largest value within a square of this radius (pixels; negative shrinks a mask): (B, n, h, w), same shape."""
    if radius < 0:
        return 1 - grow(1 - mask, -radius)
    by = round(radius)
    wide = F.max_pool2d(mask, (1, 2 * by + 1), 1, (0, by))
    return F.max_pool2d(wide, (2 * by + 1, 1), 1, (by, 0))


def separate(picture: torch.Tensor, matte: torch.Tensor, band: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Foreground colours and a refined edge, from what is certain on either side of it.

    Inside a band around the matte's edge each pixel is taken as a mixture of the nearest certain person's colour and
    the nearest certain background colour; where the two differ, that tells the coverage better than the detector.

    Args:
        picture: (B, 3, h, w) 0..1.
        matte: (B, 1, h, w) 0..1 as the detector gave it.
        band: half width of the uncertain band, pixels.

    Returns:
        colours (B, 3, h, w) of the person, also beyond the edge; matte (B, 1, h, w), refined.
    """
    inside = grow((matte > 0.9).float(), -band)
    outside = grow((matte < 0.1).float(), -band)
    person, around = spread(picture, inside), spread(picture, outside)
    contrast = person - around
    power = (contrast**2).sum(1, keepdim=True)
    coverage = (((picture - around) * contrast).sum(1, keepdim=True) / power.clamp_min(1e-4)).clamp(0, 1)
    # The linear mixture overstates faint coverage: stretched a little towards 0 and 1.
    coverage = ((coverage - 0.15) / 0.7).clamp(0, 1)
    enough = (inside.sum((1, 2, 3), keepdim=True) > 16) & (outside.sum((1, 2, 3), keepdim=True) > 16)
    trust = power / (power + 0.05) * (1 - inside) * (1 - outside) * enough
    refined = matte * (1 - trust) + coverage * trust
    pure = torch.maximum(inside, ((refined - 0.85) / 0.14).clamp(0, 1))
    near = torch.where(enough, spread(picture, pure), picture)
    return picture * pure + near * (1 - pure), refined
