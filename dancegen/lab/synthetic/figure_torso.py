"""The body of a drawn figure, between chin and hips, from 2D shapes."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from PIL import ImageDraw

from dancegen.lab.synthetic.character import HEAD, LOWER_TORSO, UPPER_TORSO
from dancegen.lab.synthetic.figure import Figure
from dancegen.lab.synthetic.figure_strokes import Ink, draw_marks


def draw_torso(pen: ImageDraw.ImageDraw, ink: Ink, joints: np.ndarray, figure: Figure, unit: float) -> None:
    """Body and neck of the pose `joints` (18, 2) px: their labels with `pen`, their strokes with `ink`."""
    neck, middle = joints[1], (joints[8] + joints[11]) / 2
    down = (middle - neck) / (np.linalg.norm(middle - neck) + 1e-9)
    across = np.array([-down[1], down[0]])
    if across[0] < 0:
        across = -across
    chin = neck - down * (0.035 + figure.neck) * unit
    top, low = chin if figure.low_arms else neck - down * 0.01 * unit, middle + down * 0.05 * unit
    if figure.torso_shape in ("line", "cloak", "sides"):
        low = middle + down * (0.0 if figure.torso_shape == "line" else 0.015) * unit
    if figure.dress:
        low = low + down * 0.14 * unit * figure.leg
    if figure.torso_shape == "line":
        ink.line([*neck, *middle], fill=255, width=round(figure.line * figure.wall))
    upper, lower = _halves(joints, across, figure, unit)
    outline = _outline(top, low, across, (upper, lower), figure)
    _polygon(pen, outline, LOWER_TORSO)
    centre = (top + low) / 2
    edges = zip(outline, np.roll(outline, -1, axis=0), strict=True)
    _polygon(pen, np.concatenate([_cut(a, b, centre, down) for a, b in edges]), UPPER_TORSO)
    if figure.kind == "stick" and figure.torso_shape != "line":
        _frame(ink, outline, figure)
    if figure.torso_shape != "line":
        draw_marks(ink, top, low, (upper, lower), figure)
    capsule(pen, [chin, neck], max(0.025 * unit, figure.line * 0.7), HEAD)
    if figure.kind == "stick" and figure.neck > 0:
        ink.line([*chin, *neck], fill=255, width=figure.line)


def capsule(pen: ImageDraw.ImageDraw, points: list[np.ndarray], half: float, fill: int) -> None:
    """A polyline of `half` px to each side with round ends and corners."""
    flat = [(float(x), float(y)) for x, y in points]
    pen.line(flat, fill=fill, width=max(1, round(2 * half)))
    for x, y in flat:
        pen.ellipse([x - half, y - half, x + half, y + half], fill=fill)


def _halves(joints: np.ndarray, across: np.ndarray, figure: Figure, unit: float) -> tuple[float, float]:
    """Half widths at the top and at the bottom, px."""
    hips = max(abs((joints[11] - joints[8]) @ across) / 2, 0.03 * unit)
    upper = max(abs((joints[5] - joints[2]) @ across) / 2, 0.03 * unit) + figure.arm_width * unit * 0.6
    lower = (hips + figure.leg_width * unit) * figure.belly * (1.7 if figure.dress else 1.0)
    if figure.torso_shape == "line":
        upper = lower = figure.line * figure.wall / 2 + 0.006 * unit
    elif figure.torso_shape == "triangle":
        upper, lower = 0.02 * unit, 0.10 * unit * figure.belly
    elif figure.torso_shape in ("cloak", "sides"):  # the legs go on from its corners
        lower = max(hips, 0.04 * unit * figure.belly)
        upper = lower * (0.35 if figure.torso_shape == "cloak" else 0.9)
    elif figure.torso_shape == "box":
        lower = upper = (upper + lower) / 2
    return float(upper), float(lower)


def _outline(
    top: np.ndarray, low: np.ndarray, across: np.ndarray, halves: tuple[float, float], figure: Figure
) -> np.ndarray:
    """(N, 2) px: an ellipse, or top left, top right, bottom right, bottom left."""
    upper, lower = halves
    if figure.torso_shape == "oval":
        angle = np.linspace(0, 2 * np.pi, 24)
        round_side, round_end = np.cos(angle)[:, None] * across, np.sin(angle)[:, None] * (low - top) / 2
        return np.asarray((top + low) / 2 + round_side * max(upper, lower) + round_end * 1.05)
    return np.stack([top - across * upper, top + across * upper, low + across * lower, low - across * lower])


def _frame(ink: Ink, outline: np.ndarray, figure: Figure) -> None:
    """The strokes around the body; "sides": without those at its top and its bottom."""
    width = round(figure.line * figure.wall)
    if figure.torso_shape == "sides":
        ink.line(outline[[0, 3]].ravel().tolist(), fill=255, width=width)
        ink.line(outline[[1, 2]].ravel().tolist(), fill=255, width=width)
        return
    ring = np.concatenate([outline, outline[:1]])
    if figure.torso_shape == "oval" or figure.rough <= 0:
        ink.line(ring.ravel().tolist(), fill=255, width=width)
        return
    for start, end in pairwise(ring):  # each side a stroke of its own
        ink.line([*start, *end], fill=255, width=width)


def _cut(a: np.ndarray, b: np.ndarray, centre: np.ndarray, down: np.ndarray) -> np.ndarray:
    """What of the edge a-b lies above `centre`: its start if above, and the crossing."""
    start, end = (a - centre) @ down, (b - centre) @ down
    points = [a] if start <= 0 else []
    if start * end < 0:
        points.append(a + (b - a) * (start / (start - end)))
    return np.array(points).reshape(-1, 2)


def _polygon(pen: ImageDraw.ImageDraw, points: np.ndarray, fill: int) -> None:
    if len(points) > 2:
        pen.polygon([(float(x), float(y)) for x, y in points], fill=fill)
