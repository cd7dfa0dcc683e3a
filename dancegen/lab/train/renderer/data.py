"""Training samples: condition image, runs of target frames and all that synthetic people give for free.

Glossary: B batch, T targets of each scene, V = 18 joints, r = the stored frame's side (256), s = the trained side.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from scipy.ndimage import gaussian_filter

from dancegen.body import joints as J
from dancegen.body.joints import V, body_height
from dancegen.body.limbs import LABEL_MIRROR
from dancegen.errors import DancegenError
from dancegen.lab.synthetic.store import StoredScene, read_scene

RUNS = ((1, 2, 3), (4, 5, 6))  # frames of consecutive poses
CONDITIONS = (0, 0, 0, 0, 7)  # which frame is the picture: the photo-like one four times of five
JOINT_NOISE = 0.004  # body heights: what a detector is off by, anew in every frame
JOINT_BIAS = 0.012  # likewise, the same in every frame: a detector's joints are not the rig's
FLAT = 0.35  # share of the scenes whose joints tell no depth, as those of a pair of photos
MASKS = ("true", "true", "eroded", "grown", "blurred", "ragged")

# (from, to): the bone along which each joint's error is measured; the neck's is the spine.
_PARENTS = {child: parent for parent, child in J.BONES if child in J.BEAT_JOINTS} | {J.NECK: J.R_HIP}
NEAREST_BONES = np.array([(_PARENTS.get(joint, J.NECK), joint) for joint in range(V)])


@dataclass(frozen=True)
class Batch:
    """What one training step reads; pictures 0..1 float32, joints in pixels of the trained side.

    Attributes:
        picture, matte, labels: the condition image (B, 3, s, s), its mask as a detector might give it (B, 1, s, s) and
            its true limb labels (B, r, r) int64.
        joints: (B, V, 3) the condition's, a little off.
        plate: (B, 3, s, s) the empty background.
        frames, alpha: (B, T, 3, s, s) and (B, T, 1, s, s) the truth.
        targets: (B, T, V, 3) the targets' joints, a little off.
    """

    picture: torch.Tensor
    matte: torch.Tensor
    labels: torch.Tensor
    joints: np.ndarray
    plate: torch.Tensor
    frames: torch.Tensor
    alpha: torch.Tensor
    targets: np.ndarray


def find_scenes(folder: Path, split: str) -> list[Path]:
    """The stored scenes of a split, sorted."""
    scenes = sorted((folder / split).glob("*.npz"))
    if not scenes:
        raise DancegenError(f"{folder / split} holds no training scenes", "make some with `dancegen train frames`")
    return scenes


def mirror_scene(scene: StoredScene) -> StoredScene:
    """The scene seen in a mirror."""
    joints = scene.joints[:, list(J.MIRROR)].copy()
    joints[..., 0] = scene.frames.shape[2] - joints[..., 0]
    labels = np.array(LABEL_MIRROR, np.uint8)[scene.labels[:, :, ::-1]]
    return replace(
        scene,
        frames=scene.frames[:, :, ::-1],
        labels=labels,
        alpha=scene.alpha[:, :, ::-1],
        background=scene.background[:, ::-1],
        joints=joints,
    )


def detector_mask(alpha: np.ndarray, kind: str, rng: np.random.Generator) -> np.ndarray:
    """A true alpha (r, r) in 0..1 made as wrong as a detector's mask may be."""
    side = alpha.shape[0]
    if kind == "true":
        return alpha
    blur = side * rng.uniform(0.003, 0.010)
    soft = gaussian_filter(alpha, blur)
    level = {"eroded": rng.uniform(0.55, 0.75), "grown": rng.uniform(0.25, 0.45)}.get(kind, 0.5)
    if kind == "ragged":
        noise = gaussian_filter(rng.standard_normal(alpha.shape), side * 0.03)
        level = np.clip(0.5 + 0.25 * noise / (noise.std() + 1e-6), 0.15, 0.85)
    return np.clip((soft - level) / 0.3 + 0.5, 0, 1).astype(np.float32)


def add_detector_errors(joints: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """True joints (B, T, V, 3) as a detector might give them: off along the limbs and across them, and unsteady."""
    size = body_height(joints[..., :2]).max(1)[:, None, None, None]  # (B, 1, 1, 1)
    bone = joints[:, :, NEAREST_BONES[:, 1], :2] - joints[:, :, NEAREST_BONES[:, 0], :2]  # (B, T, V, 2)
    along = bone / np.maximum(np.linalg.norm(bone, axis=-1, keepdims=True), 1e-3)
    across = np.stack([-along[..., 1], along[..., 0]], -1)
    shares = rng.standard_normal((len(joints), 1, joints.shape[2], 2)) * JOINT_BIAS * size  # one scene, one detector
    noisy = joints + rng.standard_normal(joints.shape) * JOINT_NOISE * size
    noisy[..., :2] += shares[..., :1] * along + shares[..., 1:] * across
    noisy[rng.random(len(joints)) < FLAT, ..., 2] = 0
    return noisy.astype(np.float32)


def make_batch(scenes: list[Path], batch: int, side: int, in_runs: bool, rng: np.random.Generator) -> Batch:
    """Draw a batch of random scenes; their three targets are a run where `in_runs`, else any other frames."""
    samples = []
    for _ in range(batch):
        condition = int(rng.choice(CONDITIONS))
        run = RUNS[int(rng.integers(2))]
        targets = run if in_runs else tuple(int(t) for t in rng.permutation([1, 2, 3, 4, 5, 6, 7 - condition])[:3])
        scene = read_scene(scenes[int(rng.integers(len(scenes)))], (condition, *targets))
        scene = mirror_scene(scene) if rng.random() < 0.5 else scene
        samples.append((scene, detector_mask(scene.alpha[0] / np.float32(255), str(rng.choice(MASKS)), rng)))
    return collate([scene for scene, _ in samples], [mask for _, mask in samples], side, rng)


def collate(scenes: list[StoredScene], masks: list[np.ndarray], side: int, rng: np.random.Generator | None) -> Batch:
    """Scenes whose first frame is the condition, to tensors; joints get a detector's errors where `rng` is given."""
    joints = np.stack([scene.joints for scene in scenes])  # (B, 1 + T, V, 3)
    joints = joints if rng is None else add_detector_errors(joints, rng)
    joints = joints * np.float32(side / scenes[0].frames.shape[2])
    frames = _tensor(np.stack([scene.frames for scene in scenes])).permute(0, 1, 4, 2, 3)  # (B, 1 + T, 3, r, r)
    alpha = _tensor(np.stack([scene.alpha for scene in scenes]))[:, :, None]  # (B, 1 + T, 1, r, r)
    plate = _tensor(np.stack([scene.background for scene in scenes])).permute(0, 3, 1, 2)
    return Batch(
        picture=shrink(frames[:, 0], side),
        matte=shrink(torch.from_numpy(np.stack(masks).astype(np.float32))[:, None], side),
        labels=torch.from_numpy(np.stack([scene.labels[0] for scene in scenes]).astype(np.int64)),
        joints=joints[:, 0],
        plate=shrink(plate, side),
        frames=shrink(frames[:, 1:].flatten(0, 1), side).unflatten(0, (len(scenes), -1)),
        alpha=shrink(alpha[:, 1:].flatten(0, 1), side).unflatten(0, (len(scenes), -1)),
        targets=joints[:, 1:],
    )


def _tensor(pixels: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(pixels)).float() / 255


def shrink(pictures: torch.Tensor, side: int) -> torch.Tensor:
    """(B, C, s, s) with another side, as means of areas; as they are where it is theirs."""
    return pictures if pictures.shape[-1] == side else F.interpolate(pictures, (side, side), mode="area")
