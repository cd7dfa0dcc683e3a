"""The whole job: a song and a picture become a dance video."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from dancegen import __version__
from dancegen.audio.beats import BeatGrid, finding_beats
from dancegen.audio.load import check_stretch, load_song
from dancegen.audio.song import Song
from dancegen.body.sequence import SkeletonSequence
from dancegen.choreographers.stg_mamba.config import STYLES
from dancegen.dances.origin import Origin
from dancegen.device import choose_device
from dancegen.errors import DancegenError
from dancegen.images.picture import ConditionalImage, open_picture
from dancegen.people.subject import Subject
from dancegen.production.checks import warnings
from dancegen.production.networks import LOADED_ROLES, Networks, load_networks
from dancegen.progress import Reporter, SilentReporter
from dancegen.video.encode import CRF, VideoWriter, check_output, check_room
from dancegen.weights.verify import WeightsInfo

SIZES = (64, 2048)  # pixels, the longer side of a video
RATES = (1.0, 120.0)  # frames a second
CRFS = (0, 51)
SEEDS = (0, 2**63 - 1)

Draw = Callable[[SkeletonSequence], Iterator[np.ndarray]]  # poses in the picture's pixels -> uint8 (h, w, 3) each


@dataclass(frozen=True)
class Settings:
    """How a video shall be; the defaults of the Python API and of the command line.

    Attributes:
        seed: another seed is another dance; the same seed, song and weights are the same dance.
        style: one of STYLES.
        size: longer side of the video, pixels.
        fps: frames a second.
        crf: x264's quality, 0 (lossless) to 51.
        preview: draw the skeleton only.
    """

    seed: int = 0
    style: str = "none"
    size: int = 512
    fps: float = 30.0
    crf: int = CRF
    preview: bool = False

    def __post_init__(self) -> None:
        if self.style not in STYLES:
            raise DancegenError(f"there is no dance style {self.style!r}", f"choose one of {', '.join(STYLES)}")
        limits = {"size": SIZES, "fps": RATES, "crf": CRFS, "seed": SEEDS}
        for name, (low, high) in limits.items():
            value = getattr(self, name)
            if not (math.isfinite(value) and low <= value <= high):
                given = f"{value:g}" if isinstance(value, float) else value
                raise DancegenError(f"--{name} {given} cannot be", f"give {int(low)} to {int(high)}")


@dataclass(frozen=True)
class Rendered:
    """What was made: the video, its facts, and the stages' results for whoever wants to go on with them.

    `facts` is what the video's comment says about its making.
    """

    path: Path
    frames: int
    size: tuple[int, int]
    song: Song
    grid: BeatGrid
    dance: SkeletonSequence
    subject: Subject
    facts: dict[str, Any]


def render_dance(
    song: Path | str,
    picture: Path | str,
    out: Path | str,
    *,
    start: float = 0.0,
    duration: float | None = None,
    settings: Settings | None = None,
    grid: BeatGrid | Callable[[Song], BeatGrid] | None = None,
    dance: SkeletonSequence | Callable[[Song], SkeletonSequence] | None = None,
    subject: Subject | None = None,
    origin: Origin | None = None,
    pose: Path | None = None,
    mask: Path | None = None,
    networks: Networks | None = None,
    weights: Mapping[str, str] | None = None,
    device: str = "auto",
    offline: bool = False,
    overwrite: bool = False,
    reporter: Reporter | None = None,
) -> Rendered:
    """Make a video of the person of `picture` dancing to `song`.

    Args:
        song: any file with sound; `start` and `duration` (seconds) take a stretch of it.
        picture: one person, best from head to foot.
        out: the video; its ending chooses the container.
        settings: see `Settings`.
        grid: the beats of that stretch, where they are known, or what tells them; else they are looked for.
        dance: a dance made before (canonical), or what makes one, instead of a new one.
        subject: the person found before in this picture, instead of looking for them.
        origin: where that dance and that person come from.
        pose, mask: files that give the person's joints and outline.
        networks: loaded before; else they are loaded as `weights`, `device` and `offline` say.
        overwrite: replace `out` if it is there.
        reporter: is told about stages, progress and notes.

    Raises:
        DancegenError: everything a user can cause; then nothing is left under the name `out`, or what was there before.
    """
    settings, reporter, out = settings or Settings(), reporter or SilentReporter(), Path(out)
    check_stretch(start, duration)
    if networks is None and device not in ("auto", "cpu"):
        choose_device(device)  # refuses what there is not, before the song is heard
    check_output(out, overwrite=overwrite, inputs=[Path(song), Path(picture)])
    _check_given(pose, mask)
    image = subject.image if subject else open_picture(picture)
    reporter.stage("listening to the song")
    sound = load_song(song, start, duration, reporter)
    frames = max(round(sound.seconds * settings.fps), 1)
    size = _size(image, settings)
    check_room(out, *size, frames)
    grid = grid(sound) if callable(grid) else grid
    dance = dance(sound) if callable(dance) else dance
    roles = _roles(settings, dance is None, subject is None and not (pose and mask))
    with finding_beats(sound, grid) as beats:
        if networks is None:
            reporter.stage("loading the networks")
            networks = load_networks(weights, device=device, offline=offline, reporter=reporter, roles=roles)
        if subject is None:
            reporter.stage("finding the person")
            subject = _find(image, networks, pose, mask, reporter)
        draw = _skeleton(subject, size) if settings.preview else _person(subject, networks, settings, reporter)
        grid = beats()
    if dance is None:
        dance = _choreograph(sound, grid, networks, settings, reporter)
    for warning in warnings(grid, subject, dance):
        reporter.note(warning)
    poses = _place(dance, subject, settings.fps, frames)
    reporter.stage("drawing", frames, "frames")
    facts = _facts(settings, {role: used for role, used in networks.weights.items() if role in roles}, origin)
    with VideoWriter(out, *size, settings.fps, sound, facts, settings.crf) as video:
        for frame in draw(poses):
            video.write(frame)
            reporter.advance()
    return Rendered(out, frames, size, sound, grid, dance, subject, facts)


def _check_given(*files: Path | str | None) -> None:
    """Refuse --pose and --mask files that are not there before the networks are loaded, not after."""
    for file in files:
        if file and not Path(file).is_file():
            raise DancegenError(f"{file}: no such file", "check the name given with --pose or --mask")


def _size(image: ConditionalImage, settings: Settings) -> tuple[int, int]:
    from dancegen.renderers.puppet.renderer import output_size

    return output_size(image.size, settings.size)


def _roles(settings: Settings, to_dance: bool, to_find: bool) -> list[str]:
    """The networks this job needs, with a dance to be made or not, and with a person to be found or not."""
    needed = {"choreographer": to_dance, "subject": to_find, "renderer": not settings.preview}
    return [role for role in LOADED_ROLES if needed[role]]


def _choreograph(
    song: Song, grid: BeatGrid, networks: Networks, settings: Settings, reporter: Reporter
) -> SkeletonSequence:
    from dancegen.choreographers.stg_mamba.dance import choreograph

    if grid.confidence == 0:
        reporter.note(f"{song.path.name} has no beat that could be found: the dance counts its own")
    return choreograph(song, grid, networks.dancer(), seed=settings.seed, style=settings.style, reporter=reporter)


def _find(
    image: ConditionalImage, networks: Networks, pose: Path | None, mask: Path | None, reporter: Reporter
) -> Subject:
    from dancegen.people.find import find_subject

    return find_subject(image, network=networks.subject, pose_file=pose, mask_file=mask, reporter=reporter)


def _place(dance: SkeletonSequence, subject: Subject, fps: float, frames: int) -> SkeletonSequence:
    """The dance at the video's rate and length, on the subject's body and in their picture."""
    from dancegen.body.retarget import retarget

    return retarget(dance.resampled(fps, frames), subject.joints, subject.confidence, subject.image.size)


def _person(subject: Subject, networks: Networks, settings: Settings, reporter: Reporter) -> Draw:
    """Draws the person. What depends on the picture alone is done here and now."""
    from dancegen.renderers.puppet.renderer import Renderer

    reporter.stage("preparing the picture")
    renderer = Renderer(networks.renderer, networks.device)
    return partial(renderer.render, renderer.prepare(subject, settings.size))


def _skeleton(subject: Subject, size: tuple[int, int]) -> Draw:
    """Draws the skeleton on black."""
    from dancegen.body.draw import draw_skeleton

    black = np.zeros((size[1], size[0], 3), np.uint8)
    scale = np.divide(size, subject.image.size)

    def draw(poses: SkeletonSequence) -> Iterator[np.ndarray]:
        for joints, confidence in zip(poses.joints, poses.confidence, strict=True):
            yield draw_skeleton(black, joints[:, :2] * scale, confidence)

    return draw


def _facts(settings: Settings, used: Mapping[str, WeightsInfo], origin: Origin | None) -> dict[str, Any]:
    """What the video's comment says about its making; `used`: the weights of this job's own stages."""
    origin = origin or Origin()
    weights = {**origin.weights, **used}
    facts: dict[str, Any] = {"dancegen": __version__, "seed": settings.seed, "style": settings.style}
    facts["weights"] = {role: asdict(weights[role]) for role in LOADED_ROLES if role in weights}
    if origin.dance:
        facts["dance"] = dict(origin.dance)
    if settings.preview:
        facts["preview"] = True
    return facts
