"""Opening pictures of every kind, and refusing what is none."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from dancegen.errors import DancegenError
from dancegen.images.picture import LARGEST_SIDE, open_picture


def saved(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)
    return path


def gradient(width: int = 40, height: int = 60) -> np.ndarray:
    """Red grows to the right, green downward: turned pictures can be told. (H, W, 3)."""
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([x * 255 // (width - 1), y * 255 // (height - 1), np.full_like(x, 30)], axis=-1).astype(np.uint8)


@pytest.mark.parametrize("ending", ["png", "jpg", "webp", "bmp", "tiff", "gif", "ppm"])
def test_usual_files(tmp_path: Path, ending: str) -> None:
    opened = open_picture(saved(tmp_path / f"a.{ending}", Image.fromarray(gradient())))
    assert opened.pixels.dtype == np.uint8
    assert opened.pixels.shape == (60, 40, 3)
    assert np.abs(opened.pixels.astype(int) - gradient()).mean() < 8
    assert opened.notes == ()


def test_exif_rotation_is_applied(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # stored lying on its left side
    stored = np.rot90(gradient())
    path = saved(tmp_path / "a.jpg", Image.fromarray(stored), exif=exif, quality=95)
    opened = open_picture(path)
    assert opened.pixels.shape == (60, 40, 3)
    assert np.abs(opened.pixels.astype(int) - gradient()).mean() < 8


def test_transparency_is_laid_over_white_and_kept_as_a_cut_out(tmp_path: Path) -> None:
    rgba = np.zeros((50, 50, 4), np.uint8)
    rgba[10:40, 15:35] = (200, 10, 10, 255)
    opened = open_picture(saved(tmp_path / "a.png", Image.fromarray(rgba)))
    assert (opened.pixels[0, 0] == 255).all()
    assert tuple(opened.pixels[20, 20]) == (200, 10, 10)
    assert opened.alpha is not None
    assert opened.alpha[20, 20] == 1
    assert opened.alpha[0, 0] == 0


def test_soft_corners_are_no_cut_out(tmp_path: Path) -> None:
    rgba = np.full((50, 50, 4), 255, np.uint8)
    rgba[0, 0, 3] = 0
    assert open_picture(saved(tmp_path / "a.png", Image.fromarray(rgba))).alpha is None


def test_palette_with_transparency(tmp_path: Path) -> None:
    image = Image.fromarray(np.tile(np.arange(2, dtype=np.uint8).repeat(20), (40, 1)))
    image.putpalette([10, 20, 30, 200, 100, 50])
    opened = open_picture(saved(tmp_path / "a.png", image, transparency=0))
    assert (opened.pixels[5, 5] == 255).all()
    assert tuple(opened.pixels[5, 35]) == (200, 100, 50)


def test_grey_grey_alpha_bilevel_and_cmyk(tmp_path: Path) -> None:
    grey = Image.fromarray(gradient()[..., 0])
    for name, image in (
        ("l.png", grey),
        ("la.png", grey.convert("LA")),
        ("one.png", grey.convert("1")),
        ("cmyk.jpg", Image.fromarray(gradient()).convert("CMYK")),
        ("ycc.tiff", Image.fromarray(gradient()).convert("YCbCr")),
        ("lab.tiff", Image.new("LAB", (40, 60), (128, 128, 128))),
    ):
        assert open_picture(saved(tmp_path / name, image)).pixels.shape == (60, 40, 3), name


def test_sixteen_bits_are_scaled_not_clipped(tmp_path: Path) -> None:
    deep = (gradient()[..., 0].astype(np.uint16) * 257).astype(np.uint16)
    opened = open_picture(saved(tmp_path / "a.png", Image.fromarray(deep)))
    assert np.abs(opened.pixels[..., 1].astype(int) - gradient()[..., 0]).max() <= 1


def test_float_pictures_with_nan(tmp_path: Path) -> None:
    values = np.linspace(0, 1, 2400, dtype=np.float32).reshape(60, 40)
    values[3, 3] = np.nan
    opened = open_picture(saved(tmp_path / "a.tiff", Image.fromarray(values)))
    assert opened.pixels[-1, -1, 0] > 250


def test_animation_gives_its_first_frame_and_says_so(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (30, 30), colour) for colour in ("red", "blue", "green")]
    path = saved(tmp_path / "a.gif", frames[0], save_all=True, append_images=frames[1:])
    opened = open_picture(path)
    assert tuple(opened.pixels[9, 9]) == (255, 0, 0)
    assert any("animated" in note for note in opened.notes)


@pytest.mark.parametrize("ending", ["png", "jpg"])
def test_large_pictures_are_made_smaller_and_it_is_said(tmp_path: Path, ending: str) -> None:
    opened = open_picture(saved(tmp_path / f"a.{ending}", Image.new("RGB", (5000, 2500), "teal")))
    assert opened.size == (LARGEST_SIDE, LARGEST_SIDE // 2)
    assert opened.original_size == (5000, 2500)
    assert any("5000" in note for note in opened.notes)


def test_the_original_size_of_a_turned_picture_is_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 8
    opened = open_picture(saved(tmp_path / "a.jpg", Image.new("RGB", (3000, 1500)), exif=exif))
    assert opened.original_size == (1500, 3000)
    assert opened.size == (LARGEST_SIDE // 2, LARGEST_SIDE)


def bomb(width: int, height: int) -> bytes:
    """A small PNG file that says it has width x height pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("size", [(30_000, 30_000), (200_000, 2_000)])
def test_bombs_are_refused_before_decoding(tmp_path: Path, size: tuple[int, int]) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(bomb(*size))
    with pytest.raises(DancegenError, match=r"smaller|large") as told:
        open_picture(path)
    assert "bomb.png" in str(told.value)


def test_refusals_name_the_file_and_the_remedy(tmp_path: Path) -> None:
    png = io.BytesIO()
    Image.fromarray(gradient()).save(png, "PNG")
    jpeg = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (200, 200, 3), np.uint8)).save(jpeg, "JPEG")
    bad = {
        "text.png": (b"this is no picture", "not a picture"),
        "empty.png": (b"", "not a picture"),
        "cut.png": (png.getvalue()[: len(png.getvalue()) // 2], "damaged"),
        "cut.jpg": (jpeg.getvalue()[: len(jpeg.getvalue()) // 2], "damaged"),
    }
    for name, (content, word) in bad.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DancegenError) as told:
            open_picture(tmp_path / name)
        assert word in told.value.what, name
        assert name in told.value.what
        assert told.value.remedy


def test_tiny_pictures_missing_files_and_folders(tmp_path: Path) -> None:
    with pytest.raises(DancegenError, match="1 x 1"):
        open_picture(saved(tmp_path / "a.png", Image.new("RGB", (1, 1))))
    with pytest.raises(DancegenError, match="no such file"):
        open_picture(tmp_path / "none.png")
    with pytest.raises(DancegenError, match="folder"):
        open_picture(tmp_path)
    with pytest.raises(DancegenError, match="strip"):
        open_picture(saved(tmp_path / "b.png", Image.new("RGB", (9000, 20))))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    mode=st.sampled_from(["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F", "YCbCr", "HSV"]),
    width=st.integers(1, 40),
    height=st.integers(1, 40),
    ending=st.sampled_from(["png", "jpg", "webp", "tiff", "gif", "bmp"]),
    seed=st.integers(0, 9),
    cut=st.none() | st.floats(0, 1),
)
def test_any_small_picture_opens_or_is_refused(
    tmp_path: Path, mode: str, width: int, height: int, ending: str, seed: int, cut: float | None
) -> None:
    rng = np.random.default_rng(seed)
    try:
        noise = Image.fromarray(rng.integers(0, 255, (height, width, 3), dtype=np.uint8))
        image = Image.new(mode, (width, height)) if mode == "I;16" else noise.convert(mode)
        path = saved(tmp_path / f"a.{ending}", image)
    except (OSError, ValueError, KeyError):
        return  # this format has no such mode
    if cut is not None:
        content = path.read_bytes()
        path.write_bytes(content[: round(len(content) * cut)])
    try:
        opened = open_picture(path)
    except DancegenError as told:
        assert "a." in told.what
        assert min(width, height) < 16 or cut is not None
        return
    assert opened.pixels.shape == (height, width, 3)
    assert opened.pixels.dtype == np.uint8
