"""Rigged characters: loading, varying their proportions, linear blend skinning, limb labels, the split by people.

Format: the shared data set's `characters/README.md`. Metres, right-handed, y up, facing +z, the person's right at -x;
all joint frames are aligned with the world at rest.
"""

from __future__ import annotations

import dataclasses
import io
import json
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

# Labels of the training frames, in the order of body/limbs.py; 0 is the background.
HEAD, UPPER_TORSO, LOWER_TORSO = 1, 2, 3
ARM_LABELS = {"R": (4, 5, 6), "L": (7, 8, 9)}  # upper arm, forearm, hand
LEG_LABELS = {"R": (10, 11, 12), "L": (13, 14, 15)}  # thigh, shin, foot
LABELS = 16
FINGERS = ("thumb", "index", "middle", "ring", "pinky")
VALIDATION_PERCENT = 8


@dataclass(frozen=True)
class Character:
    """One person in the rest pose.

    Attributes:
        name: the file's stem.
        vertices, normals: (N, 3) float64; uvs (N, 2) float32, v down.
        faces: (M, 3) int64.
        limb_weights: (N, LABELS) float32, how far each vertex belongs to each limb label; rows sum to 1.
        skin_joints: (N, 4) int; skin_weights: (N, 4) float64, rows sum to 1.
        joint_index: joint name -> index; parents: (J,), -1 for the hips; bind: (J, 3) rest positions.
        landmark_joint, landmark_offset: (18,), (18, 3): the COCO-18 joints, each riding on one rig joint.
        texture: RGBA picture.
        meta: what the file says of its origin.
    """

    name: str
    vertices: np.ndarray
    normals: np.ndarray
    uvs: np.ndarray
    faces: np.ndarray
    limb_weights: np.ndarray
    skin_joints: np.ndarray
    skin_weights: np.ndarray
    joint_index: dict[str, int]
    parents: np.ndarray
    bind: np.ndarray
    landmark_joint: np.ndarray
    landmark_offset: np.ndarray
    texture: Image.Image
    meta: dict[str, Any]

    @property
    def height(self) -> float:
        """Metres from sole to crown at rest."""
        return float(np.ptp(self.vertices[:, 1]))

    @property
    def rest(self) -> np.ndarray:
        """(18, 3): the COCO-18 joints of the rest pose."""
        return self.bind[self.landmark_joint] + self.landmark_offset


def load_character(path: Path) -> Character:
    """Read one `characters/*/*.npz`."""
    with np.load(path) as file:
        data = {key: file[key] for key in file.files}
    names = [str(name) for name in data["joint_names"]]
    joint_labels = np.array([_label_of(name, names) for name in names], np.uint8)  # (J,)
    skin_weights = data["skin_weights"].astype(np.float64) / 255
    return Character(
        name=path.stem,
        vertices=data["vertices"].astype(np.float64),
        normals=data["normals"].astype(np.float64) / 127,
        uvs=data["uvs"].astype(np.float32),
        faces=data["faces"].astype(np.int64),
        limb_weights=_limb_weights(data["skin_joints"], skin_weights, joint_labels),
        skin_joints=data["skin_joints"].astype(np.int64),
        skin_weights=skin_weights,
        joint_index={name: index for index, name in enumerate(names)},
        parents=data["parents"].astype(np.int64),
        bind=data["rest_global"][:, :3, 3].astype(np.float64),
        landmark_joint=data["landmark_joint"].astype(np.int64),
        landmark_offset=data["landmark_offset"].astype(np.float64),
        texture=Image.open(io.BytesIO(data["texture"].tobytes())).convert("RGBA"),
        meta=json.loads(str(data["meta"])),
    )


def person_of(path: Path) -> str:
    """The person behind a character file: outfits of one person and `X_` twins share it.

    All modular Quaternius people and their mixes share heads and clothes, so they count as one.
    """
    group = path.parent.name
    if group == "valid":
        return path.stem.removeprefix("X_").rsplit("_", 1)[0]
    if path.stem.startswith(("q_", "qmix_")):
        return "quaternius"
    return "_".join(path.stem.split("_")[:2])


def is_validation(path: Path) -> bool:
    """Whether the character's person is kept out of training (about `VALIDATION_PERCENT` of the people)."""
    person = person_of(path)
    return person != "quaternius" and zlib.crc32(person.encode()) % 100 < VALIDATION_PERCENT


def skin(character: Character, globals_: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Linear blend skinning.

    Args:
        globals_: (J, 4, 4) posed joint matrices.

    Returns:
        vertices (N, 3) and normals (N, 3), float32.
    """
    rotation = globals_[:, :3, :3]  # (J, 3, 3): rest rotations are the identity
    shift = globals_[:, :3, 3] - np.einsum("jab,jb->ja", rotation, character.bind)  # (J, 3)
    matrix = np.concatenate([rotation.reshape(-1, 9), shift], axis=1)  # (J, 12)
    blended = np.einsum("nk,nka->na", character.skin_weights, matrix[character.skin_joints])  # (N, 12)
    turn = blended[:, :9].reshape(-1, 3, 3)
    vertices = np.einsum("nab,nb->na", turn, character.vertices) + blended[:, 9:]
    normals = np.einsum("nab,nb->na", turn, character.normals)
    return vertices.astype(np.float32), normals.astype(np.float32)


def lowest_point(character: Character, globals_: np.ndarray) -> float:
    """The height of the posed character's lowest vertex: `skin` for y alone."""
    row = globals_[:, 1, :3]  # (J, 3)
    shift = globals_[:, 1, 3] - np.einsum("jb,jb->j", row, character.bind)  # (J,)
    matrix = np.concatenate([row, shift[:, None]], axis=1)  # (J, 4)
    blended = np.einsum("nk,nka->na", character.skin_weights, matrix[character.skin_joints])  # (N, 4)
    return float((np.einsum("na,na->n", blended[:, :3], character.vertices) + blended[:, 3]).min())


def landmarks(character: Character, globals_: np.ndarray) -> np.ndarray:
    """(18, 3): the COCO-18 joints of a posed character."""
    chosen = globals_[character.landmark_joint]  # (18, 4, 4)
    return np.einsum("nab,nb->na", chosen[:, :3, :3], character.landmark_offset) + chosen[:, :3, 3]


def with_proportions(character: Character, scales: dict[str, tuple[float, float]]) -> Character:
    """The same person with other limbs: `scales[joint name] = (along the bone, across it)`, 1 where absent.

    A bone's frame is scaled along the direction to its first child, children move with it; the head scales evenly by
    its first number. Turns realistic people into big-headed or stick-limbed ones, as drawings have them.
    """
    index, parents, bind = character.joint_index, character.parents, character.bind
    stretch = np.tile(np.eye(3), (len(bind), 1, 1))
    for name, joint in index.items():  # parents come before children
        if name not in scales:
            if name[2:].startswith(FINGERS):
                stretch[joint] = stretch[parents[joint]]
            continue
        along, across = scales[name]
        children = np.flatnonzero(parents == joint)
        axis = bind[children[0]] - bind[joint] if len(children) else np.array([0.0, 1.0, 0.0])
        axis = axis / (np.linalg.norm(axis) + 1e-9)
        if name == "head":
            across = along
        stretch[joint] = across * np.eye(3) + (along - across) * np.outer(axis, axis)
    moved = bind.copy()
    for joint, parent in enumerate(parents):
        if parent >= 0:
            moved[joint] = moved[parent] + stretch[parent] @ (bind[joint] - bind[parent])
    shift = moved - np.einsum("jab,jb->ja", stretch, bind)  # (J, 3)
    matrix = np.concatenate([stretch.reshape(-1, 9), shift], axis=1)  # (J, 12)
    blended = (matrix[character.skin_joints] * character.skin_weights[..., None]).sum(axis=1)  # (N, 12)
    vertices = np.einsum("nab,nb->na", blended[:, :9].reshape(-1, 3, 3), character.vertices) + blended[:, 9:]
    offset = np.einsum("nab,nb->na", stretch[character.landmark_joint], character.landmark_offset)
    return dataclasses.replace(character, vertices=vertices, bind=moved, landmark_offset=offset)


def _label_of(name: str, names: list[str]) -> int:
    if name in ("head", "neck"):
        return HEAD
    side, _, part = name.partition("_")
    if side in ARM_LABELS and part in ("arm", "forearm", "hand"):
        return ARM_LABELS[side][("arm", "forearm", "hand").index(part)]
    if side in ARM_LABELS and part.startswith(FINGERS):
        return ARM_LABELS[side][2]
    if side in LEG_LABELS and part in ("upleg", "leg", "foot", "toe"):
        return LEG_LABELS[side][min(2, ("upleg", "leg", "foot", "toe").index(part))]
    spines = sorted(other for other in names if other.startswith("spine"))
    upper = part == "clavicle" or (name in spines and spines.index(name) >= len(spines) / 2)
    return UPPER_TORSO if upper else LOWER_TORSO


def _limb_weights(skin_joints: np.ndarray, skin_weights: np.ndarray, joint_labels: np.ndarray) -> np.ndarray:
    weights = np.zeros((len(skin_joints), LABELS), np.float32)
    rows = np.arange(len(skin_joints))
    for slot in range(skin_joints.shape[1]):
        weights[rows, joint_labels[skin_joints[:, slot]]] += skin_weights[:, slot]  # one entry a row: no clash
    return weights  # (N, LABELS)
