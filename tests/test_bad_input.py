"""The issue's table of bad input: one clear line, exit 1, no traceback, no file, an existing file untouched."""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from conftest import Ran, Render
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from dancegen.batch.pairs import read_pairs
from dancegen.dances.bars import check_beats
from dancegen.dances.bvh import read_bvh
from dancegen.errors import DancegenError

RATE = 16_000


def wav(path: Path, samples: np.ndarray) -> Path:
    soundfile.write(path, samples, RATE, subtype="FLOAT")
    return path


@pytest.mark.parametrize(
    ("name", "samples", "said"),
    [
        ("missing.wav", None, "no such file"),
        ("text.wav", b"not a sound at all, just words\n" * 20, "not a sound file"),
        ("empty.wav", b"", "is empty"),
        ("header.wav", np.zeros(0), "only a header"),
        ("short.wav", np.ones(800) * 0.1, "0.05 s of sound"),
        ("nan.wav", np.full(RATE, np.nan), "not numbers"),
    ],
)
def test_songs_that_are_none(render: Render, tmp_path: Path, name: str, samples: object, said: str) -> None:
    if isinstance(samples, bytes):
        (tmp_path / name).write_bytes(samples)
    elif samples is not None:
        wav(tmp_path / name, samples)
    ran = render(tmp_path / name)
    assert ran.status == 1 and said in ran.err.splitlines()[-1] and name in ran.err.splitlines()[-1]


@pytest.mark.parametrize("kind", ["silence", "noise"])
def test_songs_without_a_beat_are_danced_to(render: Render, tmp_path: Path, kind: str) -> None:
    samples = np.zeros(2 * RATE) if kind == "silence" else np.random.default_rng(0).normal(0, 0.1, 2 * RATE)
    ran = render(wav(tmp_path / f"{kind}.wav", samples))
    assert ran.status == 0 and f"note: {kind}.wav has no beat" in ran.err and "no beat found" in ran.out


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size without having the pixels."""
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))


def bad_picture(name: str, path: Path, good: Path) -> None:
    if name == "words.png":
        path.write_text("a thousand words")
    elif name == "cut.png":
        path.write_bytes(good.read_bytes()[:20_000])
    elif name == "dot.png":
        Image.new("RGB", (1, 1)).save(path)
    elif name == "bomb.png":
        path.write_bytes(png_header(30_000, 30_000))
    elif name == "folder.png":
        path.mkdir()


@pytest.mark.parametrize("name", ["missing.png", "words.png", "cut.png", "dot.png", "bomb.png", "folder.png"])
def test_pictures_that_are_none(render: Render, tmp_path: Path, picture: Path, beat_song: Path, name: str) -> None:
    bad_picture(name, tmp_path / name, picture)
    ran = render(beat_song, tmp_path / name)
    assert ran.status == 1 and name in ran.err.splitlines()[-1]


def test_an_animation_gives_its_first_frame(render: Render, tmp_path: Path, picture: Path, beat_song: Path) -> None:
    first, other = Image.open(picture).convert("P"), Image.new("P", Image.open(picture).size)
    first.save(tmp_path / "moving.gif", save_all=True, append_images=[other])
    ran = render(beat_song, tmp_path / "moving.gif")
    assert ran.status == 0 and "its first frame is used" in ran.err


def test_a_picture_of_nobody(run_main: Callable[..., Ran], tmp_path: Path, beat_song: Path, tiny_weights: Path) -> None:
    Image.linear_gradient("L").convert("RGB").resize((200, 300)).save(tmp_path / "wall.png")
    out = tmp_path / "out.mp4"
    options = ("--weights", f"choreographer={tiny_weights}", "--size", "64", "--fps", "2", "--device", "cpu")
    ran = run_main("render", beat_song, tmp_path / "wall.png", "-o", out, *options)
    last = ran.err.splitlines()[-1]
    assert ran.status == 1 and "no person was found" in last and "wall.png" in last and "--pose" in last
    assert not out.exists()


def test_a_face_without_a_body(render: Render, tmp_path: Path, beat_song: Path, picture: Path) -> None:
    keypoints = [240.0, 100.0, 1.0] + [0.0] * 39 + [230.0, 90.0, 1.0, 250.0, 90.0, 1.0] + [0.0] * 6
    (tmp_path / "face.json").write_text(json.dumps({"people": [{"pose_keypoints_2d": keypoints}]}))
    ran = render(beat_song, picture, "out.mp4", "--pose", tmp_path / "face.json")
    last = ran.err.splitlines()[-1]
    assert ran.status == 1 and "right hip" in last and "face.json" in last


@pytest.mark.parametrize("option", ["--pose", "--mask", "--dance"])
def test_helping_files_that_are_not_there(
    render: Render, tmp_path: Path, beat_song: Path, picture: Path, option: str
) -> None:
    ran = render(beat_song, picture, "out.mp4", option, tmp_path / "gone.json")
    assert ran.status == 1 and "gone.json" in ran.err.splitlines()[-1]
    assert "loading" not in ran.err, "told before the slow work"


@pytest.mark.parametrize("command", ["render", "check"])
def test_song_and_picture_the_wrong_way_round(
    run_main: Callable[..., Ran], tmp_path: Path, beat_song: Path, picture: Path, command: str
) -> None:
    ran = run_main(command, picture, beat_song, "-o", tmp_path / "a.mp4")
    assert ran.status == 1 and ran.err.count("\n") == 1 and "name the song first, then the picture" in ran.err


@pytest.mark.parametrize("command", ["render", "check"])
def test_addresses_are_no_files(
    run_main: Callable[..., Ran], tmp_path: Path, beat_song: Path, picture: Path, command: str
) -> None:
    address = "https://example.com/a"
    for inputs in ((f"{address}.mp3", picture), (beat_song, f"{address}.png")):
        ran = run_main(command, *inputs, "-o", tmp_path / "a.mp4")
        assert ran.status == 1 and "is an address, not a file: download it" in ran.err and ran.err.count("\n") == 1


def test_long_names(
    run_main: Callable[..., Ran], tmp_path: Path, beat_song: Path, picture: Path, quick: tuple[str, ...]
) -> None:
    long = "ö" * 120  # 240 bytes; file systems allow 255
    ran = run_main("render", beat_song, picture, "-o", tmp_path / f"{long}.mp4", *quick, "--preview")
    assert ran.status == 0, ran.err
    assert run_main("beats", beat_song, "-o", tmp_path / f"{long}.txt").status == 0
    for command in (("dance", beat_song), ("render", beat_song, picture)):
        ran = run_main(*command, "-o", tmp_path / f"{long * 2}.mp4")
        assert ran.status == 1 and "is too long a name: choose a shorter one" in ran.err and ran.err.count("\n") == 1


@pytest.mark.parametrize(
    ("command", "options", "said"),
    [
        ("render", ("--tempo", "fast"), "--tempo fast is none: choose half or double"),
        ("render", ("--beats", "none.txt"), "none.txt: no such file"),
        ("render", ("--device", "gpu"), "--device gpu is none: choose one of auto, cpu, cuda, mps"),
        ("render", ("--start", "nan"), "--start nan is not a time in the song"),
        ("render", ("--start", "1e300"), "--start 1e+300 is not a time in the song"),
        ("check", ("--duration", "inf"), "--duration inf is no length"),
        ("render", ("--fps", "1000"), "--fps must be 1 to 120, not 1000"),
        ("check", ("--tempo", "fast"), "--tempo fast is none"),
        ("dance", ("--tempo", "fast"), "--tempo fast is none"),
        ("dance", ("--style", "polka"), "there is no style 'polka'"),
        ("beats", ("--tempo", "fast"), "--tempo fast is none"),
    ],
)
def test_options_that_cannot_be_are_said_before_the_song_is_heard(
    run_main: Callable[..., Ran],
    tmp_path: Path,
    beat_song: Path,
    picture: Path,
    command: str,
    options: tuple[str, ...],
    said: str,
) -> None:
    inputs = (beat_song, picture) if command in ("render", "check") else (beat_song,)
    ran = run_main(command, *inputs, "-o", tmp_path / "a.mp4", *options)
    assert ran.status == 1 and ran.err.count("\n") == 1 and said in ran.err, ran.err


def test_weights_that_are_missing_or_changed(
    render: Render, tmp_path: Path, beat_song: Path, picture: Path, tiny_weights: Path
) -> None:
    content = tiny_weights.read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(content[: len(content) // 2])
    (tmp_path / "bent.safetensors").write_bytes(b"\xff" * 8 + content[8:])
    (tmp_path / "trap.pt").write_bytes(content)
    for name in ("gone.safetensors", "cut.safetensors", "bent.safetensors", "trap.pt"):
        ran = render(beat_song, picture, "out.mp4", "--weights", f"subject={tmp_path / name}")
        assert ran.status == 1 and name in ran.err.splitlines()[-1]


def test_options_that_cannot_be(render: Render, beat_song: Path, picture: Path) -> None:
    for option, value in (
        *(("--size", 7), ("--size", 99_999), ("--fps", 0), ("--fps", "nan"), ("--crf", 60), ("--seed", -4)),
        *(("--style", "polka"), ("--device", "abacus"), ("--start", -1), ("--start", 99), ("--duration", 0)),
        *(("--weights", "painter=x"), ("--weights", "no-such-name")),
    ):
        ran = render(beat_song, picture, "out.mp4", option, value)
        assert ran.status == 1, (option, value)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.binary(max_size=600),
    start=st.sampled_from([b"", b"RIFF\x24\x00\x00\x00WAVEfmt ", b"OggS", b"ID3", b"fLaC"]),
)
def test_any_bytes_as_a_song(render: Render, tmp_path: Path, content: bytes, start: bytes) -> None:
    (tmp_path / "any.wav").write_bytes(start + content)
    assert render(tmp_path / "any.wav").status == 1


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.binary(max_size=600),
    start=st.sampled_from(
        [b"", png_header(64, 64), png_header(2**31 - 1, 1), b"GIF89a", b"\xff\xd8\xff\xe0", b"BM", b"II*\x00"]
    ),
)
def test_any_bytes_as_a_picture(render: Render, tmp_path: Path, beat_song: Path, content: bytes, start: bytes) -> None:
    (tmp_path / "any.png").write_bytes(start + content)
    assert render(beat_song, tmp_path / "any.png").status == 1


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(size=(208, 16), mode="1", seed=0)  # too little of a person for a figure with depth
@given(
    size=st.tuples(st.integers(16, 300), st.integers(16, 300)),
    mode=st.sampled_from(["RGB", "L", "1", "P", "RGBA", "LA", "CMYK", "I;16", "F", "YCbCr"]),
    seed=st.integers(0, 9),
)
def test_any_picture_with_given_joints_is_rendered(
    render: Render, tmp_path: Path, beat_song: Path, picture: Path, size: tuple[int, int], mode: str, seed: int
) -> None:
    noise = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)
    grey = Image.fromarray(noise).convert("L")
    image = (
        Image.fromarray(np.asarray(grey, np.uint16) * 257) if mode == "I;16" else Image.fromarray(noise).convert(mode)
    )
    image.save(tmp_path / "any.tiff")
    pose = (tmp_path / "pose.json").resolve()
    at = np.array(JOINTS) * size
    keypoints = [float(value) for xy in at for value in (*xy, 1.0)]
    pose.write_text(json.dumps({"people": [{"pose_keypoints_2d": keypoints}]}))
    ran = render(beat_song, tmp_path / "any.tiff", "any.mp4", "--pose", pose, "--fps", "1")
    assert ran.status == 0
    (tmp_path / "videos" / "any.mp4").unlink()


JOINTS = (
    *((0.5, 0.15), (0.5, 0.25), (0.4, 0.25), (0.34, 0.37), (0.3, 0.48), (0.6, 0.25), (0.66, 0.37), (0.7, 0.48)),
    *((0.45, 0.51), (0.43, 0.7), (0.42, 0.88), (0.55, 0.51), (0.57, 0.7), (0.58, 0.88)),
    *((0.48, 0.13), (0.52, 0.13), (0.45, 0.14), (0.55, 0.14)),
)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
@pytest.mark.parametrize("read", [check_beats, read_pairs, read_bvh])
def test_lists_are_files_of_a_size_that_can_be_read(read: Callable[[Path], object], tmp_path: Path) -> None:
    pipe, large = tmp_path / "pipe", tmp_path / "large"
    os.mkfifo(pipe)
    with pytest.raises(DancegenError, match="not a file but a pipe"):
        read(pipe)
    with large.open("wb") as file:
        file.truncate(1 << 30)
    with pytest.raises(DancegenError, match="is larger than a"):
        read(large)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
@pytest.mark.parametrize("option", ["--pose", "--mask"])
def test_a_pipe_is_not_called_missing(
    run_main: Callable[..., Ran], tmp_path: Path, beat_song: Path, picture: Path, quick: tuple[str, ...], option: str
) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert (
        "not a file but a pipe"
        in run_main("render", beat_song, picture, "-o", tmp_path / "o.mp4", *quick, option, tmp_path / "pipe").err
    )
