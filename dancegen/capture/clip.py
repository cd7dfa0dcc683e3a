"""The frames of a clip: any video or moving picture that ffmpeg decodes, small, upright, at an even rate.

ffmpeg turns what a rotation tag says, evens out variable rates and makes large frames small, so that a film of any size
and length takes the memory of one frame.
"""

from __future__ import annotations

import contextlib
import math
import re
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from dancegen.errors import DancegenError
from dancegen.ffmpeg import DEMUXERS, QUIET, ffmpeg_program, last_complaint
from dancegen.files import PICTURES, check_input

MOVING = ("gif", "apng", "webp_pipe")  # moving pictures that ffmpeg reads, besides videos
LONGEST_SIDE = 512  # pixels that frames are made small to: detectors look at 256
DRAWN_SIDE = 1280  # likewise of drawn skeletons, whose joints are small
FPS = 30.0  # frames a second that are looked at, at most
SLOWEST_FPS = 5.0  # of a clip; below it is a row of pictures
SHORTEST = 0.5  # seconds
STILL = set(PICTURES) - {"gif", "apng", "webp"}
REMEDY = "give a video (mp4, mov, webm, ...) or a moving GIF"


@dataclass(frozen=True)
class Clip:
    """What is known of a clip before it is looked at.

    Attributes:
        path: the file.
        size: (width, height) of the frames that are looked at.
        full: those of the clip itself, upright.
        fps: of these frames.
        start: seconds that are left out.
        seconds: of the stretch; infinite where the file does not say.
        sound: whether it has any.
    """

    path: Path
    size: tuple[int, int]
    full: tuple[int, int]
    fps: float
    start: float
    seconds: float
    sound: bool


def open_clip(path: Path, start: float, duration: float | None, fps: float | None) -> Clip:
    """Ask ffmpeg what a clip is.

    Args:
        path: a local file.
        start: seconds to leave out.
        duration: seconds to take; None takes the rest.
        fps: frames a second to look at; None: the clip's own, at most FPS.

    Raises:
        DancegenError: no file, no video, broken, or nothing is left of it after `start`.
    """
    check_input(path, "video", REMEDY)
    if not (math.isfinite(start) and start >= 0):
        raise DancegenError(f"--start {start:g} is not a time in the clip", "give seconds from 0 on")
    if duration is not None and not (math.isfinite(duration) and duration >= SHORTEST):
        raise DancegenError(f"--duration {duration:g} is too short", f"give at least {SHORTEST} seconds")
    if fps is not None and not SLOWEST_FPS <= fps <= FPS:
        raise DancegenError(f"--fps {fps:g} cannot be", f"give {SLOWEST_FPS:g} to {FPS:g}, or leave it out")
    told = subprocess.run(
        [ffmpeg_program(), "-hide_banner", "-nostdin", *_input(path)], capture_output=True, check=False
    ).stderr.decode("utf-8", "replace")
    stream = re.search(r"^\s*Stream #0:\d.*?: Video: .*$", told, re.MULTILINE)
    found = re.search(r"[ ,](\d{2,5})x(\d{2,5})[ ,\n]", (stream[0] if stream else "") + "\n")
    if stream is None or found is None:
        raise _no_video(path, told)
    own = re.search(r"([\d.]+) fps", stream[0]) or re.search(r"([\d.]+) tbr", stream[0])
    whole = re.search(r"Duration: (\d+):(\d+):([\d.]+)", told)
    seconds = int(whole[1]) * 3600 + int(whole[2]) * 60 + float(whole[3]) if whole else math.inf
    if seconds - start < SHORTEST:
        what = f"{path} lasts {seconds:.1f} s" + (f", and --start is {start:g}" if start else "")
        raise DancegenError(what, "give a longer clip" if not start else "start earlier")
    rate = fps or min(max(float(own[1]) if own else FPS, SLOWEST_FPS), FPS)
    width, height = int(found[1]), int(found[2])
    if re.search(r"rotation of -?(90|270)", told):
        width, height = height, width
    length = min(seconds - start, duration or math.inf)
    size = _small_size(width, height, LONGEST_SIDE)
    return Clip(path, size, (width, height), rate, start, length, " Audio: " in told)


def enlarge(clip: Clip) -> Clip:
    """The clip with frames in which the dots of drawn joints are several pixels wide."""
    return replace(clip, size=_small_size(*clip.full, DRAWN_SIDE))


def frames(clip: Clip) -> Iterator[np.ndarray]:
    """The frames of the stretch, one after the other: uint8 (H, W, 3) RGB.

    Raises:
        DancegenError: nothing could be decoded.
    """
    width, height = clip.size
    length = () if math.isinf(clip.seconds) else ("-t", f"{clip.seconds:.3f}")
    seek = ("-ss", f"{clip.start:.3f}") if clip.start else ()
    shape = f"fps={clip.fps:.6f},scale={width}:{height}:flags=area,setsar=1"
    command = [
        *(ffmpeg_program(), *QUIET, "-v", "error", *seek, *length, *_input(clip.path), "-map", "0:v:0", "-an"),
        *("-vf", shape, "-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1"),
    ]
    with tempfile.TemporaryFile() as errors, _running(command, errors) as process:
        assert process.stdout is not None
        count, size = 0, width * height * 3
        while len(taken := process.stdout.read(size)) == size:
            count += 1
            yield np.frombuffer(taken, np.uint8).reshape(height, width, 3)
        if not count:
            process.wait()
            errors.seek(0)
            raise _no_video(clip.path, errors.read(1 << 16).decode("utf-8", "replace"))


@contextlib.contextmanager
def _running(command: list[str], errors: object) -> Iterator[subprocess.Popen[bytes]]:
    """The process while the block runs; it is ended where the block is left early, as by Ctrl-C."""
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=errors,  # type: ignore[call-overload]
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def _input(path: Path) -> tuple[str, ...]:
    """As `ffmpeg.input_arguments`, with moving pictures."""
    allowed = ",".join((*DEMUXERS, *MOVING))
    return ("-protocol_whitelist", "file", "-format_whitelist", allowed, "-i", f"file:{path}")


def _small_size(width: int, height: int, longest: int) -> tuple[int, int]:
    scale = min(1.0, longest / max(width, height))
    return max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2)


def _no_video(path: Path, told: str) -> DancegenError:
    if path.suffix.lower().removeprefix(".") in STILL:
        return DancegenError(f"{path} is a still picture", REMEDY)
    if "not on whitelist" in told:
        return DancegenError(f"{path} is a playlist, or of a kind that is not read here", REMEDY)
    if " Audio: " in told:
        return DancegenError(f"{path} has sound and no pictures", REMEDY)
    reason = last_complaint(told.replace("At least one output file must be specified", ""))
    return DancegenError(f"{path} is no video that ffmpeg can read ({reason})", REMEDY)
