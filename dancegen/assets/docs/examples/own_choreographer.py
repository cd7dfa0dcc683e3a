"""A choreographer of one's own: somebody who bends the knees on every beat and waves.

    PYTHONPATH=. dancegen render song.mp3 me.jpg --choreographer own_choreographer:load -o bounce.mp4

The contract stands in `dancegen/choreographers/base.py`; a line in `dancegen/registry.py` gives a backend of the
package its name.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from dancegen.audio.grid import BeatGrid, beat_position
from dancegen.audio.song import Song
from dancegen.body.joints import BONES, L_ELBOW, L_HIP, L_SHOULDER, L_WRIST, LEG_CHAINS, NECK, NOSE, R_HIP, R_SHOULDER
from dancegen.body.sequence import ANKLE_HEIGHT, BONE_COUNT, SkeletonSequence, place_joints

FPS = 30.0  # poses a second, as the contract says
KNEES = 0.5  # radians that thighs and shins lean on the beat
WAVE = 0.6  # radians that the forearm swings, once in two beats


class Bouncer:
    """Knows one style and has no weights."""

    styles = ("none",)

    def dance(self, song: Song, grid: BeatGrid, *, seed: int, style: str, **_: Any) -> SkeletonSequence:
        """See the contract. x is to the viewer's right, y down, z away from the camera; unit body heights.

        It knows no amounts of a style and does not turn, which the rest of the options would ask for.
        """
        times = np.arange(round(song.seconds * FPS)) / FPS  # (T,)
        beat = beat_position(grid.beats_or_count(song.seconds), times)  # (T,) beats since the first one
        start = np.random.default_rng(seed).random()  # another seed waves at another moment
        lean = KNEES * (0.5 + 0.5 * np.cos(2 * np.pi * beat))  # most on the beat
        swing = WAVE * np.sin(np.pi * (beat + start))
        directions = np.tile(np.array([0.0, 1.0, 0.0]), (len(times), BONE_COUNT, 1))  # (T, L, 3): all bones hang down

        def aim(parent: int, child: int, x: object, y: object, z: object = 0.0) -> None:
            bone = directions[:, BONES.index((parent, child))]
            bone[:, 0], bone[:, 1], bone[:, 2] = x, y, z
            bone /= np.linalg.norm(bone, axis=-1, keepdims=True)

        aim(NECK, NOSE, 0, -1, -0.3)
        for shoulder, hip, side in ((R_SHOULDER, R_HIP, -1), (L_SHOULDER, L_HIP, 1)):
            aim(NECK, shoulder, side, 0.1)
            aim(NECK, hip, 0.25 * side, 1)
        aim(L_SHOULDER, L_ELBOW, 1, 0)
        aim(L_ELBOW, L_WRIST, np.sin(swing), -np.cos(swing))
        for hip, knee, ankle in LEG_CHAINS:
            aim(hip, knee, 0, np.cos(lean), -np.sin(lean))
            aim(knee, ankle, 0, np.cos(lean), np.sin(lean))
        for chain in ((NOSE, side, ear) for side, ear in ((14, 16), (15, 17))):  # eyes and ears
            side = -1 if chain[1] == 14 else 1
            aim(chain[0], chain[1], side, -0.5)
            aim(chain[1], chain[2], side, 0.2, 1)
        joints = place_joints(directions, np.zeros((len(times), 2)))  # (T, V, 3)
        lowest = joints[..., 1].max(axis=1)  # the ankles
        joints[..., 1] -= (lowest + ANKLE_HEIGHT)[:, None]  # the ground is at y = 0
        return SkeletonSequence(joints.astype(np.float32), FPS)


def load(weights: Path | None, device: torch.device) -> Bouncer:
    """What the registry calls; a choreographer without weights needs neither."""
    return Bouncer()
