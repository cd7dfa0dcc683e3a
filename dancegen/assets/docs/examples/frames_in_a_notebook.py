"""Frames as numpy arrays, for notebooks and live windows; nothing is written to the disk.

In a notebook:

    from frames_in_a_notebook import contact_sheet
    contact_sheet("song.mp3", "me.jpg")
"""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from dancegen import Request, frames

COLUMNS = 4


def contact_sheet(song: str | Path, picture: str | Path, count: int = 12, **options: Any) -> Image.Image:
    """Frames in rows, as a picture that notebooks show.

    Args:
        song: any file with sound.
        picture: a person.
        count: how many frames.
        options: attributes of `Request`, such as `size=256` or `seed=7`.
    """
    request = Request(Path(song), Path(picture), fps=2, **options)
    shown = list(islice(frames(request), count))  # drawn one by one, as they are taken; uint8 (h, w, 3) each
    blank = np.zeros_like(shown[0])
    shown += [blank] * (-len(shown) % COLUMNS)
    rows = [np.hstack(shown[first : first + COLUMNS]) for first in range(0, len(shown), COLUMNS)]
    return Image.fromarray(np.vstack(rows))
