"""A studio without a browser, for tests."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from dancegen.dances.dance_file import DanceFile
from dancegen.dances.read_dance import read_dance
from dancegen.web.app import make_app
from dancegen.web.guard import Guard
from dancegen.web.project import Project
from dancegen.web.studio import Studio

PORT = 8123
HOME = f"http://127.0.0.1:{PORT}"
OURS = {"x-dancegen": "1"}
BROKEN = b"this is no music and no picture" * 50


@dataclass
class Open:
    """A studio that is open, and a page that was let in."""

    studio: Studio
    guard: Guard
    page: TestClient
    folder: Path

    def json(self, method: str, path: str, body: Any = None) -> Any:
        """An answer that must be a good one."""
        answer = self.page.request(method, path, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refused(self, method: str, path: str, body: Any = None, content: bytes | None = None) -> str:
        """The sentence of an answer that must be a refusal."""
        answer = self.page.request(method, path, json=body, content=content)
        assert answer.status_code == 400, answer.text
        return str(answer.json()["error"])

    def film(self, name: str) -> dict[str, Any]:
        """What is told of a video."""
        return next(one for one in self.json("GET", "/api/state")["videos"] if one["name"] == name)

    def clip(self, name: str) -> dict[str, Any]:
        """What is told of a clip."""
        return next(one for one in self.json("GET", "/api/state")["clips"] if one["name"] == name)

    def wait_for_clip(self, name: str, *states: str) -> None:
        """Until a clip is in one of these states."""
        for _ in range(1200):
            if (found := self.clip(name))["state"] in states:
                return
            time.sleep(0.05)
        raise AssertionError(found)

    def wait(self, name: str, *states: str) -> dict[str, Any]:
        """A video, when it is in one of these states."""
        for _ in range(1200):
            if (found := self.film(name))["state"] in states:
                return found
            time.sleep(0.05)
        raise AssertionError(found)


def open_studio(folder: Path, weights: Path, vimo: Path) -> Open:
    own = {"choreographer": str(weights), "renderer": "puppet", "capture.vimo": str(vimo)}
    usual = {"weights": own, "device": "cpu", "offline": True}
    studio = Studio(Project(folder), usual)
    guard = Guard(make_app(studio), PORT)
    page = TestClient(guard, base_url=HOME, headers=OURS)
    assert page.get(f"/?key={guard.key}").status_code == 200
    return Open(studio, guard, page, folder)


def one_line(studio: Open) -> DanceFile:
    """The version of the dance that is shown."""
    history = studio.json("GET", "/api/state")["state"]["dances"]["beat.wav"]
    return read_dance(studio.folder / "dances" / history["versions"][history["at"]])
