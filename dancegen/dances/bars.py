"""Bars of a song and stretches of a dance: half and double tempo, beats given by hand, bars made anew."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from dancegen.audio.bars import bars
from dancegen.audio.given import grid_from_times
from dancegen.audio.grid import USUAL_METER, BeatGrid
from dancegen.body.joints import BONES, L_ANKLE, NECK, R_ANKLE, mid_hip
from dancegen.body.sequence import SkeletonSequence
from dancegen.dances.channels import paste_channels
from dancegen.errors import DancegenError
from dancegen.files import check_input
from dancegen.progress import Reporter, SilentReporter, count_of

JOIN_SECONDS = 0.7  # how long a join takes, inside the stretch that is made anew
TEMPI = ("half", "double")
LARGEST_BEATS = 4 << 20  # bytes, of a file of them: four hours at 250 a minute are 60,000 lines, 1 MB
MOST_IN_BAR = 16  # beats; a number in a second column beyond is no count of beats
AGREEING = 0.6  # share of the bars that must be as long as one beside them, else their marks contradict each other


def bar_count(grid: BeatGrid) -> int:
    """How many bars a grid has, without a pick-up; the last may be short."""
    return bars(grid)[-1].number


def bar_poses(grid: BeatGrid, first: int, last: int, fps: float, poses: int) -> tuple[int, int]:
    """The poses of bars `first`..`last` (both included): begin and end, the end excluded.

    The first bar of the song (bar 0, a pick-up, or bar 1) also has what comes before its first beat, the last bar what
    follows the last beat.

    Raises:
        DancegenError: there are no such bars.
    """
    check_bars(grid, first, last)
    every = bars(grid)
    start, end = (next(bar for bar in every if bar.number == number) for number in (first, last))
    begin = 0 if start == every[0] else round(float(grid.times[start.first]) * fps)
    stop = poses if end == every[-1] else round(float(grid.times[end.first + end.beats]) * fps)
    begin, stop = min(begin, poses), min(stop, poses)
    if stop - begin < 2:
        raise DancegenError(f"bars {first}-{last} lie behind the end of the dance", "choose earlier bars")
    return begin, stop


def check_bars(grid: BeatGrid, first: int, last: int) -> None:
    """Refuse bars that a song does not have."""
    every = bars(grid)
    lowest, count = every[0].number, every[-1].number
    if not lowest <= first <= last <= count:
        what = f"bars {first}-{last} are not in this song" if first != last else f"there is no bar {first} in this song"
        remedy = f"choose within {lowest}-{count}, the smaller first" if count > lowest else f"it has bar {count} only"
        raise DancegenError(what, remedy)


def parse_bars(text: str, option: str = "--redo") -> tuple[int, int]:
    """`17-24` or `17` to (first, last)."""
    found = re.fullmatch(r"\s*(\d{1,6})\s*(?:-\s*(\d{1,6})\s*)?", text)
    if not found:
        raise DancegenError(f"{option} {text} is no stretch of bars", "write it like 17-24 or 17")
    return int(found[1]), int(found[2] or found[1])


def check_tempo(tempo: str | None) -> None:
    """Refuse what no --tempo is; said before the song is heard."""
    if tempo is not None and tempo not in TEMPI:
        raise DancegenError(f"--tempo {tempo} is none", f"choose {' or '.join(TEMPI)}")


def check_beats(path: Path | None) -> None:
    """Refuse a list of beats that is not there, is no file, or is far too long."""
    if path is not None:
        check_input(path, "list of beats", "`dancegen beats SONG -o FILE` writes one", LARGEST_BEATS)


def retime(grid: BeatGrid, tempo: str | None) -> BeatGrid:
    """The grid at half the tempo (every second beat) or at double (a beat more between each two)."""
    check_tempo(tempo)
    if tempo is None:
        return grid
    return _halve(grid) if tempo == "half" else _double(grid)


def _halve(grid: BeatGrid) -> BeatGrid:
    """Every second beat from the first downbeat, or from the one beat before the pick-up's; every second bar begins."""
    kept = np.arange(grid.pickup % 2, len(grid.times), 2)
    if len(kept) < 2:
        raise DancegenError(f"--tempo half leaves {len(kept)} of {count_of(len(grid.times), 'beats')}", "leave it out")
    begins = np.zeros(len(grid.times), bool)
    begins[np.flatnonzero(grid.downbeat)[::2]] = True
    return replace(grid, times=grid.times[kept], tempo=grid.tempo / 2, downbeat=begins[kept])


def _double(grid: BeatGrid) -> BeatGrid:
    """A beat more between each two; a bar becomes two."""
    between = (grid.times[:-1] + grid.times[1:]) / 2
    times = np.sort(np.concatenate([grid.times, between]))
    begins = np.zeros(len(times), bool)
    firsts = np.flatnonzero(grid.downbeat)
    halves = 2 * firsts + np.diff(firsts, append=firsts[-1:] + grid.beats_per_bar)
    begins[2 * firsts] = True
    begins[halves[halves < len(times)]] = True
    return replace(grid, times=times, tempo=grid.tempo * 2, downbeat=begins)


def read_beats(path: Path, start: float, seconds: float, reporter: Reporter | None = None) -> BeatGrid:
    """The beats of a text file, one time per line in seconds of the song.

    A second column of whole numbers marks downbeats: 1 begins a bar. Whatever else follows the time on a line is
    ignored, so that Audacity's label tracks and librosa's CSV fit. Lines that begin with # and empty lines are skipped.

    Args:
        path: the file.
        start: where the stretch of the song begins, seconds.
        seconds: its length; beats outside are left out.
        reporter: is told where the downbeats contradict each other; bars of the usual length are counted then.
    """
    check_beats(path)
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as cause:
        raise DancegenError(f"{path} cannot be read as a text file of beats", "write one time per line") from cause
    times, marks = [], []
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        time, *others = re.split(r"[,;\s]+", line.strip())
        try:
            times.append(float(time))
        except ValueError as cause:
            what = f"{path} line {number} does not begin with a time in seconds ({line.strip()[:30]!r})"
            raise DancegenError(what, "write one time per line") from cause
        marks.append(others[0] if others else "0")
    inside = np.asarray(times) - start
    kept = (inside >= 0) & (inside < seconds) | ~np.isfinite(inside)
    where = str(path) if kept.all() else f"{path}, between {start:g} and {start + seconds:g} s,"
    grid = grid_from_times(inside[kept], where, _downbeats(marks)[kept])
    return _even_bars(grid, path, reporter or SilentReporter())


def _downbeats(marks: list[str]) -> np.ndarray:
    """Which lines' second columns say 1, (B,) bool; none where the columns are no counts of beats."""
    counts = [re.fullmatch(r"\d{1,2}(\.0*)?", mark) for mark in marks]
    if not all(found and float(found[0]) <= MOST_IN_BAR for found in counts):
        return np.zeros(len(marks), bool)
    return np.array([float(mark) == 1 for mark in marks], bool)


def _even_bars(grid: BeatGrid, path: Path, reporter: Reporter) -> BeatGrid:
    """The grid; where its bars are of all lengths, bars of the usual one from the first downbeat on."""
    lengths = [bar.beats for bar in bars(grid) if bar.number][:-1]  # without pick-up and last
    if not lengths:
        return grid
    beside = zip(lengths, [0, *lengths[:-1]], [*lengths[1:], 0], strict=True)
    alike = np.mean([length in (before, after) for length, before, after in beside])
    if len(lengths) == 1 or (alike >= AGREEING and min(lengths) > 1 and max(lengths) <= MOST_IN_BAR):
        return grid
    usual = int(np.bincount([length for length in lengths if 1 < length <= MOST_IN_BAR] or [USUAL_METER]).argmax())
    told = ", ".join(str(length) for length in sorted(set(lengths))[:6])
    what = f"{path}: its downbeats contradict each other (bars of {told} beats)"
    reporter.note(f"{what}; bars of {usual} are counted from the first")
    return replace(grid, downbeat=(np.arange(len(grid.times)) - grid.pickup) % usual == 0)


def paste(old: SkeletonSequence, new: SkeletonSequence, begin: int, end: int) -> SkeletonSequence:
    """`old` with its poses `begin`..`end` (excluded) taken from `new`; every pose outside is `old`'s, bit for bit.

    The joins lie inside the stretch: over JOIN_SECONDS (at most a quarter of it) old turns into new and back. There the
    new dance is moved sideways so that the foot which carries the weight stays where it is; what the two joins differ
    in is spread over the whole stretch.

    Args:
        old: (T, V, 3) canonical.
        new: the same length and rate.
        begin: first pose that may change.
        end: one past the last.
    """
    if len(old) != len(new) or old.fps != new.fps:
        raise DancegenError(f"a dance of {len(new)} poses cannot be joined to one of {len(old)}", "use the same song")
    count = end - begin
    before, after = old.joints[begin:end].astype(np.float64), new.joints[begin:end].astype(np.float64)
    share = _shares(count, begin > 0, end < len(old), old.fps)  # (count,)
    join = max(2, min(round(JOIN_SECONDS * old.fps), count // 4))
    first, last = _foot_offset(before[:join], after[:join]), _foot_offset(before[-join:], after[-join:])
    first = first if begin > 0 else last
    last = last if end < len(old) else first
    if begin > 0 or end < len(old):
        after[..., 0] += (first + (last - first) * _smooth(np.linspace(0, 1, count)))[:, None]
    joints = old.joints.copy()
    joints[begin:end] = blend(before, after, share)
    confidence = old.confidence.copy()
    confidence[begin:end] = np.where(share[:, None] > 0.5, new.confidence[begin:end], old.confidence[begin:end])
    return paste_channels(replace(old, joints=joints, confidence=confidence), new, begin, share)


def _foot_offset(old: np.ndarray, new: np.ndarray) -> float:
    """How far new must go in x so that the foot that stands lowest in both (T, V, 3) keeps its place."""
    heights = [(old[:, ankle, 1] + new[:, ankle, 1]).mean() for ankle in (R_ANKLE, L_ANKLE)]
    foot = (R_ANKLE, L_ANKLE)[int(np.argmax(heights))]
    return float((old[:, foot, 0] - new[:, foot, 0]).mean())


def blend(a: np.ndarray, b: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Poses between `a` and `b` (T, V, 3) that keep the lengths of the limbs; share (T,) 0 = a, 1 = b exactly."""
    weight = share[:, None, None]
    straight = a * (1 - weight) + b * weight  # (T, V, 3)
    joints = straight.copy()
    for parent, child in BONES:
        bone = straight[:, child] - straight[:, parent]  # (T, 3)
        length_a = np.linalg.norm(a[:, child] - a[:, parent], axis=-1)
        length_b = np.linalg.norm(b[:, child] - b[:, parent], axis=-1)
        wanted = length_a * (1 - share) + length_b * share  # (T,)
        norm = np.linalg.norm(bone, axis=-1)
        joints[:, child] = joints[:, parent] + bone * (wanted / np.maximum(norm, 1e-9))[:, None]
    ankles = [R_ANKLE, L_ANKLE]  # the longer legs must not stand below the floor
    joints[..., 1] += (straight[:, ankles, 1].max(axis=1) - joints[:, ankles, 1].max(axis=1))[:, None]
    joints[..., 2] -= mid_hip(joints)[:, None, 2] - mid_hip(straight)[:, None, 2]
    inner = (share > 0) & (share < 1)
    joints[~inner] = straight[~inner]
    assert BONES[0][0] == NECK  # the walk above starts at the neck
    return joints


def _shares(count: int, join_begin: bool, join_end: bool, fps: float) -> np.ndarray:
    """How much of the new dance each of `count` poses has: a smooth rise and fall where there is something to join."""
    length = max(1, min(round(JOIN_SECONDS * fps), count // 4))
    rise = _smooth((np.arange(count) + 1) / (length + 1)) if join_begin else np.ones(count)
    fall = _smooth((count - np.arange(count)) / (length + 1)) if join_end else np.ones(count)
    return np.minimum(rise, fall)


def _smooth(at: np.ndarray) -> np.ndarray:
    """Perlin's smootherstep: 0 to 1 with no jump in speed or acceleration at the ends."""
    x = np.clip(at, 0, 1)
    return x**3 * (x * (6 * x - 15) + 10)
