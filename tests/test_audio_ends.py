"""Beats at both ends of a song: introductions are counted through, silence is not, a song that is cut goes on."""

from __future__ import annotations

import numpy as np

from dancegen.audio.beats import fit_ends
from dancegen.audio.spectrum import HOP

GAP = 50  # frames


def noise(*stretches: tuple[float, float]) -> np.ndarray:
    """(N,) of noise: seconds and level of each stretch."""
    rng = np.random.default_rng(0)
    return np.concatenate([rng.normal(0, 1, round(16_000 * long)) * loud for long, loud in stretches]).astype(
        np.float32
    )


def test_an_introduction_that_sounds_is_counted_through() -> None:
    """Its beats lie where the later ones lead to, the first no later than a beat after the beginning."""
    frames = fit_ends(np.arange(1010, 2000, GAP), noise((20.0, 0.3)))
    assert frames[0] == 10 and (np.diff(frames) == GAP).all()


def test_silence_before_the_music_holds_no_beats() -> None:
    frames = fit_ends(np.arange(1200, 2000, GAP), noise((10.0, 0.0), (10.0, 0.3)))
    assert 1000 - GAP < frames[0] <= 1000 + GAP
    assert fit_ends(np.arange(1000, 2000, GAP), noise((10.0, 0.0), (10.0, 0.3)))[0] == 1000


def test_beats_in_the_silence_at_the_end_are_dropped() -> None:
    heard = np.arange(0, 1400, GAP)
    frames = fit_ends(heard, noise((10.0, 0.3), (4.0, 0.0)))
    assert (frames == heard[: len(frames)]).all() and 1000 - GAP <= frames[-1] <= 1000


def test_a_song_that_is_cut_goes_on_to_its_end() -> None:
    samples = noise((20.0, 0.3))
    frames = fit_ends(np.arange(0, 1900, GAP), samples)
    assert len(samples) / HOP - 2 * GAP < frames[-1] < len(samples) / HOP
