"""`dancegen evaluate choreographer`: the table of a choreographer on songs it was not trained on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from dancegen.progress import count_of

LABELS = {
    "hit_rate": "hit rate %",
    "coverage": "coverage %",
    "bc_music": "BC music",
    "bc_kinematic": "BC kinem.",
    "pfd": "PFD",
    "pfd_upright": "PFD upright",
    "vfd": "VFD",
    "pvar": "PVar",
    "diversity": "diversity",
    "bone_drift": "bone drift",
    "jitter_ratio": "jitter /real",
    "skate_ratio": "skate /real",
    "speed": "speed",
    "frozen": "frozen %",
}


def command(
    data: Annotated[Path, typer.Option(help="Folder of pairs and songs; those kept out of training are used.")],
    weights: Annotated[str | None, typer.Option(help="A name of the manifest or a .safetensors file.")] = None,
    choreographer: Annotated[str, typer.Option(help="Who dances: stg-mamba or hotdance.")] = "stg-mamba",
    also: Annotated[list[str] | None, typer.Option(help="NAME=FILE: further weights, such as ablations.")] = None,
    seeds: Annotated[int, typer.Option(help="Dances per song.", min=1)] = 2,
    style: Annotated[str, typer.Option(help="Dance style of all dances.")] = "auto",
    seconds: Annotated[float | None, typer.Option(help="Use only the first seconds of each song.")] = None,
    songs: Annotated[bool, typer.Option(help="A line for each song.")] = False,
    librosa: Annotated[bool, typer.Option(help="A line for the beats that librosa's tracker finds by itself.")] = False,
    test: Annotated[bool, typer.Option(help="The songs that were not looked at while choosing.")] = False,
    beats: Annotated[Path | None, typer.Option(help="A line for other beats: a folder of SONG.txt, one time each.")] = (
        None
    ),
    deep: Annotated[
        bool,
        typer.Option(help="Does it listen, invent, remember, turn? Of hotdance: its own experiments. Takes minutes."),
    ] = False,
    swaps: Annotated[
        bool, typer.Option(help="Only this: how far the dance moves when one input after the other is swapped.")
    ] = False,
    material: Annotated[Path | None, typer.Option(help="Prepared material of training, for --deep: is it new?")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    plot: Annotated[Path | None, typer.Option(help="Folder for PNGs: speed against beats, strips of poses.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "cpu",
) -> Any:
    """Measure beats, movement and variety on songs kept out of training, beside real dancers and a shuffled control."""
    from dancegen import registry
    from dancegen.choreographers.stg_mamba.config import STYLES
    from dancegen.device import choose_device
    from dancegen.errors import DancegenError
    from dancegen.files import refuse_inputs
    from dancegen.lab.evaluate import choreographer as evaluation
    from dancegen.weights.resolve import weights_path

    if style not in STYLES:
        raise DancegenError(f"--style {style}: there is no such style", f"choose one of {', '.join(STYLES)}")
    if plot is not None:
        refuse_inputs(plot, [data])
    chosen = choose_device(device)
    line = registry.backend("choreographer", choreographer)
    dancer = registry.load("choreographer", choreographer, weights_path(weights or line.weights), chosen)
    others = {
        name: registry.load("choreographer", choreographer, file, chosen) for name, file in map(_named_file, also or [])
    }
    heard, real = evaluation.read_songs(data, seconds, test=test), evaluation.read_real(data)
    if swaps:
        return "\n".join(f"{name}: {value:.3g}" for name, value in _swap_rows(dancer, heard).items())
    takes = len({motion.source for motion in real.stretches})
    if len(heard) < 2 or not real.validation or takes < 2:
        held_out = (
            f"{count_of(len(heard), 'songs')} and {count_of(len(real.validation), 'dances')} kept out of training"
        )
        what = f"{data} has {held_out}, and {count_of(takes, 'recordings')} in all"
        raise DancegenError(what, "give the development data")
    table = {"real": evaluation.real_row(real, heard), "two halves": evaluation.halves_row(real.stretches)}
    judged_by = None
    if librosa or beats:
        judged_by = {song.name: evaluation.other_beats(song, beats) for song in heard}
    rows = evaluation.model_rows(dancer, heard, real, seeds=range(seeds), style=style, judged_by=judged_by)
    single = () if songs else {song.name for song in heard}
    table |= {name: row for name, row in rows.items() if name not in single}
    for name, other in others.items():
        table[name] = evaluation.model_rows(other, heard, real, seeds=range(seeds), style=style)["model"]
    timing = {length: evaluation.speed_row(dancer, heard[0], length, 120 // length + 1) for length in (60, 600)}
    if plot is not None:
        from dancegen.report.dance_plots import pose_strip, speed_plot

        plot.mkdir(parents=True, exist_ok=True)
        for song in heard:
            dance = dancer.dance(song.song, song.grid, seed=0, style=style)
            speed_plot(dance, song.grid.times, plot / f"{song.name}-speed.png")
            pose_strip(dance, plot / f"{song.name}-poses.png", start=10, seconds=8, columns=16, rows=2)
    listening = _deep_rows(dancer, heard, real, material, table) if deep else {}
    if as_json:
        return json.dumps({"table": table, "listening": listening, "seconds_for_music_of": timing}, indent=1)
    return draw_table(table, timing, listening)


def _deep_rows(dancer: Any, heard: Any, real: Any, material: Path | None, table: Any) -> dict[str, float]:
    """The rows of --deep."""
    from dancegen.audio.network import load_beat_net
    from dancegen.choreographers.stg_mamba.dance import StgMamba
    from dancegen.lab.datasets.bank import build_bank
    from dancegen.lab.datasets.data import load_material
    from dancegen.lab.datasets.footage import read_dances
    from dancegen.lab.datasets.motion import SPIN
    from dancegen.lab.evaluate.apart import told_apart
    from dancegen.lab.evaluate.hotdance import hotdance_rows
    from dancegen.lab.evaluate.inputs import input_rows
    from dancegen.lab.evaluate.listening import deep_rows, variety
    from dancegen.lab.evaluate.noise import noise_rows
    from dancegen.lab.evaluate.phrases import build_up, distinct_phrases
    from dancegen.lab.evaluate.styles import dances_by_style, frechet_by_style, matched_row, style_rows, train_judge
    from dancegen.weights.resolve import weights_path

    banks = held_out = None
    if material is not None:
        read = load_material(material)
        banks = read.stage.banks
        held_out = build_bank(read.held_out, [motion.root[:, 0] * 0 + 1 for motion in read.held_out], 4, SPIN)
    if not isinstance(dancer, StgMamba):
        return hotdance_rows(dancer, heard, real, banks[4] if banks else None, held_out)
    pairs = [(song.song, song.grid) for song in heard]
    rows = deep_rows(dancer, pairs, banks, held_out)
    rows |= input_rows(dancer.network, pairs, load_beat_net(weights_path("beats")))
    dances = dances_by_style(dancer, heard, (0, 1))
    rows |= {f"{name}, styles as in the footage": value for name, value in matched_row(dances, real).items()}
    for style, apart in frechet_by_style(dances, real).items():
        rows |= {f"{name}, {style} / halves of the real": value for name, value in apart.items()}
    rows |= variety(dancer, pairs, (0, 1, 2), table["real"]["diversity"])
    rows |= noise_rows(dancer) | distinct_phrases(dancer, pairs) | build_up(dancer, pairs)
    takes: dict[str, Any] = {}
    for motion in real.stretches:
        takes.setdefault(motion.source, []).append(motion.joints)
    auto = [read_dances([dancer.dance(song, grid, seed=0, style="auto").joints]) for song, grid in pairs]
    rows |= told_apart(list(takes.values()), auto)
    if material is not None:
        judge = train_judge(read.motions, read.held_out)
        for style, seen in style_rows(judge, dances, read.held_out).items():
            rows |= {f"judge of styles, {style}, {what}, %": share for what, share in seen.items()}
    return rows


def _swap_rows(dancer: Any, heard: Any) -> dict[str, float]:
    """The rows of --swaps."""
    from dancegen.audio.network import load_beat_net
    from dancegen.choreographers.stg_mamba.dance import StgMamba
    from dancegen.lab.evaluate.hotdance import swap_songs
    from dancegen.lab.evaluate.inputs import input_rows
    from dancegen.weights.resolve import weights_path

    pairs = [(song.song, song.grid) for song in heard]
    if isinstance(dancer, StgMamba):
        return input_rows(dancer.network, pairs, load_beat_net(weights_path("beats")))
    return swap_songs(dancer, pairs[::2])


def _named_file(pair: str) -> tuple[str, Path]:
    """`NAME=FILE` of --also."""
    from dancegen.errors import DancegenError

    name, equals, file = pair.partition("=")
    if not (name and equals and file):
        raise DancegenError(f"--also {pair} is no NAME=FILE", "give a name for the table and a .safetensors file")
    return name, Path(file)


def draw_table(
    table: dict[str, dict[str, float]], timing: dict[int, dict[str, float]], listening: dict[str, float]
) -> Any:
    """A rich table: one line for each set of dances, one column for each measure; the rows of --deep below."""
    from rich.table import Table

    said = "; ".join(
        f"{length} s of music in {taken['wall']:.2f} s ({taken['processor']:.2f} s of the processor)"
        for length, taken in timing.items()
    )
    said = "\n".join([said, *(f"{name}: {value:.3g}" for name, value in listening.items())])
    drawn = Table(title="Choreographer on songs kept out of training", caption=said)
    drawn.add_column("")
    for label in LABELS.values():
        drawn.add_column(label, justify="right")
    for name, row in table.items():
        drawn.add_row(name, *(f"{row[key]:.3g}" if key in row else "" for key in LABELS))
    return drawn
