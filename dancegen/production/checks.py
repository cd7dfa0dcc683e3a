"""What is worth knowing before a video is rendered: picture, beats, room for the dance, memory, disk, time."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from dancegen.audio.grid import BeatGrid
from dancegen.body import joints as J
from dancegen.body.sequence import SkeletonSequence
from dancegen.people.located import LocatedBody
from dancegen.production.warnings import (
    LOOK,
    OK,
    Check,
    check_beats,
    check_figure,
    check_limbs,
    check_memory,
    check_size,
    check_travel,
)
from dancegen.progress import count_of
from dancegen.video.encode import room_needed

LONG_WAIT = 15 * 60.0  # seconds


def check_all(
    grid: BeatGrid,
    people: Sequence[LocatedBody],
    dance: SkeletonSequence,
    size: tuple[int, int],
    frames: int,
    folder: Path,
) -> list[Check]:
    """All checks that need no rendering.

    Args:
        grid: the beats.
        people: those of the picture who dance.
        dance: canonical.
        size: (w, h) of the video, pixels.
        frames: of the video.
        folder: where the video shall be.
    """
    each = [
        _of(person, check, len(people))
        for person in people
        for check in (
            check_body(person),
            check_limbs(person),
            check_figure(person),
            check_size(person),
            check_travel(person, dance),
        )
    ]
    return [
        who_dances(people),
        *each,
        check_beats(grid),
        check_memory(),
        check_disk(folder, size, frames),
    ]


def _of(person: LocatedBody, check: Check, dancers: int) -> Check:
    """A finding about one of several people, named by their number."""
    return check if dancers == 1 else replace(check, name=f"{check.name} ({person.number})")


def who_dances(people: Sequence[LocatedBody]) -> Check:
    """Whether there are others in the picture than those who dance."""
    among, numbers = people[0].among, sorted(person.number for person in people)
    if among == 1:
        return Check("people", OK, "one person is in the picture")
    listed = ", ".join(map(str, numbers))
    who = "all of them dance" if len(numbers) == among else f"number {listed} dance{'s' * (len(numbers) == 1)}"
    found = f"{among} people are in the picture (number 1 is the largest), {who}"
    remedy = "--people all, left, right or 1,2 chooses; `dancegen subject` shows their numbers"
    return Check("people", OK, found) if len(numbers) == among else Check("people", LOOK, found, remedy)


def check_body(subject: LocatedBody) -> Check:
    """Whether all joints are in the picture."""
    missing = [J.JOINT_NAMES[joint].replace("_", " ") for joint in np.flatnonzero(subject.confidence <= 0)]
    if not missing:
        return Check("whole body", OK, "all 18 joints are in the picture")
    return Check(
        "whole body",
        LOOK,
        f"not in the picture, and so not in the video: {', '.join(missing)}",
        "take a picture from head to foot, or give the joints with --pose",
    )


def check_disk(folder: Path, size: tuple[int, int], frames: int) -> Check:
    """Whether the disk has room for the video."""
    need, free = room_needed(*size, frames), shutil.disk_usage(folder).free
    what = f"the video may need {need / 1e6:.0f} MB, {free / 1e9:.1f} GB are free"
    return Check("disk", OK, what) if free >= need else Check("disk", LOOK, what, "free some room")


def estimate_time(render: Callable[[SkeletonSequence], object], poses: SkeletonSequence, frames: int) -> Check:
    """How long the drawing will take, from a few frames that are drawn now.

    Args:
        render: draws poses; what it makes is thrown away.
        poses: of the video, in pixels.
        frames: of the video.
    """
    trial = 12
    at = np.linspace(0, len(poses) - 1, trial).round().astype(int)
    few = SkeletonSequence(poses.joints[at], poses.fps, poses.confidence[at])
    render(SkeletonSequence(few.joints[:2], few.fps, few.confidence[:2]))  # the first frames are slower
    began = time.monotonic()
    render(few)
    seconds = (time.monotonic() - began) / trial * frames
    said = f"{seconds / 60:.0f} min" if seconds > 90 else f"{seconds:.0f} s"
    what = f"drawing {count_of(frames, 'frames')} takes about {said} here"
    if seconds < LONG_WAIT:
        return Check("time", OK, what)
    return Check("time", LOOK, what, "try --preview or --size 256 first")
