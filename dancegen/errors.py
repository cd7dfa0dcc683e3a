"""The one error that a user is meant to read."""

from __future__ import annotations


class DancegenError(Exception):
    """Something the user can mend: what is wrong, where, and what to do about it.

    The command line prints it as one line and exits with 1; `--debug` shows the traceback and the cause.

    Args:
        what: what is wrong, with the name of the file or option it concerns.
        remedy: what to do, as an imperative clause; may be empty where nothing can be done.
    """

    def __init__(self, what: str, remedy: str = "") -> None:
        self.what = what
        self.remedy = remedy
        super().__init__(f"{what}: {remedy}" if remedy else what)
