"""The face video that Wan-Animate reads: the picture's own face, turned and moved with the dance's head.

Source: Wan-Video/Wan2.2, wan/modules/animate/preprocess (`get_face_bboxes`): the box around the points of the face, its
area made 1.3 times as large, most of that above; stretched to 512 x 512.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from PIL import Image

from dancegen.body import joints as J
from dancegen.body.sequence import SkeletonSequence
from dancegen.people.located import LocatedBody

SIDE = 512  # pixels of the video
AREA = 1.3  # of the box, times that of the face
# The outline of a face as face detectors mark it, in distances between the eyes: x along them, y toward the chin.
OUTLINE = np.array(
    [(-1.25, 0), (1.25, 0), (-1.15, 0.9), (1.15, 0.9), (-0.6, 1.7), (0.6, 1.7), (0, 1.95), (-0.75, -0.5), (0.75, -0.5)]
)
EARS = 0.42  # distance of the eyes, in that of the ears: of a face that is turned the eyes seem near each other
ASIDE = 0.5  # the same, in the distance from the nose to an ear: of a face from the side the ears seem near as well


def face_frames(person: LocatedBody, poses: SkeletonSequence, size: tuple[int, int]) -> Iterator[np.ndarray]:
    """One uint8 (SIDE, SIDE, 3) a pose; black, which the model takes for no face, where none shows.

    Args:
        person: of the picture.
        poses: theirs, in pixels of the frame.
        size: (w, h) of the frame, pixels.
    """
    seen = [joint for joint in J.FACE_JOINTS if person.confidence[joint] > 0]
    black = np.zeros((SIDE, SIDE, 3), np.uint8)
    if not {J.R_EYE, J.L_EYE} <= set(seen):
        for _ in range(len(poses)):
            yield black
        return
    picture = Image.fromarray(person.picture.pixels)
    own = person.joints[seen, :2].astype(np.float64) @ (1, 1j)  # (N,) complex
    outline = _outline(person)
    backs = poses.joints[:, J.R_SHOULDER, 0] > poses.joints[:, J.L_SHOULDER, 0]  # (T,) turned away from us
    for joints, back in zip(poses.joints, backs, strict=True):
        if back:
            yield black
            continue
        turn, shift = _similarity(own, joints[seen, :2].astype(np.float64) @ (1, 1j))
        placed = turn * outline + shift
        left, top, right, bottom = _box(np.stack([placed.real, placed.imag], axis=1), size)
        if right - left < 2 or bottom - top < 2:
            yield black
            continue
        # A pixel (u, v) of the video lies at left + u * wide, top + v * high in the frame.
        wide, high = (right - left) / SIDE, (bottom - top) / SIDE
        corner = (left + 1j * top - shift) / turn
        across, down = wide / turn, 1j * high / turn
        back = (across.real, down.real, corner.real, across.imag, down.imag, corner.imag)
        yield np.asarray(picture.transform((SIDE, SIDE), Image.Transform.AFFINE, back, Image.Resampling.BILINEAR))


def _outline(person: LocatedBody) -> np.ndarray:
    """The outline of the picture's face, complex (N,), pixels of the picture."""
    right, left = (person.joints[joint, :2].astype(np.float64) @ (1, 1j) for joint in (J.R_EYE, J.L_EYE))
    unit = left - right
    nose = person.joints[J.NOSE, :2].astype(np.float64) @ (1, 1j)
    ears = [
        person.joints[ear, :2].astype(np.float64) @ (1, 1j) for ear in (J.R_EAR, J.L_EAR) if person.confidence[ear] > 0
    ]
    aside = [ASIDE * abs(ear - nose) for ear in ears if person.confidence[J.NOSE] > 0]
    wide = max([EARS * abs(ears[0] - ears[-1]) if ears else 0.0, *aside])
    unit *= max(1.0, float(wide) / max(float(abs(unit)), 1e-6))
    mirrored = (
        person.confidence[J.NOSE] > 0 and ((nose - (left + right) / 2) / unit).imag < 0
    )  # eyes the other way round
    return (left + right) / 2 + unit * (OUTLINE @ (1, -1j if mirrored else 1j))


def _similarity(before: np.ndarray, after: np.ndarray) -> tuple[complex, complex]:
    """Turn and shift (complex) that bring points nearest to others: after = turn * before + shift."""
    middle, to = before.mean(), after.mean()
    spread = float((np.abs(before - middle) ** 2).sum())
    turn = complex((np.conj(before - middle) * (after - to)).sum() / max(spread, 1e-9))
    turn = turn if abs(turn) > 1e-3 else 1e-3 + 0j
    return turn, complex(to - turn * middle)


def _box(points: np.ndarray, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Left, top, right, bottom around points (N, 2), as the source widens it, inside the frame."""
    (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
    grow = np.sqrt(AREA) - 1
    aside, above = (right - left) * grow / 2, (bottom - top) * grow / 4
    left, right = max(left - aside, 0), min(right + aside, size[0])
    top, bottom = max(top - 3 * above, 0), min(bottom + above, size[1])
    return int(left), int(top), int(right), int(bottom)
