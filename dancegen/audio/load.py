"""Any file with sound to a `Song`: decoded by ffmpeg, streamed through a temporary file, so memory stays small."""

from __future__ import annotations

import math
import re
import subprocess
import tempfile
from pathlib import Path
from typing import IO

import numpy as np

from dancegen.audio.song import SAMPLE_RATE, Song
from dancegen.errors import DancegenError
from dancegen.ffmpeg import QUIET, ffmpeg_program, input_arguments, last_complaint
from dancegen.progress import Reporter

MIN_SECONDS = 0.5  # less than one beat at 120 beats a minute is no song
NOT_MISSED = 0.1  # seconds by which a song may be shorter than --duration and nobody minds
CHUNK_BYTES = 1 << 20
MONO = f"aresample={SAMPLE_RATE}:ochl=mono:rematrix_maxval=1"  # the mean of the channels, not 1.4 times that
FORMATS = "wav, flac, mp3, m4a, ogg, opus, or a video with sound"


def load_song(
    path: Path | str, start: float = 0.0, duration: float | None = None, reporter: Reporter | None = None
) -> Song:
    """Decode a stretch of a sound file (or of a video's sound) to 16 kHz mono.

    Args:
        path: a local file in any format ffmpeg decodes, any rate, any channels.
        start: seconds to skip.
        duration: seconds to take; None takes the rest.
        reporter: is told where less than `duration` is left.

    Raises:
        DancegenError: the file is missing, no sound, broken, too short, or holds samples that are not numbers.
    """
    path = Path(path)
    check_stretch(start, duration)
    _check_file(path)
    try:
        with tempfile.TemporaryFile(prefix="dancegen-song-") as store:
            count, peak, log = _decode(path, start, duration, store)
            _check_length(path, count, start, duration, log)
            samples = np.memmap(store, np.float32, "r+", shape=(count,))  # lives on after the file is closed
    except OSError as cause:
        raise DancegenError(
            f"{path} could not be decoded to the temporary folder {tempfile.gettempdir()}: {cause.strerror}",
            "free some room there or set TMPDIR to another folder",
        ) from cause
    if peak > 1:
        _scale(samples, 1 / peak)
    samples.flags.writeable = False
    song = Song(path, samples, start)
    if reporter and duration and song.seconds < duration - NOT_MISSED:
        ends = f"{path.name} ends after {start + song.seconds:.1f} s"
        reporter.note(f"{ends}: {song.seconds:.1f} s of it are used, not {duration:g}")
    return song


def stretch_filter(start: float, seconds: float | None) -> str:
    """The ffmpeg filter that takes a stretch of a sound by counting samples.

    Decoder and encoder both use it, so that dance and sound stay together even where a file's time stamps lie.
    """
    trim = f"atrim=start={start:.6f}" + ("" if seconds is None else f":duration={seconds:.6f}")
    return f"asetpts=N/SR/TB,{trim},asetpts=N/SR/TB"


def check_stretch(start: float, duration: float | None) -> None:
    """Refuse what no --start and no --duration is."""
    if not (math.isfinite(start) and start >= 0):
        raise DancegenError(f"--start {start:g} is not a time in the song", "give seconds from 0 on")
    if duration is not None and not math.isfinite(duration):
        raise DancegenError(f"--duration {duration:g} is no length", "give seconds, or leave it out to take all")
    if duration is not None and duration < MIN_SECONDS:
        raise DancegenError(f"--duration {duration:g} is too short", f"give at least {MIN_SECONDS} seconds")


def _check_file(path: Path) -> None:
    if path.is_dir():
        raise DancegenError(f"{path} is a folder, not a song", "name a sound file in it")
    if not path.exists():
        raise DancegenError(f"{path}: no such file", "check the song's name and folder")
    try:
        with path.open("rb") as file:
            empty = not file.read(1)
    except OSError as cause:
        raise DancegenError(f"{path} cannot be read: {cause.strerror}", "check its permissions") from cause
    if empty:
        raise DancegenError(f"{path} is empty", "give a sound file with music in it")


def _decode(path: Path, start: float, duration: float | None, store: IO[bytes]) -> tuple[int, float, str]:
    """Stream the decoded float32 samples into `store`; returns (their number, the loudest, ffmpeg's log)."""
    command = [
        *(ffmpeg_program(), *QUIET, "-v", "info", *input_arguments(path)),
        *("-map", "0:a:0", "-af", f"{stretch_filter(start, duration)},{MONO}"),
        *("-f", "f32le", "pipe:1"),
    ]
    count, peak = 0, 0.0
    with tempfile.TemporaryFile() as errors:
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, start_new_session=True
        ) as process:
            try:
                assert process.stdout is not None
                while chunk := process.stdout.read(CHUNK_BYTES):
                    samples = np.frombuffer(chunk, np.float32, len(chunk) // 4)
                    if not np.isfinite(samples).all():
                        what = f"{path} holds samples that are not numbers (NaN or infinite)"
                        raise DancegenError(what, "export the song again")
                    peak = max(peak, float(np.abs(samples).max(initial=0)))
                    count += len(samples)
                    store.write(chunk)
            except BaseException:
                process.kill()  # Ctrl-C and errors alike must not wait for the rest of the song
                raise
        errors.seek(0)
        log = errors.read().decode("utf-8", "replace")
    store.flush()
    if process.returncode < 0:  # what came before the signal is not the song
        what = f"ffmpeg was ended by signal {-process.returncode} while it decoded {path}"
        raise DancegenError(what, "run it again; `dancegen doctor` checks ffmpeg")
    if count == 0 and process.returncode != 0:
        raise _reason(path, log)
    return count, peak, log


def _reason(path: Path, log: str) -> DancegenError:
    if "matches no streams" in log:
        return DancegenError(f"{path} has no sound in it", f"give {FORMATS}")
    if unknown := re.search(r"between (\d+) channels and", log):
        what = f"{path} has {unknown[1]} channels, and ffmpeg does not know where each belongs"
        return DancegenError(what, "mix it down to stereo")
    return DancegenError(f"{path} is not a sound file that ffmpeg can read ({last_complaint(log)})", f"give {FORMATS}")


def _check_length(path: Path, count: int, start: float, duration: float | None, log: str) -> None:
    seconds = count / SAMPLE_RATE
    if seconds >= MIN_SECONDS:
        return
    whole = _whole_seconds(log)
    if start > 0:
        length = f"the song is {whole:.1f} s long" if whole else "the song is shorter"
        raise DancegenError(f"{path}: {seconds:.2f} s of sound after --start {start:g}, {length}", "start earlier")
    if count == 0:
        raise DancegenError(f"{path} holds no sound, only a header", "give a sound file with music in it")
    raise DancegenError(f"{path} holds {seconds:.2f} s of sound", f"give a song of at least {MIN_SECONDS} s")


def _whole_seconds(log: str) -> float | None:
    found = re.search(r"Duration: (\d+):(\d+):(\d+(?:\.\d+)?)", log)
    return int(found[1]) * 3600 + int(found[2]) * 60 + float(found[3]) if found else None


def _scale(samples: np.ndarray, factor: float) -> None:
    for begin in range(0, len(samples), CHUNK_BYTES):
        samples[begin : begin + CHUNK_BYTES] *= factor
