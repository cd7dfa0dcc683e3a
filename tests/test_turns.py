"""Turns and the amount of a style: from the command line into a dance, its file and what is made of it again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import Listener, Ran
from workbench_tools import dance as swinging

from dancegen import Request, registry
from dancegen.assets.example import POSE
from dancegen.body.joints import BONES, L_SHOULDER, R_SHOULDER, mid_hip
from dancegen.body.sequence import SkeletonSequence, bone_directions
from dancegen.choreographers.finish.facing import LIMIT, turn_directions, yaw
from dancegen.choreographers.finish.turning import flatten
from dancegen.dances.read_dance import read_dance
from dancegen.errors import DancegenError
from dancegen.production.known import Known, read_known
from dancegen.production.produce import prepare
from dancegen.progress import SilentReporter


def test_a_dance_file_keeps_what_was_asked_for(
    run_main: Callable[..., Ran], beat_song: Path, picture: Path, tiny_weights: Path, tmp_path: Path
) -> None:
    weights, file = ("--weights", f"choreographer={tiny_weights}", "--offline"), tmp_path / "a.dance.json"
    ran = run_main("dance", beat_song, "-o", file, *weights, "--turns", 1, "--style", "tango", "--style-amount", 0.25)
    assert ran.status == 0, ran.err
    take = read_dance(file).take(1)
    assert (take.style, take.amount, take.turns) == ("tango", 0.25, 1.0)
    assert take.skeleton.yaw is not None and len(take.skeleton.yaw) == len(take.skeleton)
    flat = tmp_path / "b.dance.json"
    assert run_main("dance", beat_song, "-o", flat, *weights, "--turns", 0).status == 0
    other = read_dance(flat).take(1)
    assert other.skeleton.yaw is None and other.turns == 0 and "style_amount" not in flat.read_text()
    told, _ = read_known(Request(beat_song, picture, dance=file), Known(), SilentReporter())
    assert (told.style, told.style_amount, told.turns) == ("tango", 0.25, 1.0)
    again = ("--redo", 2, "--from", file, "--seed", 5, "-o", tmp_path / "c.dance.json", *weights)
    assert run_main("dance", beat_song, *again).status == 0
    changed = read_dance(tmp_path / "c.dance.json").take(1)
    assert (changed.turns, changed.edits[0].style, changed.edits[0].amount) == (1.0, "tango", 0.25)
    assert not np.array_equal(changed.skeleton.joints, take.skeleton.joints)
    ran = run_main("dance", beat_song, *again, "--turns", 0, "--overwrite")
    assert ran.status == 1 and "--turns does not go with --redo" in ran.err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"style": "moon"}, "there is no dance style 'moon': choose one of auto"),
        (
            {"style": "moon.style.safetensors", "choreographer": "hotdance"},
            "hotdance dances no learnt style, as moon.style.safetensors is: choose one of auto",
        ),
        ({"turns": 0.7}, "--turns must be 0, 0.5 or 1, not 0.7"),
        ({"turns": float("nan")}, "--turns must be 0, 0.5 or 1, not nan"),
        ({"style_amount": 1.2}, "--style-amount must be 0 to 1, not 1.2"),
        ({"dance": Path("d.json"), "turns": 1.0}, "--turns does not go with --dance"),
        ({"dance": Path("d.json"), "style_amount": 0.5}, "--style-amount does not go with --dance"),
    ],
)
def test_what_cannot_be(options: dict[str, float], said: str) -> None:
    with pytest.raises(DancegenError) as caught:
        Request(Path("a.wav"), Path("me.png"), **options)
    assert said in str(caught.value)


def test_a_style_from_a_file_is_told_before_the_song_is_heard(run_main: Callable[..., Ran], beat_song: Path) -> None:
    ran = run_main("dance", beat_song, "--style", "moon.style.safetensors@2-3")
    assert ran.status == 1 and ran.err.count("\n") == 1
    assert "--style moon.style.safetensors: there is no such file" in ran.err


def test_weights_have_roles_and_the_names_of_0_1_0() -> None:
    full = {"choreographer.stg-mamba": "a.safetensors", "renderer.puppet": "puppet", "subject": "b.safetensors"}
    short = {"choreographer": "a.safetensors", "renderer": "puppet", "subject": "b.safetensors"}
    made = [Request(Path("a.wav"), Path("me.png"), weights=weights) for weights in (full, short)]
    assert made[0] == made[1] and made[0].weights == full
    assert set(registry.ALIASES.values()) <= set(registry.weights_roles())


def spinning(seconds: float = 4.0) -> SkeletonSequence:
    """A dance that turns round once, evenly."""
    plain = swinging(seconds)
    angle = np.linspace(0, 2 * np.pi, len(plain))
    middle = mid_hip(plain.joints)[:, None] * (1, 0, 1)
    joints = turn_directions(plain.joints - middle, angle) + middle
    return SkeletonSequence(joints, plain.fps, yaw=-np.degrees(angle))


def test_a_flat_dance_faces_the_camera_without_a_jump_and_without_another_movement() -> None:
    dance = spinning()
    flat, most = flatten(dance)
    assert np.degrees(most) == pytest.approx(180, abs=5)
    angle = yaw(bone_directions(flat.joints))
    assert np.abs(angle).max() <= LIMIT + 1e-3
    assert np.abs(np.diff(angle)).max() < 3 * 2 * np.pi / len(dance)
    assert np.allclose(-np.radians(flat.yaw), angle, atol=0.02)
    for a, b in BONES:  # bones keep their lengths, and everything its height
        lengths = [np.linalg.norm(one.joints[:, a] - one.joints[:, b], axis=-1) for one in (dance, flat)]
        assert np.allclose(*lengths, atol=1e-4)
    assert np.allclose(flat.joints[..., 1], dance.joints[..., 1], atol=1e-5)
    assert np.allclose(mid_hip(flat.joints), mid_hip(dance.joints), atol=1e-4)


def test_a_dance_that_hardly_turns_or_has_no_depth_stays_as_it_is() -> None:
    plain = swinging(2.0)
    assert flatten(plain) == (plain, 0.0)
    keypoints = SkeletonSequence(spinning().joints * (1, 1, 0), 30)  # seen from behind they are no turn
    assert flatten(keypoints) == (keypoints, 0.0)


@pytest.mark.parametrize(
    "renderer", [one for one in registry.names("renderer") if not registry.backend("renderer", one).module]
)
def test_one_dance_file_turned_and_flat(renderer: str, beat_song: Path, picture: Path) -> None:
    """Who shows turns shows the back; who does not is given a dance that faces the camera, and says so once."""
    listener, dance = Listener(), spinning()
    request = Request(beat_song, picture, renderer=renderer, size=64, fps=10, pose=POSE, device="cpu")
    film = prepare(request, listener, known=Known(dance=dance))
    frames = list(film)
    across = film.poses[0].joints[:, L_SHOULDER, 0] - film.poses[0].joints[:, R_SHOULDER, 0]
    told = [note for note in listener.notes if "shows no turns" in note]
    if registry.load("renderer", renderer, None, torch.device("cpu")).shows_turns:
        assert across.min() < -0.5 * across.max() and not told
    else:
        assert across.min() > 0.6 * across.max() and len(told) == 1
    assert np.array_equal(film.made.dance.joints, dance.joints)  # what a report and a file have
    assert len(frames) == film.made.frames and np.ptp(frames, axis=0).max() > 50
