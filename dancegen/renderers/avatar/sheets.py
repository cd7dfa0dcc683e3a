"""The person in pieces that move past each other: the trunk with the head, each arm, each leg (or both in a skirt).

Glossary: H x W texels of the person's part of the picture; h x w cells, the coarser grid on which limbs were told
apart; V = 18 joints; K = 15 limbs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
import torch.nn.functional as F
from scipy.ndimage import binary_dilation, gaussian_filter

from dancegen.body import joints as J
from dancegen.body import limbs as L
from dancegen.body.joints import body_height, mid_hip
from dancegen.body.limbs import K
from dancegen.images.filters import push_pull
from dancegen.renderers.puppet.cut import MARGIN, LimbLayers

TRUNK = (L.LOWER_TORSO, L.UPPER_TORSO, L.HEAD)
ARMS = ((L.R_UPPER_ARM, L.R_FOREARM, L.R_HAND), (L.L_UPPER_ARM, L.L_FOREARM, L.L_HAND))
LEGS = ((L.R_THIGH, L.R_SHIN, L.R_FOOT), (L.L_THIGH, L.L_SHIN, L.L_FOOT))
SHOULDER, HIP, ARMPIT = 0.03, 0.09, 0.08  # heights around a joint within which a piece reaches into its neighbour
SHADED = 0.014  # heights beside an arm in which a trunk shows its shadow
SMOOTH = 0.01  # heights over which the trunk's outline beside an arm is smoothed
BELOW_NECK = 0.12  # of the spine: higher up lie chin and hair
SHOULDERS = (J.R_SHOULDER, J.L_SHOULDER)
SOFTER = 0.3  # texels by which a drawing's outline is softened: its limbs' seams leave dots in it
NOWHERE = 1e3  # radii: not of this piece
LEAST = 10  # cells that a piece has at least


@dataclass(frozen=True, eq=False)
class Grid:
    """Where texels and cells lie in the video.

    Attributes:
        corner: (2,) x and y of the first texel's corner, video pixels.
        density: texels a video pixel.
        texels, cells: (rows, columns) of the two grids, which cover the same place.
        joints: (V, 2) at rest, video pixels.
        scores: (K, h, w) how far each cell is from being each limb's, radii.
        person: (h, w) bool.
        hem: how far down a skirt spans both legs (`hem.hem_level`), 0 = none.
    """

    corner: np.ndarray
    density: float
    texels: tuple[int, int]
    cells: tuple[int, int]
    joints: np.ndarray
    scores: np.ndarray
    person: np.ndarray
    hem: float

    @cached_property
    def per_pixel(self) -> np.ndarray:
        """(2,) cells a video pixel, in x and y."""
        return self.density * np.divide(self.cells[::-1], self.texels[::-1])

    @cached_property
    def local(self) -> np.ndarray:
        """(V, 2) the joints in cells."""
        places: np.ndarray = (self.joints - self.corner) * self.per_pixel
        return places

    @cached_property
    def height(self) -> float:
        """The body's, in cells."""
        return float(body_height(self.local))

    @cached_property
    def places(self) -> np.ndarray:
        """(h, w, 2) x and y of the cells' middles, in cells."""
        y, x = np.mgrid[0 : self.cells[0], 0 : self.cells[1]]
        return np.stack([x + 0.5, y + 0.5], -1)

    @cached_property
    def level(self) -> np.ndarray:
        """(h, w) how far down the spine: 0 at the neck, 1 at the hips."""
        neck, spine = self.local[J.NECK], mid_hip(self.local) - self.local[J.NECK]
        level: np.ndarray = ((self.places - neck) @ spine) / max(float(spine @ spine), 1e-6)
        return level

    def is_around(self, place: np.ndarray, reach: float) -> np.ndarray:
        """(h, w) bool: within so many heights of a place (2,) in cells."""
        away: np.ndarray = np.linalg.norm(self.places - place, axis=-1)
        return away < reach * self.height


@dataclass(frozen=True, eq=False)
class Sheet:
    """One piece.

    Attributes:
        limbs: whose it is.
        colours: (H, W, 3) and alpha (H, W), float32 in 0..1, not multiplied.
        mask: (h, w) bool.
        owner: (h, w) the limb that each cell moves with.
    """

    limbs: tuple[int, ...]
    colours: np.ndarray
    alpha: np.ndarray
    mask: np.ndarray
    owner: np.ndarray

    @property
    def is_trunk(self) -> bool:
        """Whether it is head and torso."""
        return L.HEAD in self.limbs

    @property
    def is_arm(self) -> bool:
        """Whether it is an arm."""
        return self.limbs in ARMS


def make_grid(layers: LimbLayers, joints: np.ndarray) -> Grid:
    """The grids of limbs that `cut_layers` cut, for joints (V, 2) in video pixels."""
    scores, person = layers.scores.numpy(force=True), layers.person.numpy(force=True) > 0.5
    cells = (person.shape[0], person.shape[1])
    return Grid(layers.corner, layers.density, layers.texels, cells, joints, scores, person, layers.hem)


def cut_sheets(layers: LimbLayers, grid: Grid) -> list[Sheet]:
    """The pieces that there are, legs first, then the trunk, then the arms."""
    legs = [(*LEGS[0], *LEGS[1])] if grid.hem else list(LEGS)
    found = (cut_sheet(layers, grid, limbs, _owners(grid, limbs), clear=True) for limbs in (*legs, TRUNK, *ARMS))
    return [sheet for sheet in found if sheet.mask.sum() >= LEAST]


def cut_sheet(layers: LimbLayers, grid: Grid, limbs: tuple[int, ...], owner: np.ndarray, clear: bool = False) -> Sheet:
    """The piece of some limbs, whose cells move with `owner` (h, w); `clear` of what others leave on it in photos."""
    colours, alpha = _gather(layers, grid, limbs)
    if clear and not grid.hem and limbs not in ARMS:
        colours, alpha = _clear_of_others(grid, limbs, colours, alpha)
    alpha = gaussian_filter(alpha, 0 if clear else SOFTER * grid.density)
    coarse = F.interpolate(torch.from_numpy(alpha)[None, None], grid.cells, mode="area")[0, 0].numpy()
    return Sheet(limbs, colours, alpha, coarse > 0.5, owner)


def _gather(layers: LimbLayers, grid: Grid, limbs: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """The limbs' own textures laid together: colours (H, W, 3) and alpha (H, W)."""
    height, width = grid.texels
    sums = np.zeros((height, width, 4), np.float32)
    for limb in limbs:
        texture = layers.textures[limb][:, MARGIN:-MARGIN, MARGIN:-MARGIN].permute(1, 2, 0).numpy(force=True)
        left, top = np.round((layers.corners[limb] - grid.corner) * grid.density).astype(int)
        x0, y0 = max(left, 0), max(top, 0)
        x1, y1 = min(left + texture.shape[1], width), min(top + texture.shape[0], height)
        if x1 > x0 and y1 > y0:
            sums[y0:y1, x0:x1] += texture[y0 - top : y1 - top, x0 - left : x1 - left]
    alpha = sums[..., 3]
    return sums[..., :3] / np.maximum(alpha, 1e-3)[..., None], np.minimum(alpha, 1)


def _clear_of_others(
    grid: Grid, limbs: tuple[int, ...], colours: np.ndarray, alpha: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """A trunk without the shadows and slivers of the arms beside it, legs whose tops have their own colours.

    What a limb shows only once another has left it was never seen: it looks like what is next to it.
    """
    nearest = np.where(grid.person, grid.scores.argmin(0), -1)
    away = np.minimum.reduce([np.linalg.norm(grid.places - grid.local[joint], axis=-1) for joint in SHOULDERS])
    trunk = limbs == TRUNK
    foreign = np.isin(nearest, np.ravel(ARMS) if trunk else TRUNK)
    size = grid.height
    if trunk:
        foreign = binary_dilation(foreign, iterations=max(round(SHADED * size), 1)) & (away > ARMPIT * size)
        foreign &= (grid.level > BELOW_NECK) & (grid.level < 1)
    if not foreign.any():
        return colours, alpha
    texels = (1, 1, *grid.texels)

    def enlarge(cells: np.ndarray) -> torch.Tensor:
        return F.interpolate(torch.from_numpy(cells.astype(np.float32))[None, None], texels[2:], mode="bilinear")

    known = (1 - enlarge(foreign)) * torch.from_numpy(alpha > 0.9)[None, None]
    own = torch.from_numpy(np.ascontiguousarray(colours.transpose(2, 0, 1)))[None]
    clean = push_pull(own, (known > 0.95).float())[0].permute(1, 2, 0).numpy()
    share = enlarge(foreign)[0, 0, ..., None].numpy()
    colours = colours * (1 - share) + clean * share
    if trunk:
        smooth = np.clip((gaussian_filter(alpha, SMOOTH * size / grid.per_pixel[0] * grid.density) - 0.4) / 0.2, 0, 1)
        near = gaussian_filter(foreign.astype(np.float32), SHADED * size)
        near = enlarge(np.clip(3 * near, 0, 1))[0, 0].numpy()
        alpha = alpha * (1 - near) + smooth * near
    return colours, alpha


def _owners(grid: Grid, limbs: tuple[int, ...]) -> np.ndarray:
    """(h, w) the limb that each cell moves with: one of the piece's, or beside a joint one of its neighbour's."""
    scores = np.full((K, *grid.cells), NOWHERE, np.float32)
    scores[list(limbs)] = grid.scores[list(limbs)]
    if limbs == TRUNK:
        reaching = [(L.R_UPPER_ARM, J.R_SHOULDER, SHOULDER), (L.L_UPPER_ARM, J.L_SHOULDER, SHOULDER)]
        reaching += [(L.R_THIGH, J.R_HIP, HIP), (L.L_THIGH, J.L_HIP, HIP)]
    elif limbs in ARMS:
        reaching = [(L.UPPER_TORSO, (J.R_SHOULDER, J.L_SHOULDER)[ARMS.index(limbs)], ARMPIT)]
    else:
        reaching = []
        scores[L.LOWER_TORSO] = grid.scores[L.LOWER_TORSO]
    for limb, joint, reach in reaching:
        scores[limb] = np.where(grid.is_around(grid.local[joint], reach), grid.scores[limb], NOWHERE)
    return scores.argmin(0)
