"""The strokes of a hand that draws with a marker or a pencil, in place of clean lines: gone over twice, of uneven
width, running past their ends, circles that do not close; and what such a hand puts on a body.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from PIL import Image, ImageDraw

from dancegen.lab.synthetic.figure import Figure

# Marks on a body: polylines of (across -1..1 of its half width, down 0..1 of its length).
MARKS: dict[str, tuple[tuple[tuple[float, float], ...], ...]] = {
    "gap": (((-0.75, 1.0), (0.0, 0.4), (0.7, 0.95), (-0.75, 1.0)),),
    "belt": (((-0.95, 0.75), (0.95, 0.78)), ((-0.95, 0.87), (0.95, 0.9))),
    "middle": (((0.0, 0.05), (0.05, 0.95)),),
    "buttons": tuple(((-0.03, y), (0.05, y + 0.01)) for y in (0.2, 0.42, 0.64)),
    "collar": (((-0.7, 0.02), (0.0, 0.22), (0.7, 0.02)),),
    "pocket": (((-0.6, 0.6), (-0.6, 0.8), (-0.1, 0.8), (-0.1, 0.6), (-0.6, 0.6)),),
    "navel": (((-0.05, 0.68), (0.03, 0.74)),),
    "chest": (((-0.6, 0.3), (-0.35, 0.36), (-0.15, 0.3)), ((0.15, 0.3), (0.35, 0.36), (0.6, 0.3))),
}


class Ink:
    """A layer of ink that is drawn on as on `ImageDraw`, by the hand of `figure`: the same unsteadiness every time."""

    def __init__(self, layer: Image.Image, figure: Figure) -> None:
        self._pen = ImageDraw.Draw(layer)
        self._rough = figure.rough
        self._rng = np.random.default_rng(figure.hand_seed)

    def line(self, points: Sequence[object], fill: int, width: int, joint: str | None = "curve") -> None:
        """A stroke through flat or paired coordinates, px."""
        way = np.asarray(points, np.float64).reshape(-1, 2)
        if self._rough <= 0:
            self._pen.line([(float(x), float(y)) for x, y in way], fill=fill, width=width, joint=joint)
            return
        for _ in range(1 + int(self._rng.random() < self._rough)):
            self._stroke(_resample(way, 4.0 + width), fill, width)

    def ellipse(
        self, box: Iterable[float], fill: int | None = None, outline: int | None = None, width: int = 1
    ) -> None:
        """A filled dot, or a ring as unsteady as the lines."""
        left, top, right, bottom = (float(value) for value in box)
        if fill is not None:
            self._pen.ellipse([left, top, right, bottom], fill=fill)
        if outline is None:
            return
        if self._rough <= 0:
            self._pen.ellipse([left, top, right, bottom], outline=outline, width=width)
            return
        start = self._rng.uniform(0, 2 * np.pi)
        angle = np.linspace(start, start + 2 * np.pi + self._rng.normal(0.1, 0.25), 40)
        bumps = [self._rng.normal(0, 0.05) * np.cos(n * angle + self._rng.uniform(0, 6.3)) for n in (2, 3)]
        radius = 1 + bumps[0] + bumps[1]
        ring = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
        middle, half = np.array([left + right, top + bottom]) / 2, np.array([right - left, bottom - top]) / 2
        self.line(list((middle + ring * (half - width / 2)).ravel()), fill=outline, width=width)

    def chord(self, box: Iterable[float], start: float, end: float, fill: int) -> None:
        """A filled segment of an ellipse, angles in degrees."""
        left, top, right, bottom = (float(value) for value in box)
        self._pen.chord([left, top, right, bottom], start, end, fill=fill)

    def _stroke(self, way: np.ndarray, fill: int, width: int) -> None:
        """One unsteady stroke: shifted as a whole, past its ends or short of them, thicker and thinner on its way."""
        reach = self._rough * width
        for end, inner in ((0, 1), (-1, -2)):
            ahead = way[end] - way[inner]
            way[end] = way[end] + ahead / (np.linalg.norm(ahead) + 1e-9) * self._rng.normal(0.2, 0.6) * reach
        way = way + self._rng.normal(0, 0.22 * reach, 2) + _drift(len(way), self._rng) * 0.3 * reach
        widths = width * np.exp(0.3 * self._rough * _drift(len(way), self._rng)[:, 0])
        for start, end, thick in zip(way[:-1], way[1:], widths[:-1], strict=True):
            half = max(float(thick) / 2, 0.5)
            self._pen.line([*start, *end], fill=fill, width=max(1, round(2 * half)))
            for x, y in (start, end):
                self._pen.ellipse([x - half, y - half, x + half, y + half], fill=fill)


def hand(ink: Ink, tip: np.ndarray, way: np.ndarray, length: float, figure: Figure) -> list[list[np.ndarray]]:
    """The strokes of a "cross" or "loops" at `tip`, drawn in ink; returns them, for the labels.

    Args:
        ink: where they are drawn.
        tip: end of the arm; way: unit vector along it; length: px of a finger; figure: whose hand.
    """
    across = np.array([-way[1], way[0]])
    strokes = []
    if figure.hand == "cross":
        for angle in np.linspace(-1.2, 1.2, max(2, figure.fingers - 1)):
            aim = way * np.cos(angle) + across * np.sin(angle)
            strokes.append([tip - aim * length * 0.6, tip + aim * length])
    else:
        for angle in np.linspace(-1.4, 1.4, max(3, figure.fingers - 1)):
            centre = tip + (way * np.cos(angle) + across * np.sin(angle)) * length * 0.6
            turns = np.linspace(0, 2 * np.pi, 9)
            ring = centre + 0.45 * length * np.stack([np.cos(turns), np.sin(turns)], axis=1)
            strokes.append(list(ring))
    if figure.kind == "stick":
        for stroke in strokes:
            ink.line(np.concatenate(stroke).tolist(), fill=255, width=max(2, figure.line - 2))
    return strokes


def draw_marks(ink: Ink, top: np.ndarray, low: np.ndarray, halves: tuple[float, float], figure: Figure) -> None:
    """The figure's marks on a body from `top` to `low` that is `halves` px to each side wide there."""
    down = low - top
    across = np.array([-down[1], down[0]]) / (np.linalg.norm(down) + 1e-9)
    if across[0] < 0:
        across = -across
    for name in figure.marks:
        for line in MARKS[name]:
            points = [top + down * y + across * x * (halves[0] * (1 - y) + halves[1] * y) for x, y in line]
            ink.line(np.concatenate(points).tolist(), fill=255, width=max(2, round(figure.line * 0.8)))


def _resample(way: np.ndarray, step: float) -> np.ndarray:
    """The polyline with a point every `step` px or less."""
    lengths = np.linalg.norm(np.diff(way, axis=0), axis=1)
    along = np.concatenate([[0.0], np.cumsum(lengths)])
    places = np.linspace(0, along[-1], max(2, int(np.ceil(along[-1] / step)) + 1))
    return np.stack([np.interp(places, along, way[:, axis]) for axis in (0, 1)], axis=1)


def _drift(count: int, rng: np.random.Generator) -> np.ndarray:
    """(count, 2) of a slow random walk about 0, of spread about 1."""
    knots = max(2, count // 4 + 1)
    values = rng.standard_normal((knots, 2))
    at = np.linspace(0, knots - 1, count)
    return np.stack([np.interp(at, np.arange(knots), values[:, axis]) for axis in (0, 1)], axis=1)
