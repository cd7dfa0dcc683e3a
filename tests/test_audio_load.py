from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile
from conftest import Listener
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dancegen.audio import load
from dancegen.audio.beats import find_beats
from dancegen.audio.load import MIN_SECONDS, load_song
from dancegen.audio.song import SAMPLE_RATE, SAMPLES_PER_PIECE, Song
from dancegen.audio.spectrum import mel_pieces
from dancegen.errors import DancegenError
from dancegen.ffmpeg import ffmpeg_program


def sine(seconds: float, hertz: float = 440.0, rate: int = 44_100) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def convert(source: Path, target: Path, *options: str) -> Path:
    subprocess.run([ffmpeg_program(), "-v", "error", "-y", "-i", source, *options, target], check=True)
    return target


def main_hertz(samples: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * SAMPLE_RATE / len(samples))


@pytest.fixture(scope="module")
def tone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tone") / "tone.wav"
    soundfile.write(path, np.stack([sine(2.0), sine(2.0)], axis=1), 44_100)
    return path


@pytest.mark.parametrize("name", ["a.flac", "a.mp3", "a.m4a", "a.ogg", "a.opus", "a.mp4", "a.mkv", "a.webm"])
def test_every_format_becomes_16_khz_mono(tone: Path, tmp_path: Path, name: str) -> None:
    video = ("-f", "lavfi", "-i", "color=red:s=32x32:d=2", "-shortest") if name.endswith(("mp4", "mkv", "webm")) else ()
    song = load_song(convert(tone, tmp_path / name, *video))
    assert song.samples.dtype == np.float32 and song.samples.ndim == 1
    assert abs(song.seconds - 2.0) < 0.1
    assert abs(main_hertz(song.samples) - 440) < 3
    assert 0.4 < np.abs(song.samples).max() < 0.65


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 48_000, 96_000])
@pytest.mark.parametrize("channels", [1, 2, 6, 8])
def test_any_rate_and_any_channels(tmp_path: Path, rate: int, channels: int) -> None:
    soundfile.write(tmp_path / "a.wav", np.stack([sine(1.0, 300, rate)] * channels, axis=1), rate, subtype="PCM_24")
    song = load_song(tmp_path / "a.wav")
    assert abs(song.seconds - 1.0) < 0.01
    assert abs(main_hertz(song.samples) - 300) < 3


def test_start_and_duration_cut_to_the_sample(tmp_path: Path) -> None:
    ramp = np.arange(4 * SAMPLE_RATE, dtype=np.float32) / (8 * SAMPLE_RATE)
    soundfile.write(tmp_path / "a.wav", ramp, SAMPLE_RATE, subtype="FLOAT")
    song = load_song(tmp_path / "a.wav", start=1.25, duration=1.5)
    assert song.start == 1.25
    np.testing.assert_allclose(song.samples, ramp[20_000:44_000], atol=1e-6)
    assert len(load_song(tmp_path / "a.wav", start=3.0, duration=50).samples) == SAMPLE_RATE


@pytest.mark.parametrize(("start", "duration", "said"), [(0, 99, "3.0 s of it"), (2.5, 9, "0.5 s of it"), (1, 2, "")])
def test_a_stretch_longer_than_the_song_is_said(tmp_path: Path, start: float, duration: float, said: str) -> None:
    soundfile.write(tmp_path / "a.wav", np.full(3 * SAMPLE_RATE, 0.1), SAMPLE_RATE)
    listener = Listener()
    load_song(tmp_path / "a.wav", start, duration, listener)
    assert len(listener.notes) == bool(said)
    assert all(f"a.wav ends after 3.0 s: {said} are used, not {duration}" in note for note in listener.notes)


def test_louder_than_full_scale_is_scaled_not_clipped(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", 6 * sine(1.0, 300, SAMPLE_RATE), SAMPLE_RATE, subtype="FLOAT")
    samples = load_song(tmp_path / "a.wav").samples
    assert np.abs(samples).max() == pytest.approx(1.0, abs=1e-5)
    assert np.mean(np.abs(samples) > 0.99) < 0.2


def test_samples_lie_in_a_file_not_in_memory(tone: Path) -> None:
    samples = load_song(tone).samples
    assert isinstance(samples, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        samples[0] = 1


@pytest.mark.parametrize("name", ["-y.wav", "a:b.wav", "it's [1] 100%d.wav", "音楽 ü.wav", "http:x.wav", "a;b|c&d.wav"])
def test_odd_file_names(tone: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / name).write_bytes(tone.read_bytes())
    monkeypatch.chdir(tmp_path)
    assert load_song(name).seconds == pytest.approx(2.0, abs=0.01)


def test_pieces_cover_the_song_and_are_filled_with_silence() -> None:
    song = Song(Path("a"), np.ones(2 * SAMPLES_PER_PIECE + 1, np.float32))
    assert song.pieces == 3
    cut = song.cut(-1, 6)
    assert cut.shape == (6, SAMPLES_PER_PIECE)
    assert cut.sum(axis=1).tolist() == [0, 1600, 1600, 1, 0, 0]


def silent_video(path: Path) -> None:
    subprocess.run([ffmpeg_program(), "-v", "error", "-f", "lavfi", "-i", "color=red:s=32x32:d=2", path], check=True)


def write(path: Path, samples: np.ndarray) -> None:
    soundfile.write(path, samples, SAMPLE_RATE, subtype="FLOAT")


NAN = np.where(np.arange(SAMPLE_RATE) == 9_000, np.nan, 0.1).astype(np.float32)
BAD = {
    "missing.wav": (lambda path: None, "no such file"),
    "folder.wav": (lambda path: path.mkdir(), "is a folder"),
    "empty.wav": (lambda path: path.touch(), "is empty"),
    "text.wav": (lambda path: path.write_text("la la la\n" * 50), "not a sound file"),
    "list.wav": (lambda path: path.write_text("#EXTM3U\n#EXTINF:9,\nhttp://127.0.0.1:9/x.ts\n"), "not a sound file"),
    "header.wav": (lambda path: write(path, np.zeros(0, np.float32)), "only a header"),
    "short.wav": (lambda path: write(path, sine(0.05, rate=SAMPLE_RATE)), "0.05 s of sound"),
    "nan.wav": (lambda path: write(path, NAN), "not numbers"),
    "infinite.wav": (lambda path: write(path, np.where(np.isnan(NAN), np.inf, NAN)), "not numbers"),
    "silent.mp4": (silent_video, "has no sound in it"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_songs_say_what_is_wrong(tmp_path: Path, name: str) -> None:
    make, said = BAD[name]
    make(tmp_path / name)
    with pytest.raises(DancegenError, match=said) as error:
        load_song(tmp_path / name)
    assert name in str(error.value) and error.value.remedy and "\n" not in str(error.value)


def test_ffmpeg_killed_while_it_decodes(tone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What came before the signal is no song, be it long enough."""
    program = tmp_path / "ffmpeg"
    program.write_text("#!/bin/sh\nhead -c 256000 /dev/zero\nkill -9 $$\n")
    program.chmod(0o755)
    monkeypatch.setattr(load, "ffmpeg_program", lambda: str(program))
    with pytest.raises(DancegenError, match=r"ended by signal 9 while it decoded .*tone\.wav"):
        load_song(tone)


def test_channels_in_an_unknown_order(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.stack([sine(1.0)] * 9, axis=1), 44_100)
    with pytest.raises(DancegenError, match=r"a\.wav has 9 channels.*mix it down"):
        load_song(tmp_path / "a.wav")


def test_a_cut_off_file_gives_what_is_there(tone: Path, tmp_path: Path) -> None:
    whole = convert(tone, tmp_path / "a.mp3").read_bytes()
    (tmp_path / "half.mp3").write_bytes(whole[: len(whole) // 2])
    assert 0.5 < load_song(tmp_path / "half.mp3").seconds < 1.5


@pytest.mark.parametrize(("start", "duration"), [(-1, None), (np.nan, None), (0, 0), (0, -2), (0, np.nan), (0, 0.1)])
def test_impossible_stretches(tone: Path, start: float, duration: float | None) -> None:
    with pytest.raises(DancegenError, match=r"--(start|duration)"):
        load_song(tone, start, duration)


def test_start_after_the_end_says_how_long_the_song_is(tone: Path) -> None:
    with pytest.raises(DancegenError, match=r"the song is 2\.0 s long"):
        load_song(tone, start=10)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from(["noise", "steps", "sparse", "constant", "square", "tiny", "huge"]),
    count=st.integers(1, 3 * SAMPLE_RATE),
    channels=st.integers(1, 3),
    seed=st.integers(0, 99),
)
def test_any_sound_is_heard_or_refused(tmp_path: Path, kind: str, count: int, channels: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = (count, channels)
    samples = {
        "noise": lambda: rng.normal(0, 0.3, shape),
        "steps": lambda: np.repeat(rng.normal(0, 1, (count // 500 + 1, channels)), 500, axis=0)[:count],
        "sparse": lambda: (rng.random(shape) > 0.9995) * 1.0,
        "constant": lambda: np.full(shape, rng.normal()),
        "square": lambda: np.sign(np.sin(np.arange(count)[:, None] / 30)) * np.ones(shape),
        "tiny": lambda: rng.normal(0, 1e-12, shape),
        "huge": lambda: rng.normal(0, 1e30, shape),
    }[kind]()
    soundfile.write(tmp_path / "a.wav", samples.astype(np.float32), SAMPLE_RATE, subtype="FLOAT")
    try:
        song = load_song(tmp_path / "a.wav")
    except DancegenError:
        assert count < MIN_SECONDS * SAMPLE_RATE or kind == "huge"
        return
    assert kind != "huge"
    assert len(song.samples) == count and np.abs(song.samples).max() <= 1 + 1e-6
    grid = find_beats(song)
    assert (np.diff(grid.times) > 0).all() and 0 <= grid.confidence <= 1
    heard = mel_pieces(song)
    assert len(heard) == song.pieces and np.isfinite(heard).all() and np.abs(heard).max() <= 12
