"""`dancegen join`: two dances, one after the other, with a transition that is imagined."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dancegen.cli.context import reporter, weights_files
from dancegen.cli.options import Offline, Overwrite, Seed, Weights
from dancegen.cli.outputs import check_file
from dancegen.errors import one_line
from dancegen.production.request import Request


def join(
    first: Annotated[Path, typer.Argument(help="A dance file.")],
    second: Annotated[Path, typer.Argument(help="The dance file that follows.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="The dance file to write.")] = Path("joined.dance.json"),
    seed: Seed = Request.seed,
    weights: Weights = None,
    offline: Offline = Request.offline,
    overwrite: Overwrite = False,
) -> str:
    """Join two dances with a second of movement between them; both stay as they are, on the body of the first."""
    import numpy as np

    from dancegen.body.sequence import BONE_LENGTHS
    from dancegen.capture.imagine import load_vimo
    from dancegen.dances.bones import on_bones
    from dancegen.dances.dance_file import DanceFile, Take, round_dance, write_dance
    from dancegen.dances.keep import is_for_other_body, join_dances
    from dancegen.dances.read_dance import read_dance
    from dancegen.weights.own import weights_by_role
    from dancegen.weights.resolve import weights_path

    check_file(out, "-o", overwrite, inputs=[first, second, *weights_files(weights)])
    one, other = read_dance(first), read_dance(second)
    role = "capture.vimo"
    network = load_vimo(weights_path(weights_by_role(weights or []).get(role, role), role=role, offline=offline))
    follows = other.take(None).skeleton
    if is_for_other_body(one, other):
        follows = on_bones(follows, np.asarray(one.body.bones if one.body else BONE_LENGTHS))
        reporter().note(f"{second.name} was made for another body: it is danced on that of {first.name}")
    whole = join_dances(one.take(None).skeleton, follows, network, seed)
    takes = (Take(round_dance(whole), seed, one.take(None).style),)
    write_dance(out, DanceFile(None, np.zeros(0), 0.0, 0.0, None, takes, body=one.body))
    return f"{one_line(out)}: {len(whole)} poses, {whole.seconds:.1f} s, without a song"


COMMANDS = {"join": join}
