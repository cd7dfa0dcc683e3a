"""Finds the people of the picture: joints by the first detector that sees somebody, then the best mask there is."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dancegen import registry
from dancegen.body import joints as J
from dancegen.body.joints import L_ANKLE, L_KNEE, R_ANKLE, R_KNEE
from dancegen.errors import DancegenError
from dancegen.images.picture import ConditionalImage
from dancegen.people.choose import check_choice, choose_people
from dancegen.people.detectors import mediapipe as mediapipe_detector
from dancegen.people.detectors.base import Detector
from dancegen.people.located import Detection, LocatedBody, has_torso, missing_joints
from dancegen.people.masks.mask import person_mask
from dancegen.progress import Reporter, SilentReporter

if TYPE_CHECKING:
    from dancegen.people.network.network import SubjectNetwork

# Below this mediapipe's people are wrong more often than the network's, where it is sure (numbers: the subject's card).
MEDIAPIPE_SURE = 0.88
REVERSED = 0.06  # heights that the right hip is to the right of the left one in a back: half of what it is at most
SAME_PERSON = 0.06  # mean distance of the joints of two detectors that see one person, as a share of its extent


def find_people(
    picture: ConditionalImage,
    *,
    network: Callable[[], SubjectNetwork] | None = None,
    choice: str = "largest",
    detector: Detector | None = None,
    pose_file: Path | str | None = None,
    mask_file: Path | str | None = None,
    reporter: Reporter | None = None,
) -> list[LocatedBody]:
    """The people of the picture who are meant, the largest first: at least one.

    Joints come from `pose_file`, else from `detector`, else from DWPose where it was downloaded, else from mediapipe
    where it is installed, each where it sees somebody, else from the network; from the network too where mediapipe is
    not sure and it is. The mask comes from `mask_file`, else from the best of what transparency, a flat background,
    mediapipe and the network say (`mask.person_mask`).

    Args:
        network: loads the network, where it is asked; it also segments, and without it masks are grown from the limbs
            where nobody knows better.
        choice: see `choose.choose_people`.
        detector: the only one to ask.
        mask_file: for one person.

    Raises:
        DancegenError: nobody found, only a face in the picture, nobody of that choice, or a bad file.
    """
    check_choice(choice)
    reporter = reporter or SilentReporter()
    for note in picture.notes:
        reporter.note(note)
    if pose_file:
        from dancegen.people.pose_file import read_people

        people, where = read_people(pose_file, picture), f"the pose file {pose_file}"
    else:
        people, where = _detect(picture, network, detector, reporter), str(picture.path)
        people = [face_viewer(person) for person in people]
    choose_people(people, choice, where)  # refuses what nobody is before masks are looked for
    people = people if mask_file else _with_masks(people, picture)
    chosen = choose_people(people, choice, where)
    if choice == "largest" and len(people) > 1:
        reporter.note(f"there are {len(people)} people in {where}: the largest is taken (--people chooses)")
    if choice == "all":  # a face at the side is left out; alone, it is told what it lacks
        chosen = [person for person in chosen if has_torso(person.confidence)] or chosen
    for person in chosen:
        _check_body(person, picture, reporter)
    if mask_file:
        from dancegen.people.pose_file import read_mask

        if len(chosen) > 1:
            raise DancegenError(
                f"--mask is the outline of one person, not of {len(chosen)}", "choose one with --people"
            )
        found = [_locate(chosen[0], picture, read_mask(mask_file, picture), "mask file")]
        return _number_people(found, chosen, people)
    bodies = [person for person in people if has_torso(person.confidence)]
    found = [
        _locate(one, picture, *person_mask(picture, one, network, [other for other in bodies if other is not one]))
        for one in chosen
    ]
    return _number_people(found, chosen, people)


def _number_people(
    found: Sequence[LocatedBody], chosen: Sequence[Detection], people: Sequence[Detection]
) -> list[LocatedBody]:
    """Those found with the numbers that the chosen have among all people."""
    order = choose_people(people, "all")
    places = [next(place for place, other in enumerate(order, 1) if other is one) for one in chosen]
    return [replace(body, number=place, among=len(people)) for body, place in zip(found, places, strict=True)]


def _locate(found: Detection, picture: ConditionalImage, mask: np.ndarray, source: str) -> LocatedBody:
    who = f"{found.detector}, mask: {source}"
    return LocatedBody(picture, found.joints, found.confidence, mask, who, found.depth, found.knuckles)


def _detect(
    picture: ConditionalImage,
    network: Callable[[], SubjectNetwork] | None,
    detector: Detector | None,
    reporter: Reporter,
) -> list[Detection]:
    """The people whom the first detector sees that sees any."""
    if detector is not None:
        found = detector.find(picture)
    else:
        found = _by_dwpose(picture, reporter) or _by_mediapipe(picture, network)
        if not found and network is not None:
            from dancegen.people.detectors import embedded

            found = embedded.find_all(picture, network())
    if found:
        return found
    remedy = "use a picture that shows one person from head to foot, or give their joints with --pose FILE"
    if better := better_detector():
        remedy += f"; {better}"
    raise DancegenError(f"no person was found in {picture.path}", remedy)


def face_viewer(found: Detection) -> Detection:
    """A person seen from behind with left and right exchanged, so that what the picture shows of them is their front.

    Whoever is drawn dancing shows the side that the picture shows. Detectors are often of two minds about a back: the
    hips decide, which are wide apart and seldom turned alone, and shoulders that contradict them are exchanged too.
    """
    if not has_torso(found.confidence) or not found.confidence[[J.R_HIP, J.L_HIP]].all():
        return found
    least = REVERSED * found.height
    if found.joints[J.L_HIP, 0] - found.joints[J.R_HIP, 0] > -least:
        return found
    order = np.array(J.MIRROR)
    if found.joints[J.L_SHOULDER, 0] - found.joints[J.R_SHOULDER, 0] > least:
        order[[J.R_SHOULDER, J.L_SHOULDER]] = J.R_SHOULDER, J.L_SHOULDER
    depth = None if found.depth is None else found.depth[order]
    knuckles = None if found.knuckles is None else found.knuckles[::-1]
    return replace(
        found, joints=found.joints[order], confidence=found.confidence[order], depth=depth, knuckles=knuckles
    )


def better_detector() -> str:
    """What finds the limbs of photos better than the network that comes with dancegen, where it is alone; else ""."""
    if not all(registry.backend("detector", name).missing for name in ("mediapipe", "dwpose")):
        return ""
    extra = "mediapipe" if sys.version_info < (3, 13) else "dwpose"  # mediapipe has no wheel for newer ones
    return f"for photos, pip install 'dancegen[{extra}]' helps"


def _by_dwpose(picture: ConditionalImage, reporter: Reporter) -> list[Detection]:
    """DWPose's people where its models are on this machine, and what runs them."""
    if registry.backend("detector", "dwpose").missing:
        return []
    from dancegen.people.detectors import dwpose

    models = dwpose.dwpose_models(reporter=reporter)
    return dwpose.DWPoseDetector(models).find(picture) if models else []


def _by_mediapipe(picture: ConditionalImage, network: Callable[[], SubjectNetwork] | None) -> list[Detection]:
    """mediapipe's people; the network's where mediapipe is not sure of a whole person and the network is: drawings."""
    if not mediapipe_detector.is_available():
        return []
    found = mediapipe_detector.find_all(picture.pixels)
    if not found or network is None:
        return found
    largest = max(found, key=lambda person: person.extent)
    if (largest.confidence <= 0).any() or mediapipe_detector.certainty(largest) > MEDIAPIPE_SURE:
        return found
    from dancegen.people.detectors import embedded

    others = embedded.find_all(picture, network())
    if not others:
        return found
    other = max(others, key=lambda person: person.extent)
    return others if embedded.outdoes(other, largest) else found


def _with_masks(people: list[Detection], picture: ConditionalImage) -> list[Detection]:
    """The people with mediapipe's masks, the best on photos, where only others saw the joints and it sees the same.

    The network is asked only where mediapipe, if it is there, saw nobody or was not sure: it is not asked again.
    """
    done = picture.alpha is not None or all(one.mask is not None or one.detector == "network" for one in people)
    if done or not mediapipe_detector.is_available():
        return people
    seen = mediapipe_detector.find_all(picture.pixels)
    return [_with_mask(person, seen) if person.mask is None else person for person in people]


def _with_mask(person: Detection, seen: Sequence[Detection]) -> Detection:
    """A person with the mask of that one of `seen` who is the same, if one is."""
    for other in seen:
        both = (person.confidence > 0) & (other.confidence > 0)
        if both.sum() < 8:
            continue
        apart = float(np.linalg.norm(person.joints - other.joints, axis=1)[both].mean())
        if apart < SAME_PERSON * float(np.ptp(person.joints[both], axis=0).max()):
            space: dict[str, Any] = {"depth": other.depth, "knuckles": other.knuckles}
            return replace(person, mask=other.mask, mask_detector=other.detector, **space)
    return person


def _check_body(found: Detection, picture: ConditionalImage, reporter: Reporter) -> None:
    """Refuses a face without a body, and says which limbs are not in the picture."""
    missing = missing_joints(found.confidence)
    if not has_torso(found.confidence):
        raise DancegenError(
            f"{picture.path} shows only a part of the person; not in the picture: {', '.join(missing)}",
            "use a picture that shows the person at least down to the hips, better to the feet, or give the joints"
            " with --pose FILE",
        )
    legs = [j for j in (R_KNEE, L_KNEE, R_ANKLE, L_ANKLE) if found.confidence[j] <= 0]
    if legs:
        reporter.note(f"not in the picture, and so not in the video: {', '.join(missing)}")
