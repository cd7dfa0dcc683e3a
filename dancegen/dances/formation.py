"""Who of several people dances what, and how they keep out of each other's way.

Glossary: N people, D dancers of a dance file, T poses, V = 18 joints, B beats.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from scipy.ndimage import gaussian_filter1d

from dancegen.audio.grid import BeatGrid, beat_position
from dancegen.body.joints import FACE_JOINTS, L_ELBOW, L_WRIST, MIRROR, R_ELBOW, R_WRIST, mid_hip
from dancegen.body.retarget import TRAVEL_SECONDS, TRUNK
from dancegen.body.sequence import BONE_LENGTHS, SkeletonSequence
from dancegen.choreographers.finish.frame import BREATH, BREATH_SECONDS
from dancegen.dances.bars import paste

MOST_WAIT = 0.5  # of the dance, that the last in a canon waits at most
HELD = 0.12  # body heights a second: a joint that is slower stands
LEAST_HELD = 0.4  # seconds; a shorter standstill at the end is no last pose
ALONE = 1.1  # of both trunks' half widths, how far two people stay apart


def cast(
    dancers: Sequence[SkeletonSequence], places: Sequence[float], formation: str, grid: BeatGrid
) -> list[SkeletonSequence]:
    """The dance of each person.

    A dance of one is everybody's. The dancers of a couple go to people who stand beside each other, as they stand
    beside each other themselves, and so on for further couples. What a formation says of the next person it says of
    the next couple.

    Args:
        dancers: canonical, of one length and rate.
        places: (N,) where people stand, x to the viewer's right.
        formation: "unison"; "mirror": every second one from the left dances the mirror image; "canon": each one from
            the left begins a bar after the one before, and all dance the end together.
        grid: the beats.
    """
    group = list(dancers[: len(places)])
    group.sort(key=lambda one: float(np.median(mid_hip(one.joints)[:, 0])))
    made: list[SkeletonSequence] = [group[0]] * len(places)
    wait = _canon_beats(grid, group[0].seconds, -(-len(places) // len(group)))
    for rank, person in enumerate(np.argsort(places, kind="stable")):
        number, who = divmod(rank, len(group))
        if formation == "mirror" and number % 2:
            made[person] = mirror(group[len(group) - 1 - who])
        elif formation == "canon":
            made[person] = delay(group[who], grid, number * wait)
        else:
            made[person] = group[who]
    return made


def mirror(dance: SkeletonSequence) -> SkeletonSequence:
    """The mirror image; the points of a face, whose order nobody knows, are left out."""
    hands = None if dance.hands is None else dance.hands[:, ::-1] * (-1, 1, 1)
    return replace(
        dance,
        joints=dance.joints[:, list(MIRROR)] * (-1, 1, 1),
        confidence=dance.confidence[:, list(MIRROR)],
        yaw=None if dance.yaw is None else -dance.yaw,
        hands=hands,
        face=None,
    )


def delay(dance: SkeletonSequence, grid: BeatGrid, beats: float) -> SkeletonSequence:
    """The dance begun so many beats later, its first pose breathing until then; a last pose is everybody's.

    The last bar is danced with those who began at once where the dance ends in a pose that is held.
    """
    if beats <= 0:
        return dance
    counted = grid.beats_or_count(dance.seconds)
    at = np.arange(len(dance)) / dance.fps  # (T,)
    early = _time_at(counted, beat_position(counted, at) - beats)  # (T,) seconds of the dance
    late = dance.moments(np.clip(early * dance.fps, 0, len(dance) - 1), dance.fps)
    asleep = np.clip(-early / BREATH_SECONDS, 0, 1)  # breath grows from nothing where the waiting ends
    late = replace(late, joints=late.joints + _breath(at, asleep))
    finish = _last_pose(dance)
    if finish is None:
        return late
    bar = 60 / counted.tempo * counted.beats_per_bar if counted.tempo > 0 else 2.0
    begin = max(finish - round(bar * dance.fps), 0)
    return paste(late, dance, begin, len(dance)) if len(dance) - begin >= 2 else late


def keep_apart(poses: Sequence[SkeletonSequence], places: Sequence[float]) -> list[SkeletonSequence]:
    """People in one picture, with as much less of their ways as it takes that nobody passes another.

    The ways of all over the floor become smaller by one share; only where that is not enough, their swaying too.

    Args:
        poses: (T, V, 3) each, in pixels of the picture.
        places: (N,) where they stand in the picture, x.
    """
    hips = [mid_hip(one.joints)[:, 0].astype(float) for one in poses]  # (T,) each
    widths = [float(np.quantile(np.ptp(one.joints[:, TRUNK, 0], axis=1), 0.9)) / 2 for one in poses]
    order = sorted(range(len(poses)), key=lambda one: places[one])
    swaying = [x - place for x, place in zip(hips, places, strict=True)]
    walking = [gaussian_filter1d(x, TRAVEL_SECONDS * poses[0].fps, mode="nearest") for x in swaying]

    def holds(shift: Sequence[np.ndarray]) -> bool:
        for left, right in pairwise(order):
            between = hips[right] + shift[right] - hips[left] - shift[left]
            wanted = min(ALONE * (widths[left] + widths[right]), 0.9 * (places[right] - places[left]))
            if float(between.min()) < wanted:
                return False
        return True

    shares = np.linspace(0, -1, 41)
    shifts = ([share * way for way in ways] for ways in (walking, swaying) for share in shares)
    shift = next(shift for shift in shifts if holds(shift))  # where nobody moves, all stand apart
    return [
        replace(one, joints=one.joints + np.stack([x, 0 * x, 0 * x], axis=1)[:, None]) if x.any() else one
        for one, x in zip(poses, shift, strict=True)
    ]


def _canon_beats(grid: BeatGrid, seconds: float, groups: int) -> float:
    """Beats between one and the next in a canon: a bar, or less where the last would hardly dance."""
    counted = grid.beats_or_count(seconds)
    all_beats = float(np.diff(beat_position(counted, np.array([0.0, seconds])))[0])
    return min(float(counted.beats_per_bar), max(np.floor(MOST_WAIT * all_beats / max(groups - 1, 1)), 1.0))


def _time_at(grid: BeatGrid, position: np.ndarray) -> np.ndarray:
    """Seconds (T,) of positions in beats, as `beat_position` counts them; before the first beat at the first tempo."""
    beats = grid.times
    edge = min(len(beats) - 1, 4)
    inside = np.interp(position, np.arange(len(beats)), beats)
    before = beats[0] + position * (beats[edge] - beats[0]) / edge
    after = beats[-1] + (position - len(beats) + 1) * (beats[-1] - beats[-1 - edge]) / edge
    seconds: np.ndarray = np.where(position < 0, before, np.where(position > len(beats) - 1, after, inside))
    return seconds


def _breath(at: np.ndarray, share: np.ndarray) -> np.ndarray:
    """What breathing adds to joints: (T, V, 3), by `share` (T,)."""
    moved = np.zeros((len(at), len(MIRROR), 3), np.float32)
    wave = BREATH * np.sin(2 * np.pi * at / BREATH_SECONDS) * share  # (T,) radians
    upper, lower = BONE_LENGTHS[2], BONE_LENGTHS[2] + BONE_LENGTHS[3]
    for joint, reach in ((R_ELBOW, -upper), (R_WRIST, -lower), (L_ELBOW, upper), (L_WRIST, lower)):
        moved[:, joint, 0] = reach * wave
    moved[:, list(FACE_JOINTS), 1] = 0.5 * BONE_LENGTHS[12] * wave[:, None]
    return moved


def _last_pose(dance: SkeletonSequence) -> int | None:
    """The pose from which on the dance stands still until its end; None where it does not."""
    speed = np.linalg.norm(np.diff(dance.joints, axis=0), axis=-1).max(axis=1) * dance.fps  # (T - 1,)
    moving = np.flatnonzero(speed > HELD)
    first = int(moving[-1]) + 1 if len(moving) else 0
    return first if (len(dance) - first) / dance.fps >= LEAST_HELD else None
