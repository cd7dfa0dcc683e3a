"""`dancegen capture`: the movement of a person in a video as a dance."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dancegen.cli.context import check_file, given_files, reporter
from dancegen.cli.options import Detector, Offline, Overwrite, Seed, Weights
from dancegen.errors import DancegenError
from dancegen.production.request import Request

if TYPE_CHECKING:
    from dancegen.people.detectors.base import Detector as Finder

MOST_SAMPLES = 16
LONG = 120.0  # seconds of a clip from which on it is said how long it takes
FRAMES_A_SECOND = 8.0  # that are looked at, about, on two cores


def capture(
    clip: Annotated[Path, typer.Argument(help="A video or a moving GIF of a person, or a drawn pose video.")],
    out: Annotated[Path | None, typer.Option("-o", "--out", help="The dance file; default: CLIP.dance.json.")] = None,
    start: Annotated[float, typer.Option(help="Seconds of the clip to leave out.")] = 0.0,
    duration: Annotated[float | None, typer.Option(help="Seconds of the clip to take; default: all.")] = None,
    fps: Annotated[float | None, typer.Option(help="Frames a second to look at, 5 to 30; default: the clip's.")] = None,
    people: Annotated[
        str, typer.Option(help="Whom, of several: largest, left, right, or a number such as 2.")
    ] = "largest",
    samples: Annotated[int, typer.Option(help="How many movements to imagine; the most fitting is take 1.")] = 4,
    seed: Seed = Request.seed,
    song: Annotated[Path | None, typer.Option(help="Dance to this song: accents are moved onto its beats.")] = None,
    detector: Detector = Request.detector,
    weights: Weights = None,
    offline: Offline = Request.offline,
    overwrite: Overwrite = False,
) -> str:
    """Make the movement of a person in CLIP a dance: for any subject, and with --song for any song."""
    from dancegen.capture.clip import enlarged, open_clip
    from dancegen.capture.diffusion import Sampling
    from dancegen.capture.imagine import imagine, load_vimo
    from dancegen.capture.settle import to_sequence
    from dancegen.capture.watch import is_drawn, watch
    from dancegen.dances.captured import Captured, captured_dance, follow_one
    from dancegen.dances.dance_file import write_dance
    from dancegen.files import check_input
    from dancegen.people.choose import check_choice
    from dancegen.weights.resolve import weights_by_role, weights_path
    from dancegen.weights.verify import weights_info

    out = out or Path(f"{clip.stem}.dance.json")
    check_file(out, "-o", overwrite, inputs=[clip, song, *given_files(weights)])
    check_choice(people)
    if people == "all":
        raise DancegenError(
            "--people all cannot be captured", "capture one after the other: largest, left, right, 2, ..."
        )
    if not 1 <= samples <= MOST_SAMPLES:
        raise DancegenError(f"--samples must be 1 to {MOST_SAMPLES}, not {samples}")
    if song:
        check_input(song, "song", "check its name")
    opened = open_clip(clip, start, duration, fps)
    chosen = weights_by_role(weights or [])
    file = weights_path(chosen.get(ROLE, ROLE), role=ROLE, offline=offline)
    network = load_vimo(file)
    told = reporter()
    count = round(opened.seconds * opened.fps) if opened.seconds < 1e9 else None
    if opened.seconds > LONG and count:
        minutes = count / FRAMES_A_SECOND / 60
        told.note(
            f"{opened.seconds / 60:.0f} minutes of video take about {minutes:.0f} minutes (--duration takes less)"
        )
    told.stage("looking at the clip", count, "frames")
    drawn = is_drawn(opened)
    opened = enlarged(opened) if drawn else opened
    eyes = None if drawn else finder(detector, chosen, offline)
    seen = follow_one(opened, watch(opened, eyes, told), people, told)
    made = imagine(network, seen, samples, Sampling(), seed, told)
    dances = [to_sequence(moved) for moved, _ in made]
    captured = Captured(dances, [misfit for _, misfit in made], weights_info(file), seed)
    dance = captured_dance(opened, captured, song, told)
    write_dance(out, dance)
    to = f", to {dance.song.name}" if dance.song else ", without a song"
    takes = f", {samples} takes, the most fitting first" if samples > 1 else ""
    return f"{out}: {len(dance.takes[0].skeleton)} poses, {dance.seconds:.1f} s{to}{takes}"


ROLE = "capture.vimo"


def finder(name: str, chosen: dict[str, str], offline: bool) -> Finder:
    """The detector of that name; auto is mediapipe where it is installed, else the embedded network."""
    from dancegen import registry
    from dancegen.device import choose_device
    from dancegen.people.detectors import mediapipe
    from dancegen.weights.resolve import weights_path

    if name == "auto":
        name = "mediapipe" if mediapipe.available() else "network"
    line = registry.backend("detector", name)
    path = None
    if name == "network":
        path = weights_path(chosen.get(line.weights, line.weights), role=line.weights, offline=offline)
    found: Finder = registry.load("detector", name, path, choose_device("cpu"))
    return found


COMMANDS = {"capture": capture}
