"""Arms of drawings that were found beside their lines, on figures that the test draws itself."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from dancegen.body import joints as J
from dancegen.body.joints import V
from dancegen.people.network.outline import follow_outline, unexplained

SIDE = 300
SHOULDERS, ELBOWS, HANDS = ((135, 130), (165, 130)), ((70, 110), (230, 110)), ((60, 40), (240, 40))


def stick_man() -> tuple[np.ndarray, np.ndarray]:
    """The figure (SIDE, SIDE) bool and its joints (V, 2): arms that leave a long trunk low and are bent upwards."""
    canvas = Image.new("L", (SIDE, SIDE))
    pen = ImageDraw.Draw(canvas)
    pen.ellipse([125, 20, 175, 70], fill=255)
    pen.rectangle([138, 65, 162, 200], fill=255)
    joints = np.tile(np.array([150.0, 45.0]), (V, 1))
    joints[J.NECK] = 150, 80
    for side, (shoulder, hip, knee, ankle) in enumerate(
        ((J.R_SHOULDER, J.R_HIP, J.R_KNEE, J.R_ANKLE), (J.L_SHOULDER, J.L_HIP, J.L_KNEE, J.L_ANKLE))
    ):
        places = SHOULDERS[side], ELBOWS[side], HANDS[side]
        pen.line(places, fill=255, width=6)
        joints[shoulder : shoulder + 3] = places
        way = 10 * (-1) ** (side + 1)
        for joint, down in ((hip, 200), (knee, 240), (ankle, 285)):
            joints[joint] = 150 + way, down
        pen.line([150 + way, 200, 150 + way, 285], fill=255, width=6)
    return np.asarray(canvas) > 0, joints.astype(np.float32)


def test_joints_on_the_figure_stay() -> None:
    figure, joints = stick_man()
    assert np.array_equal(follow_outline(joints, np.ones(V), figure), joints)


def test_an_arm_found_beside_its_line_is_put_on_it() -> None:
    figure, joints = stick_man()
    wrong = joints.copy()
    wrong[J.R_SHOULDER], wrong[J.R_ELBOW] = (143, 85), (62, 48)
    moved = follow_outline(wrong, np.ones(V), figure)
    assert np.linalg.norm(moved[J.R_SHOULDER] - SHOULDERS[0]) < 15
    assert np.linalg.norm(moved[J.R_ELBOW] - ELBOWS[0]) < 20
    others = [joint for joint in range(V) if joint not in (J.R_SHOULDER, J.R_ELBOW)]
    assert np.array_equal(moved[others], wrong[others]), "what is on the figure, and the hand, stay"


def test_a_hand_off_the_figure_and_a_hand_not_seen_say_nothing() -> None:
    figure, joints = stick_man()
    wrong = joints.copy()
    wrong[[J.R_SHOULDER, J.R_ELBOW, J.R_WRIST]] = (143, 85), (80, 85), (10, 200)
    assert np.array_equal(follow_outline(wrong, np.ones(V), figure), wrong)
    sure = np.ones(V)
    sure[J.R_WRIST] = 0
    assert np.array_equal(follow_outline(wrong, sure, figure), wrong)


def test_a_figure_that_is_empty_or_a_point_is_survived() -> None:
    joints = np.zeros((V, 2), np.float32)
    for figure in (np.zeros((3, 5), bool), np.ones((40, 20), bool)):
        assert np.isfinite(follow_outline(joints, np.ones(V), figure)).all()
    assert np.isfinite(follow_outline(joints + np.arange(V)[:, None] * 90, np.ones(V), np.eye(50, dtype=bool))).all()


def test_joints_that_leave_a_part_of_the_figure_out_explain_less_of_it() -> None:
    figure, joints = stick_man()
    wrong = joints.copy()
    wrong[[J.R_KNEE, J.R_ANKLE, J.R_ELBOW, J.R_WRIST]] = wrong[[J.L_KNEE, J.L_ANKLE, J.L_ELBOW, J.L_WRIST]]
    assert unexplained(joints, figure) < 0.02 < unexplained(wrong, figure)
    assert unexplained(joints, np.zeros((4, 4), bool)) == 0
