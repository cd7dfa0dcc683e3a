"""Any file with sound to a `Song`: decoded by ffmpeg, streamed through a temporary file, so memory stays small."""

from __future__ import annotations

import contextlib
import math
import os
import re
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from dancegen.audio.song import SAMPLE_RATE, Song
from dancegen.errors import DancegenError
from dancegen.ffmpeg import QUIET, ffmpeg_program, input_arguments, last_complaint
from dancegen.files import check_input
from dancegen.progress import Reporter, count_of
from dancegen.scratch import release

MIN_SECONDS = 0.5  # less than one beat at 120 beats a minute is no song
NOT_MISSED = 0.1  # seconds by which a song may be shorter than --duration and nobody minds
CHUNK_BYTES = 1 << 20
LONGEST_SECONDS = 4 * 3600  # of a song of which all is taken; about 1 GB in the temporary folder
LATEST_START = 1e7  # seconds, 115 days: no sound is that long, and ffmpeg counts no further than 1e13
LOWEST_RATE = 1000  # samples a second in the file; a telephone has 8,000
LOUDEST = 100.0  # 40 dB over full scale: no mix is that loud, a broken sample is
PATIENCE = 30.0  # seconds that decoding may take before the first sample
SLOWEST = 10.0  # seconds of sound that must be decoded in a second; usual are hundreds
LOG_BYTES = 1 << 16
LOUDNESS = "astats=measure_perchannel=none:measure_overall=RMS_level"  # of all channels, to the log
AUDIBLE, CANCELLED = -70.0, -20.0  # dB: of the channels; of their mean against them, ten channels of noise have -10
MONO = f"aresample={SAMPLE_RATE}:ochl=mono:rematrix_maxval=1"  # the mean of the channels, not 1.4 times that
FIRST_CHANNEL = f"pan=mono|c0=c0,aresample={SAMPLE_RATE}"
CUT_OFF = ("Error during demuxing", ": partial file")  # what ffmpeg says of files that it gives up on the way
FORMATS = "wav, flac, mp3, m4a, ogg, opus, or a video with sound"


@dataclass
class _Decoded:
    """What is known of the samples decoded so far; `energy` is the sum of their squares."""

    count: int = 0
    peak: float = 0.0
    energy: float = 0.0
    log: str = ""  # ffmpeg's
    too_slow: float = 0.0  # seconds after which ffmpeg was stopped for being slow


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
        DancegenError: the file is missing, no sound, broken, too short, too long, too slow to decode, or holds samples
            that are not numbers or far too loud.
    """
    path = Path(path)
    check_stretch(start, duration)
    _check_file(path)
    try:
        with tempfile.TemporaryFile(prefix="dancegen-song-") as store:
            heard = _decode(path, start, duration, store)
            if _cancels(heard):
                heard = _decode(path, start, duration, store, FIRST_CHANNEL)
                if reporter:
                    reporter.note(f"the channels of {path.name} cancel each other out: the dance hears the first one")
            _check_length(path, heard.count, start, duration, heard.log)
            samples = np.memmap(store, np.float32, "r+", shape=(heard.count,))  # lives on after the file is closed
    except OSError as cause:
        raise DancegenError(
            f"{path} could not be decoded to the temporary folder {tempfile.gettempdir()}: {cause.strerror}",
            "free some room there or set TMPDIR to another folder",
        ) from cause
    if heard.peak > 1:
        _scale(samples, 1 / heard.peak)
    samples.flags.writeable = False
    song = Song(path, samples, start)
    short = duration is None or song.seconds < duration - NOT_MISSED
    if reporter and short and any(words in heard.log for words in CUT_OFF):
        reporter.note(f"{path.name} is damaged or cut off after {start + song.seconds:.1f} s: what follows is left out")
    elif reporter and short and duration:
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
    if not 0 <= start < LATEST_START:
        raise DancegenError(f"--start {start:g} is not a time in the song", "give seconds from 0 on")
    if duration is not None and not math.isfinite(duration):
        raise DancegenError(f"--duration {duration:g} is no length", "give seconds, or leave it out to take all")
    if duration is not None and duration < MIN_SECONDS:
        raise DancegenError(f"--duration {duration:g} is too short", f"give at least {MIN_SECONDS} seconds")


def _check_file(path: Path) -> None:
    check_input(path, "song", "check the song's name and folder")
    try:
        with path.open("rb") as file:
            empty = not file.read(1)
    except OSError as cause:
        raise DancegenError(f"{path} cannot be read: {cause.strerror}", "check its permissions") from cause
    if empty:
        raise DancegenError(f"{path} is empty", "give a sound file with music in it")


def _decode(path: Path, start: float, duration: float | None, store: IO[bytes], mix: str = MONO) -> _Decoded:
    """Stream the decoded float32 samples into `store`, which they replace; `mix` is the filter that makes them mono."""
    command = [
        *(ffmpeg_program(), *QUIET, "-v", "info", *input_arguments(path)),
        *("-map", "0:a:0", "-af", f"{stretch_filter(start, duration)},{LOUDNESS},{mix}"),
        *("-f", "f32le", "pipe:1"),
    ]
    store.seek(0)
    store.truncate()
    heard = _Decoded()
    longest = math.inf if duration is not None else LONGEST_SECONDS * SAMPLE_RATE
    with tempfile.TemporaryFile() as errors:
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, start_new_session=True
        ) as process:
            try:
                assert process.stdout is not None
                with _limit_time(process, start, heard):
                    while heard.count <= longest and (chunk := process.stdout.read(CHUNK_BYTES)):
                        _check_samples(path, np.frombuffer(chunk, np.float32, len(chunk) // 4), heard)
                        store.write(chunk)
                if heard.count > longest:
                    process.kill()
            except BaseException:
                process.kill()  # Ctrl-C and errors alike must not wait for the rest of the song
                raise
        heard.log = _both_ends(errors)
    store.flush()
    _check_rate(path, heard.log)
    if heard.too_slow:
        what = f"{path} takes too long to decode ({heard.count / SAMPLE_RATE:.0f} s of sound in {heard.too_slow:.0f} s)"
        raise DancegenError(what, "convert it to wav or flac")
    if heard.count > longest:
        raise DancegenError(f"{path} is longer than {LONGEST_SECONDS // 3600} hours", "choose a stretch by --duration")
    if process.returncode < 0:  # what came before the signal is not the song
        what = f"ffmpeg was ended by signal {-process.returncode} while it decoded {path}"
        raise DancegenError(what, "run it again; `dancegen doctor` checks ffmpeg")
    if heard.count == 0 and process.returncode != 0:
        raise _reason(path, heard.log)
    return heard


@contextlib.contextmanager
def _limit_time(process: subprocess.Popen[bytes], start: float, heard: _Decoded) -> Iterator[None]:
    """While the block runs, a process that decodes slower than SLOWEST is killed; `heard` then says after how long."""
    begun, over = time.monotonic(), threading.Event()

    def watch() -> None:
        while not over.wait(0.2):
            spent = time.monotonic() - begun
            if spent > PATIENCE + (start + heard.count / SAMPLE_RATE) / SLOWEST:
                heard.too_slow = spent
                process.kill()
                return

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def _check_samples(path: Path, samples: np.ndarray, heard: _Decoded) -> None:
    peak = float(np.abs(samples).max(initial=0))
    if not math.isfinite(peak):
        raise DancegenError(f"{path} holds samples that are not numbers (NaN or infinite)", "export the song again")
    if peak > LOUDEST:
        raise DancegenError(f"{path} holds a sample of {peak:.3g}, where 1 is the loudest", "export the song again")
    heard.peak = max(heard.peak, peak)
    heard.count += len(samples)
    heard.energy += float(np.square(samples, dtype=np.float64).sum())


def _check_rate(path: Path, log: str) -> None:
    """Refuse sounds of so few samples a second that a small file is hours long, and no music."""
    rate = re.search(r"^  Stream #0:.* Audio: .* (\d+) Hz", log.partition("\nOutput #0")[0], re.MULTILINE)
    if rate and int(rate[1]) < LOWEST_RATE:
        what = f"{path} has {count_of(int(rate[1]), 'samples')} a second, and music needs {LOWEST_RATE} at least"
        raise DancegenError(what, "export the song again")


def _cancels(heard: _Decoded) -> bool:
    """Whether the channels have far more sound than their mean: one is the other upside down."""
    found = re.findall(r"RMS level dB: (-?\d+(?:\.\d+)?)", heard.log)
    if not found or not heard.count:
        return False
    mean = 10 * math.log10(max(heard.energy / heard.count, 1e-30))
    return float(found[-1]) > AUDIBLE and mean < float(found[-1]) + CANCELLED


def _both_ends(log: IO[bytes]) -> str:
    """The beginning and the end of ffmpeg's log, which may be as long as the file is broken."""
    size = log.seek(0, os.SEEK_END)
    log.seek(0)
    told = log.read(LOG_BYTES)
    if size > LOG_BYTES:
        log.seek(max(size - LOG_BYTES, LOG_BYTES))
        told += b"\n" + log.read(LOG_BYTES)
    return told.decode("utf-8", "replace")


def _reason(path: Path, log: str) -> DancegenError:
    if "not on whitelist" in log:
        return DancegenError(f"{path} is a playlist, a picture, or of a kind not read here", f"give {FORMATS}")
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
        release(samples)
