"""Finds the person of the picture: joints by the first detector that sees one, then the best mask there is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dancegen.body.joints import L_ANKLE, L_KNEE, R_ANKLE, R_KNEE
from dancegen.errors import DancegenError
from dancegen.images.picture import ConditionalImage
from dancegen.people.detection import Detection, has_torso, missing_joints
from dancegen.people.detectors import dwpose
from dancegen.people.detectors import embedded as network_detector
from dancegen.people.detectors import mediapipe as mediapipe_detector
from dancegen.people.masks.mask import person_mask
from dancegen.people.pose_file import read_mask, read_pose
from dancegen.people.subject import Subject
from dancegen.progress import Reporter, SilentReporter

if TYPE_CHECKING:
    from dancegen.people.network.network import SubjectNetwork

# On 84 rendered and drawn people mediapipe missed joints only below 0.83 and the network, above 0.7, hardly any there.
MEDIAPIPE_SURE = 0.82
NETWORK_SURE = 0.7
SAME_PERSON = 0.06  # mean distance of the joints of two detectors that see one person, as a share of its extent


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
    each where it sees somebody, else from the network; from the network too where mediapipe is not sure and it is.
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
        detectors.append(lambda: _by_mediapipe(image, network))
    if network is not None:
        detectors.append(lambda: network_detector.detect(image, network))
    for detector in detectors:
        found = detector()
        if found is not None:
            return found
    remedy = "use a picture that shows one person from head to foot, or give their joints with --pose FILE"
    if not mediapipe_detector.available():
        remedy += "; for photos, installing mediapipe helps (dancegen[mediapipe])"
    raise DancegenError(f"no person was found in {image.path}", remedy)


def _by_mediapipe(image: ConditionalImage, network: SubjectNetwork | None) -> Detection | None:
    """mediapipe's person; the network's where mediapipe is not sure of a whole person and the network is: drawings."""
    found = mediapipe_detector.detect(image.pixels)
    if found is None or network is None or (found.confidence <= 0).any():
        return found
    if mediapipe_detector.certainty(found) > MEDIAPIPE_SURE:
        return found
    other = network_detector.detect(image, network)
    return other if other is not None and network_detector.certainty(other) > NETWORK_SURE else found


def _with_mask(found: Detection, image: ConditionalImage) -> Detection:
    """The person with mediapipe's mask, the best on photos, where only others saw the joints and it sees the same.

    The network is asked only where mediapipe, if it is there, saw nobody or was not sure: it is not asked again.
    """
    if found.mask is not None or image.alpha is not None or found.detector == "network":
        return found
    if not mediapipe_detector.available():
        return found
    other = mediapipe_detector.detect(image.pixels)
    both = (found.confidence > 0) & (other.confidence > 0) if other else np.zeros(len(found.joints), bool)
    if other is None or both.sum() < 8:
        return found
    apart = float(np.linalg.norm(found.joints - other.joints, axis=1)[both].mean())
    same = apart < SAME_PERSON * float(np.ptp(found.joints[both], axis=0).max())
    return replace(found, mask=other.mask, mask_detector=other.detector) if same else found


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
