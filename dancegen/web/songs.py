"""Songs: what is heard of them, and beats that were mended by hand: `NAME.beats.txt` beside the song."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from dancegen.audio.beats import find_beats
from dancegen.audio.given import grid_from_times
from dancegen.audio.grid import BeatGrid, describe_tempo
from dancegen.audio.load import load_song
from dancegen.audio.song import Song
from dancegen.dances.bars import read_beats, retime
from dancegen.dances.dance_file import Section
from dancegen.errors import DancegenError, one_line
from dancegen.ffmpeg import QUIET, ffmpeg_program, input_arguments, last_complaint
from dancegen.files import whole_file, write_whole
from dancegen.scratch import release
from dancegen.web.sections import sections
from dancegen.web.studio import Studio, stamp
from dancegen.web.work import Job

PEAKS = 40  # a second: a bar of the waveform is then a pixel or less
MOST_PEAKS = 12_000
FEWEST_TAPS = 4
PLAIN_RATE, LONG_RATE = 44_100, 22_050  # samples a second of the sound that the page plays
LONG = 900.0  # seconds from which on it is mono and of LONG_RATE: an hour is then 160 MB of disk
NEAREST = 0.06  # seconds that a beat keeps from its neighbours when it is dragged


@dataclass(frozen=True, eq=False)
class HeardSong:
    """What is known of a whole song.

    Attributes:
        seconds: its length.
        peaks: (P,) uint8, how loud it is, 255 = the loudest.
        grid: beats and bars of all of it, as heard or as mended.
        mended: whether the beats were corrected.
        notes: what reading it had to say.
        parts: its sections, as heard.
    """

    seconds: float
    peaks: np.ndarray
    grid: BeatGrid
    mended: bool
    notes: tuple[str, ...] = ()
    parts: tuple[Section, ...] = ()


def beats_file(song: Path) -> Path:
    """Where the mended beats of a song are kept."""
    return song.with_name(f"{song.name}.beats.txt")


def hear(studio: Studio, name: str, job: Job) -> HeardSong:
    """Listen to a song, once; its mended beats are read again where they have changed."""
    path = studio.project.path("songs", name)
    mended = beats_file(path)
    key, own = stamp(path), stamp(path, mended)
    if (known := studio.songs.get(own)) is not None:
        return known
    heard = studio.songs.get(key)
    if heard is None:
        job.stage("listening to the song")
        song = load_song(path, reporter=job)
        peaks = loudness(song)
        job.stage("finding the beats")
        grid = find_beats(song, studio.request().weights.get("beats"), job)
        job.stage("finding its parts")
        parts = sections(song, grid)
        heard = studio.songs.put(key, HeardSong(song.seconds, peaks, grid, False, tuple(job.notes), parts))
    if mended.exists():
        grid = read_beats(mended, 0.0, heard.seconds, job)
        return studio.songs.put(own, replace(heard, grid=grid, mended=True))
    return heard


def loudness(song: Song) -> np.ndarray:
    """The largest sample of each part of a song: (P,) uint8."""
    count = int(min(max(song.seconds * PEAKS, 1), MOST_PEAKS))
    ends = np.linspace(0, len(song.samples), count + 1).astype(int)
    peaks = np.zeros(count)
    for part in range(count):
        stretch = song.samples[ends[part] : max(ends[part + 1], ends[part] + 1)]
        peaks[part] = float(np.abs(stretch).max(initial=0))
        if part % (60 * PEAKS) == 0:
            release(song.samples)
    return np.round(255 * peaks / max(float(peaks.max()), 1e-6)).astype(np.uint8)


def tell(heard: HeardSong) -> dict[str, Any]:
    """A song as the page takes it."""
    grid = heard.grid
    return {
        "seconds": heard.seconds,
        "peaks": heard.peaks.tolist(),
        "beats": grid.times.round(4).tolist(),
        "downbeats": np.flatnonzero(grid.downbeat).tolist(),
        "meter": grid.beats_per_bar,
        "tempo": round(grid.tempo, 2),
        "says": describe_tempo(grid) if grid.confidence else "no beat was found: the dance counts evenly",
        "confidence": round(grid.confidence, 3),
        "mended": heard.mended,
        "notes": list(heard.notes),
        "sections": [vars(part) for part in heard.parts],
    }


def stretch(studio: Studio, name: str, heard: HeardSong) -> tuple[float, float | None]:
    """Start and length of what is danced to, seconds; None is all of it."""
    start, length = studio.project.state["stretches"].get(name, (0.0, None))
    return float(start), None if length is None else float(min(length, heard.seconds - start))


def mend(studio: Studio, name: str, heard: HeardSong, how: dict[str, Any]) -> None:
    """Write beats that were corrected.

    Args:
        how: {"do": "half" | "double" | "reset"}, {"do": "bar", "beat": number}, {"do": "meter", "beats": 3 or 4},
            {"do": "move", "beat": number, "to": seconds} or {"do": "tap", "taps": seconds}.

    Raises:
        DancegenError: it asks for something else, or for what the beats do not have.
    """
    path = studio.project.path("songs", name)
    if how.get("do") == "reset":
        beats_file(path).unlink(missing_ok=True)
        return
    try:
        grid = _correct(heard.grid.beats_or_count(heard.seconds), how, heard.seconds)
    except (KeyError, TypeError, ValueError, IndexError) as cause:
        raise DancegenError("the beats cannot be corrected like that", "reload the page") from cause
    write_grid(beats_file(path), name, grid)


def _correct(grid: BeatGrid, how: dict[str, Any], seconds: float) -> BeatGrid:
    match how["do"]:
        case "half" | "double" as tempo:
            return retime(grid, tempo)
        case "bar":
            return bars_from(grid, int(how["beat"]), grid.beats_per_bar)
        case "meter":
            if not 2 <= int(how["beats"]) <= 7:
                raise DancegenError("a bar has 2 to 7 beats here", "choose 3 or 4")
            return bars_from(grid, grid.pickup, int(how["beats"]))
        case "move":
            return move_beat(grid, int(how["beat"]), float(how["to"]), seconds)
        case "tap":
            return tap_grid([float(tap) for tap in how["taps"]][:1000], seconds)
    raise ValueError(how["do"])


def bars_from(grid: BeatGrid, beat: int, meter: int) -> BeatGrid:
    """The same beats, bars of `meter` beats, one of which begins at `beat`."""
    if not 0 <= beat < len(grid.times):
        raise DancegenError(f"there is no beat {beat + 1}", "choose one that there is")
    return replace(grid, downbeat=np.arange(len(grid.times)) % meter == beat % meter)


def move_beat(grid: BeatGrid, beat: int, to: float, seconds: float) -> BeatGrid:
    """The grid with one beat at another moment, between its neighbours."""
    if not 0 <= beat < len(grid.times):
        raise DancegenError(f"there is no beat {beat + 1}", "choose one that there is")
    low = float(grid.times[beat - 1]) + NEAREST if beat else 0.0
    high = float(grid.times[beat + 1]) - NEAREST if beat + 1 < len(grid.times) else seconds - NEAREST
    times = grid.times.copy()
    times[beat] = min(max(to, low), high)
    return replace(grid, times=times)


def tap_grid(taps: Sequence[float], seconds: float) -> BeatGrid:
    """An even count through what was tapped, over the whole song; the first tap begins a bar.

    Args:
        taps: seconds of the song, rising.
        seconds: its length.
    """
    if len(taps) < FEWEST_TAPS:
        raise DancegenError(f"{len(taps)} taps are too few", f"tap at least {FEWEST_TAPS} times while the song plays")
    times = np.asarray(taps, np.float64)
    gap = float(np.median(np.diff(times)))
    if not np.isfinite(times).all() or not 0.15 <= gap <= 3:
        raise DancegenError("these taps have no tempo", "tap evenly, 20 to 400 times a minute")
    number = np.round((times - times[0]) / gap)  # a tap that was missed leaves a number out
    gap, first = (float(value) for value in np.polyfit(number, times, 1))
    before = int(max(first, 0.0) // gap)
    grid = np.arange(first - before * gap, seconds, gap)
    return bars_from(grid_from_times(grid, "the taps"), before, 4)


def write_grid(path: Path, song: str, grid: BeatGrid) -> None:
    """A beats file as `--beats` takes it."""
    lines = [f"# beats of {one_line(song)}, seconds of the file; 1: a bar begins"]
    lines += [f"{time:.4f} {int(first)}" for time, first in zip(grid.times, grid.downbeat, strict=True)]
    write_whole(path, ("\n".join(lines) + "\n").encode())


def grid_of(heard: HeardSong, song: Song) -> BeatGrid:
    """The beats of a stretch of a song that was heard as a whole."""
    return heard.grid.within(song.start, song.start + song.seconds).beats_or_count(song.seconds)


def playable_file(studio: Studio, name: str) -> Path:
    """The song as any browser plays it, sample by sample where the file has it: a WAV in a hidden folder, made once."""
    path = studio.project.path("songs", name)
    out = path.parent / ".played" / f"{name}.{path.stat().st_mtime_ns}.wav"
    if out.exists():
        return out
    heard = studio.songs.get(stamp(path))
    long = (heard.seconds if heard else path.stat().st_size / 1e5) > LONG
    out.parent.mkdir(exist_ok=True)
    for old in out.parent.glob(f"{_escape(name)}.*.wav"):
        old.unlink(missing_ok=True)
    how = ("-ac", "1", "-ar", str(LONG_RATE)) if long else ("-ac", "2", "-ar", str(PLAIN_RATE))
    with whole_file(out) as scratch:
        command = [ffmpeg_program(), *QUIET, "-v", "error", "-y", *input_arguments(path), "-map", "0:a:0"]
        command += ["-af", "asetpts=N/SR/TB", *how, "-c:a", "pcm_s16le", "-f", "wav", f"file:{scratch}"]
        ran = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, check=False)
        if ran.returncode:
            raise DancegenError(f"{name} cannot be played ({last_complaint(ran.stderr.decode('utf-8', 'replace'))})")
    return out


def _escape(name: str) -> str:
    from glob import escape

    return escape(name)


def check_length(heard: HeardSong, start: float, duration: float | None) -> None:
    """Refuse a stretch that the song does not have."""
    from dancegen.audio.load import MIN_SECONDS, check_stretch

    check_stretch(start, duration)
    if start > heard.seconds - MIN_SECONDS:
        raise DancegenError(f"the song is only {heard.seconds:.1f} s long", "start earlier")
