"""Skirts are told from trousers, and stay in one piece when the legs part."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from dancegen.body.joints import L_ANKLE, L_HIP, L_KNEE, R_ANKLE, R_HIP, R_KNEE
from dancegen.body.limbs import L_THIGH, R_THIGH, K
from dancegen.people.located import LocatedBody
from dancegen.renderers.compose import make_scene
from dancegen.renderers.puppet.hem import hem_level
from dancegen.renderers.puppet.renderer import PuppetRenderer
from dancegen.renderers.puppet.skirt import span_legs
from tests.test_puppet import as_sequence, drawn, standing

RED, SKIN = (200, 30, 30), (230, 180, 150)


def in_a_skirt() -> LocatedBody:
    """The drawn figure on white with bare legs and a red skirt that flares to a little above the knees."""
    subject = drawn(200, 240, 200)
    joints, mask = subject.joints, subject.mask.copy()
    pixels = np.where(mask[..., None] > 0.5, subject.image.pixels, 255).astype(np.uint8)
    top, bottom = joints[R_HIP, 1], joints[R_HIP, 1] + 0.85 * (joints[R_KNEE, 1] - joints[R_HIP, 1])
    legs = (mask > 0.5) & (np.arange(240)[:, None] > top)
    pixels[legs] = SKIN
    for y in range(int(top), int(bottom)):
        half = 22 + 12 * (y - top) / (bottom - top)
        row = slice(int(100 - half), int(100 + half))
        mask[y, row], pixels[y, row] = 1, RED
    return LocatedBody(replace(subject.image, pixels=pixels), joints, subject.confidence, mask, "test")


def as_tensors(subject: LocatedBody) -> tuple[torch.Tensor, torch.Tensor]:
    """Picture (3, h, w) in 0..1 and mask (h, w)."""
    return torch.from_numpy(subject.image.pixels).permute(2, 0, 1).float() / 255, torch.from_numpy(subject.mask)


def test_a_hem_is_found_and_trousers_have_none() -> None:
    subject = in_a_skirt()
    assert 0.75 < hem_level(*as_tensors(subject), subject.joints) < 1.1
    trousers = drawn(200, 240, 200)
    assert hem_level(*as_tensors(trousers), trousers.joints) == 0
    together = trousers.joints.copy()
    together[[R_HIP, R_KNEE, R_ANKLE], 0], together[[L_HIP, L_KNEE, L_ANKLE], 0] = 98, 102
    full = torch.ones(240, 200)
    assert hem_level(torch.full((3, 240, 200), 0.5), full, together) == 0


def cut(subject: LocatedBody, level: float) -> LocatedBody:
    """The picture cut off at a level of the legs (1 = knees, 2 = ankles); the joints stay."""
    legs = [subject.joints[[a, b], 1].mean() for a, b in ((R_HIP, L_HIP), (R_KNEE, L_KNEE), (R_ANKLE, L_ANKLE))]
    rows = int(np.interp(level, [0, 1, 2], legs))
    image = replace(subject.image, pixels=subject.image.pixels[:rows])
    return LocatedBody(image, subject.joints, subject.confidence, subject.mask[:rows], "test")


def in_trousers() -> LocatedBody:
    """The drawn figure in blue trousers with closed legs."""
    subject = drawn(200, 240, 200)
    mask, pixels = subject.mask.copy(), subject.image.pixels.copy()
    for y in range(int(subject.joints[R_HIP, 1]), int(subject.joints[R_ANKLE, 1])):
        present = np.flatnonzero(mask[y] > 0.5)
        row = slice(present[0], present[-1] + 1)
        mask[y, row], pixels[y, row] = 1, (40, 50, 110)
    return LocatedBody(replace(subject.image, pixels=pixels), subject.joints, subject.confidence, mask, "test")


def test_the_lower_edge_of_a_picture_is_no_hem() -> None:
    trousers, skirt = in_trousers(), in_a_skirt()
    for level in np.arange(0.5, 2.01, 0.05):
        part = cut(trousers, level)
        assert hem_level(*as_tensors(part), part.joints) == 0
    assert make_scene(PuppetRenderer(), [cut(trousers, 1.1)], 240).figures[0].layers.hem == 0
    part = cut(skirt, 1.3)  # below the hem: still found
    assert 0.75 < hem_level(*as_tensors(part), part.joints) < 1.1
    assert 0.75 < make_scene(PuppetRenderer(), [part], 240).figures[0].layers.hem < 1.1


def test_across_crossed_legs_the_lower_edge_is_no_hem_either() -> None:
    joints = standing(320, 330, 270)  # the width is looked for across the legs: here it is nearly upright
    joints[[R_HIP, R_KNEE, R_ANKLE]] = [[143, 143], [152, 180], [60, 211]]
    joints[[L_HIP, L_KNEE, L_ANKLE]] = [[163, 135], [162, 186], [154, 228]]
    picture = torch.linspace(0, 3, 330)[None, :, None].expand(3, 330, 320) % 1
    for rows in (190, 330):
        assert hem_level(picture[:, :rows], torch.ones(rows, 320), joints) == 0


def test_a_skirt_stays_in_one_piece_when_the_legs_part() -> None:
    subject = in_a_skirt()
    target = subject.joints.copy()
    target[[R_KNEE, R_ANKLE], 0] -= [12, 24]
    target[[L_KNEE, L_ANKLE], 0] += [12, 24]
    renderer = PuppetRenderer()
    frame = next(make_scene(renderer, [subject], 240).frames(as_sequence(target))).astype(int)
    y = int(target[R_HIP, 1] + 0.7 * (target[R_KNEE, 1] - target[R_HIP, 1]))
    across = frame[y, int(target[R_KNEE, 0]) : int(target[L_KNEE, 0])]
    assert (np.abs(across - RED).max(-1) < 60).mean() > 0.95
    below = frame[int(target[R_KNEE, 1]) + 12, 95:105]
    assert (below > 200).all()  # nothing is stretched between bare legs


def test_a_leg_without_length_moves_no_cloth() -> None:
    maps = np.tile(np.eye(2, 3, dtype=np.float32), (K, 1, 1))
    axes = np.array([[[[0.0, 0], [0, 10]], [[8, 0], [8, 10]]]] * 2)
    places = torch.arange(10) + 0.5
    assert span_legs(R_THIGH, maps, axes, 0.9, places, places) is not None
    maps[L_THIGH] = 0
    assert span_legs(R_THIGH, maps, axes, 0.9, places, places) is None
