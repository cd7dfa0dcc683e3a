"""The one error that a user is meant to read."""

from __future__ import annotations

from dancegen.words import LONGEST, shown


class DancegenError(Exception):
    """Something the user can mend: what is wrong, where, and what to do about it.

    The command line prints it as one line and exits with 1; `--debug` shows the traceback and the cause. Both parts may
    hold anything that a file or a file name says: they are escaped and cut here (see `words.shown`).

    Args:
        what: what is wrong, with the name of the file or option it concerns.
        remedy: what to do, as an imperative clause; may be empty where nothing can be done.
    """

    def __init__(self, what: str, remedy: str = "") -> None:
        self.remedy = shown(remedy, LONGEST // 2)
        self.what = shown(what, LONGEST - len(self.remedy) - len(": "))
        super().__init__(f"{self.what}: {self.remedy}" if self.remedy else self.what)
