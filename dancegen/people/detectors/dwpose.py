"""The person's joints by DWPose (Yang et al. 2023), run on onnxruntime: extra `[dwpose]`, weights from the Hub.

Two models: YOLOX-L (Ge et al. 2021) boxes the people, DWPose-L (a distilled RTMPose; SimCC heads, Li et al. 2022)
finds 133 COCO-wholebody keypoints in a box, of which 17 become our 18 joints. Its place in the subject finder's order:
a pose file first, then DWPose where asked for or downloaded, then mediapipe, then the project's own network.

Glossary
    A   anchors of YOLOX: all cells of its three grids, 8400 for 640 x 640
    K   keypoints, 133
    V   joints, 18
    r   picture pixels to detector pixels
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dancegen.body.joints import NECK
from dancegen.errors import DancegenError
from dancegen.images.picture import ConditionalImage
from dancegen.people.detectors.base import MOST_PEOPLE
from dancegen.people.located import Detection, implausibility
from dancegen.progress import Reporter, SilentReporter
from dancegen.weights import hub
from dancegen.weights.manifest import load_manifest
from dancegen.weights.resolve import entry_path
from dancegen.weights.verify import checked_sha256

if TYPE_CHECKING:
    import torch

MODELS = ("dwpose-boxes", "dwpose-keypoints")  # names in the manifest

STRIDES = (8, 16, 32)  # of YOLOX's grids
GREY = 114  # YOLOX's padding
PERSON = 0  # class in COCO
MIN_BOX_SCORE = 0.3
MAX_OVERLAP = 0.45  # intersection over union: more of it is the same person boxed twice
OTHER_SIZE = 0.15  # share of the most prominent person's box that another's has at least
BOX_MARGIN = 1.25  # RTMPose was trained on boxes this much larger than the person
MEAN_RGB = np.array([123.675, 116.28, 103.53], np.float32)
STD_RGB = np.array([58.395, 57.12, 57.375], np.float32)
SIMCC_BINS_PER_PIXEL = 2.0
MIN_JOINT_SCORE = 0.3  # below it a joint counts as not in the picture, as in DWPose's own drawings
MIN_SHOULDER_SCORE = 0.3  # below it the neck is a guess, and says so

# COCO keypoint of each of our joints; the neck's -1 is computed from the shoulders.
COCO_OF_JOINT = (0, -1, 6, 8, 10, 5, 7, 9, 12, 14, 16, 11, 13, 15, 2, 1, 4, 3)
COCO_SHOULDERS = (5, 6)


def dwpose_models(
    asked: bool = False, *, offline: bool = False, reporter: Reporter | None = None
) -> tuple[Path, Path] | None:
    """The verified (box, pose) model files, for `find_with_dwpose`.

    Args:
        asked: the user wants DWPose (`--weights detector=dwpose`): fetch what lacks. Otherwise the files are used
            only if they are already here, the network is not touched, and None is returned where anything lacks.
        offline: never touch the network, asked or not.
        reporter: is told about downloads.

    Raises:
        DancegenError: asked for, and onnxruntime or a file cannot be had.
    """
    entries = [next(entry for entry in load_manifest() if entry.name == name) for name in MODELS]
    runnable = importlib.util.find_spec("onnxruntime") is not None
    if asked:
        if not runnable:
            raise DancegenError("DWPose runs on onnxruntime, which is missing", "pip install 'dancegen[dwpose]'")
        box_model, pose_model = (entry_path(entry, offline=offline, reporter=reporter) for entry in entries)
        return box_model, pose_model
    here = [hub.find_cached(entry) for entry in entries] if runnable else []
    if not here or None in here:
        return None
    whole = all(
        checked_sha256(path, reporter) == entry.sha256 for path, entry in zip(here, entries, strict=True) if path
    )
    if not whole:
        (reporter or SilentReporter()).note(
            "DWPose's files are damaged: not used (`dancegen weights verify` mends them)"
        )
    return (here[0], here[1]) if whole and here[0] and here[1] else None


class DWPoseDetector:
    """See `detectors.base.Detector`. Its two models are files of the manifest.

    Args:
        models: the box and the pose model, see `find_with_dwpose`.
    """

    def __init__(self, models: tuple[Path, Path]) -> None:
        self.models = models

    def find(self, picture: ConditionalImage) -> list[Detection]:
        """Everybody of comparable size, the most prominent first."""
        width, height = picture.size
        found = []
        for joints, confidence in find_with_dwpose(picture.pixels, *self.models):
            outside = (joints < 0).any(axis=-1) | (joints >= (width, height)).any(axis=-1)  # (V,)
            sure = np.where(outside | (confidence < MIN_JOINT_SCORE), 0, confidence).astype(np.float32)
            if not implausibility(joints, sure, (width, height)):
                found.append(Detection(joints, sure, None, "dwpose"))
        return found


def load(_weights: Path | None = None, _device: torch.device | None = None) -> DWPoseDetector:
    """The detector with its models of the manifest, fetched where they are not here.

    Raises:
        DancegenError: onnxruntime is missing, or a model cannot be had.
    """
    models = dwpose_models(asked=True)
    assert models is not None, "asked for, they are here or an error was raised"
    return DWPoseDetector(models)


def find_with_dwpose(pixels: np.ndarray, box_model: Path, pose_model: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    """The joints of all people of comparable size, the most prominent (largest box times score) first.

    Args:
        pixels: (H, W, 3) uint8 RGB.
        box_model: YOLOX, 1x3xHxW BGR 0..255 -> 1xAx85.
        pose_model: DWPose, 1x3xHxW normalised RGB -> SimCC x (1, K, 2W) and y (1, K, 2H).

    Returns:
        For each person joints (V, 2) float32 in picture pixels and confidence (V,) float32 in 0..1.
    """
    boxes = _people(pixels, _session(box_model))
    if not boxes:
        return []
    session = _session(pose_model)
    near = [box for box in boxes if _areas(box) > OTHER_SIZE * _areas(boxes[0])][:MOST_PEOPLE]
    return [joints_of_wholebody(*_keypoints(pixels, box, session)) for box in near]


def joints_of_wholebody(keypoints: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """COCO-wholebody (K, 2) and (K,) to our joints (V, 2) and confidence (V,); the neck is between the shoulders."""
    joints = keypoints[list(COCO_OF_JOINT)].astype(np.float32)  # (V, 2)
    confidence = scores[list(COCO_OF_JOINT)].astype(np.float32)  # (V,)
    shoulders = list(COCO_SHOULDERS)
    joints[NECK] = keypoints[shoulders].mean(axis=0)
    weaker = scores[shoulders].min()
    confidence[NECK] = weaker if weaker > MIN_SHOULDER_SCORE else 0.0
    return joints, np.clip(confidence, 0.0, 1.0)


def _session(model: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors only: its warnings are for those who export models
    try:
        return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    except Exception as cause:  # onnxruntime's exceptions derive from nothing else
        raise DancegenError(f"onnxruntime cannot load {model}", "run `dancegen weights verify`") from cause


def _input_size(session: Any) -> tuple[int, int]:
    """(height, width) of a model's only input."""
    _, _, height, width = session.get_inputs()[0].shape
    return int(height), int(width)


def _run(session: Any, picture: np.ndarray) -> list[np.ndarray]:
    """Run a model on one (h, w, 3) picture."""
    batch = np.ascontiguousarray(picture.transpose(2, 0, 1)[None], dtype=np.float32)  # (1, 3, h, w)
    return session.run(None, {session.get_inputs()[0].name: batch})


def _people(pixels: np.ndarray, session: Any) -> list[np.ndarray]:
    """Everybody's box (x0, y0, x1, y1) in picture pixels, the most prominent first (area times score)."""
    height, width = _input_size(session)
    padded, r = _letterbox(pixels, height, width)
    (raw,) = _run(session, padded[..., ::-1])  # BGR
    boxes, scores = _decode_boxes(raw[0], height, width)
    boxes, scores = boxes[scores >= MIN_BOX_SCORE], scores[scores >= MIN_BOX_SCORE]
    kept = sorted(_suppress(boxes, scores), key=lambda index: -_areas(boxes[index]) * scores[index])
    return [boxes[index] / r for index in kept]


def _suppress(boxes: np.ndarray, scores: np.ndarray) -> list[int]:
    """One box a person: the indices of those that no higher-scored box overlaps by more than MAX_OVERLAP."""
    kept: list[int] = []
    for index in np.argsort(-scores):
        if all(_overlap(boxes[index], boxes[other]) <= MAX_OVERLAP for other in kept):
            kept.append(int(index))
    return kept


def _areas(boxes: np.ndarray) -> np.ndarray:
    return np.prod(np.maximum(boxes[..., 2:] - boxes[..., :2], 0), axis=-1)


def _overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Intersection over union of two boxes."""
    shared = np.concatenate([np.maximum(one[:2], other[:2]), np.minimum(one[2:], other[2:])])
    common = _areas(shared)
    return float(common / max(_areas(one) + _areas(other) - common, 1e-9))


def _letterbox(pixels: np.ndarray, height: int, width: int) -> tuple[np.ndarray, float]:
    """The picture scaled to fit into the upper left of a grey (height, width, 3) one, and the scale r."""
    from PIL import Image

    h, w = pixels.shape[:2]
    r = min(height / h, width / w)
    size = max(1, int(w * r)), max(1, int(h * r))
    padded = np.full((height, width, 3), GREY, np.uint8)
    padded[: size[1], : size[0]] = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR))
    return padded, r


def _decode_boxes(raw: np.ndarray, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """YOLOX's raw output (A, 85) to person boxes (A, 4) x0 y0 x1 y1 in detector pixels and scores (A,)."""
    cells, strides = [], []
    for stride in STRIDES:
        rows, columns = height // stride, width // stride
        y, x = np.mgrid[:rows, :columns]
        cells.append(np.stack([x.ravel(), y.ravel()], axis=-1))  # (rows * columns, 2)
        strides.append(np.full((rows * columns, 1), stride))
    cell, stride_of = np.concatenate(cells), np.concatenate(strides)  # (A, 2), (A, 1)
    centre = (raw[:, :2] + cell) * stride_of  # (A, 2)
    half = np.exp(np.clip(raw[:, 2:4], None, 20.0)) * stride_of / 2  # (A, 2)
    return np.concatenate([centre - half, centre + half], axis=-1), raw[:, 4] * raw[:, 5 + PERSON]


def _keypoints(pixels: np.ndarray, box: np.ndarray, session: Any) -> tuple[np.ndarray, np.ndarray]:
    """All keypoints in picture pixels (K, 2) and their scores (K,)."""
    from PIL import Image

    height, width = _input_size(session)
    left, top, right, bottom = _crop_of(box, width / height)
    crop = Image.fromarray(pixels).crop((left, top, right, bottom)).resize((width, height), Image.Resampling.BILINEAR)
    simcc_x, simcc_y = _run(session, (np.asarray(crop, np.float32) - MEAN_RGB) / STD_RGB)
    found, scores = _decode_simcc(simcc_x[0], simcc_y[0])
    scale = np.array([(right - left) / width, (bottom - top) / height])
    return found * scale + np.array([left, top]), scores


def _crop_of(box: np.ndarray, aspect: float) -> tuple[int, int, int, int]:
    """The box with its margin, widened or heightened to `aspect` (width / height); may reach outside the picture."""
    centre = (box[:2] + box[2:]) / 2
    w, h = (box[2:] - box[:2]) * BOX_MARGIN
    w, h = max(w, h * aspect), max(h, w / aspect)
    half = np.array([max(w, 2.0), max(h, 2.0)]) / 2
    left, top, right, bottom = (round(float(value)) for value in np.concatenate([centre - half, centre + half]))
    return left, top, right, bottom


def _decode_simcc(simcc_x: np.ndarray, simcc_y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """SimCC (K, 2w) and (K, 2h) to positions in the model's input (K, 2) and scores (K,): the weaker of the peaks."""
    positions = np.stack([simcc_x.argmax(axis=-1), simcc_y.argmax(axis=-1)], axis=-1) / SIMCC_BINS_PER_PIXEL  # (K, 2)
    return positions, np.minimum(simcc_x.max(axis=-1), simcc_y.max(axis=-1))
