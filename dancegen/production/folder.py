"""Frames as a folder of numbered PNG files, which keep transparency as it is; the song stays where it is."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from dancegen.errors import DancegenError
from dancegen.files import claim, refuse_existing, refuse_inputs, write_error
from dancegen.folders import refuse_inside, whole_folder

if TYPE_CHECKING:
    from dancegen.production.produce import Film
    from dancegen.production.request import Request
    from dancegen.production.sinks import Write

NAME = re.compile(r"\d{6,}\.png")
COMPRESSION = 3  # zlib's level: larger files than at 6 by a tenth, in half the time
BYTES_PER_PIXEL = 1.5  # that must be free for a frame's pixel; a dancing figure takes a third of that
ROOM = 16 << 20  # bytes, besides


class PictureFolder:
    """A new folder of `000000.png`, `000001.png`, ..., at once whole or not there at all.

    The first file's comment says how the frames were made.

    Args:
        path: the folder.
        overwrite: replace a folder that is there and holds nothing else than such files.
    """

    def __init__(self, path: Path | str, overwrite: bool = False) -> None:
        self.path, self.overwrite = Path(path), overwrite

    @contextmanager
    def claim(self, request: Request) -> Iterator[None]:
        """Refuses a folder that cannot be, is taken, holds something else or an input, or is being written."""
        self._check(request)
        with claim(self.path):
            self._check(request)  # another run may have made it while the claim was waited for
            yield

    def _check(self, request: Request) -> None:
        if not self.path.parent.is_dir():
            what = f"the output folder {self.path.parent} does not exist"
            raise DancegenError(what, "create it or choose another with -o")
        refuse_inputs(self.path, request.files)
        refuse_inside(self.path, request.files)
        refuse_existing(self.path, self.overwrite)
        if self.path.exists() and not self.path.is_dir():
            raise DancegenError(f"{self.path} is a file", "choose a folder with -o, or a file that ends in .webm")
        there = self.path.iterdir() if self.path.is_dir() else []
        if others := [file.name for file in there if not NAME.fullmatch(file.name)]:
            raise DancegenError(f"{self.path} holds other files than frames, such as {others[0]}", "name a new folder")

    def reserve(self, size: tuple[int, int], frames: int) -> None:
        """Refuse a disk that is too full."""
        needed = ROOM + round(size[0] * size[1] * frames * BYTES_PER_PIXEL)
        free = shutil.disk_usage(self.path.parent).free
        if free < needed:
            what = f"{self.path.parent} has {free >> 20} MB free, the frames may need {needed >> 20} MB"
            raise DancegenError(what, "free some room")

    @contextmanager
    def open(self, film: Film) -> Iterator[Write]:
        """Writes a file for each frame."""
        comment = PngInfo()
        comment.add_text("Comment", json.dumps(film.made.facts))
        try:
            with whole_folder(self.path) as folder:
                count = 0

                def write(frame: np.ndarray) -> None:
                    nonlocal count
                    said = comment if count == 0 else None
                    file = folder / f"{count:06d}.png"
                    Image.fromarray(frame).save(file, compress_level=COMPRESSION, pnginfo=said)
                    count += 1

                yield write
        except OSError as cause:
            raise write_error(self.path, cause) from cause
