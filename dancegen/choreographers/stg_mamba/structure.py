"""The form of a song: which phrases hear what an earlier one heard, so that a refrain is danced as it was before.

Glossary: Q phrases, U = 4 units, A sound features.
"""

from __future__ import annotations

import numpy as np

ALIKE = 0.45  # root mean square difference, in standard deviations of the song, below which two phrases sound the same
LEAST_VARIED = 0.12  # deviation of the features below which a song is one sound
USUAL_SECTION = 4  # phrases; of several that sound alike the one so many earlier is repeated
NEAREST = 2  # a phrase is not danced again straight after itself
VARIED = 0.3  # radians by which the noise of a repeat is turned toward new noise


def repeats(sound: np.ndarray) -> np.ndarray:
    """For each phrase the earlier phrase that it repeats, or -1: (Q, U, A) -> (Q,) int.

    A run of phrases repeats a run: where the phrase before repeats phrase r, this one repeats r + 1 if it sounds so.
    """
    count = len(sound)
    flat = sound.reshape(count, -1)
    spread = np.maximum(flat.std(axis=0), LEAST_VARIED)
    standard = (flat - flat.mean(axis=0)) / spread
    found = np.full(count, -1)
    for q in range(NEAREST, count):
        gap = np.sqrt(((standard[: q - NEAREST + 1] - standard[q]) ** 2).mean(axis=1))
        alike = np.flatnonzero(gap < ALIKE)
        if not len(alike):
            continue
        follows = found[q - 1] + 1
        if found[q - 1] >= 0 and follows in alike:
            found[q] = follows
        else:
            off = np.abs((q - alike) % USUAL_SECTION)
            found[q] = alike[np.lexsort((alike, gap[alike], off))[0]]
    return found
