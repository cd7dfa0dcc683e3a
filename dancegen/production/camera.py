"""The camera: which part of a larger rendering each frame of the video shows.

Moves are pure functions from the dancers' joints and the beats to boxes; the same seed is the same path. Every box
keeps head, hands and feet of everybody who dances; only a close-up of `cuts` leaves legs and neighbours out, and keeps
the head and the hands of the one it shows.

A box is a centre and half a side, in shares of the frame, so that it has the frame's shape. What is wanted of a box is
linear in these three numbers: a mean of boxes that keep somebody keeps them too. So paths are made of boxes that fit
all moments nearby and are then smoothed over as many moments.

Glossary: T frames, V = 18 joints, N people; an extent is left, top, right, bottom.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter1d, maximum_filter1d, minimum_filter1d

from dancegen.audio.grid import BeatGrid
from dancegen.audio.song import SAMPLE_RATE, Song, stretch_of
from dancegen.body.joints import ARM_CHAINS, FACE_JOINTS, L_ANKLE, L_HIP, NECK, R_ANKLE, R_HIP, body_height, mid_hip
from dancegen.body.retarget import HAND
from dancegen.body.sequence import SkeletonSequence
from dancegen.production.request import Request
from dancegen.progress import Reporter

PUSH = 1.3  # how much larger a slow push makes the dancer by the end
FOLLOW = 1.35  # how much nearer a camera is that pans
LEAST_ZOOM = 1.01  # a path that is nowhere nearer is none
CLOSEST = 2.2  # how much nearer a close-up is at most
LEAST_CLOSER = 1.15  # a close-up that is hardly nearer is none
SHAKEN = 1.06  # how much nearer, so that there is room to shake
SHAKE, SHAKE_RATE, SHAKE_SECONDS = 0.03, 9.0, 0.12  # of half a side; swings a second; in which it dies down
NEAR_SECONDS = 1.0  # to both sides, over which a path is smooth
PAN_SECONDS = 0.5  # the pan follows where the hips are on the mean of about so long
SHOT_SECONDS = 2.5  # a shot lasts at least, in whole bars
HEAD_WIDE, HEAD_HIGH = 0.075, 0.1  # body heights beside and above the face points
FOOT = 0.07  # body heights around an ankle
ROOM = 0.02  # body heights around everybody
ACCENTED = 0.6  # of the strongest beats' rise in loudness, from which on a beat is an accent
HEARD = SAMPLE_RATE // 10  # samples before and after a beat that are compared
MOST_LONGER = 2048  # pixels, the longer side of what is rendered: what memory and time bear


@dataclass(frozen=True, eq=False)
class Camera:
    """A path: `boxes` (T, 3), centre x and y and half a side, of frames that are shown at `size` (w, h)."""

    boxes: np.ndarray
    size: tuple[int, int]

    @property
    def zoom(self) -> float:
        """How much larger the dancer becomes at most; 1 where nothing moves."""
        return float(0.5 / self.boxes[:, 2].min())

    def longer_side(self, picture: tuple[int, int]) -> int:
        """The longer side, pixels, of frames of which the nearest box is sharp, as far as a picture (w, h) is."""
        shown = max(self.size)
        return max(shown, min(round(shown * self.zoom), max(picture), MOST_LONGER))

    def look(self, frames: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """The frames, uint8 (h, w, 3 or 4), as the camera sees them in larger ones of the same shape."""
        for frame, (x, y, half) in zip(frames, self.boxes, strict=True):
            height, width = frame.shape[:2]
            box = np.array([x - half, y - half, x + half, y + half]) * (width, height, width, height)
            inside = np.clip(box, 0, (width, height, width, height)).tolist()
            yield np.asarray(Image.fromarray(frame).resize(self.size, Image.Resampling.BICUBIC, inside))


def make_camera(
    request: Request,
    poses: Sequence[SkeletonSequence],
    frame: tuple[int, int],
    song: Song,
    grid: BeatGrid,
    reporter: Reporter,
) -> Camera | None:
    """The camera of a request, None where none moves; `poses` in pixels of a picture of the size `frame` (w, h)."""
    if not request.moves:
        return None
    accents = find_accents(song, grid) if "shake" in request.moves else []
    camera = Camera(plan_camera(request.moves, poses, frame, grid, accents, request.seed), request.video_size(frame))
    if camera.zoom > LEAST_ZOOM:
        return camera
    what = f"--camera {request.camera}: the dance fills the picture, so that the camera has no room to move"
    reporter.note(f"{what} (a wider --canvas gives it some)")
    return None


@dataclass(frozen=True)
class _Shot:
    """Frames `first`..`last` (excluded); `who` is the person of a close-up, None where everybody is seen."""

    first: int
    last: int
    who: int | None = None


def plan_camera(
    moves: Sequence[str],
    poses: Sequence[SkeletonSequence],
    frame: tuple[int, int],
    grid: BeatGrid,
    accents: Sequence[tuple[float, float]],
    seed: int,
) -> np.ndarray:
    """The boxes of a video, (T, 3).

    Args:
        moves: some of "push", "follow", "cuts" and "shake"; with others nothing moves.
        poses: of everybody, one a frame, in pixels of a picture of the size `frame`.
        frame: (w, h).
        grid: the beats; cuts are on downbeats.
        accents: seconds and strength 0..1 of what shakes the camera.
        seed: of the close-ups' lengths and persons, and of the directions of the shaking.
    """
    generator = torch.Generator().manual_seed(seed ^ 0xCA3E6A)
    fps, count = poses[0].fps, len(poses[0])
    everybody = _union([whole_extent(one, frame) for one in poses])  # (T, 4)
    shots = cut_shots(count, fps, grid, len(poses), generator) if "cuts" in moves else [_Shot(0, count)]
    wide = _wide_path(moves, poses, frame, everybody)  # (T, 3) targets for shots that show everybody
    boxes, kept = np.empty((count, 3)), everybody.copy()
    for shot in shots:
        part = slice(shot.first, shot.last)
        close = None if shot.who is None else _close_up(upper_extent(poses[shot.who], frame)[part])
        if close is None:
            boxes[part] = _smooth(wide[part], everybody[part], round(NEAR_SECONDS * fps))
        else:
            boxes[part], kept[part] = close
    if "shake" in moves:
        boxes[:, :2] = _keep(boxes[:, :2] + _shaking(count, fps, accents, generator) * boxes[:, 2:], boxes[:, 2], kept)
    return boxes


def whole_extent(dance: SkeletonSequence, frame: tuple[int, int]) -> np.ndarray:
    """What one person covers from head to foot, hands included: (T, 4) in shares of the frame, within it."""
    return _extent(dance, frame, list(range(dance.joints.shape[1])), feet=True)


def upper_extent(dance: SkeletonSequence, frame: tuple[int, int]) -> np.ndarray:
    """Likewise of head, arms and trunk."""
    arms = [joint for chain in ARM_CHAINS for joint in chain]
    return _extent(dance, frame, [*FACE_JOINTS, NECK, *arms, R_HIP, L_HIP], feet=False)


def cut_shots(count: int, fps: float, grid: BeatGrid, people: int, generator: torch.Generator) -> list[_Shot]:
    """Shots that begin on downbeats: everybody, then somebody near, in turn; one to two units of whole bars each."""
    counted = grid.beats_or_count(count / fps)
    begins = [round(float(time) * fps) for time in counted.downbeats if time > 0]
    bar = 60 / counted.tempo * counted.beats_per_bar if counted.tempo > 0 else 2.0
    unit = max(round(SHOT_SECONDS / bar + 0.4), 1)  # bars
    edges, at = [0], 0
    while (at := at + unit * _units(edges, generator)) <= len(begins):
        if begins[at - 1] < count - SHOT_SECONDS / 2 * fps:
            edges.append(begins[at - 1])
    shots = []
    for number, (first, last) in enumerate(zip(edges, [*edges[1:], count], strict=True)):
        who = int(torch.randint(people, (1,), generator=generator))
        shots.append(_Shot(first, last, who if number % 2 else None))
    return shots


def _units(edges: list[int], generator: torch.Generator) -> int:
    """How long the next shot is; the first is short, so that a short video has its close-up too."""
    return 1 + int(torch.randint(2, (1,), generator=generator)) * (len(edges) > 1)


def find_accents(song: Song, grid: BeatGrid) -> list[tuple[float, float]]:
    """The beats at which the music becomes suddenly louder, seconds and strength 0..1; the first of each bar always."""
    counted = grid.beats_or_count(song.seconds)
    rises = []
    for time in counted.times:
        at = round(float(time) * SAMPLE_RATE)
        parts = [stretch_of(song.samples, begin, HEARD) for begin in (at - HEARD, at)]
        before, after = (float(np.sqrt(np.mean(np.square(part)))) for part in parts)
        rises.append(max(after - before, 0.0))
    strong = max(float(np.quantile(rises, 0.9)), 1e-4)
    strengths = [max(min(rise / strong, 1.0), 0.5 * first) for rise, first in zip(rises, counted.downbeat, strict=True)]
    return [
        (float(time), strength)
        for time, strength, first in zip(counted.times, strengths, counted.downbeat, strict=True)
        if first or strength >= ACCENTED
    ]


def _extent(dance: SkeletonSequence, frame: tuple[int, int], joints: list[int], *, feet: bool) -> np.ndarray:
    places, seen = dance.joints[..., :2].astype(float), dance.confidence[:, joints, None] > 0  # (T, V, 2)
    height = float(np.median(body_height(dance.joints)))  # pixels
    low = np.where(seen, places[:, joints], np.inf).min(axis=1)  # (T, 2)
    high = np.where(seen, places[:, joints], -np.inf).max(axis=1)

    def cover(at: np.ndarray, wide: float, above: float, below: float) -> None:
        np.minimum(low, at - np.array([wide, above]), out=low)
        np.maximum(high, at + np.array([wide, below]), out=high)

    for _, elbow, wrist in ARM_CHAINS:
        if dance.confidence[:, wrist].any():
            cover(places[:, wrist] + HAND * (places[:, wrist] - places[:, elbow]), 0, 0, 0)
    for joint in FACE_JOINTS:
        cover(places[:, joint], HEAD_WIDE * height, HEAD_HIGH * height, 0)
    for ankle in (R_ANKLE, L_ANKLE) if feet else ():
        cover(places[:, ankle], FOOT * height, 0, FOOT * height)
    room = ROOM * height
    return np.clip(np.concatenate([low - room, high + room], axis=1) / (*frame, *frame), 0, 1)


def _union(extents: Sequence[np.ndarray]) -> np.ndarray:
    """The extent (T, 4) of all of extents."""
    stacked = np.stack(extents)
    return np.concatenate([stacked[..., :2].min(axis=0), stacked[..., 2:].max(axis=0)], axis=1)


def _wide_path(
    moves: Sequence[str], poses: Sequence[SkeletonSequence], frame: tuple[int, int], everybody: np.ndarray
) -> np.ndarray:
    """Where the camera wants to look, (T, 3): as near for the whole video as the widest pose allows."""
    count, fps = len(everybody), poses[0].fps
    need = float(np.maximum(everybody[:, 2] - everybody[:, 0], everybody[:, 3] - everybody[:, 1]).max()) / 2
    near = (FOLLOW if "follow" in moves else 1.0) * (SHAKEN if "shake" in moves else 1.0)
    begin = max(0.5 / near, need)
    end = max(begin / PUSH, need) if "push" in moves else begin
    at = np.linspace(0, 1, count)
    share = at * at * (3 - 2 * at)
    half = begin + (end - begin) * share
    around = _union([everybody.min(axis=0)[None], everybody.max(axis=0)[None]])[0]
    middle = _keep((around[None, :2] + around[None, 2:]) / 2, np.array([end]), around[None])[0]
    if "follow" in moves:
        hips = np.mean([mid_hip(one.joints)[:, 0] for one in poses], axis=0) / frame[0]
        x = gaussian_filter1d(hips, PAN_SECONDS * fps, mode="nearest")
    else:
        x = 0.5 + (middle[0] - 0.5) * _part(half)
    y = 0.5 + (middle[1] - 0.5) * _part(half)
    return np.stack([x, y, half], axis=1)


def _part(half: np.ndarray) -> np.ndarray:
    """How far boxes (T,) have come from the whole frame to the nearest of them, 0..1."""
    nearest = float(half.min())
    return (0.5 - half) / (0.5 - nearest) if nearest < 0.5 else np.zeros_like(half)


def _smooth(wanted: np.ndarray, extent: np.ndarray, near: int) -> np.ndarray:
    """A smooth path (T, 3) near the wanted one whose boxes keep the extents (T, 4)."""
    near = max(near, 1)
    low = minimum_filter1d(extent[:, :2], 2 * near + 1, axis=0, mode="nearest")
    high = maximum_filter1d(extent[:, 2:], 2 * near + 1, axis=0, mode="nearest")
    fitting = np.concatenate([low, high], axis=1)
    half = np.clip(np.maximum(wanted[:, 2], (high - low).max(axis=1) / 2), 0, 0.5)
    path = np.concatenate([_keep(wanted[:, :2], half, fitting), half[:, None]], axis=1)
    return gaussian_filter1d(path, near / 3, axis=0, mode="nearest", radius=near)


def _keep(centre: np.ndarray, half: np.ndarray, extent: np.ndarray) -> np.ndarray:
    """Centres (T, 2) moved so that boxes keep extents (T, 4) and lie inside the frame."""
    half = half[:, None]
    inside = np.clip(centre, np.minimum(extent[:, 2:] - half, extent[:, :2] + half), extent[:, :2] + half)
    return np.clip(inside, half, 1 - half)


def _close_up(extent: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """A box (3,) that stands still and keeps what is in extents (T, 4), and all of that (4,); None if hardly nearer."""
    around = np.concatenate([extent[:, :2].min(axis=0), extent[:, 2:].max(axis=0)])
    half = max(float((around[2:] - around[:2]).max()) / 2, 0.5 / CLOSEST)
    if half > 0.5 / LEAST_CLOSER:
        return None
    head = np.array([[(around[0] + around[2]) / 2, around[1] + half]])  # the head at the upper edge
    return np.concatenate([_keep(head, np.array([half]), around[None])[0], [half]]), around


def _shaking(count: int, fps: float, accents: Sequence[tuple[float, float]], generator: torch.Generator) -> np.ndarray:
    """Offsets (T, 2), in halves of a side: a swing at each accent that dies down."""
    at, offset = np.arange(count) / fps, np.zeros((count, 2))
    for time, strength in accents:
        angle = 2 * np.pi * float(torch.rand(1, generator=generator))
        since = np.maximum(at - time, 0)
        swing = SHAKE * strength * np.exp(-since / SHAKE_SECONDS) * np.cos(2 * np.pi * SHAKE_RATE * since)
        offset += np.where(at >= time, swing, 0)[:, None] * (np.cos(angle), np.sin(angle))
    return offset
