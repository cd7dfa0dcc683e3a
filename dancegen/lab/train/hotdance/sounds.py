"""Stretches of songs by what they ask of each beat: for a dance the stretch that asks for it.

Glossary: S slices, M mel bands, Q beats of a stretch, G M sound of a beat, R rows of a table of quantiles.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dancegen.audio.spectrum import BANDS
from dancegen.choreographers.hotdance.music import ASKED, beat_traits, sounds
from dancegen.lab.datasets.counts import colour_sound
from dancegen.lab.datasets.placing import Sound

QUANTILES = 101
LOOKED_AT = 500  # stretches of which the best is taken: of more, few songs would be heard at all
MATCHES = np.array([1.0, 0.8, 0.7, 0.5, 0.4])  # how much each rank counts
COLOURED = 0.25  # share of the stretches whose sound is changed


class Library:
    """All stretches of `beats` beats of songs.

    Attributes:
        table: (R, 5) quantiles of what beats are like.
    """

    def __init__(self, songs: Sequence[Sound], beats: int) -> None:
        self.songs, self.beats = [song for song in songs if len(song.beats) > beats + 1], beats
        traits = [beat_traits(song.slices, song.beats) for song in self.songs]
        every = np.concatenate(traits)
        self.table = np.nanquantile(every, np.linspace(0, 1, QUANTILES), axis=0).astype(np.float32)
        share = np.linspace(0, 1, QUANTILES)
        ranks: list[np.ndarray] = []
        self.begins: list[tuple[int, int]] = []
        for number, found in enumerate(traits):
            told = np.stack([np.interp(found[:, i], self.table[:, i], share) for i in range(ASKED)], axis=1)
            for first in range(0, len(told) - beats, 2):
                if not np.isnan(part := told[first : first + beats]).any():
                    ranks.append(part)
                    self.begins.append((number, first))
        self.ranks = np.asarray(ranks, np.float32)

    def alike(self, asked: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The sound (Q, G M) float16 of one of the stretches that ask most nearly for (Q, 5)."""
        some = rng.integers(0, len(self.ranks), LOOKED_AT)
        cost = (np.abs(self.ranks[some] - asked) * MATCHES).mean(axis=(1, 2))
        number, first = self.begins[some[int(np.argmin(cost))]]
        song = self.songs[number]
        laid = sounds(song.slices, song.beats[first : first + self.beats + 1])
        if rng.random() < COLOURED:
            laid = colour_sound(laid.reshape(-1, BANDS).astype(np.float32), rng).reshape(laid.shape)
        return laid.astype(np.float16)
