"""The commands of the `dancegen` program, one module per family.

How to add one: write `dancegen/commands/NAME.py` with a dict `COMMANDS = {"word": function or typer.Typer}` (or with
one `app`, a typer.Typer of the module's name) and name the module in `cli.COMMAND_MODULES`. A function's parameters
carry typer annotations, its docstring is its help, and it **returns** what is to be said: a str, a rich renderable, or
None. It tells progress to `reporter()` and raises `DancegenError` for everything a user can mend; only `cli.py` prints.
Modules import typer and the standard library at the top and everything else inside functions, so that
`dancegen --help` stays fast (a test watches it).
`--quiet` and `--debug` work on every command without being declared.
"""

from __future__ import annotations

from contextvars import ContextVar

from dancegen.progress import Reporter, SilentReporter

_REPORTER: ContextVar[Reporter | None] = ContextVar("reporter", default=None)


def reporter() -> Reporter:
    """Whoever listens to the running command: the console's reporter, or nobody when called as a function."""
    return _REPORTER.get() or SilentReporter()


def use_reporter(listener: Reporter) -> None:
    """Make `listener` the one that `reporter()` returns; `cli.py` calls this once."""
    _REPORTER.set(listener)
