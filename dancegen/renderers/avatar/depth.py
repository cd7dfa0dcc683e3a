"""Where in depth a person of a flat picture stands: their joints at rest, and the middle of each piece.

Glossary: V = 18 joints; h x w cells. z points away from the camera.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.ndimage import gaussian_filter

from dancegen.body import joints as J
from dancegen.body import limbs as L
from dancegen.body.face import DEPTH, flat_face
from dancegen.body.joints import body_height, mid_hip
from dancegen.body.limbs import K
from dancegen.body.proportions import PAIRED, Proportions
from dancegen.renderers.avatar.sheets import Grid, Sheet

STEEPEST = 0.8  # depth of a limb by its length in the picture
STANDS = 0.5  # heights between neck and ankles of somebody who stands: then the trunk is upright, whatever is detected
HEAD_AHEAD = 0.015  # heights that a head is before the spine
FACE_WIDE = 0.06  # heights, half of a head's width: `body.face` gives the depth of a face in these
TOE = (0.9, -0.02, 0.07)  # how far forward a foot comes a height below its ankle, and its limits, heights
TOE_FROM = 0.01  # heights below the ankle
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
    ahead = np.array([DEPTH[joint] for joint in J.FACE_JOINTS]) * FACE_WIDE * size
    space[J.FACE_JOINTS, :2] = joints[J.NECK] + face
    space[J.FACE_JOINTS, 2] = space[J.NECK, 2] - HEAD_AHEAD * size + ahead - ahead.mean()
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
        ways[limb] = _along(grid, depth, parent, child)
    for hand in (L.R_HAND, L.L_HAND):
        ways[hand] = ways[hand - 1]
    for foot in (L.R_FOOT, L.L_FOOT):
        ankle = L.SEGMENTS[foot - 1][1]
        below = grid.places[..., 1] - grid.local[ankle, 1] - TOE_FROM * grid.height
        ways[foot] = depth[ankle] - np.clip(TOE[0] * below, TOE[1] * grid.height, TOE[2] * grid.height)
    middle: np.ndarray = sum(weights[limb] * ways[limb] for limb in range(K))
    return middle


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


def _along(grid: Grid, depth: np.ndarray, parent: int, child: int) -> np.ndarray:
    """(h, w): the depth of a bone beside each cell."""
    bone = grid.local[child] - grid.local[parent]
    share = np.clip(((grid.places - grid.local[parent]) @ bone) / max(float(bone @ bone), 1e-6), -0.3, 1.3)
    way: np.ndarray = depth[parent] + share * (depth[child] - depth[parent])
    return way


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
