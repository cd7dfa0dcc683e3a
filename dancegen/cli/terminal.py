"""What a terminal shows: streams as they are found (closed, a pipe, any encoding), the words for values in the help."""

from __future__ import annotations

import os
import sys
from typing import IO, Any

import typer

WORDS = {"path": "PATH", "int": "NUMBER", "float": "NUMBER"}  # type -> word; all others are TEXT


def prepare_streams() -> None:
    """Make both streams such that printing cannot fail for what is printed; NO_COLOR means no escape codes at all."""
    _fill_closed()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # an encoding without the letter prints its escape sequence
    if os.environ.get("NO_COLOR"):
        os.environ["TERM"] = "dumb"  # rich without colours still writes bold, and moves the cursor


def _fill_closed() -> None:
    """Put the null device where standard input, output or error is closed.

    Else the first file that is opened takes its number, and everything printed goes into that file.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number
    if sys.stdout is None:
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115 - for as long as the program runs
    if sys.stderr is None:
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115


def is_lively(stream: IO[str]) -> bool:
    """Whether `stream` is a terminal that can show bars and tables that change."""
    return stream.isatty() and os.environ.get("TERM") not in ("dumb", "unknown")


def discard(stream: IO[str]) -> None:
    """Send what is still to be written to `stream` nowhere: nobody reads it any more."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)


def name_values(command: Any, above: Any = None) -> Any:
    """Give every parameter of `command` and of the commands below it its word; one that has its own keeps it.

    Args:
        command: typer's command or group of commands, as `typer.main.get_command` makes it; it is returned.
        above: the context of the group that it belongs to.
    """
    context = typer.Context(command, parent=above, info_name=command.name, **command.context_settings)
    for child in getattr(command, "commands", {}).values():
        name_values(child, context)
    for parameter in command.get_params(context):  # with --help, which is made here and kept
        if parameter.metavar is None:
            parameter.metavar = _word(parameter)
        if parameter.param_type_name == "argument":
            parameter.display_type_rich = lambda ctx: None  # its name says it; typer would write <list[str]> beside it
    return command


def _word(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return str(parameter.name).upper()
    if parameter.is_flag:
        return ""
    # typer keeps the annotation since 0.29; before, click's type. Both say int, float, str or path.
    kind = getattr(getattr(parameter, "type_descriptor", None), "annotation", None) or getattr(parameter, "type", "")
    shown = str(kind).lower()
    return next((word for name, word in WORDS.items() if name in shown), "TEXT")
