"""`dancegen train frames`: render the synthetic training frames."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dancegen.progress import count_of


def command(
    out: Annotated[Path, typer.Option(help="Folder of the set; scenes go to OUT/SPLIT/NNNNNN.npz.")],
    data: Annotated[Path, typer.Option(help="Folder with characters/, backgrounds/ and dance/.")],
    scenes: Annotated[int, typer.Option(help="How many scenes of 8 frames.")] = 5000,
    first: Annotated[int, typer.Option(help="Number of the first scene; processes can share the work.")] = 0,
    seed: Annotated[int, typer.Option(help="With the scene's number it determines the scene.")] = 0,
    split: Annotated[str, typer.Option(help="train or val: other people, dances and backgrounds.")] = "train",
    figures: Annotated[bool, typer.Option(help="Drawn figures (stick men, doodles) instead of characters.")] = False,
    turned: Annotated[bool, typer.Option(help="Characters may turn their side or back (for the finder).")] = False,
    shells: Annotated[
        bool, typer.Option(help="Photos, and their avatars in other poses from every side (train renderer --avatar).")
    ] = False,
    sheet: Annotated[Path | None, typer.Option(help="Write a contact sheet of the first scenes here (PNG).")] = None,
) -> str:
    """Render synthetic training frames from rigged characters. Scenes that exist are kept."""
    from dancegen.cli.outputs import check_file
    from dancegen.errors import DancegenError
    from dancegen.files import refuse_inputs, whole_file
    from dancegen.lab.synthetic.make import contact_sheet, make_frames
    from dancegen.lab.synthetic.store import scene_path

    if split not in ("train", "val"):
        raise DancegenError(f"there is no split {split!r}", "give --split train or --split val")
    if shells and (figures or turned or sheet is not None):
        raise DancegenError("--shells goes with none of --figures, --turned and --sheet", "leave the others out")
    refuse_inputs(out, [data])
    if sheet is not None:
        check_file(sheet, "--sheet", True, inputs=[data])
    numbers = range(first, first + scenes)
    if shells:
        from dancegen.lab.train.renderer.shells import make_shells

        made = make_shells(out, data, scenes=numbers, seed=seed, split=split)
    else:
        made = make_frames(out, data, scenes=numbers, seed=seed, split=split, figures=figures, turned=turned)
    said = f"{count_of(made.written, 'scenes')} written to {out / split}, {made.found} were there already."
    if sheet is not None:
        with whole_file(sheet) as part:
            contact_sheet([scene_path(out, split, index) for index in numbers[:6]]).save(part)
        said += f" Contact sheet: {sheet}"
    return said
