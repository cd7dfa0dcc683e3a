"""Make a rendered person look drawn: ink lines from depth, label and texture edges, flat colours, pencil, wobble.

All work is done on the supersampled drawing, before it is averaged down, and is the same in all frames of a scene.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter
from scipy.ndimage import maximum_filter1d

from dancegen.lab.synthetic.character import HEAD
from dancegen.lab.synthetic.draw import Drawn
from dancegen.lab.synthetic.look import smooth_noise

STYLES = ("ink", "ink", "doodle", "doodle", "flat", "cel", "pencil", "crayon")


@dataclass(frozen=True)
class DrawingStyle:
    """One hand.

    Attributes:
        kind: one of `STYLES`. ink: lines, dark hair and clothes black; doodle: lines and one or two flat colours; flat:
            flat colours, no lines; cel: cartoon shading and lines; pencil: grey lines and hatching; crayon: coloured
            lines over the bare paper.
        line: line width in supersampled px; colour: the lines' RGB.
        levels: how many tones of colour are kept.
        palette: (16, 3) RGB by limb label, for doodles.
        wobble: (2, S, S) px that the hand shakes by.
        grain: (S, S) float32, about -1..1.
        inner: whether the clothes' own edges get lines too.
        face: whether eyes and mouth are drawn as strokes.
    """

    kind: str
    line: int
    colour: tuple[int, int, int]
    levels: int
    palette: np.ndarray
    wobble: np.ndarray
    grain: np.ndarray
    inner: bool
    face: bool


def random_style(size: int, rng: np.random.Generator) -> DrawingStyle:
    """A hand for frames of `size` supersampled px."""
    kind = str(rng.choice(STYLES))
    dark = rng.uniform(0, 60) + rng.normal(0, 12, 3)
    if rng.random() < 0.25 or kind == "crayon":
        dark = rng.uniform(0, 170, 3)
    strength = rng.choice([0.0, rng.uniform(0.5, 2.5), rng.uniform(2, 5)])
    wobble = np.stack([smooth_noise(size, rng.uniform(14, 50), rng) for _ in range(2)]) * strength
    return DrawingStyle(
        kind=kind,
        line=int(rng.choice([2, 3, 3, 4, 5, 7])) if kind != "pencil" else int(rng.choice([1, 2, 3])),
        colour=tuple(int(v) for v in np.clip(dark, 0, 255)),  # type: ignore[arg-type]
        levels=int(rng.integers(2, 6)),
        palette=_palette(rng),
        wobble=wobble,
        grain=smooth_noise(size, 2.0, rng),
        inner=bool(rng.random() < 0.5),
        face=bool(rng.random() < 0.7),
    )


def redraw_by_hand(
    drawn: Drawn, joints: np.ndarray, background: np.ndarray, style: DrawingStyle
) -> tuple[np.ndarray, np.ndarray]:
    """The person redrawn.

    Args:
        drawn: the rendered person, S px a side.
        joints: (18, 3) supersampled px and depth, for the face.
        background: (3,) RGB of the paper, which shows through where nothing is coloured.
        style: the hand.

    Returns:
        colour (S, S, 3) uint8 and labels (S, S) uint8.
    """
    flat = _flat_colours(drawn, style)
    lines = _lines(drawn, flat, style)
    fill = _fill(drawn, flat, background, style)
    ink = np.array(style.colour, np.float32)
    if style.kind == "crayon":
        ink = 0.5 * ink + 0.5 * np.clip(flat * 0.8, 0, 200)
    if style.face:
        lines = np.maximum(lines, _face(joints, drawn.labels, style))
    pressure = np.clip(0.8 + 0.25 * style.grain, 0, 1) if style.kind in ("pencil", "crayon") else 1.0
    share = (lines * pressure)[..., None]
    colour = fill * (1 - share) + ink * share
    # The line straddles the outline: what it covers outside belongs to the person.
    labels = _grow(drawn.labels, style.line // 2) if style.kind != "flat" else drawn.labels
    return shake(np.clip(colour, 0, 255).astype(np.uint8), style.wobble), shake(labels, style.wobble)


def _flat_colours(drawn: Drawn, style: DrawingStyle) -> np.ndarray:
    """(S, S, 3) float32 in 0..255 with few tones."""
    if style.kind == "doodle":
        hair = (drawn.labels == HEAD) & (drawn.colour.max(axis=2) < 95)
        return np.where(hair[..., None], np.array(style.colour, np.float32), style.palette[drawn.labels])
    smooth = Image.fromarray(np.ascontiguousarray(drawn.colour)).filter(ImageFilter.BoxBlur(2))
    steps = style.levels
    return np.round(np.asarray(smooth, np.float32) / 255 * steps) / steps * 255


def _fill(drawn: Drawn, flat: np.ndarray, background: np.ndarray, style: DrawingStyle) -> np.ndarray:
    paper = np.broadcast_to(background.astype(np.float32), flat.shape)
    if style.kind == "ink":
        dark = drawn.colour.mean(axis=2) < 55 + 12 * style.levels
        return np.where(dark[..., None], np.array(style.colour, np.float32), paper)
    if style.kind == "pencil":
        rows, columns = np.indices(drawn.labels.shape)
        hatch = ((rows + columns) // 3 % 3 == 0) | (style.grain > 0.8)
        dark = 255 - drawn.colour.mean(axis=2)
        return paper * (1 - (hatch * dark / 255 * 0.7)[..., None])
    if style.kind == "crayon":
        cover = np.clip(0.45 + 0.5 * style.grain, 0, 1)[..., None]
        return paper * (1 - cover) + flat * cover if style.levels > 3 else paper
    return flat


def _lines(drawn: Drawn, flat: np.ndarray, style: DrawingStyle) -> np.ndarray:
    """(S, S) float32 in 0..1."""
    if style.kind == "flat":
        return np.zeros(drawn.labels.shape, np.float32)
    inside = drawn.labels > 0
    depth = drawn.depth.astype(np.int16)
    edge = np.zeros(inside.shape, bool)
    tone = flat.mean(axis=2)
    for axis in (0, 1):
        step = np.abs(np.diff(depth, axis=axis)) > 9  # about 5 cm
        step |= np.diff(inside.astype(np.int8), axis=axis) != 0
        if style.inner:
            both = np.take(inside, range(1, inside.shape[axis]), axis) & np.take(
                inside, range(inside.shape[axis] - 1), axis
            )
            step |= (np.abs(np.diff(tone, axis=axis)) > 70) & both
        edge |= np.pad(step, [(0, 1), (0, 0)] if axis == 0 else [(0, 0), (0, 1)])
    thick = Image.fromarray(widen(edge.astype(np.uint8) * 255, style.line // 2))
    return np.asarray(thick.filter(ImageFilter.GaussianBlur(0.7)), np.float32) / 255


def _face(joints: np.ndarray, labels: np.ndarray, style: DrawingStyle) -> np.ndarray:
    """Dots for the eyes and a stroke for the mouth, where the face is seen."""
    canvas = Image.new("L", (labels.shape[1], labels.shape[0]), 0)
    if joints[0, 2] > joints[[16, 17], 2].mean():  # turned away
        return np.asarray(canvas, np.float32)
    pen = ImageDraw.Draw(canvas)
    nose, eyes = joints[0, :2], joints[[14, 15], :2]
    gap = float(np.linalg.norm(eyes[0] - eyes[1])) + 2
    for x, y in eyes:
        size = max(1.5, 0.13 * gap)
        pen.ellipse([x - size, y - size, x + size, y + size], fill=255)
    across, down = (eyes[1] - eyes[0]) * 0.45, nose - eyes.mean(axis=0)
    mouth = nose + down * 0.9
    ends = [mouth - across, mouth + down * 0.15, mouth + across]
    pen.line([(float(x), float(y)) for x, y in ends], fill=255, width=max(1, style.line - 1))
    if style.levels % 2:
        pen.line([*(nose - 0.4 * down), *nose], fill=255, width=max(1, style.line - 1))
    return np.asarray(canvas, np.float32) / 255


def _grow(labels: np.ndarray, by: int) -> np.ndarray:
    """The labels with each limb grown outward over the background by `by` px."""
    if by < 1:
        return labels
    return np.where(labels > 0, labels, widen(labels, by))


def widen(picture: np.ndarray, by: int) -> np.ndarray:
    """Each pixel (H, W) the largest within `by` px in rows and columns."""
    return maximum_filter1d(maximum_filter1d(picture, 2 * by + 1, axis=0), 2 * by + 1, axis=1)


def shake(picture: np.ndarray, wobble: np.ndarray) -> np.ndarray:
    """The picture (S, S, ...) as an unsteady hand draws it: each pixel comes from `wobble` (2, S, S) px away."""
    if not wobble.any():
        return picture
    size = picture.shape[0]
    rows, columns = np.indices((size, size), np.float32)
    rows = np.clip(rows + wobble[0], 0, size - 1).astype(np.intp)
    columns = np.clip(columns + wobble[1], 0, size - 1).astype(np.intp)
    return picture[rows, columns]


def _palette(rng: np.random.Generator) -> np.ndarray:
    """(16, 3) float32: skin, top, trousers and shoes, often bare paper white."""
    skin, top, legs, shoes = (rng.uniform(0, 255, 3) if rng.random() < 0.6 else np.full(3, 255.0) for _ in range(4))
    if rng.random() < 0.5:
        skin = (
            np.clip(np.array([235, 190, 160]) + rng.normal(0, 25, 3), 0, 255)
            if rng.random() < 0.5
            else np.full(3, 255.0)
        )
    sleeves = top if rng.random() < 0.6 else skin
    colours = [skin, skin, top, legs if rng.random() < 0.6 else top]
    colours += [top if rng.random() < 0.8 else sleeves, sleeves, skin] * 2
    colours += [legs, legs if rng.random() < 0.7 else skin, shoes] * 2
    return np.array(colours, np.float32)
