"""What takes time, done beside the page: lanes of jobs with progress and an end when somebody asks for it.

A lane is one thread that does its jobs one after the other. The hands' lane (finding, hearing, dancing) answers in
seconds; the films' lane renders for minutes, and must not make the hands wait.
"""

from __future__ import annotations

import ctypes
import itertools
import queue
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from dancegen.errors import DancegenError, one_line

KEPT = 40  # jobs that are over and still told about
ENDING = 10.0  # seconds that a job is given to end when the studio closes
WAITING, RUNNING, DONE, FAILED, STOPPED = "waiting", "running", "done", "failed", "stopped"


class Stop(BaseException):
    """Raised in a job that somebody stopped; no `except Exception` on its way holds it up."""


@dataclass(eq=False)
class Job:
    """Something that takes time; it is its own `progress.Reporter`.

    Attributes:
        number: counts up.
        kind: "find", "hear", "dance", "film", ...
        about: the file that it is about.
        state: one of WAITING, RUNNING, DONE, FAILED, STOPPED.
        doing: the stage; `done` of `total` steps of it since `began` (time.time()).
        notes: what the work had to say.
        error: why it failed, for people.
        result: of `work`.
    """

    number: int
    kind: str
    about: str
    work: Callable[[Job], Any]
    changed: Callable[[], None]
    state: str = WAITING
    doing: str = ""
    done: int = 0
    total: int | None = None
    unit: str = ""
    began: float = 0.0
    notes: list[str] = field(default_factory=list)
    error: str = ""
    result: Future[Any] = field(default_factory=Future)
    halt: threading.Event = field(default_factory=threading.Event)

    def stage(self, name: str, total: int | None = None, unit: str = "") -> None:
        """See `progress.Reporter`."""
        self._go_on()
        self.doing, self.total, self.unit, self.done, self.began = name, total, unit, 0, time.time()
        self.changed()

    def advance(self, steps: int = 1) -> None:
        """See `progress.Reporter`."""
        self._go_on()
        self.done += steps
        self.changed()

    def note(self, text: str) -> None:
        """See `progress.Reporter`."""
        if text not in self.notes:
            self.notes.append(one_line(text))
            self.changed()

    def _go_on(self) -> None:
        if self.halt.is_set():
            raise Stop

    def tell(self) -> dict[str, Any]:
        """As the page hears of it."""
        names = ("number", "kind", "about", "state", "doing", "done", "total", "unit", "notes", "error")
        seconds = round(time.time() - self.began, 1) if self.state == RUNNING and self.began else 0
        return {name: getattr(self, name) for name in names} | {"seconds": seconds}


class Lane:
    """A thread and what it has to do.

    Args:
        name: of the thread.
        numbers: counts the jobs of all lanes.
        changed: is called from any thread when there is something new to tell.
    """

    def __init__(self, name: str, numbers: itertools.count[int], changed: Callable[[], None]) -> None:
        self._numbers, self._changed = numbers, changed
        self._queue: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._jobs: list[Job] = []
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def add(self, kind: str, about: str, work: Callable[[Job], Any]) -> Job:
        """A job behind those that wait; where the same one waits or runs already, that one."""
        for job in self._jobs:
            if (job.kind, job.about) == (kind, about) and job.state in (WAITING, RUNNING) and kind in ("find", "hear"):
                return job
        job = Job(next(self._numbers), kind, about, work, self._changed)
        self._jobs = [*self._jobs[-KEPT:], job]
        self._queue.put(job)
        self._changed()
        return job

    def jobs(self) -> list[Job]:
        """The last ones, in their order."""
        return list(self._jobs)

    def stop(self, number: int) -> bool:
        """End a job as soon as it can; whether there is one."""
        for job in self._jobs:
            if job.number == number and job.state in (WAITING, RUNNING):
                job.halt.set()
                if job.state == WAITING:
                    _end(job, STOPPED)
                self._changed()
                return True
        return False

    def close(self) -> None:
        """End all jobs and the thread."""
        for job in self._jobs:
            job.halt.set()
        self._queue.put(None)
        self._thread.join(ENDING)

    def _run(self) -> None:
        while (job := self._queue.get()) is not None:
            if not job.halt.is_set():
                self._do(job)
                give_back()
            self._changed()

    def _do(self, job: Job) -> None:
        job.state, job.began = RUNNING, time.time()
        self._changed()
        try:
            result = job.work(job)
        except Stop:
            _end(job, STOPPED)
        except DancegenError as error:
            _end(job, FAILED, error)
        except BaseException as error:  # a job's fault must not end its lane
            traceback.print_exception(error)
            what = one_line(f"{type(error).__name__}: {error}", 250)
            remedy = "free some memory" if isinstance(error, MemoryError) else "report it; the terminal has more"
            _end(job, FAILED, DancegenError(f"a fault of dancegen's own ({what})", remedy))
        else:
            job.state = DONE
            job.result.set_result(result)


def give_back() -> None:
    """Memory that is free in this process goes back to the system: glibc keeps it, more after every film."""
    with suppress(OSError, AttributeError):  # of other systems, and other C libraries
        ctypes.CDLL(None).malloc_trim(0)


def _end(job: Job, state: str, error: DancegenError | None = None) -> None:
    """A job that came to no result."""
    job.state, job.error = state, str(error) if error else ""
    job.result.set_exception(error or DancegenError("this was stopped", "ask for it again"))
