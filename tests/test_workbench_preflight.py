"""What is said before rendering."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from workbench_tools import STANDING, dance

from dancegen.audio.grid import BeatGrid
from dancegen.body.joints import L_ANKLE, L_ELBOW, L_WRIST, R_ANKLE
from dancegen.body.sequence import SkeletonSequence
from dancegen.images.picture import ConditionalImage
from dancegen.people.located import LocatedBody
from dancegen.production import checks as preflight
from dancegen.production import warnings as warned
from dancegen.production.warnings import LOOK, OK

GRID = BeatGrid(np.arange(0.25, 8, 0.5), 120.0, 0.6)


@pytest.fixture
def subject() -> LocatedBody:
    """A standing person of 400 pixels in a picture of 500 x 500, with a generous outline."""
    image = ConditionalImage(Path("me.png"), np.full((500, 500, 3), 200, np.uint8))
    joints = (STANDING * 400 + (250, 480)).astype(np.float32)
    mask = np.zeros((500, 500), np.float32)
    mask[60:490, 150:350] = 1
    return LocatedBody(image, joints, np.ones(18, np.float32), mask, "test")


def test_a_good_picture_has_nothing_to_say(subject: LocatedBody, tmp_path: Path) -> None:
    checks = preflight.check_all(GRID, [subject], dance(8.0), (512, 512), 240, tmp_path)
    assert {check.verdict for check in checks} == {OK}, [check.line for check in checks]
    assert warned.warnings(GRID, subject, dance(8.0)) == []


def test_what_is_missing_is_named(subject: LocatedBody) -> None:
    confidence = subject.confidence.copy()
    confidence[[R_ANKLE, L_ANKLE]] = 0
    check = preflight.check_body(replace(subject, confidence=confidence))
    assert check.verdict == LOOK and "right ankle, left ankle" in check.found


def test_an_arm_over_the_body_and_one_outside_the_outline(subject: LocatedBody) -> None:
    joints = subject.joints.copy()
    joints[L_ELBOW], joints[L_WRIST] = (262, 240), (248, 210)
    check = warned.check_limbs(replace(subject, joints=joints))
    assert check.verdict == LOOK and "over the body" in check.found and "left forearm" in check.found
    mask = subject.mask.copy()
    mask[:, :205] = 0
    check = warned.check_limbs(replace(subject, mask=mask))
    assert "not in the person's outline: right upper arm, right forearm" in check.found


def test_unsure_limbs_say_what_would_see_them_better(subject: LocatedBody, monkeypatch: pytest.MonkeyPatch) -> None:
    confidence = subject.confidence.copy()
    confidence[L_WRIST] = 0.2
    unsure = replace(subject, confidence=confidence)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())  # all that a detector needs is here
    assert "pip install" not in warned.check_limbs(unsure).remedy
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    line = warned.check_limbs(unsure).line
    assert "hardly seen by the detector: left forearm" in line and "pip install 'dancegen[" in line and "\n" not in line
    assert "pip install" not in warned.check_limbs(subject).line


def test_a_figure_with_more_than_two_arms_and_legs_is_told(subject: LocatedBody) -> None:
    mask = subject.mask.copy()
    mask[250:290, 20:480] = 1  # further arms, spread far aside
    mask[180:220, 20:480] = 1
    check = warned.check_figure(replace(subject, mask=mask))
    assert check.verdict == LOOK and "far from every limb" in check.found and "two arms and two legs" in check.remedy
    assert warned.check_figure(replace(subject, mask=np.zeros_like(mask))).verdict == OK


def test_a_small_person(subject: LocatedBody) -> None:
    tiny = replace(subject, joints=(STANDING * 120 + (250, 480)).astype(np.float32))
    assert warned.check_size(tiny).verdict == LOOK


@pytest.mark.parametrize(("confidence", "verdict"), [(0.0, LOOK), (0.1, LOOK), (0.5, OK)])
def test_beats(confidence: float, verdict: str) -> None:
    assert warned.check_beats(replace(GRID, confidence=confidence)).verdict == verdict


def test_a_dance_that_travels_too_far(subject: LocatedBody) -> None:
    made = dance(8.0)
    walk = np.zeros((240, 18, 3), np.float32)
    walk[..., 0] = np.linspace(-2, 2, 240)[:, None]
    check = warned.check_travel(subject, SkeletonSequence(made.joints + walk, 30))
    assert check.verdict == LOOK and "travels 4.0 body heights" in check.found
    still = made.joints - made.joints[..., :1].mean(axis=1, keepdims=True) * np.array([1, 0, 0], np.float32)
    near = warned.check_travel(subject, SkeletonSequence(still + walk / 45, 30))
    assert near.verdict == OK and near.found.endswith("body heights, the picture has room for that")


def test_the_time_is_measured(subject: LocatedBody) -> None:
    import time

    check = preflight.estimate_time(lambda few: time.sleep(0.01 * len(few)), dance(1.0), 120_000)
    assert check.verdict == LOOK and " min here" in check.found


def test_the_command_looks_and_writes_nothing(
    run_main: Callable, quick: tuple, tiny_weights: Path, beat_song: Path, picture: Path, tmp_path: Path
) -> None:
    check = ("check", beat_song, picture, *quick, "-o", tmp_path / "me.mp4")
    ran = run_main(*check)
    assert ran.status == 0, ran.err
    for said in ("whole body", "all 18 joints", "120 beats a minute", "drawing 20 frames takes about"):
        assert said in ran.out
    assert not list(tmp_path.iterdir())
    file = tmp_path / "a.dance.json"
    dance = ("dance", beat_song, "-o", file, "--duration", 2, "--weights", f"choreographer={tiny_weights}")
    assert run_main(*dance).status == 0
    ran = run_main(*check, "--dance", file)
    assert ran.status == 0 and "drawing 10 frames" in ran.out, ran.err
    for more, said in (
        (("-o", tmp_path / "none" / "me.mp4"), "does not exist"),
        (("--dance", file, "--seed", 2), "--seed does not go with --dance"),
        (("--take", 2), "name the file with --dance"),
    ):
        ran = run_main(*check, *more)
        assert ran.status == 1 and said in ran.err and ran.err.count("\n") == 1, ran.err
