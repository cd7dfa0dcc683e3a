"""Draws a figure in one pose from 2D shapes: capsules, polygons and strokes of ink."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from dancegen.lab.synthetic.character import ARM_LABELS, HEAD, LEG_LABELS
from dancegen.lab.synthetic.drawing import shake, widen
from dancegen.lab.synthetic.figure import HEAD_RADIUS, SIZE, Figure
from dancegen.lab.synthetic.figure_ink import fill_colours, hatch, outlines, press
from dancegen.lab.synthetic.figure_strokes import Ink, hand
from dancegen.lab.synthetic.figure_torso import capsule, draw_torso

CHAINS = {"R": ((2, 3, 4), (8, 9, 10)), "L": ((5, 6, 7), (11, 12, 13))}


def draw_figure(
    joints: np.ndarray, unit: float, figure: Figure, paper: np.ndarray, grain: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Draw one pose.

    Args:
        joints: (18, 2) px of the doubled frame; unit: px of one natural body height.
        figure: what to draw; paper: (3,) its RGB, which shows where nothing is coloured; grain: (SIZE, SIZE) noise.

    Returns:
        colour (SIZE, SIZE, 3) uint8, labels (SIZE, SIZE) uint8.
    """
    canvas = Image.new("L", (SIZE, SIZE), 0)
    pen = ImageDraw.Draw(canvas)
    strokes = Image.new("L", (SIZE, SIZE), 0)
    ink = Ink(strokes, figure)
    order = ["arms", "legs", "torso", "head"] if figure.arms_behind else ["legs", "torso", "head", "arms"]
    for part in order:
        if part == "torso":
            draw_torso(pen, ink, joints, figure, unit)
        elif part == "head":
            _head(pen, ink, joints, figure, unit)
        else:
            _chain(pen, ink, joints, figure, unit, arms=part == "arms")
    labels = np.asarray(canvas)
    coarse = np.asarray(Image.fromarray(grain[::8, ::8]).resize((SIZE, SIZE), Image.Resampling.BICUBIC))
    lines = np.maximum(outlines(labels, figure, coarse), np.asarray(strokes, np.float32) / 255)
    lines = press(np.maximum(lines, hatch(labels, figure, coarse)), figure, grain)
    inked = lines > 0.4
    near = widen(labels, figure.line // 2 + 2)
    labels = np.where((labels == 0) & inked, np.maximum(near, 1), labels).astype(np.uint8)
    colour = fill_colours(labels, figure, paper, grain)
    colour = colour * (1 - lines[..., None]) + np.array(figure.ink, np.float32) * lines[..., None]
    return shake(np.clip(colour, 0, 255).astype(np.uint8), figure.wobble), shake(labels, figure.wobble)


def _limb(pen: ImageDraw.ImageDraw, points: list[np.ndarray], halves: np.ndarray, fill: int) -> None:
    """A chain of capsules, each with its own half width."""
    for a, b, half in zip(points[:-1], points[1:], halves, strict=True):
        capsule(pen, [a, b], float(half), fill)


def _curve(a: np.ndarray, b: np.ndarray, c: np.ndarray, figure: Figure) -> list[np.ndarray]:
    """Points of a limb from a past b to c; the first half belongs to the upper part."""
    if not figure.bendy:
        return [a + (b - a) * t for t in (0, 0.5)] + [b + (c - b) * t for t in (0, 0.5, 1)]
    control = b + (b - (a + c) / 2) * figure.bow
    return [(1 - t) ** 2 * a + 2 * t * (1 - t) * control + t**2 * c for t in np.linspace(0, 1, 9)]


def _chain(pen: ImageDraw.ImageDraw, ink: Ink, joints: np.ndarray, figure: Figure, unit: float, *, arms: bool) -> None:
    """Both arms or both legs with hands or feet."""
    for side in "RL":
        start, middle, end = CHAINS[side][0 if arms else 1]
        labels = (ARM_LABELS if arms else LEG_LABELS)[side]
        points = _curve(joints[start], joints[middle], joints[end], figure)
        split = len(points) // 2
        half = (figure.arm_width if arms else figure.leg_width) * unit
        if figure.kind == "stick":
            ink.line([(float(x), float(y)) for x, y in points], fill=255, width=figure.line, joint="curve")
            half = figure.line / 2 + 0.006 * unit
        toes = _toes(joints, side, unit)
        halves = half * np.linspace(1.0, figure.taper, len(points) - 1)
        shape = End(figure.hand if arms else figure.foot, float(halves[-1]), labels[2], toes)
        _end(pen, ink, points, figure, unit, shape)
        _limb(pen, points[split:], 0.95 * halves[split:], labels[1])
        _limb(pen, points[: split + 1], halves[:split], labels[0])


def _toes(joints: np.ndarray, side: str, unit: float) -> int:
    """Where the toes and thumbs of a side point, -1 or 1: outward, or all the way that the figure looks."""
    look = float(joints[0, 0] - (joints[16, 0] + joints[17, 0]) / 2) / unit
    if abs(look) > 0.03:
        return 1 if look > 0 else -1
    return 1 if side == "L" else -1


@dataclass(frozen=True)
class End:
    """A hand or a foot: what kind it is, half the width of its limb in pixels, its label, where toes or thumb point."""

    kind: str
    half: float
    label: int
    side: int


def _end(pen: ImageDraw.ImageDraw, ink: Ink, points: list[np.ndarray], figure: Figure, unit: float, end: End) -> None:
    """A hand or a foot beyond the last point."""
    kind, half, label, side = end.kind, end.half, end.label, end.side
    tip = points[-1]
    way = tip - points[-2]
    way = way / (np.linalg.norm(way) + 1e-9)
    size = max(half * 1.15, 0.03 * unit)
    if kind in ("cross", "loops"):
        for stroke in hand(ink, tip, way, figure.finger * unit, figure):
            capsule(pen, stroke, max(figure.line * 0.6, 0.3 * half), label)
    elif kind == "fingers":
        for angle in np.linspace(-0.9, 0.9, figure.fingers):
            turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
            finger = [tip, tip + turn @ way * figure.finger * unit]
            capsule(pen, finger, max(figure.line * 0.6, 0.3 * half), label)
            if figure.kind == "stick":
                ink.line([(float(x), float(y)) for x, y in finger], fill=255, width=max(2, figure.line - 2))
    elif kind in ("ball", "mitten"):
        centre = tip + way * size * 0.6
        pen.ellipse([*(centre - size), *(centre + size)], fill=label)
        if kind == "mitten":
            thumb = centre + np.array([way[1], -way[0]]) * size * side
            pen.ellipse([*(thumb - size * 0.5), *(thumb + size * 0.5)], fill=label)
        if figure.kind == "stick":
            ink.ellipse([*(centre - size), *(centre + size)], outline=255, width=max(2, figure.line - 1))
    elif kind in ("oval", "shoe", "line", "boot"):
        forward = side * np.array([way[1], -way[0]]) if kind == "boot" else np.array([side, 0.0])
        toe = tip + forward * (0.1 if kind == "boot" else 0.07) * unit + np.array([0, 0.012]) * unit
        capsule(pen, [tip, toe], size * (0.5 if kind == "line" else 0.9), label)
        if figure.kind == "stick":
            ink.line([*tip, *toe], fill=255, width=figure.line)


def _head(pen: ImageDraw.ImageDraw, ink: Ink, joints: np.ndarray, figure: Figure, unit: float) -> None:
    centre = (joints[16] + joints[17]) / 2
    radius = HEAD_RADIUS * figure.head * unit
    up = (centre - joints[1]) / (np.linalg.norm(centre - joints[1]) + 1e-9) * radius
    across = np.array([-up[1], up[0]])
    if figure.hair == "long":
        capsule(pen, [centre + up * 0.1, centre - up * 0.9], radius * 1.15, HEAD)
    if figure.hair == "bun":
        pen.ellipse([*(centre + up * 1.2 - radius * 0.4), *(centre + up * 1.2 + radius * 0.4)], fill=HEAD)
        ink.ellipse([*(centre + up * 1.2 - radius * 0.4), *(centre + up * 1.2 + radius * 0.4)], fill=255)
    box = [*(centre - radius), *(centre + radius)]
    pen.ellipse(box, fill=HEAD)
    ink.ellipse(box, outline=255, width=figure.line if figure.kind != "filled" else 1)
    if figure.hair in ("cap", "long"):
        ink.chord(box, 200, 340, fill=255)
    elif figure.hair in ("spikes", "scribble"):
        for share in np.linspace(-0.9, 0.9, 7):
            root = centre + across * share + up * np.sqrt(max(0.0, 1 - share**2))
            tip = root + up * 0.35 + across * (0.2 if figure.hair == "scribble" else 0.0)
            ink.line([*root, *tip], fill=255, width=figure.line)
            capsule(pen, [root, tip], figure.line / 2, HEAD)
    _face(ink, joints, figure, centre, up, across)


def _face(
    ink: Ink,
    joints: np.ndarray,
    figure: Figure,
    centre: np.ndarray,
    up: np.ndarray,
    across: np.ndarray,
) -> None:
    """Eyes, mouth and perhaps a nose; `up` and `across` are as long as the head's radius."""
    if figure.face == "none":
        return
    dot = max(1.5, float(np.linalg.norm(up)) * 0.09)
    for eye in joints[[14, 15]]:
        ink.ellipse([*(eye - dot), *(eye + dot)], fill=255)
    look = 0.6 * (joints[0] - centre)
    mouth = centre - up * 0.45 + look
    if figure.face == "nose":
        bridge = [joints[[14, 15]].mean(axis=0), joints[0] + 0.25 * look, joints[0] - 0.15 * up]
        ink.line([(float(x), float(y)) for x, y in bridge], fill=255, width=max(1, figure.line // 2), joint="curve")
    smile = [mouth - across * 0.35, mouth - up * 0.12, mouth + across * 0.35]
    ink.line([(float(x), float(y)) for x, y in smile], fill=255, width=max(1, figure.line // 2), joint="curve")
