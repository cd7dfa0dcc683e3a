"""Keypoints and masks that the user gives (`--pose FILE`, `--mask FILE`), fitted to the picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dancegen.body.joints import NECK, body_height
from dancegen.body.openpose import read_keypoints
from dancegen.body.proportions import usual_places
from dancegen.errors import DancegenError
from dancegen.images.picture import ConditionalImage, open_picture
from dancegen.people.detection import Detection, has_torso, missing_joints


def read_pose(path: Path | str, image: ConditionalImage) -> Detection:
    """The largest person of a keypoint file, in the picture's pixels.

    Coordinates in 0..1 and those of a canvas of the picture's shape but another size are scaled to the picture.

    Raises:
        DancegenError: nobody in the file, coordinates of another picture, no torso, or as `read_keypoints`.
    """
    frame = read_keypoints(path)[0]
    if not len(frame.people) or not (frame.confidence > 0).any():
        raise DancegenError(f"the pose file {path} has no people in it", "give one with the person of the picture")
    width, height = image.size
    scale = (1.0, 1.0)
    if frame.normalised:
        scale = (width, height)
    else:
        canvas = frame.canvas or image.original_size or image.size
        scale = (width / canvas[0], height / canvas[1])
        if abs(scale[0] / scale[1] - 1) > 0.03:
            raise DancegenError(
                f"the pose file {path} is for a picture of {canvas[0]} x {canvas[1]}, this one has {width} x {height}",
                "give the keypoints of this picture",
            )
    sizes = [_extent(person, seen > 0) for person, seen in zip(frame.people, frame.confidence, strict=True)]
    largest = int(np.argmax(sizes))
    joints, confidence = frame.people[largest] * scale, frame.confidence[largest].copy()
    _complete_neck(joints, confidence)
    if not has_torso(confidence):
        missing = ", ".join(missing_joints(confidence))
        raise DancegenError(
            f"the pose file {path} lacks the torso; not given: {missing}", "give at least the neck and the hips"
        )
    seen = confidence > 0
    inside = ((joints >= 0) & (joints <= np.array([width, height]))).all(axis=1)
    if inside[seen].mean() < 0.5:
        raise DancegenError(
            f"most joints of the pose file {path} are outside the picture of {width} x {height}",
            "give the keypoints in pixels of this picture, or with its canvas_width and canvas_height",
        )
    joints = usual_places(joints, confidence)  # OpenPose writes 0, 0 for joints it did not see
    several = sum(size > 0.3 * max(sizes) for size in sizes) > 1
    return Detection(joints.astype(np.float32), confidence.astype(np.float32), None, "pose file", others=several)


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


def _extent(person: np.ndarray, seen: np.ndarray) -> float:
    """How large a person is in the file's unit: by the body where it is whole, else by the spread of the joints."""
    if not seen.any():
        return 0.0
    spread = float(np.ptp(person[seen], axis=0).max())
    return max(spread, float(body_height(person))) if seen.all() else spread


def _complete_neck(joints: np.ndarray, confidence: np.ndarray) -> None:
    """Adds the neck where both shoulders are given (in place)."""
    if confidence[NECK] <= 0 and confidence[2] > 0 and confidence[5] > 0:
        joints[NECK], confidence[NECK] = joints[[2, 5]].mean(axis=0), confidence[[2, 5]].min()
