"""Whole performances in 3D, for the network that imagines movement behind videos: turns and travel are kept.

The dancers' motion on the canonical body, in canonical axes; the mid-hip's way over the floor follows the standing
foot, so that other bone lengths do not slide it. Training and validation are apart as `split.py` says.

Glossary: T poses at 30 a second, N poses of all performances, V = 18 joints, L = 17 bones, R stretches.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from dancegen.body.joints import BONE_MIRROR, L_ANKLE, R_ANKLE
from dancegen.body.sequence import ANKLE_HEIGHT, bone_directions, place_joints
from dancegen.dances.metrics import gaussian_smooth
from dancegen.errors import DancegenError
from dancegen.lab.datasets.motion import FPS, HUMAN_HEIGHT, MAX_SPEED, floor_gap, to_canonical
from dancegen.lab.datasets.split import Take, is_validation, shares, twin_free_poses

CLEAN = ("cmu_", "m2m_")  # how names of motion with permissive terms begin
SHARES = {True: 0.6, False: 0.4}  # of the windows that are drawn: from clean motion, from the rest
SHORTEST = 30  # poses of a stretch that is used
STRETCH = 0.25  # a performance is played at 1 - STRETCH .. 1 + STRETCH of its pace


@dataclass(frozen=True)
class Performances:
    """Stretches of performances, end to end.

    Attributes:
        directions: (N, L, 3) float16 unit vectors, canonical axes, the dancer's own heading.
        root: (N, 3) float32 mid-hip, body heights; y = 0 is the floor.
        stretches: (R, 2) first pose and the one behind the last of each stretch.
        odds: (R,) float32, how likely a window is drawn from each.
        names: (R,) the recordings.
    """

    directions: np.ndarray
    root: np.ndarray
    stretches: np.ndarray
    odds: np.ndarray
    names: np.ndarray


@dataclass(frozen=True)
class Recording:
    """One file: its name, directions (T, L, 3), mid-hip (T, 3), which poses (T,) are free of glitches; and joints
    (T, V, 3) `straight`, as twins are looked for in them."""

    name: str
    directions: np.ndarray
    root: np.ndarray
    usable: np.ndarray
    straight: np.ndarray


def read_recording(path: Path) -> Recording:
    """One .npz of `joints` (T, V, 3) in metres, y up, at 30 a second."""
    with np.load(path, allow_pickle=False) as file:
        joints = gaussian_smooth(file["joints"].astype(np.float64), 0.7)
    directions = bone_directions(joints * np.array([1, -1, -1]))  # (T, L, 3)
    body = place_joints(directions, np.zeros((len(directions), 2)))  # (T, V, 3)
    speed = np.linalg.norm(np.diff(joints, axis=0, prepend=joints[:1]), axis=-1).max(axis=1) * FPS
    glitch = np.convolve(speed > MAX_SPEED, np.ones(9), mode="same") > 0
    lowest = np.log(np.exp(body[:, [R_ANKLE, L_ANKLE], 1] / 0.008).sum(axis=1)) * 0.008
    y = gaussian_smooth(-lowest - ANKLE_HEIGHT - floor_gap(joints) / HUMAN_HEIGHT, 1.0)
    way = floor_way(joints, body)
    straight = place_joints(to_canonical(joints)[0], np.zeros((len(joints), 2)))
    root = np.stack([way[:, 0], y, way[:, 1]], axis=1)
    return Recording(path.stem, directions, root, ~glitch, straight.astype(np.float32))


def floor_way(joints: np.ndarray, body: np.ndarray) -> np.ndarray:
    """The mid-hip's x and z (T, 2), carried by the standing foot: joints (T, V, 3) y-up metres, body about the hips."""
    ankles = joints[:, [R_ANKLE, L_ANKLE]]  # (T, 2, 3)
    velocity = np.gradient(ankles, 1 / FPS, axis=0)
    height = ankles[..., 1] - ankles[..., 1].min(axis=1, keepdims=True)
    weight = np.exp(-height / 0.02 - np.linalg.norm(velocity, axis=-1) / 0.3) + 1e-6
    weight = gaussian_smooth(weight / weight.sum(axis=1, keepdims=True), 1.0)[..., None]  # (T, 2, 1)
    foot = velocity[..., [0, 2]] * np.array([1, -1]) / HUMAN_HEIGHT  # (T, 2, 2)
    relative = np.gradient(body[:, [R_ANKLE, L_ANKLE]][..., [0, 2]], 1 / FPS, axis=0)
    return np.cumsum(((foot - relative) * weight).sum(axis=1), axis=0) / FPS  # type: ignore[no-any-return]


def read_performances(folder: Path, *, held_out: bool = False) -> Performances:
    """The training motion under `folder`, or what is held out of it.

    Raises:
        DancegenError: there is no motion.
    """
    recordings = [read_recording(path) for path in sorted(folder.rglob("*.npz"))]
    chosen = [one for one in recordings if is_validation(one.name) == held_out]
    if not chosen:
        raise DancegenError(f"{folder} has no motion to use", "give a folder with NAME.npz motions")
    takes = [Take(one.name, one.straight) for one in chosen]
    if held_out:
        counted = [one.usable.astype(np.float32) for one in chosen]
    else:
        apart = [Take(one.name, one.straight) for one in recordings if is_validation(one.name)]
        free = twin_free_poses(takes, apart)
        counted = [one.usable * kept * share for one, kept, share in zip(chosen, free, shares(takes), strict=True)]
    return _end_to_end(chosen, counted)


def _end_to_end(recordings: list[Recording], counted: list[np.ndarray]) -> Performances:
    """The runs of usable poses of recordings, whose poses count (T,) each."""
    directions, root, stretches, odds, names, at = [], [], [], [], [], 0
    for one, count in zip(recordings, counted, strict=True):
        edges = np.flatnonzero(np.diff(np.concatenate([[False], count > 0, [False]]).astype(int)))
        for first, end in zip(edges[::2], edges[1::2], strict=True):
            if end - first < SHORTEST:
                continue
            directions.append(one.directions[first:end].astype(np.float16))
            root.append(one.root[first:end].astype(np.float32))
            stretches.append((at, at + end - first))
            odds.append(count[first:end].sum())
            names.append(one.name)
            at += end - first
    if not odds:
        raise DancegenError("no motion is left to use", "give motion that no held-out take dances too")
    share, clean = np.asarray(odds, np.float64), np.array([name.startswith(CLEAN) for name in names])
    for kind, part in SHARES.items():
        if (clean == kind).any():
            share[clean == kind] *= part / share[clean == kind].sum()
    whole = (np.concatenate(directions), np.concatenate(root), np.asarray(stretches))
    return Performances(*whole, (share / share.sum()).astype(np.float32), np.asarray(names))


def keep_stretches(performances: Performances, kept: np.ndarray) -> Performances:
    """Those stretches (R,) bool alone; all, where none of them is kept (a folder of other motion)."""
    if not kept.any():
        return performances
    odds = performances.odds * kept
    return replace(performances, odds=(odds / odds.sum()).astype(np.float32))


def save_performances(path: Path, performances: Performances) -> None:
    """Write them into one .npz."""
    with path.open("wb") as file:
        np.savez(file, **{name: getattr(performances, name) for name in Performances.__dataclass_fields__})


def load_performances(path: Path) -> Performances:
    """Read what `save_performances` wrote."""
    with np.load(path, allow_pickle=False) as file:
        return Performances(*(file[name] for name in Performances.__dataclass_fields__))


def draw_windows(
    performances: Performances, count: int, frames: int, generator: torch.Generator, stretch: float = STRETCH
) -> tuple[Tensor, Tensor]:
    """Windows at random places and paces, half of them mirrored: directions (B, S, L, 3) and mid-hip (B, S, 3)."""
    chosen = torch.multinomial(torch.from_numpy(performances.odds), count, replacement=True, generator=generator)
    first, end = torch.from_numpy(performances.stretches)[chosen].unbind(1)  # (B,) each
    pace = 1 + stretch * (2 * torch.rand(count, generator=generator) - 1)
    spare = (end - first - 1 - pace * frames).clamp(min=0)
    begin = first + spare * torch.rand(count, generator=generator)
    at = begin[:, None] + pace[:, None] * torch.arange(frames)  # (B, S)
    last = (end - first - 1)[:, None]
    inside = (at - first[:, None]) % (2 * last)
    at = first[:, None] + torch.minimum(inside, 2 * last - inside)  # short stretches go forth and back
    directions, root = between(performances, at)
    flip = torch.rand(count, generator=generator) < 0.5
    mirror = torch.tensor([-1.0, 1.0, 1.0])
    directions = torch.where(flip[:, None, None, None], directions[..., list(BONE_MIRROR), :] * mirror, directions)
    return directions, torch.where(flip[:, None, None], root * mirror, root)


def between(performances: Performances, at: Tensor) -> tuple[Tensor, Tensor]:
    """Directions (B, S, L, 3) and mid-hip (B, S, 3) at fractional numbers (B, S) of poses."""
    low = at.floor().long().clamp(max=len(performances.root) - 2)
    share = (at - low)[..., None]
    directions, root = torch.from_numpy(performances.directions), torch.from_numpy(performances.root)
    whole = torch.lerp(directions[low].float(), directions[low + 1].float(), share[..., None])
    return torch.nn.functional.normalize(whole, dim=-1), torch.lerp(root[low], root[low + 1], share)
