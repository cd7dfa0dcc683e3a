"""The studio: a project, the lanes that work for it, and what they found out, kept while it is needed."""

from __future__ import annotations

import itertools
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dancegen.production.backends import JOBS, Backends, load_backends
from dancegen.production.capture import ROLE, load_motion_network
from dancegen.production.request import Request
from dancegen.progress import Reporter
from dancegen.web.project import Project
from dancegen.web.work import Job, Lane

if TYPE_CHECKING:
    from dancegen.capture.network import Vimo

KEPT = 4  # pictures, songs and scenes that are remembered; each takes some 10 MB


class Memory:
    """The last few results, by what they were made of."""

    def __init__(self, most: int = KEPT) -> None:
        self._most, self._found = most, OrderedDict[Any, Any]()
        self._lock = threading.Lock()

    def get(self, key: Any) -> Any:
        """What was kept, or None."""
        with self._lock:
            if key in self._found:
                self._found.move_to_end(key)
            return self._found.get(key)

    def put(self, key: Any, value: Any) -> Any:
        """Keep a value; it is returned."""
        with self._lock:
            self._found[key] = value
            self._found.move_to_end(key)
            while len(self._found) > self._most:
                self._found.popitem(last=False)
        return value


class Studio:
    """What the page's handlers share.

    Attributes:
        project: the folder.
        usual: attributes of `Request` that hold for all that is made (device, offline, weights).
        hands: finds, hears and dances, one thing after the other; `views` makes previews ready, `films` renders,
            `studies` captures clips and learns styles.
        people, songs, scenes, dances, asked: what was found, made ready or read.
        asking, finding: are held while a video gets its name, and while people are looked for.
        version: counts up with everything there is to tell.
    """

    def __init__(self, project: Project, usual: dict[str, Any] | None = None) -> None:
        numbers = itertools.count(1)
        self.project, self.usual, self.version = project, usual or {}, 0
        names = ("hands", "views", "films", "studies")
        self.lanes = [Lane(name, numbers, self.note_change) for name in names]
        self.hands, self.views, self.films, self.studies = self.lanes
        self.people, self.songs, self.scenes = Memory(), Memory(), Memory(1)
        self.dances = Memory(4)  # versions of a dance, and clips; four minutes with eight takes are 12 MB
        self.asked = Memory(500)  # requests by their files, read at every look of the page
        self.over: Callable[[], bool] = lambda: False  # whether the program is about to end
        self._backends = Memory(8)
        self._loading, self.asking, self.finding = threading.Lock(), threading.Lock(), threading.Lock()

    def note_change(self) -> None:
        """There is something new to tell; any thread may say so."""
        self.version += 1

    def jobs(self) -> list[Job]:
        """Of all lanes, in the order in which they were asked for."""
        return sorted((job for lane in self.lanes for job in lane.jobs()), key=lambda job: job.number)

    def stop(self, number: int) -> bool:
        """End a job as soon as it can; whether there is one."""
        return any(lane.stop(number) for lane in self.lanes)

    def request(self, **chosen: Any) -> Request:
        """A request for a stage of the work; song and picture may be left out."""
        return Request(**{"song": Path(), "picture": Path(), **self.usual, **chosen})

    def backends(self, request: Request, jobs: Collection[str], reporter: Reporter) -> Backends:
        """What a request needs for some jobs; each is loaded once."""
        loaded = [self._backend(request, job, reporter) for job in jobs]
        parts = ("choreographer", "subject", "detector", "renderer")
        found = {part: one for each in loaded for part in parts if (one := getattr(each, part)) is not None}
        weights = {role: info for each in loaded for role, info in each.weights.items()}
        return replace(loaded[0], weights=weights, **found)

    def _backend(self, request: Request, job: str, reporter: Reporter) -> Backends:
        names = {"choreographer": request.choreographer, "subject": request.detector, "renderer": request.drawn_by}
        key = (job, names[job], request.device, tuple(sorted(request.weights.items())))
        with self._loading:
            found = self._backends.get(key)
            if found is None:
                reporter.stage("loading the networks")
                found = self._backends.put(key, load_backends(request, [job], reporter))
            return found  # type: ignore[no-any-return]

    def motion_network(self, reporter: Reporter) -> Vimo:
        """What imagines transitions; loaded once."""
        request = self.request()
        with self._loading:
            found = self._backends.get(ROLE)
            if found is None:
                reporter.stage("loading the motion network")
                found = self._backends.put(ROLE, load_motion_network(request.weights, request.offline))
            return found  # type: ignore[no-any-return]

    def warm_up(self) -> None:
        """Load what the first picture and the first dance need, before somebody waits for it."""

        def load(job: Job) -> None:
            self.backends(self.request(), JOBS, job)

        self.hands.add("warm", "", load)

    def close(self) -> None:
        """End all work; what is not whole is removed by whoever writes it."""
        closing = [threading.Thread(target=lane.close) for lane in self.lanes]
        for one in closing:
            one.start()
        for one in closing:
            one.join()


def stamp(*paths: Path) -> tuple[Any, ...]:
    """What tells whether files have changed: name, time and size of each; None for one that is not there."""
    states = [path.stat() if path.exists() else None for path in paths]
    return tuple(
        (str(path), state and (state.st_mtime_ns, state.st_size)) for path, state in zip(paths, states, strict=True)
    )
