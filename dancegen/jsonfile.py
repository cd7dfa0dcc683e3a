"""JSON that somebody else may have written: read strictly, within limits, long lists of numbers as arrays.

The standard reader makes an object of every number (a keypoint file of 144 MB took 3.7 GB), recurses as deep as the
file asks, and takes as long as it asks. This one walks objects and lists itself, so that it can count, and hands rows
of numbers to the standard reader one by one, packed at once.
"""

from __future__ import annotations

import codecs
import json
import math
import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dancegen.errors import DancegenError

if TYPE_CHECKING:
    import numpy as np

LARGEST_FILE = 256 << 20  # bytes; an hour of dance is about 50 MB a take. It takes 0.6 GB of memory to read
DEEPEST = 40  # levels of lists and objects; the deepest layout that is read has 9
MOST_VALUES = 2_000_000  # outside of packed rows, each about a hundred bytes in memory
LONGEST_ROW = 1 << 22  # characters of a list of numbers; a list with one for each pose of ten hours
LONGEST_PAIRS = 1 << 16  # characters of a list of short lists of numbers: 133 keypoints take 5,000
FEWEST_PACKED = 16  # numbers; shorter lists stay lists, with their whole numbers whole
SMALL = 1 << 20  # bytes of a file with settings, a manifest or the like
MOST_DIGITS = 25  # of a whole number that stays whole; longer ones are no counts, no seeds and no places

_SPACE = re.compile(r"[ \t\r\n]*")
_ROW = re.compile(r"[-+0-9.eEnul, \t\r\n\[\]]*")  # what a list of numbers and nulls, or of such lists, is written with
_PAIRS_END = re.compile(r"\][ \t\r\n]*\]")
_ENCODINGS = (  # byte order marks: Windows' editors and shells write them
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def read_json(
    path: Path, kind: str, remedy: str, *, largest: int = LARGEST_FILE, finite: bool = True, packed: bool = True
) -> Any:
    """What a JSON file says: UTF-8, with or without a byte order mark, or UTF-16 with one.

    Args:
        path: a regular file.
        kind: what it should be ("dance file"), for messages.
        remedy: what to do where it is not, for messages.
        largest: bytes that it may have.
        finite, packed: see `parse_json`.

    Raises:
        DancegenError: it is not there, cannot be read, is too large, or as `parse_json`.
    """
    try:
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            raise DancegenError(f"{path} is a folder, not a {kind}", remedy)
        if not stat.S_ISREG(found.st_mode):  # a pipe would be waited for
            raise DancegenError(f"{path} is no regular file", remedy)
        if found.st_size > largest:
            raise DancegenError(f"{path} is larger than a {kind} can be ({_size(largest)})", remedy)
        with path.open("rb") as file:
            content = file.read(largest + 1)
    except FileNotFoundError as cause:
        raise DancegenError(f"{path}: no such {kind}", remedy) from cause
    except (OSError, ValueError) as cause:  # ValueError: a name that no file can have
        why = getattr(cause, "strerror", None) or cause
        raise DancegenError(f"{path} cannot be read ({why})", remedy) from cause
    return parse_json(content, str(path), remedy, finite=finite, packed=packed)


def parse_json(content: bytes | str, name: str, remedy: str, *, finite: bool = True, packed: bool = True) -> Any:
    """As `read_json`, from the file's bytes or text, which errors call `name`.

    Lists of FEWEST_PACKED and more numbers become float64 arrays, (N,) or (N, M), with NaN for null; all other values
    are Python's own. Whole numbers of more than MOST_DIGITS digits are floats.

    Args:
        finite: refuse NaN, Infinity and numbers beyond a float's range here. Without it they are floats (in lists, not
            in arrays, so that a null can be told from them), for whoever can say better where they stand.
        packed: make arrays of numbers; without it there are lists only.

    Raises:
        DancegenError: no text, not JSON (with the line), nested too deep, too many values, or not finite.
    """
    try:
        text = content if isinstance(content, str) else _decode(content)
        return _Walk(text, finite, packed).read_all()
    except UnicodeDecodeError as cause:
        raise DancegenError(f"{name} is not JSON text", remedy) from cause
    except json.JSONDecodeError as cause:
        what = f"{name} is not whole JSON (line {cause.lineno}: {cause.msg})"
        raise DancegenError(what, remedy) from cause
    except (_TooMuch, RecursionError) as cause:
        why = str(cause) if isinstance(cause, _TooMuch) else "nested too deep"
        raise DancegenError(f"{name} is not JSON text that can be read ({why})", remedy) from cause


class _TooMuch(Exception):
    """JSON, but more of it than is read."""


def _decode(content: bytes) -> str:
    encoding = next((encoding for mark, encoding in _ENCODINGS if content.startswith(mark)), "utf-8-sig")
    return content.decode(encoding)


def _size(count: int) -> str:
    return f"{count >> 20} MiB" if count >= 1 << 20 else f"{count >> 10} KiB"


class _Walk:
    """One pass through a text. Every method takes where a value begins and gives it and where it ends."""

    def __init__(self, text: str, finite: bool, packed: bool) -> None:
        self._text, self._finite, self._packed = text, finite, packed
        self._values = self._next_pairs_end = 0
        self._scalars = json.JSONDecoder(
            parse_int=self._whole_number, parse_float=self._number, parse_constant=self._number
        )
        self._rows = json.JSONDecoder(parse_constant=_refuse)

    def read_all(self) -> Any:
        """The text's one value."""
        value, end = self._value(self._next(0), 0)
        if self._next(end) != len(self._text):
            raise json.JSONDecodeError("Extra data", self._text, end)
        return value

    def _next(self, at: int) -> int:
        found = _SPACE.match(self._text, at)
        return found.end() if found else at

    def _value(self, at: int, depth: int) -> tuple[Any, int]:
        first = self._text[at : at + 1]
        self._values += 1
        if self._values > MOST_VALUES:
            raise _TooMuch(f"more than {MOST_VALUES:,} values")
        if first == "[":
            return (self._row(at) if self._packed else None) or self._list(at, depth + 1)
        return self._object(at, depth + 1) if first == "{" else self._scalars.raw_decode(self._text, at)

    def _row(self, at: int) -> tuple[np.ndarray, int] | None:
        """A list of numbers, or of short lists of numbers, as an array; None where it is something else."""
        inner = self._next(at + 1)
        if self._text.startswith("[", inner):
            deeper = self._text.startswith("[", self._next(inner + 1))
            end = 0 if deeper else self._pairs_end(at)
        else:
            end = self._text.find("]", at, at + LONGEST_ROW) + 1
        allowed = _ROW.match(self._text, at, end) if end else None
        if allowed is None or allowed.end() != end:
            return None
        try:
            packed = _pack(self._rows.decode(self._text[at:end]))
        except (ValueError, RecursionError):  # not JSON, or numbers that are none: `_list` finds where
            return None
        return None if packed is None else (packed, end)

    def _pairs_end(self, at: int) -> int:
        """Where a list of short lists that begins at `at` would end; 0 if that is too far. Looked for once a place."""
        if at >= self._next_pairs_end:
            found = _PAIRS_END.search(self._text, at)
            self._next_pairs_end = found.end() if found else len(self._text) + LONGEST_PAIRS
        return self._next_pairs_end if self._next_pairs_end - at <= LONGEST_PAIRS else 0

    def _list(self, at: int, depth: int) -> tuple[list[Any], int]:
        _check_depth(depth)
        values: list[Any] = []
        at = self._next(at + 1)
        if self._text.startswith("]", at):
            return values, at + 1
        while True:
            value, at = self._value(at, depth)
            values.append(value)
            at = self._next(at)
            if self._text.startswith("]", at):
                return values, at + 1
            at = self._comma(at)

    def _object(self, at: int, depth: int) -> tuple[dict[str, Any], int]:
        _check_depth(depth)
        values: dict[str, Any] = {}
        at = self._next(at + 1)
        if self._text.startswith("}", at):
            return values, at + 1
        while True:
            if not self._text.startswith('"', at):
                raise json.JSONDecodeError("Expecting property name enclosed in double quotes", self._text, at)
            key, at = self._scalars.raw_decode(self._text, at)
            at = self._next(at)
            if not self._text.startswith(":", at):
                raise json.JSONDecodeError("Expecting ':' delimiter", self._text, at)
            values[key], at = self._value(self._next(at + 1), depth)
            at = self._next(at)
            if self._text.startswith("}", at):
                return values, at + 1
            at = self._comma(at)

    def _comma(self, at: int) -> int:
        if not self._text.startswith(",", at):
            raise json.JSONDecodeError("Expecting ',' delimiter", self._text, at)
        return self._next(at + 1)

    def _whole_number(self, digits: str) -> int | float:
        return int(digits) if len(digits) <= MOST_DIGITS else self._number(digits)

    def _number(self, text: str) -> float:
        value = float(text)
        if self._finite and not math.isfinite(value):
            raise _TooMuch(f"{text[:12]} is not a number" if text[-1].isalpha() else "a number of astronomic size")
        return value


def _check_depth(depth: int) -> None:
    if depth > DEEPEST:
        raise _TooMuch(f"nested more than {DEEPEST} deep")


def _refuse(text: str) -> float:
    raise ValueError(text)


def _pack(row: list[Any]) -> np.ndarray | None:
    """Numbers as float64, (N,) or (N, M); None for what is short, ragged, nested deeper or not finite."""
    import numpy as np

    try:
        packed = np.array(row, np.float64)  # None becomes NaN
    except (ValueError, TypeError, OverflowError):
        return None
    fits = packed.ndim in (1, 2) and packed.size >= FEWEST_PACKED and not np.isinf(packed).any()
    return packed if fits else None
