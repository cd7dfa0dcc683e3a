"""Segments that are drawn already, so that a video that was interrupted goes on where it stopped."""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Iterable
from pathlib import Path

import torch

from dancegen.files import whole_file, write_error

KEPT_DAYS = 30  # of segments that nobody came back for


class Store:
    """A folder of the segments of one video.

    Args:
        what: bytes that tell this video from any other: picture, poses, weights.
    """

    def __init__(self, what: Iterable[bytes]) -> None:
        digest = hashlib.sha256()
        for part in what:
            digest.update(hashlib.sha256(part).digest())
        self.folder = cache_folder() / digest.hexdigest()[:32]

    def read(self, number: int) -> dict[str, torch.Tensor] | None:
        """A segment as it was kept; None if it is not there, or not whole."""
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return load_file(self._file(number))
        except (OSError, SafetensorError):
            return None

    def keep(self, number: int, segment: dict[str, torch.Tensor]) -> None:
        """Write a segment, whole or not at all.

        Raises:
            DancegenError: the disk is full, or may not be written to.
        """
        from safetensors.torch import save_file

        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with whole_file(self._file(number)) as scratch:
                save_file({name: tensor.contiguous() for name, tensor in segment.items()}, scratch)
        except OSError as cause:
            raise write_error(self._file(number), cause) from cause

    def finish(self) -> None:
        """The video is drawn to its end: remove its segments, and those of others that are too old."""
        shutil.rmtree(self.folder, ignore_errors=True)
        oldest = time.time() - KEPT_DAYS * 86_400
        for folder in cache_folder().glob("*"):
            if folder.stat().st_mtime < oldest:
                shutil.rmtree(folder, ignore_errors=True)

    def _file(self, number: int) -> Path:
        return self.folder / f"segment-{number:04d}.safetensors"


def cache_folder() -> Path:
    """Below the Hub client's folder for files of other libraries, where large things are expected (HF_HOME)."""
    from huggingface_hub import constants

    return Path(constants.HF_ASSETS_CACHE).expanduser() / "dancegen" / "segments"
