"""Who is who in a clip: people followed through its frames, whatever else is in them.

A person is where they were, and as large: the same joints within half a body height (or what a dancer covers in the
time), a size that differs by less than SAME_SIZE. Who is meant is chosen among whole tracks, never frame by frame.

Glossary: T frames, V = 18 joints.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from dancegen.body.joints import BONES
from dancegen.body.keypoints import KeypointFrame
from dancegen.body.layouts import Keypoints
from dancegen.body.sequence import BONE_LENGTHS

NEAR = 0.5  # body heights a person may be from one frame to the next, whatever the rate
FASTEST = 1.5  # body heights a second
SAME_SIZE = 1.6  # times; estimates of one body's size from other joints differ by less
PAST = 4  # frames that tell where somebody is going
GAP_SECONDS = 1.0  # without a person, after which a track ends (and may be continued by another)
LEAST_SECONDS = 0.5  # a track that continues one elsewhere in the picture lasts as long at least


_REFUSED = 1e6  # a cost of pairs that cannot be
_PARENTS, _CHILDREN = (np.array(joints) for joints in zip(*BONES, strict=True))


@dataclass(eq=False)
class Track:
    """One person: `persons[i]` is where they are in frame `frames[i]`, rising, `sizes[i]` their `body_size` there.

    The whole track is measured when it is complete.
    """

    frames: list[int]
    persons: list[Keypoints]
    sizes: list[float]

    @cached_property
    def size(self) -> float:
        """Their height in pixels."""
        return float(np.median(self.sizes))

    @cached_property
    def middle(self) -> np.ndarray:
        """(2,) pixels, where they mostly are."""
        return np.median([middle_of(person.body) for person in self.persons], axis=0)

    @property
    def extent(self) -> float:
        """How much of the clip they fill: their size in all frames together."""
        return self.size * len(self.frames)


def body_size(body: np.ndarray) -> float:
    """The height of a body (V, 3) in its unit: its longer bones against the usual ones; 0 where it has none."""
    places = body[:, 0] + 1j * body[:, 1]
    seen = body[:, 2] > 0
    sizes = (np.abs(places[_CHILDREN] - places[_PARENTS]) / BONE_LENGTHS)[seen[_CHILDREN] & seen[_PARENTS]]
    return float(np.sort(sizes)[(3 * len(sizes)) // 4]) if len(sizes) else 0.0


def middle_of(body: np.ndarray) -> np.ndarray:
    """(2,) the mean of the joints (V, 3) that are seen, of which there is one."""
    return body[body[:, 2] > 0, :2].mean(axis=0)


def find_tracks(frames: Sequence[KeypointFrame], fps: float) -> list[Track]:
    """All people of a clip, the one who fills most of it first."""
    running: list[Track] = []
    ended: list[Track] = []
    for number, frame in enumerate(frames):
        people = [person for person in frame.persons if person.seen]
        ended += [track for track in running if number - track.frames[-1] > GAP_SECONDS * fps]
        running = [track for track in running if number - track.frames[-1] <= GAP_SECONDS * fps]
        sizes = [body_size(person.body) for person in people]
        known = _match(running, people, sizes, number, fps)
        for person, size, track in zip(people, sizes, known, strict=True):
            if track is None:
                running.append(Track([number], [person], [size]))
            else:
                track.frames.append(number)
                track.persons.append(person)
                track.sizes.append(size)
    return sorted([*ended, *running], key=lambda track: -track.extent)


def _match(
    running: Sequence[Track], people: Sequence[Keypoints], sizes: Sequence[float], number: int, fps: float
) -> list[Track | None]:
    """The track that each of the people of frame `number` goes on with, at the least distance together."""
    known: list[Track | None] = [None] * len(people)
    if not running or not people:
        return known
    costs = np.full((len(running), len(people)), _REFUSED)
    for row, track in enumerate(running):
        reach = max(NEAR, FASTEST * (number - track.frames[-1]) / fps)
        expected = _predict(track, number)
        for column, person in enumerate(people):
            if _distance(track.persons[-1].body, person.body, track.sizes[-1], sizes[column]) <= reach:
                costs[row, column] = _distance(expected, person.body, track.sizes[-1], sizes[column])
    if costs.size == 1:
        pairs = [(0, 0)]
    else:
        from scipy.optimize import linear_sum_assignment

        pairs = list(zip(*linear_sum_assignment(costs), strict=True))
    for row, column in pairs:
        if costs[row, column] < _REFUSED:
            known[column] = running[row]
    return known


def _predict(track: Track, number: int) -> np.ndarray:
    """The body (V, 3) of a track in frame `number` if it goes on as in its last frames: who crosses goes on."""
    last = track.persons[-1].body
    past = max(-PAST, -len(track.frames))
    common = (last[:, 2] > 0) & (track.persons[past].body[:, 2] > 0)
    frames = track.frames[-1] - track.frames[past]
    if not frames or not common.any():
        return last
    speed = (last[common, :2] - track.persons[past].body[common, :2]).mean(axis=0) / frames  # (2,) pixels a frame
    return last + np.array([*speed, 0.0]) * min(number - track.frames[-1], PAST)


def _distance(before: np.ndarray, after: np.ndarray, *sizes: float) -> float:
    """How far a body (V, 3) is from another, body heights; infinite where they are not of one of the two sizes."""
    if min(sizes) > 0 and max(sizes) > SAME_SIZE * min(sizes):
        return float("inf")
    common = (before[:, 2] > 0) & (after[:, 2] > 0)
    if common.any():
        distances = np.sort(np.hypot(*(after[common, :2] - before[common, :2]).T))
        distance = float(distances[len(distances) // 2])
    else:
        distance = float(np.hypot(*(middle_of(after) - middle_of(before))))
    return distance / max(*sizes, 1e-6)


@dataclass(frozen=True, eq=False)
class Followed:
    """One person of a clip: the tracks that are theirs, in the order of time, and the frames where one jumps."""

    tracks: tuple[Track, ...]
    jumps: tuple[int, ...]

    @property
    def extent(self) -> float:
        """As `Track.extent`, of all tracks."""
        return sum(track.extent for track in self.tracks)

    @property
    def middle(self) -> np.ndarray:
        """(2,) as `Track.middle`, of the longest track."""
        return max(self.tracks, key=lambda track: len(track.frames)).middle

    @property
    def persons(self) -> dict[int, Keypoints]:
        """The person by frame."""
        return {
            number: person for track in self.tracks for number, person in zip(track.frames, track.persons, strict=True)
        }


def find_followed(frames: Sequence[KeypointFrame], fps: float) -> list[Followed]:
    """The people of a clip, the one who fills most of it first.

    Where a track ends or begins (after a second without the person, or a cut), it is continued by the nearest in time
    of those that were never beside it, of the same size, and last long enough.
    """
    left = find_tracks(frames, fps)
    found = []
    while left:
        chain = [left.pop(0)]
        while (other := _find_continuation(chain, left, fps)) is not None:
            left.remove(other)
            chain = sorted([*chain, other], key=lambda track: track.frames[0])
        jumps = [after.frames[0] for before, after in pairwise(chain) if _jumps(before, after, fps)]
        found.append(Followed(tuple(chain), tuple(jumps)))
    return sorted(found, key=lambda person: -person.extent)


def _find_continuation(chain: Sequence[Track], left: Sequence[Track], fps: float) -> Track | None:
    """The track of `left` that goes on before or after `chain`."""
    first, last = chain[0], chain[-1]
    candidates = []
    for track in left:
        after, before = track.frames[0] - last.frames[-1], first.frames[0] - track.frames[-1]
        beside = last if after > 0 else first
        same = max(track.size, beside.size) <= SAME_SIZE * min(track.size, beside.size)
        near = not _jumps(*((beside, track) if after > 0 else (track, beside)), fps)
        if max(after, before) > 0 and same and (near or len(track.frames) >= LEAST_SECONDS * fps):
            candidates.append((max(after, before), track))
    return min(candidates, key=lambda pair: pair[0])[1] if candidates else None


def _jumps(before: Track, after: Track, fps: float) -> bool:
    """Whether a person cannot have come from the end of one track to the beginning of the next."""
    seconds = (after.frames[0] - before.frames[-1]) / fps
    sizes = before.sizes[-1], after.sizes[0]
    return _distance(before.persons[-1].body, after.persons[0].body, *sizes) > max(NEAR, FASTEST * seconds)
