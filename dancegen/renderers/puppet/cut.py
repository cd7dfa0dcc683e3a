"""A person of a picture cut into limbs, once, at up to twice the size of the video: so sampling them stays sharp.

Glossary: h x w the video; H x W the picture; V = 18 joints; K = 15 limbs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from dancegen.body import joints as J
from dancegen.body.joints import body_height
from dancegen.body.limbs import K
from dancegen.images.filters import resize, separate
from dancegen.people.located import LocatedBody
from dancegen.renderers.plate import Plate, read_matte
from dancegen.renderers.puppet.cues import Evidence, score_limbs
from dancegen.renderers.puppet.parts import FILLED, complete, hidden_cores, joint_widths, parts
from dancegen.renderers.puppet.regions import LINE, share_outlines

ANALYSIS_SIZE = 320  # the longer side of the grid on which limbs are told apart, pixels
MARGIN = 2  # transparent texels around each layer
LAYER_DENSITY = 2.0  # texels per video pixel: bilinear sampling of twice the detail keeps the picture's sharpness
LARGEST_LAYER = 2048  # texels, the longer side of the person's part of the picture
CRISPNESS = 0.75  # then a person drawn in their own pose has the gradient energy of the picture; without it 0.93
FINGERS = 1.65  # a hand's length by that of its palm
LONGEST_HAND = 0.14  # heights: what is longer was not found right
SEEN = 0.3  # confidence of a wrist


@dataclass(frozen=True)
class LimbLayers:
    """The puppet cut from one picture.

    Attributes:
        textures: K tensors (4, hk, wk), premultiplied RGBA.
        corners: (K, 2) float32, x and y in source pixels of each texture's first corner.
        density: texels per source pixel.
        hem: how far down a skirt spans both legs (`hem.hem_level`), 0 = none.
        axes: of a skirt's legs, from `skirt.leg_axes`, source pixels.
        corner: (2,) x and y in source pixels of the corner of what was cut; texels: its (rows, columns).
        scores: (K, ha, wa) how far each cell of it was from being each limb's, radii; person: (ha, wa) 0..1.
    """

    textures: tuple[torch.Tensor, ...]
    corners: np.ndarray
    density: float
    hem: float = 0.0
    axes: np.ndarray = field(default_factory=lambda: np.zeros((2, 2, 2, 2)))
    corner: np.ndarray = field(default_factory=lambda: np.zeros(2))
    texels: tuple[int, int] = (0, 0)
    scores: torch.Tensor = field(default_factory=lambda: torch.zeros(K, 0, 0))
    person: torch.Tensor = field(default_factory=lambda: torch.zeros(0, 0))


def cut_person(
    person: LocatedBody, plate: Plate, joints: np.ndarray, corrections: torch.Tensor | None = None
) -> LimbLayers:
    """The limbs of a person.

    Args:
        joints: (V, 2) video pixels.
        corrections: (K, h, w), subtracted from the limbs' distances: what a network says; or None.
    """
    hands = find_hands(person, joints, plate.scale)
    matte = read_matte(person, plate.device)
    return person_layers(plate.original, matte, joints, plate.scale, corrections, hands)


def find_hands(person: LocatedBody, joints: np.ndarray, scale: np.ndarray) -> np.ndarray | None:
    """Where the right and the left hand begin and end, (2, 2, 2) video pixels, nan where they are not seen; or None."""
    if person.knuckles is None:
        return None
    hands = np.full((2, 2, 2), np.nan)
    for side, wrist in enumerate((J.R_WRIST, J.L_WRIST)):
        start, palm = joints[wrist], person.knuckles[side] * scale - joints[wrist]
        likely = np.linalg.norm(FINGERS * palm) < LONGEST_HAND * float(body_height(joints))
        if person.confidence[wrist] > SEEN and likely:
            hands[side] = start, start + FINGERS * palm
    return hands


def person_layers(
    picture: torch.Tensor,
    matte: torch.Tensor,
    joints: np.ndarray,
    scale: np.ndarray,
    corrections: torch.Tensor | None,
    hands: np.ndarray | None = None,
) -> LimbLayers:
    """Cut the person out of the picture (3, H, W), finely enough for the video; matte (1, H, W)."""
    left, top, right, bottom = person_box(matte[0])
    extent = np.array([(right - left) * scale[0], (bottom - top) * scale[1]])  # video pixels
    density = min(LAYER_DENSITY, LARGEST_LAYER / float(extent.max()))
    texels = (max(4, round(float(extent[1]) * density)), max(4, round(float(extent[0]) * density)))
    fine, fine_matte = (resize(p[:, top:bottom, left:right], texels)[None] for p in (picture, matte))
    body = float(body_height(joints))
    colours, edge = separate(fine, fine_matte, band=max(1.0, 0.006 * body * density))
    colours = sharpen(colours)
    corner = (left * float(scale[0]), top * float(scale[1]))
    if corrections is not None:
        x0, y0 = round(corner[0]), round(corner[1])
        corrections = corrections[:, y0 : y0 + max(1, round(extent[1])), x0 : x0 + max(1, round(extent[0]))]
    return cut_layers(colours[0], edge[0, 0], joints, density, corner, corrections, hands)


def sharpen(colours: torch.Tensor) -> torch.Tensor:
    """Colours (1, 3, H, W) as much sharper as being sampled again, bilinearly, makes them softer."""
    taps = colours.new_tensor([0.25, 0.5, 0.25])
    kernel = (taps[:, None] * taps)[None, None].expand(3, 1, 3, 3)
    soft = F.conv2d(F.pad(colours, (1, 1, 1, 1), mode="replicate"), kernel, groups=3)
    return (colours + CRISPNESS * (colours - soft)).clamp(0, 1)


def person_box(matte: torch.Tensor) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of the person with a little room around, inside the picture (H, W)."""
    height, width = matte.shape
    rows, columns = torch.where((matte > 0.02).any(1))[0], torch.where((matte > 0.02).any(0))[0]
    if not len(rows):
        return 0, 0, width, height
    room = 4 + (int(rows[-1]) - int(rows[0])) // 30
    return (
        max(int(columns[0]) - room, 0),
        max(int(rows[0]) - room, 0),
        min(int(columns[-1]) + 1 + room, width),
        min(int(rows[-1]) + 1 + room, height),
    )


def cut_layers(
    colours: torch.Tensor,
    matte: torch.Tensor,
    joints: np.ndarray,
    density: float,
    corner: tuple[float, float],
    corrections: torch.Tensor | None = None,
    hands: np.ndarray | None = None,
) -> LimbLayers:
    """Cut a picture into limb layers; what an arm hides of the body is filled from around it.

    Args:
        colours: (3, H, W) 0..1, the person's own colours (no background mixed in), `density` texels per source pixel.
        matte: (H, W) 0..1, how much of each texel is the person.
        joints: (V, 2+) in source pixels.
        density: texels per source pixel.
        corner: source x, y of the texels' first corner (the texels may be a part of the picture).
        corrections: (K, ha, wa), subtracted from the limbs' distances (the network's opinion), or None.
        hands: (2, 2, 2) where the hands begin and end, in source pixels, see `cues.Evidence`; or None.
    """
    height, width = matte.shape
    shrink = min(1.0, ANALYSIS_SIZE / max(height, width))
    small = (max(1, round(height * shrink)), max(1, round(width * shrink)))
    scale = np.array([small[1] / width, small[0] / height]) * density
    local = ((joints[:, :2] - np.array(corner)) * scale).astype(np.float32)[None]  # (1, V, 2) analysis pixels
    # No gradient decides which limb a pixel belongs to.
    picture, present = (F.interpolate(p.detach(), small, mode="area") for p in (colours[None], matte[None, None]))
    if corrections is not None:
        corrections = F.interpolate(corrections[None], small, mode="bilinear", align_corners=False)
    inside = None if hands is None else (hands - np.array(corner)) * scale
    evidence = Evidence(picture, present, local, corrections, inside)
    scores, regions, hem = score_limbs(evidence), evidence.lines, evidence.hem  # (1, K, ha, wa)
    shares, cores = parts(scores, local, joint_widths(present, local)), hidden_cores(scores, local, evidence.capsules)
    shares = share_outlines(shares, scores, regions.outlines)
    seen: dict[str, Any] = {"scores": scores[0], "person": present[0, 0], "texels": (height, width)}
    if hem:
        from dancegen.renderers.puppet.skirt import leg_axes, lend_cloth

        shares = lend_cloth(shares, local[0])
        seen["axes"] = leg_axes(joints)
    line = round(LINE * float(body_height(joints)) * density)
    textures, corners = [], np.zeros((K, 2), np.float32)
    for limb in range(K):
        core = cores[:, FILLED.index(limb)] if limb in FILLED else None
        reach = ((shares[0, limb] if core is None else torch.maximum(shares[0, limb], core[0])) > 0.01) & (
            present[0, 0] > 0.01
        )
        box = _box(reach, (height, width))
        corners[limb] = np.array(corner) + np.array([box[0], box[1]]) / density
        textures.append(_layer(colours, matte, shares[:, limb], core, box, line))
    if regions.unseen[0]:
        from dancegen.renderers.puppet.mirror import mirror_limbs

        mirror_limbs(textures, corners, regions.unseen[0], joints, density)
    textures = [F.pad(texture, (MARGIN,) * 4).contiguous() for texture in textures]
    return LimbLayers(tuple(textures), corners, density, hem, corner=np.array(corner), **seen)


def _box(reach: torch.Tensor, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Left, top, right, bottom texels around the true cells of a coarse grid, with the margin; may pass the border."""
    rows, columns = torch.where(reach.any(1))[0], torch.where(reach.any(0))[0]
    if not len(rows):
        return 0, 0, 1, 1
    sy, sx = size[0] / reach.shape[0], size[1] / reach.shape[1]
    left, right = int(np.floor((int(columns[0]) - 1) * sx)), int(np.ceil((int(columns[-1]) + 2) * sx))
    top, bottom = int(np.floor((int(rows[0]) - 1) * sy)), int(np.ceil((int(rows[-1]) + 2) * sy))
    return max(left, 0), max(top, 0), min(right, size[1]), min(bottom, size[0])


def _layer(
    colours: torch.Tensor,
    matte: torch.Tensor,
    share: torch.Tensor,
    core: torch.Tensor | None,
    box: tuple[int, int, int, int],
    line: int,
) -> torch.Tensor:
    """One limb's premultiplied texture; `share` and `core` are (1, ha, wa) over the whole picture."""
    left, top, right, bottom = box
    colour, alpha = colours[None, :, top:bottom, left:right], matte[None, None, top:bottom, left:right]
    fine = _sample_grid(share, box, matte.shape)[None]  # (1, 1, hk, wk)
    if core is not None and float(core.max()) > 0.05:
        colour, fine = complete(colour, alpha, fine, _sample_grid(core, box, matte.shape)[None], line)
    alpha = alpha * fine
    return torch.cat([colour * alpha, alpha], 1)[0]


def _sample_grid(grid: torch.Tensor, box: tuple[int, int, int, int], size: torch.Size) -> torch.Tensor:
    """The part of a coarse (1, ha, wa) grid under a box of texels, sampled at the texels: (1, hk, wk)."""
    left, top, right, bottom = box
    x = (torch.arange(left, right, device=grid.device) + 0.5) * (2 / size[1]) - 1
    y = (torch.arange(top, bottom, device=grid.device) + 0.5) * (2 / size[0]) - 1
    points = torch.stack(torch.meshgrid(y, x, indexing="ij")[::-1], -1)[None]
    return F.grid_sample(grid[None], points, mode="bilinear", padding_mode="border", align_corners=False)[0]
