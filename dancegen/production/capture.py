"""A clip becomes a dance: who is seen in it, and the movement that is imagined behind; for every app."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from dancegen.errors import DancegenError
from dancegen.production.request import Request
from dancegen.progress import Reporter

if TYPE_CHECKING:
    from dancegen.body.sequence import SkeletonSequence
    from dancegen.capture.clip import Clip
    from dancegen.capture.network import Vimo
    from dancegen.dances.captured import Captured
    from dancegen.people.detectors.base import Detector

ROLE = "capture.vimo"
MOST_SAMPLES = 16
LONG = 120.0  # seconds of a clip from which on it is said how long it takes
LONGEST = 1e6  # seconds; what lasts longer does not say how long
FRAMES_A_SECOND = 8.0  # that are looked at, about, on two cores


@dataclass(frozen=True)
class Asked:
    """How a clip is captured.

    Attributes:
        people: whom of several: "largest", "left", "right" or a number.
        samples: how many movements to imagine; the most fitting is the first.
        seed: of the imagination.
        detector: who finds people: a name of the registry, or "auto".
        weights: role -> name or file, for roles that shall not take the default.
        offline: never touch the network.

    Raises:
        DancegenError: a value that cannot be.
    """

    people: str = "largest"
    samples: int = 4
    seed: int = Request.seed
    detector: str = Request.detector
    weights: Mapping[str, str] = field(default_factory=dict)
    offline: bool = Request.offline

    def __post_init__(self) -> None:
        if not _means_one(self.people):
            what = f"--people must be largest, left, right or a number such as 2 here, not {self.people!r}"
            raise DancegenError(what, "capture several one after the other; the largest is 1")
        if not 1 <= self.samples <= MOST_SAMPLES:
            raise DancegenError(f"--samples must be 1 to {MOST_SAMPLES}, not {self.samples}")


def capture_movement(clip: Clip, asked: Asked, reporter: Reporter) -> Captured:
    """Look at a clip and imagine the movement behind it.

    Raises:
        DancegenError: nobody is seen, or hardly; as `capture.clip.frames`; weights are missing.
    """
    from dancegen.capture.clip import enlarge
    from dancegen.capture.diffusion import Sampling
    from dancegen.capture.imagine import imagine, load_vimo
    from dancegen.capture.settle import to_sequence
    from dancegen.capture.watch import is_drawn, watch
    from dancegen.dances.captured import Captured, follow_one
    from dancegen.weights.verify import weights_info

    file = _weights(ROLE, asked.weights, asked.offline)
    network = load_vimo(file)
    count = round(clip.seconds * clip.fps) if clip.seconds < LONGEST else None
    if clip.seconds > LONG and count:
        minutes = count / FRAMES_A_SECOND / 60
        reporter.note(
            f"{clip.seconds / 60:.0f} minutes of video take about {minutes:.0f} minutes (--duration takes less)"
        )
    reporter.stage("looking at the clip", count, "frames")
    drawn = is_drawn(clip)
    clip = enlarge(clip) if drawn else clip
    eyes = None if drawn else _finder(asked)
    seen = follow_one(clip, watch(clip, eyes, reporter), asked.people, reporter)
    made = imagine(network, seen, asked.samples, Sampling(), asked.seed, reporter)
    misfits = [misfit for _, misfit in made]
    return Captured([to_sequence(moved) for moved, _ in made], misfits, weights_info(file), asked.seed)


def load_motion_network(weights: Mapping[str, str], offline: bool = Request.offline) -> Vimo:
    """The network that imagines movement, as fills and transitions need it.

    Args:
        weights: role -> name or file, for roles that shall not take the default.
        offline: never touch the network.
    """
    from dancegen.capture.imagine import load_vimo

    return load_vimo(_weights(ROLE, weights, offline))


def read_model(file: Path, asked: Asked, reporter: Reporter) -> SkeletonSequence:
    """The dance of a dance file, or of the dancer in a video, for others to dance like it."""
    from dancegen.dances.read_dance import read_dance

    if file.suffix.lower() == ".json":
        return read_dance(file).take(None).skeleton
    from dancegen.capture.clip import open_clip

    return capture_movement(open_clip(file, 0.0, None, None), asked, reporter).dances[0]


def _finder(asked: Asked) -> Detector:
    """The detector that is asked for; auto is mediapipe where it is installed, else the embedded network."""
    from dancegen import registry
    from dancegen.device import choose_device
    from dancegen.people.detectors import mediapipe

    name = asked.detector
    if name == "auto":
        name = "mediapipe" if mediapipe.is_available() else "network"
    role = registry.backend("detector", name).weights
    path = _weights(role, asked.weights, asked.offline) if name == "network" else None
    found: Detector = registry.load("detector", name, path, choose_device("cpu"))
    return found


def _weights(role: str, chosen: Mapping[str, str], offline: bool) -> Path:
    from dancegen.weights.resolve import weights_path

    return weights_path(chosen.get(role, role), role=role, offline=offline)


def _means_one(choice: str) -> bool:
    from dancegen.people.choose import check_choice

    try:
        return choice != "all" and len(check_choice(choice)) < 2
    except DancegenError:
        return False
