"""The whole job: a song and a picture become a dance video."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dancegen import __version__, registry
from dancegen.audio.beats import BeatGrid, find_beats
from dancegen.audio.load import load_song
from dancegen.audio.song import Song
from dancegen.body.sequence import SkeletonSequence
from dancegen.device import choose_device
from dancegen.files import check_input
from dancegen.images.picture import ConditionalImage, open_picture
from dancegen.people.located import LocatedBody
from dancegen.production.backends import JOBS, Backends, load_backends, weights_roles
from dancegen.production.known import Known, read_known
from dancegen.production.request import Request
from dancegen.production.sinks import Sink
from dancegen.production.staging import stage
from dancegen.production.warnings import warnings
from dancegen.progress import Reporter, SilentReporter
from dancegen.renderers.base import check_background
from dancegen.weights.verify import WeightsInfo

if TYPE_CHECKING:
    from dancegen.production.camera import Camera
    from dancegen.renderers.base import Renderer

Draw = Callable[..., Iterator[np.ndarray]]  # poses of everybody, in the picture's pixels -> uint8 (h, w, 3) each


@dataclass(frozen=True)
class Produced:
    """What was made: its facts, and the stages' results for whoever wants to go on with them.

    Attributes:
        frames: how many.
        size: (w, h) pixels.
        subject: the largest of those who dance.
        facts: what the video's comment says about its making.
        path: the file, where it went into one.
        people: all who dance, the largest first.
    """

    frames: int
    size: tuple[int, int]
    song: Song
    grid: BeatGrid
    dance: SkeletonSequence
    subject: LocatedBody
    facts: dict[str, Any]
    path: Path | None = None
    people: tuple[LocatedBody, ...] = ()


@dataclass(frozen=True)
class Film:
    """A video of which all is ready but the frames: iterating draws them, uint8 (h, w, 3) RGB each.

    Attributes:
        request: as it was carried out, with what a dance file said.
        made: what is known of the video.
        poses: of everybody who dances, one a frame, in pixels of the picture.
        draw: draws poses of everybody.
        camera: what shows a part of what is drawn; None for all of it.
    """

    request: Request
    made: Produced
    poses: tuple[SkeletonSequence, ...]
    draw: Draw
    camera: Camera | None = None

    def __iter__(self) -> Iterator[np.ndarray]:
        drawn = self.draw(*self.poses)
        return self.camera.look(drawn) if self.camera else drawn


def produce(
    request: Request,
    sink: Sink,
    reporter: Reporter | None = None,
    *,
    known: Known | None = None,
    backends: Backends | None = None,
) -> Produced:
    """Make the video of a request.

    Args:
        request: what is wanted.
        sink: where the frames go.
        reporter: is told about stages, progress and notes.
        known: results of stages that need not be done again.
        backends: loaded before, for many videos; else they are loaded as the request says.

    Raises:
        DancegenError: everything a user can cause; then a file is as it was before, or not there.
    """
    reporter = reporter or SilentReporter()
    with sink.claim(request):
        film = prepare(request, reporter, known=known, backends=backends, reserve=sink.reserve)
        made = film.made
        for warning in warnings(made.grid, made.subject, made.dance):
            reporter.note(warning)
        reporter.stage("drawing", made.frames, "frames")
        with sink.open(film) as write:
            for frame in film:
                write(frame)
                reporter.advance()
    return made


def prepare(
    request: Request,
    reporter: Reporter | None = None,
    *,
    known: Known | None = None,
    backends: Backends | None = None,
    reserve: Callable[[tuple[int, int], int], None] = lambda size, frames: None,
) -> Film:
    """Everything but the frames: `for frame in prepare(request)` draws them one by one, for notebooks and windows.

    Args:
        request, reporter, known, backends: see `produce`.
        reserve: is told size and number of the frames as soon as they are known; may raise.

    Raises:
        DancegenError: as `produce`.
    """
    reporter = reporter or SilentReporter()
    if backends is None and request.device not in ("auto", "cpu"):
        choose_device(request.device)  # refuses what there is not, before the song is heard
    _check_files(request)
    request, known = read_known(request, known or Known(), reporter)
    image = known.people[0].picture if known.people else open_picture(request.picture)
    reporter.stage("listening to the song")
    song = load_song(request.song, request.start, request.duration, reporter)
    frames = max(round(song.seconds * request.fps), 1)
    size = request.video_size(image.size)
    reserve(size, frames)
    jobs = _jobs(request, known)
    if backends is None:
        reporter.stage("loading the networks")
        backends = load_backends(request, jobs, reporter)
    people = known.people or find_people_for(request, image, backends, reporter)
    grid, dancers = known.recall(song, people)
    if grid is None:
        grid = find_beats(song, request.weights.get("beats"), reporter)
    if request.canvas:
        from dancegen.production.canvas import fit_to_canvas

        people = fit_to_canvas(people, request)
    renderer = backends.drawer(request)
    dancers = dancers or _choreograph(request, song, grid, backends, reporter, people)
    turns = renderer.can_turn(people) if hasattr(renderer, "can_turn") else renderer.shows_turns
    poses = stage(request, people, dancers, grid, frames, turns=turns, begin=not known.as_it_is, reporter=reporter)
    camera = None
    if request.moves:
        from dancegen.production.camera import make_camera

        camera = make_camera(request, poses, people[0].picture.size, song, grid, reporter)
    draw = _ready_to_draw(request, people, renderer, camera, reporter)
    used = {role: info for role, info in backends.weights.items() if role in weights_roles(request, jobs)}
    made = Produced(frames, size, song, grid, dancers[0], people[0], _facts(request, used, known), people=tuple(people))
    return Film(request, made, poses, draw, camera)


def _check_files(request: Request) -> None:
    """Refuse files that are not there, or no pictures, before the networks are loaded, not after."""
    check_input(request.song, "song", "check the song's name and folder")
    for file, what in ((request.pose, "pose"), (request.mask, "mask")):
        if file:
            check_input(file, what, f"check the name given with --{what}")
    if request.background:
        behind = check_background(request.background)
        if isinstance(behind, Path):
            open_picture(behind)


def _jobs(request: Request, known: Known) -> list[str]:
    """Those of JOBS that are left to do."""
    found = bool(known.people or (request.pose and request.mask))
    done = {"choreographer": known.dance is not None, "subject": found}
    return [job for job in JOBS if not done.get(job)]


def find_people_for(
    request: Request, image: ConditionalImage, backends: Backends, reporter: Reporter
) -> list[LocatedBody]:
    """The people of the picture whom a request means, the largest first.

    Raises:
        DancegenError: nobody, or a number that nobody has.
    """
    from dancegen.people.find import find_people

    reporter.stage("finding the person")
    how: dict[str, Any] = {"network": backends.subject, "detector": backends.detector, "choice": request.people}
    return find_people(image, **how, pose_file=request.pose, mask_file=request.mask, reporter=reporter)


def _choreograph(
    request: Request, song: Song, grid: BeatGrid, backends: Backends, reporter: Reporter, people: Sequence[LocatedBody]
) -> tuple[SkeletonSequence, ...]:
    """One dance, or those of a couple where two dance in a style of couples and no other formation is asked for."""
    if grid.confidence == 0:
        reporter.note(f"{song.path.name} has no beat that could be found: the dance counts its own")
    dancer = backends.dancer()
    if request.steps is not None or hasattr(dancer, "for_person"):
        from dancegen.production.fitting import fit_to

        dancer = fit_to(dancer, people, request.picture.name, request.steps, reporter).dancer
    manner = {"amount": request.style_amount, "turns": request.turns}

    def dance(seed: int) -> SkeletonSequence:
        return dancer.dance(song, grid, seed=seed, style=request.style, **manner, reporter=reporter)

    if len(people) != 2 or request.formation != Request.formation:
        return (dance(request.seed),)
    from dancegen.choreographers.finish.couple import COUPLES, partner

    leader = dance(request.seed)
    return (leader, partner(leader, dance(request.seed + 1))) if request.style in COUPLES else (leader,)


def _ready_to_draw(
    request: Request, people: Sequence[LocatedBody], renderer: Renderer, camera: Camera | None, reporter: Reporter
) -> Draw:
    """What draws poses. What depends on the picture alone is done here and now."""
    from dancegen.renderers.compose import make_scene

    reporter.stage("preparing the picture")
    if hasattr(renderer, "reporter"):
        renderer.reporter = reporter
    frame = people[0].picture.size
    longer = camera.longer_side(frame) if camera else max(request.video_size(frame))
    return make_scene(renderer, people, longer, request.background).frames


def _facts(request: Request, used: Mapping[str, WeightsInfo], known: Known) -> dict[str, Any]:
    """What the video's comment says about its making; `used`: the weights of this job's own stages."""
    before = known.origin.weights if known.origin else {}
    weights = {**{registry.full_role(role): info for role, info in before.items()}, **used}
    facts: dict[str, Any] = {"dancegen": __version__, "seed": request.seed, "style": request.style}
    if not known.origin:
        facts["turns"] = request.turns
    if request.style_amount != Request.style_amount:
        facts["style_amount"] = request.style_amount
    facts["weights"] = {role: asdict(weights[role]) for role in registry.weights_roles() if role in weights}
    facts["renderer"] = request.drawn_by
    if known.origin and known.origin.dance:
        facts["dance"] = dict(known.origin.dance)
    if request.preview:
        facts["preview"] = True
    return facts
