"""Keypoints and masks that the user gives (`--pose FILE`, `--mask FILE`), fitted to the picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dancegen.body.joints import NECK
from dancegen.body.keypoints import KeypointFrame, read_keypoints
from dancegen.errors import DancegenError
from dancegen.images.picture import ConditionalImage, open_picture
from dancegen.people.located import Detection, has_torso, missing_joints


def read_people(path: Path | str, image: ConditionalImage) -> list[Detection]:
    """The people of a keypoint file who have a torso, the largest first, in the picture's pixels.

    Of a clip, those of the first frame that has any.

    Coordinates in 0..1 and those of a canvas of the picture's shape but another size are scaled to the picture.

    Raises:
        DancegenError: nobody in the file, coordinates of another picture, no torso, or as `read_keypoints`.
    """
    frames = read_keypoints(path)
    frame = next((frame for frame in frames if any(person.seen for person in frame.persons)), frames[0])
    scale = _scale(path, frame, image)
    given = [
        _complete_neck(joints * scale, confidence)
        for joints, confidence in zip(frame.people, frame.confidence, strict=True)
        if (confidence > 0).any()
    ]
    if not given:
        raise DancegenError(f"the pose file {path} has no people in it", "give one with the person of the picture")
    bodies = [person for person in given if has_torso(person.confidence)]
    if not bodies:
        missing = ", ".join(missing_joints(max(given, key=lambda person: person.extent).confidence))
        raise DancegenError(
            f"the pose file {path} lacks the torso; not given: {missing}", "give at least the neck and the hips"
        )
    width, height = image.size
    inside = [person for person in bodies if _share_inside(person, image.size) >= 0.5]
    if not inside:
        raise DancegenError(
            f"most joints of the pose file {path} are outside the picture of {width} x {height}",
            "give the keypoints in pixels of this picture, or with its canvas_width and canvas_height",
        )
    # OpenPose writes 0, 0 for joints it did not see.
    found = [Detection(person.places.astype(np.float32), person.confidence, None, "pose file") for person in inside]
    return sorted(found, key=lambda person: -person.extent)


def _scale(path: Path | str, frame: KeypointFrame, image: ConditionalImage) -> tuple[float, float]:
    """Pixels of the picture per unit of the file, in x and y."""
    width, height = image.size
    if frame.normalised:
        return width, height
    canvas = frame.canvas or image.original_size or image.size
    scale = (width / canvas[0], height / canvas[1])
    if abs(scale[0] / scale[1] - 1) > 0.03:
        raise DancegenError(
            f"the pose file {path} is for a picture of {canvas[0]} x {canvas[1]}, this one has {width} x {height}",
            "give the keypoints of this picture",
        )
    return scale


def _complete_neck(joints: np.ndarray, confidence: np.ndarray) -> Detection:
    """A person of the file, with the neck where both shoulders are given."""
    joints, confidence = joints.copy(), confidence.astype(np.float32)
    if confidence[NECK] <= 0 and confidence[2] > 0 and confidence[5] > 0:
        joints[NECK], confidence[NECK] = joints[[2, 5]].mean(axis=0), confidence[[2, 5]].min()
    return Detection(joints, confidence, None, "pose file")


def _share_inside(person: Detection, size: tuple[int, int]) -> float:
    """The share of the joints that lie in a picture of `size` (W, H)."""
    points = person.joints[person.confidence > 0]
    return float(((points >= 0) & (points <= np.array(size))).all(axis=1).mean())


def read_mask(path: Path | str, image: ConditionalImage) -> np.ndarray:
    """A mask picture as float32 (H, W) in 0..1: white (or opaque) = person; scaled where its shape is the picture's.

    Raises:
        DancegenError: of another shape, all black, or as `open_picture`.
    """
    from PIL import Image

    opened = open_picture(path)
    grey = np.asarray(Image.fromarray(opened.pixels).convert("L"), np.float32) / 255
    if opened.alpha is not None:
        grey = opened.alpha
    width, height = image.size
    if abs((opened.size[0] / opened.size[1]) / (width / height) - 1) > 0.03:
        raise DancegenError(
            f"the mask {path} has {opened.size[0]} x {opened.size[1]} pixels, the picture {width} x {height}",
            "give a mask of the picture's size",
        )
    if opened.size != image.size:
        resized = Image.fromarray(grey).resize((width, height), Image.Resampling.BILINEAR)
        grey = np.asarray(resized, np.float32)
    if float(grey.max()) < 0.5:
        raise DancegenError(f"the mask {path} is empty", "paint the person white on black")
    return np.clip(grey, 0, 1)
