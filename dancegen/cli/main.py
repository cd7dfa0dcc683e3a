"""The `dancegen` program: its commands, its errors, its progress. The only module that prints."""

from __future__ import annotations

import contextlib
import errno
import importlib
import signal
import sys
import traceback
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from dancegen import __version__
from dancegen.cli.context import command_run, reporter, use_reporter, use_typed
from dancegen.cli.terminal import discard, is_lively, name_values, prepare_streams
from dancegen.errors import DancegenError, escape, escape_lines, one_line
from dancegen.progress import SilentReporter

if TYPE_CHECKING:
    from dancegen.cli.bars import TerminalReporter
    from dancegen.cli.plain import PlainReporter

# Module of dancegen.cli -> its commands, in the order of the help. Each has COMMANDS = {"word": function or Typer};
# only the module of the command that is asked for is imported.
COMMAND_MODULES = {
    **{"render": ("render", "example"), "subject": ("subject",), "check": ("check",), "dance": ("dance", "beats")},
    **{
        "export": ("export", "import"),
        "capture": ("capture",),
        "join": ("join",),
        "style": ("style",),
        "studio": ("studio",),
        "batch": ("batch",),
        "weights": ("weights",),
        "doctor": ("doctor",),
    },
    **{"bench": ("bench",), "train": ("train",), "evaluate": ("evaluate",)},
}
EVERYWHERE = {"--quiet": "quiet", "-q": "quiet", "--debug": "debug"}  # options that may stand anywhere
PLACES = {  # what is wrong with a place where something is to be written -> remedy
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), "free some room"),
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), "change its permissions, or choose another place"),
}
UNREAD = 141  # exit status where the reader of the result has gone, as shells expect it
INTERRUPTED = 130  # exit status after Ctrl-C, as shells expect it


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the program and exit: 0 done, 1 an error the message explains, 2 wrong usage, 130 Ctrl-C."""
    prepare_streams()
    given, everywhere = _take_everywhere(sys.argv[1:] if arguments is None else arguments)
    listener = SilentReporter() if "quiet" in everywhere else _console_reporter()
    use_reporter(listener)
    use_typed(given)
    _unwind_on_signals()
    status = 1
    try:
        with command_run():
            name_values(typer.main.get_command(_build(_module_of(given))))(given, prog_name="dancegen")
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except KeyboardInterrupt:
        status = INTERRUPTED
    except Exception as error:
        if "debug" in everywhere:
            traceback.print_exception(error)
        _close(listener)
        _tell(f"dancegen: {_explain(error)}")
    _close(listener)
    if status == INTERRUPTED:
        _tell("dancegen: stopped")
    try:
        sys.stdout.flush()
    except OSError:
        discard(sys.stdout)
    sys.exit(status)


def _explain(error: Exception) -> str:
    """One line for the user."""
    if isinstance(error, DancegenError):
        return str(error)
    told = one_line(f"{type(error).__name__}: {error}", 250)
    if isinstance(error, MemoryError) or "out of memory" in told:
        return f"not enough memory ({told}): close other programs, or choose a smaller --size or --device cpu"
    if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
        return f"{one_line(error.filename or 'a file name', 300)} is too long a name: choose a shorter one"
    if isinstance(error, OSError) and error.errno in PLACES:
        file = one_line(error.filename or "a file", 200)
        return f"{file} cannot be written ({error.strerror}): {PLACES[error.errno]}"
    return f"a fault of dancegen's own ({told}): run it again with --debug and report what it says"


def _unwind_on_signals() -> None:
    """The end from outside (kill, a closed terminal) unwinds like Ctrl-C."""
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) != signal.SIG_IGN:  # nohup has it ignored
            signal.signal(number, _terminate)


def _terminate(number: int, _frame: object) -> None:
    raise SystemExit(128 + number)  # unwinds, so that no half-written file stays


def _take_everywhere(arguments: list[str]) -> tuple[list[str], set[str]]:
    """The arguments without the options of EVERYWHERE, and those that were there."""
    stop = arguments.index("--") if "--" in arguments else len(arguments)
    found = {EVERYWHERE[word] for word in arguments[:stop] if word in EVERYWHERE}
    return [word for word in arguments[:stop] if word not in EVERYWHERE] + arguments[stop:], found


def _module_of(arguments: Sequence[str]) -> str:
    """The module whose command is asked for; empty where it is none, or the help of all."""
    word = next((word for word in arguments if not word.startswith("-")), "")
    return next((module for module, words in COMMAND_MODULES.items() if word in words), "")


def _build(module: str = "") -> typer.Typer:
    """The program with the commands of one module, or of all."""
    app = typer.Typer(
        name="dancegen",
        help="A song and one picture of a person become a video of that person dancing to that song.",
        no_args_is_help=True,
        result_callback=_say,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    for name in [module] if module else COMMAND_MODULES:
        for word, command in importlib.import_module(f"dancegen.cli.{name}").COMMANDS.items():
            if isinstance(command, typer.Typer):
                app.add_typer(command, name=word)
            else:
                app.command(word)(command)
    return app


def _version(wanted: bool) -> None:
    if wanted:
        print(f"dancegen {__version__}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_version)
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, only results and errors.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """`--quiet` and `--debug` are taken out before typer sees them; they stand here for the help alone."""


def _say(result: Any, **_: Any) -> None:
    """Print what a command returned; a command with an exit status of its own returns an object `text`, `exit_code`."""
    _close(reporter())  # the progress is over before the result is printed
    status = getattr(result, "exit_code", 0)
    result = getattr(result, "text", result) if hasattr(result, "exit_code") else result
    try:
        if isinstance(result, str) and result:
            print(escape_lines(result))
        elif result is not None and not isinstance(result, str):
            importlib.import_module("dancegen.cli.tables").print_table(result)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read it, such as `head`, has seen enough
        discard(sys.stdout)
        raise SystemExit(status or UNREAD) from None
    except OSError as cause:
        discard(sys.stdout)
        what = f"the result could not be printed ({cause.strerror})"
        raise DancegenError(what, PLACES.get(cause.errno or 0, "print it elsewhere")) from cause
    if status:
        raise SystemExit(status)


def _console_reporter() -> TerminalReporter | PlainReporter:
    if not is_lively(sys.stderr):
        from dancegen.cli.plain import PlainReporter

        return PlainReporter(_tell)
    from dancegen.cli.bars import TerminalReporter

    return TerminalReporter()


def _tell(line: str) -> None:
    """A line on standard error; where nobody reads it any more, the work goes on."""
    with contextlib.suppress(OSError):
        print(escape(line), file=sys.stderr, flush=True)


def _close(listener: object) -> None:
    with contextlib.suppress(AttributeError):
        listener.close()  # type: ignore[attr-defined]


if __name__ == "__main__":
    main()
