"""A drawing as a shell without depth: one skin whose limbs bend in the picture's plane, in front of each other.

A drawn outline has no side. Pieces share their weights around the joints where they meet, so an outline that crosses
a shoulder or a hip stays one line.

Glossary: V = 18 joints; K = 15 limbs; B poses.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from scipy.ndimage import binary_dilation

from dancegen.body import joints as J
from dancegen.body import limbs as L
from dancegen.body.capsules import limb_distances
from dancegen.body.geometry import norm, unit
from dancegen.body.joints import body_height
from dancegen.body.limb_maps import limb_order
from dancegen.body.limbs import K, limb_axes
from dancegen.body.proportions import Proportions, measure, usual_places
from dancegen.people.located import LocatedBody
from dancegen.renderers.avatar.bones import Rig, find_scales
from dancegen.renderers.avatar.ink import draw_hidden_edges
from dancegen.renderers.avatar.lines import keep_legs_below
from dancegen.renderers.avatar.mesh import LEAST_STEP, REACH, STEP, clean_alpha, make_surface
from dancegen.renderers.avatar.pages import plain_page
from dancegen.renderers.avatar.renderer import Avatar
from dancegen.renderers.avatar.rotations import about, dual_quaternions
from dancegen.renderers.avatar.sheets import (
    ARMPIT,
    ARMS,
    HIP,
    LEAST,
    LEGS,
    NOWHERE,
    TRUNK,
    Grid,
    Sheet,
    cut_sheet,
    make_grid,
)
from dancegen.renderers.avatar.shell import Shapeless, Shell, bind_pages, join_surfaces
from dancegen.renderers.avatar.weights import leg_difference, skin_weights
from dancegen.renderers.plate import Plate
from dancegen.renderers.puppet.cut import LimbLayers, cut_person

STRETCH = (0.45, 1.8)  # how much shorter and longer a limb may become: one that points at the camera has a length still
BEHIND = 0.05  # heights in depth between limbs whose order differs by 1
OVER = 0.004  # heights that a piece is before those drawn before it
SHIRT = 0.015  # heights that all but legs is before them: a shirt hangs over trousers
SOFT = 0.029  # heights over which a drawn limb bends: its outline is to stay one line
HEAD_SHARE = 0.8  # of a face's turn beyond the chest's that the head goes along with
FAR, LOST = 2.0, 0.25  # radii; the share so far from any leg from which legs are not moved: drawings have 0.08 at most
UPRIGHT = np.array([0.0, 0.0, 1.0])
FREE = np.radians(25)  # feet stay as they are drawn until their shin swings out so far


@torch.inference_mode()
def prepare_flat(person: LocatedBody, plate: Plate) -> Avatar:
    """A person of a drawing, as `AvatarRenderer.draw` takes them."""
    joints = usual_places(person.joints, person.confidence) * plate.scale
    layers = cut_person(person, plate, joints, keep_legs_below(person, plate, joints))
    body = measure(joints, person.confidence)
    return Avatar(plate, make_flat_shell(layers, joints, body, max(plate.size)), move_flat)


def make_flat_shell(layers: LimbLayers, joints: np.ndarray, body: Proportions, size: int) -> Shell:
    """Build the figure; see `shell.make_shell`."""
    grid = make_grid(layers, joints)
    sheets = draw_hidden_edges(_cut_skin(layers, grid), grid.height / grid.per_pixel[1] * grid.density)
    if not sheets:
        raise Shapeless("too little of the person is seen to be drawn in one piece", "choose --renderer puppet")
    step = max(LEAST_STEP, STEP * size / 512)
    nothing, surfaces, pages = np.zeros(grid.cells), [], []
    for number, sheet in enumerate(sheets):
        weights = skin_weights(replace(sheet, mask=grid.person), grid, SOFT)
        alpha = clean_alpha(sheet.alpha, REACH * grid.density)
        over = number * OVER + (0 if sheet.limbs[0] in np.ravel(LEGS) else SHIRT)
        before = nothing - over * grid.height
        surface = make_surface(grid, alpha, nothing, before, weights, leg_difference(grid, weights), step)
        surfaces.append(replace(surface, back=surface.back[:0]))
        pages += [plain_page(sheet.colours, alpha), np.zeros((2, 2, 4), np.uint8)]
    space = np.concatenate([joints, np.zeros((J.V, 1))], 1)
    return Shell(space, body, join_surfaces(surfaces), bind_pages(pages))


def _cut_skin(layers: LimbLayers, grid: Grid) -> list[Sheet]:
    """The pieces as `sheets.cut_sheets` has them, which share how they move around the places where they meet."""
    whole = _lost(grid) > LOST
    legs = [] if whole else [(*LEGS[0], *LEGS[1])] if grid.hem else list(LEGS)
    trunk = (*TRUNK, *LEGS[0], *LEGS[1]) if whole else TRUNK
    sheets = []
    for limbs in (*legs, trunk, *ARMS):
        own = limbs if limbs != trunk else TRUNK
        scores = np.full((K, *grid.cells), NOWHERE, np.float32)
        scores[list(own)] = grid.scores[list(own)]
        for arm, shoulder in zip(ARMS, (J.R_SHOULDER, J.L_SHOULDER), strict=True):
            if limbs in (trunk, arm):
                here, others = grid.is_around(_meet(grid, arm, shoulder), ARMPIT), arm if limbs == trunk else TRUNK[:2]
                scores[list(others)] = np.where(here, grid.scores[list(others)], scores[list(others)])
        if limbs == TRUNK:
            for thigh, hip in ((L.R_THIGH, J.R_HIP), (L.L_THIGH, J.L_HIP)):
                scores[thigh] = np.where(grid.is_around(grid.local[hip], HIP), grid.scores[thigh], NOWHERE)
        elif limbs in legs:
            scores[L.LOWER_TORSO] = grid.scores[L.LOWER_TORSO]
        sheets.append(cut_sheet(layers, grid, limbs, scores.argmin(0)))
    return [sheet for sheet in sheets if sheet.mask.sum() >= LEAST]


def _lost(grid: Grid) -> float:
    """The share of what lies below the hips that is far from every leg: their joints were not found right."""
    low = grid.person & (grid.level > 1)
    away = limb_distances(grid.local[None], *grid.cells)[0, [*LEGS[0], *LEGS[1]]].amin(0).numpy()
    return float((away[low] > FAR).mean()) if low.any() else 0.0


def _meet(grid: Grid, arm: tuple[int, ...], shoulder: int) -> np.ndarray:
    """Where an arm grows out of the trunk (2,), cells: at its shoulder, unless they touch only elsewhere."""
    nearest = np.where(grid.person, grid.scores.argmin(0), -1)
    touching = binary_dilation(np.isin(nearest, arm)) & np.isin(nearest, TRUNK)
    joint: np.ndarray = grid.local[shoulder]
    if not touching.any():
        return joint
    places = grid.places[touching]
    away = np.linalg.norm(places - joint, axis=-1)
    place: np.ndarray = places[away.argmin()]
    return joint if away.min() < ARMPIT * grid.height else place


def move_flat(source: np.ndarray, targets: np.ndarray, body: Proportions) -> list[Rig]:
    """The bones of a flat shell in other poses; see `bones.move_bones`."""
    rest, poses = source[:, :2].astype(np.float64), targets[..., :2].astype(np.float64)
    size = float(body_height(rest))
    scales = find_scales(source.astype(np.float64), targets.astype(np.float64), body)  # (B,)
    own, axes = limb_axes(rest), limb_axes(poses)  # (K, 2, 2), (B, K, 2, 2)
    bone, bones = own[:, 1] - own[:, 0], axes[..., 1, :] - axes[..., 0, :]
    angles = np.arctan2(bones[..., 1], bones[..., 0]) - np.arctan2(bone[:, 1], bone[:, 0])  # (B, K)
    angles = (angles + np.pi) % (2 * np.pi) - np.pi
    for foot in (L.R_FOOT, L.L_FOOT):
        swung = angles[:, foot - 1]
        angles[:, foot] = np.sign(swung) * np.maximum(np.abs(swung) - FREE, 0)
    angles[:, L.HEAD] = _tilt(rest, poses, angles[:, L.UPPER_TORSO])
    starts = np.concatenate([own[:, 0], np.zeros((K, 1))], -1)
    ends = np.concatenate([axes[..., 0, :], -BEHIND * size * limb_order(targets)[..., None]], -1)  # (B, K, 3)
    long = np.maximum(norm(bone), 1e-3)
    stretches = np.clip(norm(bones) / long / scales[:, None], *STRETCH)
    stretches[:, [L.HEAD, L.R_HAND, L.L_HAND, L.R_FOOT, L.L_FOOT]] = 1
    moved = scales[:, None, None] * starts
    turns = about(np.broadcast_to(UPRIGHT, (*angles.shape, 3)), angles)
    along = np.concatenate([unit(bone), np.zeros((K, 1))], -1)
    widths = np.broadcast_to([1.0, 0.0], (*angles.shape, 2))
    parts = (dual_quaternions(turns, moved, ends), moved, np.broadcast_to(along, moved.shape), stretches, widths)
    each = zip(*(np.ascontiguousarray(part, np.float32) for part in parts), strict=True)
    return [Rig(float(scale), *part) for scale, part in zip(scales, each, strict=True)]


def _tilt(rest: np.ndarray, poses: np.ndarray, chest: np.ndarray) -> np.ndarray:
    """The angle (B,) of a head."""
    faces = [joints[..., J.FACE_JOINTS, :].mean(-2) - joints[..., J.NECK, :] for joints in (rest, poses)]
    turned = np.arctan2(faces[1][..., 1], faces[1][..., 0]) - np.arctan2(faces[0][1], faces[0][0])
    more = (turned - chest + np.pi) % (2 * np.pi) - np.pi
    tilt: np.ndarray = chest + HEAD_SHARE * more
    return tilt
