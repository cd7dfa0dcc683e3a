"""What is behind the dancers: the picture's own background, nothing, a colour, or another picture (`--background`)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageColor

from dancegen.errors import DancegenError
from dancegen.images.picture import open_picture
from dancegen.images.resize import as_pixels, as_tensor
from dancegen.renderers.plate import Plate

KEEP, NONE = "keep", "none"


@dataclass(frozen=True, eq=False)
class Background:
    """What figures are laid over.

    Attributes:
        colours: (3, h, w) 0..1, or (4, h, w) zeros where nothing is behind them.
        empty: uint8 (h, w, 3 or 4), the same as a frame.
    """

    colours: torch.Tensor
    empty: np.ndarray


def check_background(what: str) -> tuple[int, int, int] | Path | None:
    """A colour (R, G, B), a file, or None for "keep" and "none".

    Raises:
        DancegenError: it is neither of these words, nor a colour, nor a file.
    """
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


def make_background(what: str, plate: Plate) -> Background:
    """What `--background` asks for, at the plate's size.

    Args:
        what: "keep" (the picture without the people), "none", a colour or the name of a picture, which is scaled to
            fill the frame and cut at its edges.

    Raises:
        DancegenError: as `check_background`, or as `open_picture`.
    """
    given = check_background(what)
    width, height = plate.size
    if what == KEEP:
        colours = plate.colours
    elif given is None:
        colours = torch.zeros(4, height, width, device=plate.device)
    elif isinstance(given, Path):
        colours = as_tensor(_filling(open_picture(given).pixels, plate.size), plate.device)
    else:
        colours = (torch.tensor(given, device=plate.device)[:, None, None] / 255).expand(3, height, width)
    return Background(colours, as_pixels(colours))


def _filling(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A picture (H, W, 3) scaled to cover `size` (w, h), its middle cut out: (h, w, 3)."""
    picture = Image.fromarray(pixels)
    scale = max(size[0] / picture.width, size[1] / picture.height)
    wide, high = size[0] / scale, size[1] / scale
    left, top = (picture.width - wide) / 2, (picture.height - high) / 2
    return np.asarray(picture.resize(size, Image.Resampling.LANCZOS, (left, top, left + wide, top + high)))
