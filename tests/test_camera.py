"""The camera: its path is the same each time, smooth, cuts on downbeats, and cuts nobody's head, hands or feet off."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Listener
from test_puppet import drawn
from workbench_tools import dance as swinging

from dancegen import Request, registry
from dancegen.assets.example import PICTURE
from dancegen.audio.grid import BeatGrid
from dancegen.audio.song import Song
from dancegen.body.joints import L_ANKLE, L_WRIST, NOSE, R_ANKLE, R_WRIST
from dancegen.body.sequence import SkeletonSequence
from dancegen.errors import DancegenError
from dancegen.production.camera import Camera, find_accents, make_camera, plan_camera, upper_extent, whole_extent
from dancegen.production.known import Known
from dancegen.production.produce import prepare
from dancegen.production.request import MOVES

FRAME, FPS, SECONDS = (640, 480), 30, 20.0
GRID = BeatGrid(np.arange(0.3, SECONDS, 0.5), 120.0, 1.0)  # bars of two seconds
ACCENTS = [(0.3, 1.0), (2.3, 0.6), (10.3, 1.0)]
MOVING = [("push",), ("follow",), ("cuts",), ("shake",), ("push", "follow"), MOVES[1:]]


def dancer(x: float = 320, way: float = 120, height: float = 260, seed: int = 0) -> SkeletonSequence:
    """Somebody who goes to and fro, in pixels of the frame."""
    dance = swinging(SECONDS, seed=seed)
    shift = np.stack([x + way * np.sin(np.arange(len(dance)) / 70), np.full(len(dance), 440), np.zeros(len(dance))], 1)
    return replace(dance, joints=dance.joints * height + shift[:, None])


def path(moves: tuple[str, ...], *dancers: SkeletonSequence, seed: int = 3) -> np.ndarray:
    return plan_camera(moves, dancers or [dancer()], FRAME, GRID, ACCENTS, seed)


def cuts_of(boxes: np.ndarray) -> np.ndarray:
    """The frames that begin another shot, where half a side changes at once."""
    return np.flatnonzero(np.abs(np.diff(boxes[:, 2])) > 0.02) + 1


@pytest.mark.parametrize("moves", MOVING, ids="+".join)
def test_a_path_is_the_same_each_time_and_inside_the_frame(moves: tuple[str, ...]) -> None:
    boxes = path(moves)
    assert np.array_equal(boxes, path(moves)) and boxes.shape == (len(dancer()), 3)
    half = boxes[:, 2:]
    assert (half <= 0.5).all() and (half > 0.2).all()
    assert (boxes[:, :2] - half > -1e-9).all() and (boxes[:, :2] + half < 1 + 1e-9).all()
    assert half.min() < 0.48, "it moves"


@pytest.mark.parametrize("moves", MOVING, ids="+".join)
@pytest.mark.parametrize("two", [False, True])
def test_nobodys_head_hands_or_feet_are_cut_off(moves: tuple[str, ...], two: bool) -> None:
    people = [dancer(220, 60), dancer(430, -60, 220, seed=4)] if two else [dancer()]
    boxes = path(moves, *people)
    low, high = boxes[:, :2] - boxes[:, 2:] - 1e-6, boxes[:, :2] + boxes[:, 2:] + 1e-6
    whole = [inside(whole_extent(one, FRAME), low, high) for one in people]
    everybody = np.all(whole, axis=0)
    if "cuts" not in moves:
        assert everybody.all()
        return
    near = np.any([inside(upper_extent(one, FRAME), low, high) for one in people], axis=0)
    assert (everybody | near).all() and 0.1 < everybody.mean() < 0.9
    hands = [one.joints[:, [NOSE, R_WRIST, L_WRIST], :2] / FRAME for one in people]
    seen = [((at > low[:, None]) & (at < high[:, None])).all(axis=(1, 2)) for at in hands]
    assert np.any(seen, axis=0).all()


def inside(extent: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    return np.asarray((extent[:, :2] >= low).all(1) & (extent[:, 2:] <= high).all(1))


def test_extents_hold_what_is_drawn() -> None:
    one = dancer()
    whole, upper = whole_extent(one, FRAME), upper_extent(one, FRAME)
    feet = one.joints[:, [R_ANKLE, L_ANKLE], 1].max(1) / FRAME[1]
    assert (whole[:, 3] > feet + 0.02).all() and (upper[:, 3] < feet - 0.1).all()
    assert (upper[:, 1] < one.joints[:, NOSE, 1] / FRAME[1] - 0.03).all()
    hidden = replace(one, confidence=np.where(np.arange(18) == R_WRIST, 0, one.confidence).astype(np.float32))
    assert (whole_extent(hidden, FRAME)[:, 0] >= whole[:, 0]).all()


@pytest.mark.parametrize(
    "moves", [("push",), ("follow",), ("push", "follow"), ("cuts", "push", "follow")], ids="+".join
)
def test_between_cuts_it_is_smooth(moves: tuple[str, ...]) -> None:
    """No more than a quarter of the frame a second, and no jerk: half of it a second squared."""
    boxes = path(moves)
    edges = [0, *cuts_of(boxes), len(boxes)]
    for first, last in pairwise(edges):
        speed = np.diff(boxes[first:last], axis=0) * FPS
        assert np.abs(speed).max() < 0.25
        assert np.abs(np.diff(speed, axis=0)).max() * FPS < 0.5
    assert np.ptp(boxes[:, 0]) > 0.02 or "follow" not in moves


def test_a_push_only_comes_nearer_and_a_pan_follows() -> None:
    push = path(("push",))
    assert (np.diff(push[:, 2]) < 1e-12).all() and push[0, 2] > 0.49 and push[-1, 2] < 0.42
    one = dancer()
    pan = path(("follow",), one)
    assert np.corrcoef(pan[:, 0], one.joints[:, :, 0].mean(1))[0, 1] > 0.9


def test_cuts_are_on_downbeats_and_shots_are_whole_bars() -> None:
    downbeats = np.round(GRID.downbeats * FPS).astype(int)
    for seed in range(8):
        cuts = cuts_of(path(("cuts",), seed=seed))
        assert len(cuts) >= 2 and set(cuts) <= set(downbeats.tolist())
        assert np.diff([0, *cuts]).min() >= 2 * FPS
    assert len({tuple(cuts_of(path(("cuts",), seed=seed))) for seed in range(8)}) > 3
    two = dancer(160, 10), dancer(480, 10)
    both = {round(float(path(("cuts",), *two, seed=seed)[:, 0].min()), 2) for seed in range(6)}
    assert len(both) > 1  # now the one, now the other


def test_it_shakes_on_accents_alone_and_in_directions_of_the_seed() -> None:
    boxes = path(("shake",))
    moved = np.abs(np.diff(boxes[:, :2], axis=0)).max(1) > 1e-3
    times = (np.flatnonzero(moved) + 1) / FPS
    for time, _ in ACCENTS:
        assert ((times >= time - 1 / FPS) & (times < time + 0.2)).any()
    assert all(any(0 <= time - at + 1 / FPS < 0.6 for at, _ in ACCENTS) for time in times)
    assert np.abs(path(("shake",), seed=4) - boxes).max() > 1e-3
    assert np.abs(np.diff(boxes[:, :2], axis=0)).max() < 0.05


def test_accents_are_where_it_becomes_loud() -> None:
    samples = np.full(16_000 * 8, 0.01, np.float32)
    for beat in (3, 8):  # 1.8 and 4.3 s
        samples[round((0.3 + 0.5 * beat) * 16_000) :][:4000] = 0.5
    song = Song(Path("a.wav"), samples)
    accents = dict(find_accents(song, BeatGrid(np.arange(0.3, 8, 0.5), 120.0, 1.0)))
    assert accents[1.8] == accents[4.3] == 1.0
    assert set(np.round([0.3, 2.3, 4.3, 6.3, 1.8], 3)) == set(np.round(list(accents), 3))  # and each bar's first beat


def test_whoever_fills_the_picture_leaves_the_camera_no_room() -> None:
    full = dancer(320, 0, 460)
    for moves in (("push",), ("follow",), ("shake",)):
        assert path(moves, full)[:, 2].min() > 0.49


def test_it_looks_at_frames_with_and_without_alpha() -> None:
    frame = np.zeros((96, 128, 4), np.uint8)
    frame[24:72, 32:96] = (200, 100, 50, 255)
    camera = Camera(np.array([[0.5, 0.5, 0.5], [0.5, 0.5, 0.25]]), (64, 48))
    whole, near = camera.look([frame, frame])
    assert whole.shape == near.shape == (48, 64, 4)
    assert whole[0, 0, 3] == 0 and (whole[24, 32] == (200, 100, 50, 255)).all()
    assert (near == (200, 100, 50, 255)).all()
    solid = whole[whole[..., 3] > 20]
    assert np.abs(solid[:, :3].astype(int) - (200, 100, 50)).max() < 12, "no dark rim from what is transparent"
    with pytest.raises(ValueError, match="zip"):
        list(camera.look([frame]))
    assert camera.zoom == 2.0
    sides = [camera.longer_side(picture) for picture in ((4000, 3000), (100, 75), (10, 8))]
    assert sides == [128, 100, 64]  # twice as large, but for what no picture has


SMALL: dict[str, Any] = {"fps": 5.0, "duration": 1.0, "weights": {"renderer": "puppet"}, "device": "cpu"}


@pytest.mark.parametrize("renderer", [name for name, line in registry.BACKENDS["renderer"].items() if not line.module])
@pytest.mark.parametrize("more", [{"size": 96}, {"canvas": "128x96", "background": "none"}], ids=["plain", "canvas"])
def test_frames_of_every_renderer(renderer: str, more: dict[str, Any], beat_song: Path) -> None:
    """What the camera shows is what a still one shows, larger."""
    known = Known(dance=swinging(1.0), people=[drawn(300, 200, 120)])
    still = Request(beat_song, PICTURE, renderer=renderer, **more, **SMALL)
    film = prepare(replace(still, camera="push,cuts"), known=known)
    plain = list(prepare(still, known=known))
    frames = list(film)
    assert film.camera is not None and film.camera.zoom > 1.03
    assert len(frames) == film.made.frames == len(plain) and {one.shape for one in frames} == {plain[0].shape}
    assert np.abs(frames[-1].astype(int) - plain[-1]).mean() > 0.5
    again = Camera(film.camera.boxes[-1:], film.camera.size)
    enlarged = next(again.look([plain[-1]]))
    assert np.abs(frames[-1].astype(int) - enlarged).mean() < 6


def test_a_camera_without_room_is_told() -> None:
    listener, song = Listener(), Song(Path("a.wav"), np.zeros(round(16_000 * SECONDS), np.float32))
    request = Request(Path("a.wav"), Path("me.png"), size=64, camera="follow,shake")
    assert make_camera(request, [dancer(320, 0, 460)], FRAME, song, GRID, listener) is None
    assert len([note for note in listener.notes if "no room to move" in note]) == 1
    assert make_camera(request, [dancer()], FRAME, song, GRID, listener) is not None
    assert make_camera(replace(request, camera="still"), [dancer()], FRAME, song, GRID, listener) is None


@pytest.mark.parametrize(
    ("camera", "said"),
    [
        ("zoom", "--camera must be some of still, push, follow, cuts, shake, joined by commas, not 'zoom'"),
        ("push,", "not ''"),
        ("still,push", "--camera still does not go with other moves"),
    ],
)
def test_cameras_that_cannot_be(camera: str, said: str) -> None:
    with pytest.raises(DancegenError) as caught:
        Request(Path("a.wav"), Path("me.png"), camera=camera)
    assert said in str(caught.value)
    assert Request(Path("a.wav"), Path("me.png"), camera="shake,push").moves == ("push", "shake")
