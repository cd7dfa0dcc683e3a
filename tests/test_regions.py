"""Limbs told apart by lines, and the arm that is not seen, on figures that the test draws itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from dancegen.body import limbs as L
from dancegen.body.capsules import limb_distances
from dancegen.body.joints import R_HIP, R_KNEE
from dancegen.body.limbs import limb_axes
from dancegen.images.filters import grow
from dancegen.images.picture import ConditionalImage
from dancegen.people.located import LocatedBody
from dancegen.renderers.avatar.lines import keep_legs_below
from dancegen.renderers.plate import Plate
from dancegen.renderers.puppet.cues import Evidence, scattered_bits, score_limbs
from dancegen.renderers.puppet.mirror import mirror_limb, mirror_limbs
from dancegen.renderers.puppet.parts import FILLED, copy_nearest, hidden_cores, parts
from dancegen.renderers.puppet.regions import ARMS, read_lines, share_outlines

SIDE, TALL = 240, 200.0
# A person of 100 units who stands at (0, 0), the arms hanging at the sides.
HANGING = np.array(
    [[0, -87], [0, -78], [-11, -78], [-13, -62], [-14, -47], [11, -78], [13, -62], [14, -47], [-6, -50], [-7, -27],
     [-7, -5], [6, -50], [7, -27], [7, -5], [-2, -89], [2, -89], [-5, -88], [5, -88]],
    np.float32,
)  # fmt: skip
BODY_BOX, RIGHT_ARM, LEFT_ARM = (-10, 10, -82, -45), (-20, -10, -80, -38), (10, 20, -80, -38)  # units: x, x, y, y


def joints() -> np.ndarray:
    return HANGING * TALL / 100 + np.array([SIDE / 2, SIDE / 2 + TALL / 2], np.float32)


def outlined(boxes: list[tuple[int, int, int, int]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Boxes of one colour with dark outlines, later ones in front: picture (1, 3, h, w) and matte (1, 1, h, w)."""
    picture, matte = torch.full((1, 3, SIDE, SIDE), 0.9), torch.zeros(1, 1, SIDE, SIDE)
    for box in boxes:
        x0, x1, y0, y1 = pixels(box)
        picture[..., y0:y1, x0:x1] = 0.1
        picture[..., y0 + 2 : y1 - 2, x0 + 2 : x1 - 2] = 0.9
        matte[..., y0:y1, x0:x1] = 1
    return picture, matte


def pixels(box: tuple[int, int, int, int]) -> tuple[int, ...]:
    return tuple(
        round(value * TALL / 100 + SIDE / 2 + (TALL / 2 if index > 1 else 0)) for index, value in enumerate(box)
    )


def middle(values: torch.Tensor, x: float, y: float) -> torch.Tensor:
    """(1, K, h, w) at a place in units: (K,)."""
    return values[0, :, round(y * TALL / 100 + SIDE / 2 + TALL / 2), round(x * TALL / 100 + SIDE / 2)]


def test_an_arm_as_wide_as_its_outline_keeps_its_rim() -> None:
    picture, matte = outlined([BODY_BOX, RIGHT_ARM, LEFT_ARM, (-19, -7, -80, -52)])
    plain = limb_distances(joints()[None], SIDE, SIDE)
    regions = read_lines(plain, picture, matte, TALL)
    scores = plain + regions.added
    at = (-8.2, -66)  # inside of the arm's outline, near the torso
    assert int(middle(plain, *at).argmin()) == L.UPPER_TORSO
    assert int(middle(scores, *at).argmin()) in ARMS
    assert int(middle(scores, -7.4, -66).argmin()) in ARMS  # its outline
    assert regions.unseen == [[]]


def test_an_arm_behind_the_body_begins_where_it_is_seen() -> None:
    picture, matte = outlined([LEFT_ARM, RIGHT_ARM, (-10, 14, -82, -45)])
    plain = limb_distances(joints()[None], SIDE, SIDE)
    regions = read_lines(plain, picture, matte, TALL)
    scores = plain + regions.added
    nearest = scores.argmin(1, keepdim=True)
    assert int(middle(nearest, 12, -60)) in (L.UPPER_TORSO, L.LOWER_TORSO)
    assert int(middle(nearest, 16, -56)) in (L.L_UPPER_ARM, L.L_FOREARM)
    assert L.L_FOREARM in regions.unseen[0] and L.R_FOREARM not in regions.unseen[0]
    shares = share_outlines(torch.zeros_like(scores), scores, regions.outlines)
    edge = middle(shares, 13.5, -60)
    assert edge[[L.UPPER_TORSO, L.LOWER_TORSO]].max() > 0.5 and edge[ARMS].max() > 0.5


def test_a_hidden_place_has_the_nearest_colour_seen() -> None:
    colours, known = torch.zeros(1, 3, 20, 40), torch.ones(1, 1, 20, 40)
    colours[..., 20:] = 1
    known[..., 8:30] = 0
    made = copy_nearest(colours, known)
    assert float(made[..., :12].max()) < 0.01 and float(made[..., 26:].min()) > 0.99


def test_scattered_bits_go_to_the_limbs_around_them() -> None:
    distances = torch.full((1, 15, 20, 20), 2.0)
    distances[:, L.LOWER_TORSO] = 1.0
    distances[:, L.R_HAND, 2:12, 2:8] = 0.0
    distances[:, L.R_HAND, 16:18, 16:18] = 0.0
    nearest = (distances + scattered_bits(distances, torch.ones(1, 1, 20, 20))).argmin(1)[0]
    assert int(nearest[5, 5]) == L.R_HAND and int(nearest[17, 17]) == L.LOWER_TORSO


def test_a_raised_thigh_leaves_the_torso_whole() -> None:
    raised = joints()
    raised[R_KNEE] = raised[R_HIP] + np.array([-46.0, 4.0], np.float32)
    for pose, carried in ((joints(), True), (raised, False)):
        distances = limb_distances(pose[None], SIDE, SIDE)
        shares = parts(distances, pose[None], np.full((1, 14), 20.0))[0]
        beside = pose[R_HIP] + (pose[R_KNEE] - pose[R_HIP]) * (6 / 46)  # on the thigh, near the hip
        x, y = beside.round().astype(int)
        assert (float(shares[L.LOWER_TORSO, y, x]) > 0.5) == carried
        core = hidden_cores(distances, pose[None])[0, FILLED.index(L.LOWER_TORSO)]
        assert (float(core[y, x]) > 0.5) != carried


def test_the_other_limb_is_turned_over() -> None:
    texture = torch.rand(4, 8, 6)
    ends = np.array([[3.0, 0.0], [3.0, 4.0]])
    made, corner = mirror_limb(texture, np.zeros(2), ends, ends + np.array([10.0, 0.0]), density=1.0)
    assert torch.allclose(made, texture.flip(2), atol=1e-4)
    assert np.allclose(corner, [10, 0])


def test_two_unseen_arms_stay_as_they_are() -> None:
    textures, corners = [torch.rand(4, 5, 5) for _ in range(15)], np.zeros((15, 2), np.float32)
    kept = [texture.clone() for texture in textures]
    mirror_limbs(textures, corners, [L.R_HAND, L.L_HAND], joints(), 1.0)
    assert all(torch.equal(a, b) for a, b in zip(textures, kept, strict=True))
    mirror_limbs(textures, corners, [L.L_HAND], joints(), 1.0)
    assert not torch.equal(textures[L.L_HAND][:, :5, :5], kept[L.L_HAND][:, :5, :5])
    wrist = limb_axes(joints())[L.L_HAND, 0]
    assert np.abs(corners[L.L_HAND] - wrist).max() < SIDE


def test_each_cue_adds_to_those_before_it() -> None:
    picture, matte = outlined([LEFT_ARM, RIGHT_ARM, BODY_BOX])
    said = torch.zeros(1, L.K, SIDE, SIDE)
    said[:, L.HEAD] = 3.0  # a network that sees a head everywhere
    alone, helped = (score_limbs(Evidence(picture, matte, joints()[None], opinion)) for opinion in (None, said))
    assert alone.shape == said.shape
    assert torch.allclose((alone - helped)[:, L.HEAD], torch.tensor(3.0), atol=1e-4)
    assert torch.equal(alone[:, L.R_SHIN], helped[:, L.R_SHIN])
    assert bool((alone >= limb_distances(joints()[None], SIDE, SIDE) - 1e-5).all()), "cues only speak against"


def test_a_hand_ends_where_what_it_lies_on_begins() -> None:
    picture, matte = outlined([BODY_BOX, RIGHT_ARM, LEFT_ARM, (-10, 10, -45, -5)])
    trousers, palm = pixels((-10, 10, -45, -5)), pixels((-6, 0, -50, -44))
    picture[0, :, trousers[2] : trousers[3], trousers[0] : trousers[1]] = torch.tensor([0.1, 0.1, 0.4])[:, None, None]
    picture[0, :, palm[2] : palm[3], palm[0] : palm[1]] = torch.tensor([0.9, 0.6, 0.5])[:, None, None]
    units = np.array([[[-3, -50], [-3, -38]], [[np.nan] * 2] * 2], np.float32)
    hands = units * TALL / 100 + np.array([SIDE / 2, SIDE / 2 + TALL / 2], np.float32)
    scores = score_limbs(Evidence(picture, matte, joints()[None], None, hands))
    assert int(middle(scores, -3, -46).argmin()) == L.R_HAND
    assert int(middle(scores, -3, -40).argmin()) != L.R_HAND, "there are the trousers"
    picture[0, :, trousers[2] : trousers[3], trousers[0] : trousers[1]] = torch.tensor([0.9, 0.6, 0.5])[:, None, None]
    scores = score_limbs(Evidence(picture, matte, joints()[None], None, hands))
    assert int(middle(scores, -3, -40).argmin()) == L.R_HAND, "bare skin says nothing of where a hand ends"


def test_in_drawings_the_trunk_ends_at_its_hem_and_has_its_line() -> None:
    boxes = [(-10, 10, -47, -3), (-12, 12, -82, -44), RIGHT_ARM, LEFT_ARM, (-6, 6, -97, -82)]
    picture, matte = outlined(boxes)  # a shirt that hangs over one wide pair of trousers
    picture = -grow(-picture, 2)  # lines of a broad pen
    image = ConditionalImage(Path("drawn.png"), (picture[0].permute(1, 2, 0).numpy() * 255).astype(np.uint8), ())
    sure = np.ones(len(HANGING), np.float32)
    person = LocatedBody(image, joints(), sure, matte[0, 0].numpy(), "test")
    nearer = keep_legs_below(person, Plate([person], SIDE), joints())
    assert nearer is not None
    shirt, hem, trousers = (float(middle(nearer[None], 0, y)[L.LOWER_TORSO]) for y in (-52, -45, -38))
    assert min(shirt, hem) > -0.3
    assert trousers < -0.6
