"""A project of the studio: a folder of plain files, all of which the command line opens.

    project.json   what is chosen on the page
    songs/         songs as they were given; NAME.beats.txt beside one whose beats were mended
    pictures/      pictures; NAME.pose.json and NAME.mask.png beside one that was corrected, as batches use them
    clips/         videos that were captured; NAME.dance.json beside each is its movement
    styles/        NAME.style.safetensors: styles that were learnt from clips
    dances/        a dance file for each version of a dance: an edit writes a new one, undoing goes back to an old one
    take3.json     what a video shall be: `dancegen render --request take3.json`
    asked/         the joints and outline that a video was asked for with, where they were corrected: later corrections
                   change no video that waits or is made again
    videos/        what became of it: take3.mp4, and the report take3.html

Everything is written at once and whole, so that a process that is killed loses nothing but the work it was at.
"""

from __future__ import annotations

import json
import re
import shutil
import threading
from pathlib import Path
from typing import Any

from dancegen.errors import DancegenError
from dancegen.files import PICTURES, SONGS, claim, write_whole
from dancegen.jsonfile import SMALL, read_json

FOLDERS = ("songs", "pictures", "clips", "styles", "dances", "asked", "videos")
STATE = "project.json"
VERSION = 1
LONGEST = 80  # characters of a file's name
VERSIONS = 40  # of a song's dance that undoing can go back to
STYLE = ".style.safetensors"
BESIDE = (".pose.json", ".mask.png", ".beats.txt")  # what corrections are called
FILMS = ("mp4", "m4v", "mov", "mkv", "webm")
CLIPS = (*FILMS, "3g2", "3gp", "avi", "flv", "gif", "m2ts", "mpeg", "mpg", "mts", "ogv", "ts", "wmv")  # what moves
_MASK = re.compile(r"\.\d+\.mask\.png$")


def empty_state() -> dict[str, Any]:
    """What is chosen in a project where nothing is: names of files, and what belongs to each."""
    return {
        "version": VERSION,
        "song": None,
        "picture": None,
        "stretches": {},  # song -> [start, duration or null]
        "people": {},  # picture -> choice
        "dances": {},  # song -> {"versions": [file, ...], "at": index, "take": number}
        "learnt": {},  # style -> what it is learnt from, {"clips": [clip, ...], "steps": number}
        "choices": {},  # attribute of Request -> value
    }


class Project:
    """The folder and what is chosen in it. Its methods may be called from any thread.

    Args:
        folder: is made where it is missing.

    Raises:
        DancegenError: it is a file, cannot be written to, or holds a `project.json` of something else.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self._lock = threading.RLock()
        try:
            for name in FOLDERS:
                (self.folder / name).mkdir(parents=True, exist_ok=True)
        except OSError as cause:
            raise DancegenError(f"{folder} cannot be a project ({cause.strerror})", "name another folder") from cause
        self.state = self._read()

    def change(self, **values: Any) -> None:
        """Choose something and write it down.

        Raises:
            DancegenError: the folder cannot be written to.
        """
        with self._lock:
            self.state = {**self.state, **values}
            write_whole(self.folder / STATE, json.dumps(self.state, indent=1).encode())

    def change_in(self, group: str, name: str, value: Any) -> None:
        """`change` of what belongs to one file; None forgets it."""
        with self._lock:
            kept = {key: one for key, one in self.state[group].items() if key != name}
            self.change(**{group: kept if value is None else {**kept, name: value}})

    def names(self, kind: str) -> list[str]:
        """The files of a folder that are what it is for, by name."""
        wanted = {"songs": SONGS, "pictures": PICTURES, "clips": CLIPS, "dances": ("json",), "videos": FILMS}
        wanted |= {"styles": ("safetensors",)}
        found = [path.name for path in (self.folder / kind).iterdir() if path.is_file() and path.name[0] != "."]
        own = [name for name in found if not name.endswith(BESIDE) and not _MASK.search(name)]
        return sorted((name for name in own if name.lower().rpartition(".")[2] in wanted[kind]), key=str.lower)

    def requests(self) -> list[str]:
        """The names of the videos that were asked for, the newest first."""
        found = [
            path for path in self.folder.glob("*.json") if path.name != STATE and path.name == tidy_name(path.name)
        ]
        return [path.stem for path in sorted(found, key=lambda path: (-path.stat().st_mtime, path.stem))]

    def path(self, kind: str, name: str) -> Path:
        """A file of the project that is there.

        Raises:
            DancegenError: a name that is none, leads out of the folder, or that nothing has.
        """
        check_name(name)
        path = self.folder / kind / name
        if kind not in FOLDERS or not path.is_file() or not path.resolve().is_relative_to(self.folder):
            raise DancegenError(f"there is no {name} among the {kind}", "reload the page")
        return path

    def shorten(self, text: str) -> str:
        """A message that names files as the page knows them."""
        return re.sub(rf"{re.escape(str(self.folder))}[/\\\\](?:\w+[/\\\\])?", "", text)

    def request_path(self, name: str) -> Path:
        """Where a video is asked for; it need not be there."""
        check_name(name)
        if f"{name}.json" == STATE:
            raise DancegenError(f"a video cannot be called {name}", "choose another name")
        return self.folder / f"{name}.json"

    def take_in(self, kind: str, given: Path, name: str) -> str:
        """Move a file into a folder, under its name or one like it that is free; the name it has then.

        One that is there already, byte for byte, is not taken again.
        """
        with self._lock:
            stem, dot, ending = tidy_name(name).rpartition(".")
            for number in range(1, 1000):
                path = self.folder / kind / (f"{stem}{dot}{ending}" if number == 1 else f"{stem}-{number}{dot}{ending}")
                if path.exists():
                    if _same_bytes(path, given):
                        return path.name
                    continue
                with claim(path):
                    shutil.move(given, path)
                return path.name
        raise DancegenError(f"there are a thousand files called {name} already", "rename it")

    def free_name(self, kind: str, stem: str, ending: str) -> str:
        """A name that no file has: `stem-1.ending`, counting up; in the folder itself where `kind` is empty."""
        taken = {path.name for path in (self.folder / kind).iterdir()}
        return next(name for number in range(1, 10**6) if (name := f"{stem}-{number}{ending}") not in taken)

    def dance_of(self, song: str | None) -> dict[str, Any] | None:
        """Versions of a song's dance, which of them is shown, and its take."""
        found = self.state["dances"].get(song or "")
        return found if found and found["versions"] else None

    def add_dance(self, song: str, name: str, take: int, instead_of: str | None = None) -> None:
        """A new version of a song's dance, behind the one that is shown, or in the place of `instead_of` where that is
        shown; what had been undone is forgotten."""
        with self._lock:
            old = self.dance_of(song) or {"versions": [], "at": -1}
            before = old["versions"][: old["at"] + 1]
            before = before[:-1] if before and before[-1] == instead_of else before
            versions = [*before, name][-VERSIONS:]
            self.change_in("dances", song, {"versions": versions, "at": len(versions) - 1, "take": take})

    def go_back(self, song: str, steps: int) -> None:
        """Show an earlier (1) or a later (-1) version of a song's dance."""
        with self._lock:
            old = self.dance_of(song)
            if old is None:
                raise DancegenError(f"{song} has no dance yet", "make one first")
            at = min(max(old["at"] - steps, 0), len(old["versions"]) - 1)
            self.change_in("dances", song, {**old, "at": at})

    def _read(self) -> dict[str, Any]:
        path = self.folder / STATE
        if not path.exists():
            return empty_state()
        stored = read_json(path, "project", "move it away to begin anew", largest=SMALL, packed=False)
        blank = empty_state()
        if not isinstance(stored, dict) or stored.get("version") != VERSION:
            raise DancegenError(f"{path} is no project of this dancegen", "name another folder, or upgrade dancegen")
        right = all(isinstance(stored.get(name, one), type(one)) for name, one in blank.items() if one is not None)
        if not right:
            raise DancegenError(f"{path} is not as the studio writes it", "move it away: only choices are in it")
        state = {name: stored.get(name, one) for name, one in blank.items()}
        state["dances"] = {song: one for song, one in state["dances"].items() if self._is_history(one)}
        for kind in ("song", "picture"):
            if state[kind] not in self.names(f"{kind}s"):
                state[kind] = None
        return state

    def _is_history(self, one: Any) -> bool:
        """Whether this is what `add_dance` writes, and its files are there."""
        try:
            there = [(self.folder / "dances" / str(name)).is_file() for name in one["versions"]]
            return all(there) and 0 <= one["at"] < len(there) and type(one["take"]) is int
        except (TypeError, KeyError):
            return False


def check_name(name: str) -> None:
    """Refuse what is no name of a file in a folder of the project."""
    if not name or name != tidy_name(name):
        raise DancegenError("this is no name of a file in the project", "reload the page")


def tidy_name(name: str) -> str:
    """A file's name that every system and every address takes: letters of any script, digits, blanks, `-_.()`."""
    plain = name.replace("\\", "/").rpartition("/")[2]
    stem, dot, ending = plain.rpartition(".")
    stem, ending = (stem, ending) if dot else (plain, "")
    kept = [re.sub(r"[^\w \-().]+", "_", part).strip(" .") for part in (stem, ending)]
    stem = kept[0][: LONGEST - len(kept[1])].strip(" .") or "file"
    return f"{stem}.{kept[1]}" if kept[1] else stem


def _same_bytes(one: Path, other: Path) -> bool:
    from filecmp import cmp

    return cmp(one, other, shallow=False)
