"""Keypoints of other tools as a dance: a motion capture, an estimated pose track, a dance edited by hand."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dancegen.body import joints as J
from dancegen.body.canonical import ANKLE_HEIGHT, BONE_LENGTHS
from dancegen.body.joints import V, body_height, mid_hip
from dancegen.body.openpose import KeypointFrame, read_keypoints
from dancegen.body.sequence import SkeletonSequence
from dancegen.dances.dance_file import DanceFile, Placement, SongInfo, Take, file_sha256, rounded
from dancegen.dances.takes import scores_of
from dancegen.errors import DancegenError
from dancegen.progress import counted

# Where a joint that no frame shows is put, seen from its parent: limb by limb of BONES, (x, y), arms and legs hanging.
_REST = (
    *((-1, 0), (1, 0), (-0.2, 1), (0, 1), (0.2, 1), (0, 1)),
    *((-0.3, 1), (0, 1), (0, 1), (0.3, 1), (0, 1), (0, 1)),
    *((0, -1), (-0.6, -0.8), (-1, 0.1), (0.6, -0.8), (1, 0.1)),
)


@dataclass(frozen=True)
class Imported:
    """A canonical dance without depth, where it lay in its picture, and what had to be made up."""

    skeleton: SkeletonSequence
    placement: Placement
    notes: tuple[str, ...]


def read_poses(path: Path, fps: float, canvas: tuple[int, int] | None = None) -> Imported:
    """Read a ComfyUI file, an OpenPose file, or a folder of OpenPose files (one a frame).

    Where a frame has several people the one nearest to the frame before is followed, beginning with the largest.
    Joints and frames that are missing are filled in linearly in time; that is said in `notes`.

    Args:
        path: the file or folder.
        fps: frames a second.
        canvas: (width, height) pixels for coordinates in 0..1 without a canvas of their own.

    Raises:
        DancegenError: as `read_keypoints`, or nobody is in any frame.
    """
    frames = _frames(path)
    canvas = canvas or next((frame.canvas for frame in frames if frame.canvas), None)
    shares = any(frame.normalised for frame in frames)
    if shares and canvas is None:
        raise DancegenError(f"{path} has coordinates from 0 to 1 and no canvas", "give --canvas WIDTHxHEIGHT")
    points, confidence = _follow(frames, canvas if shares else None)  # (T, V, 2), (T, V)
    if not (confidence > 0).any():
        raise DancegenError(f"{path} has no people in its {counted(len(frames), 'frames')}", "export it again")
    if not (confidence[:, J.NECK] > 0).any():
        raise DancegenError(f"{path}: no frame shows the neck", "give poses with neck and hips")
    notes = _gap_notes(confidence)
    points, confidence = _fill(points, confidence)
    canvas = canvas or (round(float(points[..., 0].max())) + 1, round(float(points[..., 1].max())) + 1)
    placement = _placement(points, confidence, canvas)
    flat = (points - (placement.x, placement.y)) / placement.scale  # (T, V, 2)
    joints = np.concatenate([flat, np.zeros_like(flat[..., :1])], axis=-1).astype(np.float32)  # (T, V, 3)
    return Imported(SkeletonSequence(joints, fps, confidence.astype(np.float32)), placement, notes)


def imported_dance(
    poses: Path, song: Path, fps: float, start: float, canvas: tuple[int, int] | None
) -> tuple[DanceFile, tuple[str, ...]]:
    """Keypoints and the song they are danced to as a dance file of one scored take, and what is to be said about it."""
    from dancegen.audio.beats import find_beats
    from dancegen.audio.load import load_song

    found = read_poses(poses, fps, canvas)
    sound = load_song(song, start)
    seconds, notes = min(sound.seconds, found.skeleton.seconds), list(found.notes)
    if abs(sound.seconds - found.skeleton.seconds) > 0.5:
        lengths = f"the poses last {found.skeleton.seconds:.1f} s, the song {sound.seconds:.1f} s"
        notes.append(f"{lengths}: {seconds:.1f} s are used")
    grid = find_beats(sound)
    times = grid.times[grid.times < seconds]
    skeleton = rounded(found.skeleton)
    take = Take(skeleton, 0, "imported", scores=scores_of(skeleton, times))
    info = SongInfo(song.name, file_sha256(song), start, round(seconds, 6))
    return DanceFile(info, times, grid.tempo, grid.confidence, None, (take,), found.placement), tuple(notes)


def _frames(path: Path) -> list[KeypointFrame]:
    if not path.is_dir():
        return read_keypoints(path)
    files = sorted(path.glob("*.json"), key=lambda file: [int(n) for n in re.findall(r"\d+", file.name)] or [0])
    if not files:
        raise DancegenError(f"{path} has no .json files in it", "name the folder that OpenPose wrote")
    return [frame for file in files for frame in read_keypoints(file)[:1]]


def _follow(frames: list[KeypointFrame], scale: tuple[int, int] | None) -> tuple[np.ndarray, np.ndarray]:
    """One person through all frames: (T, V, 2) pixels and (T, V)."""
    points, confidence = np.zeros((len(frames), V, 2)), np.zeros((len(frames), V))
    last: np.ndarray | None = None
    for number, frame in enumerate(frames):
        bodies = frame.people * (scale if scale and frame.normalised else (1, 1))  # (N, V, 2)
        seen = frame.confidence > 0  # (N, V)
        shown = [i for i in range(len(bodies)) if seen[i].any()]
        if not shown:
            continue
        middles = {i: bodies[i][seen[i]].mean(axis=0) for i in shown}
        if last is None:
            chosen = max(shown, key=lambda i: float(np.ptp(bodies[i][seen[i]], axis=0).max()))
        else:
            chosen = min(shown, key=lambda i: float(np.linalg.norm(middles[i] - last)))
        last = middles[chosen]
        points[number], confidence[number] = bodies[chosen], frame.confidence[chosen]
    return points, confidence


def _gap_notes(confidence: np.ndarray) -> tuple[str, ...]:
    """What `_fill` will make up, in words."""
    seen = confidence > 0  # (T, V)
    empty = int((~seen.any(axis=1)).sum())
    notes = [f"nobody in {empty} of {counted(len(seen), 'frames')}: interpolated"] if empty else []
    gaps = {joint: int((~seen[seen.any(axis=1), joint]).sum()) for joint in range(V) if seen[:, joint].any()}
    gaps = {joint: count for joint, count in gaps.items() if count}
    if gaps:
        listed = ", ".join(f"{J.JOINT_NAMES[joint]} in {count}" for joint, count in gaps.items())
        notes.append(f"joints missing in some frames, interpolated: {listed}")
    never = [J.JOINT_NAMES[joint] for joint in range(V) if not seen[:, joint].any()]
    if never:
        notes.append(f"never shown, and not drawn: {', '.join(never)}")
    return tuple(notes)


def _fill(points: np.ndarray, confidence: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gaps filled linearly in time, the ends held; joints never shown hang from their parents, confidence 0."""
    points, confidence = points.copy(), confidence.copy()
    moments = np.arange(len(points))
    for joint in range(V):
        seen = np.flatnonzero(confidence[:, joint] > 0)
        if not len(seen):
            continue
        gap = confidence[:, joint] <= 0
        for axis in range(2):
            points[gap, joint, axis] = np.interp(moments[gap], seen, points[seen, joint, axis])
        confidence[gap, joint] = np.interp(moments[gap], seen, confidence[seen, joint])
    shown = (confidence > 0).any(axis=0)  # (V,)
    size = _size(points, shown)
    for (parent, child), length, rest in zip(J.BONES, BONE_LENGTHS, _REST, strict=True):
        if not shown[child]:
            step = np.asarray(rest, float) / np.hypot(*rest) * length * size
            points[:, child] = points[:, parent] + step
    return points, confidence


def _size(points: np.ndarray, shown: np.ndarray) -> float:
    """The body height in pixels, or a guess from what is shown."""
    if shown[1:14].all():
        return max(float(np.median(body_height(points))), 1.0)
    return max(float(np.median(np.ptp(points[:, shown], axis=1)[:, 1])), 1.0)


def _placement(points: np.ndarray, confidence: np.ndarray, canvas: tuple[int, int]) -> Placement:
    """Where the canonical dance lies: one body height, the ground under the lower ankle, the middle of its path."""
    size = _size(points, (confidence > 0).any(axis=0))
    lower = points[:, [J.R_ANKLE, J.L_ANKLE], 1].max(axis=1)  # (T,)
    ground = float(np.quantile(lower, 0.9)) + ANKLE_HEIGHT * size
    return Placement(canvas[0], canvas[1], size, float(np.median(mid_hip(points)[:, 0])), ground)
