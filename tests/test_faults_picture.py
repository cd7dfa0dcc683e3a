"""Pictures that broke version 0.1.0 or were shown wrongly, and the rest of their kinds."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from PIL import Image, ImageCms

from dancegen.errors import DancegenError
from dancegen.images import picture as opening
from dancegen.images.picture import NO_PROFILE, open_picture

DATA = ROOT / "tests" / "data" / "faults"
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
# columns of primaries, adapted to D50
P3 = ((0.5151, 0.2412, -0.0011), (0.2920, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841))
ADOBE = ((0.6097, 0.3111, 0.0195), (0.2053, 0.6257, 0.0609), (0.1492, 0.0632, 0.7446))
PROPHOTO = ((0.7977, 0.2880, 0.0), (0.1352, 0.7119, 0.0), (0.0313, 0.0001, 0.8249))


def fixed(*values: float) -> bytes:
    return b"".join(struct.pack(">i", round(value * 65536)) for value in values)


def profile(space: bytes, gamma: float, primaries: tuple[tuple[float, ...], ...] = ()) -> bytes:
    """The smallest ICC profile of a screen (RGB with three primaries) or of grey."""
    xyz = [b"XYZ \0\0\0\0" + fixed(*column) for column in ((0.9642, 1.0, 0.8249), *primaries)]
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    names = [b"wtpt", b"rXYZ", b"gXYZ", b"bXYZ"][: len(xyz)]
    names += [b"rTRC", b"gTRC", b"bTRC"] if primaries else [b"kTRC"]
    parts = xyz + [curve] * (3 if primaries else 1)
    at, table, body = 128 + 4 + 12 * len(parts), struct.pack(">I", len(parts)), b""
    for name, part in zip(names, parts, strict=True):
        table += name + struct.pack(">II", at + len(body), len(part))
        body += part
    head = struct.pack(">I4sI4s4s4s", at + len(body), b"none", 0x02400000, b"mntr", space, b"XYZ ")
    head += bytes(12) + b"acsp" + bytes(28) + fixed(0.9642, 1.0, 0.8249)
    return head.ljust(128, b"\0") + table + body


def linear(colour: tuple[int, ...]) -> np.ndarray:
    """sRGB 0-255 to linear light."""
    share = np.array(colour) / 255
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


SRGB_D50 = np.array(((0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141))).T
RED = (230, 20, 30)  # as a screen shows it


@pytest.mark.parametrize("primaries", [P3, ADOBE, PROPHOTO])
@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp", "a.tiff", "a.avif"])
def test_colours_of_other_screens_are_those_of_the_picture(
    tmp_path: Path, primaries: tuple[tuple[float, ...], ...], name: str
) -> None:
    stored = np.linalg.solve(np.array(primaries).T, SRGB_D50 @ linear(RED))  # linear light of that screen
    values = tuple(int(value) for value in np.round(255 * np.clip(stored, 0, 1) ** (1 / 1.8)))
    how = {"quality": 100, "subsampling": 0} if name == "a.jpg" else {}
    how |= {"lossless": True} if name == "a.webp" else {}
    Image.new("RGB", (40, 60), values).save(tmp_path / name, icc_profile=profile(b"RGB ", 1.8, primaries), **how)
    opened = open_picture(tmp_path / name)
    assert np.abs(opened.pixels[9, 9].astype(int) - RED).max() <= (8 if name in ("a.jpg", "a.avif") else 4)
    assert opened.notes == ()
    assert np.abs(np.array(values) - RED).max() > 12  # so without the profile it would be another colour


def test_transparency_stays_beside_a_profile(tmp_path: Path) -> None:
    rgba = np.zeros((50, 50, 4), np.uint8)
    rgba[10:40, 15:35] = (100, 100, 100, 255)
    Image.fromarray(rgba).save(tmp_path / "a.png", icc_profile=profile(b"RGB ", 1.0, P3))
    opened = open_picture(tmp_path / "a.png")
    assert opened.alpha is not None and opened.alpha[20, 20] == 1 and opened.alpha[0, 0] == 0
    assert (opened.pixels[0, 0] == 255).all() and np.abs(opened.pixels[20, 20].astype(int) - 168).max() <= 2


@pytest.mark.parametrize("mode", ["L", "LA", "I;16", "P"])
def test_grey_and_palette_pictures_have_profiles_too(tmp_path: Path, mode: str) -> None:
    grey = Image.new("L", (40, 60), 55)
    image = Image.fromarray(np.full((60, 40), 55 * 257, np.uint16)) if mode == "I;16" else grey.convert(mode)
    space, primaries = (b"RGB ", P3) if mode == "P" else (b"GRAY", ())
    image.save(tmp_path / "a.png", icc_profile=profile(space, 1.0, primaries))
    assert np.abs(open_picture(tmp_path / "a.png").pixels[9, 9].astype(int) - 128).max() <= 2


def test_a_grey_picture_with_the_profile_of_a_screen(tmp_path: Path) -> None:
    Image.new("L", (40, 60), 55).save(tmp_path / "a.png", icc_profile=profile(b"RGB ", 1.0, P3))
    opened = open_picture(tmp_path / "a.png")
    assert np.abs(opened.pixels[9, 9].astype(int) - 128).max() <= 2 and opened.notes == ()


def test_srgb_pictures_stay_as_they_are(tmp_path: Path) -> None:
    colours = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(colours).save(tmp_path / "a.png", icc_profile=SRGB)
    assert np.abs(open_picture(tmp_path / "a.png").pixels.astype(int) - colours).max() <= 1


@pytest.mark.parametrize("mode", ["RGB", "CMYK", "L"])
@pytest.mark.parametrize("broken", [b"none at all", SRGB[:200], b"\xff" * 4000])
def test_a_broken_profile_is_said_and_left_out(tmp_path: Path, mode: str, broken: bytes) -> None:
    plain = Image.new("RGB", (40, 60), (200, 100, 50)).convert(mode)
    plain.save(tmp_path / "plain.tiff")
    plain.save(tmp_path / "a.tiff", icc_profile=broken)
    opened = open_picture(tmp_path / "a.tiff")
    assert NO_PROFILE in opened.notes
    assert (opened.pixels == open_picture(tmp_path / "plain.tiff").pixels).all()


def test_heic_is_read(tmp_path: Path) -> None:
    pytest.importorskip("pi_heif")
    (tmp_path / "IMG_1.HEIC").write_bytes((DATA / "small.heic").read_bytes())
    opened = open_picture(tmp_path / "IMG_1.HEIC")
    assert opened.size == (120, 160) and np.abs(opened.pixels[9, 9].astype(int) - RED).max() < 6


def test_heic_without_its_reader_says_how_to_convert(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pi_heif", None)
    with pytest.raises(DancegenError, match=r"is a HEIC picture.*convert it to JPEG or PNG.*pip install pi-heif"):
        open_picture(DATA / "small.heic")


def test_damaged_exif_is_left_out_and_said() -> None:
    opened = open_picture(DATA / "exif_struct_error.jpg")
    assert any("EXIF" in note for note in opened.notes) and opened.pixels.std() > 5


@pytest.mark.parametrize(
    "start", [b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 99 99\n", b"%PDF-1.4\n", b"8BPS\0\1", b"<svg/>"]
)
def test_only_promised_formats_are_opened(tmp_path: Path, start: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    def started(*arguments: object, **_: object) -> None:
        raise AssertionError(f"{arguments} was started")

    monkeypatch.setattr(subprocess, "Popen", started)
    (tmp_path / "a.png").write_bytes(start.ljust(400))
    for path in (tmp_path / "a.png", DATA / "eps.png"):
        with pytest.raises(DancegenError, match="is not a picture"):
            open_picture(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_pipes_and_devices_are_no_pictures(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.png")
    for path in (tmp_path / "a.png", Path(os.devnull)):
        with pytest.raises(DancegenError, match="not a file but a pipe or a device"):
            open_picture(path)


def peak_of_opening(path: Path) -> int:
    """MB that a process holds at most which opens a picture beside PyTorch."""
    code = (
        "import sys, torch\nfrom dancegen.images.picture import open_picture\n"
        "try: print(open_picture(sys.argv[1]).size)\nexcept Exception as error: print(type(error).__name__)\n"
        # not ru_maxrss, which counts what started the process too
        "print(int(open('/proc/self/status').read().split('VmHWM:')[1].split()[0]) // 1024)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, env=environment)
    assert done.stdout.splitlines()[0] in ("(2048, 2048)", "DancegenError"), done.stdout + done.stderr
    return int(done.stdout.split()[-1])


@pytest.mark.skipif(sys.platform != "linux", reason="memory is measured in Linux's units")
@pytest.mark.parametrize("kind", ["grey16.png", "rgba.webp"])  # measured by hand: float TIFF, RGBA PNG, JPEG
def test_large_pictures_take_little_memory(tmp_path: Path, kind: str) -> None:
    mode = {"grey16.png": "I;16", "float.tiff": "F", "rgba.png": "RGBA"}.get(kind)
    path = DATA / kind
    if mode:
        path = tmp_path / kind
        Image.new(mode, (10_900, 10_900)).save(path, **({"compress_level": 1} if kind.endswith("png") else {}))
    assert peak_of_opening(path) < 1600


@pytest.mark.parametrize("name", ["PNG", "JPEG", "WEBP", "AVIF", "JPEG2000", "TIFF"])
def test_sizes_are_refused_by_the_header(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("RGB", (300, 200)).save(tmp_path / "a", name)
    most = 300 * 200 * opening.PIXEL_BYTES.get(name, opening.PLAIN_BYTES)
    monkeypatch.setattr(opening, "DECODED_BYTES", most)
    assert open_picture(tmp_path / "a").size == (300, 200)
    monkeypatch.setattr(opening, "DECODED_BYTES", most - 1)
    with pytest.raises(DancegenError, match=f"300 x 200 pixels, more than .* the most for {name}"):
        open_picture(tmp_path / "a")


def test_pages_of_a_picture_are_said(tmp_path: Path) -> None:
    pages = [Image.new("RGB", (40, 60), colour) for colour in ("red", "blue")]
    pages[0].save(tmp_path / "a.tiff", save_all=True, append_images=pages[1:])
    opened = open_picture(tmp_path / "a.tiff")
    assert opened.notes == ("the picture has several pages: the first is used",) and opened.pixels[5, 5, 0] == 255
