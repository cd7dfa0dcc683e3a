"""Opens the picture of the subject: any kind of picture file, safely, as plain RGB.

Large pictures are made smaller strip by strip, so that memory holds the decoded file once and little else; colours are
as a screen shows them: pictures with an embedded colour profile become sRGB.
"""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, UnidentifiedImageError

from dancegen.errors import DancegenError, one_line
from dancegen.files import check_input
from dancegen.images.profiles import UnknownColours, told_profile

# What is opened. Others that Pillow knows start programs (EPS), or are no pictures of people (PSD, ICO, fonts).
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "AVIF", "JPEG2000")
MOVING = ("GIF", "PNG", "WEBP", "AVIF")  # which may be animations
HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1")
LARGEST_PIXELS = 120_000_000  # more are refused before decoding
DECODED_BYTES = 1_080_000_000  # that decoding may take; with PyTorch and the rest under 1.6 GB
PLAIN_BYTES = 5  # a pixel takes while it is decoded (measured: 4.1); others:
PIXEL_BYTES = {"JPEG": 9, "MPO": 9, "TIFF": 9, "HEIF": 12, "AVIF": 16, "WEBP": 20, "JPEG2000": 25}
LARGEST_SIDE = 2048  # worked on; larger pictures are made smaller
SMALLEST_SIDE = 16
ORIENTATION = 0x0112  # the EXIF tag
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
QUARTERS = (5, 6, 7, 8)  # turns after which width is height
NO_PROFILE = "the picture's colour profile is damaged or of another kind of picture: its colours are taken as sRGB"
UNKNOWN_COLOURS = "the picture's colours are of a kind that is not known here (HDR, or damaged): they are taken as sRGB"
STRIP = 256  # rows of the smaller picture at a time


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

    EXIF rotation is applied; colours become sRGB; transparency is laid over white; grey, palette, CMYK and 16-bit
    pictures become 8-bit RGB; the first frame of an animation is taken; pictures with a side above `LARGEST_SIDE` are
    made smaller. Memory stays under 1.6 GB, however large the picture.

    Raises:
        DancegenError: no such file, not a picture, cut off, too small or too large.
    """
    path = Path(path)
    check_input(path, "picture", "give the path of a picture file (PNG, JPEG, HEIC, ...)")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the pixel limit below is our own, and is an error
            with Image.open(path, formats=_formats(path)) as image:
                return _convert(path, image)
    except (DancegenError, MemoryError):
        raise
    except UnidentifiedImageError as error:
        raise DancegenError(f"{path} is not a picture", "give a picture file (PNG, JPEG, HEIC, ...)") from error
    except Image.DecompressionBombError as error:
        raise DancegenError(
            f"the picture {path} is far too large", "make it smaller, 2048 pixels are plenty"
        ) from error
    except PermissionError as error:
        raise DancegenError(f"the picture {path} may not be read", "change its permissions") from error
    except Exception as error:  # a damaged file makes Pillow's readers fail in every way there is
        raise DancegenError(
            f"the picture {path} is damaged or cut off ({one_line(error, 120) or type(error).__name__})",
            "download or export it again",
        ) from error


def output_size(picture_size: tuple[int, int], size: int) -> tuple[int, int]:
    """Width and height of the video: the longer side is `size`, the picture's aspect is kept, both are even."""
    width, height = picture_size
    scale = size / max(width, height)
    return max(2, 2 * round(width * scale / 2)), max(2, 2 * round(height * scale / 2))


def _formats(path: Path) -> tuple[str, ...]:
    """FORMATS; with HEIF, the pictures of iPhones, which Pillow is taught when one comes."""
    with path.open("rb") as file:
        start = file.read(12)
    if start[4:8] != b"ftyp" or start[8:12] not in HEIF_BRANDS:
        return FORMATS
    try:
        import pi_heif
    except ImportError as cause:
        remedy = "convert it to JPEG or PNG (any picture viewer can), or `pip install pi-heif`"
        raise DancegenError(f"{path} is a HEIC picture, and what reads those is not installed", remedy) from cause
    pi_heif.register_heif_opener(thumbnails=False, aux_images=False, depth_images=False)
    return (*FORMATS, "HEIF")


def _check_size(path: Path, image: Image.Image) -> None:
    """Refuse by what the header says, before anything is decoded."""
    width, height = image.size
    most = min(LARGEST_PIXELS, DECODED_BYTES // PIXEL_BYTES.get(image.format or "", PLAIN_BYTES))
    if width * height > most:
        kind = "" if most == LARGEST_PIXELS else f", the most for {image.format}"
        raise DancegenError(
            f"the picture {path} has {width} x {height} pixels, more than {most // 1_000_000} million{kind}",
            f"make it smaller; {LARGEST_SIDE} pixels on the longer side are used at most",
        )
    if min(width, height) < SMALLEST_SIDE:
        raise DancegenError(
            f"the picture {path} has only {width} x {height} pixels",
            f"give one with {SMALLEST_SIDE} pixels a side at the very least; 512 are good",
        )


def _convert(path: Path, image: Image.Image) -> ConditionalImage:
    """The opened file's pixels, checked first and decoded after."""
    _check_size(path, image)
    width, height = image.size
    shrinks = max(width, height) > LARGEST_SIDE
    notes = []
    if getattr(image, "is_animated", False) and image.format in MOVING:
        image.seek(0)
        notes.append("the picture is animated: its first frame is used")
    elif image.format == "TIFF" and getattr(image, "n_frames", 1) > 1:
        notes.append("the picture has several pages: the first is used")
    profile, unknown = _profile(image)
    if shrinks:
        image.draft("RGB", (LARGEST_SIDE, LARGEST_SIDE))  # JPEG decodes straight to a smaller size
    image.load()
    turn = _turn(image)
    if turn is None:
        notes.append("the picture's EXIF data is damaged and left out: it is not turned")
    small = shrink(image, max(1, max(image.size) // (2 * LARGEST_SIDE)))
    if turn in TURNS:
        small = small.transpose(TURNS[turn])
    flat, alpha, said = _flatten(small, profile)
    notes += [said or unknown] if said or unknown else []
    if max(flat.size) > LARGEST_SIDE:
        share = LARGEST_SIDE / max(flat.size)
        size = (max(round(flat.width * share), 1), max(round(flat.height * share), 1))
        if min(size) < SMALLEST_SIDE:
            raise DancegenError(f"the picture {path} is a strip of {width} x {height} pixels", "crop it to the person")
        flat = flat.resize(size, Image.Resampling.LANCZOS)
        alpha = alpha.resize(size, Image.Resampling.LANCZOS) if alpha else None
    if shrinks:
        notes.append(f"the picture's {width} x {height} pixels were made {flat.width} x {flat.height}")
    cut_out = np.asarray(alpha, np.float32) / 255 if alpha else None
    original = ((height, width) if turn in QUARTERS else (width, height)) if shrinks else None
    return ConditionalImage(path, np.array(flat, np.uint8), tuple(notes), cut_out, original)


def _profile(image: Image.Image) -> tuple[bytes | None, str]:
    """How the file says that its colours are meant, and what there is to say about it."""
    try:
        return told_profile(image), ""
    except UnknownColours:
        return None, UNKNOWN_COLOURS


def _turn(image: Image.Image) -> int | None:
    """How EXIF says that the stored picture is turned, 1 to 8; None where EXIF is damaged."""
    try:
        exif = image.getexif()
        turn = exif.get(ORIENTATION, 1)
        if turn in TURNS:
            exif.tobytes()  # what cannot be written again was not read well
        return turn if turn in TURNS else 1
    except Exception:  # damaged EXIF makes Pillow's reader fail in every way there is
        return None


def _flatten(image: Image.Image, profile: bytes | None) -> tuple[Image.Image, Image.Image | None, str]:
    """8-bit sRGB over white, the transparency where there is any, and what there is to say."""
    if image.mode not in ("RGBA", "LA"):
        colours, said = to_srgb(image, profile)
        return colours, None, said
    alpha = image.getchannel("A")
    layered, said = to_srgb(image.convert(image.mode[:-1]), profile)
    layered.putalpha(alpha)
    white = Image.new("RGBA", layered.size, "white")
    white.alpha_composite(layered)
    return white.convert("RGB"), alpha if _cuts_out(np.asarray(alpha)) else None, said


def _cuts_out(alpha: np.ndarray) -> bool:
    """Whether transparency (H, W) uint8 removes a background (most of the border), not merely softens a corner."""
    border = np.concatenate([alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1]])
    return bool((border < 25).mean() > 0.5 and 0.01 < (alpha > 128).mean() < 0.9)


def to_srgb(image: Image.Image, profile: bytes | None) -> tuple[Image.Image, str]:
    """(the picture in sRGB, what there is to say about it).

    Args:
        image: 8 bits, without transparency: RGB, grey ("L"), CMYK or another mode that Pillow converts to RGB.
        profile: the ICC profile that its file carries (Display P3, Adobe RGB, a printer's ...), if any.
    """
    if not profile:
        return image.convert("RGB"), ""
    try:
        described = ImageCms.getOpenProfile(io.BytesIO(profile))
        wanted = described.profile.xcolor_space.strip()
        if wanted == "RGB" and image.mode != "RGB":  # a grey picture with the profile of the colour picture it was
            image = image.convert("RGB")
        converted = ImageCms.profileToProfile(
            image, described, ImageCms.createProfile("sRGB"), ImageCms.Intent.PERCEPTUAL, "RGB"
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError, AttributeError):
        return image.convert("RGB"), NO_PROFILE
    assert converted is not None  # only with inPlace
    return converted, ""


def shrink(image: Image.Image, factor: int) -> Image.Image:
    """A picture of any mode at 1/`factor` of its size, 8 bits a channel, colours not looked up in a palette any more.

    What comes out is "RGBA" or "LA" where there is transparency, else of the picture's own mode (RGB, L, CMYK, ...).
    """
    width, height = image.size
    extremes = _extremes(image) if _is_deep(image) else None
    small: Image.Image | None = None
    for top in range(0, height, STRIP * factor):
        strip = image.crop((0, top, width, min(top + STRIP * factor, height)))
        strip = _to_plain_mode(_eight_bits(strip, *extremes) if extremes else strip)
        strip = strip.reduce(factor) if factor > 1 else strip
        if small is None:
            small = Image.new(strip.mode, (strip.width, -(-height // factor)))
        small.paste(strip, (0, top // factor))
    assert small is not None
    return small


def _to_plain_mode(image: Image.Image) -> Image.Image:
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
