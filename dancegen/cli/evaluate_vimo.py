"""`dancegen evaluate vimo`: the motion network on held-out performances under synthetic cameras."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer


def command(
    data: Annotated[Path, typer.Option(help="The folder of motions that it was trained on; what is held out is used.")],
    weights: Annotated[str, typer.Option(help="Weights of the motion network, a name or a file.")] = "capture.vimo",
    regression: Annotated[Path | None, typer.Option(help="Weights of a regression, to compare with.")] = None,
    windows: Annotated[int, typer.Option(help="Windows of 5 s a level.", min=2)] = 200,
    levels: Annotated[str, typer.Option(help="Which of A static, B moving, C cuts, D hidden, E everything.")] = "ABCDE",
    scenes: Annotated[
        Path | None, typer.Option(help="Folder with characters/ and backgrounds/: films are made, and looked at.")
    ] = None,
    films: Annotated[int, typer.Option(help="With --scenes: films of 5 s a level.", min=1)] = 4,
    choosing: Annotated[
        bool, typer.Option("--choosing", help="On the takes that choices are made on, not on those reported.")
    ] = False,
    json: Annotated[Path | None, typer.Option(help="Write all figures here.")] = None,
) -> Any:
    """Measure the movement that is imagined against the truth, at five levels of casual cameras; see the weights' card.

    Window: mm after one similarity for 5 s; in place: without the path. Pose: after one a frame. Acceleration error:
    m/s2. Skate: cm/s of a foot that stands. Beats: F of the moments of rest, 0.1 s.
    """
    import dataclasses

    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    from dancegen.capture.diffusion import Sampling
    from dancegen.capture.imagine import load_vimo
    from dancegen.cli.context import reporter
    from dancegen.cli.outputs import check_file
    from dancegen.errors import DancegenError
    from dancegen.files import write_whole
    from dancegen.lab.evaluate import vimo as evaluation
    from dancegen.lab.evaluate import vimo_inputs as inputs
    from dancegen.lab.evaluate.seams import measure_seams
    from dancegen.weights.resolve import weights_path

    if json is not None:
        check_file(json, "--json", True, inputs=[data, weights, regression])
    if not levels or set(levels) - set("ABCDE"):
        raise DancegenError(f"--levels {levels} are none", "give some of ABCDE")
    path = Path(weights) if Path(weights).is_file() else weights_path(weights, offline=False, reporter=reporter())
    network, other = load_vimo(path), load_vimo(regression) if regression else None
    how = Sampling()
    reporter().stage("reading motion")
    material = evaluation.read_material(data, choosing=choosing)
    if scenes is not None:
        return _films(network, material.held_out, scenes, films, levels)
    found = evaluation.evaluate_levels(network, material, windows, how, other, reporter(), levels)
    table = Table(
        "level",
        "method",
        "window",
        "in place",
        "pose",
        "acceleration",
        "skate",
        "beats",
        title=f"{windows} windows a level",
    )
    for level, rows in found.items():
        for method, row in rows.items():
            told = (f"{value:.2f}" if value < 20 else f"{value:.0f}" for value in dataclasses.astuple(row))
            table.add_row(level, method, *told)
    dropped = evaluation.measure_drop_outs(network, material.held_out, windows, how)
    moved = inputs.measure_swaps(network, material.held_out, windows, how)
    dead, units = inputs.dead_units(network, material.held_out, windows)
    seams = measure_seams(network, material.held_out, windows)
    lines = [
        f"fills of 2 s: acceleration at seams {seams.inside:.2f} x that inside, {seams.true:.2f} x the true one; "
        f"known poses {'equal' if seams.equal else 'CHANGED'}",
        "joints left out: " + ", ".join(f"{share:.0%} {error:.0f} mm" for share, error in dropped.items()),
        "an input of another window moves joints by: "
        + ", ".join(f"{name} {gap:.0f} mm" for name, gap in moved.items()),
        f"{dead} of {units} hidden units are dead",
    ]
    if json is not None:
        from json import dumps

        plain = {
            name: {method: dataclasses.asdict(row) for method, row in rows.items()} for name, rows in found.items()
        }
        content = {"levels": plain, "dropped": dropped, "swapped": moved, "dead": dead, "units": units}
        write_whole(json, dumps(content, indent=1).encode())
    return Group(table, *(Text(line) for line in lines))


def _films(network: Any, held_out: Any, scenes: Path, count: int, levels: str) -> Any:
    """What mediapipe sees of filmed characters, and what is captured from it."""
    from rich.console import Group
    from rich.table import Table

    from dancegen.capture.diffusion import Sampling
    from dancegen.cli.context import reporter
    from dancegen.lab.evaluate import filmed
    from dancegen.lab.synthetic.cameras import LEVELS
    from dancegen.people.detectors import mediapipe

    parts: list[Any] = []
    for level in levels:
        looked = filmed.look(held_out, scenes, count, LEVELS[level], mediapipe.load(), ord(level), reporter())
        seen = filmed.noise_rows(looked)
        columns = list(seen["seen"])
        noise = Table(
            "joints", *columns, title=f"level {level}: {count} films, mediapipe, {looked.rate:.0f} frames a second"
        )
        for name, row in seen.items():
            noise.add_row(name, *(f"{row[column]:.3f}" if column in row else "" for column in columns))
        made = filmed.capture_rows(network, looked, Sampling())
        captured = Table("method", *next(iter(made.values())))
        for name, row in made.items():
            captured.add_row(name, *(f"{value:.2f}" for value in row.values()))
        parts += [noise, captured]
    return Group(*parts)
