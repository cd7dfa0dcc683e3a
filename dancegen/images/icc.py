"""The smallest ICC profile of a screen (ICC.1:2010, matrix profiles), by what a file says of its colours."""

from __future__ import annotations

import struct
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from dancegen.images.profiles import UnknownColours

D65 = (0.3127, 0.3290)  # x, y
SRGB, ADOBE, P3, BT2020 = (
    (*D65, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06),  # white, red, green, blue: x, y each, as cHRM has them
    (*D65, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06),
    (*D65, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    (*D65, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046),
)
UNSAID = 2  # the number of primaries and of transfer functions that are not told
NCLX, BOXES = b"colrnclx", 1 << 16  # in an AVIF or HEIC file before the pixels, within so many bytes
ADOBE_GAMMA = 563 / 256
PRIMARIES = {1: SRGB, 9: BT2020, 12: P3}  # of cICP
TRANSFERS = {4: 2.2, 5: 2.8, 8: 1.0, 1: 0.0, 6: 0.0, 13: 0.0, 14: 0.0, 15: 0.0}  # exponents; 0: a screen's, as sRGB's
ALIKE = 0.005  # of chromaticities and of 1 / gamma, that mean the same
SCREEN_GAMMA = 1 / 2.2
D50 = np.array((0.9642, 1.0, 0.8249))  # XYZ of the profile connection space
BRADFORD = np.array(((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296)))


def profile_by_chunks(info: dict[Any, Any]) -> bytes | None:
    """Of gAMA and cHRM, as Pillow gives them."""
    gamma, places = float(info.get("gamma", SCREEN_GAMMA)), info.get("chromaticity", SRGB)
    if not 0.1 <= gamma <= 10 or len(places) != 8:
        raise UnknownColours
    usual = abs(gamma - SCREEN_GAMMA) < ALIKE
    if usual and np.abs(np.subtract(places, SRGB)).max() < ALIKE:
        return None
    return matrix_profile(tuple(places), 0.0 if usual else 1 / gamma)


def profile_by_numbers(primaries: int, transfer: int) -> bytes | None:
    """Of the numbers of H.273."""
    if primaries not in PRIMARIES or transfer not in TRANSFERS:
        raise UnknownColours
    same = primaries == 1 and TRANSFERS[transfer] == 0
    return None if same else matrix_profile(PRIMARIES[primaries], TRANSFERS[transfer])


def adobe_profile() -> bytes:
    """Of Adobe RGB (1998)."""
    return matrix_profile(ADOBE, ADOBE_GAMMA)


def matrix_profile(places: tuple[float, ...], gamma: float) -> bytes:
    """The smallest ICC profile of a screen.

    Args:
        places: x, y of white, red, green and blue.
        gamma: exponent of its values; 0 for sRGB's curve.

    Raises:
        UnknownColours: there is no such screen.
    """
    columns = _colorants(np.asarray(places, float).reshape(4, 2))
    curve = b"curv\0\0\0\0" + (struct.pack(">IH", 1, round(gamma * 256)) if gamma else _srgb_curve())
    curve += bytes(-len(curve) % 4)
    parts = [(b"wtpt", b"XYZ \0\0\0\0" + _to_fixed(D50))]
    parts += [(name, b"XYZ \0\0\0\0" + _to_fixed(column)) for name, column in zip(_COLORANTS, columns.T, strict=True)]
    parts += [(name, curve) for name in (b"rTRC", b"gTRC", b"bTRC")]
    at, table, body = 128 + 4 + 12 * len(parts), struct.pack(">I", len(parts)), b""
    for name, part in parts:
        table += name + struct.pack(">II", at + len(body), len(part))
        body += part
    head = struct.pack(">I4sI4s4s4s", at + len(body), b"none", 0x02400000, b"mntr", b"RGB ", b"XYZ ")
    head += bytes(12) + b"acsp" + bytes(28) + _to_fixed(D50)
    return head.ljust(128, b"\0") + table + body


_COLORANTS = (b"rXYZ", b"gXYZ", b"bXYZ")


def _colorants(places: np.ndarray) -> np.ndarray:
    """(3, 3) the XYZ of red, green and blue as columns, adapted to D50; from chromaticities (4, 2), white first."""
    if not np.isfinite(places).all() or (places[:, 1] < 1e-3).any() or np.abs(places).max() > 2:
        raise UnknownColours
    white, *primaries = (np.array((x / y, 1.0, (1 - x - y) / y)) for x, y in places)
    columns = np.stack(primaries, axis=1)
    if abs(float(np.linalg.det(columns))) < 1e-3 or (BRADFORD @ white < 1e-3).any():
        raise UnknownColours
    columns = columns * np.linalg.solve(columns, white)
    adapted = np.linalg.solve(BRADFORD, ((BRADFORD @ D50) / (BRADFORD @ white))[:, None] * (BRADFORD @ columns))
    if np.abs(adapted).max() > 10:
        raise UnknownColours
    return np.asarray(adapted)


def _srgb_curve() -> bytes:
    share = np.linspace(0, 1, 1024)
    light = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return struct.pack(">I1024H", 1024, *np.round(light * 65535).astype(int).tolist())


def _to_fixed(values: np.ndarray) -> bytes:
    return b"".join(struct.pack(">i", round(float(value) * 65536)) for value in values)


def nclx_profile(image: Image.Image) -> bytes | None:
    """The profile of an AVIF or HEIC picture by the numbers of its first `colr` box; None where it tells none."""
    told = _nclx(image)
    return None if told is None or UNSAID in told else profile_by_numbers(*told)


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
