"""A person of a picture cut into limbs, finely enough for the video.

Glossary: h x w the video; H x W the picture; V = 18 joints; K = 15 limbs.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from dancegen.body import joints as J
from dancegen.body.capsules import limb_distances
from dancegen.body.joints import body_height
from dancegen.images.filters import resize, separate
from dancegen.people.located import LocatedBody
from dancegen.renderers.plate import Plate, read_matte
from dancegen.renderers.puppet.cues import foreign_colour
from dancegen.renderers.puppet.puppet import LimbLayers, cut_layers
from dancegen.renderers.retouch.conditions import Window, fit_window
from dancegen.renderers.retouch.generator import Generator

LAYER_DENSITY = 2.0  # texels per video pixel: bilinear sampling of twice the detail keeps the picture's sharpness
LARGEST_LAYER = 2048  # texels, the longer side of the person's part of the picture
CRISPNESS = 0.75  # then a person drawn in their own pose has the gradient energy of the picture; without it 0.93
DEFAULT_GRID = 128  # where there is no network to ask
FINGERS = 1.65  # a hand's length by that of its palm
LONGEST_HAND = 0.14  # heights: what is longer was not found right
SEEN = 0.3  # confidence of a wrist
PART_TRUST = 0.5  # share of the network's corrections of the limbs' distances that is used: best on real pairs


def cut_person(
    person: LocatedBody, plate: Plate, joints: np.ndarray, network: Generator | None
) -> tuple[LimbLayers, Window]:
    """The limbs of a person with joints (V, 2) in video pixels, as the network, if any, tells them apart.

    Also the window that the network looks at.
    """
    window = fit_window(joints, plate.size, network.config.grid if network else DEFAULT_GRID)
    corrections = None
    if network is not None:
        corrections = _part_corrections(network, plate.pixels, plate.matte(person), joints, window)
    hands = find_hands(person, joints, plate.scale)
    matte = read_matte(person, plate.device)
    return person_layers(plate.original, matte, joints, plate.scale, corrections, hands), window


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


def _part_corrections(
    network: Generator, picture: torch.Tensor, matte: torch.Tensor, joints: np.ndarray, window: Window
) -> torch.Tensor:
    """The network's corrections of the limbs' distances over the whole video frame: (K, h, w)."""
    origin = window.origins(joints[None])[0]
    seen, mask = window.look(picture, origin)[None], window.look(matte, origin)[None]
    local = ((joints - origin) / window.cell)[None].astype(np.float32)
    capsules = limb_distances(local, window.rows, window.columns).to(picture.device)
    distances = capsules + foreign_colour(capsules, seen, mask)
    corrections = network.part_corrections(seen, mask, (1 - distances / 2).clamp_min(0))
    height, width = picture.shape[-2:]
    x = ((torch.arange(width, device=picture.device) + 0.5 - float(origin[0])) / window.cell) * 2 / window.columns - 1
    y = ((torch.arange(height, device=picture.device) + 0.5 - float(origin[1])) / window.cell) * 2 / window.rows - 1
    grid = torch.stack(torch.meshgrid(y, x, indexing="ij")[::-1], -1)[None]
    return PART_TRUST * F.grid_sample(corrections, grid, align_corners=False)[0]


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
