"""Frames and the song's own sound to a video file, whole or not at all, through ffmpeg's raw-frame pipe."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from dancegen.audio.load import stretch_filter
from dancegen.audio.song import Song
from dancegen.errors import DancegenError
from dancegen.ffmpeg import QUIET, ffmpeg_program, input_arguments
from dancegen.files import claim, new_part, put, refuse_existing, refuse_inputs, write_error

CRF = 18  # x264's quality: 0 lossless, 18 hard to tell from the frames, 51 worst
H264 = ("-c:v", "libx264", "-preset", "veryfast", "-crf", "{crf}", "-c:a", "aac", "-b:a", "192k")
VP9 = ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "6", "-row-mt", "1", "-b:v", "0")
CONTAINERS = {  # ending: (ffmpeg's muxer, codecs)
    ".mp4": ("mp4", (*H264, "-movflags", "+faststart")),
    ".m4v": ("mp4", (*H264, "-movflags", "+faststart")),
    ".mov": ("mov", (*H264, "-movflags", "+faststart")),
    ".mkv": ("matroska", H264),
    ".webm": ("webm", (*VP9, "-crf", "{crf_vp9}", "-c:a", "libopus", "-b:a", "160k")),
}
TRANSPARENT = {  # the same for frames with an alpha channel: VP9 with alpha; ProRes 4444, which editors take
    ".webm": ("webm", (*VP9, "-auto-alt-ref", "0", "-crf", "{crf_vp9}", "-c:a", "libopus", "-b:a", "160k")),
    ".mov": (
        "mov",
        ("-c:v", "prores_ks", "-profile:v", "4444", "-c:a", "aac", "-b:a", "192k", "-movflags", "+faststart"),
    ),
}
PIXELS = {"libx264": "yuv420p", "libvpx-vp9": "yuv420p"}
ALPHA_PIXELS = {"libvpx-vp9": "yuva420p", "prores_ks": "yuva444p10le"}
COLOUR = "scale=in_range=full:out_range=tv:out_color_matrix=bt709:flags=accurate_rnd,format={pixels}"
COLOUR_TAGS = ("-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv")
# At most two channels: a mono song stays one (spread over two it would lose 3 dB), more are mixed without clipping.
CHANNELS = "aresample=rematrix_maxval=1,aformat=channel_layouts=stereo|mono"
PIPE_BYTES = 1 << 20
ROOM = 16 << 20  # bytes that must be free for any video
FULL_BELOW = 1 << 20  # bytes free on a disk that ffmpeg, which writes larger pieces, finds full
ROOM_PER_PIXEL = 0.03  # bytes a pixel and frame that must be free besides; dancing figures take about half of that


def check_output(path: Path, *, overwrite: bool = False, inputs: Iterable[Path | str | None] = ()) -> None:
    """Refuse an output that could not be written, before any slow work.

    Raises:
        DancegenError: unknown ending, folder missing or not writable, the file is there and `overwrite` is not set, or
            it is one of the `inputs`.
    """
    if path.is_dir():
        raise DancegenError(f"{path} is a folder", "choose a file name with -o")
    if path.suffix.lower() not in CONTAINERS:
        ending = f"ends in {path.suffix}" if path.suffix else "has no ending"
        raise DancegenError(
            f"{path} {ending}, and an ending says which format a video has", f"end it in {', '.join(CONTAINERS)}"
        )
    folder = path.parent
    if not folder.is_dir():
        raise DancegenError(f"the output folder {folder} does not exist", "create it or choose another with -o")
    refuse_inputs(path, inputs)
    refuse_existing(path, overwrite)
    try:
        new_part(path).unlink()
    except OSError as cause:
        raise DancegenError(
            f"the output folder {folder} cannot be written to: {cause.strerror}", "choose another"
        ) from cause


def check_transparent(path: Path) -> None:
    """Refuse a file that cannot be transparent.

    Raises:
        DancegenError: as it says.
    """
    if path.suffix.lower() not in TRANSPARENT:
        raise DancegenError(
            f"a {path.suffix} file cannot be transparent",
            f"end it in {' or '.join(TRANSPARENT)}, name a folder, or choose a colour",
        )


def room_needed(width: int, height: int, frames: int) -> int:
    """Bytes that a video may take, estimated generously."""
    return ROOM + round(width * height * frames * ROOM_PER_PIXEL)


def check_room(path: Path, width: int, height: int, frames: int) -> None:
    """Refuse a video that the disk has no room for."""
    needed = room_needed(width, height, frames)
    free = shutil.disk_usage(path.parent).free
    if free < needed:
        raise DancegenError(
            f"{path.parent} has {free >> 20} MB free, the video may need {needed >> 20} MB", "free some room"
        )


class VideoWriter:
    """A video being written under a temporary name beside `path`; it takes its name when the `with` block ends well.

    On an error in the block, on Ctrl-C or when ffmpeg fails, the temporary file is removed and `path` is as it was.

    Args:
        path: the video; its ending chooses the container (see CONTAINERS).
        width, height: of the frames, both even.
        fps: frames a second.
        song: the sound is this stretch of its file at full quality; None for a silent video.
        metadata: goes into the container's comment as JSON (`read_comment` gets it back).
        crf: x264's quality, 0 (lossless) to 51.
        alpha: frames have a fourth channel, 0 = transparent; for the endings of TRANSPARENT.
    """

    def __init__(
        self,
        path: Path,
        width: int,
        height: int,
        fps: float,
        song: Song | None = None,
        metadata: dict[str, Any] | None = None,
        crf: int = CRF,
        alpha: bool = False,
    ) -> None:
        if width % 2 or height % 2:
            raise ValueError(f"frames of {width}x{height}: yuv420p needs even sides")
        self.path, self.shape, self.frames = path, (height, width, 4 if alpha else 3), 0
        self._claim = contextlib.ExitStack()
        self._claim.enter_context(claim(path, shared=True))
        try:
            self._part = new_part(path)
            self._claim.callback(self._part.unlink, missing_ok=True)
            self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the claim
            self._claim.callback(self._log.close)
            self._process = subprocess.Popen(
                self._command(fps, song, metadata or {}, crf),
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=self._log,
                start_new_session=True,  # Ctrl-C is for us; ffmpeg must not end the file on its own
            )
        except BaseException:
            self._claim.close()
            raise
        _widen_pipe(self._process)

    def _command(self, fps: float, song: Song | None, metadata: dict[str, Any], crf: int) -> list[str]:
        height, width, channels = self.shape
        alpha = channels == 4
        muxer, codecs = (TRANSPARENT if alpha else CONTAINERS)[self.path.suffix.lower()]
        pixels = (ALPHA_PIXELS if alpha else PIXELS)[codecs[1]]
        command = [ffmpeg_program(), *QUIET, "-v", "error", "-y"]
        command += [
            "-f",
            "rawvideo",
            "-pix_fmt",
            "rgba" if alpha else "rgb24",
            "-s",
            f"{width}x{height}",
            "-framerate",
            f"{fps:g}",
        ]
        command += ["-i", "pipe:0"]
        if song is not None:
            command += [*input_arguments(song.path), "-map", "0:v", "-map", "1:a:0"]
            command += ["-af", f"{stretch_filter(song.start, song.seconds)},{CHANNELS}"]
        command += ["-vf", COLOUR.format(pixels=pixels), *COLOUR_TAGS]
        command += [part.format(crf=crf, crf_vp9=min(crf + 10, 63)) for part in codecs]
        command += ["-map_metadata", "-1", "-map_chapters", "-1", "-metadata", f"comment={json.dumps(metadata)}"]
        return [*command, "-f", muxer, f"file:{self._part}"]

    def write(self, frame: np.ndarray) -> None:
        """Append one frame: (height, width, 3) uint8 RGB, or (height, width, 4) with alpha."""
        if frame.shape != self.shape or frame.dtype != np.uint8:
            raise ValueError(f"frame {frame.shape} {frame.dtype}, not {self.shape} uint8")
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(np.ascontiguousarray(frame).data)
        except OSError as cause:
            raise self._failure() from cause
        self.frames += 1

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._finish()
        finally:
            self._end()

    def _finish(self) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.close()
        except OSError as cause:
            raise self._failure() from cause
        # ffmpeg reports a full disk at the very end, some versions with exit status 0
        if self._process.wait() != 0 or "No space left" in self._complaints():
            raise self._failure()
        try:
            put(self._part, self.path)
        except OSError as cause:
            raise write_error(self.path, cause) from cause

    def _end(self) -> None:
        """Leave nothing behind: no process, no temporary file. Safe to call twice."""
        if self._process.poll() is None:
            self._process.kill()
        with contextlib.suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.close()
        self._process.wait()
        self._claim.close()

    def _complaints(self) -> str:
        self._log.seek(0)
        return self._log.read().decode("utf-8", "replace")

    def _is_full(self) -> bool:
        return min(shutil.disk_usage(folder).free for folder in (self._part.parent, tempfile.gettempdir())) < FULL_BELOW

    def _failure(self) -> DancegenError:
        from dancegen.video.failure import explain

        return explain(self._process, self._complaints, self._is_full, self.path, self.frames)


def _widen_pipe(process: subprocess.Popen[bytes]) -> None:
    """Let a whole frame fit into the pipe (Linux), so that drawing the next one overlaps with encoding."""
    with contextlib.suppress(ImportError, AttributeError, OSError):
        import fcntl

        assert process.stdin is not None
        fcntl.fcntl(process.stdin.fileno(), fcntl.F_SETPIPE_SZ, PIPE_BYTES)
