"""Large arrays in temporary files: an hour of song and dance takes no more memory than a minute.

An array is read and written like any other; whoever goes through it a block at a time lets go of each block
(`release`), and the system keeps the rest on disk.
"""

from __future__ import annotations

import mmap
import tempfile
from math import prod

import numpy as np

LARGE = 1 << 21  # bytes: five minutes of poses; smaller arrays stay in memory
PIECE = 1 << 20


def zeros(shape: tuple[int, ...], dtype: type[np.generic] | np.dtype = np.float32) -> np.ndarray:
    """An array of zeros; a large one lies in a temporary file that goes with it, where there is room for one."""
    size = prod(shape) * np.dtype(dtype).itemsize
    if size < LARGE:
        return np.zeros(shape, dtype)
    try:
        with tempfile.TemporaryFile(prefix="dancegen-") as store:
            for first in range(0, size, PIECE):  # not a hole: writing into one ends the process where the disk is full
                store.write(bytes(min(PIECE, size - first)))
            store.flush()
            return np.memmap(store, dtype, "r+", shape=shape)  # lives on after the file is closed
    except OSError:
        return np.zeros(shape, dtype)


def release(*arrays: np.ndarray) -> None:
    """Let go of the memory of what was read from or written to mapped files; it is read again when it is needed again.

    Without it the pages of an hour's song, 230 MB, stay until some other program asks for memory.
    """
    for array in arrays:
        base: object = array
        while isinstance(base, np.ndarray):
            base = base.base
        if isinstance(base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):  # Windows has none
            base.madvise(mmap.MADV_DONTNEED)
