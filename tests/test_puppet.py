"""Limbs, layers and the analytic puppet, on a figure that the test draws itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from dancegen.body.capsules import limb_distances
from dancegen.body.joints import (
    L_ELBOW,
    L_HIP,
    L_SHOULDER,
    L_WRIST,
    R_ELBOW,
    R_HIP,
    R_SHOULDER,
    R_WRIST,
    body_height,
)
from dancegen.body.limb_maps import limb_maps, limb_order
from dancegen.body.limbs import (
    L_FOREARM,
    LIMB_NAMES,
    LOWER_TORSO,
    R_FOREARM,
    R_HAND,
    R_UPPER_ARM,
    UPPER_TORSO,
    K,
    limb_axes,
)
from dancegen.body.sequence import SkeletonSequence
from dancegen.images.filters import push_pull, separate, spread
from dancegen.images.picture import ConditionalImage, output_size
from dancegen.people.located import LocatedBody
from dancegen.renderers.compose import make_scene
from dancegen.renderers.puppet.bends import limb_bends
from dancegen.renderers.puppet.cues import beside_outlines
from dancegen.renderers.puppet.cut import cut_layers
from dancegen.renderers.puppet.parts import FILLED, hidden_cores, joint_widths, parts, torso_distance
from dancegen.renderers.puppet.puppet import lay
from dancegen.renderers.puppet.renderer import PuppetRenderer

# A person of 100 units who stands at (0, 0) with the arms hanging a little out.
STANDING = np.array(
    [[0, -87], [0, -78], [-11, -78], [-16, -62], [-19, -47], [11, -78], [16, -62], [19, -47], [-7, -50], [-8, -27],
     [-8, -5], [7, -50], [8, -27], [8, -5], [-2, -89], [2, -89], [-5, -88], [5, -88]],
    np.float32,
)  # fmt: skip


def standing(width: int, height: int, tall: float) -> np.ndarray:
    """The figure in the middle of a picture, `tall` pixels: (18, 2)."""
    return STANDING * tall / 100 + np.array([width / 2, height / 2 + tall / 2], np.float32)


def drawn(width: int, height: int, tall: float) -> LocatedBody:
    """A figure of coloured limbs over a gradient."""
    joints = standing(width, height, tall)
    distances = limb_distances(joints[None], height, width)[0].numpy()  # (K, h, w)
    limb = distances.argmin(0)
    mask = np.clip((1.0 - distances.min(0)) * 0.04 * tall, 0, 1).astype(np.float32)
    colours = np.random.default_rng(1).uniform(0.2, 0.9, (K, 3))
    stripes = 0.1 * np.sin(np.arange(height)[:, None] / 1.5)[..., None]
    x, y = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    behind = np.stack([0.3 + 0.4 * x, 0.5 + 0.3 * y, 0.6 - 0.3 * x], -1)
    picture = mask[..., None] * (colours[limb] + stripes) + (1 - mask[..., None]) * behind
    pixels = (np.clip(picture, 0, 1) * 255).round().astype(np.uint8)
    return LocatedBody(ConditionalImage(Path("drawn"), pixels, ()), joints, np.ones(18, np.float32), mask, "test")


def enlarge(subject: LocatedBody, times: int) -> LocatedBody:
    """The same picture with blocks for pixels."""
    pixels, mask = (array.repeat(times, 0).repeat(times, 1) for array in (subject.image.pixels, subject.mask))
    image = ConditionalImage(Path("drawn"), pixels, ())
    return LocatedBody(image, subject.joints * times, subject.confidence, mask, "test")


def as_sequence(joints: np.ndarray) -> SkeletonSequence:
    """(V, 2) or (T, V, 2) pixels to a sequence without depth."""
    joints = np.atleast_3d(joints) if joints.ndim == 3 else joints[None]
    return SkeletonSequence(np.concatenate([joints, np.zeros((*joints.shape[:2], 1))], -1).astype(np.float32), 30.0)


def test_maps_take_each_limb_back_to_where_it_was() -> None:
    source = standing(100, 100, 80)
    target = source.copy()
    target[L_ELBOW], target[L_WRIST] = source[5] + [14, 0], source[5] + [28, -4]
    maps = limb_maps(source, target[None])[0]
    there, back = limb_axes(target), limb_axes(source)
    for limb in (L_FOREARM, R_HAND):
        points = there[limb] @ maps[limb, :, :2].T + maps[limb, :, 2]
        assert np.allclose(points, back[limb], atol=0.6)
    assert np.allclose(limb_maps(source, source)[:, :, :2], np.eye(2), atol=1e-4)


def test_a_body_that_turns_its_back_is_not_mirrored() -> None:
    source = standing(100, 100, 80)
    target = source.copy()
    target[:, 0] = 100 - target[:, 0]
    linear = limb_maps(source, target[None])[0, UPPER_TORSO, :, :2]
    assert np.linalg.det(linear) > 0.3


def test_depth_decides_which_limb_is_in_front() -> None:
    joints = np.concatenate([standing(100, 100, 80), np.zeros((18, 1), np.float32)], 1)
    default = limb_order(joints)
    assert default[L_FOREARM] > default[UPPER_TORSO]
    joints[[L_ELBOW, L_WRIST], 2] = 80 * 0.25  # behind the back
    assert limb_order(joints)[L_FOREARM] < limb_order(joints)[UPPER_TORSO]
    assert len(LIMB_NAMES) == K == 15


def test_parts_cover_the_body_without_cracks() -> None:
    joints = standing(96, 96, 80)[None]
    distances = limb_distances(joints, 96, 96)
    mask = (distances.amin(1, keepdim=True) < 1).float()
    shares = parts(distances, joints, joint_widths(mask, joints))
    assert float(shares.amax(1)[mask[:, 0] > 0].min()) >= 0.99
    assert float(shares.max()) <= 1.0


def test_a_torso_lies_between_shoulders_and_hips() -> None:
    joints = standing(100, 120, 100)
    outside = torso_distance(joints[None], 120, 100)[0]
    size = float(body_height(joints))
    inside = [(joints[1] + joints[j]) / 2 for j in (R_SHOULDER, L_SHOULDER, R_HIP, L_HIP)]
    assert all(float(outside[int(y), int(x)]) == 0 for x, y in inside)
    for elbow, shoulder in ((R_ELBOW, R_SHOULDER), (L_ELBOW, L_SHOULDER)):
        x, y = joints[elbow]
        assert float(outside[int(y), int(x)]) > 0.02
        assert float(outside[int(joints[shoulder][1] - 0.1 * size), 50]) > 0.03
    turned = joints.copy()
    turned[:, 0] = 50 + 0.1 * (joints[:, 0] - 50)  # in profile a torso still has its depth
    assert float((torso_distance(turned[None], 120, 100)[0, 40:60] == 0).float().mean()) > 0.12


def test_a_sleeve_at_the_body_leaves_no_shred_on_it() -> None:
    joints = standing(200, 240, 220)
    joints[R_ELBOW], joints[R_WRIST] = joints[R_SHOULDER] + [-12, 38], joints[R_SHOULDER] + [-14, 74]
    mask = torch.ones(1, 1, 240, 200)  # one colour, no gap: nothing but the joints tells sleeve and body apart
    distances = limb_distances(joints[None], 240, 200)
    outside = torso_distance(joints[None], 240, 200)
    shares = parts(distances + beside_outlines(distances, outside), joints[None], joint_widths(mask, joints[None]))[0]
    sleeve = distances[0, [R_UPPER_ARM, R_FOREARM]].amin(0) < 1.1
    beside = sleeve & (outside[0] > 0.03)
    beside[: int(joints[R_SHOULDER][1] + 10)] = False
    assert int(beside.sum()) > 500
    assert float(shares[[UPPER_TORSO, LOWER_TORSO]].sum(0)[beside].mean()) < 0.01


def test_a_torso_goes_on_behind_an_arm_as_far_as_its_outline() -> None:
    joints = standing(200, 240, 220)
    joints[R_ELBOW] = (joints[R_SHOULDER] + joints[R_HIP]) / 2 + [4, 0]  # an arm that lies on the body's side
    joints[R_WRIST] = joints[R_HIP] + [2, 0]
    distances = limb_distances(joints[None], 240, 200)
    core = hidden_cores(distances, joints[None])[0, [FILLED.index(UPPER_TORSO), FILLED.index(LOWER_TORSO)]].amax(0)
    x, y = joints[R_ELBOW]
    assert float(core[int(y), int(x)]) > 0.9


def test_the_unmoved_puppet_is_the_picture() -> None:
    subject = drawn(120, 160, 140)
    renderer = PuppetRenderer()
    scene = make_scene(renderer, [subject], 160)
    frame = next(scene.frames(as_sequence(subject.joints)))
    difference = np.abs(frame.astype(int) - subject.image.pixels)
    assert difference[subject.mask > 0.99].mean() < 4
    assert difference[subject.mask < 0.001].mean() < 1


def test_a_raised_arm_moves_and_leaves_no_ghost() -> None:
    subject = drawn(160, 160, 120)
    target = subject.joints.copy()
    target[R_ELBOW], target[R_WRIST] = target[2] + [-18, -6], target[2] + [-34, -14]
    renderer = PuppetRenderer()
    frame = next(make_scene(renderer, [subject], 160).frames(as_sequence(target))).astype(int)
    wrist, was = target[R_WRIST].astype(int), subject.joints[R_WRIST].astype(int)
    arm = subject.image.pixels[was[1], was[0]].astype(int)
    plate = make_scene(renderer, [subject], 160).background.empty.astype(int)
    assert np.abs(frame[wrist[1], wrist[0]] - plate[wrist[1], wrist[0]]).max() > 25
    assert np.abs(frame[was[1], was[0]] - arm).max() > 25
    assert np.abs(frame[was[1] + 2, was[0] - 2] - plate[was[1] + 2, was[0] - 2]).max() <= 2


@pytest.mark.parametrize(("width", "height", "size"), [(90, 120, 128), (2000, 3000, 256), (300, 80, 100)])
def test_pictures_of_any_size(width: int, height: int, size: int) -> None:
    subject = enlarge(drawn(width // 10, height // 10, 0.08 * height), 10) if width > 1000 else drawn(width, height, 60)
    renderer = PuppetRenderer()
    scene = make_scene(renderer, [subject], size)
    frame = next(scene.frames(as_sequence(subject.joints)))
    expected = output_size((width, height), size)
    assert frame.shape == (expected[1], expected[0], 3)
    assert frame.dtype == np.uint8
    assert max(expected) == size
    assert expected[0] % 2 == expected[1] % 2 == 0


def test_a_dancer_outside_the_picture_leaves_the_plate() -> None:
    subject = drawn(100, 100, 80)
    renderer = PuppetRenderer()
    scene = make_scene(renderer, [subject], 100)
    frame = next(scene.frames(as_sequence(subject.joints + 1000)))
    assert np.array_equal(frame, scene.background.empty)


def test_a_nearer_layer_hides_a_further_one() -> None:
    subject = drawn(100, 100, 90)
    picture = torch.from_numpy(subject.image.pixels).permute(2, 0, 1).float() / 255
    layers = cut_layers(picture, torch.from_numpy(subject.mask), subject.joints, 1.0, (0.0, 0.0))
    maps = limb_maps(subject.joints, subject.joints)
    hand, chest = (limb_axes(subject.joints)[limb].mean(0) for limb in (R_HAND, UPPER_TORSO))
    maps[R_HAND, :, 2] += hand - chest  # the hand laid on the chest
    frames = []
    for rank in (5.0, -5.0):
        order = limb_order(np.pad(subject.joints, ((0, 0), (0, 1))))
        order[R_HAND] = rank
        frame = torch.zeros(4, 100, 100)
        lay(layers, maps, limb_bends(subject.joints, subject.joints), order, frame)
        frames.append(frame[:3, int(chest[1]), int(chest[0])])
    assert float((frames[0] - frames[1]).abs().max()) > 0.1


def test_separate_frees_the_edge_of_the_background() -> None:
    person, behind = torch.tensor([0.9, 0.2, 0.1]), torch.tensor([0.1, 0.3, 0.9])
    alpha = ((torch.arange(64) - 31.5) / 4 + 0.5).clamp(0, 1).expand(1, 1, 64, 64)
    picture = alpha * person.view(1, 3, 1, 1) + (1 - alpha) * behind.view(1, 3, 1, 1)
    colours, _ = separate(picture, alpha, band=2)
    edge = alpha[0, 0] > 0.2
    assert float((colours[0][:, edge] - person[:, None]).abs().max()) < 0.12  # the mixture itself is 0.64 away


def test_push_pull_keeps_what_is_known() -> None:
    values = torch.rand(1, 3, 37, 50, generator=torch.Generator().manual_seed(0))
    weight = torch.ones(1, 1, 37, 50)
    weight[..., 10:20, 10:30] = 0
    filled = push_pull(values, weight)
    assert torch.equal(filled * weight, values * weight)
    assert float(filled.min()) >= 0 and float(filled.max()) <= 1
    assert spread(values, weight).shape == values.shape
