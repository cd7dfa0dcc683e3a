from __future__ import annotations

import itertools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import click_track, shared_data
from filelock import FileLock, Timeout

from dancegen.audio import spectrum, tracker
from dancegen.audio.beats import (
    BEAT_FEATURES,
    BeatGrid,
    beat_features,
    beat_position,
    find_beats,
    finding_beats,
    grid_from_times,
    onset_strength,
)
from dancegen.audio.load import load_song
from dancegen.audio.song import SAMPLE_RATE, Song
from dancegen.errors import DancegenError

NO_BEATS = BeatGrid(np.zeros(0), 0.0, 0.0)


def song_of(samples: np.ndarray) -> Song:
    return Song(Path("made"), np.asarray(samples, np.float32))


def column(features: np.ndarray, name: str) -> np.ndarray:
    return features[:, BEAT_FEATURES.index(name)]


@pytest.mark.parametrize("tempo", [72, 96, 120, 135])
def test_beats_of_a_click_track_are_on_the_clicks(tempo: int) -> None:
    samples, times = click_track(tempo, 20)
    grid = find_beats(song_of(samples))
    assert grid.tempo == pytest.approx(tempo, rel=0.02)
    assert grid.confidence > 0.5
    inner = grid.times[(grid.times > times[0] - 0.1) & (grid.times < times[-1] + 0.1)]
    off = np.abs(inner[:, None] - times).min(axis=1)
    assert len(inner) >= len(times) - 1
    assert np.mean(off < 0.025) > 0.95
    assert abs(np.median(inner - times[np.abs(inner[:, None] - times).argmin(axis=1)])) < 0.01


@pytest.mark.parametrize("fault", ["", "no interpreter", "killed", "another program"])
def test_beats_found_aside_are_the_same(fault: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    song = song_of(click_track(110, 10)[0])
    if fault == "killed":
        monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))  # the one of whoever runs the tests stays
    expected = find_beats(song)
    librosa_beat = sys.modules["librosa.beat"]
    monkeypatch.delitem(sys.modules, "librosa.beat")  # as in a new process
    monkeypatch.setattr(tracker, "_CALLS", itertools.count())
    if fault in ("no interpreter", "another program"):
        monkeypatch.setattr(sys, "executable", "" if fault == "no interpreter" else sys.executable + "-of-old")
    begun: list[subprocess.Popen] = []
    started = tracker._started

    def noticed(*given: float) -> subprocess.Popen | None:
        monkeypatch.setitem(sys.modules, "librosa.beat", librosa_beat)
        begun.append(started(*given))
        return begun[-1]

    monkeypatch.setattr(tracker, "_started", noticed)
    with finding_beats(song) as beats:
        if fault == "killed":
            begun[0].kill()
        found, again = beats(), beats()
    assert bool(begun[0]) == (fault in ("", "killed"))
    assert begun[0] is None or begun[0].poll() is not None  # nothing goes on
    np.testing.assert_array_equal(found.times, expected.times)
    np.testing.assert_array_equal(again.times, expected.times)
    assert (found.tempo, found.confidence) == (expected.tempo, expected.confidence)


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An own folder of what numba compiled, with a file in it, in a process that has not imported librosa."""
    monkeypatch.delitem(sys.modules, "librosa.beat", raising=False)
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = tmp_path / "dancegen" / "librosa"
    folder.mkdir(parents=True)
    (folder / "beat.nbi").write_bytes(b"torn")
    return folder


def test_librosa_is_compiled_by_one_process_at_a_time(compiled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with tracker._alone(), pytest.raises(Timeout):
        FileLock(f"{compiled}.lock").acquire(timeout=0)
    assert os.environ["NUMBA_CACHE_DIR"] == str(compiled)
    monkeypatch.setenv("NUMBA_CACHE_DIR", "elsewhere")
    with tracker._alone() as folder:
        assert folder is None


def test_compiled_files_that_crash_are_thrown_away(compiled: Path) -> None:
    crashed = subprocess.Popen([sys.executable, "-c", "import os; os.abort()"], stdout=subprocess.PIPE)
    with crashed:
        assert tracker._answer(crashed, lambda: np.arange(3.0)).tolist() == [0, 1, 2]
    assert not compiled.exists()


def test_nothing_is_begun_aside_for_known_beats_and_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracker, "_started", lambda *_: pytest.fail("another process"))
    known = grid_from_times([0.1, 0.7, 1.4])
    with finding_beats(song_of(click_track(110, 10)[0]), known) as beats:
        assert beats() is known
    with finding_beats(song_of(np.zeros(SAMPLE_RATE))) as beats:
        assert not len(beats().times)


def test_a_change_of_loudness_does_not_change_the_beats() -> None:
    samples, _ = click_track(110, 15)
    loud, soft = find_beats(song_of(samples)), find_beats(song_of(samples * 0.1))
    assert len(loud.times) == len(soft.times)
    np.testing.assert_allclose(loud.times, soft.times, atol=0.03)


@pytest.mark.parametrize("kind", ["silence", "noise", "chord"])
def test_sounds_without_a_beat_have_none_and_can_be_danced_to(kind: str) -> None:
    time = np.arange(20 * SAMPLE_RATE) / SAMPLE_RATE
    sounds = {
        "silence": np.zeros_like(time),
        "noise": np.random.default_rng(1).normal(0, 0.1, len(time)),
        "chord": sum(0.2 * np.sin(2 * np.pi * hertz * time) for hertz in (220, 277, 330)),
    }
    song = song_of(sounds[kind])
    grid = find_beats(song)
    assert len(grid.times) == 0 and grid.confidence == 0
    features = beat_features(song, grid)
    assert np.isfinite(features).all()
    assert (column(features, "beat_confidence") == 0).all()
    assert np.ptp(column(features, "beat_cos")) > 1.5  # it counts by itself


def test_onsets_do_not_depend_on_where_blocks_end(monkeypatch: pytest.MonkeyPatch) -> None:
    samples, _ = click_track(100, 7.3)
    whole = onset_strength(samples)
    assert len(whole) == -(-len(samples) // 160)
    monkeypatch.setattr(spectrum, "BLOCK", 37)
    np.testing.assert_allclose(onset_strength(samples), whole, atol=1e-4)


def test_bands_tell_drums_apart() -> None:
    time = np.arange(4 * SAMPLE_RATE) / SAMPLE_RATE
    beat = np.exp(-15 * (time % 1.0))
    rng = np.random.default_rng(0)
    low = spectrum.measure((np.sin(2 * np.pi * 70 * time) * beat).astype(np.float32)).power.sum(axis=0)
    high = spectrum.measure((np.diff(rng.normal(0, 0.1, len(time)), prepend=0) * beat).astype(np.float32)).power.sum(
        axis=0
    )
    assert low[0] > 20 * low[2] and high[2] > 20 * high[0]


def test_phase_is_zero_on_the_beat_and_linear_between() -> None:
    grid = grid_from_times(np.array([0.5, 1.0, 1.5, 2.25]))
    at = np.array([0.0, 0.5, 0.75, 1.0, 1.875, 2.25])
    np.testing.assert_allclose(beat_position(grid, at)[1:], [0, 0.5, 1, 2.5, 3])
    assert beat_position(grid, at)[0] < 0
    song = song_of(np.zeros(3 * SAMPLE_RATE))
    features = beat_features(song, grid)
    on_beat = [5, 10, 15]  # pieces that begin on a beat
    np.testing.assert_allclose(column(features, "beat_cos")[on_beat], 1, atol=1e-5)
    np.testing.assert_allclose(column(features, "two_beat_cos")[on_beat], [1, -1, 1], atol=1e-5)
    np.testing.assert_allclose(column(features, "four_beat_sin")[on_beat], [0, 1, 0], atol=1e-5)
    np.testing.assert_allclose(column(features, "beat_offset")[[4, 5, 6]], [-0.1, 0, 0.1], atol=0.02)
    np.testing.assert_allclose(column(features, "beat_period")[[6, 18]], [0.5, 0.75], atol=0.01)
    assert (column(features, "beat_confidence") == 1).all()


def test_loudness_and_onset_follow_the_sound() -> None:
    samples, times = click_track(60, 8)
    song = song_of(samples)
    features = beat_features(song, find_beats(song))
    struck = np.floor(times * 10).astype(int)
    quiet = struck + 5
    assert column(features, "onset")[struck].min() > 0.5 > 0.1 > column(features, "onset")[quiet].max()
    assert column(features, "loudness")[struck].min() > 0.7 > 0.1 > column(features, "loudness")[quiet].max()


@pytest.mark.parametrize("times", [[], [1.0], [1.0, 0.5, 2.0], [0.0, np.nan, 1.0], [0.0, 0.01, 1.0]])
def test_given_beats_are_checked(times: list[float]) -> None:
    with pytest.raises(DancegenError, match=r"beats\.txt"):
        grid_from_times(np.array(times), "beats.txt")


def test_a_song_without_beats_counts_evenly() -> None:
    counted = NO_BEATS.counted(10.0)
    assert np.ptp(np.diff(counted.times)) < 1e-9 and counted.times[-1] > 9
    assert counted.confidence == 0


@pytest.mark.parametrize("name", ["DANCE_C_4", "DANCE_R_2", "DANCE_W_24"])
def test_beats_of_the_validation_songs_agree_with_their_annotation(name: str) -> None:
    sound = shared_data("dance", "m2d", f"{name}.ogg")
    stored = np.load(sound.with_suffix(".npz"))
    grid = find_beats(load_song(sound))
    assert grid.tempo == pytest.approx(float(stored["tempo_hz"]) * 60, rel=0.03)
    assert np.mean(np.abs(grid.times[:, None] - stored["beats"]).min(axis=1) < 0.1) > 0.75
