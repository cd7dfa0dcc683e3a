"""Drawn figures: stick men, outlined and coloured figures as children and cartoonists draw them, made from 2D shapes.

Rigged characters made to look drawn (`drawing.py`) keep a real body's outline; these do not. A scene has the same
fields and eight poses of one figure.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from dancegen.lab.synthetic.figure import HEAD_RADIUS, SIZE, Figure, random_figure
from dancegen.lab.synthetic.figure_children import child_figure
from dancegen.lab.synthetic.figure_shapes import draw_figure
from dancegen.lab.synthetic.leaps import random_leaps, random_stances
from dancegen.lab.synthetic.look import finish_picture, random_background, random_finish, resolve, smooth_noise
from dancegen.lab.synthetic.poses import FACING_LIMIT, Target
from dancegen.lab.synthetic.scene import FRAME_SIZE, Scene, Sources, random_targets

SIDE_LIMIT = np.radians(85)
LEAPS, STANCES = 0.45, 0.25  # chances of a scene of them
CHILDREN = 0.4  # share of the figures that are drawn by a child's hand
CALM = 0.6  # share of those that only stand
OUTER = (3, 4, 6, 7, 9, 10, 12, 13)


def make_figure_scene(sources: Sources, index: int, seed: int) -> Scene:
    """Scene number `index` of drawn figures; needs no OpenGL."""
    rng = np.random.default_rng([seed, index, int(sources.split == "val"), 7])
    child = bool(rng.random() < CHILDREN)
    figure = child_figure(rng) if child else random_figure(rng)
    bodies, unit = _in_frame(_poses(sources, figure, child, rng), rng)
    finish = random_finish(rng, True)
    background = random_background(sources.backgrounds, FRAME_SIZE, True, rng)
    background = _with_strokes(background, figure, bodies, unit, rng)
    paper = np.median(background.reshape(-1, 3), axis=0)
    grain = smooth_noise(SIZE, 2.5, rng)
    frames, labels, alpha = [], [], []
    for joints in bodies:
        colour, limbs = draw_figure(joints * 2, 2 * unit, figure, paper, grain)
        covered, coverage, small = resolve(colour, limbs)
        frames.append(finish_picture(background * (1 - coverage[..., None]) + covered, finish, rng))
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
    empty = finish_picture(background, finish, None)
    return Scene(np.stack(frames), np.stack(labels), np.stack(alpha), empty, joints, finish.quality, meta)


def _poses(sources: Sources, figure: Figure, child: bool, rng: np.random.Generator) -> list[np.ndarray]:
    """The scene's poses with the figure's proportions: dances and photos' poses, some turned far, stances or leaps."""
    kind = LEAPS if child and rng.random() < CALM else rng.random()
    if kind < LEAPS:
        flat = random_leaps(rng)
    elif kind < LEAPS + STANCES:
        flat = random_stances(rng)
    else:
        limit = FACING_LIMIT if rng.random() < 0.55 else SIDE_LIMIT
        targets = random_targets(sources.clips[int(rng.integers(len(sources.clips)))], rng, limit)
        flat = [_flatten(target) for target in targets]
    lean = float(rng.normal(0, figure.lean))
    return [_apply_proportions(*pose, figure, lean + rng.normal(0, 0.04)) for pose in flat]


def _flatten(target: Target) -> tuple[np.ndarray, float]:
    """The pose seen from the front, (18, 2), y down, body height about 1, and how far the face looks to the right."""
    tall = float(np.linalg.norm(target.joints[1] - (target.joints[8] + target.joints[11]) / 2)) / 0.29
    face = target.joints[0] - (target.joints[16] + target.joints[17]) / 2
    look = float(face[0] / (np.linalg.norm(face) + 1e-9))
    return (target.joints[:, :2] * [1, -1] / (tall + 1e-9)).astype(np.float64), look


def _apply_proportions(flat: np.ndarray, look: float, figure: Figure, lean: float) -> np.ndarray:
    """(18, 2) the pose `flat` with the figure's proportions, its head leaning by `lean` and turned by `look`, -1..1."""
    middle = (flat[8] + flat[11]) / 2
    joints = np.zeros((18, 2))
    joints[1] = middle + (flat[1] - middle) * figure.torso
    for shoulder, hip in ((2, 8), (5, 11)):
        joints[shoulder] = joints[1] + (flat[shoulder] - flat[1]) * figure.shoulders
        joints[hip] = middle + (flat[hip] - middle) * figure.hips
        for start, factor in ((shoulder, figure.arm), (hip, figure.leg)):
            for step in (1, 2):
                joints[start + step] = joints[start + step - 1] + (flat[start + step] - flat[start + step - 1]) * factor
    up = (joints[1] - middle) / (np.linalg.norm(joints[1] - middle) + 1e-9)
    across = np.array([-up[1], up[0]])
    up = up + across * lean
    up = up / np.linalg.norm(up)
    radius = HEAD_RADIUS * figure.head
    centre = joints[1] + up * (radius * 1.05 + 0.025 + figure.neck)
    across = np.array([-up[1], up[0]]) * radius
    turn = float(np.arcsin(np.clip(look, -0.95, 0.95)))
    for joint, angle, raised in ((0, 0, -0.1), (14, -0.36, 0.2), (15, 0.36, 0.2), (16, -1.45, 0), (17, 1.45, 0)):
        joints[joint] = centre + across * 0.95 * np.sin(turn + angle) + up * radius * raised
    return joints


def _in_frame(bodies: list[np.ndarray], rng: np.random.Generator) -> tuple[list[np.ndarray], float]:
    """The poses scaled and moved into the frame, px, and the px of a natural body height."""
    stacked = np.concatenate(bodies)
    low, high = stacked.min(axis=0) - 0.09, stacked.max(axis=0) + 0.09
    side = float((high - low).max())
    scale = FRAME_SIZE * rng.uniform(0.6, 0.98) / side
    room = FRAME_SIZE - scale * (high - low)
    corner = rng.uniform(0, 1, 2) * np.maximum(room, 0)
    return [(joints - low) * scale + corner for joints in bodies], scale


def _with_strokes(
    background: np.ndarray, figure: Figure, bodies: list[np.ndarray], unit: float, rng: np.random.Generator
) -> np.ndarray:
    """Marks around the figure that are not part of it: movement strokes (some beside its limbs), a ground line, clouds.

    Args:
        background: (FRAME_SIZE, FRAME_SIZE, 3); figure: whose ink.
        bodies: (18, 2) px each, the scene's poses; unit: px of a natural body height.
        rng: the scene's random numbers.
    """
    if rng.random() < 0.3:
        return background
    canvas = Image.fromarray(np.clip(background, 0, 255).astype(np.uint8))
    pen = ImageDraw.Draw(canvas)
    width = max(1, figure.line // 2)
    for start, bow, end in [*_scatter_strokes(rng), *_beside_limbs(bodies, unit, rng)]:
        pen.line([*start, *bow, *end], fill=figure.ink, width=width, joint="curve")
    if rng.random() < 0.35:
        level = rng.uniform(0.6, 0.97) * FRAME_SIZE
        pen.line([0, level, FRAME_SIZE, level + rng.normal(0, 6)], fill=figure.ink, width=width)
    if rng.random() < 0.3:
        at, size = rng.uniform(0, FRAME_SIZE, 2), rng.uniform(8, 40, 2)
        pen.ellipse([*(at - size), *(at + size)], outline=figure.ink, width=width)
    return np.asarray(canvas, np.float32)


def _scatter_strokes(rng: np.random.Generator) -> list[np.ndarray]:
    """Bent strokes anywhere, each (3, 2) px."""
    strokes = []
    for _ in range(int(rng.integers(1, 9)) if rng.random() < 0.7 else 0):
        start, way = rng.uniform(0, FRAME_SIZE, 2), rng.normal(0, 18, 2)
        strokes.append(np.stack([start, start + way * 0.5 + rng.normal(0, 5, 2), start + way]))
    return strokes


def _beside_limbs(bodies: list[np.ndarray], unit: float, rng: np.random.Generator) -> list[np.ndarray]:
    """Two or three bent strokes side by side, (3, 2) px each, near elbows, wrists, knees and ankles of some poses."""
    strokes = []
    for _ in range(int(rng.integers(1, 7)) if rng.random() < 0.6 else 0):
        joint = bodies[int(rng.integers(len(bodies)))][int(rng.choice(OUTER))]
        angle = rng.uniform(0, 2 * np.pi)
        aside = np.array([np.cos(angle), np.sin(angle)])
        way = np.array([-aside[1], aside[0]])
        length, gap, bend = rng.uniform(0.05, 0.24) * unit, rng.uniform(0.02, 0.05) * unit, rng.normal(0, 0.15)
        for number in range(int(rng.integers(2, 4))):
            middle = joint + aside * (0.09 * unit + gap * number) + way * rng.normal(0, 0.04) * unit
            half = way * length * rng.uniform(0.3, 0.5)
            strokes.append(np.stack([middle - half, middle + aside * bend * length, middle + half]))
    return strokes
