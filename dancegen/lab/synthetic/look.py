"""How a frame looks: the person over the background, with shadow and camera faults (blur, noise, colour, JPEG)."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from dancegen.lab.synthetic.draw import SUPERSAMPLE


@dataclass(frozen=True)
class Finish:
    """The faults of one camera, the same in all frames of a scene (noise differs by frame).

    Attributes:
        gains: RGB factors; gamma; contrast about the middle; saturation; all 1 = unchanged.
        blur: Gaussian radius in px; noise: standard deviation in 0..255; quality: JPEG's.
        vignette: darkening of the corners, 0..1.
    """

    gains: tuple[float, float, float]
    gamma: float
    contrast: float
    saturation: float
    blur: float
    noise: float
    quality: int
    vignette: float


def random_finish(rng: np.random.Generator, drawing: bool) -> Finish:
    """A camera. Drawings are mostly clean scans, sometimes photographed paper."""
    clean = drawing and rng.random() < 0.6
    strength = 0.25 if clean else 1.0
    tint = 1 + strength * rng.normal(0, 0.06, 3)
    return Finish(
        gains=(float(tint[0]), float(tint[1]), float(tint[2])),
        gamma=float(np.exp(strength * rng.normal(0, 0.18))),
        contrast=float(1 + strength * rng.normal(0, 0.1)),
        saturation=float(np.clip(1 + strength * rng.normal(0, 0.25), 0, 1.8)) if rng.random() > 0.04 else 0.0,
        blur=float(rng.choice([0, 0, rng.uniform(0.3, 0.9)])),
        noise=float(rng.choice([0, strength * rng.uniform(1, 7)])),
        quality=int(rng.integers(72, 96)),
        vignette=float(strength * rng.choice([0, rng.uniform(0, 0.35)])),
    )


def finish_picture(picture: np.ndarray, finish: Finish, rng: np.random.Generator | None) -> np.ndarray:
    """(S, S, 3) uint8 of a float picture in 0..255, seen by the camera; no noise without `rng`."""
    if finish.blur > 0:
        soft = Image.fromarray(_bytes(picture)).filter(ImageFilter.GaussianBlur(finish.blur))
        picture = np.asarray(soft, np.float32)
    value = np.clip(picture / 255, 0, 1) ** np.float32(finish.gamma) * np.array(finish.gains, np.float32)
    grey = value.mean(axis=2, keepdims=True)
    value = grey + finish.saturation * (value - grey)
    value = 0.5 + finish.contrast * (value - 0.5)
    if finish.vignette > 0:
        span = np.linspace(-1, 1, picture.shape[0], dtype=np.float32)
        value = value * (1 - finish.vignette * 0.5 * (span[:, None, None] ** 2 + span[None, :, None] ** 2))
    if rng is not None and finish.noise > 0:
        value = value + rng.standard_normal(value.shape, np.float32) * np.float32(finish.noise / 255)
    return _bytes(value * 255)


def resolve(colour: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """From the supersampled drawing to the frame.

    Args:
        colour: (S, S, 3) uint8; labels: (S, S) uint8.

    Returns:
        colour times coverage (s, s, 3) float32 in 0..255, coverage (s, s) float32 in 0..1, labels (s, s) uint8, 0 where
        less than half is covered.
    """
    inside = labels > 0
    premultiplied = np.where(inside[..., None], colour, 0).astype(np.uint16)
    summed = np.add.reduce(_corners(premultiplied))
    coverage = np.add.reduce(_corners(inside.astype(np.float32))) / np.float32(SUPERSAMPLE**2)
    first = labels[::SUPERSAMPLE, ::SUPERSAMPLE]
    for other in _corners(labels)[1:]:
        first = np.where(first > 0, first, other)
    return summed.astype(np.float32) / SUPERSAMPLE**2, coverage, np.where(coverage >= 0.5, first, 0).astype(np.uint8)


def _corners(picture: np.ndarray) -> list[np.ndarray]:
    """The samples of each pixel, one array each."""
    steps = range(SUPERSAMPLE)
    return [picture[row::SUPERSAMPLE, column::SUPERSAMPLE] for row in steps for column in steps]


def cast_shadow(background: np.ndarray, shadow: np.ndarray, blur: float, strength: float) -> np.ndarray:
    """The background (s, s, 3) float32 with the person's shadow on it."""
    if strength <= 0:
        return background
    soft = Image.fromarray(np.ascontiguousarray(shadow)).filter(ImageFilter.GaussianBlur(blur))
    factor = 1 - strength * np.asarray(soft, np.float32) / 255
    return background * factor[..., None]


def jpeg(picture: np.ndarray, quality: int) -> bytes:
    """The picture (H, W, 3) uint8 as JPEG."""
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "JPEG", quality=quality, subsampling=0 if quality > 84 else 2)
    return stream.getvalue()


def random_background(photos: list[Path], size: int, drawing: bool, rng: np.random.Generator) -> np.ndarray:
    """(size, size, 3) float32 in 0..255: a photo's crop, a plain wall and floor, a gradient, a flat colour or paper."""
    kind = rng.random()
    if drawing and kind < 0.75:
        return _paper(size, rng)
    if not drawing and kind < 0.68:
        return _photo(photos[int(rng.integers(len(photos)))], size, rng)
    if kind < 0.84:
        return _room(size, rng)
    colour = rng.uniform(0, 255, 3) if rng.random() < 0.6 else np.full(3, rng.choice([0, 255, rng.uniform(0, 255)]))
    other = colour if rng.random() < 0.5 else np.clip(colour + rng.normal(0, 60, 3), 0, 255)
    share = np.linspace(0, 1, size, dtype=np.float32)[:, None, None]
    return np.broadcast_to((1 - share) * colour + share * other, (size, size, 3)).astype(np.float32)


def _photo(path: Path, size: int, rng: np.random.Generator) -> np.ndarray:
    with Image.open(path) as file:
        picture = file.convert("RGB")
    side = int(rng.uniform(0.5, 1.0) * picture.width)
    left = int(rng.integers(0, picture.width - side + 1))
    top = int(rng.integers(0, picture.height - side + 1))
    crop = picture.resize((size, size), Image.Resampling.BILINEAR, (left, top, left + side, top + side))
    if rng.random() < 0.5:
        crop = crop.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if rng.random() < 0.3:
        crop = crop.filter(ImageFilter.GaussianBlur(rng.uniform(0.5, 3)))  # shallow focus
    return np.asarray(crop, np.float32)


def _room(size: int, rng: np.random.Generator) -> np.ndarray:
    """A wall, a floor and a few straight-edged things."""
    base = np.clip(rng.uniform(30, 230) + rng.normal(0, 25, 3), 0, 255)
    canvas = Image.new("RGB", (size, size), tuple(int(v) for v in base))
    pen = ImageDraw.Draw(canvas)
    floor = int(size * rng.uniform(0.6, 0.92))
    pen.rectangle([0, floor, size, size], fill=_colour(rng))
    for _ in range(int(rng.integers(0, 7))):
        width, height = rng.uniform(0.05, 0.5, 2) * size
        x, y = rng.uniform(-0.1, 1) * size, floor - height * rng.uniform(0.2, 1.6)
        box = [x, y, x + width, y + height]
        (pen.ellipse if rng.random() < 0.2 else pen.rectangle)(box, fill=_colour(rng))
    for _ in range(int(rng.integers(0, 4))):
        start, end = rng.uniform(0, size, 2), rng.uniform(0, size, 2)
        pen.line([*start, *end], fill=_colour(rng), width=int(rng.integers(1, 6)))
    picture = np.asarray(canvas.filter(ImageFilter.GaussianBlur(rng.uniform(0, 1.5))), np.float32)
    light = 1 + rng.normal(0, 0.25) * np.linspace(-0.5, 0.5, size, dtype=np.float32)[None, :, None]
    return picture * light + smooth_noise(size, 24, rng)[..., None] * rng.uniform(0, 12)


def _paper(size: int, rng: np.random.Generator) -> np.ndarray:
    """White or tinted paper, sometimes uneven, lined or squared."""
    white = np.full(3, 255.0) if rng.random() < 0.5 else np.clip(rng.uniform(175, 252) + rng.normal(0, 10, 3), 0, 255)
    picture = np.broadcast_to(white, (size, size, 3)).astype(np.float32).copy()
    if rng.random() < 0.12:
        colour = rng.uniform(40, 255, 3)
        picture[:] = colour  # coloured card
    if rng.random() < 0.45:
        picture *= 1 - 0.25 * rng.random() * (0.5 + 0.5 * smooth_noise(size, 96, rng)[..., None])
        picture += smooth_noise(size, 2, rng)[..., None] * rng.uniform(0, 5)
    if rng.random() < 0.12:
        gap = int(rng.integers(9, 24))
        ink = np.array([170, 190, 225], np.float32)
        picture[int(rng.integers(gap)) :: gap] = ink
        if rng.random() < 0.5:
            picture[:, int(rng.integers(gap)) :: gap] = ink
    return picture


def smooth_noise(size: int, scale: float, rng: np.random.Generator) -> np.ndarray:
    """(size, size) float32 of noise in about -1..1 whose blobs are `scale` px wide."""
    cells = max(2, int(size / scale) + 2)
    coarse = Image.fromarray(rng.standard_normal((cells, cells), np.float32))
    return np.asarray(coarse.resize((size, size), Image.Resampling.BICUBIC), np.float32)


def _colour(rng: np.random.Generator) -> tuple[int, int, int]:
    red, green, blue = np.clip(rng.uniform(10, 245) + rng.normal(0, 40, 3), 0, 255).astype(int)
    return int(red), int(green), int(blue)


def _bytes(picture: np.ndarray) -> np.ndarray:
    return np.clip(picture + 0.5, 0, 255).astype(np.uint8)
