"""The ffmpeg program that imageio-ffmpeg carries: where it is, and what its complaints mean."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path

from dancegen.errors import DancegenError

LARGEST_BLOCK = 256 << 20  # bytes that ffmpeg may ask for at once: what a file says of its sizes is not believed
QUIET = ("-hide_banner", "-nostdin", "-nostats", "-max_alloc", str(LARGEST_BLOCK))
# Formats that hold their sound (and pictures) themselves. Left out: playlists and lists of parts (hls, dash, concat,
# image2, ...), which make ffmpeg open other files; raw samples, for which any file passes; players of programs.
DEMUXERS = (
    *("aac", "ac3", "aiff", "amr", "amrnb", "amrwb", "ape", "asf", "au", "avi", "caf", "dsf", "dts", "dtshd", "eac3"),
    *("flac", "flv", "gsm", "iff", "latm", "loas", "matroska", "mlp", "mov", "mp3", "mpc", "mpc8", "mpeg", "mpegts"),
    *("mxf", "nut", "ogg", "oma", "qcp", "qoa", "rm", "shn", "sox", "tak", "truehd", "tta", "voc", "w64", "wav"),
    *("wtv", "wv", "xwma"),
)
NO_REASON = ("Conversion failed", "Error while filtering", "size=", "frame=")  # starts of lines that explain nothing


@cache
def ffmpeg_program() -> str:
    """The path of ffmpeg: `IMAGEIO_FFMPEG_EXE` if set, else the one in the imageio-ffmpeg wheel."""
    import imageio_ffmpeg

    try:
        return imageio_ffmpeg.get_ffmpeg_exe()
    except RuntimeError as cause:
        raise DancegenError("no ffmpeg program was found", "run `pip install imageio-ffmpeg` again") from cause


def input_arguments(path: Path) -> tuple[str, ...]:
    """The arguments that open a local file and nothing else: no playlist, no list of parts, no network."""
    return ("-protocol_whitelist", "file", "-format_whitelist", ",".join(DEMUXERS), "-i", f"file:{path}")


def ffmpeg_version() -> str:
    """The version of the ffmpeg in use, such as `7.0.2-static`."""
    out = subprocess.run([ffmpeg_program(), "-version"], capture_output=True, text=True, check=False).stdout
    found = re.match(r"ffmpeg version (\S+)", out)
    return found.group(1) if found else "unknown"


def last_complaint(log: str) -> str:
    """The last line of an ffmpeg log that says what went wrong, without the `[wav @ 0x55..]` in front of it."""
    lines = [re.sub(r"^(\[[^\]]* @ 0x[0-9a-f]+\] )+", "", line).strip() for line in log.splitlines()]
    lines = [line for line in lines if line and not line.startswith(NO_REASON)]
    return lines[-1] if lines else "no reason given"
