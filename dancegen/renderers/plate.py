"""The empty background: the picture with the people and the shadows at their feet painted over."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property

import numpy as np
import torch
from scipy.ndimage import binary_dilation, distance_transform_edt, gaussian_filter, label

from dancegen.body.joints import body_height
from dancegen.images.filters import as_tensor, grow, push_pull, resize
from dancegen.images.inpaint.exemplar import guess_across
from dancegen.images.inpaint.patches import fill_with_patches
from dancegen.images.picture import output_size
from dancegen.people.located import LocatedBody

AROUND = 0.02  # body heights beyond the mask that the person may still show, and a pixel more
PLAIN_NEAR, PLAIN_SHARE = 0.12, 0.95  # of one colour is what is nearly all as near as this to its median
# A cast shadow, in heights of the person: how far up the feet reach, how far aside and how far up and down it may lie.
FEET = 0.04
SHADOW_WIDE, SHADOW_HIGH = 0.16, 0.04
DARKER = 0.05  # the share of light that a shadow takes at least
VISIBLE = 0.03  # and what it must darken by, of full white: a dark carpet's noise is no shadow
BLUR, BLURS = 0.008, 4.0  # the ground is compared blurred, heights of the person; the blur ends after so many sigmas
CUT = 0.01  # heights of the person above the picture's lower edge, where they may be cut off
HUE = 0.12  # a shadow darkens all colours alike: how far a channel's share may be from the mean


class Plate:
    """A picture at the size of the video, with the people who will dance and without them; made once a picture.

    Glossary: h x w the video, H x W the picture.

    Args:
        people: those who will dance, of one picture; who will not stays on the plate.
        size: longer side of the video, pixels.
        device: where to work.

    Attributes:
        size: (w, h) of the video.
        scale: (2,) video pixels per picture pixel, in x and y.
    """

    def __init__(self, people: Sequence[LocatedBody], size: int, device: str | torch.device = "cpu") -> None:
        self.people = tuple(people)
        self.picture = people[0].picture
        self.size = output_size(self.picture.size, size)
        self.scale = np.divide(self.size, self.picture.size)
        self.device = torch.device(device)

    @cached_property
    def original(self) -> torch.Tensor:
        """(3, H, W) 0..1, the picture in its own size."""
        return as_tensor(self.picture.pixels, self.device)

    @cached_property
    def pixels(self) -> torch.Tensor:
        """(3, h, w) 0..1, the picture with everybody."""
        return resize(self.original, self.size[::-1])

    def matte(self, person: LocatedBody) -> torch.Tensor:
        """(1, h, w) 0..1, where a person is."""
        return resize(read_matte(person, self.device), self.size[::-1])

    def joints(self, person: LocatedBody) -> np.ndarray:
        """(V, 2) a person's, in pixels of the video."""
        joints: np.ndarray = person.joints[:, :2] * self.scale
        return joints

    @cached_property
    def colours(self) -> torch.Tensor:
        """(3, h, w) 0..1, the picture without the people. Painted when it is first asked for."""
        mattes = torch.cat([self.matte(person) for person in self.people])  # (N, h, w)
        reach = [1 + AROUND * float(body_height(self.joints(person))) for person in self.people]
        return background_plate(self.pixels, mattes, reach)

    @cached_property
    def is_plain(self) -> bool:
        """Whether it is of one colour, as paper is."""
        return is_plain(self.colours)


def read_matte(person: LocatedBody, device: torch.device) -> torch.Tensor:
    """(1, H, W) 0..1, where a person is on the picture in its own size."""
    return torch.tensor(np.ascontiguousarray(person.mask)).to(device).float()[None]


def background_plate(picture: torch.Tensor, mattes: torch.Tensor, reach: float | Sequence[float]) -> torch.Tensor:
    """Paint over people with pieces of what is beside them.

    Args:
        picture: (3, h, w) 0..1.
        mattes: (N, h, w) 0..1, one a person.
        reach: how far beyond each matte the person may still show, pixels.

    Returns:
        (3, h, w): the picture itself wherever the people and their shadows are not.
    """
    pixels = picture.permute(1, 2, 0).cpu().numpy()
    beyond = [reach] * len(mattes) if isinstance(reach, float | int) else reach
    near = [grow((matte > 0.05).float()[None, None], far) for matte, far in zip(mattes, beyond, strict=True)]
    covered = torch.cat(near).amax((0, 1)).cpu().numpy() > 0.5  # (h, w)
    shadows = [foot_shadow(pixels, matte.cpu().numpy(), covered) for matte in mattes]
    hole = np.logical_or.reduce([covered, *shadows])
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
    found[band] = _find_shadow(picture[band], feet, covered[band], tall)
    return found


def _find_shadow(picture: np.ndarray, feet: np.ndarray, covered: np.ndarray, tall: int) -> np.ndarray:
    """`foot_shadow` in the rows around the feet; `feet` and `covered` (h, w) bool, `tall` pixels the person is high."""
    near = distance_transform_edt(~feet, sampling=(SHADOW_WIDE / SHADOW_HIGH, 1.0)) < SHADOW_WIDE * tall
    known = ~(near | covered)
    if not known.any():
        return known
    sigma = BLUR * tall

    def local_mean(where: np.ndarray) -> np.ndarray:
        amount = gaussian_filter(where.astype(np.float32), sigma, truncate=BLURS)[..., None]
        return gaussian_filter(picture * where[..., None], (sigma, sigma, 0), truncate=BLURS) / np.maximum(amount, 1e-3)

    usual, seen = guess_across(local_mean(known), known, upright=False), local_mean(~covered)
    share = (seen + 0.02) / (usual + 0.02)  # (h, w, 3)
    light = share.mean(-1)
    dark = (light < 1 - DARKER) & ((usual - seen).mean(-1) > VISIBLE) & (np.abs(share - light[..., None]).max(-1) < HUE)
    labels, count = label(dark & near & ~covered)
    touching = np.unique(labels[binary_dilation(covered, iterations=2)]) if count else np.zeros(0, int)
    return near & binary_dilation(np.isin(labels, touching[touching > 0]), iterations=max(round(0.02 * tall), 1))
