"""The outline of a drawing where another limb hides it: what comes into view has the line that its maker would draw.

Glossary: H x W texels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from scipy.ndimage import distance_transform_edt, label

from dancegen.body import limbs as L
from dancegen.renderers.avatar.sheets import TRUNK, Sheet

EDGE = 2  # texels from a figure's edge to where its line is sure to be seen
SAME = 0.2  # colours as near as this to the ink's are ink
DRAWN = 0.8  # of a figure's edge, from which it is outlined
WIDEST = 0.03  # heights: what is darker farther inside is no line
STRAY = 0.7  # of a line's width, half of what is no wider
HIDDEN = 0.9  # alpha of what hides something


class Ink(NamedTuple):
    """A line: its colour (3,) and how wide it is, texels."""

    colour: np.ndarray
    width: float


def draw_hidden_edges(sheets: Sequence[Sheet], height: float) -> list[Sheet]:
    """Pieces, the farthest first, that all have a line along their edges where the figure is outlined: the line that
    they share with another piece, or one that is seen once what hides it has moved.

    Args:
        height: of the body, texels.
    """
    colours, alpha = lay_together(sheets)
    ink = find_ink(colours, alpha, height)
    if ink is None:
        return list(sheets)
    lines = (np.abs(colours - ink.colour).max(-1) < SAME) & (alpha > HIDDEN)
    stray = np.zeros_like(lines)
    for sheet in sheets:
        if sheet.limbs == TRUNK:
            stray = _stray(sheet, ink.width)
    made: list[Sheet] = []
    nearer = np.zeros_like(alpha)
    for sheet in reversed(sheets):
        shown = sheet.alpha * ~(stray & sheet.is_trunk)
        beside = _bare_edge(sheet, ink)
        shared = beside & lines
        if not (sheet.is_trunk or sheet.is_arm):
            shared |= stray & _is_beside(shown > 0.5, 2 * ink.width)
        hidden = beside & ~shared & (nearer > HIDDEN)
        shared, hidden = (part & _large(shared | hidden, ink.width**2) for part in (shared, hidden))
        drawn = np.where(shared[..., None], colours, np.where(hidden[..., None], ink.colour, sheet.colours))
        nearer = np.maximum(nearer, sheet.alpha)
        made.insert(0, replace(sheet, colours=drawn.astype(np.float32), alpha=np.maximum(shown, shared | hidden)))
    return made


def lay_together(sheets: Sequence[Sheet]) -> tuple[np.ndarray, np.ndarray]:
    """The figure as the picture shows it: colours (H, W, 3) and alpha (H, W)."""
    alpha, colours = np.zeros_like(sheets[0].alpha), np.zeros_like(sheets[0].colours)
    for sheet in sheets:
        colours = colours + (sheet.colours - colours) * sheet.alpha[..., None]
        alpha = np.maximum(alpha, sheet.alpha)
    return colours, alpha


def find_ink(colours: np.ndarray, alpha: np.ndarray, height: float) -> Ink | None:
    """The line around a figure; None where most of its edge has none."""
    inside = distance_transform_edt(alpha > 0.5)
    edge = (inside >= EDGE) & (inside < EDGE + 1)
    if not edge.any():
        return None
    ink = np.median(colours[edge], axis=0)
    same = np.abs(colours - ink).max(-1) < SAME
    if same[edge].mean() < DRAWN:
        return None
    rings = [
        same[(inside >= ring) & (inside < ring + 1)] for ring in range(EDGE, max(round(WIDEST * height), EDGE + 2))
    ]
    shares = np.array([ring.mean() if len(ring) else 0.0 for ring in rings])
    return Ink(ink, float(EDGE + np.append(shares < (shares[0] + shares.min()) / 2, True).argmax()))


def _bare_edge(sheet: Sheet, ink: Ink) -> np.ndarray:
    """What lies a line's width outside a piece that has no line there (H, W), but where it goes on into its neighbour.

    An arm is in front: it has its lines.
    """
    solid = sheet.alpha > 0.5
    if sheet.is_arm or not solid.any():
        return np.zeros_like(solid)
    own = solid & (np.abs(sheet.colours - ink.colour).max(-1) < SAME)
    drawn = distance_transform_edt(~own) <= ink.width
    bare: np.ndarray = _moves_with(sheet, sheet.limbs) & ~drawn & _is_beside(solid, ink.width)
    return bare


def _is_beside(solid: np.ndarray, reach: float) -> np.ndarray:
    """(H, W) bool: what lies so near outside."""
    beside: np.ndarray = ~solid & (distance_transform_edt(~solid) <= reach)
    return beside


def _large(drawn: np.ndarray, least: float) -> np.ndarray:
    """(H, W) bool: of what is drawn, the pieces of so many texels at least."""
    found, _ = label(drawn)
    large: np.ndarray = (np.bincount(found.ravel()) >= least)[found] & drawn
    return large


def _stray(sheet: Sheet, width: float) -> np.ndarray:
    """What of a lower torso (H, W) is no wider than a line: the lines of its legs."""
    solid = sheet.alpha > 0.5
    core = distance_transform_edt(solid) > STRAY * width
    stray: np.ndarray = (
        solid & _moves_with(sheet, (L.LOWER_TORSO,)) & (distance_transform_edt(~core) > STRAY * width + 1)
    )
    return stray


def _moves_with(sheet: Sheet, limbs: Sequence[int]) -> np.ndarray:
    """(H, W) bool: the texels of these limbs."""
    both = zip(sheet.alpha.shape, sheet.owner.shape, strict=True)
    rows, columns = (np.arange(side) * cells // side for side, cells in both)
    moves: np.ndarray = np.isin(sheet.owner, limbs)[rows][:, columns]
    return moves
