"""Where in depth a person of a flat picture stands: their joints at rest, and the middle of each piece.

Glossary: V = 18 joints; h x w cells. z points away from the camera.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.ndimage import gaussian_filter

from dancegen.body import joints as J
from dancegen.body import limbs as L
from dancegen.body.face import DEPTH, EARS_AHEAD, NOSE_AHEAD, flat_face
from dancegen.body.joints import body_height, mid_hip
from dancegen.body.limbs import K
from dancegen.body.proportions import PAIRED, Proportions
from dancegen.renderers.avatar.sheets import Grid, Sheet

STEEPEST = 0.8  # depth of a limb by its length in the picture
STANDS = 0.5  # heights between neck and ankles of somebody who stands: then the trunk is upright, whatever is detected
HEAD_AHEAD = 0.018  # heights that a head's middle is before the spine
# A foot: heights behind and ahead of the ankle, beside it and on the ground, and how the toes come forward in between.
HEEL, TOES, TOE_SLOPE = (0.025, 0.034), (0.03, 0.118), 1.5
TOE_CAP = 0.75  # of the way down a foot, from where on toes are as far ahead as they come
FOOT_WIDE, FOOT_SIDE = 0.075, 0.13  # how long a foot is in the picture from ahead, and from its side, heights
FOOT_LOW = 0.03  # heights that the sole is below the ankle at least
REST_ON = 0.6  # of its own half depth that an arm in front of the trunk is clear of it
NOT_SHOULDER = 0.09  # heights around a shoulder where an arm is in the trunk
NOWHERE = 1e6


def joints_in_space(joints: np.ndarray, depth: np.ndarray | None, seen: np.ndarray, body: Proportions) -> np.ndarray:
    """The joints at rest, with depth.

    Args:
        joints: (V, 2) video pixels.
        depth: (V,) what a detector says, in the same unit, or None: then all is in one plane.
        seen: (V,) bool.
        body: how long the limbs truly are, in the same unit.

    Returns:
        (V, 3), 0 at the mid-hip.
    """
    size = float(body_height(joints))
    space = np.concatenate([joints, np.zeros((J.V, 1))], 1)
    if depth is not None:
        space[:, 2] = _place_limbs(joints, _stand_upright(joints, depth.astype(np.float64), size), body)
    face = flat_face(joints, seen, size)
    ahead = np.array([DEPTH[joint] for joint in J.FACE_JOINTS]) * NOSE_AHEAD * size
    space[J.FACE_JOINTS, :2] = joints[J.NECK] + face
    space[J.FACE_JOINTS, 2] = space[J.NECK, 2] - EARS_AHEAD * size + ahead
    return space


def _stand_upright(joints: np.ndarray, depth: np.ndarray, size: float) -> np.ndarray:
    """Depths (V,) without the lean that detectors see in people who stand."""
    ankles = (joints[J.R_ANKLE] + joints[J.L_ANKLE]) / 2
    tall = float(ankles[1] - joints[J.NECK, 1])
    if tall < STANDS * size:
        return depth
    lean = ((depth[J.R_ANKLE] + depth[J.L_ANKLE]) / 2 - depth[J.NECK]) / tall
    depth = depth - lean * (joints[:, 1] - joints[J.NECK, 1])
    depth = depth - (depth[J.R_HIP] + depth[J.L_HIP]) / 2
    depth[J.NECK] = 0.0
    return depth


def _place_limbs(joints: np.ndarray, depth: np.ndarray, body: Proportions) -> np.ndarray:
    """Depths (V,) with no limb, and no line of shoulders or hips, steeper than is likely or longer than it is."""
    placed = depth.copy()
    size = body.lengths
    for right, left, length in (
        (J.R_SHOULDER, J.L_SHOULDER, 2 * size["shoulders"]),
        (J.R_HIP, J.L_HIP, 2 * size["hips"]),
    ):
        half = _allow(depth[left] - depth[right], float(np.linalg.norm(joints[left] - joints[right])), length) / 2
        middle = float(depth[left] + depth[right]) / 2
        placed[right], placed[left] = middle - half, middle + half
    placed[J.NECK] = (placed[J.R_SHOULDER] + placed[J.L_SHOULDER]) / 2
    hips = (placed[J.R_HIP] + placed[J.L_HIP]) / 2
    spine = float(np.linalg.norm(mid_hip(joints) - joints[J.NECK]))
    lifted = hips - placed[J.NECK] - _allow(hips - placed[J.NECK], spine, size["torso"])
    placed[[J.NECK, J.R_SHOULDER, J.L_SHOULDER]] += lifted
    for name, bones in PAIRED.items():  # upper arms before forearms, thighs before shins
        for parent, child in bones:
            length = float(np.linalg.norm(joints[child] - joints[parent]))
            placed[child] = placed[parent] + _allow(depth[child] - depth[parent], length, size[name])
    return placed - hips


def _allow(deep: float, wide: float, length: float) -> float:
    """How much deeper a limb's end may be, of `deep`, if it is `wide` in the picture and truly has this length."""
    most = min(STEEPEST * wide, math.sqrt(max(length**2 - wide**2, 0.0)))
    return float(np.clip(deep, -most, most))


def middle_depth(sheet: Sheet, grid: Grid, weights: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """The depth of a piece's middle, along its bones: (h, w) cells.

    Args:
        weights: (K, h, w); depth: (V,) of the joints, cells.
    """
    trunk = _trunk_depth(grid, depth)
    ways = {L.HEAD: trunk - HEAD_AHEAD * grid.height, L.UPPER_TORSO: trunk, L.LOWER_TORSO: trunk}
    for limb, (parent, child) in L.SEGMENTS.items():
        share = _share_along(grid, parent, child)
        ways[limb] = depth[parent] + share * (depth[child] - depth[parent])
    for hand in (L.R_HAND, L.L_HAND):
        ways[hand] = ways[hand - 1]
    for foot in (L.R_FOOT, L.L_FOOT):
        heel, toes = foot_ends(sheet, grid, foot)
        ways[foot] = depth[L.SEGMENTS[foot - 1][1]] + (heel - toes) / 2
    middle: np.ndarray = sum(weights[limb] * ways[limb] for limb in range(K))
    return middle


def foot_ends(sheet: Sheet, grid: Grid, foot: int) -> tuple[np.ndarray, np.ndarray]:
    """How far behind its ankle a foot's heel is in each row of cells, and how far ahead its toes: (h, 1) cells.

    A foot that points at the camera is a wedge on a flat sole; one that the picture shows from its side is as deep as
    it is high there, for its length is in the picture.
    """
    size, ankle = grid.height, grid.local[L.SEGMENTS[foot - 1][1]]
    own = sheet.mask & (sheet.owner == foot)
    rows, columns = np.flatnonzero(own.any(1)), np.flatnonzero(own.any(0))
    if not len(rows):
        return np.zeros((grid.cells[0], 1)), np.zeros((grid.cells[0], 1))
    long = (columns[-1] + 1 - columns[0]) / size
    towards = float(np.clip((FOOT_SIDE - long) / (FOOT_SIDE - FOOT_WIDE), 0, 1))
    below = (grid.places[:, :1, 1] - ankle[1]) / max(rows[-1] + 1 - ankle[1], FOOT_LOW * size)
    down = np.clip(below, 0, 1)
    heel = HEEL[0] + (HEEL[1] - HEEL[0]) * down
    toes = TOES[0] + towards * (TOES[1] - TOES[0]) * np.clip(down / TOE_CAP, 0, 1) ** TOE_SLOPE
    return heel * size, toes * size


def _trunk_depth(grid: Grid, depth: np.ndarray) -> np.ndarray:
    """(h, w): from the neck to the hips, sloping as the shoulders do."""
    level, local = np.clip(grid.level, 0, 1), grid.local
    hips = (depth[J.R_HIP] + depth[J.L_HIP]) / 2
    along = depth[J.NECK] * (1 - level) + hips * level
    across = float(local[J.L_SHOULDER, 0] - local[J.R_SHOULDER, 0])
    if abs(across) < 0.05 * grid.height:
        return along
    axis = local[J.NECK, 0] * (1 - level) + mid_hip(local)[0] * level
    slope = float(depth[J.L_SHOULDER] - depth[J.R_SHOULDER]) / across
    sloped: np.ndarray = along + slope * (grid.places[..., 0] - axis)
    return sloped


def _share_along(grid: Grid, parent: int, child: int) -> np.ndarray:
    """(h, w): how far along a bone each cell is beside it, 0 at its beginning and 1 at its end."""
    bone = grid.local[child] - grid.local[parent]
    share: np.ndarray = ((grid.places - grid.local[parent]) @ bone) / max(float(bone @ bone), 1e-6)
    return np.clip(share, -0.3, 1.3)


def clear_trunk(
    sheet: Sheet, grid: Grid, middle: np.ndarray, thickness: np.ndarray, trunk_front: np.ndarray
) -> np.ndarray:
    """An arm's middle depth (h, w) with the arm in front of the trunk wherever the picture shows it there.

    Args:
        trunk_front: (h, w) the depth of the trunk's front, `NOWHERE` beside it.
    """
    shoulder = J.R_SHOULDER if L.R_HAND in sheet.limbs else J.L_SHOULDER
    over = sheet.mask & (trunk_front < NOWHERE / 2) & ~grid.is_around(grid.local[shoulder], NOT_SHOULDER)
    inside = np.where(over, np.maximum(middle + REST_ON * thickness - trunk_front, 0), 0)
    clear: np.ndarray = middle - gaussian_filter(inside, 0.02 * grid.height)
    return clear
