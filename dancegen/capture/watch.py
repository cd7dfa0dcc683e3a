"""Who is seen in each frame of a clip, and where it cuts.

Everybody is looked for at the beginning, after a cut and once a second; in between, each is looked for near where they
were, which is quick. Who of them is meant is decided later, over the whole clip (`people/tracks.py`).

Glossary: T frames, V = 18 joints.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dancegen.body.keypoints import KeypointFrame
from dancegen.body.layouts import Keypoints
from dancegen.capture.clip import Clip, frames
from dancegen.capture.pose_video import is_pose_picture, read_pose
from dancegen.images.picture import ConditionalImage
from dancegen.people.detectors.base import Detector, Watcher
from dancegen.people.located import Detection
from dancegen.progress import Reporter

EVERY = 1.0  # seconds between two looks for everybody
MOST = 3  # people who are followed at once: each costs a look a frame
ROOM = 0.3  # of a person's extent, around them, that is looked at
THUMB = 8  # frames are compared in squares of so many pixels
CUT_LEAST, CUT_TIMES = 0.09, 5.0  # mean difference of two frames (0..1), and against the last ones, of a cut
LIT, DARK_SECONDS = 60, 5.0  # the level of a frame that is not dark; how long a dark beginning is waited through
LAST = 8  # frames that are "the last ones"


@dataclass(frozen=True, eq=False)
class Watched:
    """What was seen: people by frame, in pixels of `size`; cut (T,) bool, the first frame of each new shot."""

    frames: tuple[KeypointFrame, ...]
    cut: np.ndarray
    size: tuple[int, int]


def is_drawn(clip: Clip) -> bool:
    """Whether a clip is a pose video: its first frame that is not dark shows skeletons on black."""
    for number, pixels in enumerate(frames(clip)):
        if is_pose_picture(pixels):
            return True
        if pixels.max() > LIT or number > clip.fps * DARK_SECONDS:
            return False
    return False


def watch(clip: Clip, detector: Detector | None, reporter: Reporter) -> Watched:
    """Look at all frames of a clip; without a detector it is a pose video, made large (`clip.enlarge`)."""
    seen, cuts = [], []
    eyes, scenes = Eyes(clip, detector) if detector else None, Scenes()
    for pixels in frames(clip):
        cut = eyes is not None and scenes.cut(pixels)
        if eyes is None:
            body = read_pose(pixels)
            people = [body] if body[:, 2].any() else []
        else:
            people = eyes.people(pixels, cut)
        seen.append(KeypointFrame(tuple(Keypoints(body.astype(np.float64)) for body in people), clip.size))
        cuts.append(cut)
        reporter.advance()
    return Watched(tuple(seen), np.array(cuts, bool), clip.size)


class Eyes:
    """A detector that remembers where everybody was."""

    def __init__(self, clip: Clip, detector: Detector) -> None:
        self.path, self.detector = clip.path, detector
        self.every, self.since = max(1, round(EVERY * clip.fps)), 0
        self.boxes: list[tuple[int, int, int, int]] = []

    def people(self, pixels: np.ndarray, cut: bool) -> list[np.ndarray]:
        """The people of the next frame, (V, 3) each."""
        picture = ConditionalImage(self.path, pixels)
        whole = cut or self.since == 0 or not isinstance(self.detector, Watcher)
        self.since = 1 if whole else (self.since + 1) % self.every
        if whole:
            found = self.detector.find(picture)[:MOST]
        else:
            assert isinstance(self.detector, Watcher)
            found = []
            for box in self.boxes:
                one = self.detector.look(picture, box)
                if one is not None and not any(_is_same_person(one, other) for other in found):
                    found.append(one)
        if found or whole:
            self.boxes = [_around(one, picture.size) for one in found]
        return [np.concatenate([one.joints, one.confidence[:, None]], axis=1) for one in found]


class Scenes:
    """Finds cuts: a frame that differs from the one before far more than the last ones did."""

    def __init__(self) -> None:
        self.before: np.ndarray | None = None
        self.changes: list[float] = []

    def cut(self, pixels: np.ndarray) -> bool:
        """Whether this frame (H, W, 3) begins a new shot."""
        height, width = (side // THUMB * THUMB for side in pixels.shape[:2])
        small = pixels[:height, :width].reshape(height // THUMB, THUMB, width // THUMB, THUMB, 3).mean((1, 3)) / 255
        before, self.before = self.before, small
        if before is None or before.shape != small.shape:
            return False
        change = float(np.abs(small - before).mean())
        usual = float(np.median(self.changes[-LAST:])) if self.changes else 0.0
        found = change > max(CUT_LEAST, CUT_TIMES * usual)
        if not found:
            self.changes.append(change)
        return found


def _around(found: Detection, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """The part of the picture in which somebody is looked for next."""
    points = found.joints[found.confidence > 0]
    low, high = points.min(axis=0), points.max(axis=0)
    room = ROOM * float((high - low).max())
    left, top = np.floor(np.maximum(low - room, 0)).astype(int)
    right, bottom = np.ceil(np.minimum(high + room, size)).astype(int)
    return int(left), int(top), max(int(right), int(left) + 2), max(int(bottom), int(top) + 2)


def _is_same_person(one: Detection, other: Detection) -> bool:
    """Whether two looks found the same person."""
    both = (one.confidence > 0) & (other.confidence > 0)
    extent = float(np.ptp(one.joints[one.confidence > 0], axis=0).max())
    return bool(both.any() and np.linalg.norm(one.joints - other.joints, axis=1)[both].mean() < 0.15 * extent)
