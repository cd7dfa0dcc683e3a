"""A 2D sequence as the motion network sees it: 59 numbers a frame, free of where in the picture somebody is.

- 54: x, y from the middle of the trunk, in about half body heights, and confidence, of 18 joints; a joint that was not
  seen has 0, 0, 0, and is never interpolated, so that the network knows of the gap;
- 3: what was taken out: the middle, from the picture's, in body heights, and the logarithm of the body's height in
  the picture's;
- 1: whether this frame is the first after a cut; 1: whether anybody was seen.

The body's height is the median of a second, within one shot.

Glossary: B windows, S frames, V = 18 joints, Y = 59.
"""

from __future__ import annotations

import torch
from torch import Tensor

from dancegen.body.joints import L_HIP, L_SHOULDER, NECK, NOSE, R_HIP, R_SHOULDER, V, body_height

FEATURES = 3 * V + 5
JOINTS = slice(0, 3 * V)
PLACE = slice(54, 57)
CUT, SEEN = 57, 58
SURE = 0.05  # confidence from which on a joint counts as seen
MEDIAN = 31  # frames that the body's height is the median of
USUAL = 0.5  # of the picture's height, where nothing tells the body's
SCALE = 2.0  # of coordinates in body heights, so that they spread about 1
FAR = 3.0  # coordinates, scaled, beyond which they are held
SHOULDERS, HEAD = 0.212, 0.11  # of the body height: between the shoulders, neck to nose
TRUNK = (NECK, R_SHOULDER, L_SHOULDER, R_HIP, L_HIP)


def features(points: Tensor, cut: Tensor, size: Tensor) -> Tensor:
    """What the network sees.

    Args:
        points: (B, S, V, 3) x, y in pixels and confidence 0..1.
        cut: (B, S) 1 on the first frame after a cut, else 0.
        size: (B, 2) the picture's width and height.

    Returns:
        (B, S, Y).
    """
    xy, sure = points[..., :2], points[..., 2]
    seen = sure > SURE  # (B, S, V)
    tall = heights(xy, seen, cut.cumsum(1), size)  # (B, S)
    middle = centres(xy, seen, size)  # (B, S, 2)
    local = ((xy - middle[..., None, :]) / tall[..., None, None] * SCALE).clamp(-FAR, FAR)
    joints = torch.cat([local, sure[..., None]], dim=-1) * seen[..., None]
    place = (middle - size[:, None] / 2) / tall[..., None]
    scale = (tall / size[:, None, 1]).log()
    anybody = seen.any(-1).to(xy)
    place = torch.cat([place.clamp(-FAR, FAR), scale[..., None]], dim=-1) * anybody[..., None]
    return torch.cat([joints.flatten(2), place, cut[..., None].to(xy), anybody[..., None]], dim=-1)


def centres(xy: Tensor, seen: Tensor, size: Tensor) -> Tensor:
    """The middle of the seen joints of the trunk, else of all seen, else of the picture: (B, S, 2)."""
    trunk = torch.zeros_like(seen)
    trunk[..., list(TRUNK)] = seen[..., list(TRUNK)]
    chosen = torch.where(trunk.any(-1, keepdim=True), trunk, seen).to(xy)  # (B, S, V)
    count = chosen.sum(-1, keepdim=True)
    middle = (xy * chosen[..., None]).sum(-2) / count.clamp(min=1)
    return torch.where(count > 0, middle, size[:, None] / 2)


def heights(xy: Tensor, seen: Tensor, shot: Tensor, size: Tensor) -> Tensor:
    """The body's height in pixels (B, S): the median of a second of the same shot; shot (B, S) numbers them."""
    parts = [
        (NECK, NOSE, HEAD),
        (R_SHOULDER, L_SHOULDER, SHOULDERS),
    ]
    small = torch.stack([(xy[..., a, :] - xy[..., b, :]).norm(dim=-1) / share for a, b, share in parts])
    both = torch.stack([seen[..., a] & seen[..., b] for a, b, _ in parts])
    rough = (small * both).amax(0)
    tall = body_height(xy, seen)
    tall = torch.where(tall > 0, tall, rough)
    tall = torch.where(tall > 0, tall, torch.nan)
    reach = MEDIAN // 2
    near = torch.nn.functional.pad(tall, (reach, reach), value=torch.nan).unfold(1, MEDIAN, 1)  # (B, S, MEDIAN)
    same = torch.nn.functional.pad(shot.to(tall), (reach, reach), value=-1).unfold(1, MEDIAN, 1) == shot[..., None]
    middle = torch.where(same, near, torch.nan).nanmedian(-1).values
    whole = tall.nanmedian(1, keepdim=True).values
    middle = torch.where(middle.isnan(), whole, middle)
    return torch.where(middle.isnan(), USUAL * size[:, None, 1], middle).clamp(min=1.0)
