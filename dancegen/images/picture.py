"""Opens the picture of the subject: any kind of picture file, safely, as plain RGB."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from dancegen.errors import DancegenError

LARGEST_PIXELS = 120_000_000  # refused before decoding: 120 megapixels are 360 MB
LARGEST_SIDE = 2048  # worked on; larger pictures are made smaller
SMALLEST_SIDE = 16


@dataclass(frozen=True)
class ConditionalImage:
    """The picture that the video is conditioned on, the paper's I_0.

    Attributes:
        path: the file it came from.
        pixels: uint8 (H, W, 3) RGB, upright, transparency over white.
        notes: what was done to it that the user may want to know.
        alpha: float32 (H, W) in 0..1 where the file cuts out its subject by transparency, else None.
        original_size: (W, H) of the file, upright, where the picture was made smaller, else None.
    """

    path: Path
    pixels: np.ndarray
    notes: tuple[str, ...] = ()
    alpha: np.ndarray | None = None
    original_size: tuple[int, int] | None = None

    @property
    def size(self) -> tuple[int, int]:
        """(W, H) in pixels."""
        return self.pixels.shape[1], self.pixels.shape[0]


def open_picture(path: Path | str) -> ConditionalImage:
    """Reads a picture file.

    EXIF rotation is applied; transparency is laid over white; grey, palette, CMYK and 16-bit pictures become 8-bit RGB;
    the first frame of an animation is taken; pictures with a side above `LARGEST_SIDE` are made smaller.

    Raises:
        DancegenError: no such file, not a picture, cut off, too small or too large.
    """
    path = Path(path)
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise DancegenError(f"the picture {path} {what}", "give the path of a picture file (PNG, JPEG, WebP, ...)")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the pixel limit below is our own, and is an error
            with Image.open(path) as image:
                return _convert(path, image)
    except DancegenError:
        raise
    except UnidentifiedImageError as error:
        raise DancegenError(f"{path} is not a picture", "give a picture file (PNG, JPEG, WebP, ...)") from error
    except Image.DecompressionBombError as error:
        raise DancegenError(
            f"the picture {path} is far too large", "make it smaller, 2048 pixels are plenty"
        ) from error
    except PermissionError as error:
        raise DancegenError(f"the picture {path} may not be read", "change its permissions") from error
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, OverflowError, TypeError) as error:
        raise DancegenError(
            f"the picture {path} is damaged or cut off ({_one_line(error)})", "download or export it again"
        ) from error


def _convert(path: Path, image: Image.Image) -> ConditionalImage:
    """The opened file's pixels, checked first and decoded after."""
    width, height = image.size
    if width * height > LARGEST_PIXELS:
        raise DancegenError(
            f"the picture {path} has {width} x {height} pixels, more than {LARGEST_PIXELS // 1_000_000} million",
            f"make it smaller; {LARGEST_SIDE} pixels on the longer side are used at most",
        )
    if min(width, height) < SMALLEST_SIDE:
        raise DancegenError(
            f"the picture {path} has only {width} x {height} pixels",
            f"give one with {SMALLEST_SIDE} pixels a side at the very least; 512 are good",
        )
    notes = []
    if getattr(image, "n_frames", 1) > 1:
        image.seek(0)
        notes.append("the picture is animated: its first frame is used")
    if max(width, height) > LARGEST_SIDE:
        image.draft("RGB", (LARGEST_SIDE, LARGEST_SIDE))  # JPEG decodes straight to a smaller size
    image.load()
    upright = ImageOps.exif_transpose(image)
    flat, alpha = _flatten(upright)
    if max(flat.size) > LARGEST_SIDE:
        share = LARGEST_SIDE / max(flat.size)
        size = (max(round(flat.width * share), 1), max(round(flat.height * share), 1))
        if min(size) < SMALLEST_SIDE:
            raise DancegenError(f"the picture {path} is a strip of {width} x {height} pixels", "crop it to the person")
        flat = flat.resize(size, Image.Resampling.LANCZOS)
        alpha = alpha.resize(size, Image.Resampling.LANCZOS) if alpha else None
    if max(width, height) > LARGEST_SIDE:
        notes.append(f"the picture's {width} x {height} pixels were made {flat.width} x {flat.height}")
    cut_out = np.asarray(alpha, np.float32) / 255 if alpha else None
    shrunk = max(width, height) > LARGEST_SIDE
    original = ((height, width) if _lies(image) else (width, height)) if shrunk else None
    return ConditionalImage(path, np.array(flat, np.uint8), tuple(notes), cut_out, original)


def _lies(image: Image.Image) -> bool:
    """Whether EXIF says that the stored picture is turned by a quarter."""
    return image.getexif().get(0x0112, 1) in (5, 6, 7, 8)


def _flatten(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """8-bit RGB over white, and the transparency where there is any."""
    if image.mode.startswith(("I", "F")):
        image = _eight_bits(image)
    if not image.has_transparency_data:
        return image.convert("RGB"), None
    layered = image.convert("RGBA")
    alpha = layered.getchannel("A")
    white = Image.new("RGBA", layered.size, "white")
    white.alpha_composite(layered)
    return white.convert("RGB"), alpha if _cuts_out(np.asarray(alpha)) else None


def _cuts_out(alpha: np.ndarray) -> bool:
    """Whether transparency (H, W) uint8 removes a background (most of the border), not merely softens a corner."""
    border = np.concatenate([alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1]])
    return bool((border < 25).mean() > 0.5 and 0.01 < (alpha > 128).mean() < 0.9)


def _eight_bits(image: Image.Image) -> Image.Image:
    """Grey pictures of more than 8 bits (16-bit PNG, float TIFF) scaled to 8."""
    values = np.asarray(image, np.float64)
    values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    if low >= 0 and high > 255 and high <= 65535:
        values = values / 257
    elif image.mode.startswith("F") and low >= 0 and high <= 1:
        values = values * 255
    elif low < 0 or high > 255:
        values = (values - low) / (high - low) * 255
    return Image.fromarray(np.clip(values + 0.5, 0, 255).astype(np.uint8))


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__
