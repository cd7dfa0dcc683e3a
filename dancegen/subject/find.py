"""Finds the person of the picture: joints by the first detector that sees one, then the best mask there is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dancegen.errors import DancegenError
from dancegen.progress import Reporter, SilentReporter
from dancegen.skeleton.joints import L_ANKLE, L_KNEE, R_ANKLE, R_KNEE
from dancegen.subject import dwpose, mediapipe_detector
from dancegen.subject.detection import Detection, has_torso, implausible, missing_joints
from dancegen.subject.flat import flat_outline
from dancegen.subject.image import ConditionalImage
from dancegen.subject.mask import at_most, person_mask
from dancegen.subject.pose_file import read_mask, read_pose
from dancegen.subject.subject import Subject

if TYPE_CHECKING:
    from dancegen.subject.network import SubjectNetwork

SAME_PERSON = 0.06  # mean distance of the joints of two detectors that see one person, as a share of its extent
OUTLINE_SIDE = 512  # pixels of the longer side on which a figure is cut out of a flat background
LEAST_CONFIDENCE = 0.15  # mean over the torso's joints, below which the embedded network has seen nobody


def find_subject(
    image: ConditionalImage,
    *,
    network: SubjectNetwork | None,
    pose_file: Path | str | None = None,
    mask_file: Path | str | None = None,
    reporter: Reporter | None = None,
) -> Subject:
    """The person of the picture.

    Joints come from `pose_file`, else from DWPose where it was downloaded, else from mediapipe where it is installed,
    each where it sees somebody, else from the network.
    The mask comes from `mask_file`, else from the best of what transparency, a flat background, mediapipe and the
    network say (`mask.person_mask`).

    Raises:
        DancegenError: nobody found, only a face in the picture, or a bad file.
    """
    reporter = reporter or SilentReporter()
    for note in image.notes:
        reporter.note(note)
    found = read_pose(pose_file, image) if pose_file else _detect(image, network, reporter)
    if found.others:
        reporter.note("there is more than one person in the picture: the largest is taken")
    _check_body(found, image, reporter)
    if mask_file:
        mask, source = read_mask(mask_file, image), "mask file"
    else:
        mask, source = person_mask(image, _with_mask(found, image), network)
    return Subject(image, found.joints, found.confidence, mask, f"{found.detector}, mask: {source}")


def _detect(image: ConditionalImage, network: SubjectNetwork | None, reporter: Reporter) -> Detection:
    """The first detector's person."""
    detectors: list[Callable[[], Detection | None]] = [lambda: dwpose.detect(image.pixels, reporter)]
    if mediapipe_detector.available():
        detectors.append(lambda: mediapipe_detector.detect(image.pixels))
    if network is not None:
        detectors.append(lambda: _by_network(image, network))
    for detector in detectors:
        found = detector()
        if found is not None:
            return found
    remedy = "use a picture that shows one person from head to foot, or give their joints with --pose FILE"
    if not mediapipe_detector.available():
        remedy += "; for photos, installing mediapipe helps (dancegen[mediapipe])"
    raise DancegenError(f"no person was found in {image.path}", remedy)


def _with_mask(found: Detection, image: ConditionalImage) -> Detection:
    """The person with mediapipe's mask, the best on photos, where only others saw the joints and it sees the same."""
    if found.mask is not None or image.alpha is not None or not mediapipe_detector.available():
        return found
    other = mediapipe_detector.detect(image.pixels)
    both = (found.confidence > 0) & (other.confidence > 0) if other else np.zeros(len(found.joints), bool)
    if other is None or both.sum() < 8:
        return found
    apart = float(np.linalg.norm(found.joints - other.joints, axis=1)[both].mean())
    same = apart < SAME_PERSON * float(np.ptp(found.joints[both], axis=0).max())
    return replace(found, mask=other.mask, mask_detector=other.detector) if same else found


def _by_network(image: ConditionalImage, network: SubjectNetwork) -> Detection | None:
    """The embedded network's person, drawings included; None where it is not sure of one."""
    joints, confidence = network_joints(image, network)
    torso = [1, 2, 5, 8, 11]
    if float(np.mean(confidence[torso])) < LEAST_CONFIDENCE or implausible(joints, confidence, image.size):
        return None
    return Detection(joints, confidence, None, "network")


def network_joints(image: ConditionalImage, network: SubjectNetwork) -> tuple[np.ndarray, np.ndarray]:
    """Joints (V, 2) px and confidence (V,), float32, by the embedded network alone, however sure it is."""
    left, top, right, bottom = _figure_box(image)
    joints, confidence = network.find_joints(np.ascontiguousarray(image.pixels[top:bottom, left:right]))
    return (joints + np.array([left, top])).astype(np.float32), confidence.astype(np.float32)


def _figure_box(image: ConditionalImage) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of what the network looks at: a small figure on a flat background, or everything."""
    width, height = image.size
    small, scale = at_most(image.pixels, OUTLINE_SIDE)
    outline = flat_outline(small)
    if outline is None:
        return 0, 0, width, height
    rows, columns = np.flatnonzero(outline.any(axis=1)) / scale, np.flatnonzero(outline.any(axis=0)) / scale
    room = 0.2 * max(np.ptp(rows), np.ptp(columns))
    left, top = max(int(columns[0] - room), 0), max(int(rows[0] - room), 0)
    return left, top, min(int(columns[-1] + room) + 1, width), min(int(rows[-1] + room) + 1, height)


def _check_body(found: Detection, image: ConditionalImage, reporter: Reporter) -> None:
    """Refuses a face without a body, and says which limbs are not in the picture."""
    missing = missing_joints(found.confidence)
    if not has_torso(found.confidence):
        raise DancegenError(
            f"{image.path} shows only a part of the person; not in the picture: {', '.join(missing)}",
            "use a picture that shows the person at least down to the hips, better to the feet, or give the joints"
            " with --pose FILE",
        )
    legs = [j for j in (R_KNEE, L_KNEE, R_ANKLE, L_ANKLE) if found.confidence[j] <= 0]
    if legs:
        reporter.note(f"not in the picture, and so not in the video: {', '.join(missing)}")
