"""Outlines of drawings where another limb hid them."""

from __future__ import annotations

import numpy as np
import torch

from dancegen.body import limbs as L
from dancegen.renderers.avatar.ink import draw_hidden_edges, find_ink, lay_together
from dancegen.renderers.avatar.lines import is_outlined
from dancegen.renderers.avatar.sheets import ARMS, LEGS, TRUNK, Sheet

SIZE, LINE = 120, 4
PAPER, BLACK = 0.9, 0.1


def piece(
    limbs: tuple[int, ...], owner: int, box: tuple[int, int, int, int], line: tuple[bool, bool] = (True, True)
) -> Sheet:
    """A box (left, top, right, bottom) of paper with lines above, below, and where wished at its left and right."""
    left, top, right, bottom = box
    alpha, colours = np.zeros((SIZE, SIZE), np.float32), np.full((SIZE, SIZE, 3), PAPER, np.float32)
    alpha[top:bottom, left:right] = 1
    colours[top : top + LINE, left:right] = colours[bottom - LINE : bottom, left:right] = BLACK
    for is_drawn, start in zip(line, (left, right - LINE), strict=True):
        if is_drawn:
            colours[top:bottom, start : start + LINE] = BLACK
    mask = alpha > 0.5
    return Sheet(limbs, colours, alpha, mask, np.full(mask.shape, owner))


def figure() -> list[Sheet]:
    """A leg below a trunk whose right side an arm hides; the trunk has no line there."""
    leg = piece(LEGS[0], L.R_THIGH, (30, 60, 50, 110))
    trunk = piece(TRUNK, L.UPPER_TORSO, (20, 20, 70, 64), line=(True, False))
    arm = piece(ARMS[1], L.L_UPPER_ARM, (66, 22, 90, 80))
    return [leg, trunk, arm]


def test_a_hidden_edge_has_a_line() -> None:
    """The trunk's right side, beneath the arm, which at rest hides it as before."""
    before, after = figure(), draw_hidden_edges(figure(), 300)
    np.testing.assert_allclose(after[1].colours[40, 72], BLACK, atol=1e-6)
    assert after[1].alpha[40, 72] == 1
    assert after[1].alpha[40, 82] == 0
    np.testing.assert_array_equal(after[2].alpha, before[2].alpha)
    seen = [colours * alpha[..., None] for colours, alpha in (lay_together(sheets) for sheets in (before, after))]
    np.testing.assert_allclose(seen[0], seen[1], atol=1e-6)


def test_a_figure_without_lines_stays_as_it_is() -> None:
    plain = [Sheet(one.limbs, np.full_like(one.colours, PAPER), one.alpha, one.mask, one.owner) for one in figure()]
    rng = np.random.default_rng(0)
    for one in plain:
        one.colours[:] = rng.uniform(size=one.colours.shape)
    assert find_ink(*lay_together(plain), 100) is None
    for made, one in zip(draw_hidden_edges(plain, 300), plain, strict=True):
        np.testing.assert_array_equal(made.alpha, one.alpha)


def test_the_line_is_measured() -> None:
    ink = find_ink(*lay_together([piece(TRUNK, L.UPPER_TORSO, (20, 20, 100, 100))]), 200)
    assert ink is not None
    assert abs(ink.width - LINE) <= 1
    np.testing.assert_allclose(ink.colour, BLACK, atol=1e-6)


def test_an_outlined_figure_is_told_from_a_plain_one() -> None:
    sheet = piece(TRUNK, L.UPPER_TORSO, (20, 20, 100, 100))
    person = torch.from_numpy(sheet.mask)[None, None]
    picture = torch.from_numpy(sheet.colours.transpose(2, 0, 1).copy())[None]
    noise = torch.rand(picture.shape, generator=torch.Generator().manual_seed(0))
    assert is_outlined(picture, person)
    assert not is_outlined(noise, person)
