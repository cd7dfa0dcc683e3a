"""Training samples of the limb network: two skeletons of one person, and where the person's outline lies in both.

Glossary: B pairs, V = 18 joints, K = 15 limbs, S slices of two edges each, H = body height of the first skeleton.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from dancegen.body.joints import MIRROR, NECK, body_height
from dancegen.body.limb_maps import limb_maps
from dancegen.body.limbs import LIMB_MIRROR
from dancegen.errors import DancegenError
from dancegen.files import whole_file
from dancegen.lab.synthetic.outlines import Outlines, make_outlines
from dancegen.lab.synthetic.scene import find_sources
from dancegen.lab.train.renderer.data import add_detector_errors
from dancegen.progress import Reporter, SilentReporter
from dancegen.renderers.puppet.motion import limb_frames, rest_poses, skeleton_features

CHUNK = 200  # people a file
STILL_SHARE = 0.12  # of the pairs, whose pose is the same
ZOOM_SHARE, ZOOM = 0.1, 0.12  # how many second pictures are taken from nearer or further away, and by how much (log)


@dataclass(frozen=True)
class Pairs:
    """What one step of `limb_loop` reads; every place in H.

    Attributes:
        features, still: (B, FEATURES) of the two skeletons, and of the first and itself.
        places: (B, K, 2 S, 2) the second picture's edges in its limbs' frames, along and across.
        linear: (B, K, 2, 2) where the plain map takes a step along and across.
        wanted: (B, K, 2 S, 2) the first picture's edges, from where the plain map takes the limb's first end.
        known: (B, K, 2 S) 1 where there is such an edge.
    """

    features: torch.Tensor
    still: torch.Tensor
    places: torch.Tensor
    linear: torch.Tensor
    wanted: torch.Tensor
    known: torch.Tensor


def prepare_outlines(data: Path, out: Path, split: str, people: int, reporter: Reporter | None = None) -> Outlines:
    """The outlines of the first `people` random people of a split; made and kept in `out` where they are not there."""
    reporter = reporter or SilentReporter()
    sources = find_sources(data, split)
    if not (sources.characters and sources.clips):
        raise DancegenError(f"{data} has no characters or dances", "give the shared data folder with --data")
    reporter.stage(f"{split} outlines", people, "people")
    chunks = []
    for first in range(0, people, CHUNK):
        count = min(CHUNK, people - first)
        path = out / "outlines" / f"{split}_{first:06d}_{count}.npz"
        if not path.exists():
            made = []
            for index in range(first, first + count):
                made.append(make_outlines(sources, index, 0))
                reporter.advance()
            _write(path, made)
        with np.load(path) as file:
            chunks.append(Outlines(file["joints"], file["edges"]))
    return Outlines(np.concatenate([c.joints for c in chunks]), np.concatenate([c.edges for c in chunks]))


def _write(path: Path, made: list[Outlines]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as scratch, scratch.open("wb") as file:
        np.savez(file, joints=np.stack([one.joints for one in made]), edges=np.stack([one.edges for one in made]))


def draw_pairs(outlines: Outlines, count: int, rng: np.random.Generator) -> Pairs:
    """Random pairs of poses of one person each, some mirrored, some zoomed, their joints as a detector gives them."""
    people, poses = outlines.joints.shape[:2]
    person, first = rng.integers(people, size=count), rng.integers(poses, size=count)
    second = (first + np.where(rng.random(count) < STILL_SHARE, 0, rng.integers(1, poses, size=count))) % poses
    joints = np.stack([outlines.joints[person, first], outlines.joints[person, second]], 1).astype(np.float64)
    edges = np.stack([outlines.edges[person, first], outlines.edges[person, second]], 1).astype(np.float64)
    mirrored = rng.random(count) < 0.5
    joints[mirrored] = joints[mirrored][:, :, list(MIRROR)] * [-1, 1, 1]
    edges[mirrored] = edges[mirrored][:, :, list(LIMB_MIRROR)] * [-1, 1]
    zoom = np.exp(np.where(rng.random(count) < ZOOM_SHARE, rng.normal(0, ZOOM, count), 0))
    about = joints[:, 0, None, NECK, :2]  # (B, 1, 2)
    joints[:, 1] = (joints[:, 1] - np.pad(about, ((0, 0), (0, 0), (0, 1)))) * zoom[:, None, None]
    joints[:, 1, :, :2] += about
    edges[:, 1] = (edges[:, 1] - about[:, :, None, None]) * zoom[:, None, None, None, None] + about[:, :, None, None]
    return prepare_pairs(add_detector_errors(joints, rng), edges)


def prepare_pairs(joints: np.ndarray, edges: np.ndarray) -> Pairs:
    """From joints (B, 2, V, 3) and edges (B, 2, K, S, 2, 2) in px, first and second picture."""
    source, target = joints[:, 0].astype(np.float64), joints[:, 1].astype(np.float64)
    size = body_height(source[..., :2])[:, None, None, None]  # (B, 1, 1, 1)
    maps = limb_maps(source, target).astype(np.float64)  # (B, K, 2, 3)
    start, along, across = limb_frames(target)
    places = edges[:, 1].reshape(*start.shape[:2], -1, 2) - start[:, :, None]  # (B, K, 2 S, 2)
    places = np.stack([(places * along[:, :, None]).sum(-1), (places * across[:, :, None]).sum(-1)], -1) / size
    linear = maps[..., :2] @ np.stack([along, across], -1)  # (B, K, 2, 2)
    begin = np.einsum("bkij,bkj->bki", maps[..., :2], start) + maps[..., 2]
    wanted = (edges[:, 0].reshape(places.shape) - begin[:, :, None]) / size
    known = np.isfinite(places).all(-1) & np.isfinite(wanted).all(-1)
    tensors = (np.nan_to_num(places), linear, np.nan_to_num(wanted), known)
    rest = (torch.from_numpy(values.astype(np.float32)) for values in tensors)
    told = (skeleton_features(source, t) for t in (target, rest_poses(source, target)))
    return Pairs(*(torch.from_numpy(features) for features in told), *rest)
