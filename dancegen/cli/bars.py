"""Progress as bars, for a terminal."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from dancegen.cli.tables import safe_console
from dancegen.errors import one_line

if TYPE_CHECKING:
    from rich.progress import Progress


class TerminalReporter:
    """Progress as bars on standard error: stage, done of total, rate, time left."""

    def __init__(self) -> None:
        self._bars: Progress | None = None
        self._task: Any = None
        self._unit = ""
        self._began = 0.0
        self._done = 0

    def stage(self, name: str, total: int | None = None, unit: str = "") -> None:
        """See `progress.Reporter`."""
        bars = self._start()
        self._finish_task()
        self._unit, self._began, self._done = unit, time.monotonic(), 0
        self._task = bars.add_task(name, total=total, said="")

    def advance(self, steps: int = 1) -> None:
        """See `progress.Reporter`."""
        if self._bars is None or self._task is None:
            return
        self._done += steps
        rate = self._done / max(time.monotonic() - self._began, 1e-6)
        said = f"{rate:.1f} {self._unit}/s" if self._unit else ""
        self._bars.update(self._task, advance=steps, said=said)

    def note(self, text: str) -> None:
        """See `progress.Reporter`."""
        self._start().console.print(f"note: {one_line(text)}", markup=False, highlight=False)

    def close(self) -> None:
        """Leave the terminal as it should be; safe to call twice."""
        if self._bars is not None:
            self._finish_task()
            self._bars.stop()
            self._bars = None

    def _finish_task(self) -> None:
        if self._bars is not None and self._task is not None:
            total = self._bars.tasks[self._bars.task_ids.index(self._task)].total
            if total is None:
                self._bars.update(self._task, total=1, completed=1)
            self._task = None

    def _start(self) -> Progress:
        if self._bars is None:
            from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

            self._bars = Progress(
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                TextColumn("{task.percentage:>3.0f}%"),
                TextColumn("{task.fields[said]}"),
                TimeRemainingColumn(elapsed_when_finished=True),
                console=safe_console(stderr=True),
            )
            self._bars.start()
        return self._bars
