"""What a picture file says of its colours without an ICC profile: Adobe RGB by EXIF, PNG's own chunks, AVIF's numbers.

They become the smallest ICC profile that says the same. Sources: Exif 2.32 (ColorSpace, InteroperabilityIndex) and DCF
2.0 ("R03" is Adobe RGB 1998); PNG, third edition (cICP before iCCP before sRGB before cHRM and gAMA); ITU-T H.273
(numbers of primaries and transfer functions), ISO/IEC 14496-12 (the box in which AVIF and HEIC have them); ICC.1:2010
(matrix profiles).
"""

from __future__ import annotations

from typing import BinaryIO

from PIL import Image

COLOUR_SPACE, INTEROP, INTEROP_INDEX, EXIF = 0xA001, 0xA005, 1, 0x8769  # tags
ADOBE_RGB = 2  # a ColorSpace that no standard has and cameras write; the standard one is 65535 and "R03"
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
        from dancegen.images.icc import profile_by_numbers

        return profile_by_numbers(*cicp)
    embedded = image.info.get("icc_profile")
    if isinstance(embedded, bytes) and embedded:
        return embedded
    if image.format in ("AVIF", "HEIF"):
        from dancegen.images.icc import nclx_profile

        return nclx_profile(image)
    if image.format == "PNG":
        if "srgb" in image.info:
            return None
        if "gamma" in image.info or "chromaticity" in image.info:
            from dancegen.images.icc import profile_by_chunks

            return profile_by_chunks(image.info)
    if _is_adobe(image):
        from dancegen.images.icc import adobe_profile

        return adobe_profile()
    return None


def _is_adobe(image: Image.Image) -> bool:
    try:
        exif = image.getexif()
        space = exif.get_ifd(EXIF).get(COLOUR_SPACE)
        index = exif.get_ifd(INTEROP).get(INTEROP_INDEX)
    except Exception:  # damaged EXIF makes Pillow's reader fail in every way there is
        return False
    return space == ADOBE_RGB or str(index).strip("\0 ") == "R03"


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
