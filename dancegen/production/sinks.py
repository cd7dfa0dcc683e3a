"""Where the frames of a video go: into a file, to a function, into several places at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from dancegen.files import claim, refuse_existing
from dancegen.video.encode import VideoWriter, check_output, check_room, check_transparent

if TYPE_CHECKING:
    from dancegen.production.produce import Film
    from dancegen.production.request import Request

Write = Callable[[np.ndarray], None]  # takes a frame, uint8 (h, w, 3) RGB


class Sink(Protocol):
    """Takes the frames of a video, in their order."""

    def claim(self, request: Request) -> AbstractContextManager[None]:
        """Refuse, before any work, what could not be written; in the block nobody else writes it.

        Raises:
            DancegenError: why not, and what to do.
        """

    def reserve(self, size: tuple[int, int], frames: int) -> None:
        """Refuse a video of `size` (w, h) that there is no room for; called once its length is known."""

    def open(self, film: Film) -> AbstractContextManager[Write]:
        """The place for the frames; what was written is whole only when the block ends without an error."""


def file_or_folder(path: Path | str, request: Request, overwrite: bool = False) -> Sink:
    """What -o names: a video; or, of frames that are transparent, a folder of pictures where it has no ending."""
    if request.transparent and not Path(path).suffix:
        from dancegen.production.folder import PictureFolder

        return PictureFolder(path, overwrite)
    return VideoFile(path, overwrite)


class VideoFile:
    """A video with its sound, at once whole or not there at all.

    Args:
        path: the file; its ending chooses the container.
        overwrite: replace what is there.
    """

    def __init__(self, path: Path | str, overwrite: bool = False) -> None:
        self.path, self.overwrite = Path(path), overwrite

    @contextmanager
    def claim(self, request: Request) -> Iterator[None]:
        """Refuses a name that cannot be, is taken, is that of an input, or is being written by another run."""
        check_output(self.path, overwrite=self.overwrite, inputs=request.files)
        if request.transparent:
            check_transparent(self.path)
        with claim(self.path):
            refuse_existing(self.path, self.overwrite)  # another run may have made it while the claim was waited for
            yield

    def reserve(self, size: tuple[int, int], frames: int) -> None:
        """Refuses a disk that is too full."""
        check_room(self.path, *size, frames)

    @contextmanager
    def open(self, film: Film) -> Iterator[Write]:
        """Encodes what is written."""
        made, request = film.made, film.request
        sound, how = made.song, (request.crf, request.transparent)
        with VideoWriter(self.path, *made.size, request.fps, sound, made.facts, *how) as video:
            yield video.write


class Each:
    """Gives every frame to a function: a window that shows it, a list that keeps it."""

    def __init__(self, take: Write) -> None:
        self._take = take

    def claim(self, request: Request) -> AbstractContextManager[None]:
        """Takes anything."""
        return nullcontext()

    def reserve(self, size: tuple[int, int], frames: int) -> None:
        """Takes anything."""

    @contextmanager
    def open(self, film: Film) -> Iterator[Write]:
        """The function itself."""
        yield self._take


class Several:
    """Gives every frame to several sinks; if one fails, none is whole."""

    def __init__(self, *sinks: Sink) -> None:
        self._sinks = sinks

    @contextmanager
    def claim(self, request: Request) -> Iterator[None]:
        """See `Sink`."""
        with ExitStack() as stack:
            for sink in self._sinks:
                stack.enter_context(sink.claim(request))
            yield

    def reserve(self, size: tuple[int, int], frames: int) -> None:
        """See `Sink`."""
        for sink in self._sinks:
            sink.reserve(size, frames)

    @contextmanager
    def open(self, film: Film) -> Iterator[Write]:
        """All of them, open."""
        with ExitStack() as stack:
            writes = [stack.enter_context(sink.open(film)) for sink in self._sinks]

            def write(frame: np.ndarray) -> None:
                for one in writes:
                    one(frame)

            yield write
