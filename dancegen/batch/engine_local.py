"""Workers as processes of this machine, as many as its cores and its free memory carry."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

from dancegen.batch.engine import Result, Work, perform
from dancegen.batch.jobs import Job
from dancegen.device import free_memory

WORKER_BYTES = 1_600_000_000  # the peak of one `render`, measured, and some room
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
KILLED = 9  # SIGKILL, which the signal module of Windows does not name
_CONTEXT = multiprocessing.get_context("spawn")  # fork is not safe once torch has threads


def fitting_workers(jobs: int, gpus: int = 0) -> int:
    """How many workers this machine carries: one a GPU, else one a core, within the free memory, one at least."""
    most = gpus or len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else gpus or os.cpu_count() or 1
    memory = free_memory()
    if memory is not None:
        most = min(most, memory // WORKER_BYTES)
    return max(1, min(most, jobs))


def gpu_count(device: str) -> int:
    """How many GPUs the workers can share out among them for `--device`; 0 where they work on the CPU."""
    if device not in ("auto", "cuda"):
        return 0
    import torch

    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def visible_gpu(number: int, visible: str | None) -> str:
    """CUDA_VISIBLE_DEVICES for one GPU, counted among those that the user's own CUDA_VISIBLE_DEVICES leaves."""
    return visible.split(",")[number].strip() if visible else str(number)


@dataclass
class _Worker:
    process: SpawnProcess
    pipe: Connection
    name: str
    job: Job | None = None


class LocalEngine:
    """`workers` processes, begun when first needed. Each keeps its networks loaded from job to job."""

    def __init__(self, work: Work, workers: int, gpus: int = 0) -> None:
        self._work = work
        self._gpus = gpus
        self._threads = max(1, (os.cpu_count() or 1) // workers)
        self._workers: list[_Worker | None] = [None] * workers

    def free(self) -> int:
        """How many workers have nothing to do."""
        return sum(worker is None or worker.job is None for worker in self._workers)

    def submit(self, job: Job) -> str:
        """Give `job` to a free worker."""
        idle = [i for i, worker in enumerate(self._workers) if worker is None or worker.job is None]
        place = min(idle, key=lambda i: self._workers[i] is None)  # rather one that is there than a new process
        worker = self._workers[place] or self._begin(place)
        self._workers[place] = worker
        worker.job = job
        with suppress(OSError):  # it died while idle: `results` sees it
            worker.pipe.send(job)
        return worker.name

    def results(self, timeout: float) -> list[Result]:
        """What became of jobs since, waiting up to `timeout` seconds for the first."""
        busy = {i: w for i, w in enumerate(self._workers) if w is not None and w.job is not None}
        wait([w.pipe for w in busy.values()] + [w.process.sentinel for w in busy.values()], timeout)
        results = []
        for place, worker in busy.items():
            result = self._result(worker)
            if result is None:
                continue
            results.append(result)
            worker.job = None
            if result.lost:
                worker.pipe.close()
                self._workers[place] = None
        return results

    @staticmethod
    def _result(worker: _Worker) -> Result | None:
        assert worker.job is not None
        try:
            if worker.pipe.poll():
                return worker.pipe.recv()
        except (EOFError, OSError):
            worker.process.join(5)
        if worker.process.is_alive():
            return None
        code = worker.process.exitcode or 0
        reason = ", out of memory?" if code == -KILLED else ""
        how = f"was killed (signal {-code}{reason})" if code < 0 else f"ended ({code})"
        return Result(worker.job.key, error=f"its worker {how}", lost=True)

    def _begin(self, place: int) -> _Worker:
        ours, theirs = _CONTEXT.Pipe()
        gpu = place % self._gpus if self._gpus else None
        before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
        os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(self._threads)))  # must be there before torch is
        try:
            process = _CONTEXT.Process(target=_serve, args=(theirs, self._work, gpu), daemon=True)
            process.start()
        finally:
            for name, value in before.items():
                os.environ.pop(name, None) if value is None else os.environ.update({name: value})
        theirs.close()
        return _Worker(process, ours, f"process {process.pid}")

    def close(self) -> None:
        """Stop all workers now."""
        there = [worker for worker in self._workers if worker is not None]
        for worker in there:
            worker.process.terminate()
        for worker in there:
            worker.process.join(5)
            if worker.process.is_alive():
                worker.process.kill()
            worker.pipe.close()


def open_engine(work: Work, jobs: int, workers: int, device: str, _address: str | None) -> LocalEngine:
    """As many workers as this machine carries, or `workers` if it is not 0; see `registry`."""
    gpus = gpu_count(device)
    named = int(device.startswith("cuda:"))  # one GPU for all workers, so no more than one worker
    return LocalEngine(work, workers or fitting_workers(jobs, gpus or named), gpus)


def _serve(pipe: Connection, work: Work, gpu: int | None) -> None:
    """A worker's life: jobs in, results out, until the other end of the pipe or the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    signal.signal(signal.SIGTERM, _leave)
    if gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = visible_gpu(gpu, os.environ.get("CUDA_VISIBLE_DEVICES"))
    threading.Thread(target=_follow_parent, daemon=True).start()
    while True:
        try:
            job = pipe.recv()
        except (EOFError, OSError):
            return
        pipe.send(perform(work, job))


def _leave(_signal: int, _frame: object) -> None:
    raise SystemExit(1)  # so that `finally` blocks remove half files and child processes


def _follow_parent() -> None:
    """End with the parent, even if it is killed in the middle of a job: the next run begins that job anew."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
