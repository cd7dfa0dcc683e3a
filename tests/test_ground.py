"""The shadow under the feet: where it falls, how strong it is, where there is none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from dancegen.body import joints as J
from dancegen.body.sequence import SkeletonSequence
from dancegen.people.located import LocatedBody
from dancegen.renderers.compose import make_scene
from dancegen.renderers.ground import STRONGEST, WEAKEST, Ground, find_ground
from dancegen.renderers.plate import Plate
from dancegen.renderers.puppet.renderer import PuppetRenderer
from tests.test_puppet import as_sequence, drawn


def outdoors(tall: float = 150) -> LocatedBody:
    """Somebody on grey ground before a noisy wall, with room below the feet."""
    body = drawn(240, 260, tall)
    noise = np.random.default_rng(0).integers(60, 200, (260, 240, 1), np.uint8)
    place = np.where(np.arange(260)[:, None, None] < 150, noise, np.uint8(128)).repeat(3, 2)
    pixels = np.where(body.mask[..., None] > 0.5, body.picture.pixels, place).astype(np.uint8)
    return replace(body, picture=replace(body.picture, pixels=pixels))


def ground(strength: float = 0.4) -> Ground:
    return Ground(200.0, 150.0, strength, (240, 260), np.ones(2), torch.device("cpu"))


def feet(x: float, y: float) -> SkeletonSequence:
    joints = np.zeros((J.V, 2), np.float32)
    joints[[J.R_ANKLE, J.L_ANKLE]] = (x, y)
    return as_sequence(joints[None])


def dark(where: Ground, poses: SkeletonSequence) -> np.ndarray:
    """The whole video's missing light (h, w)."""
    layer = next(where.layers(poses))
    seen = np.zeros(where.size[::-1], np.float32)
    (x, y), (high, wide) = layer.corner, layer.colours.shape[1:]
    seen[y : y + high, x : x + wide] = layer.colours[3].numpy()
    assert not layer.colours[:3].any()
    return seen


def test_it_lies_under_the_foot_and_goes_with_it() -> None:
    for x in (60.0, 150.0):
        seen = dark(ground(), feet(x, 193.0))
        row, column = np.unravel_index(seen.argmax(), seen.shape)
        assert abs(row - 200) < 2 and abs(column - x) < 2
        assert 0.35 < seen.max() <= 0.4
        assert not seen[:180].any()


def test_it_fades_as_the_foot_is_lifted_and_stays_in_the_video() -> None:
    depths = [float(dark(ground(), feet(100.0, y)).max()) for y in (193, 188, 180, 150)]
    assert depths == sorted(depths, reverse=True)
    assert depths[-1] < 0.05
    for x in (-500.0, 2.0, 239.0, 900.0):
        assert np.isfinite(dark(ground(), feet(x, 193.0))).all()


def test_pictures_with_ground_have_one_and_paper_has_none() -> None:
    body = outdoors()
    found = find_ground(body, Plate([body], 260))
    assert found is not None
    assert WEAKEST <= found.strength <= STRONGEST
    white = np.where(body.mask[..., None] > 0.01, body.picture.pixels, 255).astype(np.uint8)
    paper = replace(body, picture=replace(body.picture, pixels=white))
    assert find_ground(paper, Plate([paper], 260)) is None
    cut = replace(body, joints=body.joints + np.array([0, 260 - body.joints[J.R_ANKLE, 1] - 1], np.float32))
    assert find_ground(cut, Plate([cut], 260)) is None


def test_only_the_own_background_is_darkened() -> None:
    body = outdoors()
    poses = as_sequence(body.joints[None])
    for background, darker in (("keep", True), ("#808080", False)):
        scene = make_scene(PuppetRenderer(), [body], 260, background)
        assert bool(scene.grounds) == darker
        frame, bare = (next(one.frames(poses)).astype(int) for one in (scene, replace(scene, grounds={})))
        assert (frame <= bare).all()
        assert (frame < bare).any() == darker
