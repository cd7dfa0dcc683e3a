"""How far a dance turns from the camera: hardly, half, or all round.

A picture shows one side of a person, so that most pictures bear no more than a half turn to the side. How much of the
dancer's own turning is kept is said by a level: 0 none, 0.5 within WIDE with the head spotting the camera, 1 all of it,
brought back to the camera at the end of each phrase.

Glossary: T poses, L = 17 bones (the order of `joints.BONES`).
"""

from __future__ import annotations

import numpy as np

from dancegen.body.sequence import BONE_LENGTHS, over_blocks

SOFT, LIMIT = np.radians(25.0), np.radians(36.0)  # turns up to SOFT are left alone, none passes LIMIT
WIDE = np.radians(60.0)  # at level 0.5
WHOLE = 1.0  # the level from which on turns are whole
SWAY_SECONDS = 2.5
HEAD_BONES = (12, 13, 14, 15, 16)
R_SHOULDER_LIMB, L_SHOULDER_LIMB, R_HIP_LIMB, L_HIP_LIMB = 0, 1, 6, 9  # all from the neck


def yaw(directions: np.ndarray) -> np.ndarray:
    """The angle (T,) in radians by which the body, hips more than shoulders, is turned from the camera; (T, L, 3)."""
    shoulders = BONE_LENGTHS[R_SHOULDER_LIMB] * (directions[:, R_SHOULDER_LIMB] - directions[:, L_SHOULDER_LIMB])
    hips = BONE_LENGTHS[R_HIP_LIMB] * (directions[:, R_HIP_LIMB] - directions[:, L_HIP_LIMB])
    right = 0.5 * shoulders + hips  # (T, 3), as `motion.body_yaw` measures it
    return np.arctan2(right[:, 2], -right[:, 0])


def face_camera(directions: np.ndarray, limit: float = LIMIT) -> np.ndarray:
    """Turn the body back about the vertical where it turns too far: (T, L, 3) -> (T, L, 3) float32."""
    angle = yaw(directions)
    return turn_directions(directions, soften(angle, limit) - angle)


def soften(angle: np.ndarray, limit: float) -> np.ndarray:
    """Angles (T,) as they are where they are small, and none beyond `limit`."""
    soft = limit * SOFT / LIMIT
    beyond = np.maximum(np.abs(angle) - soft, 0) / (limit - soft)
    kept: np.ndarray = np.sign(angle) * (np.minimum(np.abs(angle), soft) + (limit - soft) * np.tanh(beyond))
    return kept


def turn_directions(directions: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """Directions (T, L, 3) about the vertical by `angle` (T,) radians, in the sense of `yaw`."""
    cosine, sine = np.cos(angle)[:, None], np.sin(angle)[:, None]  # (T, 1)
    x, y, z = np.moveaxis(directions, -1, 0)  # (T, L) each
    return np.stack([x * cosine + z * sine, y, z * cosine - x * sine], axis=-1).astype(np.float32)


def face(directions: np.ndarray, rate: np.ndarray, fps: float, level: float, phrase_ends: np.ndarray) -> np.ndarray:
    """Let a dance turn as far as `level` says.

    Args:
        directions: (T, L, 3), straightened; changed in place.
        rate: (T,) radians per second of the dancer's own slow turning, in the sense of `yaw`.
        fps: poses a second.
        level: 0, 0.5 or 1; between them the turning grows evenly.
        phrase_ends: (Q,) poses at which phrases end, where a dance that turns whole turns faces the camera again.

    Returns:
        Directions (T, L, 3).
    """
    if level <= 0:
        return over_blocks(face_camera, directions)
    if level < WHOLE:
        limit = LIMIT + (WIDE - LIMIT) * min(level / 0.5, 1)

        def turn_half(part: np.ndarray, angle: np.ndarray) -> np.ndarray:
            wide = face_camera(turn_directions(part, angle), limit)
            return spot(wide, face_camera(part), min(level / 0.5, 1))

        return over_blocks(turn_half, directions, swaying(rate, fps, limit - LIMIT))
    from dancegen.choreographers.finish.turning import whole_turns

    angle = whole_turns(rate, fps, phrase_ends)
    return over_blocks(lambda part, turn: turn_directions(face_camera(part), turn), directions, angle)


def swaying(rate: np.ndarray, fps: float, reach: float) -> np.ndarray:
    """A turn (T,) that follows `rate` and is forgotten in SWAY_SECONDS, within `reach`."""
    keep, angle, out = 1 - 1 / (SWAY_SECONDS * fps), 0.0, np.zeros(len(rate))
    for t, speed in enumerate(rate):
        angle = keep * angle + float(speed) / fps
        out[t] = angle
    return reach * np.tanh(out / max(reach, 1e-3))


def spot(directions: np.ndarray, front: np.ndarray, share: float) -> np.ndarray:
    """The head as it would look at the camera from a body that is not turned: `share` 1 all, 0 with the body."""
    out = directions.copy()
    head = directions[:, HEAD_BONES] * (1 - share) + front[:, HEAD_BONES] * share
    out[:, HEAD_BONES] = head / np.maximum(np.linalg.norm(head, axis=-1, keepdims=True), 1e-6)
    return out
