"""The smallest ICC profile of a screen (ICC.1:2010, matrix profiles)."""

from __future__ import annotations

import struct

import numpy as np

from dancegen.images.profiles import UnknownColours

D50 = np.array((0.9642, 1.0, 0.8249))  # XYZ of the profile connection space
BRADFORD = np.array(((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296)))


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
