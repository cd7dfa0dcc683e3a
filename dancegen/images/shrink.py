"""Large pictures made smaller strip by strip, so that memory holds the decoded file once and little else."""

from __future__ import annotations

import numpy as np
from PIL import Image

STRIP = 256  # rows of the smaller picture at a time


def shrunk(image: Image.Image, factor: int) -> Image.Image:
    """A picture of any mode at 1/`factor` of its size, 8 bits a channel, colours not looked up in a palette any more.

    What comes out is "RGBA" or "LA" where there is transparency, else of the picture's own mode (RGB, L, CMYK, ...).
    """
    width, height = image.size
    extremes = _extremes(image) if _is_deep(image) else None
    small: Image.Image | None = None
    for top in range(0, height, STRIP * factor):
        strip = image.crop((0, top, width, min(top + STRIP * factor, height)))
        strip = _plain(_eight_bits(strip, *extremes) if extremes else strip)
        strip = strip.reduce(factor) if factor > 1 else strip
        if small is None:
            small = Image.new(strip.mode, (strip.width, -(-height // factor)))
        small.paste(strip, (0, top // factor))
    assert small is not None
    return small


def _plain(image: Image.Image) -> Image.Image:
    """Of a mode whose values can be averaged."""
    if image.mode not in ("RGBA", "LA") and image.has_transparency_data:
        return image.convert("RGBA")
    if image.mode in ("P", "PA"):
        return image.convert("RGB")
    return image.convert("L") if image.mode == "1" else image


def _is_deep(image: Image.Image) -> bool:
    """Whether it is grey of more than 8 bits (16-bit PNG, float TIFF)."""
    return image.mode.startswith(("I", "F"))


def _extremes(image: Image.Image) -> tuple[float, float]:
    """The lowest and the highest value, those that are no numbers left out."""
    low, high = np.inf, -np.inf
    for top in range(0, image.height, STRIP):
        values = _values(image.crop((0, top, image.width, min(top + STRIP, image.height))))
        low, high = min(low, float(values.min())), max(high, float(values.max()))
    return low, high


def _values(image: Image.Image) -> np.ndarray:
    """(H, W), finite."""
    values = np.asarray(image)
    return np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0) if values.dtype.kind == "f" else values


def _eight_bits(image: Image.Image, low: float, high: float) -> Image.Image:
    """A strip of a deep picture whose values lie in `low` to `high`, scaled to 8 bits."""
    values = _values(image)
    if low >= 0 and high > 255 and high <= 65535:
        values = values * np.float32(1 / 257)
    elif image.mode.startswith("F") and low >= 0 and high <= 1:
        values = values * np.float32(255)
    elif low < 0 or high > 255:
        values = (values.astype(np.float64) - low) / (high - low) * 255
    return Image.fromarray(np.clip(values + np.float32(0.5), 0, 255).astype(np.uint8))
