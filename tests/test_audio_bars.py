from __future__ import annotations

import numpy as np
import pytest

from dancegen.audio import paths
from dancegen.audio.bars import Bar, bars
from dancegen.audio.given import grid_from_times
from dancegen.audio.grid import BeatGrid, describe_tempo, local_tempo, tempo_changes
from dancegen.audio.paths import bar_places, beat_frames, keep_octave, rival_beats


def odds_of(frames: np.ndarray, count: int, seed: int = 0) -> np.ndarray:
    """Log odds with a peak at each of `frames`."""
    rng = np.random.default_rng(seed)
    odds = rng.normal(-5, 0.7, count)
    odds[frames] = rng.normal(3, 1, len(frames))
    return odds.astype(np.float32)


def grid_of(beats: int, meter: int, pickup: int = 0, gap: float = 0.5) -> BeatGrid:
    return BeatGrid(0.3 + gap * np.arange(beats), 60 / gap, 1.0, (np.arange(beats) - pickup) % meter == 0)


@pytest.mark.parametrize("gap", [37, 47, 61, 110])
def test_steady_peaks_are_the_beats(gap: int) -> None:
    true = np.arange(40, 4000, gap)
    np.testing.assert_array_equal(beat_frames(odds_of(true, 4000)), true)


def test_the_fastest_beats_are_halved() -> None:
    true = np.arange(40, 4000, 28)
    assert set(np.diff(beat_frames(odds_of(true, 4000)))) == {56}


def test_a_jump_of_tempo_is_followed_and_a_break_is_bridged() -> None:
    true = np.concatenate([np.arange(50, 2000, 66), np.arange(2030, 4000, 43)])
    kept = np.delete(true, np.arange(12, 15))
    np.testing.assert_array_equal(np.setdiff1d(kept, beat_frames(odds_of(kept, 4000))), [])
    assert len(beat_frames(odds_of(kept, 4000))) == pytest.approx(len(true), abs=2)


def test_silence_has_no_beats() -> None:
    assert not len(beat_frames(np.full(3000, -6.0)))
    inner = np.arange(1500, 3000, 50)
    np.testing.assert_array_equal(beat_frames(odds_of(inner, 4500)), inner)


def test_windows_join_without_a_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    odds = odds_of(np.cumsum(np.random.default_rng(1).integers(49, 54, 200)), 11_000)
    whole = beat_frames(odds)
    monkeypatch.setattr(paths, "WINDOW", 2000)
    monkeypatch.setattr(paths, "OVERLAP", 1500)
    np.testing.assert_array_equal(beat_frames(odds), whole)


@pytest.mark.parametrize(("meter", "pickup"), [(3, 0), (3, 2), (4, 0), (4, 1), (4, 3)])
def test_places_in_bars(meter: int, pickup: int) -> None:
    first = (np.arange(50) - pickup) % meter == 0
    odds = np.where(first, 1.5, -2.0) + np.random.default_rng(0).normal(0, 1, 50)
    np.testing.assert_array_equal(bar_places(odds)[0] == 0, first)


def test_another_meter_in_the_middle_is_heard() -> None:
    first = np.concatenate([np.arange(40) % 4 == 0, np.arange(40) % 3 == 0])
    np.testing.assert_array_equal(bar_places(np.where(first, 2.0, -3.0))[0] == 0, first)


def test_bars_are_counted_from_the_first_downbeat() -> None:
    assert bars(grid_of(8, 4)) == [Bar(1, 0, 4), Bar(2, 4, 4)]
    assert bars(grid_of(9, 3, pickup=2)) == [Bar(0, 0, 2), Bar(1, 2, 3), Bar(2, 5, 3), Bar(3, 8, 1)]
    assert bars(BeatGrid(np.zeros(0), 0.0, 0.0)) == [Bar(1, 0, 0)]
    waltz = grid_of(9, 3, pickup=2)
    assert (waltz.beats_per_bar, waltz.pickup) == (3, 2)
    np.testing.assert_allclose(waltz.downbeats, [1.3, 2.8, 4.3])


def test_a_grid_of_which_nothing_is_known_has_bars_of_four() -> None:
    grid = grid_from_times(np.arange(10) * 0.5)
    assert np.flatnonzero(grid.downbeat).tolist() == [0, 4, 8]
    assert grid_from_times(np.arange(10) * 0.5, downbeat=np.arange(10) % 3 == 1).pickup == 1


def test_a_stretch_of_a_grid_keeps_its_downbeats() -> None:
    part = grid_of(20, 3).within(1.0, 4.0)
    np.testing.assert_allclose(part.times, np.arange(0.3, 3.0, 0.5))
    assert np.flatnonzero(part.downbeat).tolist() == [1, 4]


def test_changes_of_tempo_are_told_where_they_are() -> None:
    times = np.concatenate([np.arange(0, 10, 0.6), np.arange(10.2, 20, 0.4)])
    grid = grid_from_times(times)
    (moment, before, after), *others = tempo_changes(grid)
    assert moment == pytest.approx(10.2, abs=0.7) and (before, after) == (pytest.approx(100), pytest.approx(150))
    assert not others and describe_tempo(grid) == "100 beats a minute, 150 from 10 s on, 4 a bar"
    steady = grid_from_times(np.arange(40) * 0.5 + np.random.default_rng(0).normal(0, 0.02, 40))
    assert not tempo_changes(steady) and np.allclose(local_tempo(steady), 120, rtol=0.08)


def test_three_against_two_goes_to_what_is_heard() -> None:
    """Strokes every 33 frames that were counted every 49.5: the rival has them all, and gives way to nobody."""
    true = np.arange(20, 5900, 33)
    odds = np.stack([odds_of(true, 6000), odds_of(true[::4], 6000)])
    counted = np.round(np.arange(20, 5900, 49.5)).astype(int)
    np.testing.assert_array_equal(rival_beats(odds, counted), true)
    assert rival_beats(odds, true) is true


def test_beats_keep_their_octave() -> None:
    slow, fast = np.arange(0, 4000, 76), np.arange(4000 - 4000 % 76, 7000, 38)
    song = np.unique(np.concatenate([slow, fast]))
    np.testing.assert_array_equal(keep_octave(song), np.arange(0, song[-1] + 1, 76))  # slow for longer
    short = np.unique(np.concatenate([slow[:20], np.arange(slow[19], 7000, 38)]))
    np.testing.assert_array_equal(keep_octave(short), np.arange(0, short[-1] + 1, 38))
    back = np.unique(np.concatenate([fast, fast[-1] + np.arange(0, 900, 76), fast[-1] + 912 + np.arange(0, 2000, 38)]))
    np.testing.assert_array_equal(keep_octave(back), np.arange(back[0], back[-1] + 1, 38))
    jump = np.concatenate([np.arange(0, 3000, 66), 3000 + np.arange(0, 3000, 43)])
    ramp = np.cumsum(np.linspace(75, 37, 100)).astype(int)
    for other in (jump, ramp, slow, slow[:3]):
        np.testing.assert_array_equal(keep_octave(other), other)
