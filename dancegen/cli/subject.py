"""`dancegen subject`: who is found in a picture, as files that can be corrected and given back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dancegen.cli.context import reporter, weights_files
from dancegen.cli.options import Detector, Device, Mask, Offline, People, Pose, Weights
from dancegen.errors import one_line
from dancegen.production.request import Request

if TYPE_CHECKING:
    import numpy as np

    from dancegen.people.located import LocatedBody

NUMBER_HEIGHT = 0.12  # of a person's number on the overlay, body heights


def subject(
    picture: Annotated[Path, typer.Argument(help="A picture of one person or several.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for the files; made where it is missing.")] = Path(),
    people: People = "all",
    pose: Pose = None,
    mask: Mask = None,
    detector: Detector = Request.detector,
    weights: Weights = None,
    device: Device = Request.device,
    offline: Offline = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")] = False,
) -> Any:
    """Find the people in PICTURE: joints, masks and an overlay to look at.

    NAME.pose.json and NAME.mask.png can be corrected and given back with --pose and --mask. Several people have
    numbers, the largest is 1, and a mask each: NAME.1.mask.png.
    """
    from dancegen.images.picture import open_picture
    from dancegen.people.find import find_people
    from dancegen.production.backends import load_backends
    from dancegen.weights.own import weights_by_role

    inputs = [picture, pose, mask, *weights_files(weights)]
    _check_free(_files(picture, out, 1), out, overwrite, inputs)
    image = open_picture(picture)
    chosen = weights_by_role(weights or [])
    how: dict[str, Any] = {"detector": detector, "weights": chosen, "device": device, "offline": offline}
    request = Request(Path(), picture, pose=pose, mask=mask, people=people, **how)
    backends = load_backends(request, ["subject"], reporter())
    seen_by: dict[str, Any] = {"network": backends.subject, "detector": backends.detector}
    found = find_people(image, **seen_by, choice=people, pose_file=pose, mask_file=mask, reporter=reporter())
    files = _files(picture, out, len(found))
    _check_free(files, out, overwrite, inputs)
    _write(files, found, overwrite)
    return _table(found, files)


def _files(picture: Path, out: Path, people: int) -> list[Path]:
    """The files to write: pose, overlay, and a mask for each of so many people."""
    masks = [".mask.png"] if people == 1 else [f".{number}.mask.png" for number in range(1, people + 1)]
    return [out / (picture.stem + ending) for ending in (".pose.json", ".overlay.png", *masks)]


def _check_free(files: Sequence[Path], out: Path, overwrite: bool, inputs: Sequence[Path | str | None]) -> None:
    """Refuse what cannot be written, or should not be overwritten."""
    import os

    from dancegen.errors import DancegenError
    from dancegen.files import refuse_inputs

    if out.exists() and not out.is_dir():
        raise DancegenError(f"{out} is not a folder", "give a folder with -o")
    for path in files:
        refuse_inputs(path, inputs)
    there = [str(path) for path in files if os.path.lexists(path)]
    if there and not overwrite:
        verb = "are" if len(there) > 1 else "is"
        raise DancegenError(
            f"{' and '.join(there)} {verb} already there", "give --overwrite, or another folder with -o"
        )


def _write(files: Sequence[Path], found: Sequence[LocatedBody], overwrite: bool) -> None:
    """All files, each whole or not at all."""
    import json

    import numpy as np

    from dancegen.body.openpose import frame_json
    from dancegen.errors import DancegenError
    from dancegen.files import claim, refuse_existing, write_whole

    width, height = found[0].picture.size
    frames = [frame_json(body.joints, body.confidence) for body in found]
    everybody = [person for frame in frames for person in frame["people"]]
    pose = {**frames[0], "people": everybody, "canvas_width": width, "canvas_height": height}
    masks = [_png(np.round(body.mask * 255).astype(np.uint8)) for body in found]
    contents = [json.dumps(pose).encode(), _png(overlay(found)), *masks]
    try:
        for path, content in zip(files, contents, strict=True):
            path.parent.mkdir(parents=True, exist_ok=True)
            with claim(path):
                refuse_existing(path, overwrite)  # another run may have made it meanwhile
                write_whole(path, content)
    except OSError as error:
        raise DancegenError(
            f"{error.filename or files[0].parent} cannot be written ({error.strerror})", "give another folder"
        ) from error


def _png(pixels: np.ndarray) -> bytes:
    import io

    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def overlay(found: Sequence[LocatedBody]) -> np.ndarray:
    """The picture with its background dimmed toward magenta and the skeletons over it: uint8 (H, W, 3)."""
    import numpy as np

    from dancegen.body.draw import draw_skeleton

    pixels = found[0].picture.pixels
    people = np.maximum.reduce([body.mask for body in found])[..., None]  # (H, W, 1)
    dimmed = 0.35 * pixels + 0.65 * np.array([255.0, 0, 255])
    drawn = np.clip(pixels * people + dimmed * (1 - people), 0, 255).astype(np.uint8)  # (H, W, 3)
    for body in found:
        drawn = draw_skeleton(drawn, body.joints, body.confidence)
    return _number(drawn, found) if len(found) > 1 else drawn


def _number(pixels: np.ndarray, found: Sequence[LocatedBody]) -> np.ndarray:
    """The picture (H, W, 3) with each person's number on their chest."""
    import numpy as np
    from PIL import Image, ImageDraw, ImageFont

    from dancegen.body.joints import NECK, mid_hip

    picture = Image.fromarray(pixels)
    pen = ImageDraw.Draw(picture)
    for number, body in enumerate(found, 1):
        x, y = (body.places[NECK] + mid_hip(body.places)) / 2
        tall = max(NUMBER_HEIGHT * body.height, 10)
        font = ImageFont.load_default(tall)
        pen.text(
            (x, y), str(number), "white", font, anchor="mm", stroke_width=max(round(tall / 12), 1), stroke_fill="black"
        )
    return np.asarray(picture)


def _table(found: Sequence[LocatedBody], files: Sequence[Path]) -> Any:
    from rich.console import Group
    from rich.table import Table

    from dancegen.body.joints import JOINT_NAMES

    tables = []
    for number, body in enumerate(found, 1):
        table = Table("joint", "x", "y", "confidence", box=None, pad_edge=False)
        for name, (x, y), sure in zip(JOINT_NAMES, body.joints, body.confidence, strict=True):
            place = (f"{x:.1f}", f"{y:.1f}", f"{sure:.2f}") if sure > 0 else ("-", "-", "not in the picture")
            table.add_row(name.replace("_", " "), *place)
        who = f"person {number}, " if len(found) > 1 else ""
        table.title = f"{who}found by {body.detector}; the mask covers {body.mask.mean():.0%} of the picture"
        table.title_justify = table.caption_justify = "left"
        tables.append(table)
    tables[-1].caption = "\n".join(one_line(path) for path in files)
    return Group(*tables)


COMMANDS = {"subject": subject}
