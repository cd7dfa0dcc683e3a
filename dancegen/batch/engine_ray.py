"""Workers on a Ray cluster (extra `[ray]`): the same jobs, on machines that share the batch's folders.

Songs, pictures and the output folder must have the same paths on all machines (a network file system).
"""

from __future__ import annotations

import math
import os
import socket
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from dancegen.batch.engine import Result, Work, perform
from dancegen.batch.jobs import Job
from dancegen.batch.ray_cluster import ray_cluster
from dancegen.errors import DancegenError

START_SECONDS = 120.0  # a cluster that grows on demand needs its time


class _RayWorker:
    """The actor: keeps its networks loaded from job to job."""

    def __init__(self, work: Work) -> None:
        self._work = work

    def run(self, job: Job) -> Result:
        return perform(self._work, job)

    def process(self) -> tuple[str, int]:
        return socket.gethostname(), os.getpid()


@dataclass
class _Slot:
    actor: Any
    number: int
    job: Job | None = None
    answer: Any = None


class RayEngine:
    """`workers` actors on the cluster at `address`, or on a Ray that is started here and stopped at the end.

    Args:
        work: what a worker runs.
        workers: how many; 0 takes one a GPU, else one a core of the cluster.
        address: of a running cluster (`ray start --head` prints it); None starts one on this machine.
        on_gpus: whether the workers share the cluster's GPUs; without, none is reserved, and Ray hides them.
    """

    def __init__(self, work: Work, workers: int = 0, address: str | None = None, on_gpus: bool = True) -> None:
        self._held = ExitStack()
        try:
            self._ray = self._held.enter_context(ray_cluster(workers, address))
            self._begin(work, workers, on_gpus)
        except BaseException:
            self._held.close()
            raise

    def _begin(self, work: Work, workers: int, on_gpus: bool) -> None:
        ray = self._ray
        cluster = ray.cluster_resources()
        cores, gpus = int(cluster.get("CPU", 0)), int(cluster.get("GPU", 0)) if on_gpus else 0
        count = workers or gpus or cores
        if count < 1 or cores < 1:
            raise DancegenError("the Ray cluster has no free cores", "add a machine with `ray start`")
        count = min(count, cores)
        threads = max(1, cores // count)
        environment = {name: str(threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")}
        # One core is reserved whatever is used: a worker whose share fits on no machine would never come.
        options = {"num_cpus": 1, "num_gpus": gpu_share(count, gpus), "scheduling_strategy": "SPREAD"}
        self._factory = ray.remote(_RayWorker).options(runtime_env={"env_vars": environment}, **options)
        self._work = ray.put(work)
        self._slots = [_Slot(self._factory.remote(self._work), number + 1) for number in range(count)]

    def free(self) -> int:
        """How many workers have nothing to do."""
        return sum(slot.job is None for slot in self._slots)

    def submit(self, job: Job) -> str:
        """Give `job` to a free worker."""
        slot = next(slot for slot in self._slots if slot.job is None)
        slot.job, slot.answer = job, slot.actor.run.remote(job)
        return f"ray {slot.number}"

    def results(self, timeout: float) -> list[Result]:
        """What became of jobs since, waiting up to `timeout` seconds for the first."""
        busy = {slot.answer: slot for slot in self._slots if slot.job is not None}
        ready, _ = self._ray.wait(list(busy), num_returns=1, timeout=timeout)
        return [self._result(busy[answer]) for answer in ready]

    def _result(self, slot: _Slot) -> Result:
        assert slot.job is not None
        key = slot.job.key
        slot.job = None
        try:
            return self._ray.get(slot.answer)
        except self._ray.exceptions.RayTaskError as cause:
            return Result(key, error=f"{type(cause).__name__}: {str(cause).strip().splitlines()[-1][:200]}")
        except self._ray.exceptions.RayError as cause:
            slot.actor = self._factory.remote(self._work)  # the lost worker's place is taken by a new one
            why = str(cause).strip().splitlines()[-1].strip()[:200]
            return Result(key, error=f"its Ray worker was lost ({type(cause).__name__}: {why})", lost=True)

    def processes(self) -> list[tuple[str, int]]:
        """(machine, process id) of each worker; waits until all are there."""
        return self._ray.get([slot.actor.process.remote() for slot in self._slots], timeout=START_SECONDS)

    def close(self) -> None:
        """Stop all workers now; a Ray that was started here ends too."""
        for slot in self._slots:
            self._ray.kill(slot.actor)
        self._held.close()


def gpu_share(workers: int, gpus: int) -> float:
    """What a worker reserves of a GPU so that all of them fit: nobody can have a half of one and a half of another."""
    return 1 / math.ceil(workers / gpus) if gpus else 0.0


def open_engine(work: Work, _jobs: int, workers: int, device: str, address: str | None) -> RayEngine:
    """Workers on the cluster at `address`, or on one that is started here; see `registry`."""
    return RayEngine(work, workers, address, on_gpus=device != "cpu")
