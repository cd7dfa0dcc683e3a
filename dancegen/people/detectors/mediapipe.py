"""mediapipe's pose model as a detector: fast and precise on photos of people, optional, finds few drawings.

Its last wheel that carries a model is 0.10.21 (extra `[mediapipe]`). It finds one person; more looks, with those found
painted over, find the others.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from dancegen.body.joints import MIRROR, NECK, V, body_height
from dancegen.errors import DancegenError
from dancegen.images.picture import ConditionalImage
from dancegen.people.detectors.base import OTHER_HEIGHT, find_one_by_one, squares
from dancegen.people.located import TORSO, Detection, has_torso, implausibility

if TYPE_CHECKING:
    import torch

# COCO-18 joint -> mediapipe's landmark; the neck is the middle of the shoulders.
LANDMARKS = {0: 0, 2: 12, 3: 14, 4: 16, 5: 11, 6: 13, 7: 15, 8: 24, 9: 26, 10: 28, 11: 23, 12: 25, 13: 27}
LANDMARKS |= {14: 5, 15: 2, 16: 8, 17: 7}
KNUCKLES = ((18, 20), (17, 19))  # landmarks of the little and the index finger's, of the right and of the left hand
OUTSIDE = 0.10  # shares of the picture's sides: hips this far outside are still believed, as a half-length portrait's
LOWEST_VISIBILITY = 0.05
TORSO_VISIBILITY = 0.5
OTHER_SURE, OTHER_APART, OTHER_AREA = 0.8, 0.3, 0.15  # torso's visibility, share on others, area: of a further person
LEAST_CERTAINTY = 0.6  # of a person that only a part of the picture showed


def is_available() -> bool:
    """Whether a mediapipe with a pose model is installed (only what is above that model is imported here)."""
    try:
        if importlib.util.find_spec("mediapipe") is None:
            return False
        with _SILENCE, _postpone("matplotlib.pyplot"):  # a second of the start, for plots that nobody asks for
            return importlib.util.find_spec("mediapipe.python.solutions.pose") is not None
    except (ImportError, ValueError):
        return False


@contextmanager
def _postpone(name: str) -> Iterator[None]:
    """What imports a module meanwhile reads it when it uses something of it; all others find it as it was."""
    if name in sys.modules:
        yield
        return
    late = sys.modules[name] = ModuleType(name)
    late.__dict__["__getattr__"] = lambda attribute: getattr(importlib.import_module(name), attribute)
    try:
        yield
    finally:
        if sys.modules.get(name) is late:
            del sys.modules[name]


def check() -> None:
    """Raises DancegenError where mediapipe is installed and cannot be used."""
    if not is_available():
        raise DancegenError("this mediapipe has no pose model", "run `pip install 'dancegen[mediapipe]'`")
    with _SILENCE, _model(masks=False):
        pass


class MediapipeDetector:
    """See `detectors.base.Detector`; a `quick` model without masks looks at films."""

    def __init__(self) -> None:
        self._quick: Any = None

    def find(self, picture: ConditionalImage) -> list[Detection]:
        """Everybody, each with joints, confidence and a mask at the picture's size."""
        return find_all(picture.pixels)

    def look(self, picture: ConditionalImage, box: tuple[int, int, int, int]) -> Detection | None:
        """See `detectors.base.Watcher`."""
        with _SILENCE:
            if self._quick is None:
                self._quick = _model(masks=False)
            return _look(self._quick, picture.pixels, box)


def load(_weights: Path | None = None, _device: torch.device | None = None) -> MediapipeDetector:
    """The detector; its weights lie in its own wheel."""
    return MediapipeDetector()


def find_all(pixels: np.ndarray) -> list[Detection]:
    """Everybody who is believable in a picture uint8 (H, W, 3) RGB, in the order in which they were seen."""
    with _SILENCE, _model() as model:
        found = find_one_by_one(
            lambda people: (
                _search_again(model, _paint_over(pixels, people), people) if people else _search(model, pixels)
            ),
            _is_another,
        )
        return [
            _average_with_mirror(model, _paint_over(pixels, [other for other in found if other is not one]), one)
            for one in found
        ]


class _Silence:
    """Sends the C++ logs of mediapipe and TensorFlow Lite, which no logger can stop, to a file that is dropped.

    Several threads may be in it at once: the first one in turns the standard error away, the last one out back.
    """

    def __init__(self) -> None:
        self._lock, self._inside, self._saved = threading.Lock(), 0, -1

    def __enter__(self) -> None:
        with self._lock:
            self._inside += 1
            if self._inside > 1:
                return
            os.environ.setdefault("GLOG_minloglevel", "3")
            os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
            sys.stderr.flush()
            try:
                self._saved = os.dup(2)
            except OSError:  # no standard error at all
                self._saved = -1
                return
            with tempfile.TemporaryFile() as sink:
                os.dup2(sink.fileno(), 2)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside and self._saved >= 0:
                os.dup2(self._saved, 2)
                os.close(self._saved)


_SILENCE = _Silence()


def _model(*, masks: bool = True) -> Any:
    try:
        from mediapipe.python.solutions import pose

        return pose.Pose(static_image_mode=True, model_complexity=1, enable_segmentation=masks)
    except Exception as cause:  # another package's protobuf or numpy under it: whatever they raise
        what = f"mediapipe is installed and does not work here ({type(cause).__name__}: {str(cause)[:80]})"
        remedy = "install it again with `pip install 'dancegen[mediapipe]'`, or do without: `pip uninstall mediapipe`"
        raise DancegenError(what, remedy) from cause


def _search(model: Any, pixels: np.ndarray) -> Detection | None:
    """Looks at the whole picture, then at it with a wide border, then at parts of it."""
    height, width = pixels.shape[:2]
    return _look(model, pixels, (0, 0, width, height)) or _surest_body(model, pixels, _boxes(width, height))


def _search_again(model: Any, pixels: np.ndarray, people: list[Detection]) -> Detection | None:
    """Looks for somebody else in the whole picture, then along a row of people."""
    height, width = pixels.shape[:2]
    found = _look(model, pixels, (0, 0, width, height))
    if found is not None and _is_another(people, found):
        return found
    return _surest_body(model, pixels, squares(width, height), people)


def _surest_body(
    model: Any, pixels: np.ndarray, boxes: list[tuple[int, int, int, int]], people: Sequence[Detection] = ()
) -> Detection | None:
    """The surest body in these boxes of the picture besides these people, if it is sure at all."""
    looks = [look for box in boxes if (look := _look(model, pixels, box)) is not None and has_torso(look.confidence)]
    best = max((one for one in looks if not people or _is_another(people, one)), key=certainty, default=None)
    return best if best is not None and certainty(best) > LEAST_CERTAINTY else None


def certainty(found: Detection) -> float:
    """How sure a look is of its person, 0..1: joints visible and the mask on the limbs (0.65 up for real people,
    below 0.3 for patterns taken for one)."""
    assert found.mask is not None
    height, width = found.mask.shape
    limbs = found.distance((width, height)) < 0.5
    return float(found.confidence.mean() * found.mask[limbs].mean()) if limbs.any() else 0.0


def _boxes(width: int, height: int) -> list[tuple[int, int, int, int]]:
    """Boxes (left, top, right, bottom) to look at where the whole picture shows nobody; they may be larger than it."""
    wider = [(-width // k, -height // k, width + width // k, height + height // k) for k in (4, 2)]
    side = min(width, height)
    parts = []
    for share in (1.0, 0.6):
        size = round(side * share)
        columns = np.unique(np.linspace(0, width - size, 1 + 2 * (width > size)).astype(int))
        rows = np.unique(np.linspace(0, height - size, 1 + 2 * (height > size)).astype(int))
        parts += [(int(x), int(y), int(x) + size, int(y) + size) for y in rows for x in columns]
    return wider + [box for box in parts if box != (0, 0, width, height)]


def _look(model: Any, pixels: np.ndarray, box: tuple[int, int, int, int]) -> Detection | None:
    """One run of the model on a box of the picture; parts of the box outside are the picture's mean colour."""
    height, width = pixels.shape[:2]
    left, top, right, bottom = box
    crop = np.empty((bottom - top, right - left, 3), np.uint8)
    crop[:] = pixels.reshape(-1, 3)[:: max(width * height // 5000, 1)].mean(axis=0)
    x0, y0, x1, y1 = max(left, 0), max(top, 0), min(right, width), min(bottom, height)
    inner = (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))
    crop[inner] = pixels[y0:y1, x0:x1]
    result = model.process(crop)
    if result.pose_landmarks is None:
        return None
    mask = None
    if result.segmentation_mask is not None:
        mask = np.zeros((height, width), np.float32)
        mask[y0:y1, x0:x1] = np.clip(result.segmentation_mask, 0, 1)[inner]
    scale = np.array([right - left, bottom - top])
    marks = np.array([(m.x, m.y, m.visibility) for m in result.pose_landmarks.landmark])  # (33, 3)
    joints, confidence = _joints(marks[:, :2] * scale + (left, top), marks[:, 2], (width, height))
    if confidence[list(TORSO)].max() < TORSO_VISIBILITY or implausibility(joints, confidence, (width, height)):
        return None
    world = np.array([(m.x, m.y, m.z) for m in result.pose_world_landmarks.landmark])  # (33, 3) metres
    knuckles = np.stack([marks[list(pair), :2].mean(0) for pair in KNUCKLES]) * scale + (left, top)
    seen: dict[str, Any] = {"depth": _depth(world, joints), "knuckles": knuckles.astype(np.float32)}
    return Detection(joints, confidence, mask, "mediapipe", **seen)


def _joints(points: np.ndarray, visibility: np.ndarray, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """33 landmarks in pixels -> joints (V, 2) and confidence (V,); 0 outside the picture, where the model guesses."""
    joints, confidence = np.zeros((V, 2), np.float32), np.zeros(V, np.float32)
    for joint, mark in LANDMARKS.items():
        joints[joint], confidence[joint] = points[mark], max(visibility[mark], LOWEST_VISIBILITY)
    joints[NECK], confidence[NECK] = joints[[2, 5]].mean(axis=0), confidence[[2, 5]].min()
    beyond = np.maximum(-joints, joints - (np.array(size) - 1)) / size  # (V, 2), positive outside
    outside = beyond.max(axis=1)
    confidence[outside > 0.01] = 0
    hips = [8, 11]
    if (outside[hips] < OUTSIDE).all() and (visibility[[24, 23]] > LOWEST_VISIBILITY).all():
        confidence[hips] = np.maximum(confidence[hips], LOWEST_VISIBILITY)
    return joints, confidence


def _depth(world: np.ndarray, joints: np.ndarray) -> np.ndarray:
    """How far joints (V, 2) px are behind the mid-hip, from the landmarks in space (33, 3): (V,) px."""
    space = np.zeros((V, 3))
    for joint, mark in LANDMARKS.items():
        space[joint] = world[mark]
    space[NECK] = (space[2] + space[5]) / 2
    depth = space[:, 2] * float(body_height(joints.astype(np.float64)) / max(float(body_height(space)), 1e-6))
    return (depth - (depth[8] + depth[11]) / 2).astype(np.float32)


def _average_with_mirror(model: Any, pixels: np.ndarray, found: Detection) -> Detection:
    """The mean of a look at the picture and one at its mirror image: steadier joints and a cleaner mask."""
    box = (0, 0, pixels.shape[1], pixels.shape[0])
    other = _look(model, np.ascontiguousarray(pixels[:, ::-1]), box)
    if other is None or other.mask is None or found.mask is None:
        return found
    joints = other.joints[list(MIRROR)] * (-1, 1) + (pixels.shape[1] - 1, 0)
    confidence = np.minimum(found.confidence, other.confidence[list(MIRROR)])
    both = (found.confidence > 0) & (other.confidence[list(MIRROR)] > 0)
    apart = np.linalg.norm(joints - found.joints, axis=1)[both]
    if not both.any() or apart.max() > 0.08 * float(body_height(found.joints.astype(np.float64))):
        return found  # they saw different poses: the first look is the plain one
    mean = np.where(both[:, None], (joints + found.joints) / 2, found.joints).astype(np.float32)
    confidence = np.where(both, (confidence + found.confidence) / 2, found.confidence)
    in_space: dict[str, Any] = {}
    if found.depth is not None and other.depth is not None:
        in_space["depth"] = (found.depth + other.depth[list(MIRROR)]) / 2
    if found.knuckles is not None and other.knuckles is not None:
        mirrored = other.knuckles[::-1] * (-1, 1) + (pixels.shape[1] - 1, 0)
        in_space["knuckles"] = ((mirrored + found.knuckles) / 2).astype(np.float32)
    mask = (found.mask + other.mask[:, ::-1]) / 2
    return replace(found, joints=mean, confidence=confidence.astype(np.float32), mask=mask, **in_space)


def _paint_over(pixels: np.ndarray, found: Sequence[Detection]) -> np.ndarray:
    """The picture with the found people covered by the mean colour of the rest."""
    from scipy.ndimage import maximum_filter

    if not found:
        return pixels
    covered = np.zeros(pixels.shape[:2], bool)
    for person in found:
        assert person.mask is not None
        reach = max(int(0.03 * _extent(person)), 1) * 2 + 1
        covered |= maximum_filter(person.mask, reach) > 0.2
    out = pixels.copy()
    out[covered] = pixels[~covered].mean(axis=0) if (~covered).any() else 128
    return out


def _extent(found: Detection) -> float:
    """Size of a person on the picture in pixels."""
    return float(body_height(found.joints.astype(np.float64)))


def _is_another(people: Sequence[Detection], new: Detection) -> bool:
    """Whether a further look found somebody else of comparable size, not what was left of these people."""
    masks = [person.mask > 0.5 for person in people if person.mask is not None]
    assert new.mask is not None
    mask = new.mask > 0.5
    overlap = (np.logical_or.reduce(masks) & mask).sum() / max(mask.sum(), 1)
    steady = new.confidence[list(TORSO)].min() > OTHER_SURE
    wide = mask.sum() > OTHER_AREA * max(one.sum() for one in masks)
    tall = _extent(new) > OTHER_HEIGHT * max(_extent(person) for person in people)
    return bool(steady and overlap < OTHER_APART and wide and tall)
