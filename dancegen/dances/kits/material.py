"""What every kit is made of, and the files that several of them have."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from PIL import Image

from dancegen.audio.song import Song
from dancegen.body.sequence import SkeletonSequence
from dancegen.dances.kits.driving import AREA, STEP, Driver
from dancegen.people.located import LocatedBody
from dancegen.progress import Reporter
from dancegen.renderers.control.frame import Frame, shape_like
from dancegen.renderers.control.poses import Drawing, draw, place
from dancegen.video.encode import VideoWriter
from dancegen.video.sound import write_sound

EXACT = 10  # crf of videos that a program reads: edges stay edges


@dataclass(frozen=True, eq=False)
class Material:
    """A dance, a picture and a song, for a kit in `folder`.

    Attributes:
        dances: canonical, of each dancer.
        people: of one picture, whom each dancer shall be, in the same order.
        song: the stretch of it that is danced to, if it is there.
        folder: where the kit's files go, for now; `name` is what the folder will be called.
        prompt: what the picture shows, in words.
        reporter: is told of progress.
        drive: makes the figures of a driving video of a size (w, h).
    """

    dances: tuple[SkeletonSequence, ...]
    people: tuple[LocatedBody, ...]
    song: Song | None
    folder: Path
    name: str
    prompt: str
    reporter: Reporter
    drive: Callable[[tuple[int, int]], Driver]

    @property
    def picture(self) -> np.ndarray:
        """uint8 (H, W, 3)."""
        return self.people[0].picture.pixels

    @property
    def picture_size(self) -> tuple[int, int]:
        """(W, H) pixels."""
        return self.people[0].picture.size

    @cached_property
    def driving_size(self) -> tuple[int, int]:
        """(w, h) of a driving video and of all that belongs to it."""
        return shape_like(self.picture_size, AREA, STEP)

    def count(self, fps: float) -> int:
        """Poses at a rate."""
        return max(1, round(self.dances[0].seconds * fps))

    def poses(self, fps: float, frame: Frame) -> list[SkeletonSequence]:
        """The dances on the picture's people, in pixels of a frame."""
        return [frame.poses(place(dance, one, fps)) for dance, one in zip(self.dances, self.people, strict=True)]

    def save(self, name: str, pixels: np.ndarray) -> None:
        """A picture, uint8 (h, w, 3)."""
        Image.fromarray(pixels).save(self.folder / name)

    def write(self, name: str, text: str) -> None:
        """A text file."""
        (self.folder / name).write_text(text, encoding="utf-8", newline="\n")

    def film(self, name: str, size: tuple[int, int], fps: float, frames: Iterable[np.ndarray], count: int) -> None:
        """A video of frames uint8 (h, w, 3), with the song where there is one."""
        self.reporter.stage(name, count, "frames")
        with VideoWriter(self.folder / name, *size, fps, self.song, {"title": name}, EXACT) as video:
            for image in frames:
                video.write(image)
                self.reporter.advance()

    def pose_video(self, name: str, size: tuple[int, int], poses: list[SkeletonSequence], drawing: Drawing) -> None:
        """A video of poses on black."""
        self.film(name, size, poses[0].fps, draw(size, poses, drawing), len(poses[0]))

    def sound(self) -> str:
        """Write the song's stretch as a file of its own; its name, empty where there is no song."""
        if self.song is None:
            return ""
        write_sound(self.folder / "song.m4a", self.song)
        return "song.m4a"
