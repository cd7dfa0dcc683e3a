from __future__ import annotations

import os
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import Listener, click_track, shared_data
from filelock import FileLock, Timeout

from dancegen.audio import comb
from dancegen.audio import network as beat_network
from dancegen.audio.beats import (
    BeatGrid,
    beat_position,
    find_beats,
    hear_beats,
)
from dancegen.audio.comb import onset_strength
from dancegen.audio.given import grid_from_times
from dancegen.audio.grid import describe_tempo, tempo_changes
from dancegen.audio.load import load_song
from dancegen.audio.network import BeatNet, BeatNetConfig
from dancegen.audio.song import SAMPLE_RATE, Song
from dancegen.audio.spectrum import mel_pieces
from dancegen.choreographers.stg_mamba.counting import CLOCK, clock, count_for
from dancegen.compiled import compile_alone
from dancegen.errors import DancegenError
from dancegen.weights import resolve

NO_BEATS = BeatGrid(np.zeros(0), 0.0, 0.0)


def song_of(samples: np.ndarray) -> Song:
    return Song(Path("made"), np.asarray(samples, np.float32))


def drums(times: np.ndarray, seconds: float, meter: int = 4, pickup: int = 0) -> np.ndarray:
    """A drummer on beats at `times`: a low kick on the first of a bar (and the third of four), snares, soft hats
    between; a chord a bar, another each bar."""
    rng = np.random.default_rng(0)
    out = np.zeros(round((seconds + 2) * SAMPLE_RATE), np.float32)

    def add(moment: float, sound: np.ndarray) -> None:
        first = round(moment * SAMPLE_RATE)
        out[first : first + len(sound)] += sound[: max(len(out) - first, 0)].astype(np.float32)

    time = np.arange(round(0.2 * SAMPLE_RATE)) / SAMPLE_RATE
    kick = 0.9 * np.sin(2 * np.pi * 55 * time) * np.exp(-time / 0.06)
    snare = 0.35 * rng.normal(0, 1, len(time)) * np.exp(-time / 0.04)
    hat = 0.2 * np.diff(rng.normal(0, 1, len(time)), prepend=0) * np.exp(-time / 0.02)
    for number, moment in enumerate(times[:-1]):
        place, gap = (number - pickup) % meter, times[number + 1] - moment
        add(moment, kick if place in ((0,) if meter == 3 else (0, 2)) else snare)
        add(moment, hat)
        add(moment + gap / 2, 0.6 * hat)
        if place == 0:
            long = np.arange(round(gap * meter * 0.9 * SAMPLE_RATE)) / SAMPLE_RATE
            root = 220 * 2 ** ([0, 5, 7, 2][(number // meter) % 4] / 12)
            add(moment, sum(0.06 * np.sin(2 * np.pi * root * ratio * long) for ratio in (1, 1.25, 1.5)))
    return out[: round(seconds * SAMPLE_RATE)]


def beats_at(tempi: list[tuple[float, float]], first: float = 0.4) -> np.ndarray:
    """Beats of a tempo that is linear between (seconds, beats a minute), to the last of them."""
    moments, values = zip(*tempi, strict=True)
    times = [first]
    while times[-1] < moments[-1]:
        times.append(times[-1] + 60 / float(np.interp(times[-1], moments, values)))
    return np.asarray(times)


def agreement(found: np.ndarray, true: np.ndarray, begin: float = 2.0) -> float:
    """F of two lists of beats, 70 ms, from `begin` s on."""
    found, true = found[found >= begin], true[true >= begin]
    if not len(found) or not len(true):
        return 0.0
    off = np.abs(found[:, None] - true) < 0.07
    return float(2 * min(off.any(axis=1).sum(), off.any(axis=0).sum()) / (len(found) + len(true)))


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


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An own folder of what numba compiled, with a file in it, in a process that has not imported librosa."""
    monkeypatch.delitem(sys.modules, "librosa.beat", raising=False)
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = tmp_path / "dancegen" / "compiled"
    folder.mkdir(parents=True)
    (folder / "beat.nbi").write_bytes(b"torn")
    return folder


def test_librosa_is_compiled_by_one_process_at_a_time(compiled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with compile_alone("librosa.beat"), pytest.raises(Timeout):
        FileLock(f"{compiled}.lock").acquire(timeout=0)
    assert os.environ["NUMBA_CACHE_DIR"] == str(compiled)
    monkeypatch.setenv("NUMBA_CACHE_DIR", "elsewhere")
    with compile_alone("librosa.beat") as folder:
        assert folder is None


@pytest.mark.parametrize(
    "tempi",
    [
        [(0, 90), (20, 90), (20.001, 140), (40, 140)],
        [(0, 140), (20, 140), (20.001, 95), (40, 95)],
        [(0, 80), (40, 150)],
    ],
    ids=["faster", "slower", "ramp"],
)
def test_a_tempo_that_changes_is_followed(tempi: list[tuple[float, float]]) -> None:
    true = beats_at(tempi)
    grid = find_beats(song_of(drums(true, 40.0)))
    assert agreement(grid.times, true) > 0.93
    changes = tempo_changes(grid)
    assert changes and changes[0][1] == pytest.approx(tempi[0][1], rel=0.1)
    assert changes[-1][2] == pytest.approx(tempi[-1][1], rel=0.12)
    assert " s on" in describe_tempo(grid)


@pytest.mark.parametrize("tempo", [66, 84, 140])
def test_the_octave_is_that_of_the_drums(tempo: float) -> None:
    grid = find_beats(song_of(drums(beats_at([(0, tempo), (30, tempo)]), 30.0)))
    assert grid.tempo == pytest.approx(tempo, rel=0.02)
    assert not tempo_changes(grid) and describe_tempo(grid) == f"{tempo} beats a minute, 4 a bar"


@pytest.mark.parametrize(("meter", "pickup", "tempo"), [(3, 0, 96), (3, 2, 132), (3, 1, 168), (4, 0, 118), (4, 2, 104)])
def test_bars_begin_where_the_music_begins_them(meter: int, pickup: int, tempo: float) -> None:
    true = beats_at([(0, tempo), (30, tempo)], 1.0)
    grid = find_beats(song_of(drums(true, 30.0, meter, pickup)))
    assert grid.beats_per_bar == meter
    assert agreement(grid.downbeats, true[:-1][(np.arange(len(true) - 1) - pickup) % meter == 0]) > 0.85


def test_a_silence_in_front_and_behind_has_no_beats() -> None:
    true = beats_at([(0, 112), (18, 112)])
    sound = np.concatenate([np.zeros(9 * SAMPLE_RATE), drums(true, 18.0), np.zeros(9 * SAMPLE_RATE)])
    grid = find_beats(song_of(sound))
    assert grid.times[0] > 8.5 and grid.times[-1] < 28.5
    assert agreement(grid.times, true[:-1] + 9) > 0.95


@pytest.mark.parametrize("seconds", [19.3, 19.9, 20.4])
def test_a_song_that_is_cut_has_beats_to_its_end(seconds: float) -> None:
    samples, times = click_track(110, 25.0)
    grid = find_beats(Song(Path("cut.wav"), samples[: int(seconds * SAMPLE_RATE)], 0.0))
    wanted = times[(times > 5) & (times < seconds - 0.1)]
    assert np.abs(grid.times[:, None] - wanted).min(axis=0).max() < 0.06
    assert grid.times[-1] < seconds and len(grid.downbeat) == len(grid.times)


def test_the_same_song_has_the_same_beats() -> None:
    song = song_of(drums(beats_at([(0, 100), (12, 100)]), 12.0))
    first, second = find_beats(song), find_beats(song)
    np.testing.assert_array_equal(first.times, second.times)
    np.testing.assert_array_equal(first.downbeat, second.downbeat)


@pytest.mark.parametrize("seconds", [0.5, 3.0])
def test_short_songs(seconds: float) -> None:
    grid = find_beats(song_of(drums(beats_at([(0, 120), (4, 120)], 0.1), seconds)))
    assert len(grid.times) <= 7 and (np.diff(grid.times) > 0.2).all()
    assert len(grid.beats_or_count(seconds).times) >= 2


def test_one_note_has_no_beat() -> None:
    time = np.arange(5 * SAMPLE_RATE) / SAMPLE_RATE
    assert not len(find_beats(song_of(0.5 * np.sin(2 * np.pi * 440 * time) * np.exp(-time))).times)


def test_what_is_heard_does_not_depend_on_where_blocks_end(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    network = BeatNet(BeatNetConfig(channels=4, blocks=4)).eval()
    samples = drums(beats_at([(0, 100), (14, 100)]), 14.3)
    whole = beat_network.log_odds(samples, network)
    assert whole.shape == (2, -(-len(samples) // 160))
    monkeypatch.setattr(beat_network, "BLOCK", 132)
    np.testing.assert_allclose(beat_network.log_odds(samples, network), whole, atol=1e-3)


def test_memory_does_not_grow_with_the_song() -> None:
    torch.manual_seed(0)
    network = BeatNet(BeatNetConfig(channels=4, blocks=4)).eval()
    peaks = []
    for minutes in (2, 20):
        samples = np.tile(drums(beats_at([(0, 100), (6, 100)]), 6.0), 10 * minutes)
        tracemalloc.start()
        hear_beats(samples, network)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 12e6  # bytes


def test_without_its_weights_beats_are_found_by_the_comb(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object, **__: object) -> Path:
        raise DancegenError("beats: the file is missing", "install dancegen again")

    monkeypatch.setattr(resolve, "weights_path", gone)
    true, listener = beats_at([(0, 90), (20, 90), (20.001, 130), (40, 130)]), Listener()
    song = song_of(drums(true, 40.0))
    grid = find_beats(song, reporter=listener)
    assert agreement(grid.times, true) > 0.9
    assert len(listener.notes) == 1 and "the file is missing" in listener.notes[0]
    assert not len(find_beats(song_of(np.zeros(SAMPLE_RATE * 5))).times)
    with pytest.raises(DancegenError):  # who names weights gets those or an error
        find_beats(song, "mine.safetensors")


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
    assert np.isfinite(mel_pieces(song)).all()
    assert np.allclose(np.diff(count_for(grid, song.seconds, "rumba").beats), 0.6, atol=0.02)  # it counts by itself


def test_onsets_do_not_depend_on_where_blocks_end(monkeypatch: pytest.MonkeyPatch) -> None:
    samples, _ = click_track(100, 7.3)
    whole = onset_strength(samples)
    assert len(whole) == -(-len(samples) // 160)
    monkeypatch.setattr(comb, "BLOCK", 37)
    np.testing.assert_allclose(onset_strength(samples), whole, atol=1e-4)


def test_bands_tell_drums_apart() -> None:
    time = np.arange(4 * SAMPLE_RATE) / SAMPLE_RATE
    beat = np.exp(-15 * (time % 1.0))
    rng = np.random.default_rng(0)
    low = comb.measure((np.sin(2 * np.pi * 70 * time) * beat).astype(np.float32)).power.sum(axis=0)
    high = comb.measure((np.diff(rng.normal(0, 0.1, len(time)), prepend=0) * beat).astype(np.float32)).power.sum(axis=0)
    assert low[0] > 20 * low[2] and high[2] > 20 * high[0]


def test_phase_is_zero_on_the_beat_and_linear_between() -> None:
    grid = grid_from_times(np.array([0.5, 1.0, 1.5, 2.25]))
    at = np.array([0.0, 0.5, 0.75, 1.0, 1.875, 2.25])
    np.testing.assert_allclose(beat_position(grid, at)[1:], [0, 0.5, 1, 2.5, 3])
    assert beat_position(grid, at)[0] < 0
    position = beat_position(grid, np.arange(20) / 10)
    told = clock(position, np.full(20, 0.5), 4)
    on_beat = [5, 10, 15]  # pieces that begin on a beat
    np.testing.assert_allclose(told[on_beat, CLOCK.index("beat_cos")], 1, atol=1e-5)
    np.testing.assert_allclose(told[on_beat, CLOCK.index("unit_cos")], [1, -1, 1], atol=1e-5)
    np.testing.assert_allclose(told[[4, 5, 6], CLOCK.index("beat_offset")], [-0.1, 0, 0.1], atol=0.02)


def test_what_is_heard_follows_the_sound() -> None:
    samples, times = click_track(60, 8)
    level = mel_pieces(song_of(samples)).mean(axis=(1, 2))
    struck = np.floor(times * 10).astype(int)
    assert level[struck].min() > level[struck + 5].max() + 0.5


@pytest.mark.parametrize("times", [[], [1.0], [1.0, 0.5, 2.0], [0.0, np.nan, 1.0], [0.0, 0.01, 1.0]])
def test_given_beats_are_checked(times: list[float]) -> None:
    with pytest.raises(DancegenError, match=r"beats\.txt"):
        grid_from_times(np.array(times), "beats.txt")


def test_a_song_without_beats_counts_evenly() -> None:
    counted = NO_BEATS.beats_or_count(10.0)
    assert np.ptp(np.diff(counted.times)) < 1e-9 and counted.times[-1] > 9
    assert counted.confidence == 0


@pytest.mark.parametrize("name", ["DANCE_C_4", "DANCE_R_2", "DANCE_W_24"])
def test_beats_of_the_validation_songs_agree_with_their_annotation(name: str) -> None:
    sound = shared_data("dance", "m2d", f"{name}.ogg")
    stored = np.load(sound.with_suffix(".npz"))
    grid = find_beats(load_song(sound))
    assert grid.tempo == pytest.approx(float(stored["tempo_hz"]) * 60, rel=0.03)
    assert np.mean(np.abs(grid.times[:, None] - stored["beats"]).min(axis=1) < 0.1) > 0.75
