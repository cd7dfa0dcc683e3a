"""Long arrays taken a few minutes at a time, so that what is in between takes no more memory than a block."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

BLOCK = 3000  # rows: 100 s of poses at 30 a second, of which a float64 copy is 1.3 MB


def blocks(count: int) -> Iterator[slice]:
    """Slices that cover 0..`count` in order; one empty slice for none."""
    return (slice(first, min(first + BLOCK, count)) for first in range(0, max(count, 1), BLOCK))


def by_blocks(function: Callable[..., np.ndarray], *arrays: np.ndarray) -> np.ndarray:
    """`function(*arrays)` for a function that treats every row by itself: (T, ...) each -> (T, ...)."""
    out = np.zeros(0)
    for part in blocks(len(arrays[0])):
        made = function(*(array[part] for array in arrays))
        if part.start == 0:
            out = np.empty((len(arrays[0]), *made.shape[1:]), made.dtype)
        out[part] = made
    return out
