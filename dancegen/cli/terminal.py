"""Standard output and standard error as they are found: closed, a pipe, of another encoding, without colours."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import IO, TYPE_CHECKING

from dancegen.words import escaped_lines

if TYPE_CHECKING:
    from rich.console import Console


def prepare_streams() -> None:
    """Make both streams such that printing cannot fail for what is printed; NO_COLOR means no escape codes at all."""
    _fill_closed()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # an encoding without the letter prints its escape sequence
    if os.environ.get("NO_COLOR"):
        os.environ["TERM"] = "dumb"  # rich without colours still writes bold, and moves the cursor


def _fill_closed() -> None:
    """Put the null device where standard input, output or error is closed.

    Else the first file that is opened takes its number, and everything printed goes into that file.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number
    if sys.stdout is None:
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115 - for as long as the program runs
    if sys.stderr is None:
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115


def is_lively(stream: IO[str]) -> bool:
    """Whether `stream` is a terminal that can show bars and tables that change."""
    return stream.isatty() and os.environ.get("TERM") not in ("dumb", "unknown")


def discard(stream: IO[str]) -> None:
    """Send what is still to be written to `stream` nowhere: nobody reads it any more."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)


def safe_console(*, stderr: bool = False, width: int | None = None) -> Console:
    """A rich console that shows control characters in what it prints as escape sequences that can be read."""
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.segment import Segment

    class SafeConsole(Console):
        """Escapes text, not rich's own styles and cursor movements."""

        def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
            """See `rich.console.Console`."""
            for text, style, control in super().render(renderable, options):
                yield Segment(text if control else escaped_lines(text), style, control)

    return SafeConsole(stderr=stderr, width=width, markup=False, emoji=False)
