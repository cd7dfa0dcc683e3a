"""Aim a rig's bones at a COCO-18 pose, as the characters' README describes.

Each body part gets a rotation since rest; limbs are aimed by the smallest rotation, then twisted about their own axis
so that elbows and knees bend in their plane. Axes: x to the person's left, y up, z forward.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dancegen.lab.synthetic.character import FINGERS, Character, lowest_point

MOST_TWIST = {"arm": 1.2, "upleg": 1.0}  # radians about the bone
HINGE = {"R_arm": (0, 1, 0), "L_arm": (0, -1, 0), "R_upleg": (1, 0, 0), "L_upleg": (1, 0, 0)}  # bend axes at rest


@dataclass(frozen=True)
class HandShape:
    """Radians: how far the fingers are curled, and the wrist is bent, of the right and the left hand."""

    curl: tuple[float, float] = (0.0, 0.0)
    bend: tuple[float, float] = (0.0, 0.0)


def pose(character: Character, target: np.ndarray, floor: float, hands: HandShape | None = None) -> np.ndarray:
    """The rig's joint matrices in the pose of `target`.

    Args:
        target: (18, 3) metres, y up, facing +z more or less; its proportions do not matter.
        floor: the height of a standing ankle in the target's metres; what is above it is a jump.
        hands: the shape of the hands.

    Returns:
        (J, 4, 4); the lowest vertex stands on y = 0, or hangs above it by the height of the jump.
    """
    rotations = _torso(character, target) | _limbs(character, target, floor)
    rotations |= _hands(character, rotations, hands or HandShape())
    scale = _leg(character.rest) / _leg(target)
    matrices = _chain(character, rotations, scale * _mid_hip(target))
    jump = scale * max(0.0, min(target[10, 1], target[13, 1]) - floor - 0.03)
    matrices[:, 1, 3] += jump - lowest_point(character, matrices)
    return matrices


def about(axis: np.ndarray, angle: float) -> np.ndarray:
    """(3, 3): the rotation by `angle` radians about `axis` (Rodrigues)."""
    x, y, z = _unit(np.asarray(axis, float))
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def axes_along(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(3, 3): the rotation whose first column lies along `x` and whose second lies near `y`."""
    first = _unit(x)
    third = _unit(np.cross(first, y))
    return np.stack([first, np.cross(third, first), third], axis=1)


def rotation_between(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """(3, 3): the smallest rotation that takes the direction `start` to `end`."""
    start, end = _unit(start), _unit(end)
    axis = np.cross(start, end)
    sine = float(np.linalg.norm(axis))
    if sine < 1e-6:
        return np.eye(3) if start @ end > 0 else about(np.cross(start, [0.3, 0.5, 0.8]), np.pi)
    return about(axis, np.arctan2(sine, start @ end))


def mix_rotations(first: np.ndarray, second: np.ndarray, share: float) -> np.ndarray:
    """(3, 3): a rotation `share` of the way from `first` to `second`."""
    u, _, v = np.linalg.svd((1 - share) * first + share * second)
    return u @ np.diag([1, 1, np.linalg.det(u @ v)]) @ v


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / (np.linalg.norm(vector) + 1e-9)


def _mid_hip(joints: np.ndarray) -> np.ndarray:
    return (joints[8] + joints[11]) / 2


def _leg(joints: np.ndarray) -> float:
    return float(np.linalg.norm(joints[9] - joints[8]) + np.linalg.norm(joints[10] - joints[9]))


def _hip_axes(joints: np.ndarray) -> np.ndarray:
    return axes_along(joints[11] - joints[8], joints[1] - _mid_hip(joints))


def _chest_axes(joints: np.ndarray) -> np.ndarray:
    return axes_along(joints[5] - joints[2], joints[1] - _mid_hip(joints))


def _head_axes(joints: np.ndarray) -> np.ndarray:
    ears = joints[17] - joints[16]
    forward = (joints[0] + joints[14] + joints[15]) / 3 - (joints[16] + joints[17]) / 2
    return axes_along(ears, np.cross(forward, ears))


def _torso(character: Character, target: np.ndarray) -> dict[str, np.ndarray]:
    rest = character.rest
    hips = _hip_axes(target) @ _hip_axes(rest).T
    chest = _chest_axes(target) @ _chest_axes(rest).T
    head = _head_axes(target) @ _head_axes(rest).T
    found = {"hips": hips, "neck": mix_rotations(chest, head, 0.4), "head": head}
    spines = sum(name.startswith("spine") for name in character.joint_index)
    found |= {f"spine{i}": mix_rotations(hips, chest, (i + 1) / spines) for i in range(spines)}
    return found


def _limbs(character: Character, target: np.ndarray, floor: float) -> dict[str, np.ndarray]:
    rest = character.rest
    chest = _chest_axes(target) @ _chest_axes(rest).T
    hips = _hip_axes(target) @ _hip_axes(rest).T
    found = {}
    for side, shoulder, hip in (("R", 2, 8), ("L", 5, 11)):
        for start, upper, lower, parent in ((shoulder, "arm", "forearm", chest), (hip, "upleg", "leg", hips)):
            bones = [target[start + i + 1] - target[start + i] for i in range(2)]
            rest_bones = [rest[start + i + 1] - rest[start + i] for i in range(2)]
            aimed = rotation_between(parent @ rest_bones[0], bones[0]) @ parent
            aimed = _twist(aimed, bones, np.array(HINGE[f"{side}_{upper}"], float), MOST_TWIST[upper]) @ aimed
            found[f"{side}_{upper}"] = aimed
            found[f"{side}_{lower}"] = rotation_between(aimed @ rest_bones[1], bones[1]) @ aimed
        found[f"{side}_foot"] = _foot(found[f"{side}_leg"], target[hip + 2, 1] - floor)
    return found


def _twist(aimed: np.ndarray, bones: list[np.ndarray], hinge: np.ndarray, most: float) -> np.ndarray:
    """The turn about the upper bone that brings its hinge into the plane of the bend; none for a straight limb."""
    axis = _unit(bones[0])
    wanted = np.cross(axis, _unit(bones[1]))
    has = aimed @ hinge
    has = has - axis * (has @ axis)
    angle = np.arctan2(np.cross(has, wanted) @ axis, has @ wanted)
    angle *= np.clip((np.linalg.norm(wanted) - 0.15) / 0.35, 0, 1)
    angle *= np.clip((2.6 - abs(angle)) / 0.8, 0, 1)  # a bend the wrong way round is noise of the capture
    return about(axis, float(np.clip(angle, -most, most)))


def _foot(shin: np.ndarray, height: float) -> np.ndarray:
    """COCO has no toes: a foot follows the shin in the air and lies level near the floor."""
    ahead = shin @ np.array([0.0, 0.0, 1.0])
    if np.hypot(ahead[0], ahead[2]) < 0.3:
        return shin
    level = axes_along(np.cross([0.0, 1.0, 0.0], ahead), np.array([0.0, 1.0, 0.0]))
    near = 1 - np.clip((height - 0.04) / 0.2, 0, 1)
    return mix_rotations(shin, level, 0.9 * float(near))


def _hands(character: Character, rotations: dict[str, np.ndarray], shape: HandShape) -> dict[str, np.ndarray]:
    found = {}
    for side, sign, curl, bend in (("R", 1, shape.curl[0], shape.bend[0]), ("L", -1, shape.curl[1], shape.bend[1])):
        hand = rotations[f"{side}_forearm"] @ about(np.array([0, 0, 1.0]), sign * bend)
        found[f"{side}_hand"] = hand
        for finger in FINGERS[1:]:
            for knuckle in (1, 2, 3):
                found[f"{side}_{finger}{knuckle}"] = hand @ about(np.array([0, 0, 1.0]), sign * curl * knuckle)
    return {name: rotation for name, rotation in found.items() if name in character.joint_index}


def _chain(character: Character, rotations: dict[str, np.ndarray], mid_hip: np.ndarray) -> np.ndarray:
    """(J, 4, 4) from rotations since rest; joints without one follow their parent. The mid-hip is put at `mid_hip`."""
    bind, parents = character.bind, character.parents
    matrices = np.tile(np.eye(4), (len(bind), 1, 1))
    for name, joint in character.joint_index.items():  # parents come before children
        parent = parents[joint]
        if parent < 0:
            turn = rotations["hips"]
            matrices[joint, :3, :3] = turn
            matrices[joint, :3, 3] = mid_hip - turn @ (_mid_hip(character.rest) - bind[joint])
            continue
        above = matrices[parent]
        matrices[joint, :3, :3] = rotations.get(name, above[:3, :3])
        matrices[joint, :3, 3] = above[:3, 3] + above[:3, :3] @ (bind[joint] - bind[parent])
    return matrices
