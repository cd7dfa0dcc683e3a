"""The dance on the people of a picture: who dances what, on their bodies and in their places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from dancegen.audio.grid import BeatGrid
from dancegen.body.joints import BONES, NECK, mid_hip
from dancegen.body.retarget import retarget
from dancegen.body.sequence import SkeletonSequence, by_blocks
from dancegen.people.located import LocatedBody
from dancegen.production.request import Request
from dancegen.progress import Reporter

LEAST_START, MOST_START = 0.8, 2.5  # seconds in which a dance grows out of the picture's pose: the song's first bar
START_SHARE = 0.25  # of the video at most


def stage(
    request: Request,
    people: Sequence[LocatedBody],
    dancers: Sequence[SkeletonSequence],
    grid: BeatGrid,
    count: int,
    *,
    turns: bool,
    begin: bool,
    reporter: Reporter,
) -> tuple[SkeletonSequence, ...]:
    """Everybody's poses, one a frame, in pixels of the picture.

    Args:
        request: says the frames a second, and in what formation people dance.
        people: of the picture.
        dancers: of the dance, canonical; one, or those of a couple.
        grid: the beats.
        count: frames of the video.
        turns: whether turns can be shown; else bodies are kept facing the camera.
        begin: whether everybody begins as they stand in the picture.
        reporter: is told where that is another dance, and where a dancer has no body.
    """
    shown = dancers if turns else _flatten(dancers, request, reporter)
    if len(people) < len(dancers):
        what = f"the dance has {len(dancers)} dancers, and of the picture {len(people)} shall dance"
        reporter.note(f"{what}: the others of the dance are left out (--people all takes everybody)")
    if len(people) == 1:
        poses = [_place(shown[0], people[0], request.fps, count)]
        return tuple(_begin(poses, people, first_bar(grid, poses[0].seconds)) if begin else poses)
    from dancegen.dances.formation import cast, keep_apart

    places = [float(mid_hip(person.joints)[0]) for person in people]
    dances = cast(shown, places, request.formation, grid)
    poses = [_place(one, who, request.fps, count) for one, who in zip(dances, people, strict=True)]
    poses = keep_apart(poses, places)
    return tuple(_begin(poses, people, first_bar(grid, poses[0].seconds)) if begin else poses)


def first_bar(grid: BeatGrid, seconds: float) -> float:
    """When the first bar of a video of `seconds` has passed."""
    bar = float(grid.times[0]) + 240 / grid.tempo if len(grid.times) and grid.tempo > 0 else MOST_START
    return min(float(np.clip(bar, LEAST_START, MOST_START)), START_SHARE * seconds)


def _begin(
    poses: Sequence[SkeletonSequence], people: Sequence[LocatedBody], seconds: float
) -> Sequence[SkeletonSequence]:
    return [begin_as(one, who.joints, who.confidence, seconds) for one, who in zip(poses, people, strict=True)]


def begin_as(dance: SkeletonSequence, joints: np.ndarray, confidence: np.ndarray, seconds: float) -> SkeletonSequence:
    """A dance in pixels that grows out of the pose of the picture within `seconds`.

    Each limb turns, and becomes as long, from what it is in the picture to what it is in the dance, along the shorter
    way; joints (V, 2) of confidence (V,) 0 are as the dance has them.
    """
    count = min(int(seconds * dance.fps), len(dance))
    if count < 2 or not confidence[NECK]:
        return dance
    share = np.linspace(0, 1, count + 1)[:-1]
    share = share * share * (3 - 2 * share)  # (T,)
    made = dance.joints[:count].astype(np.float64)
    plane, still = made[..., 0] + 1j * made[..., 1], joints[:, 0] + 1j * joints[:, 1]  # (T, V), (V,)
    there = plane.copy()
    there[:, NECK] = still[NECK] + share * (plane[:, NECK] - still[NECK])
    for parent, child in BONES:
        limb = plane[:, child] - plane[:, parent]  # (T,)
        if confidence[parent] and confidence[child] and abs(still[child] - still[parent]) > 1:
            first = still[child] - still[parent]
            turn = np.unwrap(np.angle(limb / first))
            long = abs(first) + share * (np.abs(limb) - abs(first))
            limb = first / abs(first) * np.exp(1j * share * turn) * long
        there[:, child] = there[:, parent] + limb
    made[..., 0], made[..., 1] = there.real, there.imag
    begun = by_blocks(lambda poses: poses, dance.joints)
    begun[:count] = made
    return replace(dance, joints=begun)


def _flatten(dancers: Sequence[SkeletonSequence], request: Request, reporter: Reporter) -> Sequence[SkeletonSequence]:
    """The dance for a renderer that shows no turns."""
    from dancegen.choreographers.finish.turning import NOTED, flatten

    flat = [flatten(one) for one in dancers]
    if max(most for _, most in flat) > NOTED:
        what = f"--renderer {request.drawn_by} shows no turns: the dance is drawn facing the camera"
        reporter.note(f"{what} (--preview shows them, a dance file keeps them)")
    return [one for one, _ in flat]


def _place(dance: SkeletonSequence, person: LocatedBody, fps: float, count: int) -> SkeletonSequence:
    """The dance at the video's rate and length, on the person's body and in their picture."""
    return retarget(dance.resample(fps, count), person.joints, person.confidence, person.picture.size)
