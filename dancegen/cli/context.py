"""What every command may use: who listens to its progress, what was typed, checks of its files.

How to add a command: write `dancegen/cli/NAME.py` with a dict `COMMANDS = {"word": function or typer.Typer}` and name
it with its words in `cli.main.COMMAND_MODULES`. A function's parameters carry typer annotations (those of a request
come from `options.takes_request`), its docstring is its help, and it **returns** what is to be said: a str, a rich
renderable, an
`Outcome`, or None. It tells progress to `reporter()` and raises `DancegenError` for everything a user can mend; only
`cli.main` prints. Modules import typer and the standard library at the top and everything else inside functions, so
that `dancegen --help` stays fast (a test watches it).
`--quiet` and `--debug` work on every command without being declared.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dancegen.errors import DancegenError
from dancegen.progress import Reporter, SilentReporter


@dataclass(frozen=True)
class Outcome:
    """For a command that says something and still ends with another exit status than 0."""

    text: Any
    exit_code: int = 0


_REPORTER: ContextVar[Reporter | None] = ContextVar("reporter", default=None)


_TYPED: ContextVar[tuple[str, ...]] = ContextVar("typed", default=())


def typed_words() -> tuple[str, ...]:
    """What was typed after `dancegen`, for reports; empty when a command is called as a function."""
    return _TYPED.get()


def use_typed(arguments: Sequence[str]) -> None:
    """Make `arguments` what `typed_words()` returns; `cli.main` calls this once."""
    _TYPED.set(tuple(arguments))


def reporter() -> Reporter:
    """Whoever listens to the running command: the console's reporter, or nobody when called as a function."""
    return _REPORTER.get() or SilentReporter()


def use_reporter(listener: Reporter) -> None:
    """Make `listener` the one that `reporter()` returns; `cli.main` calls this once."""
    _REPORTER.set(listener)


def refuse_options(why: str, remedy: str, **given: Any) -> None:
    """Refuse each option that was given (is not None, 0 or False): `refuse_options("only goes with --b", ..., a=a)`."""
    for name, value in given.items():
        if value:
            raise DancegenError(f"--{name} {why}", remedy)


def check_inputs(song: Path, picture: Path) -> None:
    """Refuse addresses, song and picture the wrong way round, and files that are not there."""
    from dancegen.files import PICTURES, SONGS, check_input

    for path in (song, picture):
        if path.parts and path.parts[0].lower() in ("http:", "https:"):
            raise DancegenError(f"{path} is an address, not a file", "download it and give the file")
    endings = tuple(path.suffix.lower().removeprefix(".") for path in (song, picture))
    if endings[0] in PICTURES and endings[1] in SONGS:
        raise DancegenError(f"{song} is a picture and {picture} is a song", "name the song first, then the picture")
    for path, what in ((song, "song"), (picture, "picture")):
        check_input(path, what, f"check the {what}'s name and folder")


def weights_files(weights: Sequence[str] | None) -> list[str]:
    """What `--weights` names, be it files or names: an output is none of them."""
    return [text for option in weights or () for text in (option, option.partition("=")[2])]


_COMMAND: ContextVar[ExitStack | None] = ContextVar("command", default=None)


def until_end(held: AbstractContextManager[Any]) -> None:
    """Enter `held` and leave it when the running command ends; when none runs, leave it at once."""
    stack = _COMMAND.get()
    if stack is not None:
        stack.enter_context(held)
    else:
        with held:
            pass


@contextmanager
def command_run() -> Iterator[None]:
    """The time in which one command runs; `cli.main` is in it once."""
    with ExitStack() as stack:
        token = _COMMAND.set(stack)
        try:
            yield
        finally:
            _COMMAND.reset(token)
