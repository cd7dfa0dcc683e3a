"""`dancegen evaluate beats`: the tracker of beats and bars, on songs with known beats and beside another tracker."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer


def command(
    seeds: Annotated[
        list[int] | None, typer.Option("--seed", help="Of songs made here; repeatable. 1 has fixed tempi.", min=0)
    ] = None,
    songs: Annotated[Path | None, typer.Option(help="Instead: a folder of songs, with --beats; first 60 s.")] = None,
    beats: Annotated[Path | None, typer.Option(help="Another tracker's beats: a folder of SONG.txt.")] = None,
    excerpts: Annotated[
        float | None, typer.Option(help="With --songs: do stretches of so many seconds agree with the song?", min=5)
    ] = None,
    data: Annotated[Path | None, typer.Option(help="Instead: dances with their music, for the beats of a bar.")] = None,
    dance: Annotated[bool, typer.Option("--dance", help="Do dances follow made songs' jumps of tempo?")] = False,
    each: Annotated[bool, typer.Option("--each", help="A line for each song.")] = False,
    weights: Annotated[str, typer.Option(help="Weights of the beat network, a name or a file.")] = "beats",
) -> Any:
    """Measure beats, bars and changes of tempo that are heard.

    F: beats within 0.07 s. CMLt: share of the time in which beats follow each other rightly; AMLt: double, half and
    off-beats count too. From 150 a minute on every second true beat is right as well. By mir_eval, from 5 s on.
    """
    from rich.console import Group

    from dancegen.errors import DancegenError

    if songs is not None and beats is None:
        raise DancegenError("--songs says nothing about their beats", "give --beats, a folder of SONG.txt")
    if songs is None and (beats is not None or excerpts is not None):
        raise DancegenError("--beats and --excerpts belong to songs", "give --songs, the folder of the songs")
    parts: list[Any] = []
    if songs is not None and beats is not None:
        parts += _other_tracker(songs, beats, excerpts, weights, each)
    if data is not None:
        parts.append(_meters(data, weights, each))
    for seed in seeds or ([] if songs or data else [1]):
        parts += _made_songs(seed, weights, each, dance)
    return Group(*parts)


def _table(title: str, rows: Any) -> Any:
    from rich.table import Table

    table = Table("", "F", "CMLt", "AMLt", title=title)
    for name, row in rows.items():
        table.add_row(name, *(f"{value:.3f}" for value in row))
    return table


def _made_songs(seed: int, weights: str, each: bool, dance: bool) -> list[Any]:
    """The songs of one seed."""
    from rich.text import Text

    from dancegen.audio.beats import find_beats
    from dancegen.cli.context import reporter
    from dancegen.lab.evaluate import beats as evaluation
    from dancegen.lab.synthetic.songs.known import known_songs, recipes
    from dancegen.progress import count_of

    reporter().stage("listening to made songs", len(recipes(seed)), "songs")
    heard = []
    for song in known_songs(seed):
        heard.append(evaluation.HeardKnown(song, find_beats(evaluation.to_song(song), weights)))
        reporter().advance()
    rows = {one.song.name: one.agreement for one in heard} if each else {}
    before, after = evaluation.found_around_jumps(heard)
    lines = [f"{name}: {value}" for name, value in evaluation.bar_rows(heard).items()]
    lines.append(f"jumps of tempo: {before:.0%} of the beats found before, {after:.0%} from the third after it on")
    if dance:
        lines += _dance_lines(heard)
    title = f"{count_of(len(heard), 'songs')} of seed {seed}"
    return [_table(title, rows | evaluation.known_rows(heard)), *(Text(line) for line in lines)]


def _dance_lines(heard: Any) -> list[str]:
    """Of --dance: how the default choreographer meets the beats around a jump."""
    import torch

    from dancegen import registry
    from dancegen.lab.evaluate.beats import danced_around_jumps
    from dancegen.weights.resolve import weights_path

    name = "stg-mamba"
    dancer = registry.load(
        "choreographer",
        name,
        weights_path(registry.backend("choreographer", name).weights),
        torch.device("cpu"),
    )
    return [
        f"danced {name}: {before:.0%} of the accents on a beat before the jump, {after:.0%} from the third after it on"
        for name, before, after in danced_around_jumps(dancer, heard, (0, 1, 2, 3))
    ]


def _other_tracker(folder: Path, beats: Path, excerpts: float | None, weights: str, each: bool) -> list[Any]:
    """Songs beside the beats that another tracker found in their first minute."""
    from dancegen.audio.beats import find_beats
    from dancegen.audio.load import load_song
    from dancegen.cli.context import reporter
    from dancegen.errors import DancegenError
    from dancegen.lab.datasets.data import SOUNDS
    from dancegen.lab.evaluate import beats as evaluation
    from dancegen.progress import count_of

    sounds = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SOUNDS)
    rows: dict[str, Any] = {}
    parts: dict[str, Any] = {}
    reporter().stage("listening", len(sounds), "songs")
    for path in sounds:
        told = evaluation.told_beats(path, beats)
        if told is not None:
            song = load_song(path, duration=60.0)
            grid = find_beats(song, weights)
            rows[path.stem] = evaluation.agreement(told, grid.times)
            if excerpts is not None:
                found = evaluation.excerpt_agreement(
                    song.samples, grid, excerpts, lambda part: find_beats(part, weights)
                )
                parts |= {f"{path.stem} {number}": row for number, row in enumerate(found)}
        reporter().advance()
    if not rows:
        raise DancegenError(f"no song of {folder} has its SONG.txt in {beats}", "give the folder of their beats")
    tables = [
        _table(f"{count_of(len(rows), 'songs')} beside other beats", (rows if each else {}) | evaluation.halves(rows))
    ]
    if parts:
        title = f"{count_of(len(parts), 'stretches')} of {excerpts:g} s beside the whole song"
        tables.append(_table(title, (parts if each else {}) | {"mean": evaluation.mean(parts.values())}))
    return tables


def _meters(data: Path, weights: str, each: bool) -> Any:
    """The beats of a bar of the music of real dances, where their style tells it."""
    from rich.table import Table

    from dancegen.audio.beats import find_beats
    from dancegen.audio.load import load_song
    from dancegen.cli.context import reporter
    from dancegen.lab.datasets.data import find_material
    from dancegen.lab.evaluate.beats import music_meter

    motions, sounds = find_material(data)
    music = {path.stem: path for path in sounds}
    known = {path: music_meter(path) for path in motions if path.stem in music}
    right: dict[int, list[bool]] = {3: [], 4: []}
    table = Table("music of dances", "beats a bar", "heard", title="bars, by the style of the dance")
    reporter().stage("listening", len(known), "songs")
    for path, meter in known.items():
        if meter is not None:
            heard = find_beats(load_song(music[path.stem]), weights).beats_per_bar
            right[meter].append(heard == meter)
            if each:
                table.add_row(path.stem, str(meter), str(heard))
        reporter().advance()
    for meter, hits in right.items():
        table.add_row(f"right, of {meter}", str(meter), f"{sum(hits)} of {len(hits)}")
    return table
