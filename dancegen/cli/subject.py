"""`dancegen subject`: what is found in a picture, as files that can be corrected and given back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dancegen.cli.context import reporter
from dancegen.cli.options import Device, Mask, Offline, Pose, Weights

if TYPE_CHECKING:
    import numpy as np

    from dancegen.people.subject import Subject


def subject(
    picture: Annotated[Path, typer.Argument(help="A picture of one person.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for the files; made where it is missing.")] = Path(),
    pose: Pose = None,
    mask: Mask = None,
    weights: Weights = None,
    device: Device = "auto",
    offline: Offline = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")] = False,
) -> Any:
    """Find the person in PICTURE: joints, mask and an overlay to look at.

    NAME.pose.json and NAME.mask.png can be corrected and given back with --pose and --mask.
    """
    from dancegen.images.picture import open_picture
    from dancegen.people.find import find_subject
    from dancegen.production.networks import load_networks
    from dancegen.weights.resolve import weights_by_role

    files = _files(picture, out, overwrite)
    image = open_picture(picture)
    chosen = weights_by_role(weights or [])
    networks = load_networks(chosen, device=device, roles=("subject",), offline=offline, reporter=reporter())
    found = find_subject(image, network=networks.subject, pose_file=pose, mask_file=mask, reporter=reporter())
    _write(found, files)
    return _table(found, files)


def _files(picture: Path, out: Path, overwrite: bool) -> dict[str, Path]:
    """The files to write, checked before the work."""
    from dancegen.errors import DancegenError

    if out.exists() and not out.is_dir():
        raise DancegenError(f"{out} is not a folder", "give a folder with -o")
    endings = {"pose": ".pose.json", "mask": ".mask.png", "overlay": ".overlay.png"}
    files = {what: out / (picture.stem + ending) for what, ending in endings.items()}
    there = [str(path) for path in files.values() if path.exists()]
    if there and not overwrite:
        raise DancegenError(f"{' and '.join(there)} already there", "give --overwrite, or another folder with -o")
    return files


def _write(found: Subject, files: dict[str, Path]) -> None:
    """All three files, each whole or not at all."""
    import io
    import json

    import numpy as np
    from PIL import Image

    from dancegen.body.openpose import frame_json
    from dancegen.errors import DancegenError

    width, height = found.image.size
    pose = {**frame_json(found.joints, found.confidence), "canvas_width": width, "canvas_height": height}
    contents = {"pose": json.dumps(pose).encode()}
    for what, pixels in (("mask", np.round(found.mask * 255).astype(np.uint8)), ("overlay", overlay(found))):
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "PNG")
        contents[what] = buffer.getvalue()
    try:
        for what, path in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_name(f".{path.name}.part")
            try:
                part.write_bytes(contents[what])
                part.replace(path)
            finally:
                part.unlink(missing_ok=True)
    except OSError as error:
        raise DancegenError(
            f"{error.filename or files['pose'].parent} cannot be written ({error.strerror})", "give another folder"
        ) from error


def overlay(found: Subject) -> np.ndarray:
    """The picture with its background dimmed toward magenta and the skeleton over it: uint8 (H, W, 3)."""
    import numpy as np

    from dancegen.body.draw import draw_skeleton

    person = found.mask[..., None]  # (H, W, 1)
    dimmed = 0.35 * found.image.pixels + 0.65 * np.array([255.0, 0, 255])
    mixed = found.image.pixels * person + dimmed * (1 - person)  # (H, W, 3)
    return draw_skeleton(np.clip(mixed, 0, 255).astype(np.uint8), found.joints, found.confidence)


def _table(found: Subject, files: dict[str, Path]) -> Any:
    from rich.table import Table

    from dancegen.body.joints import JOINT_NAMES

    table = Table("joint", "x", "y", "confidence", box=None, pad_edge=False)
    for name, (x, y), sure in zip(JOINT_NAMES, found.joints, found.confidence, strict=True):
        place = (f"{x:.1f}", f"{y:.1f}", f"{sure:.2f}") if sure > 0 else ("-", "-", "not in the picture")
        table.add_row(name.replace("_", " "), *place)
    table.title = f"found by {found.detector}; the mask covers {found.mask.mean():.0%} of the picture"
    table.caption = "\n".join(str(path) for path in files.values())
    table.title_justify = table.caption_justify = "left"
    return table


COMMANDS = {"subject": subject}
