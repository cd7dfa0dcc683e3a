"""Options that several commands have; what they mean is written down once, their defaults in `Request`."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any

import typer

from dancegen.production.request import FORMATIONS, MOVES, Request
from dancegen.registry import BACKENDS, styles

Start = Annotated[float, typer.Option(help="Seconds of the song to skip.")]
Duration = Annotated[float | None, typer.Option(help="Seconds of the song to take; default: all.")]
Seed = Annotated[int, typer.Option(help="Another seed is another dance.")]
Style = Annotated[
    str,
    typer.Option(
        help="auto (the music decides), cha-cha, rumba, tango, waltz, salsa, ballet, or a learnt style's file.",
        autocompletion=lambda: list(styles()),
    ),
]
StyleAmount = Annotated[float, typer.Option("--style-amount", help="How much of the style, 0 to 1; the rest is auto.")]
Turns = Annotated[float, typer.Option(help="How far the dance turns from the camera: 0, 0.5 or 1 (all round).")]
Steps = Annotated[
    int | None, typer.Option(help="In how many steps hotdance draws a dance from noise: fewer are faster.")
]
Size = Annotated[int, typer.Option(help="Longer side of the video in pixels, 64 to 2048.")]
Crf = Annotated[int, typer.Option(help="Quality of H.264: 0 lossless, 18 fine, 28 small.")]
Preview = Annotated[bool, typer.Option("--preview", help="Draw the skeleton only.")]
Tempo = Annotated[str | None, typer.Option(help="half or double: dance at another tempo than the one found.")]
Beats = Annotated[
    Path | None, typer.Option(help="The beats: seconds, one a line, 1 behind a downbeat's; else they are looked for.")
]
Pose = Annotated[Path | None, typer.Option(help="The person's joints: OpenPose, ComfyUI, MMPose or COCO JSON.")]
People = Annotated[
    str, typer.Option(help="Whom, where there are several people: largest, all, left, right, or numbers such as 1,3.")
]
Formation = Annotated[
    str,
    typer.Option(
        help="How several people dance: unison, mirror (every second one) or canon (a bar apart, from the left).",
        autocompletion=lambda: list(FORMATIONS),
    ),
]
Camera = Annotated[
    str,
    typer.Option(
        help="still, or push, follow, cuts (to close-ups on downbeats), shake (on accents), joined by commas.",
        autocompletion=lambda: list(MOVES),
    ),
]
Background = Annotated[
    str | None,
    typer.Option(help="What is behind: keep, none (transparent; .webm, .mov or a folder), a colour or a picture."),
]
Mask = Annotated[Path | None, typer.Option(help="The person's outline: a black and white picture.")]
Fps = Annotated[float, typer.Option(help="Frames a second.")]
Weights = Annotated[
    list[str] | None, typer.Option(help="ROLE=FILE or ROLE=NAME, repeatable; renderer=puppet: no network draws.")
]
Choreographer = Annotated[
    str,
    typer.Option(
        help="Who makes the dance: a name that `dancegen doctor` lists.",
        autocompletion=lambda: list(BACKENDS["choreographer"]),
    ),
]
Detector = Annotated[
    str,
    typer.Option(
        help="Who finds people: auto, or a name that `dancegen doctor` lists.",
        autocompletion=lambda: ["auto", *BACKENDS["detector"]],
    ),
]
Device = Annotated[
    str, typer.Option(help="auto, cpu, cuda or mps.", autocompletion=lambda: ["auto", "cpu", "cuda", "mps"])
]
Offline = Annotated[bool, typer.Option("--offline", help="Never touch the network.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what exists.")]
FromFile = Annotated[
    Path | None, typer.Option("--request", help="A JSON file of these options; what is typed here goes before it.")
]

OF_REQUEST: dict[str, Any] = {  # attribute of Request -> its argument or option
    "song": Annotated[
        Path | None, typer.Argument(help="Any sound file: wav, flac, mp3, m4a, ogg, opus, or a video with sound.")
    ],
    "picture": Annotated[Path | None, typer.Argument(help="A picture of one person, best from head to foot.")],
    "start": Start,
    "duration": Duration,
    "seed": Seed,
    "style": Style,
    "style_amount": StyleAmount,
    "turns": Turns,
    "steps": Steps,
    "size": Size,
    "canvas": Annotated[str | None, typer.Option(help="WIDTHxHEIGHT of the video in pixels, instead of --size.")],
    "fit": Annotated[str, typer.Option(help="How the picture meets --canvas: pad continues it, crop cuts it.")],
    "camera": Camera,
    "fps": Fps,
    "crf": Crf,
    "preview": Preview,
    "tempo": Tempo,
    "beats": Beats,
    "dance": Annotated[Path | None, typer.Option(help="A dance file instead of a new dance.")],
    "take": Annotated[int | None, typer.Option(help="Which take of the dance file; default: the best.")],
    "force": Annotated[bool, typer.Option("--force", help="Accept a dance file made for another song.")],
    "pose": Pose,
    "mask": Mask,
    "people": People,
    "formation": Formation,
    "background": Background,
    "choreographer": Choreographer,
    "renderer": Annotated[str, typer.Option(help="Who draws the person: a name that `dancegen doctor` lists.")],
    "detector": Detector,
    "weights": Weights,
    "device": Device,
    "offline": Offline,
}


def takes_request(*names: str, file: bool = False) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Gives a command options of `Request`; it gets what was chosen, as attributes of a request, first.

    Args:
        names: attributes of `Request`.
        file: whether the command has --request too, so that song and picture may stand in a file.
    """

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        signature = _signature(command, names, file)

        @functools.wraps(command)
        def run(*args: Any, **given: Any) -> Any:
            values = signature.bind(*args, **given)
            values.apply_defaults()
            own = {name: value for name, value in values.arguments.items() if name not in names}
            context, described = own.pop("context", None), own.pop("request", None)
            chosen = {name: values.arguments[name] for name in names}
            if described:
                typed = {name: value for name, value in chosen.items() if _is_typed(name, value, context)}
                chosen = {**_description(described), **_attributes(typed)}
            else:
                chosen = _attributes(chosen)
            return command(chosen, **own)

        run.__signature__ = signature  # type: ignore[attr-defined]
        run.__annotations__ = {name: one.annotation for name, one in signature.parameters.items()}
        return run

    return decorate


def all_options(*leave_out: str) -> tuple[str, ...]:
    """The attributes of `Request` that a command can have, but for some."""
    return tuple(name for name in OF_REQUEST if name not in leave_out)


def _signature(command: Callable[..., Any], names: tuple[str, ...], file: bool) -> inspect.Signature:
    """Arguments first, then the command's own options, then those of the request."""
    hints = inspect.get_annotations(command, eval_str=True)
    own = [
        one.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY)
        for name, one in list(inspect.signature(command).parameters.items())[1:]
    ]
    defaults = {one.name: one.default for one in fields(Request)} | {"song": None, "picture": None, "weights": None}
    arguments: list[inspect.Parameter] = []
    options: list[inspect.Parameter] = []
    for name in names:
        argument = name in ("song", "picture")
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD if argument else inspect.Parameter.KEYWORD_ONLY
        one = inspect.Parameter(name, kind, default=defaults[name], annotation=OF_REQUEST[name])
        (arguments if argument else options).append(one)
    if file:
        extra = {"request": (FromFile, None), "context": (typer.Context, None)}
        for name, (annotation, default) in extra.items():
            kind = inspect.Parameter.KEYWORD_ONLY
            options.append(inspect.Parameter(name, kind, default=default, annotation=annotation))
    return inspect.Signature([*arguments, *own, *options])


def _is_typed(name: str, value: Any, context: typer.Context | None) -> bool:
    """Whether an option stands on the command line; in a call as a function, whether it is not the default."""
    if context is not None:
        source = context.get_parameter_source(name)
        return source is not None and source.name == "COMMANDLINE"
    return bool(value != getattr(Request, name, None))


def _description(file: Path) -> dict[str, Any]:
    from dancegen.production.request_json import read_request

    return read_request(file)


def _by_role(options: list[str]) -> dict[str, str]:
    from dancegen.weights.own import weights_by_role

    return weights_by_role(options)


def _attributes(chosen: dict[str, Any]) -> dict[str, Any]:
    """Values of the command line as `Request` has them: weights by role, without a song that is not named."""
    if "weights" in chosen:
        chosen = {**chosen, "weights": _by_role(chosen["weights"]) if chosen["weights"] else {}}
    return {name: value for name, value in chosen.items() if name not in ("song", "picture") or value is not None}
