"""How the puppet's limbs bend at their joints."""

from __future__ import annotations

import numpy as np
import torch

from dancegen.body.joints import R_ELBOW, R_SHOULDER, R_WRIST
from dancegen.body.limb_maps import limb_maps
from dancegen.body.limbs import R_FOREARM, R_UPPER_ARM
from dancegen.renderers.puppet.bends import BENDS, bend_shifts, limb_bends
from tests.test_puppet import drawn

JOINTS = drawn(128, 160, 140).joints
UPPER, LOWER = (
    next(i for i, bend in enumerate(BENDS) if bend[:2] == (limb, R_ELBOW)) for limb in (R_UPPER_ARM, R_FOREARM)
)


def bent(degrees: float) -> np.ndarray:
    """The figure with the right forearm turned by this angle from the upper arm's straight line."""
    joints = JOINTS.copy()
    along = joints[R_ELBOW] - joints[R_SHOULDER]
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    joints[R_WRIST] = joints[R_ELBOW] + np.array([c * along[0] - s * along[1], s * along[0] + c * along[1]])
    return joints


def shifts(target: np.ndarray, index: int, places: np.ndarray) -> np.ndarray:
    """What a bend adds to places (n, 2): (n, 2)."""
    bends = limb_bends(bent(0), target)
    local = torch.from_numpy((places - bends.pivot[index]).astype(np.float32))
    values = (bends.axis, bends.side, bends.end, bends.span, bends.turn, bends.radius, bends.tight)
    moved = bend_shifts(local[:, 0], local[:, 1], [float(value[index]) for value in values])
    return np.stack([value.numpy() for value in moved], -1)


def around(joint: np.ndarray, radius: float) -> np.ndarray:
    angles = np.linspace(0, 2 * np.pi, 360, endpoint=False)
    return joint + radius * np.stack([np.cos(angles), np.sin(angles)], -1)


def test_limbs_that_do_not_turn_do_not_bend() -> None:
    assert np.abs(limb_bends(JOINTS, JOINTS).turn).max() < 1e-9


def test_both_limbs_show_the_same_skin_on_the_opening_side() -> None:
    target = bent(80)
    maps = limb_maps(bent(0), target)
    outer = target[R_ELBOW] - (target[R_WRIST] + target[R_SHOULDER]) / 2  # away from the crease
    place = target[R_ELBOW] + 3 * outer / np.linalg.norm(outer)
    seen = []
    for limb, index in ((R_UPPER_ARM, UPPER), (R_FOREARM, LOWER)):
        moved = place + shifts(target, index, place[None])[0]
        seen.append(maps[limb, :, :2] @ moved + maps[limb, :, 2])
    assert np.linalg.norm(seen[0] - seen[1]) < 0.15
    assert np.linalg.norm(shifts(target, UPPER, place[None])) > 1


def test_the_closing_side_and_places_far_away_are_left_alone() -> None:
    target = bent(80)
    inner = (target[R_WRIST] + target[R_SHOULDER]) / 2 - target[R_ELBOW]
    place = target[R_ELBOW] + 3 * inner / np.linalg.norm(inner)
    assert np.abs(shifts(target, UPPER, place[None])).max() == 0
    assert np.abs(shifts(target, UPPER, around(target[R_ELBOW], 40.0))).max() < 1e-4


def test_a_bend_moves_smoothly_with_the_arm() -> None:
    before = None
    for degrees in range(-175, 176):
        target = bent(degrees)
        now = shifts(target, UPPER, around(target[R_ELBOW], 4.0))
        if before is not None:
            # the fan's edge on the neighbour's own axis jumps; all else moves as fast as the arm
            assert np.quantile(np.abs(now - before).max(-1), 0.97) < 0.5
        before = now
