"""Making dances that are kept: takes of one song, styles by stretches, bars made anew."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dancegen.audio.bars import bars as bars_of
from dancegen.audio.grid import BeatGrid, tempo_changes
from dancegen.body.sequence import SkeletonSequence
from dancegen.choreographers.base import AMOUNT, TURNS
from dancegen.dances.bars import bar_poses, check_bars, parse_bars, paste, read_beats, retime
from dancegen.dances.dance_file import DanceFile, Edit, SongInfo, Take, file_sha256, round_dance, without_bars
from dancegen.dances.takes import rank_takes
from dancegen.errors import DancegenError
from dancegen.progress import Reporter, SilentReporter
from dancegen.registry import is_style_file, styles

if TYPE_CHECKING:
    from dancegen.audio.song import Song
    from dancegen.choreographers.base import Choreographer
    from dancegen.weights.verify import WeightsInfo

MOST_TAKES = 64
OTHER_TEMPO = 0.25  # of a tempo: by more than that another one is counted, half or double


@dataclass(frozen=True)
class Styles:
    """The style of the whole dance and of stretches of it: (style, first bar, last bar), later ones over earlier.

    `amount` of each and `turns` are as `Choreographer.dance` takes them.
    """

    base: str
    stretches: tuple[tuple[str, int, int], ...] = ()
    amount: float = AMOUNT
    turns: float = TURNS


def parse_styles(options: Sequence[str], amount: float = AMOUNT, turns: float = TURNS) -> Styles:
    """`["rumba", "tango@9-16"]`: rumba, but tango in bars 9 to 16; a style may be a file of `dancegen style learn`."""
    known, base, stretches = styles(), [], []
    for option in options:
        name, at, bars = (option, "", "") if is_style_file(option) else _split(option)
        name = known[0] if name == "none" else name  # as dances of version 0.1.0 call it
        if is_style_file(name):
            check_style_file(name)
        elif name not in known:
            raise DancegenError(f"--style {option}: there is no style {name!r}", f"choose one of {', '.join(known)}")
        if at:
            stretches.append((name, *parse_bars(bars, "--style")))
        else:
            base.append(name)
    if len(base) > 1:
        raise DancegenError(f"--style {base[1]}: the whole dance is {base[0]} already", "give bars, like tango@9-16")
    return Styles(base[0] if base else known[0], tuple(stretches), amount, turns)


def check_style_file(name: str) -> None:
    """Refuse a file that is not there, or holds no style."""
    from dancegen.choreographers.stg_mamba.learnt import read_style

    read_style(Path(name))


def _split(option: str) -> tuple[str, str, str]:
    """Name, "@" and bars of a style; a file's name may have an "@" of its own."""
    name, at, bars = option.rpartition("@")
    return (name, at, bars) if at else (option, "", "")


def find_grid(
    song: Song,
    beats: Path | None = None,
    tempo: str | None = None,
    weights: str | None = None,
    reporter: Reporter | None = None,
) -> BeatGrid:
    """The beats to dance to: the tracker's or a file's, at once, half or double; an even count where there are none.

    Args:
        song: the song.
        beats: a file of beats, see `bars.read_beats`.
        tempo: None, "half" or "double".
        weights: of the network that hears beats, where it is not the default.
        reporter: is told what `find_beats` and `read_beats` have to say, and where a dance cannot count as is asked.
    """
    from dancegen.audio.beats import find_beats

    grid = read_beats(beats, song.start, song.seconds, reporter) if beats else find_beats(song, weights, reporter)
    asked = retime(grid.beats_or_count(song.seconds), tempo)
    if tempo and reporter:
        _tell_count(asked, reporter)
    return asked


def _tell_count(grid: BeatGrid, reporter: Reporter) -> None:
    """Say where steps to each beat would be too slow or too fast for anybody."""
    from dancegen.choreographers.stg_mamba.counting import danceable_beats

    counted = 60 / float(np.median(np.diff(danceable_beats(grid, grid.pickup)[0])))
    if abs(counted / grid.tempo - 1) > OTHER_TEMPO:
        far = "slow" if counted > grid.tempo else "fast"
        reporter.note(f"steps to {grid.tempo:.0f} beats a minute would be too {far}: the dance counts {counted:.0f}")


def make_dance(
    song: Song,
    grid: BeatGrid,
    dancer: Choreographer,
    weights: WeightsInfo | None,
    *,
    seeds: Sequence[int],
    styles: Styles,
    reporter: Reporter | None = None,
    show_first: Callable[[DanceFile], None] | None = None,
) -> DanceFile:
    """A dance file with a scored take for each seed; of several, `show_first` is given one of the first take as soon as
    that is there."""
    reporter = reporter or SilentReporter()
    for _, first, last in styles.stretches:
        check_bars(grid, first, last)
    info = SongInfo(song.path.name, file_sha256(song.path), song.start, round(song.seconds, 6))
    tempi = tuple((moment, tempo) for moment, _, tempo in tempo_changes(grid))
    heard = (grid.times, grid.tempo, grid.confidence)
    takes: list[Take] = []

    def so_far() -> DanceFile:
        return DanceFile(info, *heard, weights, rank_takes(takes, grid.times), downbeat=grid.downbeat, tempi=tempi)

    for number, seed in enumerate(seeds, 1):
        told = _Named(reporter, f"take {number} of {len(seeds)}, ") if len(seeds) > 1 else reporter
        takes.append(_one_take(song, grid, dancer, seed, styles, told))
        if show_first and number == 1 < len(seeds):
            show_first(so_far())
    return so_far()


class _Named:
    """A reporter that says before each stage which take it belongs to."""

    def __init__(self, reporter: Reporter, prefix: str) -> None:
        self._prefix, self._stage = prefix, reporter.stage
        self.advance, self.note = reporter.advance, reporter.note

    def stage(self, name: str, total: int | None = None, unit: str = "") -> None:
        """See `progress.Reporter`."""
        self._stage(self._prefix + name, total, unit)


def _one_take(song: Song, grid: BeatGrid, dancer: Choreographer, seed: int, styles: Styles, reporter: Reporter) -> Take:
    made = {
        style: dancer.dance(
            song, grid, seed=seed, style=style, amount=styles.amount, turns=styles.turns, reporter=reporter
        )
        for style in dict.fromkeys([styles.base, *(style for style, _, _ in styles.stretches)])
    }
    take = Take(round_dance(made[styles.base]), seed, styles.base, amount=styles.amount, turns=styles.turns)
    for style, first, last in styles.stretches:
        take = _paste(take, made[style], grid, Edit(first, last, seed, style))
    return take


def redo(
    dance: DanceFile,
    number: int,
    song: Song,
    dancer: Choreographer,
    edits: Sequence[Edit],
    reporter: Reporter | None = None,
) -> DanceFile:
    """The dance with stretches of bars of take `number` made anew; every pose outside them is kept bit for bit.

    That take is then the chosen one.

    Args:
        dance: the dance.
        number: the take, from 1.
        song: the stretch of the song that the dance covers.
        dancer: any choreographer, not only the one that made the dance.
        edits: the bars, with seed, style and its amount (turns are the take's own); weights are told of them where
            they are not those of the dance.
        reporter: is told about windows.
    """
    grid = dance.grid.beats_or_count(song.seconds)
    for edit in edits:
        check_bars(grid, edit.first, edit.last)
    take = dance.take(number)
    turns = TURNS if take.turns is None else take.turns
    made: dict[tuple[int, str, float], SkeletonSequence] = {}
    for edit in edits:
        how = (edit.seed, edit.style, edit.amount)
        if how not in made:
            made[how] = dancer.dance(
                song, grid, seed=edit.seed, style=edit.style, amount=edit.amount, turns=turns, reporter=reporter
            )
            if dance.body:  # whoever dances the new bars, they are danced on the body that the file names
                from dancegen.dances.bones import on_bones

                made[how] = on_bones(made[how], np.asarray(dance.body.bones))
        others = None if edit.weights == dance.weights else edit.weights
        take = _paste(take, made[how], grid, replace(edit, weights=others))
    changed = dance.with_take(number, take)
    return replace(changed, takes=rank_takes(changed.takes, grid.times), chosen=number)


def _paste(take: Take, new: SkeletonSequence, grid: BeatGrid, edit: Edit) -> Take:
    old = take.skeleton
    begin, end = bar_poses(grid, edit.first, edit.last, old.fps, len(old))
    mixed = round_dance(paste(old, new.resample(old.fps, len(old)), begin, end))
    sources = without_bars(take.sources, edit.first, edit.last)
    return replace(take, skeleton=mixed, edits=(*take.edits, edit), sources=sources)


def describe_bars(grid: BeatGrid, seconds: float) -> list[tuple[int, float, float, int]]:
    """(bar, begin, end, beats) of each bar, seconds of the stretch; a pick-up is bar 0."""
    rows = []
    for bar in bars_of(grid):
        after = bar.first + bar.beats
        begin = float(grid.times[bar.first]) if bar.beats else 0.0
        rows.append((bar.number, begin, float(grid.times[after]) if after < len(grid.times) else seconds, bar.beats))
    return rows
