"""`dancegen capture`: the movement of a person in a video as a dance."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dancegen.cli.context import check_file, reporter, weights_files
from dancegen.cli.options import Detector, Offline, Overwrite, Seed, Weights
from dancegen.errors import DancegenError
from dancegen.production.request import Request

if TYPE_CHECKING:
    from dancegen.capture.clip import Clip
    from dancegen.dances.captured import Captured
    from dancegen.people.detectors.base import Detector as Finder

MOST_SAMPLES = 16
LONG = 120.0  # seconds of a clip from which on it is said how long it takes
LONGEST = 1e6  # seconds; what lasts longer does not say how long
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
    from dancegen.capture.clip import open_clip
    from dancegen.dances.captured import captured_dance
    from dancegen.dances.dance_file import write_dance
    from dancegen.files import check_input
    from dancegen.people.choose import check_choice
    from dancegen.weights.resolve import weights_by_role

    out = out or Path(f"{clip.stem}.dance.json")
    check_file(out, "-o", overwrite, inputs=[clip, song, *weights_files(weights)])
    check_choice(people)
    if people == "all":
        raise DancegenError(
            "--people all cannot be captured", "capture one after the other: largest, left, right, 2, ..."
        )
    if not 1 <= samples <= MOST_SAMPLES:
        raise DancegenError(f"--samples must be 1 to {MOST_SAMPLES}, not {samples}")
    if song:
        check_input(song, "song", "check its name")
    chosen = weights_by_role(weights or [])
    opened = open_clip(clip, start, duration, fps)
    captured = captured_movement(opened, Asked(people, samples, seed, detector, offline), chosen)
    dance = captured_dance(opened, captured, song, reporter())
    write_dance(out, dance)
    to = f", to {dance.song.name}" if dance.song else ", without a song"
    takes = f", {samples} takes, the most fitting first" if samples > 1 else ""
    return f"{out}: {len(dance.takes[0].skeleton)} poses, {dance.seconds:.1f} s{to}{takes}"


ROLE = "capture.vimo"


@dataclass(frozen=True)
class Asked:
    """How a clip is captured, as the options say."""

    people: str = "largest"
    samples: int = 4
    seed: int = Request.seed
    detector: str = Request.detector
    offline: bool = Request.offline


def captured_movement(clip: Clip, asked: Asked, chosen: dict[str, str]) -> Captured:
    """Look at a clip and imagine the movement behind it."""
    from dancegen.capture.clip import enlarged
    from dancegen.capture.diffusion import Sampling
    from dancegen.capture.imagine import imagine, load_vimo
    from dancegen.capture.settle import to_sequence
    from dancegen.capture.watch import is_drawn, watch
    from dancegen.dances.captured import Captured, follow_one
    from dancegen.weights.resolve import weights_path
    from dancegen.weights.verify import weights_info

    told = reporter()
    file = weights_path(chosen.get(ROLE, ROLE), role=ROLE, offline=asked.offline)
    network = load_vimo(file)
    count = round(clip.seconds * clip.fps) if clip.seconds < LONGEST else None
    if clip.seconds > LONG and count:
        minutes = count / FRAMES_A_SECOND / 60
        told.note(f"{clip.seconds / 60:.0f} minutes of video take about {minutes:.0f} minutes (--duration takes less)")
    told.stage("looking at the clip", count, "frames")
    drawn = is_drawn(clip)
    clip = enlarged(clip) if drawn else clip
    eyes = None if drawn else finder(asked.detector, chosen, asked.offline)
    seen = follow_one(clip, watch(clip, eyes, told), asked.people, told)
    made = imagine(network, seen, asked.samples, Sampling(), asked.seed, told)
    misfits = [misfit for _, misfit in made]
    return Captured([to_sequence(moved) for moved, _ in made], misfits, weights_info(file), asked.seed)


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
