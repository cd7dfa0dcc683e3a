"""The words that stand for values in the help: SONG, PATH, NUMBER, and none beside a flag."""

from __future__ import annotations

from typing import Any

import typer

WORDS = {"path": "PATH", "int": "NUMBER", "float": "NUMBER"}  # type -> word; all others are TEXT


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
