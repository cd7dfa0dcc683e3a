"""What a user may ask for, said once: the command line, batches, Python and the browser all make a `Request`.

The defaults of all options stand here and nowhere else. Only the standard library is imported at the top, so that
`dancegen --help` stays quick.
"""

from __future__ import annotations

import math
import numbers
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from dancegen import registry
from dancegen.choreographers.base import AMOUNT, MOST_STEPS, TURN_LEVELS, TURNS
from dancegen.errors import DancegenError

PLAIN_STYLE = "none"  # what version 0.1.0 called the style `auto`
VERSION = 1  # of a request's JSON; raised when an older dancegen would read a new one wrongly
FITS = ("pad", "crop")
MOVES = ("still", "push", "follow", "cuts", "shake")
FORMATIONS = ("unison", "mirror", "canon")
LIMITS = {  # from, to
    "size": (64, 2048),  # pixels, the longer side of a video
    "fps": (1.0, 120.0),  # frames a second
    "crf": (0, 51),  # what x264 knows
    "seed": (0, 2**63 - 1),  # what a torch.Generator takes
}


@dataclass(frozen=True)
class Request:
    """A video that is wanted, checked as a whole when it is made; no file is opened for that.

    Attributes:
        song: any file with sound.
        picture: a picture of the person.
        start, duration: the stretch of the song, seconds; None is all of it.
        seed: another seed is another dance; the same seed, song and weights are the same dance.
        style: one of the choreographer's styles, or a file of `dancegen style learn`.
        style_amount: how much of it, 0 to 1; the rest is the plain style.
        turns: how far the dance turns from the camera: 0, 0.5 or 1, all round.
        steps: in how many steps a choreographer that draws dances from noise does so; None is as it has it.
        size: longer side of the video, pixels; its shape is the picture's.
        canvas: "WIDTHxHEIGHT" of the video instead, pixels.
        fit: how the picture meets the canvas: "pad" continues it, "crop" leaves parts out.
        camera: how the camera moves, some of MOVES joined by commas.
        fps: frames a second.
        crf: x264's quality, 0 (lossless) to 51.
        preview: draw the skeleton only.
        tempo: "half" or "double" of the tempo that is found.
        beats: a file of the beats, one time in seconds a line.
        dance: a dance file instead of a new dance.
        take: which take of it; None is the best.
        force: accept a dance file that was made for another song.
        pose, mask: files of the person's joints and outline.
        people: whom of several people, see `people.choose`.
        formation: how they dance together: "unison", "mirror" (every second one mirrored) or "canon" (each begins a bar
            after the one to the left). A dance file of several dancers gives each their own.
        background: what is behind them: "keep", "none" (transparent), a colour, or the name of a picture; None is as
            the renderer has it.
        choreographer, renderer: names of the registry, or "module:factory".
        detector: who finds the people: a name of the registry, or "auto" for the best that is here.
        weights: role -> name or file, for roles that shall not take the default.
        device: see `device.DEVICES`.
        offline: never touch the network.

    Raises:
        DancegenError: a value that cannot be, or options that do not go together.
    """

    song: Path
    picture: Path
    start: float = 0.0
    duration: float | None = None
    seed: int = 0
    style: str = "auto"
    style_amount: float = AMOUNT
    turns: float = TURNS
    steps: int | None = None
    size: int = 512
    canvas: str | None = None
    fit: str = "pad"
    camera: str = "still"
    fps: float = 30.0
    crf: int = 18
    preview: bool = False
    tempo: str | None = None
    beats: Path | None = None
    dance: Path | None = None
    take: int | None = None
    force: bool = False
    pose: Path | None = None
    mask: Path | None = None
    people: str = "largest"
    formation: str = "unison"
    background: str | None = None
    choreographer: str = "stg-mamba"
    renderer: str = "auto"
    detector: str = "auto"
    weights: Mapping[str, str] = field(default_factory=dict)
    device: str = "auto"
    offline: bool = False

    def __post_init__(self) -> None:
        _check_types(self)
        for name in PATHS:
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, Path(value))
        for name in LIMITS:
            check_limits(name, getattr(self, name))
        _check_stretch(self)
        _check_dance(self)
        _check_canvas(self)
        _check_camera(self)
        _check_people(self)
        _check_background(self)
        _check_renderer(self)
        if self.style == PLAIN_STYLE and "auto" in registry.backend("choreographer", self.choreographer).styles:
            object.__setattr__(self, "style", "auto")
        check_style(self.style, self.choreographer)
        check_manner(self.style_amount, self.turns)
        check_steps(self.steps, self.choreographer)
        object.__setattr__(self, "weights", full_roles(self.weights))

    @property
    def files(self) -> list[Path]:
        """What is read, so that no output is one of it; of weights also names, which are no files."""
        paths = [getattr(self, name) for name in PATHS]
        named = [self.background, self.style if registry.is_style_file(self.style) else None, *self.weights.values()]
        return [*filter(None, paths), *map(Path, filter(None, named))]

    @property
    def transparent(self) -> bool:
        """Whether frames have an alpha channel."""
        return self.background == "none"

    @property
    def drawn_by(self) -> str:
        """The name of the renderer that shall draw."""
        return "skeleton" if self.preview else self.renderer

    @property
    def moves(self) -> tuple[str, ...]:
        """What the camera does; nothing where it stands still."""
        return tuple(move for move in MOVES[1:] if move in self.camera.split(","))

    @property
    def canvas_size(self) -> tuple[int, int] | None:
        """(w, h) of `canvas`."""
        if self.canvas is None:
            return None
        width, _, height = self.canvas.lower().partition("x")
        return int(width), int(height)

    def video_size(self, picture: tuple[int, int]) -> tuple[int, int]:
        """Width and height of the video of a picture (w, h), pixels."""
        from dancegen.images.picture import output_size

        return self.canvas_size or output_size(picture, self.size)

    def to_json(self) -> dict[str, Any]:
        """As plain JSON, without what is not asked for (None, no weights); `from_json` reads it."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        said = {name: value for name, value in values.items() if value is not None and value != {}}
        plain = {name: str(value) if isinstance(value, Path) else value for name, value in said.items()}
        return {"version": VERSION, **plain}

    @classmethod
    def from_json(cls, content: Mapping[str, Any], folder: Path = Path()) -> Request:
        """A request from its JSON.

        Args:
            content: names of the attributes -> values.
            folder: from which relative paths are meant.

        Raises:
            DancegenError: another version, an unknown field, a value of the wrong type, and as the class itself.
        """
        from dancegen.production.request_json import check_fields

        values = check_fields(content, folder)
        if lacking := [name for name in ("song", "picture") if name not in values]:
            raise DancegenError(f"the request names no {lacking[0]}", f'add "{lacking[0]}": "FILE"')
        return cls(**values)


TYPES = typing.get_type_hints(Request)
PATHS = tuple(name for name, kind in TYPES.items() if Path in (kind, *typing.get_args(kind)))


def check_limits(name: str, value: float) -> None:
    """Refuse a number outside of LIMITS."""
    low, high = LIMITS[name]
    if not (math.isfinite(value) and low <= value <= high):
        given = f"{value:g}" if isinstance(value, float) else value
        raise DancegenError(f"--{name} must be {int(low)} to {int(high)}, not {given}")


def check_style(style: str, choreographer: str) -> None:
    """Refuse a style that the choreographer is known not to have; a file is looked at where dances are made."""
    line = registry.backend("choreographer", choreographer)
    if line.styles and style not in line.styles and not (line.learns and registry.is_style_file(style)):
        learnt = f"{choreographer} dances no learnt style, as {style} is"
        what = learnt if registry.is_style_file(style) else f"there is no dance style {style!r}"
        raise DancegenError(what, f"choose one of {', '.join(line.styles)}")


def check_manner(amount: float, turns: float) -> None:
    """Refuse an amount of a style, or a level of turns, that cannot be."""
    if not 0 <= amount <= 1:
        raise DancegenError(f"--style-amount must be 0 to 1, not {amount:g}")
    if turns not in TURN_LEVELS:
        raise DancegenError(f"--turns must be 0, 0.5 or 1, not {turns:g}")


def check_steps(steps: int | None, choreographer: str) -> None:
    """Refuse a number of steps that cannot be, or of a choreographer that is known to have none."""
    if steps is not None and not 1 <= steps <= MOST_STEPS:
        raise DancegenError(f"--steps must be 1 to {MOST_STEPS}, not {steps}")
    line = registry.backend("choreographer", choreographer)
    if steps is not None and line.styles and not line.fits:
        raise DancegenError(f"--steps: {choreographer} draws no dance from noise", "add --choreographer hotdance")


def full_roles(weights: Mapping[str, str]) -> dict[str, str]:
    """Weights by the full names of their roles."""
    known = registry.weights_roles()
    chosen = {registry.full_role(role): str(what) for role, what in weights.items()}
    for role in chosen:
        if role not in known:
            raise DancegenError(f"weights have no role {role!r}", f"choose one of {', '.join(known)}")
    return chosen


def _check_renderer(request: Request) -> None:
    """Refuse what the renderer cannot draw, before anything is loaded."""
    line = registry.backend("renderer", request.drawn_by)
    where = f"--renderer {request.drawn_by}"
    if line.fps is not None and request.fps != line.fps:
        raise DancegenError(f"{where} draws {line.fps:g} frames a second, not {request.fps:g}", "leave --fps out")
    if line.alone and request.background not in (None, "keep"):
        raise DancegenError(f"{where} draws the background too", "leave --background out, or change the picture's")
    if line.alone and request.people == "all":
        raise DancegenError(f"{where} draws one person", "choose one, such as --people largest")


def _check_background(request: Request) -> None:
    from dancegen.renderers.base import check_background

    if request.background is not None:
        check_background(request.background)


def _check_stretch(request: Request) -> None:
    from dancegen.audio.load import check_stretch

    check_stretch(request.start, request.duration)


def _check_dance(request: Request) -> None:
    """Refuse what does not go with a dance file, and what only goes with one."""
    if request.tempo is not None:
        from dancegen.dances.bars import check_tempo

        check_tempo(request.tempo)
    if request.dance is None:
        if request.take is not None:
            raise DancegenError("--take is a take of a dance file", "name the file with --dance")
        return
    for name in ("seed", "style", "style_amount", "turns", "steps", "tempo", "beats"):
        if getattr(request, name) != getattr(Request, name):
            what = f"--{name.replace('_', '-')} does not go with --dance"
            raise DancegenError(what, "leave it out, the dance is made already")


def _check_canvas(request: Request) -> None:
    if request.fit not in FITS:
        raise DancegenError(f"--fit must be {' or '.join(FITS)}, not {request.fit!r}")
    if request.canvas is None:
        if request.fit != Request.fit:
            raise DancegenError(f"--fit {request.fit} only goes with --canvas", "give the video's size, like 720x1280")
        return
    if request.size != Request.size:
        raise DancegenError("--size does not go with --canvas", "leave it out, the canvas is the video's size")
    low, high = LIMITS["size"]
    sides = request.canvas.lower().split("x")
    if len(sides) != 2 or not all(side.isascii() and side.isdigit() for side in sides):
        raise DancegenError(f"--canvas must be WIDTHxHEIGHT, not {request.canvas!r}", "write it like 720x1280")
    if not all(low <= int(side) <= high and int(side) % 2 == 0 for side in sides):
        raise DancegenError(f"--canvas must have even sides of {low} to {high}, not {request.canvas}")


def _check_camera(request: Request) -> None:
    moves = request.camera.split(",")
    if wrong := [move for move in moves if move not in MOVES]:
        raise DancegenError(f"--camera must be some of {', '.join(MOVES)}, joined by commas, not {wrong[0]!r}")
    if "still" in moves and len(moves) > 1:
        raise DancegenError("--camera still does not go with other moves", "leave it out")


def _check_people(request: Request) -> None:
    from dancegen.people.choose import check_choice

    numbers = check_choice(request.people)
    if request.formation not in FORMATIONS:
        known = f"{', '.join(FORMATIONS[:-1])} or {FORMATIONS[-1]}"
        raise DancegenError(f"--formation must be {known}, not {request.formation!r}")
    if request.formation != Request.formation and request.people != "all" and len(numbers) < 2:
        raise DancegenError(f"--formation {request.formation} is for several people", "choose them with --people all")
    if request.detector != Request.detector:
        registry.backend("detector", request.detector)
        if request.pose is not None:
            raise DancegenError("--detector does not go with --pose", "leave one out: the file says who is where")


def _check_types(request: Request) -> None:
    """Refuse what Python lets through and would fail later; any library's numbers will do."""
    number = {float: numbers.Real, int: numbers.Integral}
    taken: dict[Any, Any] = {Path: (str, Path), bool: (bool, numbers.Integral), str: str, **number}
    for name, kind in TYPES.items():
        value, wanted = getattr(request, name), plain_type(kind)
        if value is None and isinstance(kind, types.UnionType):
            continue
        a_switch = isinstance(value, bool) and wanted in number
        if a_switch or not isinstance(value, taken.get(wanted, Mapping)):
            raise DancegenError(f"{name} must be {SAID.get(wanted, 'texts by role')}, not {value!r:.60}")


def plain_type(kind: Any) -> Any:
    """The type of a field, without None."""
    if not isinstance(kind, types.UnionType):
        return kind
    return next(one for one in typing.get_args(kind) if one is not type(None))


SAID = {Path: "a file's name", float: "a number", int: "a whole number", bool: "true or false", str: "a text"}
