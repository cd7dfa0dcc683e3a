"""How good the subject network is on real pictures, which it never trains on, and on training sets' validation scenes.

Photos and videos are judged by mediapipe (joints and mask), drawings by the joints and masks that come with them.
What is measured is what `render` does without mediapipe and DWPose.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from dancegen.body.joints import MIRROR, body_height
from dancegen.errors import DancegenError
from dancegen.files import write_whole
from dancegen.images.picture import ConditionalImage, open_picture
from dancegen.lab.train.subject.check import overlap, panels
from dancegen.lab.train.subject.samples import read_cases, scene_files
from dancegen.people.detectors import mediapipe as mediapipe_detector
from dancegen.people.detectors.embedded import network_joints
from dancegen.people.located import TORSO, Detection, has_torso
from dancegen.people.masks.mask import person_mask
from dancegen.people.network.network import SubjectNetwork
from dancegen.progress import Reporter, SilentReporter

MEASURES = {
    "pck10": "PCK@0.1",
    "pck05": "PCK@0.05",
    "exchanged": "exchanged",
    "iou_given": "IoU, true joints",
    "iou_found": "IoU, found joints",
    "iou": "IoU, refined",
    "sure": "confidence",
}
VIDEO_STEP = 4  # every fourth frame of a video
SCENE_FRAMES = (0, 4)  # of a validation scene
KNOWN = 0.3  # mediapipe's joints are held to be true from this confidence
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
# AnimatedDrawings' names: their "neck" is in the face and their "torso" where COCO-18 has its neck.
YAML_JOINTS = {"neck": 0, "torso": 1, "right_shoulder": 2, "right_elbow": 3, "right_hand": 4}
YAML_JOINTS |= {"left_shoulder": 5, "left_elbow": 6, "left_hand": 7, "right_hip": 8, "right_knee": 9}
YAML_JOINTS |= {"right_foot": 10, "left_hip": 11, "left_knee": 12, "left_foot": 13}


@dataclass(frozen=True)
class Judged:
    """One picture with what is held to be true: joints (V, 2) px, known (V,) bool, mask (H, W) in 0..1.

    `refined`: whether its mask is also measured as refined on the picture.
    """

    group: str
    name: str
    image: ConditionalImage
    joints: np.ndarray
    known: np.ndarray
    mask: np.ndarray
    refined: bool = True


def judge_pictures(folder: Path) -> list[Judged]:
    """The pictures, video frames and drawings under `folder` for which there is a truth.

    Each subfolder is a group. Drawings are X.png with X_mask.png and X_joints.yaml, as AnimatedDrawings writes them;
    a subfolder without such files holds photos and videos, for which mediapipe has to be installed.
    """
    found: list[Judged] = []
    for group in sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []:
        drawings = sorted(group.glob("*_joints.yaml"))
        if drawings:
            found += [_read_drawing(path) for path in drawings]
        elif mediapipe_detector.is_available():
            found += _judge_by_mediapipe(group)
    if not found:
        raise DancegenError(
            f"no picture in the subfolders of {folder} can be judged",
            "photos need mediapipe (dancegen[mediapipe]), drawings X.png an X_mask.png and an X_joints.yaml",
        )
    return found


def judge_scenes(sets: list[Path]) -> list[Judged]:
    """Two frames of each validation scene of the sets that `dancegen train frames --split val` wrote; a group a set."""
    found: list[Judged] = []
    names = [folder.resolve().name for folder in sets]
    if len(set(names)) < len(names):
        raise DancegenError(
            f"two of the sets have the same name: {', '.join(names)}",
            "measure them one by one, or give one of the folders another name",
        )
    for folder in sets:
        for path in scene_files([folder], "val"):
            for frame, case in zip(SCENE_FRAMES, read_cases(path, SCENE_FRAMES), strict=True):
                image = ConditionalImage(path, case.picture)
                known = np.ones(len(case.joints), bool)
                mask = case.alpha.astype(np.float32) / 255
                name = f"{path.stem}_{frame}"
                found.append(Judged(folder.resolve().name, name, image, case.joints, known, mask, refined=False))
    return found


def evaluate(
    network: SubjectNetwork, pictures: list[Judged], reporter: Reporter | None = None
) -> dict[str, dict[str, float]]:
    """`MEASURES` of each picture, by group/name."""
    reporter = reporter or SilentReporter()
    reporter.stage("pictures", len(pictures), "pictures")
    results = {}
    for picture in pictures:
        results[f"{picture.group}/{picture.name}"] = judge(network, picture)
        reporter.advance()
    return results


def judge(network: SubjectNetwork, picture: Judged) -> dict[str, float]:
    """The figures of one picture.

    Returns:
        pck10, pck05: share of the known joints within 0.1 and 0.05 body heights; sure: their mean confidence.
        exchanged: 1 if shoulders and hips fit better with left and right exchanged.
        iou_given, iou_found: of the network's mask with the true joints and with its own; iou: of the mask that is
        used in the end, refined on the picture (left out if `picture` says so).
        Where that mask needs a torso and none is found, nobody is: all but iou_given and sure are 0.
    """
    joints, confidence = network_joints(picture.image, network)
    height = float(body_height(picture.joints.astype(np.float64)))
    off = np.linalg.norm(joints - picture.joints, axis=1)[picture.known] / height
    trunk, truth = [*TORSO], picture.joints[[*TORSO]]
    as_found, exchanged = (np.abs(j[trunk] - truth).sum() for j in (joints, joints[[*MIRROR]]))
    pixels = picture.image.pixels
    given = network.segment(pixels, picture.joints, picture.known.astype(np.float32)).mask
    own = network.segment(pixels, joints, confidence).mask
    row = {
        "pck10": float((off < 0.1).mean()),
        "pck05": float((off < 0.05).mean()),
        "exchanged": float(exchanged < as_found),
        "iou_given": overlap(given, picture.mask),
        "iou_found": overlap(own, picture.mask),
        "sure": float(confidence[picture.known].mean()),
    }
    if not picture.refined:
        return row
    if not has_torso(confidence):
        return row | dict.fromkeys(("pck10", "pck05", "exchanged", "iou_found", "iou"), 0.0)
    refined, _ = person_mask(picture.image, Detection(joints, confidence, None, "network"), lambda: network)
    return row | {"iou": overlap(refined, picture.mask)}


def means(results: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    """The mean over the pictures of each group (NaN of what is not measured in it), and how many they are."""
    groups: dict[str, list[dict[str, float]]] = {}
    for name, row in results.items():
        groups.setdefault(name.split("/")[0], []).append(row)
    return {
        group: {key: _mean([row[key] for row in rows if key in row]) for key in MEASURES} | {"pictures": len(rows)}
        for group, rows in groups.items()
    }


def write_json(path: Path, results: dict[str, dict[str, float]]) -> None:
    """The groups' means and each picture's figures; what is not measured is left out."""
    groups = {
        group: {key: value for key, value in row.items() if not math.isnan(value)}
        for group, row in means(results).items()
    }
    text = json.dumps({"groups": groups, "pictures": results}, indent=1)
    write_whole(path, (text + "\n").encode())


def contact_sheet(network: SubjectNetwork, pictures: list[Judged], tile: int = 200) -> Image.Image:
    """Two pictures a row: picture, joints, person, parts, background."""
    canvas = Image.new("RGB", (10 * tile, (len(pictures) + 1) // 2 * tile), "grey")
    for index, judged in enumerate(pictures):
        joints, confidence = network_joints(judged.image, network)
        for column, picture in enumerate(panels(network, judged.image.pixels, joints, confidence)):
            picture.thumbnail((tile, tile))
            canvas.paste(picture, ((index % 2 * 5 + column) * tile, index // 2 * tile))
    return canvas


def _mean(values: list[float]) -> float:
    return float(np.mean(values)) if values else math.nan


def _read_drawing(path: Path) -> Judged:
    name = path.stem.removesuffix("_joints")
    with Image.open(path.with_name(f"{name}_mask.png")) as file:
        mask = np.asarray(file.convert("L"), np.float32) / 255
    joints, known = _yaml_joints(path.read_text(encoding="utf-8"))
    return Judged(path.parent.name, name, open_picture(path.with_name(f"{name}.png")), joints, known, mask)


def _judge_by_mediapipe(folder: Path) -> Iterator[Judged]:
    """The photos and frames of a folder in which mediapipe sees somebody."""
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in SUFFIXES:
            images = [(path.stem, open_picture(path))]
        elif path.suffix.lower() == ".mp4":
            frames = enumerate(_frames(path))
            images = [(f"{path.stem}_{i}", ConditionalImage(path, f)) for i, f in frames if i % VIDEO_STEP == 0]
        else:
            continue
        for name, image in images:
            people = mediapipe_detector.find_all(image.pixels)
            found = max(people, key=lambda person: person.extent, default=None)
            if found is not None and found.mask is not None:
                yield Judged(folder.name, name, image, found.joints, found.confidence > KNOWN, found.mask)


def _yaml_joints(text: str) -> tuple[np.ndarray, np.ndarray]:
    joints, known = np.zeros((18, 2), np.float32), np.zeros(18, bool)
    for x, y, name in re.findall(r"loc:\s*- (\d+)\s*- (\d+)\s*name: (\w+)", text):
        if name in YAML_JOINTS:
            joints[YAML_JOINTS[name]], known[YAML_JOINTS[name]] = (float(x), float(y)), True
    return joints, known


def _frames(path: Path) -> Iterator[np.ndarray]:
    """A video's frames (H, W, 3) uint8."""
    import imageio_ffmpeg

    reader = imageio_ffmpeg.read_frames(str(path))
    width, height = next(reader)["size"]
    for data in reader:
        yield np.frombuffer(data, np.uint8).reshape(height, width, 3)
