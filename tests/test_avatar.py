"""The figure in three dimensions: shape, weights, turns, smoothness, what it is drawn like."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from dancegen import registry
from dancegen.body import joints as J
from dancegen.body import limbs as L
from dancegen.body.capsules import limb_distances
from dancegen.body.proportions import PAIRED
from dancegen.body.sequence import SkeletonSequence
from dancegen.people.located import LocatedBody
from dancegen.renderers.avatar.bones import move_bones, push_out
from dancegen.renderers.avatar.depth import joints_in_space
from dancegen.renderers.avatar.flat import move_flat, prepare_flat
from dancegen.renderers.avatar.pages import back_of_garment
from dancegen.renderers.avatar.rotations import dual_quaternions, mix, swing
from dancegen.renderers.avatar.sheets import LEGS, cut_sheets, make_grid
from dancegen.renderers.avatar.shell import Shell
from dancegen.renderers.avatar.thickness import BALL, ROUND, inflate
from dancegen.renderers.base import Renderer
from dancegen.renderers.compose import make_scene
from dancegen.renderers.plate import Plate
from dancegen.renderers.puppet.cut import cut_person
from tests.test_puppet import drawn

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def avatar() -> Renderer:
    return registry.load("renderer", "avatar", None, CPU)  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def body() -> LocatedBody:
    return drawn(240, 240, 190)


@pytest.fixture(scope="module")
def shell(avatar: Renderer, body: LocatedBody) -> Shell:
    return avatar.prepare(body, Plate([body], 240)).shell  # type: ignore[no-any-return]


def turned(joints: np.ndarray, degrees: float) -> np.ndarray:
    """Joints (V, 3) turned about the vertical through the mid-hip, to the viewer's right."""
    middle = J.mid_hip(joints)
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return (joints - middle) @ np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]]).T + middle


def placed(shell: Shell, poses: np.ndarray) -> np.ndarray:
    """The vertices in poses (B, V, 3): (B, N, 3)."""
    from dancegen.renderers.avatar import kernels

    found = []
    for rig in move_bones(shell.joints, poses, shell.body):
        where = np.zeros_like(shell.mesh.vertices)
        kernels.skin(shell.mesh, rig, 0, len(where), where, np.zeros((len(where), 2), np.float32))
        found.append(where)
    return np.array(found)


@pytest.mark.parametrize(("curvature", "is_ball"), [(ROUND, False), (BALL, True)])
def test_a_capsule_has_the_depth_of_a_capsule(curvature: float, is_ball: bool) -> None:
    """A long stripe becomes a cylinder, a disc a ball, both as deep as they are wide."""
    y, x = np.mgrid[0:161, 0:81] - np.array([80, 40])[:, None, None]
    away = np.hypot(x, y) if is_ball else np.hypot(x, np.maximum(np.abs(y) - 55, 0))
    mask = away < 20
    depth = inflate(mask, np.zeros_like(mask), np.full(mask.shape, curvature))
    true = np.sqrt(np.maximum(20.0**2 - away**2, 0))
    rows = mask if is_ball else mask & (np.abs(y) < 25)
    assert np.abs(depth - true)[rows & (away < 18)].max() < 1.0
    assert not depth[~mask].any()


def test_an_open_edge_does_not_taper() -> None:
    mask = np.zeros((60, 40), bool)
    mask[:, 10:30] = True
    beyond = np.zeros_like(mask)
    mask[40:], beyond[40:] = False, True
    there = inflate(mask, beyond, np.full(mask.shape, ROUND))
    ends = inflate(mask, np.zeros_like(mask), np.full(mask.shape, ROUND))
    assert there[39, 20] > 9 > 4.5 > ends[39, 20]


def test_the_shell_is_closed(shell: Shell) -> None:
    """Every edge belongs to two triangles, once vertices of one place are one: nothing shows its inside."""
    _, same = np.unique(shell.mesh.vertices.round(3), axis=0, return_inverse=True)
    triangles = same.reshape(-1)[shell.mesh.triangles]
    triangles = triangles[(triangles != np.roll(triangles, 1, axis=1)).all(1)]
    edges = np.sort(np.concatenate([triangles[:, (0, 1)], triangles[:, (1, 2)], triangles[:, (2, 0)]]), axis=1)
    _, count = np.unique(edges, axis=0, return_counts=True)
    assert (count % 2 == 0).mean() > 0.999


def test_weights_sum_to_one(shell: Shell) -> None:
    np.testing.assert_allclose(shell.mesh.weights.sum(1), 1, atol=1e-5)
    assert shell.mesh.weights.min() >= 0
    assert shell.mesh.bones.min() >= 0
    assert shell.mesh.bones.max() < L.K
    torso = shell.mesh.vertices[:, 1] < shell.joints[J.NECK, 1]  # above the neck all is head or shoulder
    legs = np.isin(shell.mesh.bones, (L.R_SHIN, L.L_SHIN, L.R_FOOT, L.L_FOOT))
    assert (shell.mesh.weights * legs)[torso].max() == 0


def test_at_rest_nothing_moves(shell: Shell) -> None:
    still = placed(shell, shell.joints[None])[0]
    assert np.abs(still - shell.mesh.vertices)[:, :2].max() < 0.05


@pytest.mark.parametrize("degrees", [30, 90, 180, 270, 360])
def test_a_turn_is_rigid_and_comes_back(shell: Shell, degrees: float) -> None:
    """Trunk and legs are turned as a solid body is, and after 360 degrees all is as it was."""
    made = placed(shell, turned(shell.joints, degrees)[None])[0]
    middle = J.mid_hip(shell.joints)
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    true = (shell.mesh.vertices - middle) @ np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]]).T + middle
    lead = shell.mesh.bones[np.arange(len(made)), shell.mesh.weights.argmax(1)]
    solid = np.isin(lead, (L.UPPER_TORSO, L.LOWER_TORSO, L.R_THIGH, L.L_THIGH, L.R_SHIN, L.L_SHIN, L.HEAD))
    off = np.linalg.norm(made - true, axis=1)[solid] / shell.body.height
    assert np.quantile(off, 0.95) < 0.012
    if degrees == 360:
        assert np.abs(made - placed(shell, shell.joints[None])[0]).max() < 1e-2


def test_nothing_pops(shell: Shell) -> None:
    """Over 1,000 frames of dancing and turning no vertex is thrown about more than the joints are."""
    time = np.arange(1000) / 30
    body, poses = shell.body, np.repeat(shell.joints[None], 1000, axis=0)
    long, wave = body.lengths, lambda speed, phase: np.sin(speed * time + phase)
    for side, (shoulder, elbow, wrist) in zip((-1, 1), J.ARM_CHAINS, strict=True):
        for parent, child, reach, speed in (
            (shoulder, elbow, long["upper_arm"], 2.3),
            (elbow, wrist, long["forearm"], 3.1),
        ):
            up, round_ = 1.4 * wave(speed, side) + 0.3, 1.5 * wave(speed * 0.7, 2 * side)
            way = np.stack([side * np.cos(up) * np.cos(round_), -np.sin(up), -np.cos(up) * np.sin(round_)], -1)
            poses[:, child] = poses[:, parent] + reach * way
    for side, (hip, knee, ankle) in zip((-1, 1), J.LEG_CHAINS, strict=True):
        lift, bend = 0.5 + 0.5 * wave(1.9, side), 0.6 + 0.6 * wave(1.9, side)
        for parent, child, reach, angle in ((hip, knee, long["thigh"], lift), (knee, ankle, long["shin"], lift - bend)):
            way = np.stack([np.full(1000, 0.1 * side), np.cos(angle), -np.sin(angle)], -1)
            poses[:, child] = poses[:, parent] + reach * way
    poses = np.stack([turned(pose, 25.0 * moment) for pose, moment in zip(poses, time, strict=True)])
    moved = placed(shell, poses)[:, ::7]
    ways = (moved, push_out(poses, np.full(1000, body.height)))
    bumps, joints = (np.abs(np.diff(way, 2, axis=0)).max((1, 2)) for way in ways)
    assert bumps.max() < 2 * joints.max()


def test_arms_go_around_the_torso() -> None:
    joints = np.zeros((2, J.V, 3))
    joints[:, J.R_SHOULDER], joints[:, J.L_SHOULDER] = (-18, 0, 0), (18, 0, 0)
    joints[:, J.R_HIP], joints[:, J.L_HIP] = (-10, 60, 0), (10, 60, 0)
    joints[:, J.R_WRIST] = [(0, 30, 0), (0, 30, 12)]
    joints[:, J.L_WRIST] = (90, 30, 0)
    joints[:, (J.R_ELBOW, J.L_ELBOW), 0] = -80
    pushed = push_out(joints, np.full(2, 200.0))
    assert pushed[0, J.R_WRIST, 2] < -15 < 15 < pushed[1, J.R_WRIST, 2]  # before it, and behind it
    np.testing.assert_array_equal(pushed[:, J.L_WRIST], joints[:, J.L_WRIST])
    np.testing.assert_array_equal(pushed[..., :2], joints[..., :2])


def test_rotations() -> None:
    generator = np.random.default_rng(0)
    a, b = generator.normal(size=(2, 20, 3))
    turn = swing(a, b)
    np.testing.assert_allclose(turn @ np.swapaxes(turn, -1, -2), np.broadcast_to(np.eye(3), turn.shape), atol=1e-9)
    carried = np.einsum("bij,bj->bi", turn, a / np.linalg.norm(a, axis=1, keepdims=True))
    np.testing.assert_allclose(carried, b / np.linalg.norm(b, axis=1, keepdims=True), atol=1e-9)
    half = mix(np.broadcast_to(np.eye(3), turn.shape), turn, 0.5)
    np.testing.assert_allclose(half @ half, turn, atol=1e-6)
    motion = dual_quaternions(turn, a, b)
    np.testing.assert_allclose(np.linalg.norm(motion[:, :4], axis=1), 1, atol=1e-9)
    np.testing.assert_allclose((motion[:, :4] * motion[:, 4:]).sum(1), 0, atol=1e-9)


def test_front_and_back_are_drawn(avatar: Renderer, body: LocatedBody, shell: Shell) -> None:
    """From the front the picture itself, from behind its outline mirrored, from the side something thinner."""
    scene = make_scene(avatar, [body], 240, "none")
    ways = [turned(shell.joints, degrees) for degrees in (0, 90, 180)]
    front, side, back = scene.frames(SkeletonSequence(np.array(ways, np.float32), 30.0))
    there = body.mask > 0.9
    assert (front[..., 3][there] > 200).mean() > 0.98
    assert np.abs(front[..., :3][there].astype(int) - body.picture.pixels[there]).mean() < 12
    covered = [float((frame[..., 3] > 128).sum()) for frame in (front, side, back)]
    assert 0.15 * covered[0] < covered[1] < 0.75 * covered[0]
    assert covered[2] == pytest.approx(covered[0], rel=0.1)
    mirrored = back[:, ::-1, 3] > 128  # the body stands in the middle of its picture
    overlap = (front[..., 3] > 128) & mirrored
    assert overlap.sum() > 0.85 * covered[0]


def test_a_larger_body_is_drawn_larger(avatar: Renderer, body: LocatedBody, shell: Shell) -> None:
    """Somebody who comes nearer grows in all directions, not in length alone."""
    middle = J.mid_hip(shell.joints)
    near = (shell.joints - middle) * 1.2 + middle
    wide, high = (np.ptp(placed(shell, pose[None])[0], axis=0)[:2] for pose in (shell.joints, near))
    np.testing.assert_allclose(high / wide, 1.2, rtol=0.02)


def test_limbs_that_are_not_in_the_picture_are_not_drawn(avatar: Renderer) -> None:
    body = drawn(240, 240, 190)
    confidence = body.confidence.copy()
    confidence[[J.R_KNEE, J.R_ANKLE, J.L_KNEE, J.L_ANKLE]] = 0
    hips = int(J.mid_hip(body.joints)[1]) + 6
    mask = body.mask.copy()
    mask[hips:] = 0
    half = LocatedBody(body.picture, body.joints, confidence, mask, "test")
    scene = make_scene(avatar, [half], 240, "none")
    frame = next(scene.frames(SkeletonSequence(np.pad(body.joints, ((0, 0), (0, 1)))[None], 30.0)))
    assert (frame[hips + 12 :, :, 3] > 40).sum() < 30
    assert (frame[: hips - 6, :, 3] > 200).sum() > 0.9 * (mask[: hips - 6] > 0.5).sum()


def test_auto_draws_drawings_flat(body: LocatedBody) -> None:
    """Flat colours on paper are a flat skin, a body with shades has depth, and only that one may turn."""
    renderer = registry.load("renderer", "auto", None, CPU)
    height, width = body.mask.shape
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3)).astype(np.uint8)
    paper = np.full((height, width, 3), 245, np.uint8)
    inked, shaded = paper.copy(), paper.copy()
    inked[body.mask > 0.5], shaded[body.mask > 0.5] = (20, 20, 20), noise[body.mask > 0.5]
    drawing, person = (replace(body, picture=replace(body.picture, pixels=pixels)) for pixels in (inked, shaded))
    assert not renderer.can_turn([drawing]) and renderer.can_turn([person])
    assert not renderer.can_turn([person, drawing])
    figures = [renderer.prepare(one, Plate([one], 240)).figure for one in (drawing, person)]
    assert [np.ptp(figure.shell.mesh.vertices[:, 2]) > 0.05 * body.height for figure in figures] == [False, True]


def test_a_bent_wrist_straightens_as_the_arm_moves(shell: Shell) -> None:
    """At rest the hand is the picture's; with the forearm elsewhere it goes on from it."""
    chain, rest = J.ARM_CHAINS[1], shell.joints
    bone = rest[chain[2]] - rest[chain[1]]
    bent = np.array([[np.nan, np.nan], [bone[0] + bone[1], bone[1] - bone[0]]])  # by 45 degrees
    pose = rest.copy()
    pose[chain[1]], pose[chain[2]] = rest[chain[0]] + (40, 0, 0), rest[chain[0]] + (70, -25, 0)
    hand = np.append(bent[1] / np.linalg.norm(bent[1]), 0)
    found = []
    for joints in (rest, pose):
        rig = move_bones(rest, joints[None], shell.body, hands=bent)[0]
        motion = rig.motions[L.L_HAND]
        moved = [np.array(kernels_move(motion, *place)) for place in (np.zeros(3), hand)]
        forearm = joints[chain[2]] - joints[chain[1]]
        found.append(np.degrees(np.arccos((moved[1] - moved[0]) @ forearm / np.linalg.norm(forearm))))
    assert found[0] == pytest.approx(45, abs=2)
    assert found[1] == pytest.approx(14, abs=3)


def kernels_move(motion: np.ndarray, *place: float) -> tuple[float, float, float]:
    """A point moved by a dual quaternion."""
    from dancegen.renderers.avatar.kernels import move

    return move(tuple(float(part) for part in motion), *(float(part) for part in place))  # type: ignore[no-any-return]


def test_sides_under_lifted_arms_show_no_shadow() -> None:
    """A trunk beside a hanging arm is as broad as it is seen, and the arm's shadow on it goes with the arm."""
    body = drawn(240, 320, 260)
    level = limb_distances(body.joints[None], 320, 240)[0].numpy()
    arms, trunk = level[[L.R_UPPER_ARM, L.R_FOREARM, L.L_UPPER_ARM, L.L_FOREARM]].min(0), level[[1, 2]].min(0)
    pixels = body.picture.pixels.copy()
    pixels[level.argmin(0) < 3] = (200, 200, 200)
    dark = (np.abs(arms - trunk) < 0.2) & (body.mask > 0.5)
    pixels[dark] = (10, 10, 10)
    shaded = replace(body, picture=replace(body.picture, pixels=pixels))
    plate = Plate([shaded], 320)
    joints = plate.joints(shaded)
    layers = cut_person(shaded, plate, joints)
    grid = make_grid(layers, joints)
    sheet = next(one for one in cut_sheets(layers, grid) if one.is_trunk)
    rows = np.minimum(np.arange(grid.texels[0]) * grid.cells[0] // grid.texels[0], grid.cells[0] - 1)
    columns = np.minimum(np.arange(grid.texels[1]) * grid.cells[1] // grid.texels[1], grid.cells[1] - 1)
    low = ((grid.level > 0.4) & (grid.level < 0.9))[rows][:, columns]
    shown = low & (sheet.alpha > 0.9)
    assert shown.sum() > 1000
    assert (sheet.colours.mean(-1)[shown] < 0.4).mean() < 0.02


def waved(body: LocatedBody) -> np.ndarray:
    """The pose (V, 3) of a body with both arms raised and a leg out to the side."""
    pose = np.pad(body.joints.astype(float), ((0, 0), (0, 1)))
    for side, (shoulder, elbow, wrist) in zip((-1, 1), J.ARM_CHAINS, strict=True):
        for joint, length in ((elbow, 1), (wrist, 2)):
            pose[joint, :2] = pose[shoulder, :2] + 0.15 * body.height * length * np.array([side * 0.8, -0.6])
    hip, knee, ankle = J.LEG_CHAINS[1]
    pose[knee, :2], pose[ankle, :2] = pose[hip, :2] + (20, 40), pose[hip, :2] + (40, 80)
    return pose


def test_a_drawing_stays_in_one_piece(body: LocatedBody) -> None:
    """What trunk and arm both show around a shoulder goes to one place, however the arm is raised."""
    from dancegen.renderers.avatar import kernels

    shell = prepare_flat(body, Plate([body], 240)).shell
    rest = np.pad(body.joints.astype(float), ((0, 0), (0, 1)))
    still, moved = (np.zeros_like(shell.mesh.vertices) for _ in range(2))
    for pose, where in ((rest, still), (waved(body), moved)):
        kernels.skin(
            shell.mesh, move_flat(shell.joints, pose[None], shell.body)[0], 0, len(where), where, where[:, :2] * 0
        )
    assert np.abs(still - shell.mesh.vertices)[:, :2].max() < 0.1
    size = body.height
    assert np.linalg.norm(moved - still, axis=1).max() > 0.3 * size
    piece = np.zeros(len(still), int)
    piece[shell.mesh.triangles.ravel()] = shell.mesh.pages.repeat(3) // 2
    assert len(np.unique(piece)) == 5
    for chain in J.ARM_CHAINS:
        near = np.linalg.norm(still[:, :2] - body.joints[chain[0]], axis=1) < 0.045 * size
        trunk, arm = (np.flatnonzero(near & (piece == one)) for one in (2, 3 + J.ARM_CHAINS.index(chain)))
        away = np.linalg.norm(still[trunk, None, :2] - still[None, arm, :2], axis=-1)
        pairs = np.argwhere(away < 0.3)
        assert len(pairs) > 3
        gaps = [np.linalg.norm(moved[trunk[a], :2] - moved[arm[b], :2]) for a, b in pairs]
        assert max(gaps) < 0.02 * size, max(gaps)


def test_legs_that_were_not_found_are_not_torn(body: LocatedBody) -> None:
    """Where most of what lies below the hips is far from every leg, it goes with the hips as a whole."""
    lost = body.joints.copy()
    for hip, knee, ankle in J.LEG_CHAINS:
        lost[[knee, ankle]] = lost[hip] + np.array([[0, 4], [0, 8]])
    shells = [prepare_flat(replace(body, joints=joints), Plate([body], 240)).shell for joints in (body.joints, lost)]
    legs = [np.isin(shell.mesh.bones, (*LEGS[0], *LEGS[1])) * shell.mesh.weights for shell in shells]
    assert legs[0].max() > 0.99 and legs[1].max() == 0
    scene = make_scene(registry.load("renderer", "avatar", None, CPU), [body], 240)
    lines = replace(scene, figures=(prepare_flat(replace(body, joints=lost), Plate([body], 240)),), grounds={})
    still = next(lines.frames(SkeletonSequence(np.pad(lost, ((0, 0), (0, 1)))[None], 30.0)))
    there = body.mask > 0.95
    assert np.abs(still[there].astype(int) - body.picture.pixels[there]).mean() < 14  # as it was drawn
    low = shells[1].mesh.vertices[:, 1].max()
    assert low == pytest.approx(shells[0].mesh.vertices[:, 1].max(), abs=2)


def test_no_limb_is_longer_in_space_than_in_truth(body: LocatedBody) -> None:
    """However deep a detector sees it."""
    lengths = body.proportions.lengths
    depth = np.random.default_rng(0).normal(0, 60, J.V)
    space = joints_in_space(body.places, depth, body.seen, body.proportions)
    assert np.abs(space[:, 2]).max() > 5  # it is believed as far as it can be
    for name, bones in PAIRED.items():
        for parent, child in bones:
            flat = float(np.linalg.norm(space[child, :2] - space[parent, :2]))
            assert np.linalg.norm(space[child] - space[parent]) <= max(lengths[name], flat) + 1e-3
    wide = np.linalg.norm(space[J.L_SHOULDER] - space[J.R_SHOULDER])
    assert wide <= 2 * lengths["shoulders"] + 1e-3


def test_backs_have_no_zips() -> None:
    """A thin line in the middle is painted over, cloth's grain and what is aside stay."""
    joints = np.zeros((J.V, 2))
    joints[J.NECK], joints[J.R_HIP], joints[J.L_HIP] = (100, 40), (90, 160), (110, 160)
    colours = np.full((240, 200, 3), 0.5) + np.random.default_rng(0).normal(0, 0.005, (240, 200, 1))
    colours[60:150, 99:102] = colours[60:150, 160:163] = (1.0, 0.0, 0.0)
    back = back_of_garment(colours, np.ones((240, 200)), joints, 400.0)
    assert np.abs(back[70:140, 99:102] - 0.5).max() < 0.06
    assert np.array_equal(back[:, 160:], colours[:, 160:])
    assert back[70:140, 80:95].std() > 0.003


def test_a_bent_joint_does_not_swell(shell: Shell, body: LocatedBody) -> None:
    """Arms laid at the sides put nothing outside of where arms at the sides can be."""
    raised = shell.joints.copy()
    for shoulder, elbow, wrist in J.ARM_CHAINS:
        raised[elbow] = raised[shoulder] - (0, np.linalg.norm(raised[elbow] - raised[shoulder]), 0)
        raised[wrist] = raised[elbow] - (0, np.linalg.norm(shell.joints[wrist] - shell.joints[elbow]), 0)
    rest, up = placed(shell, np.stack([shell.joints, raised]))
    near = np.linalg.norm(rest[:, :2] - shell.joints[J.L_SHOULDER, :2], axis=1) < 0.06 * body.height
    away = np.linalg.norm(up[near] - raised[J.L_SHOULDER], axis=1)
    assert away.max() < 0.12 * body.height


def test_nothing_is_compiled_before_the_loops_are_wanted() -> None:
    """Else they would be compiled where nothing is kept, anew in every run."""
    names = "renderer", "shell", "bones"
    modules = ", ".join(f"dancegen.renderers.avatar.{name}" for name in names)
    code = f"import sys, {modules}; assert 'dancegen.renderers.avatar.kernels' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_a_head_is_deep_and_feet_are_long(shell: Shell) -> None:
    """Seen from the side: a skull reaches as far behind the ears as the face before them, toes far before the ankle."""
    mesh, height = shell.mesh, shell.body.height
    lead = mesh.bones[np.arange(len(mesh.bones)), mesh.weights.argmax(1)]
    ears, nose = shell.joints[[16, 17], 2].mean(), shell.joints[J.NOSE, 2]
    skull = mesh.vertices[(lead == L.HEAD) & (mesh.vertices[:, 1] < shell.joints[J.NOSE, 1]), 2]
    assert 0.6 < (skull.max() - ears) / (ears - skull.min()) < 1.4
    assert abs(skull.min() - nose) < 0.035 * height
    for foot, ankle in ((L.R_FOOT, J.R_ANKLE), (L.L_FOOT, J.L_ANKLE)):
        z = (mesh.vertices[lead == foot, 2] - shell.joints[ankle, 2]) / height
        assert -0.13 < z.min() < -0.08
        assert 0.015 < z.max() < 0.045
