"""Dances of the pool as cameras see them: other bodies, other cameras, mirrored, turned; and what a picture tells of
the dancer.

Glossary: B windows, T frames, V = 18 joints, L = 17 bones. Points are x, y and depth in shares of
a square picture's side (`choreographers/hotdance/image.py`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from dancegen.body import joints as J
from dancegen.body.joints import BONE_MIRROR, FACE_JOINTS, V
from dancegen.body.sequence import ANKLE_HEIGHT, BONE_LENGTHS, rooted_paths
from dancegen.choreographers.finish.frame import STANDING
from dancegen.lab.synthetic.cameras import METRE, draw_uniform, views
from dancegen.lab.train.hotdance.pool import Pool

LIMBS, FACES, SIZES = 0.1, 0.2, 0.06  # deviations of the logarithms of limbs', heads' and single bones' lengths
TURN_SHARES = (0.35, 0.5, 0.15)  # of windows that do not turn, turn to the side, turn all round
SIDE = np.radians(60.0)  # most that the second kind turns
SWAY_FRAMES = 40  # five beats, in which it comes back
YAW, ROLL = np.radians(12.0), 0.02  # deviations of where the camera stands around the dancer, of its tilt
ZOOMING = 0.2  # share of the cameras that zoom slowly
HIDDEN_LEGS, HIDDEN_JOINTS = 0.12, 0.1  # shares of the pictures of the dancer without legs, without single joints
STANDS = 0.5  # share of those pictures in which the dancer stands; in the others it is a pose of the dance
MEASURED = 0.03  # deviation of the logarithms of lengths that somebody measures in a picture
LOOSE = 0.12  # deviation of the limbs of who stands
BEGINS = 0.2  # share of the windows that begin in the pose of the picture
OWN = 0.3  # share of those that do so by themselves; the others grow out of another pose, as a song's dance does
HOLDS, GROWS = 8, 24  # frames in which they hold that pose, and in which they grow: `finish.frame.BEGIN_BEATS`
PARTS = ((0, 1), (2, 4), (3, 5), (6, 9), (7, 10), (8, 11), (12,), (13, 15), (14, 16))  # bones of one length


class Seen(NamedTuple):
    """points (B, T, V, 3) of the dance; shape (B, V, 3) of the dancer's picture, with depth 0, and seen (B, V) which
    of its joints it shows; turns (B,) 0, 1, 2: not turning, to the side, all round; bones (B, L), how long they are in
    the picture as somebody measures them; begins (B,), whether the dance begins in the pose of the picture."""

    points: Tensor
    shape: Tensor
    seen: Tensor
    turns: Tensor
    bones: Tensor
    begins: Tensor


def bodies(count: int, generator: torch.Generator) -> Tensor:
    """(B, L) bone lengths of bodies of other proportions, both sides alike, body heights."""

    def draw_normal(size: int, deviation: float) -> Tensor:
        return torch.randn(count, size, generator=generator) * deviation

    part = draw_normal(len(PARTS), SIZES)
    arms, legs, head = draw_normal(1, LIMBS), draw_normal(1, LIMBS), draw_normal(1, FACES)
    change = torch.zeros(count, len(BONE_LENGTHS))
    for number, bones in enumerate(PARTS):
        change[:, list(bones)] = part[:, number : number + 1]
    change[:, 2:6] += arms
    change[:, [7, 8, 10, 11]] += legs
    change[:, 12:] += head
    return torch.tensor(BONE_LENGTHS) * change.exp()


def build_bodies(lengths: Tensor) -> Tensor:
    """(B, V, L): what takes directions to joints about the mid-hip of bodies with bones (B, L)."""
    return torch.from_numpy(rooted_paths()) / torch.tensor(BONE_LENGTHS) * lengths[:, None]


def turn_about(values: Tensor, angle: Tensor) -> Tensor:
    """Vectors (B, T, N, 3) about the vertical by angle (B, T), in the sense of `finish.facing.yaw`."""
    cosine, sine = angle.cos()[..., None], angle.sin()[..., None]
    x, y, z = values.unbind(-1)
    return torch.stack([x * cosine + z * sine, y, z * cosine - x * sine], dim=-1)


def turning(turn: Tensor, turns: Tensor) -> Tensor:
    """The angle (B, T) of a dance that turns by turn (B, T) radians a frame as far as turns (B,) says."""
    angle, sway = torch.zeros(len(turn)), []
    for step in turn.unbind(1):
        angle = (1 - 1 / SWAY_FRAMES) * angle + step
        sway.append(angle)
    whole = turn.cumsum(1)
    side = SIDE * (torch.stack(sway, dim=1) / SIDE).tanh()
    return torch.where(turns[:, None] == 2, whole, torch.where(turns[:, None] == 1, side, torch.zeros(())))


def standing_bodies(count: int, generator: torch.Generator) -> Tensor:
    """Directions (B, L, 3) of people who stand, each a little otherwise."""
    made = torch.tensor(STANDING, dtype=torch.float32) + LOOSE * torch.randn(
        count, len(STANDING), 3, generator=generator
    )
    return torch.nn.functional.normalize(made, dim=-1)


def grow(directions: Tensor, root: Tensor, poses: Tensor, out: Tensor) -> tuple[Tensor, Tensor]:
    """Directions (B, T, L, 3) and root (B, T, 2); where out (B,) is true they grow out of poses (B, L, 3) that are held
    on the ground."""
    share = ((GROWS + HOLDS - torch.arange(root.shape[1])) / GROWS).clamp(0, 1)
    weight = share * share * (3 - 2 * share) * out[:, None]  # (B, T)
    grown = torch.lerp(directions, poses[:, None], weight[..., None, None])
    ankles = (torch.from_numpy(rooted_paths()) @ poses)[:, [J.R_ANKLE, J.L_ANKLE], 1]
    level = torch.lerp(root[..., 1], -ANKLE_HEIGHT - ankles.amax(-1, keepdim=True), weight)
    return torch.nn.functional.normalize(grown, dim=-1), torch.stack([root[..., 0], level], dim=-1)


def on_ground(joints: Tensor, like: Tensor) -> Tensor:
    """Joints (..., V, 3) of another body, raised so that its lower ankle is as high as that of `like`."""
    ankles = [J.R_ANKLE, J.L_ANKLE]
    shift = (like[..., ankles, 1].amax(-1) - joints[..., ankles, 1].amax(-1))[..., None]
    return torch.cat([joints[..., :1], joints[..., 1:2] + shift[..., None], joints[..., 2:]], dim=-1)


def on_floor(joints: Tensor) -> Tensor:
    """Joints (B, V, 3) whose lower ankle stands on the ground."""
    lower = joints[:, [J.R_ANKLE, J.L_ANKLE], 1].amax(-1)
    return joints - torch.nn.functional.pad((lower + ANKLE_HEIGHT)[:, None], (1, 1))[:, None]


def film(joints: Tensor, still: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """What one camera each sees of joints (B, T, V, 3) and of the same body standing (B, V, 3): points alike, and how
    long (B, 1) a body height is in that picture."""
    count, frames = joints.shape[:2]
    one = (count, 1)
    far = draw_uniform(generator, one, 2.5, 6.0) * METRE
    above = draw_uniform(generator, one, 0.6, 1.6) * METRE
    yaw = torch.randn(count, 1, generator=generator) * YAW
    roll = torch.randn(count, 1, generator=generator) * ROLL
    size = draw_uniform(generator, one, 0.42, 0.8)  # of the picture that the usual body fills
    place = draw_uniform(generator, one, -0.14, 0.14) + 0.5
    room = (1 - size) * 0.4
    level = 0.5 + room * draw_uniform(generator, one, -1, 1)  # of the body's middle
    zoom = draw_uniform(generator, one, -0.12, 0.12) * (torch.rand(one, generator=generator) < ZOOMING)
    grows = (zoom * torch.linspace(-1, 1, frames)).exp()  # (B, T)
    middle = 0.5
    view = views(yaw, torch.atan2(above - middle, far), roll)  # (B, 1, 3, 3)
    target = joints.new_tensor([0.0, -middle, 0.0])

    def show(bodies: Tensor, grow: Tensor) -> Tensor:
        inside = torch.einsum("bsij,bsvj->bsvi", view.expand(-1, bodies.shape[1], -1, -1), bodies - target)
        hips = inside[..., [J.R_HIP, J.L_HIP], 2].mean(-1, keepdim=True)
        depth = (inside[..., 2] + far[..., None]).clamp(min=0.3)
        focal = (size * far * grow)[..., None]
        x = inside[..., 0] / depth * focal + place[..., None]
        y = inside[..., 1] / depth * focal + level[..., None]
        return torch.stack([x, y, (inside[..., 2] - hips) * focal / far[..., None]], dim=-1)

    return show(joints, grows), show(still[:, None], grows[:, :1])[:, 0], size * grows[:, :1]


def hide(shape: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """A picture's points (B, V, 3) without depth, and which joints (B, V) it shows."""
    count = len(shape)
    seen = torch.rand(count, V, generator=generator) > 0.15
    some = torch.rand(count, 1, generator=generator) < HIDDEN_JOINTS
    seen |= ~some
    legs = torch.rand(count, generator=generator)
    seen[:, [J.R_ANKLE, J.L_ANKLE]] &= (legs > HIDDEN_LEGS)[:, None]
    seen[:, [J.R_KNEE, J.L_KNEE]] &= (legs > HIDDEN_LEGS / 2)[:, None]
    seen[:, list(FACE_JOINTS)] &= torch.rand(count, 1, generator=generator) > HIDDEN_JOINTS
    flat = torch.cat([shape[..., :2], torch.zeros_like(shape[..., :1])], dim=-1)
    return flat, seen


def see(pool: Pool, rows: np.ndarray, generator: torch.Generator, frames: int | None = None) -> Seen:
    """Windows `rows` of a pool, each by a body and a camera of its own; `frames` of them from a random beat on, or all.

    The frames are a multiple of those of a beat.
    """
    count = len(rows)
    directions = torch.from_numpy(pool.directions[rows].astype(np.float32))
    root = torch.from_numpy(pool.root[rows])
    turn = torch.from_numpy(pool.turn[rows].astype(np.float32))
    flip = torch.rand(count, generator=generator) < 0.5
    sign = torch.tensor([-1.0, 1.0, 1.0])
    directions = torch.where(flip[:, None, None, None], directions[..., list(BONE_MIRROR), :] * sign, directions)
    root = torch.where(flip[:, None, None], root * sign[:2], root)
    turn = torch.where(flip[:, None], -turn, turn)
    turns = torch.multinomial(torch.tensor(TURN_SHARES), count, replacement=True, generator=generator)
    directions = turn_about(directions, turning(turn, turns))
    if frames is not None:
        begin = 8 * int(torch.randint((directions.shape[1] - frames) // 8 + 1, (1,), generator=generator))
        directions, root = directions[:, begin : begin + frames], root[:, begin : begin + frames]
    stands = torch.rand(count, generator=generator) < STANDS
    moment = torch.randint(directions.shape[1], (count,), generator=generator)
    begins, own = torch.rand(2, count, generator=generator) < torch.tensor([[BEGINS], [OWN]])
    standing = standing_bodies(count, generator)
    held = torch.where(stands[:, None, None], standing, directions[torch.arange(count), moment].roll(1, 0))
    directions, root = grow(directions, root, held, begins & ~own)
    flat = torch.nn.functional.pad(root, (0, 1))[..., None, :]
    usual = torch.from_numpy(rooted_paths()) @ directions + flat
    lengths = bodies(count, generator)
    body = build_bodies(lengths)
    joints = on_ground(body[:, None] @ directions + flat, usual)  # (B, T, V, 3)
    middle = joints.mean(dim=(1, 2), keepdim=True)[..., :1]
    joints = joints - torch.nn.functional.pad(middle, (0, 2))
    points, upright, scale = film(joints, on_floor(body @ standing), generator)
    moment = moment.masked_fill(begins, 0)
    shape = torch.where((stands & ~begins)[:, None, None], upright, points[torch.arange(count), moment])
    measured = lengths * scale * (MEASURED * torch.randn(lengths.shape, generator=generator)).exp()
    return Seen(points, *hide(shape, generator), turns, measured, begins)
