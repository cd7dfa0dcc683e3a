"""The embedded network as a detector: photos and drawings, on every machine, the least precise on photos.

It finds one person; more looks, with those found painted over, find the others.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from scipy.ndimage import maximum_filter1d

from dancegen.body import joints as J
from dancegen.body.joints import body_height, mid_hip
from dancegen.images.picture import ConditionalImage
from dancegen.people.detectors.base import OTHER_HEIGHT, find_one_by_one, squares
from dancegen.people.located import Detection, has_torso, implausibility
from dancegen.people.masks.flat import flat_outline
from dancegen.people.masks.mask import limit_size

if TYPE_CHECKING:
    import torch

    from dancegen.people.network.network import SubjectNetwork

OUTLINE_SIDE = 512  # pixels of the longer side on which a figure is cut out of a flat background
LEGS = [J.R_HIP, J.R_KNEE, J.R_ANKLE, J.L_HIP, J.L_KNEE, J.L_ANKLE]
TRUNK = [J.NECK, J.R_SHOULDER, J.L_SHOULDER, J.R_HIP, J.L_HIP]
NEAR_FIGURE = 0.02  # share of the longer side within which a place counts as the figure's
LEAST_CONFIDENCE = 0.45  # mean over the trunk's joints, below which nobody is seen (0.6 up for real people)
LEAST_FACE = 0.28  # mean over the face's joints, from which a face without a body is seen (empty pictures: to 0.27)
LEAST_JOINT = 0.2  # joints of such a face's owner that are surer than this are in the picture
OTHER_CONFIDENCE = 0.7  # as LEAST_CONFIDENCE, of a further person
OTHER_APART = 0.3  # share of a further person's joints that may lie on the others
SURE = 0.7  # from which another detector that is not sure is overruled
COVER = 1.3  # radii around the limbs that belong to a person even where the mask does not say so


class NetworkDetector:
    """See `detectors.base.Detector`."""

    def __init__(self, network: SubjectNetwork) -> None:
        self.network = network

    def find(self, picture: ConditionalImage) -> list[Detection]:
        """Everybody, drawings included; a face alone too."""
        return find_all(picture, self.network)

    def look(self, picture: ConditionalImage, box: tuple[int, int, int, int]) -> Detection | None:
        """See `detectors.base.Watcher`."""
        return _look_at(picture, box, self.network)


def load(weights: Path, device: torch.device) -> NetworkDetector:
    """The detector with the subject network of a weights file."""
    from dancegen.people.network.network import load_subject_network

    return NetworkDetector(load_subject_network(weights, device))


def find_all(image: ConditionalImage, network: SubjectNetwork) -> list[Detection]:
    """Everybody, in the order in which they were seen; a face alone only where there is no body."""
    pixels, cover = image.pixels, np.zeros(image.pixels.shape[:2], np.float32)

    def look(people: list[Detection]) -> Detection | None:
        nonlocal pixels, cover
        if people:
            if not has_torso(people[-1].confidence):
                return None
            last = _cover(pixels, people[-1], network)
            pixels, cover = network.paint_background(pixels, last), np.maximum(cover, last)
        rest = ConditionalImage(image.path, pixels)
        found = _look(rest, network)
        if not people or (found is not None and _is_another(people, found, cover)):
            return found
        row = [one for box in squares(*image.size) if (one := _look_at(rest, box, network)) is not None]
        return max((one for one in row if _is_another(people, one, cover)), key=certainty, default=None)

    return find_one_by_one(look, lambda people, new: _is_another(people, new, cover))


def certainty(found: Detection) -> float:
    """How sure the network is of the trunk of its person, 0..1."""
    return float(np.mean(found.confidence[TRUNK]))


def outdoes(own: Detection, other: Detection) -> bool:
    """Whether the network's person is likelier than the one of a detector that is not sure."""
    return certainty(own) > SURE or (stands(own) and not stands(other))


def stands(found: Detection) -> bool:
    """Whether a person of whom all joints are seen is upright: the trunk rather upright than level, the feet below."""
    hips, feet = mid_hip(found.joints), found.joints[[J.R_ANKLE, J.L_ANKLE]].mean(0)
    spine = hips - found.joints[J.NECK]
    return bool(spine[1] > 0.5 * np.linalg.norm(spine) and feet[1] > hips[1])


def network_joints(image: ConditionalImage, network: SubjectNetwork) -> tuple[np.ndarray, np.ndarray]:
    """Joints (V, 2) px and confidence (V,), float32, by the embedded network alone, however sure it is."""
    left, top, right, bottom = 0, 0, *image.size
    outline, figure = _figure(image), None
    if outline is not None:
        left, top, right, bottom = _figure_box(outline)
        reach = max(round(NEAR_FIGURE * max(image.size)), 1)
        figure = np.ascontiguousarray(_widen(outline, reach)[top:bottom, left:right])
    part = np.ascontiguousarray(image.pixels[top:bottom, left:right])
    joints, confidence = network.find_joints(part, figure)
    joints = joints + np.array([left, top])
    if outline is not None and has_torso(confidence):
        from dancegen.people.network.outline import follow_outline, unexplained

        finer, sure = network.find_finer(part, figure)
        finer = finer + np.array([left, top])
        if has_torso(sure) and unexplained(finer, outline) < unexplained(joints, outline):
            joints, confidence = finer, sure
        joints = follow_outline(joints, confidence, outline)
    return joints.astype(np.float32), confidence.astype(np.float32)


def _look(image: ConditionalImage, network: SubjectNetwork) -> Detection | None:
    joints, confidence = network_joints(image, network)
    found = Detection(joints, confidence, None, "network")
    if has_torso(confidence) and certainty(found) > LEAST_CONFIDENCE:
        return None if implausibility(joints, confidence, image.size) else found
    if float(np.mean(confidence[list(J.FACE_JOINTS)])) < LEAST_FACE or float(np.mean(confidence[LEGS])) > LEAST_JOINT:
        return None  # nobody, or a vague figure from head to foot
    seen = np.where(confidence < LEAST_JOINT, 0, confidence)
    seen[[J.R_HIP, J.L_HIP]] = 0  # no more than a bust: they are a guess
    return Detection(joints, seen, None, "network")


def _look_at(image: ConditionalImage, box: tuple[int, int, int, int], network: SubjectNetwork) -> Detection | None:
    """Who is seen in a part of the picture."""
    left, top, right, bottom = box
    found = _look(ConditionalImage(image.path, np.ascontiguousarray(image.pixels[top:bottom, left:right])), network)
    return found and replace(found, joints=found.joints + np.array([left, top], np.float32))


def _cover(pixels: np.ndarray, found: Detection, network: SubjectNetwork) -> np.ndarray:
    """(H, W) float32: the person's mask and what lies close to their limbs."""
    mask = network.segment(pixels, found.joints, found.confidence).mask
    near = found.distance((pixels.shape[1], pixels.shape[0])) < COVER
    return np.maximum(mask, near).astype(np.float32)


def _is_another(people: list[Detection], new: Detection, cover: np.ndarray) -> bool:
    """Whether a further look found somebody else of comparable size, not what was left of these people."""
    if not has_torso(new.confidence) or certainty(new) < OTHER_CONFIDENCE:
        return False
    height, width = cover.shape
    places = np.clip(new.joints, 0, (width - 1, height - 1)).astype(int)
    on_others = float((cover[places[:, 1], places[:, 0]] > 0.5).mean())
    return on_others < OTHER_APART and _height(new) > OTHER_HEIGHT * max(_height(person) for person in people)


def _height(found: Detection) -> float:
    return float(body_height(found.joints.astype(np.float64)))


def _figure(image: ConditionalImage) -> np.ndarray | None:
    """(H, W) bool: the largest thing on a flat background; None where the background is not flat."""
    small, _ = limit_size(image.pixels, OUTLINE_SIDE)
    outline = flat_outline(small)
    if outline is None:
        return None
    full = Image.fromarray(outline).resize(image.size, Image.Resampling.NEAREST)
    return np.asarray(full, bool)


def _figure_box(figure: np.ndarray) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of what the network looks at: the figure with room around it."""
    height, width = figure.shape
    rows, columns = np.flatnonzero(figure.any(axis=1)), np.flatnonzero(figure.any(axis=0))
    room = 0.2 * max(np.ptp(rows), np.ptp(columns))
    left, top = max(int(columns[0] - room), 0), max(int(rows[0] - room), 0)
    return left, top, min(int(columns[-1] + room) + 1, width), min(int(rows[-1] + room) + 1, height)


def _widen(figure: np.ndarray, by: int) -> np.ndarray:
    """Each pixel (H, W) bool whether one of the figure's is within `by` px in rows and columns."""
    return np.asarray(
        maximum_filter1d(maximum_filter1d(figure.astype(np.uint8), 2 * by + 1, axis=0), 2 * by + 1, axis=1) > 0
    )
