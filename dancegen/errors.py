"""The one error that a user is meant to read, and how words from outside (file names, other programs) are shown."""

from __future__ import annotations

import re

LONGEST = 390  # characters of a message: with the program's name in front of it, a line below 400
CUT = " ... "  # where the middle of something long was left out
# What is not shown as it is: control characters (they move the cursor, recolour or retitle the terminal), lone
# surrogates (bytes of a name that are no text; they cannot be printed at all), ends of lines by another name, and the
# marks that turn the direction of writing, so that a name looks like another.
HIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")


def one_line(value: object, longest: int = LONGEST) -> str:
    """`value` on one line: white space is one blank each, control characters are escaped, the middle of long text cut.

    `one_line("a\\x1b[2Jb")` is `a\\x1b[2Jb` with a backslash that can be seen; a byte of a file name that is no text,
    such as `bad\\xff.wav`, is shown the same way.
    """
    text = escape(" ".join(_beginning_and_end(value, longest).split()))
    if len(text) <= longest:
        return text
    end = (longest - len(CUT)) // 2
    return text[: longest - len(CUT) - end] + CUT + text[-end:]


def escape(text: str) -> str:
    """Every character of HIDDEN as its escape sequence."""
    return HIDDEN.sub(_escape, text)


def escape_lines(text: str) -> str:
    """`escape`, for text of several lines: the ends of the lines stay."""
    return "\n".join(escape(line) for line in text.split("\n"))


def _beginning_and_end(value: object, longest: int) -> str:
    """Enough of a text that may be megabytes long."""
    text = str(value)
    room = 8 * longest  # of which `split` may leave less
    return text if len(text) <= 2 * room else text[:room] + CUT + text[-room:]


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    if 0xDC80 <= code <= 0xDCFF:  # Python's stand-in for a byte that is not UTF-8
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


class DancegenError(Exception):
    """Something the user can mend: what is wrong, where, and what to do about it.

    The command line prints it as one line and exits with 1; `--debug` shows the traceback and the cause. Both parts may
    hold anything that a file or a file name says: they are escaped and cut here (see `one_line`).

    Args:
        what: what is wrong, with the name of the file or option it concerns.
        remedy: what to do, as an imperative clause; may be empty where nothing can be done.
    """

    def __init__(self, what: str, remedy: str = "") -> None:
        self.remedy = one_line(remedy, LONGEST // 2)
        self.what = one_line(what, LONGEST - len(self.remedy) - len(": "))
        super().__init__(f"{self.what}: {self.remedy}" if self.remedy else self.what)
