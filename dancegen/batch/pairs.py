"""Which songs go with which pictures: from folders, patterns and files, or from a CSV of pairs."""

from __future__ import annotations

import csv
import glob
import io
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dancegen.errors import DancegenError
from dancegen.files import PICTURES, SONGS, check_input
from dancegen.production.request import LIMITS
from dancegen.progress import count_of
from dancegen.registry import is_style_file, styles

PAIRINGS = ("product", "zip")
POSE, MASK = ".pose.json", ".mask.png"  # beside NAME.jpg, NAME.pose.json and NAME.mask.png are its --pose and --mask
BESIDE = (POSE, MASK, ".overlay.png")  # what `dancegen subject` writes about a picture
COLUMNS = ("song", "picture", "seed", "style")
NAMES_SHOWN = 5  # of files that are not taken, in one line
LARGEST_CSV = 4 << 20  # bytes: some 50,000 pairs
LONGEST_SEED = 19  # digits


@dataclass(frozen=True)
class Pair:
    """One video to make: `seed` and `style` where the CSV gives them; `where` names its line for messages."""

    song: Path
    picture: Path
    seed: int | None = None
    style: str | None = None
    where: str = ""


def find_files(spec: str, what: str) -> tuple[list[Path], list[str]]:
    """The files that a folder, a pattern like `songs/*.mp3` or a file name stands for.

    Args:
        spec: what was typed.
        what: songs or pictures.

    Returns:
        The files, sorted by name; and what else is there and why it is not taken, a sentence each. Names that begin
        with a dot are no files of the user's (`._me.png` is what macOS writes beside me.png) and are not mentioned.
    """
    path = Path(spec)
    if path.is_file():
        return [path], []
    matches = [*path.iterdir()] if path.is_dir() else [Path(name) for name in glob.glob(spec, recursive=True)]  # noqa: PTH207
    there = sorted(file for file in matches if not file.name.startswith("."))
    endings = SONGS if what == "songs" else PICTURES
    reasons = {file: _why_not(file, endings, what) for file in there}
    taken = [file for file in there if not reasons[file]]
    if not taken and not path.is_dir():  # a pattern that means just these, whatever they end in
        taken = [file for file in there if file.is_file()]
    if not taken:
        raise DancegenError(f"{spec}: no {what} there", f"give a folder, a file or a quoted pattern like '{what}/*'")
    left: dict[str, list[str]] = {}
    for file in there:
        if file not in taken and reasons[file] not in ("", "beside"):
            left.setdefault(reasons[file], []).append(file.name)
    return taken, [f"{spec}: {_not_taken(names)} not taken: {why}" for why, names in left.items()]


def _why_not(file: Path, endings: Sequence[str], what: str) -> str:
    """Why a file is not one of the songs or pictures; empty if it is, "beside" if it belongs to a picture."""
    if file.name.endswith(BESIDE):
        return "beside"
    if file.is_dir():
        return "folders in a folder are not looked into"
    if not file.is_file():
        return "a link to nothing, or no file"
    if file.suffix.lower().lstrip(".") not in endings:
        return f"by their endings they are no {what}"
    return ""


def _not_taken(names: Sequence[str]) -> str:
    shown = ", ".join(names[:NAMES_SHOWN])
    return f"{shown} and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else shown


def make_pairs(songs: Sequence[Path], pictures: Sequence[Path], pairing: str) -> list[Pair]:
    """All songs with all pictures (product), or the first with the first and so on (zip)."""
    if pairing not in PAIRINGS:
        raise DancegenError(f"--pairs {pairing} is none", f"choose {' or '.join(PAIRINGS)}")
    if pairing == "product":
        return [Pair(song, picture) for song in songs for picture in pictures]
    if len(songs) != len(pictures):
        what = f"--pairs zip needs as many pictures as songs, not {len(pictures)} for {len(songs)}"
        raise DancegenError(what, "add the missing ones or use --pairs product")
    return [Pair(song, picture) for song, picture in zip(songs, pictures, strict=True)]


def read_pairs(path: Path) -> list[Pair]:
    """The pairs of a CSV: columns song, picture and, if wanted, seed and style; paths from the CSV's own folder.

    Files that do not exist are no error here: their videos fail, the others are made.
    """
    columns: Sequence[str] = COLUMNS
    pairs = []
    for place, (number, cells) in enumerate(_rows(path)):
        where = f"{path.name} line {number}"
        if place == 0 and "song" in [cell.lower() for cell in cells]:
            columns = _columns([cell.lower() for cell in cells], where)
            continue
        pairs.append(_pair(dict(zip(columns, cells, strict=False)), path, where))
    if not pairs:
        raise DancegenError(f"{path} has no pairs in it", "write lines like song.mp3,me.png")
    return pairs


def _rows(path: Path) -> list[tuple[int, list[str]]]:
    """(number of the line, cells) of each row that says something."""
    check_input(path, "CSV of pairs", "check its name and folder, or give fewer pairs at once", LARGEST_CSV)
    lines, rows = 0, []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            text = file.read()
        first = next((line for line in text.splitlines() if line.strip()), "")
        marks = [mark for mark in ",;\t" if mark in first]  # spreadsheets of many countries write semicolons
        reader = csv.reader(io.StringIO(text), delimiter=marks[0] if marks else ",")
        for row in reader:
            number, lines = lines + 1, reader.line_num
            cells = [cell.strip() for cell in row]
            if any(cells):
                rows.append((number, cells))
    except UnicodeDecodeError as cause:
        raise DancegenError(f"{path} is not a text in UTF-8", "save it as CSV in UTF-8") from cause
    except csv.Error as cause:
        what = f"{path} line {lines + 1} cannot be read as a line of pairs ({cause})"
        raise DancegenError(what, "write lines like song.mp3,me.png") from cause
    except OSError as cause:
        raise DancegenError(f"{path} cannot be read ({cause.strerror})", "write lines like song.mp3,me.png") from cause
    return rows


def _columns(names: Sequence[str], where: str) -> Sequence[str]:
    unknown = [name for name in names if name and name not in COLUMNS]
    if unknown or "picture" not in names:
        what = f"{where}: unknown column {unknown[0]!r}" if unknown else f"{where}: no column picture"
        raise DancegenError(what, "name the columns song, picture and, if wanted, seed and style")
    return names


def _pair(cells: dict[str, str], path: Path, where: str) -> Pair:
    if not cells.get("song") or not cells.get("picture"):
        raise DancegenError(f"{where} has no song or no picture", "write lines like song.mp3,me.png")
    if any("\0" in cell for cell in cells.values()):
        raise DancegenError(f"{where} has a character in it that no file name has (NUL)", "mend that line")
    for what in ("song", "picture"):
        if os.path.isdir(path.parent / cells[what]):  # noqa: PTH112 - whatever the name
            raise DancegenError(f"{where}: the {what} {cells[what]!r} is a folder", f"name a {what} in it")
    style = cells.get("style") or None
    if style and is_style_file(style):
        style = str(path.parent / style)
    elif style and style not in styles():
        raise DancegenError(f"{where}: there is no style {style!r}", f"choose one of {', '.join(styles())}")
    return Pair(path.parent / cells["song"], path.parent / cells["picture"], _seed(cells, where), style, where)


def _seed(cells: dict[str, str], where: str) -> int | None:
    text = cells.get("seed")
    if not text:
        return None
    if not re.fullmatch("[0-9]+", text):  # str.isdigit also takes a superscript
        raise DancegenError(f"{where}: the seed {text[:LONGEST_SEED]} is no whole number", "mend that line")
    low, high = LIMITS["seed"]
    if len(text) > LONGEST_SEED or not low <= int(text) <= high:
        raise DancegenError(f"{where}: the seed {text[:LONGEST_SEED]} cannot be", f"give {low} to {high}")
    return int(text)


def other_names(pairs: Sequence[Pair], videos: int) -> list[str]:
    """What to say where several pairs are one video: of equal songs and pictures of equal names, made alike."""
    same = len(pairs) - videos
    return [f"{count_of(same, 'pairs')} would be the same video under the same name as another"] if same else []
