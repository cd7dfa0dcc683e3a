"""Tables of rich, on a terminal and in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.measure import Measurement
from rich.segment import Segment

from dancegen.errors import escape_lines

PLAIN_WIDTH = 120  # columns of a table in a pipe
PIPE_WIDTH = 10_000  # the most of them; usually PLAIN_WIDTH


def print_table(result: Any) -> None:
    """A rich table; in a pipe it is as wide as it needs to be, so that no figure is cut off."""
    console = safe_console(width=None if sys.stdout.isatty() else PIPE_WIDTH)
    if not sys.stdout.isatty():
        console.width = max(PLAIN_WIDTH, Measurement.get(console, console.options, result).maximum)
    console.print(result)


def safe_console(*, stderr: bool = False, width: int | None = None) -> Console:
    """A rich console that shows control characters in what it prints as escape sequences that can be read."""

    class SafeConsole(Console):
        """Escapes text, not rich's own styles and cursor movements."""

        def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
            """See `rich.console.Console`."""
            for text, style, control in super().render(renderable, options):
                yield Segment(text if control else escape_lines(text), style, control)

    return SafeConsole(stderr=stderr, width=width, markup=False, emoji=False)
