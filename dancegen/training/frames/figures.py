"""Drawn figures: stick men, outlined and coloured figures as children and cartoonists draw them, made from 2D shapes.

Rigged characters made to look drawn (`drawing.py`) keep a real body's outline; these do not. A scene has the same
fields and eight poses of one figure.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from dancegen.training.frames.character import ARM_LABELS, HEAD, LEG_LABELS, LOWER_TORSO, UPPER_TORSO
from dancegen.training.frames.drawing import shaken, widened
from dancegen.training.frames.look import finished, random_background, random_finish, resolve, smooth_noise
from dancegen.training.frames.poses import Target
from dancegen.training.frames.scene import FRAME_SIZE, Scene, Sources, random_targets

SIZE = 2 * FRAME_SIZE
CHAINS = {"R": ((2, 3, 4), (8, 9, 10)), "L": ((5, 6, 7), (11, 12, 13))}
Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Figure:
    """How one figure is built. Lengths are shares of the body height of a natural figure.

    Attributes:
        kind: stick (lines), outline (one outline around all), parts (each part outlined), filled (colours, no lines).
        head, arm, leg, torso, shoulders, hips: factors on natural sizes.
        arm_width, leg_width: half widths; belly: factor on the torso's width; torso_shape: how the torso is drawn.
        dress: whether the torso flares to the knees; bendy: whether limbs are curves.
        hand, foot, hair: kinds of ends; line: ink width, px of the doubled frame; ink, fills: colours.
    """

    kind: str
    head: float
    arm: float
    leg: float
    torso: float
    shoulders: float
    hips: float
    arm_width: float
    leg_width: float
    belly: float
    torso_shape: str
    dress: bool
    bendy: bool
    hand: str
    foot: str
    hair: str
    arms_behind: bool
    line: int
    ink: Colour
    fills: dict[int, Colour | None]
    scribble: float
    wobble: np.ndarray


def make_figure_scene(sources: Sources, index: int, seed: int) -> Scene:
    """Scene number `index` of drawn figures; needs no OpenGL."""
    rng = np.random.default_rng([seed, index, int(sources.split == "val"), 7])
    figure = random_figure(rng)
    targets = random_targets(sources.clips[int(rng.integers(len(sources.clips)))], rng)
    bodies = _in_frame([_proportioned(target, figure, rng) for target in targets], rng)
    finish = random_finish(rng, True)
    background = _with_strokes(random_background(sources.backgrounds, FRAME_SIZE, True, rng), figure, rng)
    paper = np.median(background.reshape(-1, 3), axis=0)
    grain = smooth_noise(SIZE, 2.5, rng)
    frames, labels, alpha = [], [], []
    for joints in bodies:
        colour, limbs = draw_figure(joints * 2, figure, paper, grain)
        covered, coverage, small = resolve(colour, limbs)
        frames.append(finished(background * (1 - coverage[..., None]) + covered, finish, rng))
        labels.append(small)
        alpha.append((coverage * 255 + 0.5).astype(np.uint8))
    joints = np.concatenate([np.stack(bodies), np.zeros((len(bodies), 18, 1))], axis=2).astype(np.float32)
    meta: dict[str, str | float | int | bool] = {
        "character": f"figure_{index}",
        "split": sources.split,
        "drawing": f"figure {figure.kind}",
        "seed": seed,
        "index": index,
    }
    empty = finished(background, finish, None)
    return Scene(np.stack(frames), np.stack(labels), np.stack(alpha), empty, joints, finish.quality, meta)


def random_figure(rng: np.random.Generator) -> Figure:
    """A figure and the hand that draws it."""
    kind = str(rng.choice(["stick", "outline", "outline", "parts", "parts", "filled"]))
    thin = kind == "stick"
    ink = rng.uniform(0, 70) + rng.normal(0, 15, 3) if rng.random() < 0.6 else rng.uniform(0, 190, 3)
    strength = rng.choice([rng.uniform(0, 2), rng.uniform(2, 6)])
    wobble = np.stack([smooth_noise(SIZE, rng.uniform(14, 60), rng) for _ in range(2)]) * strength
    return Figure(
        kind=kind,
        head=float(np.exp(rng.normal(0.3, 0.4))),
        arm=float(np.exp(rng.normal(0, 0.2))),
        leg=float(np.exp(rng.normal(-0.05, 0.25))),
        torso=float(np.exp(rng.normal(0, 0.2))),
        shoulders=float(rng.uniform(0, 0.5) if thin else np.exp(rng.normal(0, 0.25))),
        hips=float(rng.uniform(0, 0.9) if thin else np.exp(rng.normal(0, 0.25))),
        arm_width=float(rng.choice([rng.uniform(0.018, 0.06), rng.uniform(0.04, 0.11)])),
        leg_width=float(rng.choice([rng.uniform(0.022, 0.085), rng.uniform(0.06, 0.13)])),
        belly=float(np.exp(rng.normal(0.12, 0.38))),
        torso_shape=str(
            rng.choice(["line", "line", "triangle", "oval", "box"] if thin else ["trunk", "trunk", "oval", "box"])
        ),
        dress=bool(rng.random() < 0.18),
        bendy=bool(rng.random() < 0.45),
        hand=str(rng.choice(["none", "ball", "fingers", "fingers", "mitten"])),
        foot=str(rng.choice(["none", "line", "oval", "oval", "shoe"])),
        hair=str(rng.choice(["none", "cap", "cap", "spikes", "long", "scribble", "bun"])),
        arms_behind=bool(rng.random() < 0.25),
        line=int(rng.choice([3, 4, 5, 6, 8, 10])),
        ink=_colour(ink),
        fills=_fills(kind, rng),
        scribble=float(rng.choice([0, 0, rng.uniform(0.3, 0.9)])),
        wobble=wobble,
    )


def draw_figure(
    joints: np.ndarray, figure: Figure, paper: np.ndarray, grain: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Draw one pose.

    Args:
        joints: (18, 2) px of the doubled frame.
        figure: what to draw; paper: (3,) its RGB, which shows where nothing is coloured; grain: (SIZE, SIZE) noise.

    Returns:
        colour (SIZE, SIZE, 3) uint8, labels (SIZE, SIZE) uint8.
    """
    unit = _unit(joints, figure)
    canvas = Image.new("L", (SIZE, SIZE), 0)
    pen = ImageDraw.Draw(canvas)
    strokes = Image.new("L", (SIZE, SIZE), 0)
    ink = ImageDraw.Draw(strokes)
    order = ["arms", "legs", "torso", "head"] if figure.arms_behind else ["legs", "torso", "head", "arms"]
    for part in order:
        if part == "torso":
            _torso(pen, ink, joints, figure, unit)
        elif part == "head":
            _head(pen, ink, joints, figure)
        else:
            _chain(pen, ink, joints, figure, unit, arms=part == "arms")
    labels = np.asarray(canvas)
    lines = np.maximum(_outlines(labels, figure), np.asarray(strokes, np.float32) / 255)
    inked = lines > 0.4
    near = widened(labels, figure.line // 2 + 2)
    labels = np.where((labels == 0) & inked, np.maximum(near, 1), labels).astype(np.uint8)
    colour = _coloured(labels, figure, paper, grain)
    colour = colour * (1 - lines[..., None]) + np.array(figure.ink, np.float32) * lines[..., None]
    return shaken(np.clip(colour, 0, 255).astype(np.uint8), figure.wobble), shaken(labels, figure.wobble)


def _proportioned(target: Target, figure: Figure, rng: np.random.Generator) -> np.ndarray:
    """(18, 2) the pose seen from the front with the figure's proportions, y down, natural body height about 1."""
    flat = target.joints[:, :2] * [1, -1]
    tall = float(np.linalg.norm(target.joints[1] - (target.joints[8] + target.joints[11]) / 2)) / 0.29
    flat = (flat / (tall + 1e-9)).astype(np.float64)
    middle = (flat[8] + flat[11]) / 2
    joints = np.zeros((18, 2))
    joints[1] = middle + (flat[1] - middle) * figure.torso
    for shoulder, hip in ((2, 8), (5, 11)):
        joints[shoulder] = joints[1] + (flat[shoulder] - flat[1]) * figure.shoulders
        joints[hip] = middle + (flat[hip] - middle) * figure.hips
        for start, factor in ((shoulder, figure.arm), (hip, figure.leg)):
            for step in (1, 2):
                joints[start + step] = joints[start + step - 1] + (flat[start + step] - flat[start + step - 1]) * factor
    up = (joints[1] - middle) / (np.linalg.norm(joints[1] - middle) + 1e-9) + rng.normal(0, 0.07, 2)
    up = up / np.linalg.norm(up)
    radius = 0.062 * figure.head
    centre = joints[1] + up * (radius * 1.05 + 0.025)
    across = np.array([-up[1], up[0]]) * radius
    look = float(np.clip((target.joints[0] - (target.joints[16] + target.joints[17]) / 2)[0] * 6, -0.4, 0.4))
    shift = np.array([1.0, 0]) * look * radius
    joints[0] = centre - up * radius * 0.1 + shift
    joints[14], joints[15] = (
        centre - across * 0.35 + up * radius * 0.2 + shift,
        centre + across * 0.35 + up * radius * 0.2 + shift,
    )
    joints[16], joints[17] = centre - across * 0.95, centre + across * 0.95
    return joints


def _in_frame(bodies: list[np.ndarray], rng: np.random.Generator) -> list[np.ndarray]:
    """The poses scaled and moved into the frame, px."""
    stacked = np.concatenate(bodies)
    low, high = stacked.min(axis=0) - 0.09, stacked.max(axis=0) + 0.09
    side = float((high - low).max())
    scale = FRAME_SIZE * rng.uniform(0.6, 0.98) / side
    room = FRAME_SIZE - scale * (high - low)
    corner = rng.uniform(0, 1, 2) * np.maximum(room, 0)
    return [(joints - low) * scale + corner for joints in bodies]


def _unit(joints: np.ndarray, figure: Figure) -> float:
    """Px of one natural body height, from the head, which no pose foreshortens."""
    return float(np.linalg.norm(joints[16] - joints[17])) / (1.9 * 0.062 * figure.head)


def _capsule(pen: ImageDraw.ImageDraw, points: list[np.ndarray], half: float, fill: int) -> None:
    flat = [(float(x), float(y)) for x, y in points]
    pen.line(flat, fill=fill, width=max(1, round(2 * half)))
    for x, y in flat:
        pen.ellipse([x - half, y - half, x + half, y + half], fill=fill)


def _curve(a: np.ndarray, b: np.ndarray, c: np.ndarray, figure: Figure) -> list[np.ndarray]:
    """Points of a limb from a past b to c; the first half belongs to the upper part."""
    if not figure.bendy:
        return [a, b, c]
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
        _end(pen, ink, points, figure, unit, half, labels[2], 1 if side == "L" else -1, arms=arms)
        _capsule(pen, points[split:], half * 0.9, labels[1])
        _capsule(pen, points[: split + 1], half, labels[0])


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
            finger = [tip, tip + turn @ way * 0.06 * unit]
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
    elif kind in ("oval", "shoe", "line"):
        toe = tip + np.array([side * 0.07, 0.012]) * unit
        _capsule(pen, [tip, toe], size * (0.5 if kind == "line" else 0.9), label)
        if figure.kind == "stick":
            ink.line([*tip, *toe], fill=255, width=figure.line)


def _torso(pen: ImageDraw.ImageDraw, ink: ImageDraw.ImageDraw, joints: np.ndarray, figure: Figure, unit: float) -> None:
    neck, middle = joints[1], (joints[8] + joints[11]) / 2
    down = (middle - neck) / (np.linalg.norm(middle - neck) + 1e-9)
    across = np.array([-down[1], down[0]])
    if across[0] < 0:
        across = -across
    top, low = neck - down * 0.01 * unit, middle + down * 0.05 * unit
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
    _capsule(pen, [neck - down * 0.035 * unit, neck], max(0.025 * unit, figure.line * 0.7), HEAD)


def _cut(a: np.ndarray, b: np.ndarray, centre: np.ndarray, down: np.ndarray) -> np.ndarray:
    """What of the edge a-b lies above `centre`: its start if above, and the crossing."""
    start, end = (a - centre) @ down, (b - centre) @ down
    points = [a] if start <= 0 else []
    if start * end < 0:
        points.append(a + (b - a) * (start / (start - end)))
    return np.array(points).reshape(-1, 2)


def _head(pen: ImageDraw.ImageDraw, ink: ImageDraw.ImageDraw, joints: np.ndarray, figure: Figure) -> None:
    centre = (joints[16] + joints[17]) / 2
    across = (joints[17] - joints[16]) / 1.9
    radius = float(np.linalg.norm(across))
    up = np.array([across[1], -across[0]])
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
    dot = max(1.5, radius * 0.09)
    for eye in joints[[14, 15]]:
        ink.ellipse([*(eye - dot), *(eye + dot)], fill=255)
    mouth = centre - up * 0.45
    smile = [mouth - across * 0.35, mouth - up * 0.12, mouth + across * 0.35]
    ink.line([(float(x), float(y)) for x, y in smile], fill=255, width=max(1, figure.line // 2), joint="curve")


def _outlines(labels: np.ndarray, figure: Figure) -> np.ndarray:
    """(SIZE, SIZE) float32: ink along the edges of the parts, or of the whole."""
    if figure.kind in ("stick", "filled"):
        return np.zeros(labels.shape, np.float32)
    groups = np.arange(16, dtype=np.uint8)
    for chain in (*ARM_LABELS.values(), *LEG_LABELS.values()):
        groups[list(chain[:2])] = chain[0]
        if figure.kind == "outline":
            groups[chain[2]] = chain[0]
    groups[UPPER_TORSO] = LOWER_TORSO
    if figure.kind == "outline" and not figure.arms_behind:
        for side in "RL":
            groups[list(LEG_LABELS[side])] = LOWER_TORSO
    grouped = groups[labels]
    edge = np.zeros(labels.shape, bool)
    edge[:-1] |= grouped[1:] != grouped[:-1]
    edge[:, :-1] |= grouped[:, 1:] != grouped[:, :-1]
    thick = Image.fromarray(widened(edge.astype(np.uint8) * 255, figure.line // 2))
    return np.asarray(thick.filter(ImageFilter.GaussianBlur(0.8)), np.float32) / 255


def _coloured(labels: np.ndarray, figure: Figure, paper: np.ndarray, grain: np.ndarray) -> np.ndarray:
    table = np.array([figure.fills.get(label) or paper for label in range(16)], np.float32)  # (16, 3)
    colour = table[labels]
    if figure.scribble > 0:
        cover = np.clip(0.5 + figure.scribble * grain, 0, 1)[..., None]
        colour = paper * (1 - cover) + colour * cover
    return colour


def _with_strokes(background: np.ndarray, figure: Figure, rng: np.random.Generator) -> np.ndarray:
    """Marks around the figure that are not part of it: movement strokes, a ground line, clouds."""
    if rng.random() < 0.45:
        return background
    canvas = Image.fromarray(np.clip(background, 0, 255).astype(np.uint8))
    pen = ImageDraw.Draw(canvas)
    width = max(1, figure.line // 2)
    for _ in range(int(rng.integers(1, 9))):
        start, way = rng.uniform(0, FRAME_SIZE, 2), rng.normal(0, 18, 2)
        bow = start + way * 0.5 + rng.normal(0, 5, 2)
        pen.line([*start, *bow, *(start + way)], fill=figure.ink, width=width, joint="curve")
    if rng.random() < 0.35:
        level = rng.uniform(0.6, 0.97) * FRAME_SIZE
        pen.line([0, level, FRAME_SIZE, level + rng.normal(0, 6)], fill=figure.ink, width=width)
    if rng.random() < 0.3:
        at, size = rng.uniform(0, FRAME_SIZE, 2), rng.uniform(8, 40, 2)
        pen.ellipse([*(at - size), *(at + size)], outline=figure.ink, width=width)
    return np.asarray(canvas, np.float32)


def _fills(kind: str, rng: np.random.Generator) -> dict[int, Colour | None]:
    """A colour for each label, None where the paper shows."""

    def some(chance: float) -> Colour | None:
        return _colour(rng.uniform(0, 255, 3)) if kind == "filled" or rng.random() < chance else None

    skin, top, legs, shoes = some(0.35), some(0.5), some(0.45), some(0.4)
    if kind == "stick":
        skin = legs = shoes = None
    sleeves = top if rng.random() < 0.6 else skin
    fills = {HEAD: skin, UPPER_TORSO: top, LOWER_TORSO: top if rng.random() < 0.6 else legs}
    for upper, lower, hand in ARM_LABELS.values():
        fills |= {upper: sleeves, lower: sleeves if rng.random() < 0.7 else skin, hand: skin}
    for thigh, shin, foot in LEG_LABELS.values():
        fills |= {thigh: legs, shin: legs, foot: shoes}
    return fills


def _polygon(pen: ImageDraw.ImageDraw, points: np.ndarray, fill: int) -> None:
    if len(points) > 2:
        pen.polygon([(float(x), float(y)) for x, y in points], fill=fill)


def _colour(values: np.ndarray) -> Colour:
    red, green, blue = np.clip(values, 0, 255).astype(int)
    return int(red), int(green), int(blue)
