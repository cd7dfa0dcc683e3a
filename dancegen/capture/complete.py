"""Gaps in a dance become movement: masked denoising (equation 8 of the paper) between what is known on both sides.

What is known stays as it is, bit for bit. What the network says of the known frames beside the gap differs a little
from them; that difference, and that of its rate, is bent through the gap, so that no seam jumps. The way over the floor
is bent so that it ends where the known dance goes on; the heading goes the short way.

Glossary: T poses at 30 a second, G poses of a gap, S of a window, V = 18 joints, X numbers of movement.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from dancegen.body.joints import L_ANKLE, R_ANKLE, mid_hip
from dancegen.body.sequence import ANKLE_HEIGHT, SkeletonSequence
from dancegen.capture.diffusion import Given, Sampling, sample
from dancegen.capture.movement import (
    CHANNELS,
    DIRECTIONS,
    FPS,
    HEADING,
    RATE,
    canonical_numbers,
    floor_path,
    paths,
    rotate_vectors,
    to_channels,
    turning_rate,
    unit_directions,
)
from dancegen.capture.network import Vimo
from dancegen.capture.settle import calm, from_sequence
from dancegen.errors import DancegenError

BESIDE = 30  # known poses on each side that the network is shown, 1 s
FILLING = Sampling(steps=10, spread=1.3)  # with capture's fills have a third of real dancers' acceleration
FILL_SMOOTHING = 0.02  # seconds: with capture's 0.035 fills have two thirds of real dancers' acceleration
SEAM = 6  # poses at each end of a fill that are bent towards what is known
LEAST = 3  # known poses that a side needs


def longest_gap(network: Vimo) -> int:
    """Poses that can be filled at once."""
    return network.config.frames - 2 * BESIDE


def fill_gap(network: Vimo, dance: SkeletonSequence, begin: int, end: int, seed: int) -> SkeletonSequence:
    """The dance with the poses `begin`..`end` (excluded) imagined anew; all others are kept bit for bit.

    Args:
        network: the motion network.
        dance: canonical, FPS poses a second; what it has in the gap is not looked at.
        begin, end: the gap, with known poses before and behind it.
        seed: of what is imagined.

    Raises:
        DancegenError: the gap is too long, or too little is known beside it.
    """
    if end - begin > longest_gap(network):
        most = longest_gap(network) / FPS
        raise DancegenError(f"{_place(begin, end)} is too long to fill at once", f"make it {most:.1f} s at most")
    if begin < LEAST or len(dance) - end < LEAST or end <= begin:
        raise DancegenError(f"{_place(begin, end)} lacks known poses on both sides", "keep more of the dance")
    first, last = max(0, begin - BESIDE), min(len(dance), end + BESIDE)
    part = dance.at(np.arange(first, last))
    known = numbers_of(part)  # (N, X)
    gap = slice(begin - first, end - first)
    made = _imagine_between(network, known, gap, seed)
    made = carry_over(known, made, gap)
    return _with_gap(dance, made[gap], begin, end)


def _place(begin: int, end: int) -> str:
    return f"the gap of the dance from {begin / FPS:.1f} to {end / FPS:.1f} s"


def numbers_of(dance: SkeletonSequence) -> Tensor:
    """The numbers (T, X) of a dance, its path included."""
    return to_channels(*(one[None] for one in from_sequence(dance)))[0]


def _imagine_between(network: Vimo, known: Tensor, gap: slice, seed: int) -> Tensor:
    """What the network says of all poses (N, X), given those outside the gap."""
    count, frames = len(known), network.config.frames
    moved, mask = torch.zeros(1, frames, CHANNELS), torch.zeros(1, frames, CHANNELS)
    moved[0, :count], mask[0, :count] = known, 1
    mask[0, gap] = 0
    for edge in (gap.start - 1, gap.stop):  # their speed and contact were measured across the gap
        mask[0, edge, HEADING.stop :] = 0
    made = sample(network, None, FILLING, torch.Generator().manual_seed(seed), Given(moved, mask, exactly=False))
    return calm(made, FILL_SMOOTHING)[0, :count]


def carry_over(known: Tensor, made: Tensor, gap: slice) -> Tensor:
    """`made` (N, X) with its difference from the known poses beside the gap, rate and all, bent through the gap."""
    out = made.clone()
    off = (known - made)[[gap.start - 2, gap.start - 1, gap.stop, gap.stop + 1]]
    out[gap, DIRECTIONS] += cubic(off[..., DIRECTIONS], gap.stop - gap.start)
    out[gap, DIRECTIONS] = close_seams(known[:, DIRECTIONS], out[gap, DIRECTIONS], gap)
    facing = turning(known, gap)
    out[gap, HEADING], out[gap, RATE] = facing, turning_rate(torch.atan2(facing[:, 1], facing[:, 0]))
    return canonical_numbers(out)


def close_seams(known: Tensor, made: Tensor, gap: slice) -> Tensor:
    """`made` (G, C) whose first and last poses go from `known` (N, C) to what is made further in, and back, as smooth
    as can be: where a window's known part ends, the network jerks."""
    if len(made) < 3 * SEAM:
        return made
    whole = torch.cat([known[: gap.start], made, known[gap.stop :]])
    for start in (gap.start, gap.stop - SEAM):
        whole[start : start + SEAM] = cubic(whole[[start - 2, start - 1, start + SEAM, start + SEAM + 1]], SEAM)
    return whole[gap]


def cubic(edges: Tensor, count: int) -> Tensor:
    """Values (G, C) between the first two and the last two of edges (4, C), smooth at both ends."""
    t = (torch.arange(1, count + 1) / (count + 1))[:, None].to(edges)
    between = (2 * t**3 - 3 * t**2 + 1) * edges[1] + (3 * t**2 - 2 * t**3) * edges[2]
    rates = (t**3 - 2 * t**2 + t) * (edges[1] - edges[0]) + (t**3 - t**2) * (edges[3] - edges[2])
    return between + rates * (count + 1)


def turning(known: Tensor, gap: slice) -> Tensor:
    """Headings (G, 2) of a gap: a cubic from the turning before to that behind it, the short way round.

    What the network says of them is not taken: without 2D it turns as dancers do somewhere, and back.
    """
    edges = known[[gap.start - 2, gap.start - 1, gap.stop, gap.stop + 1]]
    angle = torch.from_numpy(np.unwrap(torch.atan2(*edges[:, HEADING].flip(-1).unbind(-1)).double().numpy()))
    whole = cubic(angle[:, None], gap.stop - gap.start)[:, 0].float()
    return torch.stack([whole.cos(), whole.sin()], dim=-1)


def _with_gap(dance: SkeletonSequence, made: Tensor, begin: int, end: int) -> SkeletonSequence:
    """The dance with numbers (G, X) in the gap: placed on the floor between its two ends."""
    cosine, sine = made[:, HEADING].unbind(-1)
    body = rotate_vectors(paths() @ unit_directions(made), cosine, sine).double().numpy()  # (G, V, 3)
    hips = mid_hip(dance.joints).astype(np.float64)
    hips[:, 2] = 0 if dance.depth is None else dance.depth
    way = floor_path(made[None])[0].double().numpy()
    root = _bend(way, hips[max(begin - 2, 0) : begin], hips[end : end + 2])
    lowest = body[:, [R_ANKLE, L_ANKLE], 1].max(axis=1)
    root[:, 1] = np.minimum(root[:, 1], -ANKLE_HEIGHT - lowest)
    joints = dance.joints.copy()
    body[..., :2] += root[:, None, :2]
    joints[begin:end] = body.astype(np.float32)
    changed = replace(dance, joints=joints, confidence=_bridge(dance.confidence, begin, end))
    angle = -np.degrees(np.arctan2(sine.numpy(), cosine.numpy()))
    yaw = None if dance.yaw is None else _continue_turn(dance.yaw, angle, begin, end)
    depth = dance.depth
    if depth is not None:
        depth = depth.copy()
        depth[begin:end] = root[:, 2]
    return replace(changed, yaw=yaw, depth=depth)


def _bend(way: np.ndarray, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """The mid-hip (G, 3): the way's own steps, bent by a cubic so that place and speed agree with both ends."""
    count = len(way)
    at = np.arange(1, count + 1) / (count + 1)
    ends = np.stack([way[0] - (way[1] - way[0] if count > 1 else 0), way[-1] + (way[-1] - way[-2] if count > 1 else 0)])
    own = [np.zeros(3) if count < 2 else way[1] - way[0], np.zeros(3) if count < 2 else way[-1] - way[-2]]
    speed = [before[-1] - before[0] if len(before) > 1 else own[0], after[1] - after[0] if len(after) > 1 else own[1]]
    shift = np.stack([before[-1] - ends[0], after[0] - ends[1]])
    slope = [(speed[0] - own[0]) * (count + 1), (speed[1] - own[1]) * (count + 1)]
    t = at[:, None]
    hermite = (2 * t**3 - 3 * t**2 + 1) * shift[0] + (3 * t**2 - 2 * t**3) * shift[1]
    hermite += (t**3 - 2 * t**2 + t) * slope[0] + (t**3 - t**2) * slope[1]
    bent: np.ndarray = way + hermite
    return bent


def _bridge(confidence: np.ndarray, begin: int, end: int) -> np.ndarray:
    """A joint that is there on both sides is there between."""
    out = confidence.copy()
    out[begin:end] = np.minimum(confidence[begin - 1], confidence[end])
    return out


def _continue_turn(yaw: np.ndarray, angle: np.ndarray, begin: int, end: int) -> np.ndarray:
    """Turns (T,) in degrees with `angle` (G,) in the gap, unwrapped; what follows changes by whole turns only."""
    whole = np.unwrap(np.concatenate([yaw[begin - 1 : begin], angle, yaw[end : end + 1]]), period=360)
    out = yaw.astype(np.float64).copy()
    out[begin:end] = whole[1:-1]
    out[end:] += np.round((whole[-1] - yaw[end]) / 360) * 360
    return out.astype(np.float32)
