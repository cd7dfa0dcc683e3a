"""Which dancegen makes things: its version and the content of the code that shapes a video.

A version number alone does not tell two states of a checkout apart, and an update may come without a new number.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import dancegen

SHAPING = (  # folders and modules of the package; what else there is (commands, training, ...) changes no frame
    *("audio", "body", "choreographers", "dances", "images", "people", "production", "renderers", "video"),
    "batch/stages.py",
)


@cache
def edition() -> str:
    """The version and a hash of the code, such as `0.1.0+5f0c9a41d2e7`; the same on every system."""
    return edition_of(Path(dancegen.__file__).parent, dancegen.__version__)


def edition_of(package: Path, version: str) -> str:
    """`edition` of the package in a folder."""
    digest = hashlib.sha256()
    for part in SHAPING:
        place = package / part
        for file in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            text = file.read_bytes().replace(b"\r\n", b"\n")  # as Windows checks files out
            digest.update(f"{file.relative_to(package).as_posix()} {len(text)}\n".encode() + text)
    return f"{version}+{digest.hexdigest()[:12]}"
