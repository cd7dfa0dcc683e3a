"""Files that come from the page: written beside the project's folders, looked at by the readers, then taken in."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from dancegen.audio.load import load_song
from dancegen.errors import DancegenError
from dancegen.files import PICTURES, SONGS
from dancegen.images.picture import open_picture
from dancegen.jsonfile import LARGEST_FILE
from dancegen.people.pose_file import read_people
from dancegen.web import dances, pictures
from dancegen.web.project import CLIPS, Project, tidy_name
from dancegen.web.studio import Studio

MIB = 1 << 20
LARGEST = {"songs": 1024 * MIB, "pictures": 128 * MIB, "clips": 2048 * MIB, "json": LARGEST_FILE}  # bytes
ROOM = 256 * MIB  # bytes that stay free on the disk
LISTENED = 2.0  # seconds of a song that are decoded to know that it is one
INCOMING = ".incoming"


def kind_of(name: str, use: str = "") -> str:
    """ "songs", "pictures", "clips" or "json", by the ending.

    Args:
        name: the file's.
        use: "clip" for a video whose movement is wanted, not its sound.

    Raises:
        DancegenError: it has another one.
    """
    ending = name.lower().rpartition(".")[2]
    if use == "clip":
        if ending not in CLIPS:
            raise DancegenError(f"{name} is no video, by its ending", "give a video (mp4, mov, webm, ...) or a GIF")
        return "clips"
    if ending in PICTURES:
        return "pictures"
    if ending in SONGS:
        return "songs"
    if ending == "json":
        return "json"
    what = f"{name} is neither a song nor a picture, by its ending"
    raise DancegenError(what, "give a song (mp3, wav, ...), a picture (jpg, png, heic, ...) or a dance file (.json)")


def check_room(project: Project, kind: str, size: int) -> None:
    """Refuse what is too large, or leaves no room."""
    if size > LARGEST[kind]:
        what = f"this file has {size / MIB:.0f} MB, more than the {LARGEST[kind] // MIB} MB that are taken"
        raise DancegenError(what, "make it smaller, or put it into the project's folder yourself")
    free = shutil.disk_usage(project.folder).free
    if free < size + ROOM:
        raise DancegenError(f"the disk has {free / MIB:.0f} MB free", "free some room")


def new_folder(project: Project) -> Path:
    """An empty hidden folder for a file that is on its way."""
    above = project.folder / INCOMING
    above.mkdir(exist_ok=True)
    return Path(tempfile.mkdtemp(dir=above))


def sweep(project: Project) -> None:
    """Remove what was on its way when a studio was killed."""
    shutil.rmtree(project.folder / INCOMING, ignore_errors=True)
    dances.sweep(project)


def take(studio: Studio, path: Path, kind: str) -> dict[str, Any]:
    """Look at a file that has come, and put it where it belongs.

    Returns:
        "kind": "song", "picture", "clip", "dance" or "pose", and "name".

    Raises:
        DancegenError: it is not what its ending says; its message names the file as the page knows it.
    """
    readers: dict[str, Callable[[Studio, Path], dict[str, Any]]] = {
        "songs": _song,
        "pictures": _picture,
        "clips": _clip,
        "json": _json,
    }
    try:
        return readers[kind](studio, path)
    except DancegenError as error:
        known = str(path)
        raise DancegenError(error.what.replace(known, path.name), error.remedy.replace(known, path.name)) from error


def _song(studio: Studio, path: Path) -> dict[str, Any]:
    load_song(path, 0.0, LISTENED)
    name = studio.project.take_in("songs", path, path.name)
    studio.project.change(song=name)
    return {"kind": "song", "name": name}


def _picture(studio: Studio, path: Path) -> dict[str, Any]:
    open_picture(path)
    name = studio.project.take_in("pictures", path, path.name)
    studio.project.change(picture=name)
    return {"kind": "picture", "name": name}


def _clip(studio: Studio, path: Path) -> dict[str, Any]:
    from dancegen.capture.clip import open_clip

    open_clip(path, 0.0, None, None)
    return {"kind": "clip", "name": studio.project.take_in("clips", path, path.name)}


def _json(studio: Studio, path: Path) -> dict[str, Any]:
    """A dance file for the song that is shown, or keypoints for the picture that is shown."""
    state = studio.project.state
    with path.open("rb") as file:
        start = file.read(4096).decode("utf-8", "replace")
    if '"dancegen dance"' in start:
        if not state["song"]:
            raise DancegenError(f"{path} is a dance, and there is no song yet", "add its song first")
        return {"kind": "dance", "name": dances.take_in(studio, state["song"], path)}
    if not state["picture"]:
        raise DancegenError(f"{path} is no dance file", "for a file of keypoints, add its picture first")
    picture = open_picture(studio.project.path("pictures", state["picture"]))
    found = read_people(path, picture)
    people = [np.concatenate([one.joints, one.confidence[:, None]], axis=1).tolist() for one in found]
    pictures.keep_joints(studio, state["picture"], people)
    return {"kind": "pose", "name": state["picture"]}


def example(studio: Studio) -> dict[str, Any]:
    """The tune and the figure that come with dancegen, as if they had been given."""
    from dancegen.assets.example import PICTURE, SONG

    folder = new_folder(studio.project)
    try:
        for kind, file in (("songs", SONG), ("pictures", PICTURE)):
            take(studio, Path(shutil.copy(file, folder / file.name)), kind)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return {"kind": "example", "name": ""}


def given_name(name: str) -> str:
    """The name of a file that comes from a page, tidy.

    Raises:
        DancegenError: there is none.
    """
    if not name.strip():
        raise DancegenError("a file without a name", "name it")
    return tidy_name(name)
