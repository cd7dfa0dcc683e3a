"""sha256 of weight files, computed once per version of a file and remembered by its size, mtime and inode."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dancegen.errors import DancegenError
from dancegen.files import whole_file
from dancegen.jsonfile import SMALL, read_json
from dancegen.progress import Reporter

CHUNK_BYTES = 2**20
SLOW_BYTES = 50 * 2**20  # from here on hashing takes long enough (a quarter of a second) to be shown


@dataclass(frozen=True)
class WeightsInfo:
    """Which weights were used: the file's name, and its sha256, which no other file has."""

    name: str
    sha256: str


class Megabytes:
    """A stage that is told of bytes and shown in whole megabytes, as people read sizes."""

    def __init__(self, reporter: Reporter, name: str, size: int) -> None:
        self._reporter, self._bytes, self._shown = reporter, 0, 0
        reporter.stage(name, max(round(size / 10**6), 1), "MB")

    def add(self, count: int) -> None:
        """`count` more bytes are done (fewer, where a broken download begins anew)."""
        self._bytes += count
        if whole := self._bytes // 10**6 - self._shown:
            self._shown += whole
            self._reporter.advance(whole)


def sha256_of(path: Path, reporter: Reporter | None = None) -> str:
    """The file's sha256 in hex, read 1 MiB at a time; large files are shown as a stage of `reporter`."""
    size = path.stat().st_size
    shown = Megabytes(reporter, f"check {path.name}", size) if reporter and size >= SLOW_BYTES else None
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
            if shown:
                shown.add(len(chunk))
    return digest.hexdigest()


def known_sha256(path: Path) -> str | None:
    """The remembered sha256 of this very version of the file; None if it was never computed or the file changed."""
    try:
        remembered = read_json(_memory_file(path), "note", "", largest=SMALL)
        found = remembered.pop("sha256")
        return found if remembered == _version(path) else None
    except (DancegenError, KeyError, AttributeError):
        return None


def checked_sha256(path: Path, reporter: Reporter | None = None) -> str:
    """The file's sha256, from memory where this version of the file was hashed before, else computed and remembered."""
    return known_sha256(path) or rechecked_sha256(path, reporter)


def weights_info(path: Path) -> WeightsInfo:
    """What is remembered of the weights `path` in the things that they make."""
    return WeightsInfo(path.name, checked_sha256(path))


def rechecked_sha256(path: Path, reporter: Reporter | None = None) -> str:
    """The file's sha256, computed now whatever is remembered, and remembered."""
    before = _version(path)
    found = sha256_of(path, reporter)
    if _version(path) == before:  # else somebody wrote meanwhile: what was hashed is no version of the file
        _remember(path, before, found)
    return found


def _version(path: Path) -> dict[str, Any]:
    """What changes when the file does."""
    path = path.resolve()
    stat = path.stat()
    return {"path": str(path), "size": stat.st_size, "mtime_ns": stat.st_mtime_ns, "inode": stat.st_ino}


def _memory_file(path: Path) -> Path:
    """One small JSON per weight file, in the Hub client's folder for files of other libraries (below HF_HOME)."""
    from huggingface_hub import constants

    key = hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:32]
    return Path(constants.HF_ASSETS_CACHE).expanduser() / "dancegen" / "verified" / f"{key}.json"


def _remember(path: Path, version: dict[str, Any], sha256: str) -> None:
    # A read-only cache is no fault: the file is then hashed at every start.
    with contextlib.suppress(OSError):
        write_json(_memory_file(path), {**version, "sha256": sha256})


def write_json(path: Path, content: Any) -> None:
    """Write `content` as JSON, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as scratch:
        scratch.write_bytes((json.dumps(content, indent=2) + "\n").encode())
