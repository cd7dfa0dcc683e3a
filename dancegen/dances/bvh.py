"""BVH, the motion files of Blender, Mixamo and motion capture: read by the names of the joints, and written.

Read: any skeleton with limbs (`bvh_names.py` says how they are known); whichever axis dancers stand along is up.
Written: y up, hips, spine, shoulders and limbs in Mixamo's names, bones of fixed length.

Glossary: T frames, J joints of the file, V = 18 joints of ours; files are in any unit.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from dancegen.body import joints as J
from dancegen.body.joints import V, body_height, mid_hip
from dancegen.body.sequence import ANKLE_HEIGHT, SkeletonSequence, bone_directions, place_joints
from dancegen.dances.bvh_names import find_joints
from dancegen.errors import DancegenError
from dancegen.files import check_input

REMEDY = "export it as BVH again"
LARGEST_FILE = 64 << 20  # bytes: 50 minutes of 25 joints at 30 a second; takes 6 s and 0.5 GB of memory to read
MOST_FRAMES, MOST_JOINTS, MOST_DIGITS = 2_000_000, 1000, 20
AXES = {"x": 0, "y": 1, "z": 2}
CENTIMETRES = 172.0  # of a body height, in files that are written
# Standing directions of nose, right eye, right ear, left eye, left ear: to the person's left, up, forward.
FACE = ((0, 0.9, 0.43), (-0.55, 0.75, -0.36), (-0.6, -0.2, -0.77), (0.55, 0.75, -0.36), (0.6, -0.2, -0.77))
FACE_LENGTHS = (0.110, 0.034, 0.068, 0.034, 0.068)


@dataclass
class Node:
    """One joint of a file: its name, parent (-1: none), offset (3,), and its channels' names."""

    name: str
    parent: int
    offset: np.ndarray
    channels: tuple[str, ...] = ()


def read_bvh(path: Path, names: Mapping[str, str] | None = None) -> SkeletonSequence:
    """A BVH file as a canonical dance, 3D with turns and path.

    Args:
        path: the file.
        names: {our joint, or "head": the file's joint} where its names are not known.

    Raises:
        DancegenError: no such file, not BVH, or joints that cannot be told.
    """
    check_input(path, "BVH file", "give the path of a .bvh file, a part of it where it is long", LARGEST_FILE)
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as cause:
        raise DancegenError(f"{path} cannot be read ({cause.strerror})", "check its permissions") from cause
    nodes, values, seconds = _parse(text, str(path))
    places = _place_joints(nodes, values)  # (T, J, 3)
    return _canonical(_ours(nodes, places, names or {}, str(path)), 1 / seconds)


def _parse(text: str, name: str) -> tuple[list[Node], np.ndarray, float]:
    """The joints, the numbers of all frames (T, channels), and the seconds of a frame."""
    head, found, rest = text.partition("MOTION")
    if not head.lstrip().upper().startswith("HIERARCHY") or not found:
        raise DancegenError(f"{name} is no BVH file", REMEDY)
    nodes = _hierarchy(head, name)
    counted = re.match(r"\s*Frames:\s*(\d+)\s*Frame Time:\s*([\d.eE+-]+)", rest)
    if not counted or len(counted[1]) > MOST_DIGITS or not 0 < int(counted[1]) <= MOST_FRAMES:
        raise DancegenError(f"{name} does not say how many frames it has, 1 to {MOST_FRAMES:,}", REMEDY)
    try:
        seconds = float(counted[2])
        with warnings.catch_warnings(action="error"):
            numbers = np.fromstring(rest[counted.end() :], np.float64, sep=" ")
    except (ValueError, DeprecationWarning) as cause:
        raise DancegenError(f"{name} holds frames that are not numbers", REMEDY) from cause
    width = sum(len(node.channels) for node in nodes)
    if not 1e-4 < seconds < 1 or not width or len(numbers) < width or not np.isfinite(numbers).all():
        raise DancegenError(f"{name} holds no frames that can be used", REMEDY)
    frames = min(int(counted[1]), len(numbers) // width)
    return nodes, numbers[: frames * width].reshape(frames, width), seconds


def _hierarchy(text: str, name: str) -> list[Node]:
    nodes: list[Node] = []
    stack: list[int] = []
    for line in text.splitlines():
        words = line.split()
        if not words:
            continue
        kind = words[0].upper()
        try:
            if kind in ("ROOT", "JOINT", "END"):
                nodes.append(Node(" ".join(words[1:]), stack[-1] if stack else -1, np.zeros(3)))
            elif kind == "{":
                stack.append(len(nodes) - 1)
            elif kind == "}":
                stack.pop()
            elif kind == "OFFSET":
                nodes[stack[-1]].offset = np.array([float(word) for word in words[1:4]])
            elif kind == "CHANNELS":
                nodes[stack[-1]].channels = tuple(word.lower() for word in words[2 : 2 + int(words[1])])
        except (ValueError, IndexError) as cause:
            raise DancegenError(f"{name}: its line {line.strip()[:40]!r} cannot be read", REMEDY) from cause
    known = all(re.fullmatch("[xyz](rotation|position)", channel) for node in nodes for channel in node.channels)
    if not nodes or len(nodes) > MOST_JOINTS or not known or any(len(node.offset) != 3 for node in nodes):
        raise DancegenError(f"{name} has no skeleton that can be read", REMEDY)
    return nodes


def _place_joints(nodes: list[Node], values: np.ndarray) -> np.ndarray:
    """Where all joints are: (T, J, 3), by forward kinematics."""
    count, column = len(values), 0
    places, turns = np.zeros((count, len(nodes), 3)), []
    for number, node in enumerate(nodes):
        own, offset = Rotation.identity(), np.repeat(node.offset[None], count, axis=0)
        for channel in node.channels:
            axis, amount = AXES[channel[0]], values[:, column]
            column += 1
            if channel.endswith("position"):
                offset[:, axis] = amount if node.parent < 0 else node.offset[axis] + amount
            else:
                own = own * Rotation.from_rotvec(np.radians(amount)[:, None] * np.eye(3)[axis])
        if node.parent < 0:
            places[:, number] = offset
            turns.append(own)
        else:
            above = turns[node.parent]
            places[:, number] = places[:, node.parent] + above.apply(offset)
            turns.append(above * own)
    return places


def _ours(nodes: list[Node], places: np.ndarray, names: Mapping[str, str], path: str) -> np.ndarray:
    """Our joints (T, V, 3), in the file's axes and unit."""
    found = find_joints({number: node.name for number, node in enumerate(nodes) if node.channels}, names, path)
    joints = np.zeros((len(places), V, 3))
    for joint, number in found.limbs.items():
        joints[:, joint] = places[:, number]
    joints[:, J.NECK] = (joints[:, J.R_SHOULDER] + joints[:, J.L_SHOULDER]) / 2
    return _with_face(joints, None if found.head is None else places[:, found.head])


def _with_face(joints: np.ndarray, head: np.ndarray | None) -> np.ndarray:
    """With nose, eyes and ears where a head has them, by its neck and the shoulders (in place)."""
    tall = np.median(body_height_of(joints))
    left = _unit(joints[:, J.L_SHOULDER] - joints[:, J.R_SHOULDER])
    spine = _unit(joints[:, J.NECK] - mid_hip(joints))
    up = spine if head is None else _unit(_unit(head - joints[:, J.NECK]) + spine * 0.5)
    up = np.where(np.isfinite(up).all(-1, keepdims=True), up, spine)
    forward = _unit(np.cross(left, up))
    up = np.cross(forward, left)
    for (parent, child), (a, b, c), length in zip(J.BONES[12:], FACE, FACE_LENGTHS, strict=True):
        way = _unit(a * left + b * up + c * forward)
        joints[:, child] = joints[:, parent] + way * length * tall
    return joints


def body_height_of(joints: np.ndarray) -> np.ndarray:
    """(T,) of joints whose face may be missing."""
    height: np.ndarray = np.maximum(body_height(joints), 1e-6)
    return height


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)


def _canonical(joints: np.ndarray, fps: float) -> SkeletonSequence:
    """Joints (T, V, 3) of any size, on the canonical body and its floor."""
    from dancegen.choreographers.finish.facing import yaw

    tall = float(np.median(body_height_of(joints)))
    if not math.isfinite(tall) or tall <= 1e-5:
        raise DancegenError("the skeleton of this BVH file has no height", REMEDY)
    ours = upright(joints) * np.array([1, -1, -1]) / tall
    directions = bone_directions(ours)
    root = mid_hip(ours)
    placed = place_joints(directions, root[:, :2])
    lowest = placed[:, [J.R_ANKLE, J.L_ANKLE], 1].max(axis=1)
    placed[..., 1] -= np.quantile(lowest, 0.98) + ANKLE_HEIGHT
    middle = np.median(root[:, [0, 2]], axis=0)
    placed[..., 0] -= middle[0]
    turned = -np.degrees(np.unwrap(yaw(directions)))
    depth = (root[:, 2] - middle[1]).astype(np.float32)
    return SkeletonSequence(placed.astype(np.float32), fps, yaw=turned.astype(np.float32), depth=depth)


def upright(joints: np.ndarray) -> np.ndarray:
    """Joints (T, V, 3) with y up: what dancers stand along in most frames is up, as z is in Blender's files."""
    standing = np.median(joints[:, J.NECK] - joints[:, [J.R_ANKLE, J.L_ANKLE]].mean(axis=1), axis=0)  # (3,)
    axis = int(np.abs(standing).argmax())
    if axis == 1 and standing[1] > 0:
        return joints
    up = np.sign(standing[axis]) * np.eye(3)[axis]
    across = np.array([(0, 0, 1), (-1, 0, 0), (1, 0, 0)][axis])  # what stood on its head is turned about z
    return joints @ np.stack([across, up, np.cross(across, up)], axis=1)


def bvh_text(dance: SkeletonSequence) -> str:
    """A canonical dance as BVH: y up, centimetres, fixed bones; the hips are 1.5 % of the height off at most."""
    up = dance.joints.astype(np.float64) * np.array([1, -1, -1])
    if dance.depth is not None:
        up[..., 2] -= dance.depth[:, None]
    up *= CENTIMETRES
    hips = mid_hip(up)
    torso = float(np.median(np.linalg.norm(up[:, J.NECK] - hips, axis=-1)))
    across = _basis(up[:, J.L_SHOULDER] - up[:, J.R_SHOULDER], up[:, J.NECK] - hips)
    spine = _pointing(across, up[:, J.NECK] - hips)  # shoulders may be aslant on it
    pelvis = _basis(up[:, J.L_HIP] - up[:, J.R_HIP], up[:, J.NECK] - hips)
    tree = _Tree(hips, pelvis)
    tree.chain("Hips", up, ((J.L_HIP, "LeftUpLeg"), (J.L_KNEE, "LeftLeg"), (J.L_ANKLE, "LeftFoot")), hips, pelvis)
    tree.chain("Hips", up, ((J.R_HIP, "RightUpLeg"), (J.R_KNEE, "RightLeg"), (J.R_ANKLE, "RightFoot")), hips, pelvis)
    tree.add("Spine", "Hips", (0, 0, 0), pelvis, spine)
    tree.add("Neck", "Spine", (0, torso, 0), spine, spine)
    neck = up[:, J.NECK]
    for side, word in (("L", "Left"), ("R", "Right")):
        chain = [getattr(J, f"{side}_{part}") for part in ("SHOULDER", "ELBOW", "WRIST")]
        named = tuple(zip(chain, (f"{word}Arm", f"{word}ForeArm", f"{word}Hand"), strict=True))
        tree.chain("Neck", up, named, neck, spine)
    tree.chain("Neck", up, ((J.NOSE, "Head"),), neck, spine)
    return tree.text(dance.fps)


def _basis(left: np.ndarray, up: np.ndarray) -> Rotation:
    """Rotations (T) whose x points left and y as nearly up as that allows."""
    x = _unit(left)
    z = _unit(np.cross(x, up))
    return Rotation.from_matrix(np.stack([x, np.cross(z, x), z], axis=-1))


class _Tree:
    """The joints of a file in the making, each with its offset and its turn against its parent."""

    def __init__(self, root: np.ndarray, turn: Rotation) -> None:
        self.root = root
        self.parts: dict[str, tuple[str, tuple[float, float, float], Rotation]] = {"Hips": ("", (0, 0, 0), turn)}

    def add(self, name: str, parent: str, offset: tuple[float, float, float], above: Rotation, own: Rotation) -> None:
        self.parts[name] = (parent, offset, above.inv() * own)

    def chain(
        self, parent: str, up: np.ndarray, joints: tuple[tuple[int, str], ...], start: np.ndarray, above: Rotation
    ) -> None:
        """Bones from `start` (T, 3) through these joints: a joint at the beginning of each turns it."""
        for joint, name in joints:
            bone = up[:, joint] - start
            length = float(np.median(np.linalg.norm(bone, axis=-1)))
            turn = _pointing(above, bone)
            self.add(f"{name}Base" if parent in ("Hips", "Neck") else parent, parent, (0, 0, 0), above, turn) if (
                parent in ("Hips", "Neck")
            ) else self._turn(parent, above, turn)
            held = f"{name}Base" if parent in ("Hips", "Neck") else parent
            self.parts[name] = (held, (0, length, 0), Rotation.identity(len(up)))
            parent, start, above = name, up[:, joint], turn

    def _turn(self, name: str, above: Rotation, turn: Rotation) -> None:
        parent, offset, _ = self.parts[name]
        self.parts[name] = (parent, offset, above.inv() * turn)

    def text(self, fps: float) -> str:
        """The whole file."""
        order: list[str] = []
        lines = ["HIERARCHY", *self._lines("", "", order), "MOTION", f"Frames: {len(self.root)}"]
        columns = [self.root, *(self.parts[name][2].as_euler("ZXY", degrees=True) for name in order)]
        table = np.concatenate(columns, axis=1)
        lines.append(f"Frame Time: {1 / fps:.8f}")
        return "\n".join([*lines, *(" ".join(f"{value:.5f}" for value in row) for row in table.tolist())]) + "\n"

    def _lines(self, parent: str, indent: str, order: list[str]) -> list[str]:
        lines = []
        for name, (above, offset, _) in self.parts.items():
            if above != parent:
                continue
            order.append(name)
            kind = "JOINT" if parent else "ROOT"
            place = "" if parent else "Xposition Yposition Zposition "
            inner = self._lines(name, indent + "  ", order)
            inner = inner or [f"{indent}  End Site", f"{indent}  {{", f"{indent}    OFFSET 0 5 0", f"{indent}  }}"]
            lines += [
                f"{indent}{kind} {name}",
                f"{indent}{{",
                f"{indent}  OFFSET " + " ".join(f"{x:.5f}" for x in offset),
            ]
            lines += [
                f"{indent}  CHANNELS {3 if parent else 6} {place}Zrotation Xrotation Yrotation",
                *inner,
                f"{indent}}}",
            ]
        return lines


def _pointing(above: Rotation, bone: np.ndarray) -> Rotation:
    """The turn (T) nearest to `above` whose y points along `bone` (T, 3)."""
    way = _unit(bone)
    y = above.apply(np.repeat([[0.0, 1.0, 0.0]], len(bone), axis=0))
    axis = np.cross(y, way)
    sine, cosine = np.linalg.norm(axis, axis=-1), (y * way).sum(-1)
    spare = above.apply(np.repeat([[1.0, 0.0, 0.0]], len(bone), axis=0))  # a half turn may be about any axis across
    axis = np.where(sine[:, None] > 1e-6, axis / np.maximum(sine, 1e-9)[:, None], spare)
    return Rotation.from_rotvec(axis * np.arctan2(sine, cosine)[:, None]) * above
