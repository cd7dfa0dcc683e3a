"""Where the limbs' outlines lie in pictures of rigged characters, worked out from their vertices without drawing them.

Each limb is cut into slices across its bone, once, at rest. In every pose a slice has a left and a right edge: how far
its vertices reach to either side of the limb's axis in the picture, at the height along the axis where the skin that
faces the camera lies. The same slice in two poses tells where a piece of the person goes and how wide it becomes.

Glossary: P poses, K = 15 limbs, S = `SLICES`, N vertices, V = 18 joints.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dancegen.body.limbs import K, limb_axes
from dancegen.lab.synthetic.character import Character, load_character, skin
from dancegen.lab.synthetic.draw import project
from dancegen.lab.synthetic.poses import FACING_LIMIT, TURNED_LIMIT, dance_run, still_pose
from dancegen.lab.synthetic.posing import pose
from dancegen.lab.synthetic.scene import (
    FRAME_SIZE,
    Sources,
    project_joints,
    random_camera,
    random_hands,
    reshape,
)
from dancegen.renderers.puppet.motion import limb_frames

SLICES = 5
POSES = 8
LEAST = 8  # vertices of a slice that counts
DRAWN_SHARE = 0.3  # of the people, who get proportions as drawings have them
# How far people may turn from the camera, radians, and how often; beyond the first they also exercise.
TURNS = ((FACING_LIMIT, 0.35), (np.radians(60), 0.4), (TURNED_LIMIT, 0.25))
NEARER_SHARE = 0.45  # of the scenes, in which people come nearer and go further away
NEARER = 0.16  # body heights, standard deviation


@dataclass(frozen=True)
class Outlines:
    """One person in P poses.

    Attributes:
        joints: (P, V, 3) px, z away from the camera relative to the mid-hip.
        edges: (P, K, S, 2 sides, 2 xy) px, the same slices in every pose; NaN where a limb has too few vertices.
    """

    joints: np.ndarray
    edges: np.ndarray


def make_outlines(sources: Sources, index: int, seed: int) -> Outlines:
    """Scene number `index`: a random person of the split in `POSES` poses in front of one camera."""
    rng = np.random.default_rng([seed, index, int(sources.split == "val"), POSES])
    path = sources.characters[int(rng.integers(len(sources.characters)))]
    character = reshape(load_character(path), bool(rng.random() < DRAWN_SHARE), rng)
    limits, shares = zip(*TURNS, strict=True)
    limit = float(rng.choice(limits, p=shares))
    clip = sources.clips[int(rng.integers(len(sources.clips)))]
    depth = NEARER if rng.random() < NEARER_SHARE else 0.0
    hands, matrices = random_hands(rng), []
    for _ in range(POSES):
        target = dance_run(clip, 1, rng, limit)[0] if rng.random() < 0.4 else still_pose(rng, rng.random() < 0.7, limit)
        matrix = pose(character, target.joints, target.floor, hands)
        matrix[:, [0, 2], 3] += np.clip(rng.normal(0, [0.10, 0.03 + depth]), -0.4, 0.4) * character.height
        matrices.append(matrix)
    posed = [skin(character, matrix) for matrix in matrices]
    camera, eye = random_camera(character, [vertices for vertices, _ in posed], rng)
    joints = np.stack([project_joints(character, matrix, camera) for matrix in matrices])
    slices = limb_slices(character)
    edges = [_edges(slices, v, n, j, camera, eye) for (v, n), j in zip(posed, joints, strict=True)]
    return Outlines(joints, np.stack(edges).astype(np.float32))


def limb_slices(character: Character) -> list[list[np.ndarray]]:
    """The vertices' numbers of each slice of each limb, from the limb's first end to its last: K lists of S."""
    ends = limb_axes(character.rest * [1, -1, 1])  # (K, 2, 2), y down as in pictures
    found = []
    for limb in range(K):
        own = np.flatnonzero(character.limb_weights[:, limb + 1] > 0.5)
        along = (character.vertices[own, :2] * [1, -1] - ends[limb, 0]) @ (ends[limb, 1] - ends[limb, 0])
        found.append(list(np.array_split(own[np.argsort(along, kind="stable")], SLICES)))
    return found


def _edges(
    slices: list[list[np.ndarray]],
    vertices: np.ndarray,
    normals: np.ndarray,
    joints: np.ndarray,
    camera: np.ndarray,
    eye: np.ndarray,
) -> np.ndarray:
    """(K, S, 2, 2): the slices' edges in one pose."""
    places = project(camera, vertices, FRAME_SIZE)[0]  # (N, 2)
    facing = ((eye - vertices) * normals).sum(-1) > 0
    start, along, across = limb_frames(joints)
    edges = np.full((K, SLICES, 2, 2), np.nan)
    for limb in range(K):
        for number, part in enumerate(slices[limb]):
            if len(part) < LEAST:
                continue
            offset = places[part] - start[limb]
            u, v = offset @ along[limb], offset @ across[limb]
            seen = facing[part] if facing[part].sum() >= LEAST / 2 else np.ones(len(part), bool)
            low, high = np.quantile(v, [0.02, 0.98])
            middle = (low + high) / 2
            for side, (v_edge, near) in enumerate(((low, v < middle), (high, v >= middle))):
                u_edge = u[seen & near].mean() if (seen & near).any() else u[seen].mean()
                edges[limb, number, side] = start[limb] + u_edge * along[limb] + v_edge * across[limb]
    return edges
