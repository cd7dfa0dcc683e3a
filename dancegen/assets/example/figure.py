"""Draws the example's dancer: soft-shaded shapes at four times the size, then made smaller.

Units: the figure is drawn on a board of 100 x 150, 1 unit = 4.8 pixels of the finished picture. The light comes from
the upper left.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

WIDTH, HEIGHT = 480, 720  # pixels of the finished picture
FINER = 4  # drawn this many times larger
UNIT = WIDTH * FINER / 100  # drawn pixels in a unit

# The 18 joints, COCO-18 order; the person's right is at our left.
JOINTS = (
    *((50.0, 22.6), (50.0, 37.2), (39.6, 37.4), (34.4, 56.0), (29.4, 72.6), (60.4, 37.4), (65.6, 56.0), (70.6, 72.6)),
    *((44.8, 77.0), (43.2, 105.0), (42.0, 132.5), (55.2, 77.0), (56.8, 105.0), (58.0, 132.5)),
    *((47.1, 19.8), (52.9, 19.8), (43.2, 21.6), (56.8, 21.6)),
)
SKIN, HAIR, SHIRT, STRIPE = (224, 172, 140), (74, 46, 36), (226, 92, 74), (250, 226, 190)
TROUSERS, SHOE, SOLE = (52, 74, 118), (240, 236, 228), (150, 146, 140)
WALL_TOP, WALL_LOW, FLOOR = (196, 216, 214), (222, 232, 224), (204, 178, 146)

Point = tuple[float, float]
Knot = tuple[float, float, float]  # x, y, half-width


def joints_in_pixels() -> np.ndarray:
    """The joints in the finished picture: (18, 2)."""
    return np.array(JOINTS) * (WIDTH / 100)


def draw_figure() -> Image.Image:
    """The finished picture, RGB."""
    board = _room()
    _shadow(board)
    for side in (-1, 1):
        _leg(board, side)
    for side in (-1, 1):
        _arm(board, side)
    _torso(board)
    _head(board)
    return board.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)


def _room() -> Image.Image:
    """A wall and a wooden floor."""
    size = (round(100 * UNIT), round(150 * UNIT))
    rows = np.linspace(0, 1, size[1])[:, None, None]
    wall = np.array(WALL_TOP) * (1 - rows) + np.array(WALL_LOW) * rows  # (H, 1, 3)
    board = Image.fromarray(np.broadcast_to(wall, (size[1], size[0], 3)).astype(np.uint8))
    draw = ImageDraw.Draw(board)
    draw.rectangle((0, 122 * UNIT, *size), fill=FLOOR)
    draw.rectangle((0, 120.5 * UNIT, size[0], 122 * UNIT), fill=(238, 238, 232))
    for y in (127, 134, 142):
        draw.line((0, y * UNIT, size[0], y * UNIT), fill=(188, 162, 130), width=round(0.35 * UNIT))
    return board


def _shadow(board: Image.Image) -> None:
    """The shadow under the feet."""
    mask = _new_layer(board)
    ImageDraw.Draw(mask).ellipse([v * UNIT for v in (31, 134, 71, 142)], fill=120)
    board.paste((90, 70, 56), mask=mask.filter(ImageFilter.GaussianBlur(2.2 * UNIT)))


def _leg(board: Image.Image, side: int) -> None:
    def at(x: float) -> float:
        return 50 + side * x

    shoe = _tube(board, [(at(8.0), 132.5, 2.6), (at(8.6), 136.0, 3.2), (at(11.6), 137.4, 2.7)])
    _part(board, shoe, SHOE)
    sole = _polygon(board, [(at(5.0), 138.3), (at(14.2), 138.3), (at(14.4), 140.2), (at(4.9), 140.2)])
    _part(board, sole, SOLE)
    knots = [(at(5.2), 76, 6.2), (at(6.0), 90, 5.7), (at(6.8), 105, 4.5), (at(7.4), 119, 4.0), (at(8.0), 132.2, 3.5)]
    _part(board, _tube(board, knots), TROUSERS)


def _torso(board: Image.Image) -> None:
    right = [(50, 33.6), (55, 34.4), (60.2, 35.7), (62.4, 38.6), (60.4, 45), (59.4, 54), (59.0, 64), (60.2, 76.5)]
    outline = right + [(50, 77.8)] + [(100 - x, y) for x, y in reversed(right)]
    belt = _tube(board, [(41.6, 76.8, 2.4), (58.4, 76.8, 2.4)])
    _part(board, belt, TROUSERS)
    shirt = _polygon(board, outline)
    _part(board, shirt, SHIRT)
    for y in (49.5, 55.5):
        stripe = _tube(board, [(36, y, 1.1), (50, y + 0.7, 1.1), (64, y, 1.1)])
        board.paste(STRIPE, mask=ImageChops.multiply(stripe, shirt))
    neck = _tube(board, [(50, 27, 3.3), (50, 34.2, 3.5)])
    _part(board, neck, tuple(round(v * 0.9) for v in SKIN))
    opening = _polygon(board, [(45.6, 33.2), (50, 32.8), (54.4, 33.2), (52.6, 36.6), (50, 37.6), (47.4, 36.6)])
    _part(board, opening, tuple(round(v * 0.94) for v in SKIN))


def _arm(board: Image.Image, side: int) -> None:
    def at(x: float) -> float:
        return 50 + side * x

    forearm = [(at(13.2), 47, 3.0), (at(15.6), 56, 2.7), (at(18.2), 65, 2.35), (at(20.6), 72.6, 1.8)]
    _part(board, _tube(board, forearm), SKIN)
    palm = _tube(board, [(at(20.6), 72.6, 1.8), (at(21.7), 76.4, 2.3), (at(22.3), 79.4, 1.7), (at(22.4), 82.0, 1.1)])
    thumb = _tube(board, [(at(20.2), 75.2, 1.0), (at(19.0), 78.6, 0.8)])
    _part(board, ImageChops.lighter(palm, thumb), SKIN)
    sleeve = _tube(board, [(at(9.6), 38.6, 3.2), (at(11.8), 44, 3.6), (at(13.6), 50.4, 3.7)])
    _part(board, sleeve, SHIRT)
    cuff = _tube(board, [(at(10.3), 51.2, 0.7), (at(17.2), 49.2, 0.7)])
    board.paste(STRIPE, mask=ImageChops.multiply(cuff, sleeve))


def _head(board: Image.Image) -> None:
    back = _polygon(board, [(42.4, 24), (41.6, 16), (45, 9.8), (50, 8.2), (55, 9.8), (58.4, 16), (57.6, 24), (50, 26)])
    _part(board, back, HAIR)
    for x in (43.3, 56.7):
        _part(board, _tube(board, [(x, 20.6, 1.1), (x, 22.6, 1.0)]), SKIN)
    face = [
        (43.4, 16),
        (43.6, 22),
        (45.2, 27),
        (48, 30.2),
        (50, 30.8),
        (52, 30.2),
        (54.8, 27),
        (56.4, 22),
        (56.6, 16),
        (50, 11),
    ]
    _part(board, _polygon(board, face), SKIN)
    fringe = [
        (42.8, 19.6),
        (43.2, 13),
        (47, 9.4),
        (53, 9.2),
        (56.8, 13),
        (57.2, 19.6),
        (55.8, 15.8),
        (51.8, 13.8),
        (46.4, 15.4),
        (44.2, 16.4),
    ]
    _part(board, _polygon(board, fringe), HAIR)
    _face(board)


def _face(board: Image.Image) -> None:
    dark, lip = (50, 34, 30), (178, 84, 78)
    for side in (-1, 1):
        x = 50 + side * 2.9
        board.paste((250, 250, 248), mask=_oval(board, x, 19.9, 1.35, 0.95))
        board.paste(dark, mask=_oval(board, x + 0.1, 19.9, 0.75, 0.85))
        board.paste((250, 250, 248), mask=_oval(board, x - 0.2, 19.6, 0.22, 0.22))
        brow = _tube(board, [(x - 1.7, 17.9, 0.25), (x, 17.2, 0.4), (x + 1.7, 17.8, 0.25)])
        board.paste(HAIR, mask=brow)
        blush = _oval(board, 50 + side * 4.2, 24.0, 1.6, 1.1).filter(ImageFilter.GaussianBlur(0.5 * UNIT))
        board.paste((226, 150, 124), mask=blush)
    shade = tuple(round(v * 0.8) for v in SKIN)
    board.paste(shade, mask=_tube(board, [(50.4, 20.2, 0.2), (50.8, 22.6, 0.4), (49.8, 23.3, 0.35), (49.2, 23.0, 0.2)]))
    board.paste(lip, mask=_tube(board, [(47.3, 25.8, 0.3), (50, 27.1, 0.55), (52.7, 25.8, 0.3)]))


def _part(board: Image.Image, mask: Image.Image, colour: tuple[int, ...]) -> None:
    """Fill a shape, darker toward its lower right and lighter toward its upper left edge."""
    board.paste(colour, mask=mask)
    deep = round(1.6 * UNIT)
    soft = ImageFilter.GaussianBlur(1.3 * UNIT)
    for shift, tint, strength in ((-deep, 0.0, 0.34), (deep, 255.0, 0.20)):
        outside = ImageChops.invert(ImageChops.offset(mask, shift, shift // 2)).filter(soft)
        edge = ImageChops.multiply(outside, mask).point(lambda v, s=strength: int(v * s))
        board.paste((round(tint), round(tint), round(tint)) if tint else tuple(v // 3 for v in colour), mask=edge)


def _tube(board: Image.Image, knots: list[Knot]) -> Image.Image:
    """The mask of a limb: a smooth curve through the knots with their half-widths."""
    mask = _new_layer(board)
    draw = ImageDraw.Draw(mask)
    for x, y, radius in _smooth(np.array(knots), closed=False) * UNIT:
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    return mask


def _polygon(board: Image.Image, points: list[Point]) -> Image.Image:
    """The mask of a closed smooth outline."""
    mask = _new_layer(board)
    ImageDraw.Draw(mask).polygon([tuple(p) for p in _smooth(np.array(points), closed=True) * UNIT], fill=255)
    return mask


def _oval(board: Image.Image, x: float, y: float, half_width: float, half_height: float) -> Image.Image:
    mask = _new_layer(board)
    box = [v * UNIT for v in (x - half_width, y - half_height, x + half_width, y + half_height)]
    ImageDraw.Draw(mask).ellipse(box, fill=255)
    return mask


def _smooth(knots: np.ndarray, closed: bool) -> np.ndarray:
    """A Catmull-Rom curve through the knots, 60 points a stretch: (points, C)."""
    if closed:
        padded = np.concatenate([knots[-1:], knots, knots[:2]])
    else:
        padded = np.concatenate([2 * knots[:1] - knots[1:2], knots, 2 * knots[-1:] - knots[-2:-1]])
    t = np.linspace(0, 1, 60, endpoint=False)[:, None]
    pieces = []
    for a, b, c, d in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
        bend = (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3
        pieces.append(0.5 * (2 * b + (c - a) * t + bend))
    return np.concatenate([*pieces, padded[-2][None]]) if not closed else np.concatenate(pieces)


def _new_layer(board: Image.Image) -> Image.Image:
    return Image.new("L", board.size, 0)
