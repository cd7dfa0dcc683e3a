"""Sounds that broke version 0.1.0, and the rest of their kinds."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from conftest import Listener, Ran

from dancegen.audio import load
from dancegen.audio.load import load_song
from dancegen.audio.song import SAMPLE_RATE
from dancegen.audio.spectrum import root_mean_square
from dancegen.errors import DancegenError
from dancegen.ffmpeg import ffmpeg_program
from dancegen.files import SONGS

SECOND = np.sin(np.arange(SAMPLE_RATE) / 9).astype(np.float32) / 2


def wav(path: Path, samples: np.ndarray, rate: int = SAMPLE_RATE, subtype: str = "FLOAT") -> Path:
    soundfile.write(path, samples, rate, subtype=subtype)
    return path


PLAYLISTS = {
    "concat.mp3": "ffconcat version 1.0\n" + "file other.wav\n" * 900,
    "live.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:3,\nother.wav\n",
    "ended.wav": "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:3,\nother.wav\n#EXT-X-ENDLIST\n",
    "dash.mp4": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><Period><AdaptationSet>'
    "<Representation><BaseURL>other.wav</BaseURL></Representation></AdaptationSet></Period></MPD>",
    "sdp.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 9 RTP/AVP 0\n",
    "meta.wav": ";FFMETADATA1\ntitle=x\n",
}


@pytest.mark.parametrize("name", PLAYLISTS)
def test_lists_of_other_files_are_not_followed(tmp_path: Path, name: str) -> None:
    wav(tmp_path / "other.wav", SECOND)
    (tmp_path / name).write_text(PLAYLISTS[name])
    began = time.monotonic()
    with pytest.raises(DancegenError, match=r"playlist|not a sound file|no sound"):
        load_song(tmp_path / name)
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("rate", [1, 7, 100, 999])
def test_too_few_samples_a_second(tmp_path: Path, rate: int) -> None:
    with pytest.raises(DancegenError, match=rf"a\.wav has {rate} samples? a second.*1000"):
        load_song(wav(tmp_path / "a.wav", np.zeros(20_000), rate, "PCM_U8"))


def test_a_song_that_is_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "LONGEST_SECONDS", 3600)
    path = wav(tmp_path / "a.wav", np.zeros(3700 * 1000), 1000, "PCM_U8")
    with pytest.raises(DancegenError, match=r"a\.wav is longer than 1 hours: .*--duration"):
        load_song(path)
    assert load_song(path, 3600, 90).seconds == pytest.approx(90)


def test_a_sound_that_is_decoded_too_slowly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "ffmpeg"
    program.write_text("#!/bin/sh\nhead -c 256000 /dev/zero\nexec sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setattr(load, "ffmpeg_program", lambda: str(program))
    monkeypatch.setattr(load, "PATIENCE", 0.5)
    began = time.monotonic()
    with pytest.raises(DancegenError, match="takes too long to decode"):
        load_song(wav(tmp_path / "a.wav", SECOND))
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("value", [1e30, -1e30, 3e38, 32_768, np.nan, np.inf, -np.inf])
def test_one_sample_that_is_no_sound(tmp_path: Path, value: float) -> None:
    samples = SECOND.copy()
    samples[5000] = value
    with pytest.raises(DancegenError, match=r"a\.wav holds"):
        load_song(wav(tmp_path / "a.wav", samples))
    assert load_song(tmp_path / "a.wav", start=0.4).seconds == pytest.approx(0.6)  # it lies before


def test_opposite_channels_are_heard(tmp_path: Path) -> None:
    listener = Listener()
    song = load_song(wav(tmp_path / "a.wav", np.stack([SECOND, -SECOND], axis=1)), reporter=listener)
    np.testing.assert_allclose(song.samples, SECOND, atol=1e-4)
    assert listener.notes == ["the channels of a.wav cancel each other out: the dance hears the first one"]


@pytest.mark.parametrize("channels", [1, 2, 6])
def test_other_channels_are_mixed_without_a_word(tmp_path: Path, channels: int) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, (SAMPLE_RATE, channels))
    for samples in (noise, noise * (np.arange(channels) == 0), np.zeros_like(noise)):
        listener = Listener()
        load_song(wav(tmp_path / "a.wav", samples), reporter=listener)
        assert listener.notes == []


def test_a_song_that_is_cut_off_is_said(tmp_path: Path) -> None:
    wav(tmp_path / "a.wav", np.tile(SECOND, 4))
    command = [ffmpeg_program(), "-v", "error", "-i", tmp_path / "a.wav", "-movflags", "faststart", tmp_path / "a.m4a"]
    subprocess.run(command, check=True)
    whole = (tmp_path / "a.m4a").read_bytes()
    (tmp_path / "cut.m4a").write_bytes(whole[: len(whole) * 6 // 10])
    for name, rate in (("1.ogg", 16_000), ("2.ogg", 22_050)):
        soundfile.write(tmp_path / name, np.stack([SECOND] * (2 if rate > 20_000 else 1), axis=1), rate)
    links = [(tmp_path / name).read_bytes() for name in ("1.ogg", "2.ogg")]
    (tmp_path / "chain.ogg").write_bytes(links[0] + links[1])  # of another rate: ffmpeg stops there
    (tmp_path / "alike.ogg").write_bytes(links[0] * 2)
    for name, said in (("cut.m4a", True), ("chain.ogg", True), ("a.m4a", False), ("alike.ogg", False)):
        listener = Listener()
        song = load_song(tmp_path / name, reporter=listener)
        assert bool(listener.notes) == said, name
        assert not said or f"{name} is damaged or cut off after {song.seconds:.1f} s" in listener.notes[0]
    listener = Listener()
    load_song(tmp_path / "cut.m4a", duration=1.0, reporter=listener)
    assert listener.notes == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_pipes_and_devices_are_no_songs(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    for path in (tmp_path / "pipe.wav", Path(os.devnull)):
        with pytest.raises(DancegenError, match="not a file but a pipe or a device"):
            load_song(path)


@pytest.mark.parametrize("name", ["a\0b.wav", "x" * 300 + ".wav"])
def test_names_that_no_file_has(name: str) -> None:
    with pytest.raises(DancegenError):
        load_song(name)


def test_a_huge_sample_is_told_before_the_first_frame(
    run_main: Callable[..., Ran], tmp_path: Path, picture: Path, quick: tuple[str, ...]
) -> None:
    samples = SECOND.copy()
    samples[5000] = 1e30
    ran = run_main("render", wav(tmp_path / "a.wav", samples), picture, "-o", tmp_path / "a.mp4", *quick)
    assert ran.status == 1 and "a.wav holds a sample of 1e+30" in ran.err and "drawing" not in ran.err
    assert not (tmp_path / "a.mp4").exists()


@pytest.mark.parametrize(
    "name", ["a.caf", "a.m4b", "a.mka", "a.ac3", "a.avi", "a.ts", "a.3gp", "a.wv", "a.au", "a.wma"]
)
def test_a_batch_takes_what_render_opens(tmp_path: Path, name: str) -> None:
    source = wav(tmp_path / "source.wav", SECOND)
    muxer = {"m4b": ("-f", "ipod"), "3gp": ("-c:a", "aac")}.get(name[2:], ())
    command = [ffmpeg_program(), "-v", "error", "-i", source, *muxer, tmp_path / name]
    subprocess.run(command, check=True)
    assert load_song(tmp_path / name).seconds > 0.9
    assert name[2:] in SONGS


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="memory is read from Linux's /proc")
def test_a_long_song_does_not_stay_in_memory(tmp_path: Path) -> None:
    def mapped() -> int:
        status = Path("/proc/self/status").read_text()
        return (
            int(status.partition("RssFile:")[2].split()[0]) // 1024
            + int(status.partition("RssShmem:")[2].split()[0]) // 1024
        )

    song = load_song(wav(tmp_path / "a.wav", np.full(SAMPLE_RATE * 900, 0.2), SAMPLE_RATE, "PCM_U8"))  # 58 MB
    before = mapped()
    assert root_mean_square(song.samples) == pytest.approx(0.2, abs=0.01)
    assert song.cut(0, song.pieces)[5, 5] == pytest.approx(0.2, abs=0.01)
    assert mapped() - before < 20
