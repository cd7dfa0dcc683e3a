"""How good the subject network is on real pictures, which it never trains on.

Photos are judged by mediapipe (joints and mask), drawings by the joints and masks that come with them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from dancegen.skeleton.joints import body_height
from dancegen.subject import mediapipe_detector
from dancegen.subject.image import open_picture
from dancegen.subject.network import SubjectNetwork
from dancegen.training.subject.check import overlap, panels

VIDEO_STEP = 4  # every fourth frame of a video
# AnimatedDrawings' names: their "neck" is in the face and their "torso" where COCO-18 has its neck.
YAML_JOINTS = {"neck": 0, "torso": 1, "right_shoulder": 2, "right_elbow": 3, "right_hand": 4}
YAML_JOINTS |= {"left_shoulder": 5, "left_elbow": 6, "left_hand": 7, "right_hip": 8, "right_knee": 9}
YAML_JOINTS |= {"right_foot": 10, "left_hip": 11, "left_knee": 12, "left_foot": 13}


@dataclass(frozen=True)
class Judged:
    """One picture with what is held to be true: joints (V, 2), known (V,) bool, mask (H, W)."""

    group: str
    name: str
    pixels: np.ndarray
    joints: np.ndarray
    known: np.ndarray
    mask: np.ndarray


def judged_pictures(folder: Path) -> Iterator[Judged]:
    """The photos, pairs, video frames and drawings under `folder` for which there is a truth."""
    for group in ("photos", "pairs"):
        for path in sorted((folder / group).iterdir()):
            yield from _by_mediapipe(group, path.stem, open_picture(path).pixels)
    for path in sorted((folder / "videos").glob("*.mp4")):
        for index, frame in enumerate(_frames(path)):
            if index % VIDEO_STEP == 0:
                yield from _by_mediapipe(path.stem, f"{path.stem}_{index}", frame)
    for path in sorted((folder / "drawings").glob("*_joints.yaml")):
        name = path.stem.removesuffix("_joints")
        pixels = open_picture(path.with_name(f"{name}.png")).pixels
        mask = np.asarray(Image.open(path.with_name(f"{name}_mask.png")).convert("L"), np.float32) / 255
        joints, known = _yaml_joints(path.read_text())
        yield Judged("drawings", name, pixels, joints, known, mask)


def judge(network: SubjectNetwork, pictures: list[Judged]) -> dict[str, dict[str, float]]:
    """Means of each group: pck10 and pck05 (of the body height), iou with the true joints, found_iou with its own."""
    rows: dict[str, list[dict[str, float]]] = {}
    for picture in pictures:
        rows.setdefault(picture.group, []).append(judge_one(network, picture))
    return {
        group: {key: float(np.mean([row[key] for row in found])) for key in found[0]} | {"pictures": len(found)}
        for group, found in rows.items()
    }


def judge_one(network: SubjectNetwork, picture: Judged) -> dict[str, float]:
    """The figures of one picture; `sure` is the mean confidence."""
    joints, confidence = network.find_joints(picture.pixels)
    height = float(body_height(picture.joints.astype(np.float64)))
    off = np.linalg.norm(joints - picture.joints, axis=1)[picture.known] / height
    given = network.segment(picture.pixels, picture.joints, picture.known.astype(np.float32))
    found = network.segment(picture.pixels, joints, confidence)
    return {
        "pck10": float((off < 0.1).mean()),
        "pck05": float((off < 0.05).mean()),
        "iou": overlap(given.mask, picture.mask),
        "found_iou": overlap(found.mask, picture.mask),
        "sure": float(confidence.mean()),
    }


def table(figures: dict[str, dict[str, float]]) -> str:
    """The figures as a Markdown table."""
    keys = list(next(iter(figures.values())))
    lines = ["| pictures | " + " | ".join(keys) + " |", "|---" * (len(keys) + 1) + "|"]
    lines += [f"| {group} | " + " | ".join(f"{row[key]:.3g}" for key in keys) + " |" for group, row in figures.items()]
    return "\n".join(lines)


def gallery(network: SubjectNetwork, paths: list[Path], tile: int = 200) -> Image.Image:
    """Every picture with what the network makes of it, two pictures a row."""
    canvas = Image.new("RGB", (10 * tile, (len(paths) + 1) // 2 * tile), "grey")
    for index, path in enumerate(paths):
        for column, picture in enumerate(panels(network, open_picture(path).pixels)):
            picture.thumbnail((tile, tile))
            canvas.paste(picture, ((index % 2 * 5 + column) * tile, index // 2 * tile))
    return canvas


def _by_mediapipe(group: str, name: str, pixels: np.ndarray) -> Iterator[Judged]:
    found = mediapipe_detector.detect(pixels)
    if found is not None and found.mask is not None:
        yield Judged(group, name, pixels, found.joints, found.confidence > 0.3, found.mask)


def _yaml_joints(text: str) -> tuple[np.ndarray, np.ndarray]:
    joints, known = np.zeros((18, 2), np.float32), np.zeros(18, bool)
    for x, y, name in re.findall(r"loc:\s*- (\d+)\s*- (\d+)\s*name: (\w+)", text):
        if name in YAML_JOINTS:
            joints[YAML_JOINTS[name]], known[YAML_JOINTS[name]] = (float(x), float(y)), True
    return joints, known


def _frames(path: Path) -> Iterator[np.ndarray]:
    import imageio_ffmpeg

    reader = imageio_ffmpeg.read_frames(str(path))
    width, height = next(reader)["size"]
    for data in reader:
        yield np.frombuffer(data, np.uint8).reshape(height, width, 3)
