from __future__ import annotations

import os
import re
import signal
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import imageio_ffmpeg
import numpy as np
import pytest
import soundfile
from conftest import Ran, click_track

from dancegen import ffmpeg
from dancegen.audio.load import load_song
from dancegen.errors import DancegenError
from dancegen.video import encode
from dancegen.video.comment import read_comment
from dancegen.video.encode import VideoWriter, check_output, check_room

RED, GREEN = np.array([200, 30, 40], np.uint8), np.array([20, 160, 90], np.uint8)


def plain(colour: np.ndarray, width: int = 64, height: int = 48) -> np.ndarray:
    return np.broadcast_to(colour, (height, width, 3))


def streams(path: Path) -> str:
    command = [ffmpeg.ffmpeg_program(), "-hide_banner", "-i", str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stderr


def decoded(path: Path, width: int, height: int) -> np.ndarray:
    command = [ffmpeg.ffmpeg_program(), "-v", "error", "-i", str(path), "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    raw = subprocess.run(command, capture_output=True, check=True).stdout
    return np.frombuffer(raw, np.uint8).reshape(-1, height, width, 3)


@pytest.fixture(scope="module")
def clicks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clicks") / "clicks.wav"
    samples, _ = click_track(60, 5, first=0.5, rate=44_100)
    soundfile.write(path, np.stack([samples, samples], axis=1), 44_100)
    return path


@pytest.mark.parametrize("ending", [".mp4", ".m4v", ".mov", ".mkv", ".webm"])
def test_frames_rate_length_and_sound(clicks: Path, tmp_path: Path, ending: str) -> None:
    out, song = tmp_path / f"a{ending}", load_song(clicks, 1.0, 2.5)
    with VideoWriter(out, 64, 48, 30, song) as video:
        for _ in range(75):
            video.write(plain(RED))
    told = streams(out)
    assert imageio_ffmpeg.count_frames_and_secs(str(out))[0] == 75
    assert "30 fps" in told and "yuv420p" in told and "64x48" in told
    assert ("opus" if ending == ".webm" else "aac") in told
    if ending != ".webm":
        assert "h264" in told
    assert load_song(out).seconds == pytest.approx(2.5, abs=0.05)
    assert [path.name for path in tmp_path.iterdir()] == [out.name]


def test_the_sound_is_the_stretch_at_full_quality(clicks: Path, tmp_path: Path) -> None:
    song = load_song(clicks, 1.25, 3.0)  # clicks at 1.5, 2.5, 3.5 of the song: 0.25, 1.25, 2.25 of the stretch
    with VideoWriter(tmp_path / "a.mp4", 64, 48, 10, song) as video:
        for _ in range(30):
            video.write(plain(RED))
    assert "44100 Hz, stereo" in streams(tmp_path / "a.mp4")
    heard = np.abs(load_song(tmp_path / "a.mp4").samples)
    for time in (0.25, 1.25, 2.25):
        near = heard[round((time - 0.2) * 16_000) : round((time + 0.2) * 16_000)]
        assert abs(np.argmax(near > 0.1) / 16_000 - 0.2) < 0.03


@pytest.mark.parametrize(("rate", "channels"), [(44_100, 1), (96_000, 2), (48_000, 6), (48_000, 8), (192_000, 2)])
@pytest.mark.parametrize("ending", [".mp4", ".webm"])
def test_any_sound_keeps_its_loudness_and_does_not_clip(tmp_path: Path, ending: str, rate: int, channels: int) -> None:
    tone = 0.5 * np.sin(2 * np.pi * 300 * np.arange(rate) / rate)
    soundfile.write(tmp_path / "a.wav", np.stack([tone] * channels, axis=1), rate)
    out = tmp_path / f"a{ending}"
    with VideoWriter(out, 64, 48, 2, load_song(tmp_path / "a.wav")) as video:
        for _ in range(2):
            video.write(plain(RED))
    command = [ffmpeg.ffmpeg_program(), "-v", "error", "-i", str(out), "-f", "f32le", "-"]
    heard = np.abs(np.frombuffer(subprocess.run(command, capture_output=True, check=True).stdout, np.float32))
    assert heard.max() == pytest.approx(0.5, abs=0.05)
    assert ("mono" if channels == 1 else "stereo") in streams(out)


def test_colours_and_their_order_survive(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "a.mp4", 64, 48, 25, None, crf=10) as video:
        for number in range(6):
            video.write(plain(RED if number % 2 else GREEN))
    frames = decoded(tmp_path / "a.mp4", 64, 48).astype(int)
    assert np.abs(frames[::2] - GREEN).max() <= 6 and np.abs(frames[1::2] - RED).max() <= 6


def test_crf_trades_quality_for_size(tmp_path: Path) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (5, 48, 64, 3), dtype=np.uint8)
    for crf in (10, 40):
        with VideoWriter(tmp_path / f"{crf}.mp4", 64, 48, 25, None, crf=crf) as video:
            for frame in frames:
                video.write(frame)
    assert (tmp_path / "10.mp4").stat().st_size > 2 * (tmp_path / "40.mp4").stat().st_size


@pytest.mark.parametrize("ending", [".mp4", ".mkv", ".webm"])
def test_metadata_comes_back(tmp_path: Path, ending: str) -> None:
    facts = {"seed": 7, "weights": {"renderer": 'a=b;#\\"x\n.safetensors'}, "title": "Ünïcode"}
    with VideoWriter(tmp_path / f"a{ending}", 64, 48, 25, None, facts) as video:
        video.write(plain(RED))
    assert read_comment(tmp_path / f"a{ending}") == facts


def test_nothing_of_the_songs_own_tags_is_copied(clicks: Path, tmp_path: Path) -> None:
    tagged = tmp_path / "tagged.mp3"
    command = [ffmpeg.ffmpeg_program(), "-v", "error", "-i", clicks, "-metadata", "artist=Somebody", tagged]
    subprocess.run(command, check=True)
    with VideoWriter(tmp_path / "a.mp4", 64, 48, 2, load_song(tagged)) as video:
        video.write(plain(RED))
    assert "Somebody" in streams(tagged) and "Somebody" not in streams(tmp_path / "a.mp4")


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, RuntimeError])
def test_an_interrupted_video_leaves_nothing(tmp_path: Path, error: type[BaseException]) -> None:
    out = tmp_path / "a.mp4"
    out.write_bytes(b"before")
    with pytest.raises(error), VideoWriter(out, 64, 48, 25) as video:
        video.write(plain(RED))
        raise error
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"] and out.read_bytes() == b"before"


def test_a_whole_video_replaces_the_one_before(tmp_path: Path) -> None:
    out = tmp_path / "a.mp4"
    out.write_bytes(b"before")
    with VideoWriter(out, 64, 48, 25) as video:
        video.write(plain(RED))
    assert imageio_ffmpeg.count_frames_and_secs(str(out))[0] == 1
    assert stat.S_IMODE(out.stat().st_mode) & 0o444 == 0o444 & ~_umask()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_ffmpeg_killed_half_way(tmp_path: Path) -> None:
    with pytest.raises(DancegenError, match=r"ffmpeg stopped after \d+ frames.*signal 9"):  # noqa: SIM117
        with VideoWriter(tmp_path / "a.mp4", 64, 48, 25) as video:
            for number in range(10_000):
                if number == 20:
                    os.kill(video._process.pid, signal.SIGKILL)
                video.write(plain(RED))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("reads", ["none", "all"])
@pytest.mark.parametrize(
    ("complaint", "said"),
    [
        ("av_interleaved_write_frame(): No space left on device", "the disk of .* is full"),
        ("[libx264 @ 0x55d0] out of luck", r"\(out of luck\)"),
    ],
)
def test_ffmpeg_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reads: str, complaint: str, said: str
) -> None:
    program = tmp_path / "ffmpeg"
    program.write_text(f"#!/bin/sh\n{'cat > /dev/null' if reads == 'all' else ''}\necho '{complaint}' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setattr(encode, "ffmpeg_program", lambda: str(program))
    (tmp_path / "out").mkdir()
    with pytest.raises(DancegenError, match=said):  # noqa: SIM117
        with VideoWriter(tmp_path / "out" / "a.mp4", 64, 48, 25) as video:
            for _ in range(400):
                video.write(plain(RED))
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("name", ["a.avi", "a.gif", "a", "a.mp4.txt"])
def test_unknown_endings_name_the_good_ones(tmp_path: Path, name: str) -> None:
    with pytest.raises(DancegenError, match=re.escape(".mp4, .m4v, .mov, .mkv, .webm")):
        check_output(tmp_path / name)


def test_outputs_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "there.mp4").touch()
    (tmp_path / "folder.mp4").mkdir()
    for path, said in (
        (tmp_path / "no" / "a.mp4", "does not exist"),
        (tmp_path / "there.mp4", "--overwrite"),
        (tmp_path / "folder.mp4", "is a folder"),
        (tmp_path, "is a folder"),
        (tmp_path / "there.mp4" / "a.mp4", "does not exist"),
    ):
        with pytest.raises(DancegenError, match=said):
            check_output(path)
    check_output(tmp_path / "there.mp4", overwrite=True, inputs=[tmp_path / "gone.mp4"])
    (tmp_path / "link.mp4").symlink_to(tmp_path / "there.mp4")
    for out in ("there.mp4", "link.mp4"):
        with pytest.raises(DancegenError, match="is an input too"):
            check_output(tmp_path / out, overwrite=True, inputs=[tmp_path / "gone.mp4", tmp_path / "there.mp4"])
    (tmp_path / "link.mp4").unlink()
    check_output(tmp_path / "new.MP4")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder.mp4", "there.mp4"]


def test_a_folder_that_cannot_be_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(encode, "new_part", refuse)
    with pytest.raises(DancegenError, match="cannot be written to: Permission denied"):
        check_output(tmp_path / "a.mp4")


def test_a_disk_without_room_is_refused_before_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_room(tmp_path / "a.mp4", 64, 64, 10)
    monkeypatch.setattr(encode.shutil, "disk_usage", lambda _: SimpleNamespace(free=1))
    with pytest.raises(DancegenError, match="MB free"):
        check_room(tmp_path / "a.mp4", 64, 64, 10)


@pytest.mark.parametrize(("ending", "decoder"), [(".webm", "libvpx-vp9"), (".mov", "prores")])
def test_transparent_videos_keep_their_alpha(tmp_path: Path, ending: str, decoder: str) -> None:
    frame = np.zeros((64, 64, 4), np.uint8)
    frame[16:48, 16:48] = (200, 40, 40, 255)
    path = tmp_path / f"a{ending}"
    with VideoWriter(path, 64, 64, 10, alpha=True) as video:
        for _ in range(5):
            video.write(frame)
    command = [ffmpeg.ffmpeg_program(), "-v", "error", "-c:v", decoder, "-i", str(path)]
    command += ["-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "rgba", "-"]
    seen = np.frombuffer(subprocess.run(command, capture_output=True, check=True).stdout, np.uint8).reshape(64, 64, 4)
    assert seen[20:44, 20:44, 3].min() > 250 and seen[:12, :, 3].max() < 5
    np.testing.assert_allclose(seen[32, 32, :3], (200, 40, 40), atol=12)


def test_a_transparent_mp4_is_refused_before_any_work(
    tmp_path: Path, run_main: Callable[..., Ran], beat_song: Path, picture: Path
) -> None:
    ran = run_main("render", beat_song, picture, "--background", "none", "-o", tmp_path / "a.mp4")
    assert ran.status == 1 and "a .mp4 file cannot be transparent: end it in .webm or .mov" in ran.err
    assert not list(tmp_path.glob("a*")) and "listening" not in ran.err


def test_a_transparent_video_is_rendered(
    tmp_path: Path, run_main: Callable[..., Ran], beat_song: Path, picture: Path, quick: tuple[str, ...]
) -> None:
    out = tmp_path / "a.webm"
    assert run_main("render", beat_song, picture, "--background", "none", "-o", out, *quick).status == 0
    command = [ffmpeg.ffmpeg_program(), "-v", "error", "-c:v", "libvpx-vp9", "-i", str(out)]
    command += ["-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "rgba", "-"]
    alpha = np.frombuffer(subprocess.run(command, capture_output=True, check=True).stdout, np.uint8)[3::4]
    assert 0.02 < (alpha > 200).mean() < 0.9 and (alpha < 10).mean() > 0.1
