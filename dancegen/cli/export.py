"""`dancegen export` and `dancegen import`: dances for other tools, and dances from them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dancegen.cli.context import refuse_options, reporter
from dancegen.cli.kit import export_kit
from dancegen.cli.options import Overwrite, People
from dancegen.cli.outputs import check_file
from dancegen.dances.formats import FORMATS, KITS, NAMES
from dancegen.errors import DancegenError, one_line
from dancegen.progress import count_of

if TYPE_CHECKING:
    from dancegen.body.sequence import SkeletonSequence

Canvas = Annotated[str | None, typer.Option(help="WIDTHxHEIGHT in pixels; default 512x768 or the imported one.")]


def export(
    dance: Annotated[Path, typer.Argument(help="A dance file of `dancegen dance`.")],
    out: Annotated[
        Path,
        typer.Option("-o", "--out", help="A .json, .mp4, .npz, .csv or .bvh file, or a folder for OpenPose or a kit."),
    ],
    kind: Annotated[
        str | None,
        typer.Option(
            "--as",
            help=f"{', '.join(FORMATS)}; a kit: {', '.join(KITS)}; default: by the ending of --out.",
            autocompletion=lambda: list(NAMES),
        ),
    ] = None,
    take: Annotated[int | None, typer.Option(help="Which take; default: the best.")] = None,
    people: People = "all",
    canvas: Canvas = None,
    picture: Annotated[Path | None, typer.Option(help="Put the dance on the body of this picture's person.")] = None,
    pose: Annotated[Path | None, typer.Option(help="With --picture: the person's joints.")] = None,
    fps: Annotated[float | None, typer.Option(help="Poses a second; default: as the dance has them.")] = None,
    song: Annotated[Path | None, typer.Option(help="Of a kit: the song; default: the dance's, if beside it.")] = None,
    driver: Annotated[str, typer.Option(help="Of a kit's driving video: picture, avatar or neutral.")] = "picture",
    overwrite: Overwrite = False,
) -> str:
    """Write a dance for other tools: keypoints, a pose video, npz or CSV, or a kit for a large animator."""
    from dancegen.dances import export as to
    from dancegen.dances.read_dance import read_dance

    if kind in KITS:
        refuse_options(f"does not go with --as {kind}", "leave it out, the kit says it", canvas=canvas, fps=fps)
        if picture is None:
            raise DancegenError(f"--as {kind} needs a picture", "name the person's picture with --picture")
        given = {"take": take, "people": people, "pose": pose}
        return export_kit(kind, dance, picture, out, song=song, driver=driver, overwrite=overwrite, **given)
    refuse_options("only goes with a kit", f"add --as {' or '.join(KITS)}", song=song, driver=driver != "picture")
    refuse_options("does not go with --picture", "leave it out, the picture is the canvas", canvas=picture and canvas)
    refuse_options("only goes with --picture", "name the picture of that person", pose=pose and not picture)
    kind = to.kind_of(out, kind)
    check_file(out, "-o", overwrite, inputs=(dance, picture, pose), folder=not FORMATS[kind].ending)
    wanted = parse_canvas(canvas) if canvas else None
    made = read_dance(dance)
    dancers = to.chosen_dancers(made.take(take), people, str(dance), single=bool(picture) or FORMATS[kind].single)
    if fps is not None:
        if not 1 <= fps <= 240:
            raise DancegenError(f"--fps {fps:g} cannot be", "give 1 to 240")
        dancers = [one.resample(fps, max(1, round(one.seconds * fps))) for one in dancers]
    if picture:
        first, size = _retarget_to_picture(dancers[0], picture, pose)
        pixels = [first]
    else:
        fitting = made.placement if made.placement and not wanted else None
        fitting = fitting or to.fit(dancers[0], *(wanted or to.CANVAS), partners=dancers[1:])
        pixels, size = [to.place(one, fitting) for one in dancers], (fitting.width, fitting.height)
    to.write(out, kind, dancers[0], pixels, size)
    count = f" of {len(pixels)} dancers" if len(pixels) > 1 else ""
    told = f"{count_of(len(pixels[0]), 'poses')}{count} at {pixels[0].fps:g} a second"
    return f"{one_line(out)}: {told} on {size[0]}x{size[1]} ({kind})"


def import_(
    poses: Annotated[
        Path,
        typer.Argument(
            help="Keypoints of OpenPose, ComfyUI, DWPose, MMPose, COCO: a file or a folder; a .bvh (its bones become "
            "the canonical body's); an .npz or .csv of `export`."
        ),
    ],
    song: Annotated[Path | None, typer.Option(help="The song it is danced to; without it the dance has none.")] = None,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="The dance file; default: POSES.dance.json.")] = None,
    fps: Annotated[
        float | None, typer.Option(help="Frames a second; default: as an .npz or .csv says, of keypoints 30.")
    ] = None,
    start: Annotated[float, typer.Option(help="Where in the song the poses begin, seconds.")] = 0.0,
    people: People = "largest",
    canvas: Canvas = None,
    names: Annotated[
        Path | None, typer.Option(help='Of a .bvh with joints of other names: JSON {"left_knee": "its name", ...}.')
    ] = None,
    overwrite: Overwrite = False,
) -> str:
    """Read keypoints of another tool as a dance, so that it can be rendered."""
    from dancegen.dances.dance_file import write_dance
    from dancegen.dances.imports import imported_bvh, imported_dance
    from dancegen.people.choose import check_choice

    out = out or Path(f"{poses.stem}.dance.json")
    refuse_options("only goes with --song", "name the song", start=start and not song)
    check_file(out, "-o", overwrite, inputs=(poses, song, names))
    if fps is not None and not 1 <= fps <= 240:
        raise DancegenError(f"--fps {fps:g} cannot be", "give 1 to 240")
    check_choice(people)
    if poses.suffix.lower() == ".bvh":
        made, notes = imported_bvh(poses, song, start, names)
    else:
        refuse_options("only goes with a .bvh file", "leave it out", names=names)
        made, notes = imported_dance(poses, song, fps, start, parse_canvas(canvas) if canvas else None, people)
    for note in notes:
        reporter().note(note)
    write_dance(out, made)
    take = made.takes[0]
    count = f" of {len(take.dancers)} dancers" if take.partners else ""
    to = f" of {one_line(song.name)}" if song else ", without a song"
    return f"{one_line(out)}: {count_of(len(take.skeleton), 'poses')}{count}, {made.seconds:.1f} s{to}"


def parse_canvas(text: str) -> tuple[int, int]:
    """`512x768` to (512, 768)."""
    width, _, height = text.lower().partition("x")
    sides = [side for side in (width, height) if side.isascii() and side.isdigit() and len(side) <= 4]
    if len(sides) != 2 or not all(16 <= int(side) <= 8192 for side in sides):
        raise DancegenError(f"--canvas {text} is no size", "write it like 512x768, sides from 16 to 8192")
    return int(width), int(height)


def _retarget_to_picture(
    skeleton: SkeletonSequence, picture: Path, pose: Path | None
) -> tuple[SkeletonSequence, tuple[int, int]]:
    """The dance on the body of the picture's person, in the picture's pixels."""
    from dancegen.body.retarget import retarget
    from dancegen.images.picture import open_picture
    from dancegen.people.find import find_people
    from dancegen.production.backends import load_backends
    from dancegen.production.request import Request

    image = open_picture(picture)
    network = None if pose else load_backends(Request(Path(), picture), ["subject"], reporter()).subject
    subject = find_people(image, network=network, pose_file=pose, reporter=reporter())[0]
    return retarget(skeleton, subject.joints, subject.confidence, image.size), image.size


COMMANDS = {"export": export, "import": import_}
