"""The avatar as a renderer: a textured shell in three dimensions, cut from the picture, that can turn.

Glossary: h x w the part of the video that a figure covers; V = 18 joints; B poses worked on together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from dancegen.body.proportions import Proportions, measure, usual_places
from dancegen.body.sequence import SkeletonSequence
from dancegen.compiled import compile_alone
from dancegen.people.located import LocatedBody
from dancegen.renderers.avatar.bones import Rig, move_bones
from dancegen.renderers.avatar.shell import Shell, make_shell
from dancegen.renderers.base import KEEP, Layer
from dancegen.renderers.plate import Plate
from dancegen.renderers.puppet.cut import cut_person, find_hands

BATCH = 32  # poses whose bones are computed together
Drawn = tuple[np.ndarray, tuple[int, int]]  # (5, h, w) premultiplied RGBA and depth, and its corner in the video
KERNELS = "dancegen.renderers.avatar.kernels"


@dataclass(frozen=True, eq=False)
class Avatar:
    """A person made ready to dance; `move` says how the bones of their shell follow poses."""

    plate: Plate
    shell: Shell
    move: Callable[[np.ndarray, np.ndarray, Proportions], list[Rig]] = move_bones


class AvatarRenderer:
    """See `renderers.base.Renderer`; it draws on the CPU, whatever the device.

    Args:
        device: where the picture is cut and the layers go.
    """

    background = KEEP
    shows_turns = True

    def __init__(self, device: str | torch.device = "cpu") -> None:
        self.device = torch.device(device)

    @torch.inference_mode()
    def prepare(self, person: LocatedBody, plate: Plate) -> Avatar:
        """The person cut out and given depth."""
        seen = person.confidence > 0
        joints = usual_places(person.joints, person.confidence) * plate.scale
        layers = cut_person(person, plate, joints)
        depth = None if person.depth is None else person.depth * float(plate.scale.mean())
        body = measure(joints, person.confidence)
        shell = make_shell(layers, joints, depth, seen, body, max(plate.size))
        hands = find_hands(person, joints, plate.scale)
        return Avatar(
            plate, shell, move_bones if hands is None else partial(move_bones, hands=hands[:, 1] - hands[:, 0])
        )

    @torch.inference_mode()
    def draw(self, figure: Avatar, poses: SkeletonSequence) -> Iterator[Layer]:
        """One layer for each pose; poses are in pixels of the picture."""
        scale = np.array([*figure.plate.scale, figure.plate.scale.mean()])
        from dancegen.renderers.avatar.canvas import Canvas  # which needs the compiled loops

        with ThreadPoolExecutor(max(torch.get_num_threads(), 1)) as pool:
            canvas = Canvas(figure.shell, figure.plate.size, pool, torch.get_num_threads())
            for start in range(0, len(poses), BATCH):
                targets = poses.joints[start : start + BATCH] * scale
                layers = (canvas.draw(rig) for rig in figure.move(figure.shell.joints, targets, figure.shell.body))
                for drawn, corner in self.finish(figure, layers, targets):
                    layer = torch.from_numpy(drawn).to(self.device)
                    yield Layer(layer[:4], corner, layer[4])

    def finish(self, figure: Avatar, layers: Iterator[Drawn], targets: np.ndarray) -> Iterator[Drawn]:
        """Layers of target poses (B, V, 3) as they are shown."""
        return layers


def load(weights: Path | None, device: torch.device) -> AvatarRenderer:
    """The renderer, with G_r where weights are given; its loops are compiled here, by one process at a time."""
    with compile_alone(KERNELS):
        from dancegen.renderers.avatar import kernels

        kernels.warm()
    if weights is None:
        return AvatarRenderer(device)
    from dancegen.renderers.avatar.touch import TouchedAvatar

    return TouchedAvatar(weights, device)
