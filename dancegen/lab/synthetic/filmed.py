"""Performances as films: rigged characters dance them before synthetic cameras, for detectors to look at.

Glossary: S frames, V = 18 joints, N vertices of a character. Canonical axes: x to the viewer's right, y down, z away;
a character's world has y up, z toward the viewer, metres.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor

from dancegen.body.sequence import ANKLE_HEIGHT
from dancegen.lab.synthetic.cameras import Film
from dancegen.lab.synthetic.character import Character, landmarks, load_character, skin
from dancegen.lab.synthetic.draw import Light, Painter
from dancegen.lab.synthetic.look import resolve
from dancegen.lab.synthetic.posing import pose

SIDE = 448  # pixels of the longer side; captured clips are looked at with 512
WORLD = np.array([1.0, -1.0, -1.0])  # canonical axes to a character's world
LEG = (8, 9, 10)  # right hip, knee, ankle


@dataclass(frozen=True)
class Shown:
    """One frame: picture (H, W, 3) uint8, and where the character's joints really are: points (V, 2) pixels, and
    depth (V,) along the view, body heights."""

    picture: np.ndarray
    points: np.ndarray
    depth: np.ndarray


class Studio:
    """Draws one window of a performance; holds the OpenGL context."""

    def __init__(self, characters: list[Path], backgrounds: list[Path]) -> None:
        self.painter = Painter(SIDE)
        self.characters, self.backgrounds = characters, backgrounds

    def film(self, joints: Tensor, film: Film, index: int, rng: np.random.Generator) -> Iterator[Shown]:
        """The frames of window `index` of joints (B, S, V, 3) that `film` shows, danced by somebody, somewhere."""
        character = load_character(self.characters[int(rng.integers(len(self.characters)))])
        self.painter.use(character)
        size = film.size[index].numpy()
        scale = SIDE / size.max()
        wide, high = np.round(size * scale).astype(int)
        shots = film.cut[index].numpy().cumsum()
        places = [self._background(wide, high, rng) for _ in range(shots[-1] + 1)]
        light = Light(np.array([0.3, 0.8, 0.52]), (0.5, 0.48, 0.45), (0.6, 0.62, 0.66), 0.05)
        lenses = film.lens[index].double().numpy() * np.array([scale, scale, 1])[:, None]
        for number, body in enumerate(joints[index].double().numpy()):
            matrices, metres = pose_like(character, body)
            vertices, normals = skin(character, matrices)
            lens = lenses[number] @ np.diag([*(WORLD / metres), 1.0])  # the character's metres to pixels
            eye = -np.linalg.solve(lens[:, :3], lens[:, 3])
            drawn = self.painter.draw(vertices, normals, clip_matrix(lens), eye, light, 1.0)
            colour, coverage, _ = resolve(drawn.colour, drawn.labels)
            picture = places[shots[number]] * (1 - coverage[:high, :wide, None]) + colour[:high, :wide]
            seen = np.c_[landmarks(character, matrices), np.ones(18)] @ lens.T  # (V, 3)
            yield Shown(np.clip(picture, 0, 255).astype(np.uint8), seen[:, :2] / seen[:, 2:], seen[:, 2])

    def _background(self, wide: int, high: int, rng: np.random.Generator) -> np.ndarray:
        """A part of a background picture (H, W, 3) float32."""
        with Image.open(self.backgrounds[int(rng.integers(len(self.backgrounds)))]) as picture:
            side = max(wide, high)
            whole = np.asarray(picture.convert("RGB").resize((side, side)), np.float32)
        return whole[:high, :wide]


def pose_like(character: Character, joints: np.ndarray) -> tuple[np.ndarray, float]:
    """A character's joint matrices for canonical joints (V, 3), and metres of a body height."""
    target = joints * WORLD
    return pose(character, target, ANKLE_HEIGHT), leg_length(character.rest) / leg_length(target)


def leg_length(joints: np.ndarray) -> float:
    """Of the right leg of joints (V, 3)."""
    return float(np.linalg.norm(np.diff(joints[list(LEG)], axis=0), axis=-1).sum())


def clip_matrix(lens: np.ndarray) -> np.ndarray:
    """(4, 4) to OpenGL's clip space, of a square of SIDE pixels, for a projection (3, 4) to pixels and distance."""
    clip = np.empty((4, 4))
    clip[0] = 2 * lens[0] / SIDE - lens[2]
    clip[1] = lens[2] - 2 * lens[1] / SIDE
    clip[3] = lens[2]
    near, far = 0.05, 20.0  # body heights
    clip[2] = lens[2] * (far + near) / (far - near)
    clip[2, 3] -= 2 * far * near / (far - near)
    return clip
