"""Whether bfloat16 is worth it here: some processors multiply in it twice as fast, others 20 times more slowly."""

from __future__ import annotations

import functools
import time

import torch

ROWS, WIDTH = 1536, 256  # of the matrices that are multiplied, about those of the trainings
TRIES = 3
GAIN = 0.8  # of float32's time that bfloat16 may take: a close call shall fall the same way in every run


@functools.cache
def is_bf16_quicker() -> bool:
    """Measured once a process, in a few milliseconds (on processors without it, half a second)."""
    return _seconds(torch.bfloat16) < GAIN * _seconds(torch.float32)


def _seconds(kind: torch.dtype) -> float:
    """The least of a few tries."""
    rows, square = torch.ones(ROWS, WIDTH, dtype=kind), torch.ones(WIDTH, WIDTH, dtype=kind)
    taken = []
    for _ in range(TRIES):
        began = time.perf_counter()
        torch.mm(rows, square)
        taken.append(time.perf_counter() - began)
    return min(taken)
