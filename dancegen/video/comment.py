"""What a video tells of its making."""

from __future__ import annotations

import contextlib
import subprocess
from pathlib import Path
from typing import Any

from dancegen.errors import DancegenError
from dancegen.ffmpeg import QUIET, ffmpeg_program, input_arguments
from dancegen.jsonfile import parse_json


def read_comment(path: Path) -> dict[str, Any]:
    """The metadata that `VideoWriter` put into a video; empty where there is none."""
    command = [ffmpeg_program(), *QUIET, "-v", "error", *input_arguments(path), "-f", "ffmetadata", "pipe:1"]
    text = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    for line in text.splitlines():
        key, _, value = line.partition("=")
        if key.lower() == "comment":
            for mark in "\\=;#":
                value = value.replace(f"\\{mark}", mark)
            with contextlib.suppress(DancegenError):
                facts = parse_json(value, "the comment", "", packed=False)
                return facts if isinstance(facts, dict) else {}
    return {}
