"""The dance on the picture's people, as each animator's own tools would have drawn it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from dancegen.body import joints as J
from dancegen.body.draw import Look, draw_skeleton
from dancegen.body.draw_parts import draw_face, draw_hand
from dancegen.body.joints import body_height
from dancegen.body.retarget import retarget
from dancegen.body.sequence import SkeletonSequence
from dancegen.people.located import LocatedBody

SHORT = 0.02  # body heights: of a forearm that points at us the direction in the picture says nothing
SIDES = ((J.L_ELBOW, J.L_WRIST), (J.R_ELBOW, J.R_WRIST))  # in the order of `SkeletonSequence.hands`


@dataclass(frozen=True)
class Drawing:
    """How poses are drawn.

    Attributes:
        look: of body and head.
        finger: half width of a finger's bone, pixels; fingers are drawn where the dance has them.
        fingertip: radius of a hand's points, pixels.
        face: radius of the points of a face, pixels; 0 leaves faces out.
    """

    look: Look
    finger: float
    fingertip: float
    face: float = 0.0


def place(dance: SkeletonSequence, person: LocatedBody, fps: float) -> SkeletonSequence:
    """A canonical dance at another rate on a person's body, in pixels of their picture, with its hands."""
    sampled = dance.resample(fps, max(1, round(dance.seconds * fps)))
    placed = retarget(sampled, person.joints, person.confidence, person.picture.size)
    return replace(placed, hands=carry_hands(sampled, placed))


def carry_hands(dance: SkeletonSequence, placed: SkeletonSequence) -> np.ndarray | None:
    """The hands of a canonical dance at the wrists of the placed one, turned and scaled with it: (T, 2, HAND, 3)."""
    if dance.hands is None:
        return None
    sizes = [float(np.median(body_height(one.joints))) for one in (placed, dance)]
    scale = sizes[0] / max(sizes[1], 1e-6)
    out = np.zeros_like(dance.hands)
    for side, (elbow, wrist) in enumerate(SIDES):
        before, after = (
            (one.joints[:, wrist, :2] - one.joints[:, elbow, :2]) @ (1, 1j) for one in (dance, placed)
        )  # (T,) complex
        sure = (np.abs(before) > SHORT * sizes[1]) & (np.abs(after) > SHORT * sizes[0])
        turn = np.where(sure, np.exp(1j * (np.angle(after) - np.angle(before))), 1)[:, None]  # (T, 1)
        points = (dance.hands[:, side, :, :2] - dance.joints[:, wrist, None, :2]) @ (1, 1j) * scale * turn  # (T, HAND)
        seen = dance.hands[:, side, :, 2] * (placed.confidence[:, wrist, None] > 0)
        places = np.stack([points.real, points.imag], axis=-1) + placed.joints[:, wrist, None, :2]
        out[:, side] = np.where(seen[..., None] > 0, np.concatenate([places, seen[..., None]], axis=-1), 0)
    return out


def draw(size: tuple[int, int], poses: Sequence[SkeletonSequence], drawing: Drawing) -> Iterator[np.ndarray]:
    """Poses of several people, in pixels of the frame (w, h), on black: uint8 (h, w, 3) each."""
    black = np.zeros((size[1], size[0], 3), np.uint8)
    for number in range(len(poses[0])):
        frame = black
        for one in poses:
            frame = draw_skeleton(frame, one.joints[number], one.confidence[number], drawing.look)
        for one in poses:
            for hand in () if one.hands is None else one.hands[number]:
                draw_hand(frame, hand, drawing.finger, drawing.fingertip)
            if drawing.face and one.face is not None:
                draw_face(frame, one.face[number], drawing.face)
        yield frame


def ease_in(poses: SkeletonSequence, joints: np.ndarray, confidence: np.ndarray, count: int) -> SkeletonSequence:
    """Poses that begin with the picture's own joints (V, 2) and are the dance's after `count` of them."""
    share = np.clip(np.arange(len(poses)) / count, 0, 1)
    share = (share * share * (3 - 2 * share))[:, None, None]  # (T, 1, 1), no jerk at either end
    eased = poses.joints.copy()
    eased[..., :2] = (1 - share) * joints + share * eased[..., :2]
    seen = poses.confidence.copy()
    seen[0] = np.minimum(seen[0], confidence > 0)
    hands = poses.hands
    if hands is not None:
        moved = np.stack([eased[:, wrist, :2] - poses.joints[:, wrist, :2] for _, wrist in SIDES], axis=1)  # (T, 2, 2)
        hands = hands.copy()
        hands[..., :2] += np.where(hands[..., 2:] > 0, moved[:, :, None], 0)
    return replace(poses, joints=eased, confidence=seen, hands=hands)


def hold(poses: SkeletonSequence, count: int) -> SkeletonSequence:
    """The first `count` poses; the last one again and again where there are fewer."""
    return poses.at(np.minimum(np.arange(count), len(poses) - 1))
