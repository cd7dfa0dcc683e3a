"""Bars of a dance that are changed: danced anew, filled, mirrored, kept, in the manner of a clip; the rest stays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from dancegen.audio.bars import bars as bars_of
from dancegen.audio.load import load_song
from dancegen.dances.bars import bar_poses, check_bars
from dancegen.dances.dance_file import DanceFile, Edit, Take, round_dance
from dancegen.dances.keep import Kept, check_limbs, fill_bars, keep_bars
from dancegen.dances.make import redo
from dancegen.dances.manner import Holding, Like
from dancegen.dances.mirror import mirror_bars
from dancegen.dances.takes import rank_takes
from dancegen.errors import DancegenError
from dancegen.web import clips, dances, styles
from dancegen.web.studio import Studio
from dancegen.web.work import Job

if TYPE_CHECKING:
    from dancegen.audio.grid import BeatGrid
    from dancegen.choreographers.base import Choreographer
    from dancegen.weights.verify import WeightsInfo

Bars = list[tuple[int, int]]
WAYS = ("redo", "keep", "fill", "mirror", "clip")


@dataclass(frozen=True)
class Shown:
    """The dance that is shown, the number of its take, and the bars that are marked."""

    made: DanceFile
    number: int
    bars: Bars

    @property
    def take(self) -> Take:
        """The take itself."""
        return self.made.take(self.number)

    @property
    def grid(self) -> BeatGrid:
        """The dance's beats."""
        return self.made.grid.beats_or_count(self.made.seconds)

    @property
    def begin(self) -> float:
        """When the first of these bars begins, seconds of the dance."""
        skeleton = self.take.skeleton
        return bar_poses(self.grid, *self.bars[0], skeleton.fps, len(skeleton))[0] / skeleton.fps


def edit(studio: Studio, song: str, asked: dict[str, Any], job: Job) -> str:
    """Bars of the take that is shown made anew; the name of the new version.

    Args:
        asked: "do": "redo" (these bars), "keep" (these bars, all others are made anew), "fill" (these bars, with
            imagined transitions), "mirror", or "clip" (a clip's movement is put there as it is, with imagined
            transitions around); "bars": stretches [first, last]; "seed" and "style" of what is made anew; "like": a
            clip in whose manner; "hold": limbs that stay as they are.
    """
    shown, how = _show(studio, song, asked.get("bars")), asked.get("do")
    if how not in WAYS:
        raise DancegenError(f"bars cannot be changed by {how!r}", "reload the page")
    if how == "mirror":
        return dances.keep(studio, song, mirror_bars(shown.made, shown.number, shown.bars), shown.number)
    if how == "keep":
        shown = replace(shown, bars=_other_bars(shown))
    make = _with_clip if how == "clip" else _dance_anew
    return dances.keep(studio, song, make(studio, song, shown, asked, job), shown.number)


def _show(studio: Studio, song: str, bars: Any) -> Shown:
    history = studio.project.dance_of(song)
    if history is None:
        raise DancegenError(f"{song} has no dance yet", "make one first")
    made = dances.read(studio, history["versions"][history["at"]])
    shown = Shown(made, min(history["take"], len(made.takes)), _stretches(bars))
    for first, last in shown.bars:
        check_bars(shown.grid, first, last)
    return shown


def _other_bars(shown: Shown) -> Bars:
    """All bars but these."""
    every = bars_of(shown.grid)
    others = complement(shown.bars, every[0].number, every[-1].number)
    if not others:
        raise DancegenError("all bars are kept: nothing is left to be made anew", "choose fewer bars")
    return others


def _dance_anew(studio: Studio, song: str, shown: Shown, asked: dict[str, Any], job: Job) -> DanceFile:
    """The marked bars danced anew by a choreographer, or as a clip does, with limbs held."""
    how = {name: asked[name] for name in ("style", "style_amount", "choreographer", "steps", "seed") if name in asked}
    if isinstance(how.get("style"), str):
        how["style"] = styles.style_path(studio, how["style"])
    request = studio.request(song=studio.project.path("songs", song), **how)
    check_limbs(asked.get("hold"))
    fill = asked.get("do") == "fill"
    if fill:
        _other_bars(shown)  # there must be something to begin from
    job.stage("listening to the song")
    made, own = shown.made, shown.take
    sound = load_song(request.song, made.start, made.seconds)
    fit, info = dances.dancer_of(studio, request, _picture_of(studio, made), job)
    dancer = _manner(studio, fit.dancer, shown, asked)
    manner = (
        (request.style, request.style_amount)
        if "style" in asked
        else (styles.style_path(studio, own.style), own.amount)
    )
    edits = [Edit(first, last, request.seed, manner[0], info, manner[1]) for first, last in shown.bars]
    if not fill:
        return redo(made, shown.number, sound, dancer, edits, job)
    new = dancer.dance(sound, shown.grid, seed=request.seed, style=manner[0], amount=manner[1], reporter=job)
    return fill_bars(made, shown.number, new, _foreign_edits(edits, made.weights), studio.motion_network(job))


def _picture_of(studio: Studio, made: DanceFile) -> str:
    """The picture whose body a dance is for, if it is still there; else ''."""
    name = made.body.name if made.body else ""
    return name if name in studio.project.names("pictures") else ""


def _foreign_edits(edits: Sequence[Edit], own: WeightsInfo | None) -> list[Edit]:
    """Edits that name their weights only where these are not the dance's own."""
    return [replace(one, weights=None if one.weights == own else one.weights) for one in edits]


def _manner(studio: Studio, dancer: Choreographer, shown: Shown, asked: dict[str, Any]) -> Choreographer:
    """The choreographer who dances like a clip, or with limbs of the old dance held."""
    if asked.get("like"):
        dancer = Like(clips.movement(studio, str(asked["like"])), shown.begin, dancer.styles)
    if asked.get("hold"):
        dancer = Holding(dancer, shown.take.skeleton, str(asked["hold"]), dancer.styles)
    return dancer


def _with_clip(studio: Studio, song: str, shown: Shown, asked: dict[str, Any], job: Job) -> DanceFile:
    """A clip's movement in the marked bars, its accents on their beats, and transitions in the bars around."""
    made, own, name = shown.made, shown.take, str(asked.get("like"))
    model = Like(clips.movement(studio, name), shown.begin)
    job.stage("listening to the song")
    sound = load_song(studio.project.path("songs", song), made.start, made.seconds)
    moved = model.dance(sound, shown.grid, seed=own.seed, style=own.style)
    moved = round_dance(moved.resample(own.skeleton.fps, len(own.skeleton)))
    source = replace(made, takes=(Take(moved, own.seed, own.style),), chosen=None)
    kept = [Kept(source, first, last, name) for first, last in shown.bars]
    alone = replace(made, takes=(own,), chosen=None)
    take = keep_bars(alone, kept, shown.grid, studio.motion_network(job)).takes[0]
    changed = made.with_take(shown.number, take)
    return replace(changed, takes=rank_takes(changed.takes, shown.grid.times), chosen=shown.number)


def complement(bars: Sequence[tuple[int, int]], lowest: int, highest: int) -> Bars:
    """The stretches of lowest..highest that are not in `bars`."""
    kept = {bar for first, last in bars for bar in range(first, last + 1)}
    left = [bar for bar in range(lowest, highest + 1) if bar not in kept]
    starts = [bar for bar in left if bar - 1 not in left]
    ends = [bar for bar in left if bar + 1 not in left]
    return list(zip(starts, ends, strict=True))


def _stretches(bars: Any) -> Bars:
    """[[first, last], ...] of the page."""
    try:
        found = [(int(first), int(last)) for first, last in bars]
    except (TypeError, ValueError) as cause:
        raise DancegenError("these are no bars", "mark bars on the timeline") from cause
    if not found:
        raise DancegenError("no bars are marked", "mark bars on the timeline")
    return found
