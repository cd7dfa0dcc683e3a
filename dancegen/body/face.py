"""The subject's own face on the dance's head: rigid, tilting with the dance; it turns a little, or all round.

Nothing of a flat face is seen from the side. So as long as a body faces the camera the head turns less than the
dancer's; once a body turns away, only a figure with depth will show it, and its head goes with it.
"""

from __future__ import annotations

import numpy as np

from dancegen.body import joints as J

TURN = 0.5  # share of the dance's turn and nod that a flat face can show
LARGEST_TURN = np.radians(20)
FACING, AWAY = np.radians(40), np.radians(20)  # from where on, and over what, a body turns away from the camera
NECK_TWIST = np.radians(55)  # of a head against its body, reached softly
LARGEST_TILT = np.radians(35)  # reached softly
EARS_AHEAD, NOSE_AHEAD = 0.011, 0.078  # body heights that ears are before the neck, and the nose's tip before them
# Depth of the face points on the way from the ears to the nose's tip.
DEPTH = {J.NOSE: -1.0, J.R_EYE: -0.7, J.L_EYE: -0.7, J.R_EAR: 0.0, J.L_EAR: 0.0}


def turn_face(
    motion: np.ndarray, points: np.ndarray, seen: np.ndarray, height: float, usual: float | None
) -> np.ndarray:
    """Offsets of the face points from the neck.

    Args:
        motion: the dance, (T, V, 3), y down.
        points: (V, 2) pixels, the subject's pose.
        seen: (V,) bool; the neck is.
        height: the subject's body height in pixels, for faces that are not seen.
        usual: the dance's usual `nod`; None for a dance without depth.

    Returns:
        (T, 5, 3) pixels, in the order of `FACE_JOINTS`.
    """
    offset = _untilt(flat_face(points, seen, height), seen)  # (5, 2), in the picture, untilted
    width = 0.06 * height
    depth = np.array([DEPTH[j] for j in J.FACE_JOINTS]) * width * (usual is not None)  # (5,)
    roll, turn, bow = _angles(motion, usual)  # (T,) each
    middle = offset.mean(axis=0)
    local = np.concatenate([offset - middle, (depth - depth.mean())[:, None]], axis=1)  # (5, 3)
    x = local[:, 0] * np.cos(turn)[:, None] - local[:, 2] * np.sin(turn)[:, None]  # (T, 5)
    z = local[:, 0] * np.sin(turn)[:, None] + local[:, 2] * np.cos(turn)[:, None]
    y = local[:, 1] * np.cos(bow)[:, None] - z * np.sin(bow)[:, None]
    x, y = x + middle[0], y + middle[1]
    cos, sin = np.cos(roll)[:, None], np.sin(roll)[:, None]
    facing = np.stack([x * cos - y * sin, x * sin + y * cos, z], axis=-1)  # (T, 5, 3)
    heading = body_heading(motion)
    share = np.clip((np.abs(heading) - FACING) / AWAY, 0, 1) * (usual is not None)
    if not share.any():
        return facing
    turn = turn + share * (heading + _twist(motion, heading) - turn)
    ahead = NOSE_AHEAD * np.mean(list(DEPTH.values())) - EARS_AHEAD
    away = _turn_round(motion, local, np.append(middle, ahead * height), heading, (turn, bow))
    return facing + share[:, None, None] * (away - facing)


def body_heading(motion: np.ndarray) -> np.ndarray:
    """How far the body (T, V, 3) is turned to the viewer's right, (T,) radians in -pi..pi."""
    across = (motion[:, J.L_SHOULDER] - motion[:, J.R_SHOULDER]) + (motion[:, J.L_HIP] - motion[:, J.R_HIP])
    heading: np.ndarray = np.arctan2(across[:, 2], across[:, 0])
    return heading


def _twist(motion: np.ndarray, heading: np.ndarray) -> np.ndarray:
    """How far the head is turned against the body, which is turned by `heading` (T,): (T,) radians."""
    across = motion[:, J.L_EAR] - motion[:, J.R_EAR]
    twist = (np.arctan2(across[:, 2], across[:, 0]) - heading + np.pi) % (2 * np.pi) - np.pi
    kept: np.ndarray = NECK_TWIST * np.tanh(twist / NECK_TWIST)
    return kept


def _turn_round(
    motion: np.ndarray,
    local: np.ndarray,
    middle: np.ndarray,
    heading: np.ndarray,
    angles: tuple[np.ndarray, np.ndarray],
) -> np.ndarray:
    """The face of a body that turns, with all its depth.

    Args:
        local: (5, 3) around the `middle` (3,) of the face, both from the neck.
        heading: (T,); angles: the head's turn and nod, (T,) each.
    """
    turn, bow = (angle[:, None] for angle in angles)
    ears = _between_ears(motion) - motion[:, J.NECK]
    aside = ears[:, 0] * np.cos(heading) + ears[:, 2] * np.sin(heading)
    roll = LARGEST_TILT * np.tanh(np.arctan2(aside, np.maximum(-ears[:, 1], 0)) / LARGEST_TILT)[:, None]
    level = local[:, 1] * np.cos(bow) - local[:, 2] * np.sin(bow) + middle[1]  # (T, 5)
    z = local[:, 1] * np.sin(bow) + local[:, 2] * np.cos(bow) + middle[2]
    x = (local[:, 0] + middle[0]) * np.cos(roll) - level * np.sin(roll)
    y = (local[:, 0] + middle[0]) * np.sin(roll) + level * np.cos(roll)
    return np.stack([x * np.cos(turn) - z * np.sin(turn), y, x * np.sin(turn) + z * np.cos(turn)], axis=-1)


def flat_face(points: np.ndarray, seen: np.ndarray, height: float) -> np.ndarray:
    """The subject's face points around their neck, (5, 2); usual places where they are not seen."""
    usual = np.array([(0, -0.115), (-0.02, -0.135), (0.02, -0.135), (-0.045, -0.125), (0.045, -0.125)]) * height
    own = points[list(J.FACE_JOINTS)] - points[J.NECK]
    here = seen[list(J.FACE_JOINTS)]
    shift = (own[here] - usual[here]).mean(axis=0) if here.any() else np.zeros(2)
    return np.where(here[:, None], own, usual + shift)


def _untilt(face: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Takes the head's tilt out of the picture's pose, (5, 2) -> (5, 2).

    The lines between the eyes and between the ears say the tilt, also of a head seen half from the side; where they
    are too short to say it (a profile), the axis neck-face does, less the part that a profile explains.
    """
    across = np.zeros(2)
    for right, left in ((J.R_EYE, J.L_EYE), (J.R_EAR, J.L_EAR)):
        if seen[right] and seen[left]:
            across += face[J.FACE_JOINTS.index(left)] - face[J.FACE_JOINTS.index(right)]
    middle = face.mean(axis=0)
    axis = np.arctan2(middle[0], -middle[1])  # 0 = straight up, positive = to the viewer's right
    if np.linalg.norm(across) > 0.3 * np.linalg.norm(middle):
        across = across if across[0] >= 0 else -across  # seen from behind
        tilt = np.clip(np.arctan2(across[1], across[0]), -1.0, 1.0)
    else:
        tilt = np.sign(axis) * max(abs(axis) - 0.35, 0.0)
    cos, sin = np.cos(-tilt), np.sin(-tilt)
    return face @ np.array([[cos, sin], [-sin, cos]])


def nod(motion: np.ndarray) -> np.ndarray:
    """How far the head looks down, radians: (T, V, 3) with depth -> (T,)."""
    ahead = motion[:, J.NOSE] - _between_ears(motion)
    return np.arctan2(ahead[:, 1], np.hypot(ahead[:, 0], ahead[:, 2]))


def _between_ears(motion: np.ndarray) -> np.ndarray:
    return (motion[:, J.R_EAR] + motion[:, J.L_EAR]) / 2


def _angles(motion: np.ndarray, usual: float | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Tilt, turn and nod of the dance's head against its usual posture, radians, (T,) each."""
    axis = _between_ears(motion) - motion[:, J.NECK]  # (T, 3)
    roll = LARGEST_TILT * np.tanh(np.arctan2(axis[:, 0], np.maximum(-axis[:, 1], 0)) / LARGEST_TILT)
    if usual is None:
        return roll, np.zeros_like(roll), np.zeros_like(roll)
    across = motion[:, J.L_EAR] - motion[:, J.R_EAR]
    turn = np.arctan2(across[:, 2], across[:, 0])
    bow = nod(motion) - usual
    limit = LARGEST_TURN / TURN
    return roll, TURN * limit * np.tanh(turn / limit), TURN * limit * np.tanh(bow / limit)
