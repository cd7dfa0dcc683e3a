"""What a picture file says of its colours without an ICC profile: Adobe RGB by EXIF, PNG's own chunks, AVIF's numbers.

They become the smallest ICC profile that says the same. Sources: Exif 2.32 (ColorSpace, InteroperabilityIndex) and DCF
2.0 ("R03" is Adobe RGB 1998); PNG, third edition (cICP before iCCP before sRGB before cHRM and gAMA); ITU-T H.273
(numbers of primaries and transfer functions), ISO/IEC 14496-12 (the box in which AVIF and HEIC have them); ICC.1:2010
(matrix profiles).
"""

from __future__ import annotations

import struct
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

COLOUR_SPACE, INTEROP, INTEROP_INDEX, EXIF = 0xA001, 0xA005, 1, 0x8769  # tags
ADOBE_RGB = 2  # a ColorSpace that no standard has and cameras write; the standard one is 65535 and "R03"
D65 = (0.3127, 0.3290)  # x, y
SRGB, ADOBE, P3, BT2020 = (
    (*D65, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06),  # white, red, green, blue: x, y each, as cHRM has them
    (*D65, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06),
    (*D65, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    (*D65, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046),
)
ADOBE_GAMMA = 563 / 256
PRIMARIES = {1: SRGB, 9: BT2020, 12: P3}  # of cICP
UNSAID = 2  # the number of primaries and of transfer functions that are not told
NCLX, BOXES = b"colrnclx", 1 << 16  # in an AVIF or HEIC file before the pixels, within so many bytes
TRANSFERS = {4: 2.2, 5: 2.8, 8: 1.0, 1: 0.0, 6: 0.0, 13: 0.0, 14: 0.0, 15: 0.0}  # exponents; 0: a screen's, as sRGB's
ALIKE = 0.005  # of chromaticities and of 1 / gamma, that mean the same
SCREEN_GAMMA = 1 / 2.2
CHUNKS = 64  # of a PNG file that are looked at for its colours; they stand before the pixels


class UnknownColours(Exception):
    """A file says something of its colours that cannot be, or that is not known here."""


def told_profile(image: Image.Image) -> bytes | None:
    """An ICC profile of what an opened picture's file says of its colours; None for sRGB or nothing.

    Raises:
        UnknownColours: see there.
    """
    cicp = _cicp(image) if image.format == "PNG" else None
    if cicp is not None:
        return _by_numbers(*cicp)
    embedded = image.info.get("icc_profile")
    if isinstance(embedded, bytes) and embedded:
        return embedded
    if image.format in ("AVIF", "HEIF"):
        told = _nclx(image)
        return None if told is None or UNSAID in told else _by_numbers(*told)
    if image.format == "PNG":
        if "srgb" in image.info:
            return None
        if "gamma" in image.info or "chromaticity" in image.info:
            return _by_chunks(image.info)
    return _matrix(ADOBE, ADOBE_GAMMA) if _is_adobe(image) else None


def _is_adobe(image: Image.Image) -> bool:
    try:
        exif = image.getexif()
        space = exif.get_ifd(EXIF).get(COLOUR_SPACE)
        index = exif.get_ifd(INTEROP).get(INTEROP_INDEX)
    except Exception:  # damaged EXIF makes Pillow's reader fail in every way there is
        return False
    return space == ADOBE_RGB or str(index).strip("\0 ") == "R03"


def _by_chunks(info: dict[Any, Any]) -> bytes | None:
    """Of gAMA and cHRM, as Pillow gives them."""
    gamma, places = float(info.get("gamma", SCREEN_GAMMA)), info.get("chromaticity", SRGB)
    if not 0.1 <= gamma <= 10 or len(places) != 8:
        raise UnknownColours
    usual = abs(gamma - SCREEN_GAMMA) < ALIKE
    if usual and np.abs(np.subtract(places, SRGB)).max() < ALIKE:
        return None
    return _matrix(tuple(places), 0.0 if usual else 1 / gamma)


def _by_numbers(primaries: int, transfer: int) -> bytes | None:
    """Of the numbers of H.273."""
    if primaries not in PRIMARIES or transfer not in TRANSFERS:
        raise UnknownColours
    same = primaries == 1 and TRANSFERS[transfer] == 0
    return None if same else _matrix(PRIMARIES[primaries], TRANSFERS[transfer])


def _cicp(image: Image.Image) -> tuple[int, int] | None:
    """Primaries and transfer of a PNG's cICP chunk, which Pillow does not read; the file stays where it is read."""
    file: BinaryIO | None = getattr(image, "fp", None)
    if file is None:
        return None
    at = file.tell()
    try:
        file.seek(8)
        for _ in range(CHUNKS):
            head = file.read(8)
            if len(head) < 8 or head[4:] == b"IDAT":
                return None
            if head[4:] == b"cICP":
                content = file.read(4)
                return (content[0], content[1]) if len(content) == 4 else None
            file.seek(int.from_bytes(head[:4], "big") + 4, 1)
        return None
    finally:
        file.seek(at)


def _nclx(image: Image.Image) -> tuple[int, int] | None:
    """Primaries and transfer of the first `colr` box; the file stays where it is read."""
    file: BinaryIO | None = getattr(image, "fp", None)
    if file is None:
        return None
    at = file.tell()
    try:
        file.seek(0)
        _, found, content = file.read(BOXES).partition(NCLX)
        return struct.unpack(">HH", content[:4]) if found and len(content) > 3 else None
    finally:
        file.seek(at)


def _matrix(places: tuple[float, ...], gamma: float) -> bytes:
    from dancegen.images.icc import matrix_profile

    return matrix_profile(places, gamma)
