"""Scenes on disk: one compressed .npz a scene, written whole or not at all.

Fields: `frame_bytes` (uint8, the frames' JPEGs one after the other) and `frame_ends` (K,); `labels` (K, s, s) uint8,
0 = background, then the 15 limbs; `alpha` (K, s, s) uint8; `background` (uint8, a JPEG); `joints` (K, 18, 3) float32;
`meta` JSON. K = 8: 0 a photo-like pose, 1-3 and 4-6 runs of poses 1/15 s apart, 7 any pose.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from dancegen.files import whole_file
from dancegen.lab.synthetic.look import jpeg
from dancegen.lab.synthetic.scene import Scene

BACKGROUND_QUALITY = 92


@dataclass(frozen=True)
class StoredScene:
    """A scene as training reads it: frames (K, s, s, 3), labels and alpha (K, s, s), background (s, s, 3), all uint8;
    joints (K, 18, 3) float32; meta.
    """

    frames: np.ndarray
    labels: np.ndarray
    alpha: np.ndarray
    background: np.ndarray
    joints: np.ndarray
    meta: dict[str, Any]


def scene_path(out: Path, split: str, index: int) -> Path:
    """Where scene `index` of `split` lies."""
    return out / split / f"{index:06d}.npz"


def write_scene(path: Path, scene: Scene) -> None:
    """Write one scene under its final name, whole or not at all."""
    frames = [jpeg(frame, scene.quality) for frame in scene.frames]
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as scratch, scratch.open("wb") as file:
        np.savez_compressed(
            file,
            frame_bytes=np.frombuffer(b"".join(frames), np.uint8),
            frame_ends=np.cumsum([len(frame) for frame in frames]),
            labels=scene.labels,
            alpha=scene.alpha,
            background=np.frombuffer(jpeg(scene.background, BACKGROUND_QUALITY), np.uint8),
            joints=scene.joints,
            meta=json.dumps(scene.meta),
        )


def read_scene(path: Path, which: tuple[int, ...] | None = None) -> StoredScene:
    """Read one scene; only the frames `which` (their labels, alpha and joints too), or all."""
    with np.load(path) as file:
        ends = file["frame_ends"]
        chosen = list(which if which is not None else range(len(ends)))
        data = file["frame_bytes"]
        starts = np.concatenate([[0], ends[:-1]])
        frames = np.stack([_decode(data[starts[i] : ends[i]]) for i in chosen])
        meta = json.loads(str(file["meta"]))
        background = _decode(file["background"])
        return StoredScene(
            frames, file["labels"][chosen], file["alpha"][chosen], background, file["joints"][chosen], meta
        )


def _decode(data: np.ndarray) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data.tobytes())).convert("RGB"))
