"""Bars, tempo, beats by hand, and stretches made anew."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from conftest import Listener
from workbench_tools import dance

from dancegen.audio.bars import bars
from dancegen.audio.grid import BeatGrid
from dancegen.body.joints import BONES
from dancegen.body.sequence import SkeletonSequence
from dancegen.dances.bars import bar_count, bar_poses, parse_bars, paste, read_beats, retime
from dancegen.errors import DancegenError

TIMES = np.arange(0.25, 8.0, 0.5)  # 16 beats, 4 bars
PLACES = (np.arange(16) - 2) % 3


FOURS = BeatGrid(TIMES, 120.0, 0.8)
WALTZ = BeatGrid(TIMES, 120.0, 0.8, (np.arange(16) - 2) % 3 == 0)  # two beats of pick-up


def test_bars_cover_the_dance_without_gaps() -> None:
    assert bar_count(FOURS) == 4
    stretches = [bar_poses(FOURS, bar, bar, 30, 240) for bar in range(1, 5)]
    assert stretches[0][0] == 0 and stretches[-1][1] == 240
    assert all(a[1] == b[0] for a, b in itertools.pairwise(stretches))
    assert bar_poses(FOURS, 2, 3, 30, 240) == (68, 188)  # beats 5 and 13 at 2.25 and 6.25 s


@pytest.mark.parametrize(("first", "last"), [(0, 2), (3, 2), (2, 5)])
def test_bars_that_are_not_there(first: int, last: int) -> None:
    with pytest.raises(DancegenError, match="are not in this song: choose within 1-4"):
        bar_poses(FOURS, first, last, 30, 240)


def test_bars_of_a_waltz_begin_on_its_downbeats() -> None:
    assert bar_count(WALTZ) == 5
    assert bar_poses(WALTZ, 1, 2, 30, 240) == (38, 128)  # beats 3 and 9 at 1.25 and 4.25 s
    assert bar_poses(WALTZ, 0, 0, 30, 240) == (0, 38)  # the pick-up has what comes before it
    assert bar_poses(WALTZ, 5, 5, 30, 240)[1] == 240
    with pytest.raises(DancegenError, match="choose within 0-5"):
        bar_poses(WALTZ, 5, 6, 30, 240)


def test_bars_in_words() -> None:
    assert parse_bars("17-24") == (17, 24) and parse_bars(" 3 ") == (3, 3)
    for text in ("", "a", "3-", "-3", "3-4-5", "1.5"):
        with pytest.raises(DancegenError, match="write it like 17-24"):
            parse_bars(text)


def test_half_and_double_tempo() -> None:
    grid = BeatGrid(TIMES, 120.0, 0.8)
    half, double = retime(grid, "half"), retime(grid, "double")
    np.testing.assert_array_equal(half.times, TIMES[::2])
    assert half.tempo == 60 and double.tempo == 240
    np.testing.assert_allclose(np.diff(double.times), 0.25)
    np.testing.assert_allclose(retime(double, "half").times, TIMES)
    assert retime(grid, None) is grid
    with pytest.raises(DancegenError, match="choose half or double"):
        retime(grid, "triple")


def bar_lengths(grid: BeatGrid) -> list[int]:
    return [bar.beats for bar in bars(grid)]


@pytest.mark.parametrize("grid", [FOURS, WALTZ])
def test_half_and_double_tempo_keep_the_beats_of_a_bar(grid: BeatGrid) -> None:
    meter = grid.beats_per_bar
    for tempo in ("half", "double"):
        other = retime(grid, tempo)
        assert other.beats_per_bar == meter
        assert set(bar_lengths(other)[1:-1]) <= {meter}
        assert np.isin(other.downbeats, grid.downbeats).mean() >= 0.4
    np.testing.assert_allclose(retime(retime(grid, "double"), "half").downbeats[:2], grid.downbeats[:2])


@pytest.mark.parametrize("columns", ["{0:.3f} {1}", "{0:.3f}\t{1}.0000", "{0:.3f},{2}"])
def test_a_second_column_marks_downbeats(tmp_path: Path, columns: str) -> None:
    path = tmp_path / "beats.txt"
    lines = [columns.format(time, int(place == 0), place + 1) for time, place in zip(TIMES, PLACES, strict=True)]
    path.write_text("\n".join(lines))
    listener = Listener()
    grid = read_beats(path, 0.0, 20.0, listener)
    np.testing.assert_array_equal(grid.downbeat, PLACES == 0)
    assert (grid.beats_per_bar, grid.pickup, listener.notes) == (3, 2, [])


def test_second_columns_of_other_kinds_mark_nothing(tmp_path: Path) -> None:
    path = tmp_path / "beats.txt"
    path.write_text("".join(f"{time:.6f}\t{time:.6f}\t1\n" for time in TIMES))  # labels of an audio editor
    np.testing.assert_array_equal(np.flatnonzero(read_beats(path, 0.0, 20.0).downbeat), [0, 4, 8, 12])


@pytest.mark.parametrize(
    "marked", [range(16), [0, 1, 5, 6, 13], [0, 2, 5, 6, 11, 13]], ids=["every beat", "now and then", "all lengths"]
)
def test_downbeats_that_contradict_each_other_are_told_and_danced(tmp_path: Path, marked: Sequence[int]) -> None:
    path, listener = tmp_path / "beats.txt", Listener()
    path.write_text("".join(f"{time:.3f} {int(number in marked)}\n" for number, time in enumerate(TIMES)))
    grid = read_beats(path, 0.0, 20.0, listener)
    assert len(listener.notes) == 1 and "its downbeats contradict each other" in listener.notes[0]
    assert len(set(bar_lengths(grid)[:-1])) == 1 and bar_lengths(grid)[0] > 1


def test_another_meter_from_the_middle_on_is_no_contradiction(tmp_path: Path) -> None:
    path, listener = tmp_path / "beats.txt", Listener()
    marked = [0, 4, 8, 11, 14]
    path.write_text("".join(f"{time:.3f} {int(number in marked)}\n" for number, time in enumerate(TIMES)))
    assert bar_lengths(read_beats(path, 0.0, 20.0, listener)) == [4, 4, 3, 3, 2] and not listener.notes


def test_beats_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "beats.txt"
    path.write_text("# mine\n10.0\n10.5\t10.5\tlabel\n\n11.0, x\n99\n")
    grid = read_beats(path, start=10.0, seconds=5.0)
    np.testing.assert_allclose(grid.times, [0, 0.5, 1.0])
    assert grid.confidence == 1 and grid.tempo == 120
    path.write_text("10.0\nfour\n")
    with pytest.raises(DancegenError, match="line 2 does not begin with a time"):
        read_beats(path, 0.0, 20.0)
    path.write_text("3\n2\n1\n")
    with pytest.raises(DancegenError, match="not a rising list"):
        read_beats(path, 0.0, 20.0)
    path.write_text("1.0\nnan\n")
    with pytest.raises(DancegenError, match="not a rising list"):
        read_beats(path, 0.0, 20.0)
    path.write_text("")
    with pytest.raises(DancegenError, match="holds 0 beats"):
        read_beats(path, 0.0, 20.0)
    path.write_text("1.0\n1.5\n")
    with pytest.raises(DancegenError, match=r"beats\.txt, between 20 and 28 s, holds 0 beats"):
        read_beats(path, 20.0, 8.0)
    with pytest.raises(DancegenError, match="no such file"):
        read_beats(tmp_path / "none.txt", 0.0, 20.0)
    with pytest.raises(DancegenError, match="is a folder, not a list of beats"):
        read_beats(tmp_path, 0.0, 20.0)


def step_sizes(sequence: SkeletonSequence) -> np.ndarray:
    return np.linalg.norm(np.diff(sequence.joints, axis=0), axis=-1).max(axis=1)


def test_a_stretch_made_anew_leaves_the_rest_bit_identical_and_joins_smoothly() -> None:
    old, new = dance(seed=1), dance(seed=2)
    travelled = SkeletonSequence(new.joints + np.float32([1.5, 0, 0]), new.fps)  # stands elsewhere on the floor
    mixed = paste(old, travelled, 60, 180)
    np.testing.assert_array_equal(mixed.joints[:60], old.joints[:60])
    np.testing.assert_array_equal(mixed.joints[180:], old.joints[180:])
    assert np.abs(mixed.joints[75:165] - old.joints[75:165]).max() > 0.02  # it is another dance
    usual = max(step_sizes(old).max(), step_sizes(new).max())
    cut = np.linalg.norm(travelled.joints[60] - old.joints[59], axis=-1).max()
    assert step_sizes(mixed).max() < 2 * usual < 0.1 * cut
    np.testing.assert_allclose(mixed.joints[90:150, :, 1:], new.joints[90:150, :, 1:], atol=1e-5)


def test_joins_keep_the_lengths_of_limbs() -> None:
    old, new = dance(seed=1), dance(seed=2)
    mixed = paste(old, new, 60, 180)
    for parent, child in BONES:
        length = [np.linalg.norm(d.joints[:, child] - d.joints[:, parent], axis=-1) for d in (mixed, old, new)]
        assert (length[0] >= np.minimum(length[1], length[2]) - 1e-4).all()
        assert (length[0] <= np.maximum(length[1], length[2]) + 1e-4).all()


def test_a_stretch_at_the_end_has_no_join_there() -> None:
    old, new = dance(seed=1), dance(seed=2)
    mixed = paste(old, new, 120, 240)
    np.testing.assert_array_equal(mixed.joints[:120], old.joints[:120])
    np.testing.assert_allclose(mixed.joints[-1, :, 1:], new.joints[-1, :, 1:], atol=1e-6)
    whole = paste(old, new, 0, 240)
    np.testing.assert_array_equal(whole.joints, new.joints)
    with pytest.raises(DancegenError, match="cannot be joined"):
        paste(old, dance(4.0), 0, 10)
