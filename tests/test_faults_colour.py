"""Colours that a picture file tells otherwise than by a profile: Adobe RGB by EXIF, PNG's chunks; against formulas."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dancegen.errors import DancegenError
from dancegen.images.icc import ADOBE, ADOBE_GAMMA, BT2020, P3, SRGB, matrix_profile
from dancegen.images.picture import NO_PROFILE, UNKNOWN_COLOURS, open_picture

RED = (200, 60, 40)  # as a screen shows it
EXIF, INTEROP = 0x8769, 0xA005


def to_xyz(places: tuple[float, ...]) -> np.ndarray:
    """(3, 3) linear RGB to XYZ; all of these screens have the same white."""
    white, *rgb = (np.array((x / y, 1, (1 - x - y) / y)) for x, y in np.reshape(places, (4, 2)))
    columns = np.stack(rgb, axis=1)
    return columns * np.linalg.solve(columns, white)


def stored(places: tuple[float, ...], gamma: float) -> tuple[int, ...]:
    """The values that show RED on another screen."""
    share = np.array(RED) / 255
    light = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    there = np.clip(np.linalg.solve(to_xyz(places), to_xyz(SRGB) @ light), 0, 1)
    curve = (
        there ** (1 / gamma)
        if gamma
        else np.where(there <= 0.0031308, there * 12.92, 1.055 * there ** (1 / 2.4) - 0.055)
    )
    return tuple(int(value) for value in np.round(255 * curve))


def off(path: Path) -> int:
    return int(np.abs(open_picture(path).pixels[9, 9].astype(int) - RED).max())


def with_chunks(path: Path, **chunks: bytes) -> Path:
    """A PNG file with chunks put behind its header."""
    whole = path.read_bytes()
    parts = b"".join(
        struct.pack(">I", len(content))
        + name.encode()
        + content
        + struct.pack(">I", zlib.crc32(name.encode() + content))
        for name, content in chunks.items()
    )
    path.write_bytes(whole[:33] + parts + whole[33:])
    return path


def gama(gamma: float) -> bytes:
    return struct.pack(">I", round(100_000 / gamma))


def chrm(places: tuple[float, ...]) -> bytes:
    return struct.pack(">8I", *(round(100_000 * place) for place in places))


@pytest.mark.parametrize("told", ["2", "R03", "R03 uncalibrated", "R98", "1"])
@pytest.mark.parametrize("name", ["a.jpg", "a.webp", "a.png"])
def test_adobe_rgb_that_exif_alone_tells(tmp_path: Path, name: str, told: str) -> None:
    exif = Image.Exif()
    exif[0x010E] = "a picture"  # without it Pillow takes the rest for nothing
    if told in ("2", "1", "R03 uncalibrated"):
        exif.get_ifd(EXIF)[0xA001] = {"2": 2, "1": 1}.get(told, 65535)
    if told[0] == "R":
        exif.get_ifd(EXIF)[INTEROP] = {1: told[:3]}
    values = stored(ADOBE, ADOBE_GAMMA)
    how = {"quality": 100, "subsampling": 0} if name == "a.jpg" else {"lossless": True} if name == "a.webp" else {}
    Image.new("RGB", (40, 60), values).save(tmp_path / name, exif=exif, **how)
    if told in ("2", "R03", "R03 uncalibrated"):
        assert off(tmp_path / name) <= 3 and np.abs(np.subtract(values, RED)).max() > 12
    else:
        assert np.abs(open_picture(tmp_path / name).pixels[9, 9].astype(int) - values).max() <= 2


@pytest.mark.parametrize(("numbers", "places", "gamma"), [((12, 13), P3, 0), ((9, 13), BT2020, 0), ((1, 8), SRGB, 1.0)])
@pytest.mark.parametrize("beside", [False, True])
def test_png_cicp(
    tmp_path: Path, numbers: tuple[int, int], places: tuple[float, ...], gamma: float, beside: bool
) -> None:
    profile = matrix_profile(ADOBE, ADOBE_GAMMA) if beside else None  # which then does not count
    Image.new("RGB", (40, 60), stored(places, gamma)).save(tmp_path / "a.png", icc_profile=profile)
    assert off(with_chunks(tmp_path / "a.png", cICP=bytes([*numbers, 0, 1]))) <= 4


@pytest.mark.parametrize("places", [ADOBE, P3, SRGB])
@pytest.mark.parametrize("gamma", [2.2, 1.8, 1.0])
def test_png_gama_and_chrm(tmp_path: Path, places: tuple[float, ...], gamma: float) -> None:
    Image.new("RGB", (40, 60), stored(places, 0 if gamma == 2.2 else gamma)).save(tmp_path / "a.png")
    assert off(with_chunks(tmp_path / "a.png", cHRM=chrm(places), gAMA=gama(gamma))) <= 4


@pytest.mark.parametrize("mode", ["L", "I;16", "LA"])
def test_grey_of_another_gamma(tmp_path: Path, mode: str) -> None:
    grey = Image.new("L", (40, 60), 55)
    image = Image.fromarray(np.full((60, 40), 55 * 257, np.uint16)) if mode == "I;16" else grey.convert(mode)
    image.save(tmp_path / "a.png")
    assert (
        np.abs(open_picture(with_chunks(tmp_path / "a.png", gAMA=gama(1.0))).pixels[9, 9].astype(int) - 128).max() <= 2
    )


def test_sixteen_bits_of_another_screen(tmp_path: Path) -> None:
    rows = b"".join(b"\0" + struct.pack(">3H", *(257 * value for value in stored(P3, 0))) * 40 for _ in range(60))
    Image.new("RGB", (40, 60)).save(tmp_path / "a.png")
    head = struct.pack(">IIBBBBB", 40, 60, 16, 2, 0, 0, 0)
    (tmp_path / "a.png").write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + b"".join(
            struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
            for name, content in ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
        )
    )
    assert off(with_chunks(tmp_path / "a.png", cICP=bytes([12, 13, 0, 1]))) <= 4


def test_srgb_that_is_said_stays_as_it_is(tmp_path: Path) -> None:
    colours = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    for chunks in (
        {"gAMA": gama(2.2)},
        {"gAMA": gama(2.2), "cHRM": chrm(SRGB)},
        {"sRGB": b"\0", "gAMA": gama(1.0)},
        {"cICP": bytes([1, 13, 0, 1]), "gAMA": gama(1.0)},
    ):
        Image.fromarray(colours).save(tmp_path / "a.png")
        opened = open_picture(with_chunks(tmp_path / "a.png", **chunks))
        assert (opened.pixels == colours).all() and not opened.notes


@pytest.mark.parametrize(
    "chunks",
    [
        {"cICP": bytes([9, 16, 0, 1])},
        {"cICP": bytes([255, 255, 0, 1])},
        {"cHRM": chrm((0.3, 0.3) * 4), "gAMA": gama(2.2)},
        {"cHRM": bytes(32), "gAMA": gama(1.8)},
        {"gAMA": b"\xff\xff\xff\xff"},
    ],
)
def test_colours_that_are_not_known_are_said(tmp_path: Path, chunks: dict[str, bytes]) -> None:
    Image.new("RGB", (40, 60), RED).save(tmp_path / "a.png")
    opened = open_picture(with_chunks(tmp_path / "a.png", **chunks))
    assert (opened.pixels[9, 9] == RED).all() and opened.notes == (UNKNOWN_COLOURS,)


@pytest.mark.parametrize("chunks", [{"gAMA": bytes(4)}, {"gAMA": b"\1"}, {"cICP": b"\1"}, {"cHRM": b"\1\2"}])
def test_broken_chunks_end_in_a_picture_or_a_line(tmp_path: Path, chunks: dict[str, bytes]) -> None:
    Image.new("RGB", (40, 60), RED).save(tmp_path / "a.png")
    try:
        assert open_picture(with_chunks(tmp_path / "a.png", **chunks)).size == (40, 60)
    except DancegenError as error:
        assert "a.png is damaged" in str(error)


def test_a_profile_of_cmyk_is_used(tmp_path: Path) -> None:
    Image.new("CMYK", (40, 60), (0, 200, 200, 20)).save(tmp_path / "a.tiff", icc_profile=matrix_profile(P3, 2.2))
    opened = open_picture(tmp_path / "a.tiff")  # a profile of a screen does not fit: it is CMYK
    assert opened.pixels[9, 9, 0] > 150 and opened.notes in ((), (NO_PROFILE,))


@pytest.mark.parametrize(("number", "places"), [(12, P3), (9, BT2020)])
def test_an_avif_without_a_profile_says_its_colours_by_numbers(
    tmp_path: Path, number: int, places: tuple[float, ...]
) -> None:
    path = tmp_path / "a.avif"
    Image.new("RGB", (64, 64), stored(places, 0.0)).save(path, quality=100, subsampling="4:4:4")
    content = path.read_bytes()
    at = content.index(b"colrnclx") + 8
    path.write_bytes(content[:at] + struct.pack(">HH", number, 13) + content[at + 4 :])
    assert off(path) <= 4
    path.write_bytes(content[:at] + struct.pack(">HH", 2, 2) + content[at + 4 :])  # what is not told is sRGB
    assert open_picture(path).notes == () and off(path) > 10
    path.write_bytes(content[:at] + struct.pack(">HH", number, 16) + content[at + 4 :])  # brighter than a screen
    assert open_picture(path).notes == (UNKNOWN_COLOURS,)
