"""The empty background: the picture with the person and the shadow at their feet painted over."""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy.ndimage import binary_dilation, distance_transform_edt, gaussian_filter, label

from dancegen.images.inpaint.exemplar import across
from dancegen.images.inpaint.patches import fill_with_patches
from dancegen.images.matting import grown
from dancegen.images.push_pull import push_pull

PLAIN_NEAR, PLAIN_SHARE = 0.12, 0.95  # of one colour is what is nearly all as near as this to its median
# A cast shadow, in heights of the person: how far up the feet reach, how far aside and how far up and down it may lie.
FEET = 0.04
SHADOW_WIDE, SHADOW_HIGH = 0.16, 0.04
DARKER = 0.05  # the share of light that a shadow takes at least
VISIBLE = 0.03  # and what it must darken by, of full white: a dark carpet's noise is no shadow
BLUR, BLURS = 0.008, 4.0  # the ground is compared blurred, heights of the person; the blur ends after so many sigmas
CUT = 0.01  # heights of the person above the picture's lower edge, where they may be cut off
HUE = 0.12  # a shadow darkens all colours alike: how far a channel's share may be from the mean


def background_plate(picture: torch.Tensor, matte: torch.Tensor, reach: float) -> torch.Tensor:
    """Paint over the person with pieces of what is beside them.

    Args:
        picture: (3, h, w) 0..1.
        matte: (1, h, w) 0..1.
        reach: how far beyond the matte the person may still show, pixels.

    Returns:
        (3, h, w): the picture itself wherever the person and their shadow are not.
    """
    pixels = picture.permute(1, 2, 0).cpu().numpy()
    covered = grown((matte > 0.05).float()[None], reach)[0, 0].cpu().numpy() > 0.5  # (h, w)
    hole = covered | foot_shadow(pixels, matte[0].cpu().numpy(), covered)
    unknown = torch.from_numpy(hole)[None, None].to(picture)  # (1, 1, h, w)
    smooth = push_pull(picture[None], 1 - unknown)[0]  # (3, h, w)
    if not hole.any() or hole.all():
        return smooth
    painted = fill_with_patches(pixels, hole)
    if painted is None:
        return smooth
    return torch.from_numpy(np.ascontiguousarray(painted)).to(picture).permute(2, 0, 1).clamp(0, 1)


def is_plain(plate: torch.Tensor) -> bool:
    """Whether a background (3, h, w) is of one colour, as paper is."""
    middle = plate.flatten(1).median(1).values[:, None, None]
    return float(((plate - middle).abs().amax(0) < PLAIN_NEAR).float().mean()) > PLAIN_SHARE


def foot_shadow(picture: np.ndarray, matte: np.ndarray, covered: np.ndarray) -> np.ndarray:
    """The ground beside the feet that is darker than the ground further to the left and right, in the same hue.

    Args:
        picture: (h, w, 3) 0..1.
        matte: (h, w) 0..1.
        covered: (h, w) bool, where the person is or may be.

    Returns:
        (h, w) bool.
    """
    found = np.zeros_like(covered)
    rows = np.flatnonzero((matte > 0.5).any(1))
    if not len(rows):
        return found
    bottom, tall = int(rows[-1]), int(rows[-1] - rows[0]) + 1
    if bottom >= len(matte) - max(2, round(CUT * tall)):
        return found  # the person may be cut off there: what ends are not the feet
    top = max(bottom - round(FEET * tall), 0)
    room = math.ceil((SHADOW_HIGH + BLURS * BLUR) * tall) + 3  # rows that the shadow, its blur and its rim need
    band = slice(max(top - room, 0), bottom + 1 + room)
    feet = matte[band] > 0.5
    feet[: top - band.start] = False
    found[band] = _beside(picture[band], feet, covered[band], tall)
    return found


def _beside(picture: np.ndarray, feet: np.ndarray, covered: np.ndarray, tall: int) -> np.ndarray:
    """`foot_shadow` in the rows around the feet; `feet` and `covered` (h, w) bool, `tall` pixels the person is high."""
    near = distance_transform_edt(~feet, sampling=(SHADOW_WIDE / SHADOW_HIGH, 1.0)) < SHADOW_WIDE * tall
    known = ~(near | covered)
    if not known.any():
        return known
    sigma = BLUR * tall

    def local(where: np.ndarray) -> np.ndarray:
        amount = gaussian_filter(where.astype(np.float32), sigma, truncate=BLURS)[..., None]
        return gaussian_filter(picture * where[..., None], (sigma, sigma, 0), truncate=BLURS) / np.maximum(amount, 1e-3)

    usual, seen = across(local(known), known, upright=False), local(~covered)
    share = (seen + 0.02) / (usual + 0.02)  # (h, w, 3)
    light = share.mean(-1)
    dark = (light < 1 - DARKER) & ((usual - seen).mean(-1) > VISIBLE) & (np.abs(share - light[..., None]).max(-1) < HUE)
    labels, count = label(dark & near & ~covered)
    touching = np.unique(labels[binary_dilation(covered, iterations=2)]) if count else np.zeros(0, int)
    return near & binary_dilation(np.isin(labels, touching[touching > 0]), iterations=max(round(0.02 * tall), 1))
