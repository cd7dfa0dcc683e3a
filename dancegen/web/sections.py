"""The parts of a song, for the eye: where its sound changes for good, and which parts sound alike.

Glossary: B bars, M mel bands.
"""

from __future__ import annotations

from itertools import pairwise
from string import ascii_uppercase

import numpy as np

from dancegen.audio.bars import bars as bars_of
from dancegen.audio.grid import BeatGrid
from dancegen.audio.song import PIECE_SECONDS, Song
from dancegen.audio.spectrum import mel_pieces
from dancegen.dances.dance_file import Section

SHORTEST = 4  # bars of a part
AROUND = 8  # bars to each side that are compared
CHANGE = 0.5  # root mean square difference of the sound, in standard deviations of the song, that begins a part
ALIKE = 0.65  # the same, below which two parts have one name
LEAST_VARIED = 0.12  # deviation of a band below which it says nothing


def sections(song: Song, grid: BeatGrid) -> tuple[Section, ...]:
    """The parts of a song that has bars; none where it is shorter than two parts."""
    every = [bar for bar in bars_of(grid) if bar.number > 0]
    if len(every) < 2 * SHORTEST:
        return ()
    begins = np.array([float(grid.times[bar.first]) for bar in every])
    sound = bar_sound(mel_pieces(song), np.append(begins, song.seconds))  # (B, 2 M)
    starts = changes(sound)
    ends = [*starts[1:], len(begins)]
    means = [sound[start:end].mean(axis=0) for start, end in zip(starts, ends, strict=True)]
    names: list[int] = []
    for number, mean in enumerate(means):
        apart = [float(np.sqrt(np.square(mean - means[other]).mean())) for other in range(number)]
        same = [names[other] for other in np.argsort(apart) if apart[other] < ALIKE]
        names.append(same[0] if same else max(names, default=-1) + 1)
    first = [number for number, name in enumerate(names) if not number or name != names[number - 1]]
    moments = [*(float(begins[starts[number]]) for number in first), song.seconds]
    return tuple(
        Section(ascii_uppercase[names[number] % 26], round(begin, 3), round(end, 3))
        for number, begin, end in zip(first, moments, moments[1:], strict=False)
    )


def bar_sound(mel: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Mean and deviation of each band in each bar, standardized over the song.

    Args:
        mel: (F, S, M) of `mel_pieces`.
        edges: (B + 1,) seconds.

    Returns:
        (B, 2 M) float64.
    """
    places = np.clip(np.round(edges / PIECE_SECONDS).astype(int), 0, len(mel))
    rows = []
    for begin, end in pairwise(places):
        part = mel[min(begin, len(mel) - 1) : max(end, begin + 1)].reshape(-1, mel.shape[-1]).astype(np.float64)
        rows.append(np.concatenate([part.mean(axis=0), part.std(axis=0)]))
    sound = np.stack(rows)
    return (sound - sound.mean(axis=0)) / np.maximum(sound.std(axis=0), LEAST_VARIED)


def changes(sound: np.ndarray) -> list[int]:
    """The first bars of parts: 0, and where what follows differs most from what was before, (B, C)."""
    count = len(sound)
    gap = np.zeros(count)
    for bar in range(SHORTEST, count - SHORTEST + 1):
        before, after = sound[max(bar - AROUND, 0) : bar].mean(axis=0), sound[bar : bar + AROUND].mean(axis=0)
        gap[bar] = np.sqrt(np.square(after - before).mean())
    starts = [0]
    for bar in np.argsort(-gap, kind="stable"):
        if gap[bar] < CHANGE:
            break
        if all(abs(int(bar) - other) >= SHORTEST for other in starts):
            starts.append(int(bar))
    return sorted(starts)
