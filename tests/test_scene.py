"""Figures over what is behind them: several people by depth, any background; the renderers' contract."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import Ran
from PIL import Image

from dancegen import registry
from dancegen.body.draw import draw_skeleton
from dancegen.body.openpose import frame_json
from dancegen.body.sequence import SkeletonSequence
from dancegen.errors import DancegenError
from dancegen.images.picture import output_size
from dancegen.people.located import LocatedBody
from dancegen.production.python import frames as frames_of
from dancegen.production.request import Request
from dancegen.renderers.base import Layer, Renderer, check_background
from dancegen.renderers.compose import compose, make_scene
from dancegen.renderers.passing import list_orders
from dancegen.renderers.plate import Plate
from dancegen.renderers.puppet.renderer import PuppetRenderer
from dancegen.renderers.skeleton import SkeletonRenderer
from tests.test_puppet import as_sequence, drawn

RENDERERS = tuple(name for name in registry.names("renderer") if not registry.backend("renderer", name).module)
CPU = torch.device("cpu")


def two(apart: float, lower: float, tall: float = 140) -> list[LocatedBody]:
    """Two people in one picture, the second so many pixels to the right and lower, blue instead of as drawn.

    The lower one hides the other.
    """
    one = drawn(300, 200, tall)
    mask, moved = one.mask, np.roll(one.mask, (int(lower), int(apart)), (0, 1))
    if lower > 0:
        mask = np.where(moved > 0.5, 0, mask).astype(np.float32)
    else:
        moved = np.where(mask > 0.5, 0, moved)
    pixels = one.picture.pixels.copy()
    pixels[moved > 0.5] = (0, 0, 255)
    picture = replace(one.picture, pixels=pixels)
    other = one.joints + np.array([apart, lower], np.float32)
    return [
        LocatedBody(picture, one.joints, one.confidence, mask, "test"),
        LocatedBody(picture, other, one.confidence, moved.astype(np.float32), "test"),
    ]


def dancing(body: LocatedBody, count: int = 3) -> SkeletonSequence:
    """The person going to the right, 5 pixels a pose."""
    joints = np.stack([body.joints + np.array([5 * step, 0]) for step in range(count)])
    return as_sequence(joints)


def the(name: str) -> Renderer:
    return registry.load("renderer", name, None, CPU)  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", RENDERERS)
def test_contract_layers_lie_inside_the_video_and_are_premultiplied(name: str) -> None:
    body = drawn(220, 180, 150)
    renderer, plate = the(name), Plate([body], 160)
    figure = renderer.prepare(body, plate)
    away = replace(dancing(body), joints=dancing(body).joints + np.float32(2000))
    for poses, visible in ((dancing(body), True), (away, False)):
        layers = list(renderer.draw(figure, poses))
        assert len(layers) == len(poses)
        for layer in layers:
            channels, height, width = layer.colours.shape
            assert channels == 4
            x, y = layer.corner
            assert 0 <= x <= x + width <= plate.size[0]
            assert 0 <= y <= y + height <= plate.size[1]
            if visible:
                assert float(layer.colours[3].max()) > 0.9
                assert float(layer.colours.min()) >= 0
                assert float(layer.colours.max()) <= 1 + 1e-4
                assert float((layer.colours[:3] - layer.colours[3:]).max()) < 2 / 255
            elif layer.colours.numel():
                assert float(layer.colours[3].max()) < 0.01


@pytest.mark.parametrize("name", RENDERERS)
def test_contract_frames(name: str) -> None:
    """Shape, determinism, one pose at a time as many, and none drawn before it is asked for."""
    body = drawn(220, 180, 150)
    poses = dancing(body, 11)
    scene = make_scene(the(name), [body], 160)
    frames = list(scene.frames(poses))
    assert [frame.shape for frame in frames] == [(*output_size((220, 180), 160)[::-1], 3)] * 11
    assert all(frame.dtype == np.uint8 for frame in frames)
    again = list(make_scene(the(name), [body], 160).frames(poses))
    assert all(np.array_equal(a, b) for a, b in zip(frames, again, strict=True))
    alone = next(scene.frames(as_sequence(poses.joints[7:8, :, :2])))
    assert np.abs(alone.astype(int) - frames[7]).max() <= 1
    many = SkeletonSequence(np.broadcast_to(poses.joints[:1], (200_000, *poses.joints.shape[1:])), 30.0)
    first = next(scene.frames(many))
    assert np.array_equal(first, frames[0])


@pytest.mark.parametrize("name", RENDERERS)
@pytest.mark.parametrize("background", ["keep", "none", "black", "#0f0", "file"])
def test_contract_any_background(name: str, background: str, tmp_path: Path) -> None:
    body = drawn(220, 180, 150)
    if background == "file":
        Image.new("RGB", (40, 90), (10, 200, 30)).save(tmp_path / "place.png")
        background = str(tmp_path / "place.png")
    frame = next(make_scene(the(name), [body], 160, background).frames(dancing(body)))
    assert frame.shape[2] == (4 if background == "none" else 3)
    corner = {"none": (0, 0, 0, 0), "black": (0, 0, 0), "#0f0": (0, 255, 0)}.get(background, (10, 200, 30))
    if background != "keep":
        assert tuple(frame[1, 1]) == corner


def test_the_nearer_person_is_in_front_whoever_is_named_first() -> None:
    for people, front in ((two(12, 14), 1), (two(12, 14)[::-1], 0)):
        frame = next(make_scene(PuppetRenderer(), people, 300).frames(*(dancing(body, 1) for body in people)))
        body = people[front]
        x, y = body.joints[[2, 5, 8, 11]].mean(0).astype(int)
        assert frame[y, x, 2] > 180
        assert frame[y, x, 0] < 80
    farther = two(12, -14)
    frame = next(make_scene(PuppetRenderer(), farther, 300).frames(*(dancing(body, 1) for body in farther)))
    x, y = farther[0].joints[[2, 5, 8, 11]].mean(0).astype(int)
    assert frame[y, x, 0] > 80 or frame[y, x, 2] < 180, "now the blue one is behind"


def test_who_passes_another_is_in_front_and_a_jump_passes_nobody() -> None:
    """Feet that come lower in the picture come nearer."""
    body = drawn(220, 180, 150)
    still = dancing(body, 1).joints
    behind, passing, jumping = (SkeletonSequence(np.repeat(still, 60, 0), 30.0) for _ in range(3))
    passing.joints[:, :, 1] += np.linspace(-30, 30, 60)[:, None]
    jumping.joints[:, :, 1] += 10.0
    jumping.joints[26:34, :, 1] -= 60.0
    orders = list(list_orders((1, 0), (behind, passing)))
    assert orders[0] == [1, 0] and orders[-1] == [0, 1]
    assert sum(a != b for a, b in itertools.pairwise(orders)) == 1
    assert all(order == [0, 1] for order in list_orders((0, 1), (behind, jumping)))
    assert all(sorted(order) == [0, 1, 2] for order in list_orders((1, 0, 2), (behind, passing, jumping)))


def test_the_plate_is_without_all_who_dance_and_with_who_does_not() -> None:
    people = two(90, 0, 100)
    blue = people[1].mask > 0.9
    assert (np.abs(Plate(people, 300).colours.permute(1, 2, 0).numpy()[blue] - (0, 0, 1)).sum(-1) > 0.5).mean() > 0.95
    stays = Plate(people[:1], 300).colours.permute(1, 2, 0).numpy()
    assert np.abs(stays[blue] - (0, 0, 1)).mean() < 0.02


def test_each_dances_their_own_dance() -> None:
    people = two(90, 0, 100)
    scene = make_scene(PuppetRenderer(), people, 300)
    still, moved = dancing(people[0], 1), dancing(people[1], 8)
    both = list(scene.frames(replace(moved, joints=np.repeat(still.joints, 8, 0)), moved))
    changed = np.abs(both[0].astype(int) - both[7]).max(-1)
    assert changed[:, : int(people[0].joints[:, 0].max())].max() <= 1
    assert changed[:, int(people[0].joints[:, 0].max()) :].max() > 40
    with pytest.raises(ValueError, match="argument 2"):
        list(scene.frames(still, moved))


def test_transparent_frames_over_the_plate_are_the_usual_ones() -> None:
    """But for the shadow, which needs a ground."""
    body = drawn(220, 180, 150)
    poses = dancing(body)
    usual = next(replace(make_scene(PuppetRenderer(), [body], 160), grounds={}).frames(poses)).astype(float)
    clear = next(make_scene(PuppetRenderer(), [body], 160, "none").frames(poses)).astype(float)
    plate = Plate([body], 160).colours.permute(1, 2, 0).numpy() * 255
    alpha = clear[..., 3:] / 255
    assert np.abs(clear[..., :3] * alpha + plate * (1 - alpha) - usual).max() < 3


def test_bones_on_black_are_drawn_as_before() -> None:
    body = drawn(220, 180, 150)
    poses = dancing(body)
    frame = list(make_scene(SkeletonRenderer(), [body], 160).frames(poses))[2]
    size = output_size((220, 180), 160)
    expected = draw_skeleton(
        np.zeros((size[1], size[0], 3), np.uint8),
        poses.joints[2, :, :2] * np.divide(size, (220, 180)),
        poses.confidence[2],
    )
    assert np.abs(frame.astype(int) - expected).max() <= 2


def test_nobody_in_sight_leaves_the_background() -> None:
    body = drawn(220, 180, 150)
    scene = make_scene(PuppetRenderer(), [body], 160)
    assert np.array_equal(compose(scene.background, [Layer(torch.zeros(4, 0, 0), (0, 0))]), scene.background.empty)


@pytest.mark.parametrize("what", ["", "grean", "#12", "nowhere.png", "rgb(1,2"])
def test_what_is_no_background_is_refused(what: str) -> None:
    with pytest.raises(DancegenError, match="--background must be keep, none, a colour"):
        check_background(what)


def test_backgrounds(tmp_path: Path) -> None:
    (tmp_path / "red").write_bytes(b"a colour's name is a colour")
    assert check_background("keep") is None
    assert check_background("none") is None
    assert check_background("red") == (255, 0, 0)
    assert check_background("#00ff0080") == (0, 255, 0)
    file = tmp_path / "red"
    assert check_background(str(file)) == file


def test_all_people_of_a_picture_dance_before_another_place(
    tmp_path: Path, beat_song: Path, run_main: Callable[..., Ran]
) -> None:
    people = two(90, 0, 100)
    Image.fromarray(people[0].picture.pixels).save(tmp_path / "two.png")
    frames = [frame_json(body.joints, body.confidence)["people"][0] for body in people]
    (tmp_path / "pose.json").write_text(json.dumps({"people": frames}), "utf-8")
    options = ["--people", "all", "--background", "#00ff00", "--pose", tmp_path / "pose.json", "--size", "128"]
    options += ["--weights", "renderer=puppet", "--duration", "0.5", "--offline"]
    ran = run_main("render", beat_song, tmp_path / "two.png", "-o", tmp_path / "out.mp4", *options)
    assert ran.status == 0, ran.err
    request = Request(beat_song, tmp_path / "two.png", people="all", pose=tmp_path / "pose.json", size=128)
    request = replace(request, background="#00ff00", duration=0.5, weights={"renderer": "puppet"}, offline=True)
    frame = next(frames_of(request))
    assert (frame[:4] == (0, 255, 0)).all()
    own = (frame != (0, 255, 0)).any(-1)
    columns = np.flatnonzero(own.any(0))
    assert np.ptp(columns) > 90 * 128 / 300, "both are there"
    for wrong, word in (("grean", "a colour"), ("none", "transparent")):
        ran = run_main("render", beat_song, tmp_path / "two.png", "-o", tmp_path / "no.mp4", "--background", wrong)
        assert ran.status == 1
        assert word in ran.err
    assert not (tmp_path / "no.mp4").exists()
