"""`dancegen export` and `dancegen import`: dances for other tools, and dances from them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dancegen.cli.context import check_file, refuse_options, reporter
from dancegen.cli.options import Fps, Overwrite
from dancegen.errors import DancegenError
from dancegen.progress import counted

if TYPE_CHECKING:
    from dancegen.body.sequence import SkeletonSequence

Canvas = Annotated[str | None, typer.Option(help="WIDTHxHEIGHT in pixels; default 512x768 or the imported one.")]


def export(
    dance: Annotated[Path, typer.Argument(help="A dance file of `dancegen dance`.")],
    out: Annotated[
        Path, typer.Option("-o", "--out", help="A .json, .mp4, .npz or .csv file, or a folder for OpenPose's files.")
    ],
    kind: Annotated[str | None, typer.Option("--as", help="openpose, comfyui, video, npz or csv.")] = None,
    take: Annotated[int | None, typer.Option(help="Which take; default: the best.")] = None,
    canvas: Canvas = None,
    picture: Annotated[Path | None, typer.Option(help="Put the dance on the body of this picture's person.")] = None,
    pose: Annotated[Path | None, typer.Option(help="With --picture: the person's joints.")] = None,
    fps: Annotated[float | None, typer.Option(help="Poses a second; default: as the dance has them.")] = None,
    overwrite: Overwrite = False,
) -> str:
    """Write a dance for other tools: OpenPose or ComfyUI keypoints, a ControlNet pose video, npz or CSV."""
    from dancegen.dances import export as to
    from dancegen.dances.read_dance import read_dance

    refuse_options("does not go with --picture", "leave it out: the picture is the canvas", canvas=picture and canvas)
    refuse_options("only goes with --picture", "name the picture of that person", pose=pose and not picture)
    kind = to.kind_of(out, kind)
    check_file(out, "-o", overwrite, folder=kind == "openpose")
    made = read_dance(dance)
    skeleton = made.take(take).skeleton
    if fps is not None:
        if not 1 <= fps <= 240:
            raise DancegenError(f"--fps {fps:g} cannot be", "give 1 to 240")
        skeleton = skeleton.resampled(fps, max(1, round(skeleton.seconds * fps)))
    if picture:
        pixels, size = _on_picture(skeleton, picture, pose)
    else:
        wanted = parse_canvas(canvas) if canvas else None
        fitting = made.placement if made.placement and not wanted else to.fitted(skeleton, *(wanted or to.CANVAS))
        pixels, size = to.placed(skeleton, fitting), (fitting.width, fitting.height)
    if kind == "openpose":
        to.write_openpose(out, pixels)
    elif kind == "comfyui":
        to.write_comfyui(out, pixels, size)
    elif kind == "video":
        to.write_video(out, pixels, size)
    elif kind == "npz":
        to.write_npz(out, skeleton, pixels, size)
    else:
        to.write_csv(out, pixels)
    return f"{out}: {counted(len(pixels), 'poses')} at {pixels.fps:g} a second on {size[0]}x{size[1]} ({kind})"


def import_(
    poses: Annotated[Path, typer.Argument(help="ComfyUI or OpenPose JSON, or a folder of OpenPose files.")],
    song: Annotated[Path, typer.Option(help="The song it is danced to.")],
    out: Annotated[Path | None, typer.Option("-o", "--out", help="The dance file; default: POSES.dance.json.")] = None,
    fps: Fps = 30.0,
    start: Annotated[float, typer.Option(help="Where in the song the poses begin, seconds.")] = 0.0,
    canvas: Canvas = None,
    overwrite: Overwrite = False,
) -> str:
    """Read keypoints of another tool as a dance, so that it can be rendered."""
    from dancegen.dances.dance_file import write_dance
    from dancegen.dances.imports import imported_dance

    out = out or Path(f"{poses.stem}.dance.json")
    check_file(out, "-o", overwrite)
    if not 1 <= fps <= 240:
        raise DancegenError(f"--fps {fps:g} cannot be", "give 1 to 240")
    made, notes = imported_dance(poses, song, fps, start, parse_canvas(canvas) if canvas else None)
    for note in notes:
        reporter().note(note)
    write_dance(out, made)
    return f"{out}: {counted(len(made.takes[0].skeleton), 'poses')}, {made.seconds:.1f} s of {song.name}"


def parse_canvas(text: str) -> tuple[int, int]:
    """`512x768` to (512, 768)."""
    width, _, height = text.lower().partition("x")
    if not (width.isdigit() and height.isdigit() and 16 <= int(width) <= 8192 and 16 <= int(height) <= 8192):
        raise DancegenError(f"--canvas {text} is no size", "write it like 512x768, sides from 16 to 8192")
    return int(width), int(height)


def _on_picture(
    skeleton: SkeletonSequence, picture: Path, pose: Path | None
) -> tuple[SkeletonSequence, tuple[int, int]]:
    """The dance on the body of the picture's person, in the picture's pixels."""
    from dancegen.body.retarget import retarget
    from dancegen.images.picture import open_picture
    from dancegen.people.find import find_subject
    from dancegen.production.backends import load_backends
    from dancegen.production.request import Request

    image = open_picture(picture)
    network = None if pose else load_backends(Request(Path(), picture), ["subject"], reporter()).subject
    subject = find_subject(image, network=network, pose_file=pose, reporter=reporter())
    return retarget(skeleton, subject.joints, subject.confidence, image.size), image.size


COMMANDS = {"export": export, "import": import_}
