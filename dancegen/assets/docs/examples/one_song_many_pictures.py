"""One dance for everybody: a song, and a folder of pictures of different people.

    python one_song_many_pictures.py song.mp3 pictures videos

The song is heard and danced to once; then every picture gets its video. (`dancegen batch` does the same with several
workers, and goes on where it was stopped.)
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from dancegen import Request, render_dance
from dancegen.errors import DancegenError
from dancegen.files import PICTURES
from dancegen.production.backends import load_backends
from dancegen.production.known import Known


def main(song: Path, pictures: Path, videos: Path, **options: Any) -> dict[str, str]:
    """Make the videos: name of the picture -> its video, or why there is none.

    Args:
        song: any file with sound.
        pictures: a folder.
        videos: a folder for the videos; made where it is missing.
        options: attributes of `Request`, such as `size=256`.
    """
    videos.mkdir(exist_ok=True)
    files = sorted(file for file in pictures.iterdir() if file.suffix.lower().removeprefix(".") in PICTURES)
    backends = load_backends(Request(song, files[0], **options))  # once for all
    known, made = Known(), {}
    for picture in files:
        out = videos / f"{picture.stem}.mp4"
        try:
            film = render_dance(song, picture, out, overwrite=True, known=known, backends=backends, **options)
        except DancegenError as error:
            made[picture.name] = str(error)
            continue
        known = Known(film.grid, film.dance)  # beats and dance of the first video serve all others
        made[picture.name] = str(out)
    return made


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
