"""The same few validation cases, shown as training goes."""

from __future__ import annotations

from pathlib import Path

import torch

from dancegen.lab.synthetic.store import read_scene
from dancegen.lab.train.renderer.data import Batch, collate, find_scenes

CASES = 8
TARGETS = (7, 2, 5, 7, 4, 1, 7, 6)  # one target frame for each case


def fixed_cases(frames: Path, side: int) -> tuple[Batch, torch.Tensor]:
    """The first validation scenes with one target each, true masks and joints; and their plates (8, 3, side, side)."""
    paths = find_scenes(frames, "val" if any((frames / "val").glob("*.npz")) else "train")[:CASES]
    scenes = [read_scene(path, (0, TARGETS[index])) for index, path in enumerate(paths)]
    batch = collate(scenes, [scene.alpha[0] / 255.0 for scene in scenes], side, rng=None)
    return batch, batch.plate
