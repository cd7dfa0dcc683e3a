"""Keypoints of other tools as a dance: a motion capture, an estimated pose track, a dance edited by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from dancegen.audio.bars import bars
from dancegen.body.joints import JOINT_NAMES, L_ANKLE, L_SHOULDER, NECK, R_ANKLE, R_SHOULDER, V, mid_hip
from dancegen.body.keypoints import KeypointFrame, read_clip
from dancegen.body.layouts import Keypoints
from dancegen.body.sequence import ANKLE_HEIGHT, HAND, SkeletonSequence
from dancegen.dances.bars import bar_count
from dancegen.dances.dance_file import DanceFile, Placement, Source, Take, round_dance
from dancegen.dances.filling import figure_size, fill_gaps, gap_notes
from dancegen.dances.tables import read_csv, read_npz
from dancegen.dances.to_song import put_to_song
from dancegen.errors import DancegenError
from dancegen.jsonfile import read_json
from dancegen.people.choose import choose_people
from dancegen.people.tracks import Followed, find_followed
from dancegen.progress import count_of

USUAL_RATE = 30.0  # frames a second of keypoints, which do not say it
VIDEOS = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".gif")
NAMED_FRAMES = 6  # stretches of frames that a note names
FARTHEST = 15.0  # body heights from the first dancer; a dance file has room for 16


@dataclass(frozen=True)
class Imported:
    """Canonical dances, where they lay in their picture if that is known, and what was guessed and made up."""

    dancers: tuple[SkeletonSequence, ...]
    placement: Placement | None
    notes: tuple[str, ...]

    @property
    def skeleton(self) -> SkeletonSequence:
        """The first dancer."""
        return self.dancers[0]


def read_poses(path: Path, fps: float, canvas: tuple[int, int] | None = None, people: str = "largest") -> Imported:
    """Read the people of a clip: a keypoint file (see `body.keypoints`), or a folder of files (one a frame).

    People are followed through the whole clip before any is chosen. Joints and frames that are missing are filled in
    linearly in time; that is said in `notes`.

    Args:
        path: the file or folder.
        fps: frames a second.
        canvas: (width, height) pixels for coordinates in 0..1 without a canvas of their own.
        people: who of them; see `people.choose`. The first is measured by their own body height, the others by it too.

    Raises:
        DancegenError: as `read_clip`, nobody is in any frame, or nobody of that choice.
    """
    clip = read_clip(path)
    frames = list(clip.frames)
    canvas = canvas or next((frame.canvas for frame in frames if frame.canvas), None)
    if any(frame.normalised for frame in frames):
        if canvas is None:
            raise DancegenError(f"{path} has coordinates from 0 to 1 and no canvas", "give --canvas WIDTHxHEIGHT")
        frames = [frame.scale_by(canvas) for frame in frames]
    found = find_followed(frames, fps)
    if not found:
        raise DancegenError(f"{path} has no people in its {count_of(len(frames), 'frames')}", "export it again")
    chosen = choose_people(found, people, str(path))
    notes = [*clip.notes, *_people_notes(frames, found, chosen, people)]
    told = clip.missing if people == "all" else clip.missing + len(_other_frames(frames, chosen[0]))
    dancers = []
    for number, person in enumerate(chosen, 1):
        points, gaps = _whole_body(person, frames, fps, str(path))
        dancers.append(points)
        said = gap_notes(gaps, told)
        notes += [f"dancer {number}: {note}" if len(chosen) > 1 else note for note in said]
    canvas = canvas or _canvas(dancers)
    placement = _placement(*dancers[0], canvas)
    sequences = [_canonical(*dancer, person, placement, fps) for dancer, person in zip(dancers, chosen, strict=True)]
    return Imported(tuple(_draw_near(sequences, notes)), placement, tuple(notes))


def imported_dance(
    poses: Path,
    song: Path | None,
    fps: float | None,
    start: float,
    canvas: tuple[int, int] | None,
    people: str = "largest",
) -> tuple[DanceFile, tuple[str, ...]]:
    """Poses, and the song they are danced to if there is one, as a dance file of one scored take; and the notes.

    Args:
        poses: keypoints, as `read_poses` takes them, or an .npz or .csv file of `export`.
        song: of the dance; None for none.
        fps: frames a second; None for what an .npz or .csv file says, and else USUAL_RATE.
        start: where in the song the poses begin, seconds.
        canvas, people: as in `read_poses`.
    """
    found = _read(poses, fps, canvas, people)
    dancers, notes = [round_dance(dancer) for dancer in found.dancers], list(found.notes)
    take = Take(dancers[0], 0, "imported", partners=tuple(dancers[1:]))
    made = DanceFile(None, np.zeros(0), 0.0, 0.0, None, (take,), found.placement)
    if song is not None:
        made = _to_song(made, song, start, notes)
    source = Source(bars(made.grid)[0].number, bar_count(made.grid), "captured", poses.name)
    return replace(made, takes=(replace(made.takes[0], sources=(source,)),)), tuple(notes)


def imported_bvh(file: Path, song: Path | None, start: float, names: Path | None) -> tuple[DanceFile, tuple[str, ...]]:
    """A BVH file, and the song it is danced to if there is one, as a dance file of one scored take; and the notes.

    Args:
        file: the motion, 3D.
        song, start: as `imported_dance`.
        names: a JSON file {our joint, or "head": the file's joint}, for names that are not known.
    """
    from dancegen.dances.bvh import read_bvh

    told = read_json(names, "file of names", 'write {"left_knee": "its name", ...}') if names else {}
    if not isinstance(told, dict) or not all(isinstance(name, str) for name in told.values()):
        raise DancegenError(f"{names} is no file of names", 'write {"left_knee": "its name", ...}')
    unknown = sorted(set(told) - {*JOINT_NAMES, "head"})
    if unknown:
        raise DancegenError(f"{names}: {unknown[0]} is no joint", f"name {', '.join(JOINT_NAMES[2:14])} or head")
    take, notes = Take(round_dance(read_bvh(file, told)), 0, "imported"), list[str]()
    made = DanceFile(None, np.zeros(0), 0.0, 0.0, None, (take,))
    if song is not None:
        made = _to_song(made, song, start, notes)
    source = Source(bars(made.grid)[0].number, bar_count(made.grid), "captured", file.name)
    return replace(made, takes=(replace(made.takes[0], sources=(source,)),)), tuple(notes)


def _read(path: Path, fps: float | None, canvas: tuple[int, int] | None, people: str) -> Imported:
    kind = "" if path.is_dir() else path.suffix.lower()
    if kind in VIDEOS:
        what = f"{path} is a video, and import reads keypoints"
        raise DancegenError(what, "make it a dance with `dancegen capture`")
    if kind not in (".npz", ".csv"):
        return read_poses(path, fps or USUAL_RATE, canvas, people)
    if kind == ".npz":
        dancer, placement = read_npz(path)
    else:
        places, confidence, rate = read_csv(path)
        placement = _placement(places[..., :2], confidence, canvas or _canvas([(places[..., :2], confidence)]))
        places[..., :2] -= (placement.x, placement.y)
        dancer = SkeletonSequence(places / placement.scale, rate, confidence)
    notes: list[str] = []
    dancer = replace(dancer, fps=fps or dancer.fps)
    return Imported(tuple(_draw_near([dancer], notes)), placement, tuple(notes))


def _to_song(made: DanceFile, song: Path, start: float, notes: list[str]) -> DanceFile:
    from dancegen.audio.beats import find_beats
    from dancegen.audio.load import load_song

    sound, seconds = load_song(song, start), made.seconds
    if abs(sound.seconds - seconds) > 0.5:
        lengths = f"the poses last {seconds:.1f} s, the song {sound.seconds:.1f} s"
        notes.append(f"{lengths}: {min(seconds, sound.seconds):.1f} s are used")
    return put_to_song(made, sound, find_beats(sound))


def _people_notes(
    frames: Sequence[KeypointFrame], found: Sequence[Followed], chosen: Sequence[Followed], people: str
) -> list[str]:
    """Where there are several, and where the one who is followed is not there or jumps."""
    notes = []
    counts = [sum(person.seen for person in frame.persons) for frame in frames]
    several = [number for number, count in enumerate(counts, 1) if count > 1]
    if several or len(found) > 1:
        where = f" (frames {_ranges(several)})" if several else ""
        notes.append(f"{count_of(len(found), 'people')} in the clip{where}: --people {people} is taken")
    for person in chosen if people != "all" else ():
        others = [number + 1 for number in _other_frames(frames, person)]
        if others:
            numbers = f"{'frame' if len(others) == 1 else 'frames'} {_ranges(others)}"
            notes.append(f"the dancer is missing from {numbers}, where others are: interpolated")
    for person in chosen:
        if person.jumps:
            cuts = _ranges([number + 1 for number in person.jumps])
            notes.append(f"the dancer jumps at frame {cuts}: a cut, or another person from there on")
    return notes


def _other_frames(frames: Sequence[KeypointFrame], person: Followed) -> list[int]:
    """The frames, from 0, in which somebody is, but not this person."""
    held = person.persons
    return [at for at, frame in enumerate(frames) if at not in held and any(one.seen for one in frame.persons)]


def _ranges(numbers: Sequence[int]) -> str:
    """`1-3, 7, ...` of rising whole numbers."""
    stretches: list[list[int]] = []
    for number in numbers:
        if stretches and number == stretches[-1][1] + 1:
            stretches[-1][1] = number
        else:
            stretches.append([number, number])
    named = [str(first) if first == last else f"{first}-{last}" for first, last in stretches[:NAMED_FRAMES]]
    return ", ".join(named) + (", ..." if len(stretches) > NAMED_FRAMES else "")


def _whole_body(
    person: Followed, frames: Sequence[KeypointFrame], fps: float, name: str
) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
    """(T, V, 2) pixels and (T, V) of one person through all frames; and (T, V) what was seen of them."""
    bodies = np.zeros((len(frames), V, 3))
    for number, keypoints in person.persons.items():
        bodies[number] = keypoints.body
    _complete_neck(bodies)
    points, confidence = bodies[..., :2], bodies[..., 2]
    if not (confidence[:, NECK] > 0).any():
        raise DancegenError(f"{name}: no frame shows the neck", "give poses with neck and hips")
    return fill_gaps(points, confidence, fps), confidence


def _complete_neck(bodies: np.ndarray) -> None:
    """The neck between the shoulders where only they are seen (in place); bodies (T, V, 3)."""
    right, left = bodies[:, R_SHOULDER], bodies[:, L_SHOULDER]
    lacking = (bodies[:, NECK, 2] <= 0) & (right[:, 2] > 0) & (left[:, 2] > 0)
    between = np.concatenate([(right + left)[:, :2] / 2, np.minimum(right, left)[:, 2:]], axis=1)
    bodies[lacking, NECK] = between[lacking]


def _canvas(dancers: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[int, int]:
    """A canvas that holds all places, for a clip that names none."""
    high = np.max([points.max(axis=(0, 1)) for points, _ in dancers], axis=0)
    return max(round(float(high[0])) + 1, 1), max(round(float(high[1])) + 1, 1)


def _placement(points: np.ndarray, confidence: np.ndarray, canvas: tuple[int, int]) -> Placement:
    """Where the canonical dance lies: one body height, the ground under the lower ankle, the middle of its path."""
    size = figure_size(points, (confidence > 0).any(axis=0))
    lower = points[:, [R_ANKLE, L_ANKLE], 1].max(axis=1)  # (T,)
    ground = float(np.quantile(lower, 0.9)) + ANKLE_HEIGHT * size
    return Placement(canvas[0], canvas[1], size, float(np.median(mid_hip(points)[:, 0])), ground)


def _canonical(
    points: np.ndarray, confidence: np.ndarray, person: Followed, placement: Placement, fps: float
) -> SkeletonSequence:
    flat = (points - (placement.x, placement.y)) / placement.scale  # (T, V, 2)
    joints = np.concatenate([flat, np.zeros_like(flat[..., :1])], axis=-1).astype(np.float32)  # (T, V, 3)
    hands, face = _hands_and_face(person, len(points))
    return SkeletonSequence(
        joints,
        fps,
        confidence.astype(np.float32),
        hands=None if hands is None else _to_canonical(hands, placement),
        face=None if face is None else _to_canonical(face, placement),
    )


def _hands_and_face(person: Followed, count: int) -> tuple[np.ndarray | None, np.ndarray | None]:
    """(T, 2, HAND, 3) and (T, F, 3) pixels and confidence, 0 in frames without; faces of the most frequent layout."""
    held = person.persons
    hands = _gather({number: one.hands for number, one in held.items()}, count, (2, HAND, 3))
    layouts = Counter(len(one.face) for one in held.values() if one.face is not None)
    if not layouts:
        return hands, None
    points = layouts.most_common(1)[0][0]
    faces = {number: _of_length(one, points) for number, one in held.items()}
    return hands, _gather(faces, count, (points, 3))


def _of_length(person: Keypoints, points: int) -> np.ndarray | None:
    return person.face if person.face is not None and len(person.face) == points else None


def _gather(given: dict[int, np.ndarray | None], count: int, shape: tuple[int, ...]) -> np.ndarray | None:
    gathered = np.zeros((count, *shape))
    for number, points in given.items():
        if points is not None:
            gathered[number] = points
    return gathered if (gathered[..., 2] > 0).any() else None


def _to_canonical(points: np.ndarray, placement: Placement) -> np.ndarray:
    places = (points[..., :2] - (placement.x, placement.y)) / placement.scale
    near = (np.abs(places) <= FARTHEST).all(axis=-1, keepdims=True) & (points[..., 2:] > 0)
    return np.where(near, np.concatenate([places, points[..., 2:]], axis=-1), 0).astype(np.float32)


def _draw_near(dancers: Sequence[SkeletonSequence], notes: list[str]) -> list[SkeletonSequence]:
    """The dancers whom a dance file can hold; joints far outside are drawn in, which is noted."""
    drawn = []
    for dancer in dancers:
        if np.abs(dancer.joints).max() > FARTHEST:
            notes.append(f"joints more than {FARTHEST:g} body heights away are drawn in")
            dancer = replace(dancer, joints=np.clip(dancer.joints, -FARTHEST, FARTHEST))
        drawn.append(dancer)
    return drawn
