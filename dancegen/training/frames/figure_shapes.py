"""Draws a figure in one pose from 2D shapes: capsules, polygons and strokes of ink."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from dancegen.training.frames.character import ARM_LABELS, HEAD, LEG_LABELS, LOWER_TORSO, UPPER_TORSO
from dancegen.training.frames.drawing import shaken, widened
from dancegen.training.frames.figure import HEAD_RADIUS, SIZE, Figure
from dancegen.training.frames.figure_ink import coloured, outlines

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
    ink = ImageDraw.Draw(strokes)
    order = ["arms", "legs", "torso", "head"] if figure.arms_behind else ["legs", "torso", "head", "arms"]
    for part in order:
        if part == "torso":
            _torso(pen, ink, joints, figure, unit)
        elif part == "head":
            _head(pen, ink, joints, figure, unit)
        else:
            _chain(pen, ink, joints, figure, unit, arms=part == "arms")
    labels = np.asarray(canvas)
    coarse = np.asarray(Image.fromarray(grain[::8, ::8]).resize((SIZE, SIZE), Image.Resampling.BICUBIC))
    lines = np.maximum(outlines(labels, figure, coarse), np.asarray(strokes, np.float32) / 255)
    inked = lines > 0.4
    near = widened(labels, figure.line // 2 + 2)
    labels = np.where((labels == 0) & inked, np.maximum(near, 1), labels).astype(np.uint8)
    colour = coloured(labels, figure, paper, grain)
    colour = colour * (1 - lines[..., None]) + np.array(figure.ink, np.float32) * lines[..., None]
    return shaken(np.clip(colour, 0, 255).astype(np.uint8), figure.wobble), shaken(labels, figure.wobble)


def _capsule(pen: ImageDraw.ImageDraw, points: list[np.ndarray], half: float, fill: int) -> None:
    flat = [(float(x), float(y)) for x, y in points]
    pen.line(flat, fill=fill, width=max(1, round(2 * half)))
    for x, y in flat:
        pen.ellipse([x - half, y - half, x + half, y + half], fill=fill)


def _limb(pen: ImageDraw.ImageDraw, points: list[np.ndarray], halves: np.ndarray, fill: int) -> None:
    """A chain of capsules, each with its own half width."""
    for a, b, half in zip(points[:-1], points[1:], halves, strict=True):
        _capsule(pen, [a, b], float(half), fill)


def _curve(a: np.ndarray, b: np.ndarray, c: np.ndarray, figure: Figure) -> list[np.ndarray]:
    """Points of a limb from a past b to c; the first half belongs to the upper part."""
    if not figure.bendy:
        return [a + (b - a) * t for t in (0, 0.5)] + [b + (c - b) * t for t in (0, 0.5, 1)]
    control = b + (b - (a + c) / 2) * 0.5
    return [(1 - t) ** 2 * a + 2 * t * (1 - t) * control + t**2 * c for t in np.linspace(0, 1, 9)]


def _chain(
    pen: ImageDraw.ImageDraw, ink: ImageDraw.ImageDraw, joints: np.ndarray, figure: Figure, unit: float, *, arms: bool
) -> None:
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
        _end(pen, ink, points, figure, unit, float(halves[-1]), labels[2], toes, arms=arms)
        _limb(pen, points[split:], 0.95 * halves[split:], labels[1])
        _limb(pen, points[: split + 1], halves[:split], labels[0])


def _toes(joints: np.ndarray, side: str, unit: float) -> int:
    """Where the toes and thumbs of a side point, -1 or 1: outward, or all the way that the figure looks."""
    look = float(joints[0, 0] - (joints[16, 0] + joints[17, 0]) / 2) / unit
    if abs(look) > 0.03:
        return 1 if look > 0 else -1
    return 1 if side == "L" else -1


def _end(
    pen: ImageDraw.ImageDraw,
    ink: ImageDraw.ImageDraw,
    points: list[np.ndarray],
    figure: Figure,
    unit: float,
    half: float,
    label: int,
    side: int,
    *,
    arms: bool,
) -> None:
    """A hand or a foot beyond the last point."""
    tip = points[-1]
    way = tip - points[-2]
    way = way / (np.linalg.norm(way) + 1e-9)
    kind = figure.hand if arms else figure.foot
    size = max(half * 1.15, 0.03 * unit)
    if kind == "fingers":
        for angle in np.linspace(-0.9, 0.9, 4):
            turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
            finger = [tip, tip + turn @ way * figure.finger * unit]
            _capsule(pen, finger, max(figure.line * 0.6, 0.3 * half), label)
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
        _capsule(pen, [tip, toe], size * (0.5 if kind == "line" else 0.9), label)
        if figure.kind == "stick":
            ink.line([*tip, *toe], fill=255, width=figure.line)


def _torso(pen: ImageDraw.ImageDraw, ink: ImageDraw.ImageDraw, joints: np.ndarray, figure: Figure, unit: float) -> None:
    neck, middle = joints[1], (joints[8] + joints[11]) / 2
    down = (middle - neck) / (np.linalg.norm(middle - neck) + 1e-9)
    across = np.array([-down[1], down[0]])
    if across[0] < 0:
        across = -across
    chin = neck - down * (0.035 + figure.neck) * unit
    top, low = chin if figure.low_arms else neck - down * 0.01 * unit, middle + down * 0.05 * unit
    upper = max(abs((joints[5] - joints[2]) @ across) / 2, 0.03 * unit) + figure.arm_width * unit * 0.6
    lower = (max(abs((joints[11] - joints[8]) @ across) / 2, 0.03 * unit) + figure.leg_width * unit) * figure.belly
    if figure.dress:
        low, lower = low + down * 0.14 * unit * figure.leg, lower * 1.7
    if figure.torso_shape == "line":
        upper = lower = figure.line / 2 + 0.006 * unit
        ink.line([*neck, *middle], fill=255, width=figure.line)
        low = middle
    elif figure.torso_shape == "triangle":
        upper, lower = 0.02 * unit, 0.10 * unit * figure.belly
    centre = (top + low) / 2
    if figure.torso_shape == "oval":
        angle = np.linspace(0, 2 * np.pi, 24)
        wide = max(upper, lower)
        outline = centre + np.cos(angle)[:, None] * across * wide + np.sin(angle)[:, None] * (low - top) / 2 * 1.05
    else:
        if figure.torso_shape == "box":
            lower = upper = (upper + lower) / 2
        outline = np.stack([top - across * upper, top + across * upper, low + across * lower, low - across * lower])
    _polygon(pen, outline, LOWER_TORSO)
    half = np.array(
        [_cut(a, b, centre, down) for a, b in zip(outline, np.roll(outline, -1, axis=0), strict=True)], object
    )
    kept = np.concatenate([points for points in half if len(points)]) if len(half) else outline
    _polygon(pen, kept, UPPER_TORSO)
    if figure.kind == "stick" and figure.torso_shape != "line":
        ring = [(float(x), float(y)) for x, y in [*outline, outline[0]]]
        ink.line(ring, fill=255, width=figure.line, joint="curve")
    _capsule(pen, [chin, neck], max(0.025 * unit, figure.line * 0.7), HEAD)
    if figure.kind == "stick" and figure.neck > 0:
        ink.line([*chin, *neck], fill=255, width=figure.line)


def _cut(a: np.ndarray, b: np.ndarray, centre: np.ndarray, down: np.ndarray) -> np.ndarray:
    """What of the edge a-b lies above `centre`: its start if above, and the crossing."""
    start, end = (a - centre) @ down, (b - centre) @ down
    points = [a] if start <= 0 else []
    if start * end < 0:
        points.append(a + (b - a) * (start / (start - end)))
    return np.array(points).reshape(-1, 2)


def _head(pen: ImageDraw.ImageDraw, ink: ImageDraw.ImageDraw, joints: np.ndarray, figure: Figure, unit: float) -> None:
    centre = (joints[16] + joints[17]) / 2
    radius = HEAD_RADIUS * figure.head * unit
    up = (centre - joints[1]) / (np.linalg.norm(centre - joints[1]) + 1e-9) * radius
    across = np.array([-up[1], up[0]])
    if figure.hair == "long":
        _capsule(pen, [centre + up * 0.1, centre - up * 0.9], radius * 1.15, HEAD)
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
            _capsule(pen, [root, tip], figure.line / 2, HEAD)
    _face(ink, joints, figure, centre, up, across)


def _face(
    ink: ImageDraw.ImageDraw,
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


def _polygon(pen: ImageDraw.ImageDraw, points: np.ndarray, fill: int) -> None:
    if len(points) > 2:
        pen.polygon([(float(x), float(y)) for x, y in points], fill=fill)
