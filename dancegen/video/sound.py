"""A stretch of a song as a file of its own, whole or not at all."""

from __future__ import annotations

import subprocess
from pathlib import Path

from dancegen.audio.load import stretch_filter
from dancegen.audio.song import Song
from dancegen.errors import DancegenError
from dancegen.ffmpeg import QUIET, ffmpeg_program, input_arguments, last_complaint
from dancegen.files import whole_file, write_error
from dancegen.video.encode import CHANNELS


def write_sound(path: Path, song: Song) -> None:
    """Write the stretch as AAC in an .m4a file, at the song's full quality.

    Raises:
        DancegenError: ffmpeg failed, or the folder cannot be written to.
    """
    command = [ffmpeg_program(), *QUIET, "-v", "error", "-y", *input_arguments(song.path), "-map", "0:a:0"]
    command += ["-af", f"{stretch_filter(song.start, song.seconds)},{CHANNELS}", "-c:a", "aac", "-b:a", "192k"]
    try:
        with whole_file(path) as part:
            done = subprocess.run(
                [*command, "-map_metadata", "-1", "-f", "ipod", f"file:{part}"], capture_output=True, check=False
            )
            if done.returncode:
                reason = last_complaint(done.stderr.decode("utf-8", "replace"))
                raise DancegenError(f"{path.name} was not written ({reason})", "`dancegen doctor` checks ffmpeg")
    except OSError as cause:
        raise write_error(path, cause) from cause
