"""Small dances and files for the workbench's tests."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import numpy as np

from dancegen.batch.jobs import Job
from dancegen.body.sequence import SkeletonSequence
from dancegen.dances.dance_file import DanceFile, SongInfo, Take, WeightsInfo, round_dance
from dancegen.errors import DancegenError

# A standing body, x and y in body heights, in the order of JOINT_NAMES.
STANDING = np.array(
    [
        *((0, -0.92), (0, -0.82), (-0.1, -0.82), (-0.14, -0.65), (-0.16, -0.5), (0.1, -0.82), (0.14, -0.65)),
        *((0.16, -0.5), (-0.07, -0.52), (-0.07, -0.28), (-0.07, -0.045), (0.07, -0.52), (0.07, -0.28), (0.07, -0.045)),
        *((-0.02, -0.94), (0.02, -0.94), (-0.05, -0.93), (0.05, -0.93)),
    ]
)


def dance(seconds: float = 8.0, fps: float = 30.0, seed: int = 0, period: float = 1.0) -> SkeletonSequence:
    """A body that swings its limbs with the given period in seconds, a little differently for each seed."""
    random = np.random.default_rng(seed)
    time_ = np.arange(round(seconds * fps)) / fps
    phase, size = random.uniform(0, 2 * np.pi, (18, 3)), random.uniform(0.01, 0.06, (18, 3))
    swing = size * np.sin(2 * np.pi * time_[:, None, None] / period + phase)  # (T, 18, 3)
    swing[:, 14:] = swing[:, :1]  # eyes and ears move with the nose
    standing = np.concatenate([STANDING, np.zeros((18, 1))], axis=1)
    return round_dance(SkeletonSequence((standing + swing).astype(np.float32), fps))


def dance_file(takes: int = 1, seconds: float = 8.0) -> DanceFile:
    """A dance file of some takes to a song of 120 beats a minute that is not there."""
    return DanceFile(
        song=SongInfo("tune.wav", "0" * 64, 0.0, seconds),
        times=np.arange(0.25, seconds, 0.5),
        tempo=120.0,
        confidence=0.75,
        weights=WeightsInfo("choreographer", "1" * 64),
        takes=tuple(Take(dance(seconds, seed=seed), seed, "none") for seed in range(takes)),
    )


def fake_work(job: Job, scratch: Path) -> None:
    """A worker's job in the tests: writes a line in a log, and its name into the output; `task` may order mischief."""
    with Path(job.task["log"]).open("a") as log:
        log.write(f"begin {job.key} {os.getpid()}\n")
    time.sleep(job.task.get("sleep", 0.0))
    once = Path(job.task["folder"]) / f"died-{job.key}"
    if job.task.get("die") == "always" or (job.task.get("die") == "once" and not once.exists()):
        once.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if job.task.get("error"):
        raise DancegenError(f"{job.name} is bad", "give another")
    if job.task.get("bug"):
        raise ZeroDivisionError("a fault of ours")
    scratch.write_text(job.name)
    with Path(job.task["log"]).open("a") as log:
        log.write(f"end {job.key} {os.getpid()}\n")
