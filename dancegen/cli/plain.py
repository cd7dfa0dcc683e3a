"""Progress where there is no terminal."""

from __future__ import annotations

import time
from collections.abc import Callable

from dancegen.errors import one_line
from dancegen.progress import count_of

PLAIN_SECONDS = 10.0  # between two lines of progress where there is no terminal


class PlainReporter:
    """Progress as lines, for pipes and logs; `tell` shows one."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._unit, self._total, self._done = "", 0, 0
        self._began = self._told = time.monotonic()

    def stage(self, name: str, total: int | None = None, unit: str = "") -> None:
        """See `progress.Reporter`."""
        self.close()
        self._unit, self._total, self._done = unit, total or 0, 0
        self._began = self._told = time.monotonic()
        self._tell(f"{name} ..." if not total else f"{name}: {count_of(total, unit)} ...")

    def advance(self, steps: int = 1) -> None:
        """See `progress.Reporter`."""
        self._done += steps
        if self._total and time.monotonic() - self._told >= PLAIN_SECONDS:
            self._told = time.monotonic()
            rate = self._done / (self._told - self._began)
            left = max(self._total - self._done, 0) / rate
            done = f"{self._done} of {count_of(self._total, self._unit)}"
            self._tell(f"  {done}, {rate:.1f} {self._unit}/s, {left:.0f} s left")

    def note(self, text: str) -> None:
        """See `progress.Reporter`."""
        self._tell(f"note: {one_line(text)}")

    def close(self) -> None:
        """The last stage is over: say how fast it was, where that says something."""
        seconds = time.monotonic() - self._began
        if self._done and self._unit and seconds > 1:
            self._tell(f"  {count_of(self._done, self._unit)}, {self._done / seconds:.1f} {self._unit}/s")
        self._done = 0
