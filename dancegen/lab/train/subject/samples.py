"""Samples for the subject network from stored scenes: crops, other backgrounds, colours.

All randomness of training step n comes from a generator seeded by (seed, n): a resumed run reads the same samples.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw
from torch import Tensor

from dancegen.body.joints import MIRROR, V
from dancegen.body.limbs import LABEL_MIRROR
from dancegen.errors import DancegenError
from dancegen.lab.synthetic.store import read_scene
from dancegen.people.network.crop import JOINT_MARGIN

PORTRAITS = 0.1  # share of the finder's crops


@dataclass(frozen=True)
class Case:
    """One stored frame: picture, background (256, 256, 3) uint8; alpha, labels (256, 256) uint8; joints (V, 2) px."""

    picture: np.ndarray
    background: np.ndarray
    alpha: np.ndarray
    labels: np.ndarray
    joints: np.ndarray


@dataclass(frozen=True)
class Batch:
    """Cropped samples, S px a side.

    Attributes:
        picture: (B, 3, S, S) in 0..1; alpha: (B, 1, S, S); labels: (B, S, S) int64.
        joints: (B, V, 2) px of the crop; present: (B, V), 1 for joints inside it.
    """

    picture: Tensor
    alpha: Tensor
    labels: Tensor
    joints: Tensor
    present: Tensor


@dataclass(frozen=True)
class View:
    """How a frame is cropped: the centre and side of the square in frame px, its turn in radians, mirrored or not."""

    centre: np.ndarray
    side: float
    turn: float
    stretch: float
    mirrored: bool


def scene_files(folders: list[Path], split: str) -> list[Path]:
    """The scenes of a split in several sets."""
    files = [path for folder in folders for path in sorted((folder / split).glob("[0-9]*.npz"))]
    if not files:
        raise DancegenError(f"no {split} scenes in {', '.join(map(str, folders))}", "run `dancegen train frames` first")
    return files


def read_cases(path: Path, which: tuple[int, ...]) -> list[Case]:
    """Some frames of a stored scene."""
    scene = read_scene(path, which)
    joints = scene.joints[..., :2]
    return [
        Case(scene.frames[i], scene.background, scene.alpha[i], scene.labels[i], joints[i]) for i in range(len(which))
    ]


def without_person(case: Case) -> Case:
    """The frame's empty background: no joint is in it."""
    nobody = np.zeros_like(case.alpha)
    far = np.full_like(case.joints, -1e4)
    return Case(case.background, case.background, nobody, np.zeros_like(case.labels), far)


def finder_view(case: Case, rng: np.random.Generator) -> View:
    """A crop as the finder meets it: the whole picture, the surroundings of the person, a portrait, or too close."""
    kind = rng.random()
    low, high = _extent(case)
    if rng.random() < PORTRAITS:
        return _portrait(case, float((high - low).max()), rng)
    if kind < 0.45:
        side = float((high - low).max()) * rng.uniform(0.95, 1.6)
    elif kind < 0.92:
        side = float((high - low).max()) * np.exp(rng.uniform(np.log(1.2), np.log(2.8)))
    else:
        side = float((high - low).max()) * rng.uniform(0.4, 0.95)
    slack = max(0.0, side - float((high - low).max())) / 2 + 0.05 * side
    centre = (low + high) / 2 + rng.uniform(-1, 1, 2) * slack
    turn = rng.normal(0, np.radians(7)) if rng.random() < 0.75 else rng.normal(0, np.radians(20))
    return View(centre, side, float(turn), float(np.exp(rng.normal(0, 0.08))), bool(rng.random() < 0.5))


def _portrait(case: Case, extent: float, rng: np.random.Generator) -> View:
    """Head, bust or half length: what lies below is not in the crop."""
    side = extent * float(np.exp(rng.uniform(np.log(0.17), np.log(0.8))))
    head, neck = case.joints[[14, 15]].mean(axis=0), case.joints[1]
    top = head + (head - neck) * rng.uniform(0.5, 1.5) + rng.normal(0, 0.03, 2) * extent
    centre = top + side * np.array([rng.normal(0, 0.12), rng.uniform(0.42, 0.5)])
    return View(centre, side, float(rng.normal(0, np.radians(7))), 1.0, bool(rng.random() < 0.5))


def segmenter_view(case: Case, rng: np.random.Generator) -> View:
    """A crop as `SubjectNetwork.segment` cuts it, more or less."""
    low, high = case.joints.min(axis=0), case.joints.max(axis=0)
    side = float((high - low).max()) * (1 + 1.2 * JOINT_MARGIN) * np.exp(rng.normal(0, 0.12))
    centre = (low + high) / 2 + rng.normal(0, 0.04, 2) * side
    turn = rng.normal(0, np.radians(6))
    return View(centre, side, float(turn), float(np.exp(rng.normal(0, 0.06))), bool(rng.random() < 0.5))


def cut(case: Case, view: View, size: int, rng: np.random.Generator, backdrop: np.ndarray | None) -> tuple[Tensor, ...]:
    """One sample, before its colours are changed.

    Args:
        case: the frame; view: its crop; size: px.
        rng: the step's random numbers.
        backdrop: another background (256, 256, 3) uint8 to put the person on, or None to keep theirs.

    Returns:
        picture (3, size, size), alpha (1, size, size), labels (size, size), joints (V, 2), present (V,).
    """
    alpha = _planes(case.alpha[..., None])
    grid = _grid(view, size)
    if backdrop is None:
        picture = _warp(_planes(case.picture), grid, view.side / size, "border")
        cover = _warp(alpha, grid, view.side / size, "zeros")
    else:
        person = (_planes(case.picture) - (1 - alpha) * _planes(case.background)).clamp(min=0)
        person = torch.minimum(person, alpha) * float(rng.uniform(0.75, 1.15))
        both = _warp(torch.cat([person, alpha]), grid, view.side / size, "zeros")
        cover = both[3:]
        behind = _warp(_planes(backdrop), _grid(_random_view(rng), size), 256 / size * 0.75, "reflection")
        picture = both[:3] + (1 - cover) * behind
    labels = F.grid_sample(
        torch.from_numpy(case.labels).float()[None, None],
        grid,
        mode="nearest",
        padding_mode="zeros",
        align_corners=False,
    )[0, 0].long()
    if view.mirrored:
        labels = torch.tensor(LABEL_MIRROR)[labels]
    joints = _crop_joints(case.joints, view, size)
    inside = ((joints >= 0) & (joints < size)).all(axis=1)
    return picture.clamp(0, 1), cover, labels, torch.from_numpy(joints).float(), torch.from_numpy(inside).float()


def add_clutter(background: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A background (256, 256, 3) uint8 with bars, strokes and limb-like shapes that belong to nobody."""
    canvas = Image.fromarray(background)
    pen = ImageDraw.Draw(canvas)
    along = rng.uniform(0, np.pi)
    colour = rng.integers(0, 255, 3)
    for _ in range(int(rng.integers(2, 16))):
        if rng.random() < 0.5:  # scaffolding: many bars of one colour in two directions
            angle, width = along + rng.integers(2) * np.pi / 2 + rng.normal(0, 0.1), int(rng.integers(1, 5))
        else:
            angle, width, colour = rng.uniform(0, np.pi), int(rng.integers(2, 14)), rng.integers(0, 255, 3)
        middle, half = rng.uniform(0, 256, 2), rng.uniform(8, 70)
        way = half * np.array([np.cos(angle), np.sin(angle)])
        fill = (int(colour[0]), int(colour[1]), int(colour[2]))
        pen.line([*(middle - way), *(middle + way)], fill=fill, width=width)
    return np.asarray(canvas)


def gather(samples: list[tuple[Tensor, ...]], rng: np.random.Generator) -> Batch:
    """Stack samples and change their colours."""
    picture, alpha, labels, joints, present = (torch.stack(column) for column in zip(*samples, strict=True))
    return Batch(vary_colours(picture, rng), alpha, labels, joints, present)


def vary_colours(picture: Tensor, rng: np.random.Generator) -> Tensor:
    """Each picture of (B, 3, S, S) with other light, contrast, tint; some grey, inverted, soft or noisy."""
    count = len(picture)

    def each(low: float, high: float) -> Tensor:
        return torch.from_numpy(rng.uniform(low, high, (count, 1, 1, 1))).float()

    def some(chance: float) -> Tensor:
        return torch.from_numpy(rng.random((count, 1, 1, 1)) < chance)

    picture = picture.clamp(min=1e-4) ** each(0.65, 1.5)
    tint = torch.from_numpy(rng.normal(1, 0.09, (count, 3, 1, 1))).float()
    picture = 0.5 + (picture * tint * each(0.75, 1.2) - 0.5) * each(0.7, 1.25)
    grey = picture.mean(dim=1, keepdim=True).expand_as(picture)
    picture = torch.where(some(0.12), grey, picture)
    shuffled = picture[:, torch.from_numpy(rng.permutation(3))]
    picture = torch.where(some(0.1), shuffled, picture)
    picture = torch.where(some(0.04), 1 - picture, picture)
    size = picture.shape[-1]
    coarse = F.interpolate(picture, size=int(size * rng.uniform(0.35, 0.8)), mode="bilinear", antialias=True)
    picture = torch.where(some(0.2), F.interpolate(coarse, size=size, mode="bilinear"), picture)
    noise = torch.from_numpy(rng.standard_normal(tuple(picture.shape), np.float32))
    picture = picture + noise * each(0.0, 0.05) * some(0.4)
    return picture.clamp(0, 1)


def add_bars(picture: Tensor, chance: float, rng: np.random.Generator) -> Tensor:
    """Some pictures of (B, 3, S, S) with one or two bars in front, as of a railing, a barbell or another arm."""
    count, size = len(picture), picture.shape[-1]
    y, x = torch.meshgrid(torch.arange(size) + 0.5, torch.arange(size) + 0.5, indexing="ij")

    def each(low: float, high: float) -> Tensor:
        return torch.from_numpy(rng.uniform(low, high, (count, 1, 1))).float()

    for _ in range(2):
        angle, colour = each(0, np.pi), torch.from_numpy(rng.uniform(0, 1, (count, 3, 1, 1))).float()
        right, down = x - size * each(0, 1), y - size * each(0, 1)
        along, across = right * angle.cos() + down * angle.sin(), down * angle.cos() - right * angle.sin()
        bar = (along.abs() < size * each(0.05, 0.5)) & (across.abs() < size * each(0.004, 0.04))  # (B, S, S)
        here = bar & (torch.from_numpy(rng.random((count, 1, 1))) < chance)
        picture = torch.where(here[:, None], colour, picture)
    return picture


def noisy_joints(joints: Tensor, present: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Joints as a detector would give them: a little off, a few far off or missing. (B, V, 2), (B, V)."""
    count = len(joints)
    height = (joints[..., 1].amax(dim=1) - joints[..., 1].amin(dim=1)).clamp(min=20)[:, None, None]
    spread = torch.from_numpy(rng.uniform(0, 0.025, (count, 1, 1))).float()
    far = torch.from_numpy((rng.random((count, V, 1)) < 0.03) * 0.08).float()
    noise = torch.from_numpy(rng.standard_normal((count, V, 2))).float()
    moved = joints + noise * height * (spread + far)
    missing = torch.from_numpy(rng.random((count, V)) < rng.choice([0.0, 0.0, 0.06])).float()
    return moved, present.clamp(min=0.2) * (1 - missing)


def holes(alpha: Tensor, rng: np.random.Generator) -> Tensor:
    """What a mask of the person hides, widened by a random amount: (B, 1, S, S) of 0 and 1."""
    radius = int(rng.integers(1, 6))
    return (F.max_pool2d(alpha, 2 * radius + 1, stride=1, padding=radius) > 0.05).float()


def _extent(case: Case) -> tuple[np.ndarray, np.ndarray]:
    """Low and high corner of the person in frame px."""
    rows, columns = np.flatnonzero(case.alpha.any(axis=1)), np.flatnonzero(case.alpha.any(axis=0))
    if not len(rows):
        return np.zeros(2), np.array(case.alpha.shape[::-1], float)
    return np.array([columns[0], rows[0]], float), np.array([columns[-1] + 1, rows[-1] + 1], float)


def _random_view(rng: np.random.Generator) -> View:
    side = 256 * rng.uniform(0.5, 1.0)
    centre = rng.uniform(side / 2, 256 - side / 2, 2)
    return View(centre, float(side), 0.0, 1.0, bool(rng.random() < 0.5))


def _matrix(view: View) -> np.ndarray:
    """(2, 2) from the crop's -1..1 coordinates to frame px about the view's centre."""
    cos, sin = np.cos(view.turn), np.sin(view.turn)
    half = view.side / 2
    scale = np.diag([half * view.stretch * (-1 if view.mirrored else 1), half / view.stretch])
    return np.array([[cos, -sin], [sin, cos]]) @ scale


def _grid(view: View, size: int) -> Tensor:
    """(1, size, size, 2) where each pixel of the crop comes from, -1..1 of the 256 px frame."""
    matrix = torch.from_numpy(np.concatenate([_matrix(view) / 128, (view.centre / 128 - 1)[:, None]], axis=1)).float()
    return F.affine_grid(matrix[None], [1, 1, size, size], align_corners=False)


def _crop_joints(joints: np.ndarray, view: View, size: int) -> np.ndarray:
    inverse = np.linalg.inv(_matrix(view))
    places = ((joints - view.centre) @ inverse.T + 1) * (size / 2)
    return places[list(MIRROR)] if view.mirrored else places


def _warp(planes: Tensor, grid: Tensor, shrink: float, padding: str) -> Tensor:
    """(C, S, S) of (C, 256, 256), averaged down first where the crop shrinks it."""
    planes = planes[None]
    while shrink > 1.6:
        planes, shrink = F.avg_pool2d(planes, 2), shrink / 2
    return F.grid_sample(planes, grid, mode="bilinear", padding_mode=padding, align_corners=False)[0]


def _planes(picture: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1))).float() / 255
