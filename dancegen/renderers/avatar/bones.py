"""How the 15 bones of a shell turn from the pose of its picture to those of a dance.

Every rotation is the smallest from a reference direction in the body's own frame, chosen so that no pose of a dancer
comes near its opposite: arms from the side, legs from below. So nothing pops.

Glossary: V = 18 joints; K = 15 bones, the limbs of `body.limbs`; B poses. Axes: x right, y down, z away, pixels.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dancegen.body import joints as J
from dancegen.body import limbs as L
from dancegen.body.geometry import norm, unit
from dancegen.body.joints import body_height, mid_hip
from dancegen.body.limbs import K
from dancegen.body.proportions import Proportions, true_height
from dancegen.renderers.avatar.rotations import (
    about,
    axes_frame,
    dual_quaternions,
    face_front,
    fit,
    mix,
    spine_frame,
    swing,
)

EARS = 0.05  # heights: ears nearer to each other are those of a profile, and say nothing
NEARER = (0.4, 2.5)  # how much smaller and larger a figure may become
FRONT = np.array([0.0, 0.0, -1.0])
SPINE_SHARE = 0.3  # how much a torso's frame follows the spine rather than shoulders or hips
TWIST_SHARE = 0.25  # of the chest's turn that the hips go along with
SPINE_STRETCH, LIMB_STRETCH = (0.6, 1.6), (0.5, 2.5)  # how much shorter and longer they may become
ARM_SIDE = np.array([1.0, 0.5, -0.35])  # the reference of a left arm: aside, down and a little to the front
LEG_SIDE = np.array([0.15, 1.0, -0.25])
UPPER_TWIST, FOREARM_TWIST = 0.7, 1.7  # radians that an arm turns about its bone at most to show its picture's side
AWAY = 2.2  # heights between a dancer and the camera
BENT, STRAIGHTENED = 0.25, 0.7  # radians that a wrist stays bent, and of a forearm's turn over which it straightens
AT_CAMERA, RAISED_HAND = 0.6, 1.2  # how far a forearm points at the camera when the wrist bends; tangent of all it does
GROUNDED = 0.12  # heights above the ground within which a foot is level
LEVEL = 0.9  # how level then
TIP = 0.45  # radians that a foot seen from the side points down: pictures show feet from above
HEADING = 0.3  # the least length of a shin's heading on the ground that says where a foot points
INSIDE = 0.14  # half of a torso's breadth, heights
TORSO_DEEP, ELBOW_DEEP, WRIST_DEEP = 0.075, 0.045, 0.04  # half depths, heights
BEHIND_FROM, BEHIND_OVER = 0.035, 0.015  # a hand so far behind the spine, heights, is at the back


class Rig(NamedTuple):
    """How the bones stand in one pose.

    Attributes:
        scale: how much larger than at rest everything is, first of all.
        motions: (K, 8) float32 dual quaternions, from rest at that size.
        pivots, axes: (K, 3) float32 where a bone begins and where it points at rest; stretches: (K,) float32.
        widths: (K, 2) float32 how many times as wide it is where it begins, and what is added to that a pixel along it.
    """

    scale: float

    motions: np.ndarray
    pivots: np.ndarray
    axes: np.ndarray
    stretches: np.ndarray
    widths: np.ndarray


def move_bones(
    source: np.ndarray,
    targets: np.ndarray,
    body: Proportions,
    floor: float | None = None,
    hands: np.ndarray | None = None,
) -> list[Rig]:
    """The bones of a shell in other poses.

    Args:
        source: (V, 3) the joints at rest.
        targets: (B, V, 3); a body that is larger in them is nearer to the camera, or smaller.
        body: how long its limbs truly are, in the same unit.
        floor: y of the ground; the lower ankle's of each pose where not known.
        hands: (2, 2) x and y from the wrist through the right and the left hand at rest, nan where it is not seen.
    """
    scales = find_scales(source.astype(np.float64), targets.astype(np.float64), body)
    sizes = scales * body.height  # (B,)
    rest, poses = source.astype(np.float64), push_out(targets.astype(np.float64), sizes)
    turns = np.zeros((len(poses), K, 3, 3))
    start, end = np.zeros((K, 3)), np.zeros((len(poses), K, 3))
    axes, stretches = np.zeros((K, 3)), np.ones((len(poses), K))
    chest, hips = _trunk(rest, poses)
    turns[:, L.UPPER_TORSO], turns[:, L.LOWER_TORSO] = chest, hips
    start[L.UPPER_TORSO], end[:, L.UPPER_TORSO] = rest[J.NECK], poses[:, J.NECK]
    start[L.LOWER_TORSO], end[:, L.LOWER_TORSO] = mid_hip(rest), mid_hip(poses)
    spine, spines = mid_hip(rest) - rest[J.NECK], mid_hip(poses) - poses[:, J.NECK]
    for limb in (L.UPPER_TORSO, L.LOWER_TORSO):
        axes[limb], stretches[:, limb] = unit(spine), np.clip(norm(spines) / norm(spine) / scales, *SPINE_STRETCH)
    turns[:, L.HEAD], start[L.HEAD], end[:, L.HEAD] = _head(rest, poses, chest, scales)
    for limb, (parent, child) in L.SEGMENTS.items():
        bone, bones = rest[child] - rest[parent], poses[:, child] - poses[:, parent]
        start[limb], end[:, limb], axes[limb] = rest[parent], poses[:, parent], unit(bone)
        stretches[:, limb] = np.clip(norm(bones) / max(float(norm(bone)), 1e-3) / scales, *LIMB_STRETCH)
    for limb in (L.R_HAND, L.L_HAND, L.R_FOOT, L.L_FOOT):
        child = L.SEGMENTS[limb - 1][1]
        start[limb], end[:, limb] = rest[child], poses[:, child]
    for upper, chain, side in ((L.R_UPPER_ARM, J.ARM_CHAINS[0], -1.0), (L.L_UPPER_ARM, J.ARM_CHAINS[1], 1.0)):
        turns[:, upper], lower = _arm(rest, poses, chest, chain, side)
        turns[:, upper + 1] = turns[:, upper + 2] = lower
        forearm = unit(rest[chain[2]] - rest[chain[1]])
        if hands is not None and np.isfinite(hand := hands[int(side > 0)]).all():
            turns[:, upper + 2] = lower @ _unbend(hand, forearm, lower)
        turns[:, upper + 2] = _show_hand(lower @ forearm) @ turns[:, upper + 2]
    ground = poses[:, (J.R_ANKLE, J.L_ANKLE), 1].max(1) if floor is None else np.full(len(poses), floor)
    for upper, chain, side in ((L.R_THIGH, J.LEG_CHAINS[0], -1.0), (L.L_THIGH, J.LEG_CHAINS[1], 1.0)):
        turns[:, upper], turns[:, upper + 1] = _leg(rest, poses, hips, chain, side)
        raised = (ground - poses[:, chain[2], 1]) / sizes
        turns[:, upper + 2] = _foot(turns[:, upper + 1], raised)
    starts = scales[:, None, None] * start  # (B, K, 3)
    widths = _widths(start[:, 2] / body.height, end[..., 2] / sizes[:, None], rest, scales)
    moving = [dual_quaternions(turns, starts, end), starts, np.broadcast_to(axes, starts.shape), stretches, widths]
    parts = zip(*(np.ascontiguousarray(part, np.float32) for part in moving), strict=True)
    return [Rig(float(scale), *part) for scale, part in zip(scales, parts, strict=True)]


def _widths(start: np.ndarray, end: np.ndarray, rest: np.ndarray, scales: np.ndarray) -> np.ndarray:
    """`Rig.widths` (B, K, 2): what comes nearer to the camera looks wider.

    Args:
        start, end: (K,) and (B, K) the depth of where each bone begins at rest and in the poses, heights.
        rest: (V, 3); scales: (B,).
    """
    start, end = start - start[L.LOWER_TORSO], end - end[:, L.LOWER_TORSO, None]
    near = (AWAY + start) / np.maximum(AWAY + end, AWAY / 2)  # (B, K)
    more = np.zeros_like(near)
    for limb, (parent, child) in L.SEGMENTS.items():
        more[:, limb] = (near[:, limb + 1] - near[:, limb]) / max(float(norm(rest[child] - rest[parent])), 1.0)
    spine = max(float(norm(mid_hip(rest) - rest[J.NECK])), 1.0)
    for limb in (L.UPPER_TORSO, L.LOWER_TORSO):
        more[:, limb] = (near[:, L.LOWER_TORSO] - near[:, L.UPPER_TORSO]) / spine
    return np.stack([near, more / scales[:, None]], -1)


def find_scales(rest: np.ndarray, poses: np.ndarray, body: Proportions) -> np.ndarray:
    """How much larger than at rest a body is in poses (B, V, 3): the most that its limbs, shoulders and ears say, for
    noise and missing depth make them shorter alone."""
    tall = body_height(poses) / true_height(body)
    wide = norm(poses[:, J.L_SHOULDER] - poses[:, J.R_SHOULDER]) / (2 * body.lengths["shoulders"])
    ears, own = norm(poses[:, J.L_EAR] - poses[:, J.R_EAR]), float(norm(rest[J.L_EAR] - rest[J.R_EAR]))
    broad = ears / own if own > EARS * body.height else tall
    return np.clip(np.maximum(np.maximum(tall, wide), broad), *NEARER)


def _trunk(rest: np.ndarray, poses: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The turns of chest and hips: (B, 3, 3) twice."""
    found = []
    for right, left in ((J.R_SHOULDER, J.L_SHOULDER), (J.R_HIP, J.L_HIP)):
        ends = [
            (joints[..., left, :] - joints[..., right, :], mid_hip(joints) - joints[..., J.NECK, :])
            for joints in (rest, poses)
        ]
        wide, tall = (frame(*ends[1]) @ np.swapaxes(frame(*ends[0]), -1, -2) for frame in (axes_frame, spine_frame))
        found.append(mix(wide, tall, SPINE_SHARE))
    return found[0], mix(found[1], found[0], TWIST_SHARE)


def _head(
    rest: np.ndarray, poses: np.ndarray, chest: np.ndarray, scales: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The head's turn (B, 3, 3) and its middle at rest (3,) and in the poses (B, 3).

    Face points without depth say no more than how the head is tilted in the picture.
    """
    faces = [joints[..., J.FACE_JOINTS, :] for joints in (rest, poses)]
    middle, middles = (face.mean(-2) for face in faces)
    offset, offsets = middle - rest[J.NECK], middles - poses[:, J.NECK]
    flat = [np.append(offset[:2], 0.0), np.concatenate([offsets[:, :2], np.zeros((len(poses), 1))], -1)]
    tilt = swing(flat[0], flat[1])
    turned = np.where((np.ptp(faces[1][..., 2], axis=-1) > 1e-3)[:, None, None], fit(faces[0], faces[1]), tilt)
    depth = scales * np.einsum("bij,j->bi", mix(chest, turned, 0.5), offset)[:, 2]
    return turned, middle, np.concatenate([middles[:, :2], (poses[:, J.NECK, 2] + depth)[:, None]], -1)


def _arm(
    rest: np.ndarray, poses: np.ndarray, chest: np.ndarray, chain: tuple[int, ...], side: float
) -> tuple[np.ndarray, np.ndarray]:
    """The turns of upper arm and forearm, each showing the side that the picture shows as far as it can."""
    shoulder, elbow, wrist = chain
    reference = unit(ARM_SIDE * (side, 1.0, 1.0))
    bone, bones = rest[elbow] - rest[shoulder], poses[:, elbow] - poses[:, shoulder]
    front = chest @ FRONT
    upper = swing(chest @ reference, bones) @ chest @ swing(bone, reference)
    upper = face_front(upper, bones, front, UPPER_TWIST, 0.7)
    bone, bones = rest[wrist] - rest[elbow], poses[:, wrist] - poses[:, elbow]
    lower = swing(upper @ unit(bone), bones) @ upper
    return upper, face_front(lower, bones, front, FOREARM_TWIST, 1.0)


def _show_hand(pointing: np.ndarray) -> np.ndarray:
    """The turns (B, 3, 3) of hands whose forearms point (B, 3) at the camera: nobody shows us the tips of their fingers
    alone, so the wrist bends back and the hand is seen above it."""
    share = np.clip((-pointing[:, 2] - AT_CAMERA) / (1 - AT_CAMERA), 0, 1)
    return swing(pointing, pointing + (RAISED_HAND * share)[:, None] * np.array([0.0, -1.0, 0.0]))


def _unbend(hand: np.ndarray, bone: np.ndarray, turns: np.ndarray) -> np.ndarray:
    """The turns (B, 3, 3) of a hand at rest that follows its forearm: dances know no wrists, and one that is bent in
    the picture would stay so in poses where no wrist bends; as the forearm leaves the picture's pose, it straightens.

    Args:
        hand: (2,) and bone: (3,), a unit, where hand and forearm point at rest; turns: (B, 3, 3) of the forearm.
    """
    shown = unit(np.append(hand / max(float(norm(hand)), 1e-3) * norm(bone[:2]), bone[2]))
    angle = float(np.arccos(np.clip(shown @ bone, -1, 1)))
    moved = np.arccos(np.clip((np.trace(turns, axis1=1, axis2=2) - 1) / 2, -1, 1))
    excess = max(angle - BENT, 0.0) * np.clip(moved / STRAIGHTENED, 0, 1)  # (B,)
    return about(np.broadcast_to(unit(np.cross(shown, bone)), (len(turns), 3)), excess)


def _leg(
    rest: np.ndarray, poses: np.ndarray, hips: np.ndarray, chain: tuple[int, ...], side: float
) -> tuple[np.ndarray, np.ndarray]:
    """The turns of thigh and shin."""
    hip, knee, ankle = chain
    reference = unit(LEG_SIDE * (side, 1.0, 1.0))
    bone, bones = rest[knee] - rest[hip], poses[:, knee] - poses[:, hip]
    thigh = swing(hips @ reference, bones) @ hips @ swing(bone, reference)
    bone, bones = rest[ankle] - rest[knee], poses[:, ankle] - poses[:, knee]
    return thigh, swing(thigh @ unit(bone), bones) @ thigh


def _foot(shin: np.ndarray, raised: np.ndarray) -> np.ndarray:
    """A foot's turn: level near the ground and pointing where its shin does, else the shin's.

    Args:
        shin: (B, 3, 3); raised: (B,) how high above the ground, heights.
    """
    ahead = shin @ FRONT
    length = np.hypot(ahead[:, 0], ahead[:, 2])
    heading = np.arctan2(ahead[:, 0], -ahead[:, 2])  # positive to the viewer's right
    down = np.array([0.0, 1.0, 0.0])
    level = about(down, -heading)
    level = about(level @ np.array([1.0, 0.0, 0.0]), -TIP * np.abs(np.sin(heading))) @ level
    near = 1 - np.clip(raised / GROUNDED, 0, 1)
    sure = np.clip((length - HEADING) / HEADING, 0, 1)
    return mix(shin, level, LEVEL * near * sure)


def push_out(poses: np.ndarray, height: np.ndarray) -> np.ndarray:
    """Poses (B, V, 3) whose elbows and wrists lie before or behind the torso, moved in depth alone; `height` (B,)."""
    moved = poses.copy()
    neck, spine = poses[:, J.NECK], mid_hip(poses) - poses[:, J.NECK]
    frames = axes_frame(poses[:, J.L_SHOULDER] - poses[:, J.R_SHOULDER], spine)  # (B, 3, 3)
    long = np.maximum(norm(spine), 1e-3)
    for chain in J.ARM_CHAINS:
        for joint, thick in ((chain[1], ELBOW_DEEP), (chain[2], WRIST_DEEP)):
            place = np.einsum("bji,bj->bi", frames, poses[:, joint] - neck)
            level, aside = place[:, 1] / long, np.abs(place[:, 0]) / (INSIDE * height)
            within = np.clip((level + 0.2) / 0.15, 0, 1) * np.clip((1.25 - level) / 0.15, 0, 1)
            deep = TORSO_DEEP * np.sqrt(np.clip(1 - aside**2, 0, 1)) + thick * np.clip(1 - aside**4, 0, 1)
            deep = height * deep * within
            side = np.tanh((place[:, 2] / height - BEHIND_FROM) / BEHIND_OVER)  # -1 in front, 1 behind
            inside = np.clip(deep - side * place[:, 2], 0, None)  # how far from the surface on its side
            place[:, 2] += side * inside
            moved[:, joint] = neck + np.einsum("bij,bj->bi", frames, place)
    return moved
