"""Training windows of the motion network: performances, filmed by casual cameras, as a detector sees them.

All randomness of training step n comes from (seed, n), so that a run goes on exactly.

Glossary: B windows, S frames, V = 18 joints, L = 17 bones, X and Y numbers of movement and 2D.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from dancegen.body.joints import BONE_MIRROR, TRUNK_BONES
from dancegen.body.sequence import BONE_LENGTHS, rooted_paths
from dancegen.capture.movement import rotate_vectors, to_channels
from dancegen.capture.sight import features
from dancegen.lab.datasets.performances import STRETCH, Performances, draw_windows
from dancegen.lab.synthetic.cameras import Casual, film
from dancegen.lab.synthetic.legs import squat_and_kick
from dancegen.lab.synthetic.sightings import sightings

BODIES = 0.06  # standard deviation of the logarithm of a filmed body's bone lengths ...
FACES = 0.15  # ... and of those of its head


class Windows(NamedTuple):
    """moved (B, S, X) clean movement in the first camera's frame; sight (B, S, Y) what the network sees of it; points
    (B, S, V, 3) and cut (B, S) and size (B, 2) that this comes from; seen (B, S, V) which joints are really visible;
    view (B, S, 3, 3) from the movement's axes to the camera's."""

    moved: Tensor
    sight: Tensor
    points: Tensor
    cut: Tensor
    size: Tensor
    seen: Tensor
    view: Tensor


def generator_of(seed: int, step: int) -> torch.Generator:
    """The randomness of one step."""
    return torch.Generator().manual_seed(seed * 1_000_003 + step)


def draw(
    performances: Performances,
    count: int,
    frames: int,
    casual: Casual,
    generator: torch.Generator,
    stretch: float = STRETCH,
) -> Windows:
    """Windows of training, some with squats and kicks; or of an evaluation, with `stretch` 0, as they were danced."""
    directions, root = draw_windows(performances, count, frames, generator, stretch)
    if stretch:
        directions, root = squat_and_kick(directions, root, generator)
    joints = bodies(count, generator)[:, None] @ directions + root[..., None, :]  # (B, S, V, 3)
    seen_by = film(joints, casual, generator)
    points, cut, seen = sightings(seen_by, casual, generator)
    moved = filmed_movement(directions, root, seen_by.yaw)
    first = seen_by.yaw[:, 0]
    back = torch.zeros(count, 3, 3)  # from the first camera's heading to the dancer's
    back[:, 0, 0], back[:, 0, 2], back[:, 1, 1] = first.cos(), -first.sin(), 1
    back[:, 2, 0], back[:, 2, 2] = first.sin(), first.cos()
    sight = features(points, cut, seen_by.size)
    return Windows(moved, sight, points, cut, seen_by.size, seen, seen_by.view @ back[:, None])


def filmed_movement(directions: Tensor, root: Tensor, yaw: Tensor) -> Tensor:
    """The numbers (B, S, X) of directions (B, S, L, 3) and mid-hip (B, S, 3) in the frame of the first camera of those
    that stand at yaw (B, S) around the dancer."""
    first = yaw[:, :1].expand_as(yaw)
    cosine, sine = first.cos(), first.sin()
    way = rotate_vectors(root[..., None, :], cosine, sine)[..., 0, :]
    return to_channels(rotate_vectors(directions, cosine, sine), way, yaw - first)


def bodies(count: int, generator: torch.Generator) -> Tensor:
    """(B, V, L) bone lengths from the mid-hip of bodies of other proportions, both sides alike."""
    lengths = torch.tensor(BONE_LENGTHS)
    structure = torch.from_numpy(rooted_paths()) / lengths
    spread = torch.full((len(BONE_LENGTHS),), BODIES)
    spread[[bone for bone in TRUNK_BONES if bone > 11]] = FACES
    other = torch.tensor(BONE_MIRROR).minimum(torch.arange(len(BONE_LENGTHS)))
    factor = (torch.randn(count, len(BONE_LENGTHS), generator=generator) * spread).exp()[:, other]
    return structure * (lengths * factor)[:, None]
