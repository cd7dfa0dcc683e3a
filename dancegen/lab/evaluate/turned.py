"""People seen from where their picture does not show them: rigged characters drawn from every side, against the truth.

The condition is a character who faces the camera in a photo's pose; the targets are poses of a dance that was held out,
turned to the left or the right by an angle of each band. The renderers are told the joints with their true depth.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from dancegen.body.joints import L_HIP, L_SHOULDER, R_HIP, R_SHOULDER
from dancegen.lab.evaluate.renderer import Clip, Method, Shot
from dancegen.lab.synthetic.character import load_character, skin
from dancegen.lab.synthetic.draw import Painter
from dancegen.lab.synthetic.poses import Target, dance_run, still_pose
from dancegen.lab.synthetic.posing import about, pose
from dancegen.lab.synthetic.scene import draw_frame, draw_setting, find_sources, reshape
from dancegen.people.located import LocatedBody

BANDS = ((0, 30), (30, 60), (60, 120), (120, 180))  # degrees away from the camera
FRONT = np.radians(10)


def turned_clips(data: Path, painter: Painter, people: int, seed: int = 0) -> dict[str, list[Clip]]:
    """For each band the pairs of `people` held-out characters, one a person.

    Args:
        data: the shared data's folder.
        painter: draws characters.
    """
    sources = find_sources(data, "val")
    found: dict[str, list[Clip]] = {f"{low}-{high}": [] for low, high in BANDS}
    for index in range(people):
        rng = np.random.default_rng([seed, index])
        path = sources.characters[int(rng.integers(len(sources.characters)))]
        character = reshape(load_character(path), False, rng)
        dance = sources.clips[int(rng.integers(len(sources.clips)))]
        targets = [still_pose(rng, False, FRONT)]
        for low, high in BANDS:
            front = dance_run(dance, 1, rng, FRONT)[0]
            angle = np.radians(rng.uniform(low, high)) * rng.choice([-1, 1])
            targets.append(turn_target(front, float(angle)))
        matrices = [pose(character, target.joints, target.floor) for target in targets]
        posed = [skin(character, matrix) for matrix in matrices]
        setting = draw_setting(character, [vertices for vertices, _ in posed], sources, False, rng)
        painter.use(character)
        frames = [
            draw_frame(character, painter, m, v, n, setting, rng) for m, (v, n) in zip(matrices, posed, strict=True)
        ]
        shots = [Shot(frame, joints, alpha / np.float32(255), joints[:, 2]) for frame, _, alpha, joints in frames]
        for number, band in enumerate(found, 1):
            name = f"{path.stem} {index} {band}"
            found[band].append(Clip(name, [shots[0], shots[number]], [(0, 1)], setting.background))
    return found


def turn_target(target: Target, angle: float) -> Target:
    """A pose turned about the vertical through its mid-hip, to the viewer's right, by radians."""
    middle = (target.joints[R_HIP] + target.joints[L_HIP]) / 2 * [1, 0, 1]
    turned = (target.joints - middle) @ about(np.array([0, 1.0, 0]), angle).T + middle
    return replace(target, joints=turned)


def mirror_method(method: Method) -> Callable[[LocatedBody, np.ndarray], np.ndarray]:
    """A method that draws the picture's mirror image where the target has its back to the camera.

    A flat figure's best guess of a back: its own outline, left and right exchanged.
    """

    def draw_mirror_image(subject: LocatedBody, joints: np.ndarray) -> np.ndarray:
        if joints[L_SHOULDER, 0] >= joints[R_SHOULDER, 0]:
            return method(subject, joints)
        width = subject.picture.size[0]
        flipped = (subject.joints * (-1, 1) + (width, 0)).astype(np.float32)
        image = replace(subject.picture, pixels=np.ascontiguousarray(subject.picture.pixels[:, ::-1]))
        mask = np.ascontiguousarray(subject.mask[:, ::-1])
        return method(replace(subject, picture=image, joints=flipped, mask=mask), joints)

    return draw_mirror_image
