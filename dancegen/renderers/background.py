"""What is behind the dancers, as `--background` names it; nothing heavy is imported to check it."""

from __future__ import annotations

from pathlib import Path

from dancegen.errors import DancegenError

KEEP, NONE = "keep", "none"


def check_background(what: str) -> tuple[int, int, int] | Path | None:
    """A colour (R, G, B), a file, or None for "keep" and "none".

    Raises:
        DancegenError: it is neither of these words, nor a colour, nor a file.
    """
    from PIL import ImageColor

    if what in (KEEP, NONE):
        return None
    try:
        red, green, blue = ImageColor.getrgb(what)[:3]
    except ValueError:
        if Path(what).is_file():
            return Path(what)
    else:
        return red, green, blue
    raise DancegenError(
        f"--background must be keep, none, a colour such as green or #00ff00, or a picture, not {what!r}",
        "check the spelling of the colour, or the name of the file",
    )
