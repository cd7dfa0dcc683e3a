"""Where a dance begins, rests and ends: standing before the first beat and in silence, a finished pose at the end.

All on limb directions, so that bones keep their lengths. Who stands breathes and sways; in the bar before the first
beat the knees count it in. The last pose is put together of arms and legs that suit the styles, by the seed and by what
was danced.

Glossary: T poses, L = 17 bones (the order of `joints.BONES`), E silent stretches.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dancegen.body.joints import BONE_MIRROR, L_ANKLE, R_ANKLE
from dancegen.body.sequence import ANKLE_HEIGHT, over_blocks, place_joints

BEGIN_BEATS = 3.0  # in which a dance grows out of standing
BEGIN_BEATS_SHORT = 1.0  # likewise where there is no time to lose
REST_SECONDS = 1.0  # in which a dancer comes to rest when the music stops
WAKE_SECONDS = 0.8  # in which it goes on
FINISH_BEATS = 2.0  # in which the last pose is reached
HOLD_SHARE, LEAST_HOLD, MOST_HOLD = 0.04, 0.4, 1.0  # how long a last pose is held: of the dance, seconds, seconds
SHORT = 8.0  # seconds; a shorter dance has no time to grow slowly
SHORTEST = 4.0  # seconds; a shorter dance has no last pose
BREATH_SECONDS, BREATH = 4.0, 0.03  # a breath, and how far it moves the arms (radians, about)
SWAY_SECONDS, SWAY = 2.6, 0.055  # of the hips over the feet to each side (radians)
BREATH_BEATS, SWAY_BEATS = 8, 4  # likewise where there is a beat: who stands rests on beats too
COUNT_BEATS, COUNT = 4, 0.2  # beats that are counted in with the knees, and how far they bend (radians, about)
OPENING = 0.16  # radians a second by which the arms of a last pose go on opening
ENDINGS = 3  # last poses that come to mind
LOOSE = 0.1  # deviation of a last pose's arms, radians
LEAN, TWIST = np.radians(7.0), np.radians(22.0)  # most that a last pose leans to a side, is turned

Limbs = tuple[tuple[float, float, float], ...]

# One direction a limb, x to the viewer's right, y down, z away: right shoulder, left shoulder, right upper arm and
# forearm, left ones, right hip, thigh, shin, left ones, neck to nose, right eye, ear, left eye, ear. endings.json
# has arms and legs of last poses, and which suit a style.
_HEAD = ((0, -0.9, -0.43), (-0.55, -0.75, 0.36), (-0.6, 0.2, 0.77), (0.55, -0.75, 0.36), (0.6, 0.2, 0.77))
_SHOULDERS = ((-1, 0.06, 0), (1, 0.06, 0))
_R_HIP, _L_HIP = (-0.19, 0.98, 0), (0.19, 0.98, 0)
_STRAIGHT: Limbs = (_R_HIP, (-0.07, 1, -0.05), (-0.03, 1, 0.1), _L_HIP, (0.07, 1, -0.05), (0.03, 1, 0.1))
STANDING: Limbs = (
    *_SHOULDERS,
    *((-0.22, 0.97, 0.03), (-0.1, 0.97, -0.2), (0.22, 0.97, 0.03), (0.1, 0.97, -0.2)),
    *_STRAIGHT,
    *_HEAD,
)
_ARM_LIMBS, _THIGHS, _SHINS = (2, 3, 4, 5), (7, 10), (8, 11)


@dataclass(frozen=True)
class Frame:
    """When a dance does not dance.

    Attributes:
        begin: seconds of the first beat.
        beat: seconds per beat there.
        silences: (E, 2) seconds, begin and end of each silent stretch.
        finish: seconds of the beat on which the last pose is reached; infinite for none.
        last_beat: seconds per beat there.
        counts: whether the beats before `begin` are counted in.
    """

    begin: float
    beat: float
    silences: np.ndarray
    finish: float
    last_beat: float
    counts: bool = False


def rise(at: np.ndarray, begin: float, end: float) -> np.ndarray:
    """0 before `begin`, 1 after `end`, smooth between."""
    share: np.ndarray = np.clip((at - begin) / max(end - begin, 1e-3), 0, 1)
    return share * share * (3 - 2 * share)


def frame_dance(
    directions: np.ndarray, root: np.ndarray, fps: float, frame: Frame, ending: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Let a dance begin, rest and end.

    Args:
        directions: (T, L, 3), changed in place.
        root: (T, 2).
        fps: poses a second.
        frame: when.
        ending: (L, 3) the last pose, see `last_pose`.

    Returns:
        Directions and root, same shapes.
    """
    at = np.arange(len(root)) / fps
    still: np.ndarray = np.zeros(len(at))  # how much it stands
    if frame.begin > 0.1 or len(at) > SHORT * fps:
        beats = BEGIN_BEATS if len(at) > SHORT * fps else BEGIN_BEATS_SHORT
        still = 1 - rise(at, frame.begin - frame.beat / 2, frame.begin + (beats - 0.5) * frame.beat)
    for begin, end in frame.silences:
        asleep = rise(at, begin, begin + REST_SECONDS) * (1 - rise(at, end - 0.1, end - 0.1 + WAKE_SECONDS))
        still = np.maximum(still, asleep)
    directions, root = mix_in(directions, root, np.asarray(STANDING), still, stay_alive(at, frame))
    if np.isfinite(frame.finish):
        done = rise(at, frame.finish - FINISH_BEATS * frame.last_beat, frame.finish)
        life = stay_alive(at, frame)
        life[:, 1], life[:, 2] = 0, OPENING * np.maximum(at - frame.finish + frame.last_beat / 2, 0)
        directions, root = mix_in(directions, root, ending, done, life)
    return directions, root


def hold_seconds(seconds: float) -> float:
    """How long at least the last pose of a dance of `seconds` is held."""
    return float(np.clip(HOLD_SHARE * seconds, LEAST_HOLD, MOST_HOLD))


def last_pose(styles: tuple[str, str], seed: int, before: np.ndarray) -> np.ndarray:
    """A finished pose (L, 3), unit directions: of some that a seed draws, whose legs and arms suit two styles, the one
    nearest to what is danced when it is to be reached, `before` (L, 3)."""
    generator = torch.Generator().manual_seed(seed ^ 0xE4D)
    known = json.loads(Path(__file__).with_name("endings.json").read_text(encoding="utf-8"))
    ideas = [_finish(known, styles, generator) for _ in range(ENDINGS)]
    return max(ideas, key=lambda pose: float((pose * before).sum()))


def _finish(known: dict[str, Any], styles: tuple[str, str], generator: torch.Generator) -> np.ndarray:
    """A finished pose (L, 3): legs, two arms, each its own, and how it leans and is turned, or the mirror image."""
    suit = [
        known["of_style"].get(style, {"legs": list(known["legs"]), "arms": list(known["arms"])}) for style in styles
    ]
    draw = torch.rand(6, generator=generator).tolist()

    def drawn(of: int, kind: str, number: int) -> list:
        return known[kind][suit[of][kind][int(draw[number] * len(suit[of][kind]))]]  # type: ignore[no-any-return]

    parts = (*_SHOULDERS, *drawn(1, "arms", 0)[:2], *drawn(1, "arms", 5)[2:], *drawn(0, "legs", 1), *_HEAD)
    pose = np.asarray(parts, float)
    pose[list(_ARM_LIMBS)] += LOOSE * torch.randn(4, 3, generator=generator).numpy()
    lean, twist = LEAN * (2 * draw[2] - 1), TWIST * (2 * draw[3] - 1)
    pose[:6] = _turn_limbs(pose[:6], lean, 1)  # the trunk leans with its arms, the head stays upright
    pose[[6, 9]] = _turn_limbs(pose[[6, 9]], lean, 1)
    pose[:12] = _turn_limbs(pose[:12], twist, 2)  # the head looks at the camera
    if draw[4] < 0.5:
        pose = pose[list(BONE_MIRROR)] * [-1, 1, 1]
    return pose / np.linalg.norm(pose, axis=-1, keepdims=True)


def _turn_limbs(limbs: np.ndarray, angle: float, other: int) -> np.ndarray:
    """Directions (N, 3) turned from x toward axis `other` by `angle` radians."""
    out, cosine, sine = limbs.copy(), np.cos(angle), np.sin(angle)
    out[:, 0] = cosine * limbs[:, 0] - sine * limbs[:, other]
    out[:, other] = sine * limbs[:, 0] + cosine * limbs[:, other]
    return out


def stay_alive(at: np.ndarray, frame: Frame) -> np.ndarray:
    """What a standing body does at (T,): breath -1..1, in radians bend of knees, opening of arms, sway; (T, 4)."""
    life = np.zeros((len(at), 4), np.float32)
    breath, sway = at / BREATH_SECONDS, at / SWAY_SECONDS
    if frame.counts:
        beats = (at - frame.begin) / frame.beat
        counted = rise(beats, -COUNT_BEATS - 0.75, -COUNT_BEATS)
        life[:, 1] = COUNT * counted * (0.5 + 0.5 * np.cos(np.pi * beats))  # down on one beat, up on the next
        late = (at - frame.finish) / frame.last_beat if np.isfinite(frame.finish) else np.full_like(at, -np.inf)
        beats = np.where(late > -FINISH_BEATS, late, beats)
        breath, sway = beats / BREATH_BEATS, beats / SWAY_BEATS
    life[:, 0], life[:, 3] = np.sin(2 * np.pi * breath), SWAY * np.sin(2 * np.pi * sway)
    return life


def mix_in(
    directions: np.ndarray, root: np.ndarray, pose: np.ndarray, share: np.ndarray, life: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """A pose (L, 3) mixed in by `share` (T,), alive (T, 4), where the dancer is at the moment when it is reached."""
    target = np.asarray(pose, np.float32)
    target = target / np.linalg.norm(target, axis=-1, keepdims=True)
    aside = np.sign(target[list(_ARM_LIMBS), 0]).astype(np.float32)

    def mix(directions: np.ndarray, share: np.ndarray, life: np.ndarray) -> np.ndarray:
        living, breath, bend, opening, sway = np.repeat(target[None], len(share), 0), *life.T
        living[:, _ARM_LIMBS, 0] += (BREATH * breath + opening)[:, None] * aside
        living[:, _ARM_LIMBS, 1] -= 0.6 * opening[:, None]
        living[:, _THIGHS, 2] -= bend[:, None]
        living[:, _SHINS, 2] += bend[:, None]
        living[:, (*_THIGHS, *_SHINS), 0] += sway[:, None]
        living[:, 12:, 1] += (0.5 * BREATH * breath + 0.3 * bend)[:, None]
        weight = share.astype(np.float32)[:, None, None]
        # the mean of two directions that point apart has no length: a bent way round, over the front, has
        mixed = (1 - weight) * directions + weight * living
        mixed[..., 2] -= 0.5 * (weight * (1 - weight) * (1 - (directions * living).sum(-1, keepdims=True)))[..., 0]
        mixed /= np.maximum(np.linalg.norm(mixed, axis=-1, keepdims=True), 1e-6)
        return mixed.astype(np.float32)

    mixed = over_blocks(mix, directions, share, life)
    speed = np.diff(root[:, 0], prepend=root[:1, 0]) * (1 - share)  # where it rests it stays
    standing = -place_joints(target[None], np.zeros((1, 2), np.float32))[0, [R_ANKLE, L_ANKLE], 1].max() - ANKLE_HEIGHT
    height = (1 - share) * root[:, 1] + share * standing
    return mixed, np.stack([root[0, 0] + np.cumsum(speed), height], axis=1).astype(np.float32)
