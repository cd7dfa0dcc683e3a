"""OpenPose JSON with its sound to training pairs.

A folder NAME/ of one JSON file for each frame (or NAME.json, a list of frames) beside a sound NAME.wav (or .mp3, ...)
becomes NAME.npz. The pictures have no depth: how far a limb points toward or away from the camera follows from how
much shorter it looks than it is; its sign is taken as toward the camera for arms and thighs and away for shins.

Glossary: T frames, V = 18 joints, L = 17 bones.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dancegen.body.joints import BONES, TRUNK_BONES, V, body_height
from dancegen.body.keypoints import KeypointFrame, read_keypoints
from dancegen.body.sequence import BONE_LENGTHS, place_joints
from dancegen.errors import DancegenError
from dancegen.lab.datasets.motion import HUMAN_HEIGHT

SHINS = (8, 11)  # bones of which the lower end goes away from the camera when a knee bends


def convert_folder(folder: Path, fps: float = 30.0) -> int:
    """Convert every OpenPose folder or list of frames under `folder`; returns how many."""
    folder = folder.resolve()  # a folder of frames itself gives the result its name
    frames = set(folder.rglob("*_keypoints.json"))
    sources = sorted({path.parent for path in frames} | (set(folder.glob("*.json")) - frames))
    if not sources:
        raise DancegenError(f"{folder} has no OpenPose JSON", "give a folder with NAME/*_keypoints.json or NAME.json")
    for source in sources:
        joints = lift(flat_joints(read_keypoints(source), source))
        target = source.with_suffix(".npz") if source.is_file() else source.parent / f"{source.name}.npz"
        np.savez_compressed(target, joints=joints.astype(np.float16), fps=np.float64(fps))
    return len(sources)


def flat_joints(frames: list[KeypointFrame], source: Path) -> np.ndarray:
    """The largest person of each frame, gaps filled in time: (T, V, 2) pixels."""
    points = np.full((len(frames), V, 2), np.nan)
    for t, frame in enumerate(frames):
        if len(frame.people):
            sizes = [np.ptp(person[seen > 0, 1]) if (seen > 0).any() else 0 for person, seen in _people(frame)]
            best = int(np.argmax(sizes))
            points[t] = np.where(frame.confidence[best][:, None] > 0.1, frame.people[best], np.nan)
    for joint in range(V):
        seen = np.flatnonzero(~np.isnan(points[:, joint, 0]))
        if not len(seen):
            raise DancegenError(f"{source}: joint {joint} is never seen", "give takes that show the whole body")
        for axis in range(2):
            points[:, joint, axis] = np.interp(np.arange(len(frames)), seen, points[seen, joint, axis])
    return points


def _people(frame: KeypointFrame) -> list[tuple[np.ndarray, np.ndarray]]:
    return list(zip(frame.people, frame.confidence, strict=True))


def lift(points: np.ndarray) -> np.ndarray:
    """(T, V, 2) pixels, y down, to (T, V, 3) metres, y up, z toward the camera, on the canonical body's lengths."""
    height = float(np.quantile(body_height(points), 0.9))
    if height <= 0:
        raise DancegenError("the person has no height", "check the keypoints")
    parents, children = zip(*BONES, strict=True)
    bones = (points[:, list(children)] - points[:, list(parents)]) / height  # (T, L, 2)
    lengths = np.asarray(BONE_LENGTHS)
    hidden = np.sqrt(np.maximum(lengths**2 - (bones**2).sum(-1), 0))  # (T, L) body heights along the view
    sign = np.where(np.isin(np.arange(len(BONES)), SHINS), 1.0, -1.0)
    torso = np.isin(np.arange(len(BONES)), TRUNK_BONES)
    depth = np.where(torso, 0.0, hidden * sign)  # away from the camera
    whole = np.concatenate([bones, depth[..., None]], axis=-1)  # (T, L, 3)
    whole /= np.maximum(np.linalg.norm(whole, axis=-1, keepdims=True), 1e-6)
    hips = (points[:, 8] + points[:, 11]) / 2 / height  # (T, 2)
    ground = np.quantile(points[:, [10, 13], 1], 0.95) / height
    joints = place_joints(whole, hips - np.array([np.median(hips[:, 0]), ground + 0.045]))  # (T, V, 3)
    return joints * np.array([1, -1, -1]) * HUMAN_HEIGHT
