"""`dancegen evaluate subject`: the embedded person finder on real pictures and validation scenes."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any

import typer


def command(
    pictures: Annotated[
        Path | None, typer.Option(help="A folder of folders of photos, videos and drawings with joints.")
    ] = None,
    frames: Annotated[
        list[Path] | None, typer.Option(help="A set of `train frames` with validation scenes; may be repeated.")
    ] = None,
    weights: Annotated[str, typer.Option(help="Weights of the subject network, a name or a file.")] = "subject",
    json: Annotated[Path | None, typer.Option(help="Write all figures here.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Write a contact sheet here.")] = None,
) -> Any:
    """Measure joints and masks of the subject network alone, without mediapipe and DWPose, one row a subfolder.

    Photos are judged by mediapipe's joints and mask, where it is installed, drawings by those that lie beside them
    (X_mask.png, X_joints.yaml). PCK: share of the joints within a share of the body height. IoU: of masks. Exchanged:
    share of the pictures with shoulders and hips on the wrong sides.
    """
    from rich.table import Table

    from dancegen.cli.context import reporter
    from dancegen.cli.outputs import check_file
    from dancegen.errors import DancegenError
    from dancegen.files import whole_file
    from dancegen.lab.evaluate import subject as evaluation
    from dancegen.people.network.network import load_subject_network
    from dancegen.weights.resolve import weights_path

    inputs: list[Path | str | None] = [pictures, *(frames or []), weights]
    if json is not None:
        check_file(json, "--json", True, inputs=inputs)
    if plot is not None:
        check_file(plot, "--plot", True, inputs=inputs, others=[json])
    if pictures is None and not frames:
        raise DancegenError("there is nothing to measure on", "give --pictures or --frames")
    path = Path(weights) if Path(weights).is_file() else weights_path(weights, offline=False, reporter=reporter())
    network = load_subject_network(path)
    judged = evaluation.judge_pictures(pictures) if pictures is not None else []
    judged += evaluation.judge_scenes(frames or [])
    results = evaluation.evaluate(network, judged, reporter())
    if json is not None:
        evaluation.write_json(json, results)
    if plot is not None:
        with whole_file(plot) as part:
            evaluation.contact_sheet(network, judged).save(part)
    table = Table("", "pictures", *evaluation.MEASURES.values(), title="subject network")
    for group, row in evaluation.means(results).items():
        told = ("-" if math.isnan(row[key]) else f"{row[key]:.3f}" for key in evaluation.MEASURES)
        table.add_row(group, f"{row['pictures']:.0f}", *told)
    return table
