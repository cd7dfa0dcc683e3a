"""The lines and colours of a drawn figure, from the labels of its shapes."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageFilter

from dancegen.lab.synthetic.character import ARM_LABELS, LEG_LABELS, LOWER_TORSO, UPPER_TORSO
from dancegen.lab.synthetic.drawing import widen
from dancegen.lab.synthetic.figure import SIZE, Figure


def outlines(labels: np.ndarray, figure: Figure, grain: np.ndarray) -> np.ndarray:
    """(SIZE, SIZE) float32: ink along the edges of the parts, or of the whole, with gaps where `grain` is high."""
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
    if figure.gaps > 0:
        edge &= grain < np.quantile(grain, 1 - figure.gaps)
    thick = Image.fromarray(widen(edge.astype(np.uint8) * 255, figure.line // 2))
    return np.asarray(thick.filter(ImageFilter.GaussianBlur(0.8)), np.float32) / 255


def fill_colours(labels: np.ndarray, figure: Figure, paper: np.ndarray, grain: np.ndarray) -> np.ndarray:
    """(SIZE, SIZE, 3) the fills with their pattern or scribble, the paper where nothing is coloured."""
    table = np.array([figure.fills.get(label) or paper for label in range(16)], np.float32)  # (16, 3)
    colour = table[labels]
    if figure.pattern != "none":
        marked = _pattern(figure) & np.isin(labels, figure.worn)
        colour = np.where(marked[..., None], np.array(figure.ink, np.float32), colour)
    if figure.scribble > 0:
        cover = np.clip(0.5 + figure.scribble * grain, 0, 1)[..., None]
        colour = paper * (1 - cover) + colour * cover
    return colour


def hatch(labels: np.ndarray, figure: Figure, grain: np.ndarray) -> np.ndarray:
    """(SIZE, SIZE) float32: the hatching of the body, lines beside each other that an unsteady hand draws."""
    if figure.shade <= 0:
        return np.zeros(labels.shape, np.float32)
    body = np.isin(labels, (UPPER_TORSO, LOWER_TORSO))
    rows, columns = np.indices(labels.shape, np.float32)
    angle = figure.hand_seed % 180 * np.pi / 180
    step = 2.5 * figure.line + figure.hand_seed % 7
    across = (columns * np.float32(np.cos(angle)) + rows * np.float32(np.sin(angle))) / step + 0.5 * grain
    return np.where(body & (across % 1 < figure.shade), np.float32(0.9), np.float32(0))


def press(lines: np.ndarray, figure: Figure, grain: np.ndarray) -> np.ndarray:
    """The ink (SIZE, SIZE) thinner where the paper's grain takes less of it."""
    if figure.pressure >= 1:
        return lines
    return np.asarray(lines * np.clip((1 + figure.pressure) / 2 + (1 - figure.pressure) * grain, figure.pressure, 1))


def _pattern(figure: Figure) -> np.ndarray:
    """(SIZE, SIZE) bool: the ink of dots, stripes or crosses."""
    step = 10 + 2 * figure.line
    rows, columns = np.indices((SIZE, SIZE))
    y, x = rows % step - step / 2, (columns + rows // step % 2 * step // 2) % step - step / 2
    if figure.pattern == "stripes":
        return np.asarray(np.abs(y) < step * 0.16)
    if figure.pattern == "dots":
        return np.asarray(np.hypot(x, y) < step * 0.24)
    return np.asarray((np.minimum(abs(x), abs(y)) < step * 0.1) & (np.maximum(abs(x), abs(y)) < step * 0.3))
