"""`dancegen evaluate style`: a learnt style beside what its choreographer dances anyway."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer


def command(
    style: Annotated[Path, typer.Argument(help="A file of `dancegen style learn`.")],
    data: Annotated[Path, typer.Option(help="Folder of pairs and songs, as the choreographer was trained on.")],
    genre: Annotated[str, typer.Option(help="The style of the choreographer that the clips are of, for the judge.")],
    weights: Annotated[str, typer.Option(help="A name of the manifest or a .safetensors file.")] = "choreographer",
    seeds: Annotated[int, typer.Option(help="Takes of each song.", min=2)] = 3,
    seconds: Annotated[float, typer.Option(help="Of each song.")] = 45.0,
    test: Annotated[bool, typer.Option(help="The songs that were not looked at while choosing.")] = False,
) -> Any:
    """Does a judge see the genre, do dances differ, does the beat stay? On songs kept out of training."""
    import torch
    from rich.table import Table

    from dancegen.choreographers.stg_mamba.config import STYLES
    from dancegen.choreographers.stg_mamba.dance import load
    from dancegen.choreographers.stg_mamba.learnt import read_style
    from dancegen.cli.context import reporter
    from dancegen.errors import DancegenError
    from dancegen.lab.evaluate.choreographer import read_songs
    from dancegen.lab.evaluate.learnt import compare, judge_of, style_rows
    from dancegen.weights.resolve import weights_path

    if genre not in STYLES[1:]:
        raise DancegenError(f"--genre {genre}: there is no such style", f"choose one of {', '.join(STYLES[1:])}")
    read_style(style)
    dancer = load(weights_path(weights), torch.device("cpu"))
    songs = read_songs(data, seconds, test=test)
    reporter().stage("training the judge")
    judge, _ = judge_of(data)
    rows = style_rows(judge, genre, compare(dancer, str(style), songs, seeds, reporter()), songs)
    table = Table("measure", *rows, title=f"{len(songs)} songs, {seeds} takes of {seconds:g} s each")
    for name in rows["learnt"]:
        table.add_row(name, *(f"{row[name]:.3f}" if name in row else "" for row in rows.values()))
    return table
