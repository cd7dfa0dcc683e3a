"""The studio as its own process, and a page that looks at it, for tests in a browser."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from conftest import ROOT

from dancegen.ffmpeg import ffmpeg_program

PATIENCE = 180_000  # milliseconds
SMALL = {"option-size": "64", "option-fps": "5"}


class Program:
    """`dancegen studio PROJECT` as its own process."""

    def __init__(self, folder: Path, *more: str) -> None:
        self.folder, self._log = folder, folder.with_suffix(".log")
        words = ["studio", str(folder), "--no-browser", "--offline", "--device", "cpu", *more]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "2"}
        with self._log.open("w") as log:
            command = [sys.executable, "-m", "dancegen", *words]
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        self.address = self._address()

    def _address(self) -> str:
        for _ in range(600):
            if found := re.search(r"http://127\S+", self._log.read_text()):
                return found[0]
            time.sleep(0.1)
        raise AssertionError(self._log.read_text())

    @property
    def said(self) -> str:
        """What it printed."""
        return self._log.read_text()

    @property
    def memory(self) -> float:
        """MB that it holds."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]

    @property
    def resting(self) -> float:
        """MB that it holds when it does nothing: the least of a second."""
        held = []
        for _ in range(10):
            held.append(self.memory)
            time.sleep(0.1)
        return min(held)

    @property
    def cpu(self) -> float:
        """Seconds of processors that it has used."""
        told = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK")

    def end(self, how: int = signal.SIGTERM) -> None:
        self.process.send_signal(how)
        self.process.wait(30)


@dataclass
class Visit:
    """A page, every fault that its console told, and every address that it asked for."""

    page: Any
    faults: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    clicks: int = 0

    def listen(self) -> None:
        """Keep what the page complains of and asks for."""
        for what in ("console", "pageerror", "request"):
            self.page.on(what, getattr(self, f"_{what}"))

    def _console(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.faults.append(message.text)

    def _pageerror(self, error: Any) -> None:
        self.faults.append(str(error))

    def _request(self, request: Any) -> None:
        self.asked.append(request.url)

    def click(self, selector: str) -> None:
        self.page.click(selector)
        self.clicks += 1

    def choose(self, selector: str, file: Path) -> None:
        """A file through the button that opens the system's dialog."""
        with self.page.expect_file_chooser() as dialog:
            self.page.click(f"label:has({selector})")
        self.clicks += 1
        dialog.value.set_files(file)

    def fill(self, values: dict[str, str]) -> None:
        for name, value in values.items():
            self.page.fill(f"#{name}", value)
            self.page.press(f"#{name}", "Tab")

    def wait(self, selector: str, patience: int = PATIENCE) -> Any:
        return self.page.wait_for_selector(selector, timeout=patience)

    def json(self, path: str) -> Any:
        return self.page.evaluate("async (path) => (await fetch(path)).json()", path)

    def until(self, what: str) -> None:
        """Waits until an expression is true; the page's own policy lets nobody do that in it."""
        for _ in range(PATIENCE // 20):
            if self.page.evaluate(what):
                return
            time.sleep(0.02)
        raise AssertionError(what)

    def state(self) -> dict[str, Any]:
        return self.json("/api/state")["state"]  # type: ignore[no-any-return]


def frames(video: Path) -> np.ndarray:
    """(T, h, w, 3) uint8."""
    said = subprocess.run([ffmpeg_program(), "-i", str(video)], capture_output=True, text=True, check=False).stderr
    width, height = (int(side) for side in re.search(r"Video: .*?(\d{2,4})x(\d{2,4})", said).groups())  # type: ignore[union-attr]
    command = [ffmpeg_program(), "-v", "error", "-i", str(video), "-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1"]
    raw = subprocess.run(command, capture_output=True, check=True).stdout
    return np.frombuffer(raw, np.uint8).reshape(-1, height, width, 3)


def offset(tracked: Any) -> np.ndarray:
    """Milliseconds by which what was drawn is ahead of the sound; the sound's place is a line through what it told."""
    audio, shown = (np.asarray(part, float) for part in tracked)
    slope, begin = np.polyfit(audio[:, 0], audio[:, 1], 1)
    return 1000 * (shown[:, 1] - (slope * shown[:, 0] + begin))


def place(page: Any, joint: int) -> tuple[float, float]:
    """Where a joint is on the screen."""
    found = page.evaluate("async () => (await fetch('/api/pictures/dancer.png')).json()")
    x, y, _ = found["people"][0]["joints"][joint]
    box = page.locator("#body").bounding_box()
    return box["x"] + x * box["width"] / found["size"][0], box["y"] + y * box["height"] / found["size"][1]
