"""`dancegen dance` and `dancegen beats`: choose a dance before rendering it, and keep it as a file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dancegen.cli.context import refuse_options, reporter, weights_files
from dancegen.cli.options import (
    Beats,
    Choreographer,
    Device,
    Duration,
    Offline,
    Overwrite,
    Seed,
    Start,
    Steps,
    StyleAmount,
    Tempo,
    Turns,
    Weights,
)
from dancegen.cli.outputs import check_file
from dancegen.errors import DancegenError, one_line
from dancegen.production.request import Request, check_limits, check_manner, check_style
from dancegen.progress import count_of

if TYPE_CHECKING:
    from dancegen.body.sequence import SkeletonSequence
    from dancegen.choreographers.base import Choreographer as Dancer
    from dancegen.dances.dance_file import Body, DanceFile, Edit
    from dancegen.dances.keep import Kept
    from dancegen.dances.make import Styles
    from dancegen.weights.verify import WeightsInfo

Song = Annotated[Path, typer.Argument(help="Any sound file: wav, flac, mp3, m4a, ogg, opus, or a video with sound.")]


def dance(
    song: Song,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="The dance file; default: SONG.dance.json.")] = None,
    takes: Annotated[int, typer.Option(help="How many dances to make; seeds count up from --seed.")] = 1,
    sheet: Annotated[Path | None, typer.Option(help="A picture (.png) of all takes, the best first.")] = None,
    seed: Seed = Request.seed,
    style: Annotated[
        list[str] | None,
        typer.Option(
            help="auto, cha-cha, rumba, tango, waltz, salsa, ballet or a learnt style's file; of some bars: tango@9-16."
        ),
    ] = None,
    style_amount: StyleAmount = Request.style_amount,
    turns: Turns = Request.turns,
    redo: Annotated[
        list[str] | None, typer.Option(help="Bars to make anew in an existing dance, like 17-24; the rest is kept.")
    ] = None,
    hold: Annotated[str | None, typer.Option(help="With --redo: arms or legs stay as they are.")] = None,
    like: Annotated[
        Path | None, typer.Option(help="With --redo: in the manner of this dance file, or of the dancer in this video.")
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(help="Bars of another dance to keep, like intro.dance.json@1-8; may be repeated."),
    ] = None,
    from_: Annotated[Path | None, typer.Option("--from", help="With --redo: the dance file; default: --out.")] = None,
    take: Annotated[int | None, typer.Option(help="With --redo: which take; default: the chosen or best.")] = None,
    start: Start = Request.start,
    duration: Duration = Request.duration,
    tempo: Tempo = Request.tempo,
    beats: Beats = Request.beats,
    choreographer: Choreographer = Request.choreographer,
    steps: Steps = Request.steps,
    picture: Annotated[
        Path | None, typer.Option(help="With --choreographer hotdance: a picture of the person who is to dance.")
    ] = None,
    weights: Weights = None,
    device: Device = Request.device,
    offline: Offline = Request.offline,
    force: Annotated[bool, typer.Option("--force", help="With --redo: accept a dance of another song.")] = False,
    overwrite: Overwrite = False,
) -> Any:
    """Make a dance to SONG and keep it as a file, to be rendered with any picture later."""
    from dancegen.audio.load import load_song
    from dancegen.dances.bars import check_beats, check_tempo, parse_bars
    from dancegen.dances.dance_file import write_dance
    from dancegen.dances.keep import is_for_other_body, keep_bars
    from dancegen.dances.make import MOST_TAKES, find_grid, make_dance, parse_styles
    from dancegen.files import check_input
    from dancegen.registry import backend
    from dancegen.weights.own import weights_by_role

    out = out or Path(f"{song.stem}.dance.json")
    if redo:
        again = {"takes": takes != 1, "tempo": tempo, "beats": beats, "start": start, "duration": duration}
        again["keep"] = bool(keep)
        again["turns"] = turns != Request.turns
        refuse_options("does not go with --redo", "leave it out, the dance file says it", **again)
    else:
        remedy = "name the bars to make anew, like --redo 17-24"
        refuse_options("only goes with --redo", remedy, **{"from": from_, "take": take, "hold": hold, "like": like})
    in_place = bool(redo and (from_ is None or _is(from_, out)))  # only bars of it are made anew
    inputs = [
        song,
        beats,
        like,
        picture,
        *(option.rpartition("@")[0] for option in keep or []),
        *weights_files(weights),
    ]
    check_file(out, "-o", overwrite or in_place, inputs=[*inputs, None if in_place else from_])
    if sheet:
        check_file(sheet, "--sheet", overwrite, [".png"], inputs=[*inputs, from_], others=[out])
    if not 1 <= takes <= MOST_TAKES:
        raise DancegenError(f"--takes must be 1 to {MOST_TAKES}, not {takes}")
    for number in (seed, seed + takes - 1):
        check_limits("seed", number)
    styles = parse_styles(style or [], style_amount, turns)
    check_manner(style_amount, turns)
    for name in (styles.base, *(name for name, _, _ in styles.stretches)):
        check_style(name, choreographer)
    check_tempo(tempo)
    check_beats(beats)
    check_input(song, "song", "check the song's name and folder")
    if redo:
        for bars in redo:
            parse_bars(bars)
        check_input(from_ or out, "dance file", "name it with --from, or with -o")
    given: dict[str, Any] = {"weights": weights_by_role(weights or []), "device": device, "offline": offline}
    asked = Request(song, picture or Path(), choreographer=choreographer, steps=steps, **given)
    kept = _read_kept(keep or [])
    dancer, info, body = _dancer(asked)
    if redo:
        file, manner = from_ or out, Manner(hold, like, weights_by_role(weights or []), offline)
        bars_again = Again(song, file, take, redo, force, body, backend("choreographer", choreographer).fits)
        made = _redo(bars_again, seed, styles if style else None, dancer, info, manner)
    else:
        reporter().stage("listening to the song")
        sound = load_song(song, start, duration, reporter())
        grid = find_grid(sound, beats, tempo, weights_by_role(weights or []).get("beats"), reporter())
        if grid.confidence == 0:
            reporter().note(f"{song.name} has no beat that could be found: the dance counts its own")
        how: dict[str, Any] = {"seeds": range(seed, seed + takes), "styles": styles}
        made = make_dance(sound, grid, dancer, info, **how, reporter=reporter())
        made = replace(made, body=body)
        if kept:
            from dancegen.production.capture import load_motion_network

            for name in dict.fromkeys(one.name for one in kept if is_for_other_body(one.dance, made)):
                reporter().note(f"{name} was made for another body: its bars keep their own limbs")
            made = keep_bars(made, kept, grid, load_motion_network(weights_by_role(weights or []), offline))
    write_dance(out, made)
    if sheet:
        from dancegen.report.plots import contact_sheet, save_png

        save_png(sheet, contact_sheet(made))
    return _table(made, out, sheet)


def beats(
    song: Song,
    start: Start = Request.start,
    duration: Duration = Request.duration,
    tempo: Tempo = Request.tempo,
    beats: Beats = Request.beats,
    plot: Annotated[Path | None, typer.Option(help="A picture (.png) of the onsets and the beats.")] = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="A text file of the beats, to be mended and given to --beats.")
    ] = None,
    weights: Weights = None,
    overwrite: Overwrite = False,
) -> Any:
    """Show the beats and bars that are found in SONG."""
    from dancegen.audio.load import load_song
    from dancegen.dances.bars import check_beats, check_tempo
    from dancegen.dances.make import find_grid
    from dancegen.weights.own import weights_by_role

    check_tempo(tempo)
    check_beats(beats)
    if out:
        check_file(out, "-o", overwrite, inputs=(song, beats))
    if plot:
        check_file(plot, "--plot", overwrite, [".png"], inputs=(song, beats), others=[out])
    sound = load_song(song, start, duration, reporter())
    grid = find_grid(sound, beats, tempo, weights_by_role(weights or []).get("beats"), reporter())
    if plot:
        from dancegen.audio.comb import onset_strength
        from dancegen.audio.spectrum import FRAME_RATE
        from dancegen.report.plots import beat_plot, save_png

        save_png(plot, beat_plot(onset_strength(sound.samples), FRAME_RATE, grid, sound.seconds))
    if out:
        from dancegen.files import write_whole

        lines = [f"# beats of {one_line(song.name)}, seconds of the file; 1: a bar begins"]
        lines += [f"{time + start:.3f} {int(first)}" for time, first in zip(grid.times, grid.downbeat, strict=True)]
        write_whole(out, ("\n".join(lines) + "\n").encode())
    return _grid_table(song, sound.seconds, start, grid)


def _is(one: Path, other: Path) -> bool:
    return one == other or (one.exists() and other.exists() and one.samefile(other))


@dataclass(frozen=True)
class Again:
    """What is made anew: these bars of a take of a dance file, to this song; `force`: be it another song; for which
    body, and whether the choreographer dances for one."""

    song: Path
    file: Path
    take: int | None
    bars: list[str]
    force: bool
    body: Body | None
    fitted: bool


@dataclass(frozen=True)
class Manner:
    """How it is made anew: with limbs held, and like another dance or a video."""

    hold: str | None
    like: Path | None
    weights: dict[str, str]
    offline: bool

    def of(self, dancer: Dancer, old: SkeletonSequence, begin: float) -> Dancer:
        """The choreographer who does that, from `begin` seconds on; `old` is the dance so far."""
        from dancegen.dances.manner import Holding, Like

        if self.like:
            from dancegen.production.capture import Asked, read_model

            asked = Asked(samples=1, weights=self.weights, offline=self.offline)
            dancer = Like(read_model(self.like, asked, reporter()), begin, dancer.styles)
        return Holding(dancer, old, self.hold, dancer.styles) if self.hold else dancer


def _read_kept(options: list[str]) -> list[Kept]:
    """What `--keep` names, read before any slow work."""
    from dancegen.dances.keep import Kept, parse_kept
    from dancegen.dances.read_dance import read_dance

    parsed = [parse_kept(option) for option in options]
    return [Kept(read_dance(Path(name)), first, last, Path(name).name) for name, first, last in parsed]


def _redo(
    again: Again, seed: int, styles: Styles | None, dancer: Dancer, info: WeightsInfo | None, manner: Manner
) -> DanceFile:
    from dancegen.audio.load import load_song
    from dancegen.dances.bars import bar_poses, parse_bars
    from dancegen.dances.dance_file import Edit
    from dancegen.dances.keep import check_limbs, is_for_other_body
    from dancegen.dances.make import find_grid, parse_styles, redo
    from dancegen.dances.read_dance import check_song, read_dance
    from dancegen.dances.to_song import put_to_song

    check_limbs(manner.hold)
    made = read_dance(again.file)
    if note := check_song(made, again.song, str(again.file), again.force):
        reporter().note(note)
    if again.fitted and made.body and is_for_other_body(made, replace(made, body=again.body)):
        what = f"{again.file} was made for {made.body.name}: what is made anew does not begin as that picture does"
        reporter().note(f"{what}; give it with --picture")
    number = again.take or made.default_take
    if styles and styles.stretches:
        raise DancegenError("--style with bars does not go with --redo", "give the bars to --redo, and a plain --style")
    reporter().stage("listening to the song")
    sound = load_song(again.song, made.start, made.seconds)
    if made.song is None:
        made = put_to_song(made, sound, find_grid(sound))
    own = made.take(number)
    styles = styles or parse_styles([own.style], own.amount)
    edits = [Edit(*parse_bars(text), seed, styles.base, info, styles.amount) for text in again.bars]
    old = made.take(number).skeleton
    begin, _ = bar_poses(made.grid.beats_or_count(sound.seconds), edits[0].first, edits[0].last, old.fps, len(old))
    return redo(made, number, sound, manner.of(dancer, old, begin / old.fps), edits, reporter())


def _dancer(asked: Request) -> tuple[Dancer, WeightsInfo | None, Body | None]:
    """The choreographer asked for, which file its weights are from, and the body it dances for where that is known."""
    from dancegen.production.backends import load_backends
    from dancegen.production.fitting import fit_to, fits
    from dancegen.registry import backend

    pictured, line = asked.picture != Path(), backend("choreographer", asked.choreographer)
    if pictured and line.styles and not line.fits:
        raise _unfit(asked)
    backends = load_backends(asked, ["choreographer", "subject"] if pictured else ["choreographer"], reporter())
    dancer, info = backends.dancer(), backends.weights.get(line.weights)
    if not pictured:
        return fit_to(dancer, [], "", asked.steps).dancer, info, None
    if not fits(dancer):
        raise _unfit(asked)
    from dancegen.images.picture import open_picture
    from dancegen.production.produce import find_people_for

    found = find_people_for(asked, open_picture(asked.picture), backends, reporter())
    made = fit_to(dancer, found, asked.picture.name, asked.steps)
    return made.dancer, info, made.body


def _unfit(asked: Request) -> DancegenError:
    what = f"--picture: --choreographer {asked.choreographer} dances on no body of its own"
    return DancegenError(what, "leave it out, or add --choreographer hotdance")


def _table(made: DanceFile, out: Path, sheet: Path | None) -> Any:
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    from dancegen.audio.grid import describe_tempo
    from dancegen.dances.bars import bar_count
    from dancegen.dances.takes import COLUMNS

    tempo = describe_tempo(made.grid) if made.confidence else "no beat found"
    said = f"{one_line(out)}: {made.seconds:.1f} s{_of_song(made)}, {tempo}, {count_of(bar_count(made.grid), 'bars')}"
    table = Table("rank", "take", "seed", "style", *COLUMNS, box=None, pad_edge=False)
    order = sorted(enumerate(made.takes, 1), key=lambda pair: (pair[1].scores or {}).get("rank", pair[0]))
    for place, (number, take) in enumerate(order, 1):
        scores = take.scores or {}
        edits = "".join(f", {edit.style}@{_bars(edit)} seed {edit.seed}" for edit in take.edits)
        values = [form.format(scores.get(key, 0.0)) for key, form in COLUMNS.values()]
        mark = "*" if number == made.default_take and len(made.takes) > 1 else ""
        table.add_row(str(place), f"{number}{mark}", str(take.seed), take.style + edits, *values)
    said += f"; sheet: {sheet}" if sheet else ""
    said += "; * is rendered if no --take is given" if len(made.takes) > 1 else ""
    return Group(Text(said), table)


def _of_song(made: DanceFile) -> str:
    return f" of {one_line(made.song.name)}" if made.song else ""


def _bars(edit: Edit) -> str:
    return str(edit.first) if edit.first == edit.last else f"{edit.first}-{edit.last}"


def _grid_table(song: Path, seconds: float, start: float, grid: Any) -> Any:
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    from dancegen.audio.grid import describe_tempo
    from dancegen.dances.make import describe_bars

    sure = f"confidence {grid.confidence:.2f}" if grid.confidence else "no beat found, counted evenly"
    sure += "; bar 0 is a pick-up" if grid.pickup else ""
    table = Table("bar", "from s", "to s", "beats", box=None, pad_edge=False)
    for bar, begin, end, count in describe_bars(grid, seconds):
        table.add_row(str(bar), f"{begin + start:.2f}", f"{end + start:.2f}", str(count))
    return Group(Text(f"{one_line(song.name)}: {seconds:.1f} s, {describe_tempo(grid)}, {sure}"), table)


COMMANDS = {"dance": dance, "beats": beats}
