"""The dance on the subject's own body."""

from __future__ import annotations

import numpy as np
import pytest

from dancegen.body.joints import (
    FACE_JOINTS,
    L_ANKLE,
    L_EAR,
    L_ELBOW,
    L_HIP,
    L_KNEE,
    L_SHOULDER,
    L_WRIST,
    MIRROR,
    NECK,
    NOSE,
    R_ANKLE,
    R_EAR,
    R_ELBOW,
    R_HIP,
    R_KNEE,
    R_SHOULDER,
    R_WRIST,
    V,
    mid_hip,
)
from dancegen.body.proportions import PAIRED, measure
from dancegen.body.retarget import retarget
from dancegen.body.sequence import SkeletonSequence
from dancegen.errors import DancegenError

SIZE = (640, 800)
ANKLES = (R_ANKLE, L_ANKLE)


def standing(x: float = 320, ground: float = 700, height: float = 500) -> np.ndarray:
    """A person who stands facing us, arms a little away from the body: (V, 2) pixels."""
    pose = np.zeros((V, 2))
    half = {
        NECK: (0, -0.80), NOSE: (0, -0.90), 14: (-0.02, -0.92), 16: (-0.045, -0.91),
        R_SHOULDER: (-0.10, -0.79), R_ELBOW: (-0.16, -0.63), R_WRIST: (-0.20, -0.50),
        R_HIP: (-0.06, -0.50), R_KNEE: (-0.07, -0.26), R_ANKLE: (-0.08, -0.04),
    }  # fmt: skip
    for joint, place in half.items():
        pose[joint] = place
        if MIRROR[joint] != joint:
            pose[MIRROR[joint]] = (-place[0], place[1])
    return pose * height + (x, ground + 0.04 * height)


def dancing(
    seconds: float = 4, fps: float = 30, travel: float = 0.3, jump: float = 0.0, seed: int = 0
) -> SkeletonSequence:
    """A canonical dance: limbs of constant length that swing in 3D, hips that travel, a jump in the middle."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * fps)) / fps  # (T,)

    def swing(size: float) -> np.ndarray:
        speed, phase = rng.uniform(0.5, 1.5), rng.uniform(0, 6)
        return size * np.sin(2 * np.pi * speed * time + phase)

    def direction(side: np.ndarray, front: np.ndarray, down: float = 1.0) -> np.ndarray:
        x, z = np.sin(side), np.sin(front) * np.cos(side)
        return np.stack([x, down * np.sqrt(np.maximum(1 - x**2 - z**2, 0)), z], axis=-1)

    joints = np.zeros((len(time), V, 3))
    turn = swing(0.4)
    across = np.stack([np.cos(turn), 0 * turn, np.sin(turn)], axis=-1)
    joints[:, R_HIP], joints[:, L_HIP] = -0.06 * across, 0.06 * across
    joints[:, NECK] = 0.295 * direction(swing(0.15), swing(0.15), -1)
    joints[:, R_SHOULDER], joints[:, L_SHOULDER] = joints[:, NECK] - 0.1 * across, joints[:, NECK] + 0.1 * across
    for shoulder, elbow, wrist in ((R_SHOULDER, R_ELBOW, R_WRIST), (L_SHOULDER, L_ELBOW, L_WRIST)):
        joints[:, elbow] = joints[:, shoulder] + 0.175 * direction(swing(1.2), swing(0.8))
        joints[:, wrist] = joints[:, elbow] + 0.135 * direction(swing(1.3), swing(1.0), -1)
    for hip, knee, ankle in ((R_HIP, R_KNEE, R_ANKLE), (L_HIP, L_KNEE, L_ANKLE)):
        joints[:, knee] = joints[:, hip] + 0.245 * direction(swing(0.3), swing(0.4))
        joints[:, ankle] = joints[:, knee] + 0.22 * direction(swing(0.2), swing(0.3))
    head = direction(swing(0.2), swing(0.2), -1)
    joints[:, FACE_JOINTS] = (joints[:, NECK] + 0.11 * head)[:, None]
    for joint, side in ((R_EAR, -0.045), (L_EAR, 0.045), (14, -0.02), (15, 0.02)):
        joints[:, joint] += side * across
    joints[:, NOSE, 2] -= 0.04
    joints[..., 1] -= joints[..., 1].max(axis=1, keepdims=True) + 0.04
    joints[..., 0] += (travel * np.sin(2 * np.pi * time / seconds))[:, None]
    middle = np.abs(time - seconds / 2) < 0.25
    joints[middle, :, 1] -= jump
    return SkeletonSequence(joints, fps)


def lengths(joints: np.ndarray, bone: tuple[int, int]) -> np.ndarray:
    return np.linalg.norm(joints[:, bone[1]] - joints[:, bone[0]], axis=-1)


@pytest.mark.parametrize("size", [SIZE, (400, 760), (2000, 760)])
def test_limbs_keep_the_subjects_lengths(size: tuple[int, int]) -> None:
    subject = standing(x=size[0] / 2, ground=700)
    danced = retarget(dancing(), subject, np.ones(V), size).joints.astype(float)
    body = measure(subject, np.ones(V))
    for name, bones in PAIRED.items():
        for bone in bones:
            assert np.allclose(lengths(danced, bone), body.lengths[name], rtol=0.01), name
    assert np.allclose(np.linalg.norm(danced[:, NECK] - mid_hip(danced), axis=-1), body.lengths["torso"], rtol=0.01)


def test_long_arms_of_a_cartoon_stay_long_and_short_legs_short() -> None:
    subject = standing()
    for elbow, wrist, shoulder in ((R_ELBOW, R_WRIST, R_SHOULDER), (L_ELBOW, L_WRIST, L_SHOULDER)):
        subject[wrist] += 0.6 * (subject[wrist] - subject[elbow])
        move = 0.6 * (subject[elbow] - subject[shoulder])
        subject[[elbow, wrist]] += move
    for hip, knee, ankle in ((R_HIP, R_KNEE, R_ANKLE), (L_HIP, L_KNEE, L_ANKLE)):
        subject[ankle] -= 0.6 * (subject[ankle] - subject[knee])
        subject[[knee, ankle]] -= 0.6 * (subject[knee] - subject[hip])
    danced = retarget(dancing(travel=0), subject, np.ones(V), (2000, 2000)).joints.astype(float)
    for bone in (*PAIRED["upper_arm"], *PAIRED["forearm"], *PAIRED["thigh"], *PAIRED["shin"]):
        own = np.linalg.norm(subject[bone[1]] - subject[bone[0]])
        assert np.allclose(lengths(danced, bone), own, rtol=0.15), bone


def test_an_arm_that_points_at_the_camera_is_as_long_as_the_other() -> None:
    subject = standing()
    true = np.linalg.norm(subject[R_WRIST] - subject[R_ELBOW])
    subject[R_ELBOW] = subject[R_SHOULDER] + (2, 5)
    subject[R_WRIST] = subject[R_ELBOW] + (1, 3)
    danced = retarget(dancing(), subject, np.ones(V), SIZE).joints.astype(float)
    assert np.allclose(lengths(danced, (R_ELBOW, R_WRIST)), true, rtol=0.02)


def test_a_sitting_subject_gets_whole_thighs() -> None:
    subject = standing()
    true = np.linalg.norm(subject[R_KNEE] - subject[R_HIP])
    for hip, knee, ankle in ((R_HIP, R_KNEE, R_ANKLE), (L_HIP, L_KNEE, L_ANKLE)):
        subject[[knee, ankle]] -= 0.8 * (subject[knee] - subject[hip])
    assert measure(subject, np.ones(V)).lengths["thigh"] > 0.8 * true


@pytest.mark.parametrize("x", [60, 160, 320, 560])
@pytest.mark.parametrize("travel", [0.0, 0.4, 2.0])
def test_everything_stays_inside(x: float, travel: float) -> None:
    danced = retarget(dancing(travel=travel, jump=0.3), standing(x=x), np.ones(V), SIZE).joints
    assert danced[..., 0].min() >= 0
    assert danced[..., 0].max() <= SIZE[0] - 1
    assert danced[..., 1].min() >= 0
    assert danced[..., 1].max() <= SIZE[1] - 1


@pytest.mark.parametrize("width", [210, 260, 320])
def test_a_narrow_picture_folds_the_arms_and_keeps_the_head(width: int) -> None:
    subject = standing(x=width / 2, ground=560)
    danced = retarget(dancing(travel=1.0), subject, np.ones(V), (width, 600)).joints
    assert danced[..., 0].min() >= 0
    assert danced[..., 0].max() <= width - 1
    assert np.allclose(lengths(danced[..., :2], (NECK, NOSE)), lengths(danced[..., :2], (NECK, NOSE)).mean(), rtol=0.2)


def test_the_lower_foot_stands_on_the_subjects_ground() -> None:
    danced = retarget(dancing(), standing(ground=700), np.ones(V), SIZE).joints
    assert np.allclose(danced[:, ANKLES, 1].max(axis=1), 700, atol=2)


def test_jumps_are_kept_in_proportion() -> None:
    subject = standing(ground=1400)
    danced = retarget(dancing(jump=0.1), subject, np.ones(V), (1000, 1500)).joints
    lowest = danced[..., 1].max(axis=1)
    assert 1400 - lowest.min() == pytest.approx(0.1 * 500, rel=0.15)
    assert np.median(lowest) == pytest.approx(1400, abs=2)


def test_a_jump_is_lower_where_the_head_would_leave() -> None:
    subject = standing(ground=560)
    danced = retarget(dancing(jump=0.5), subject, np.ones(V), (900, 600)).joints
    assert danced[:, FACE_JOINTS, 1].min() >= 0
    assert danced[..., 1].max() == pytest.approx(560, abs=2)


def test_a_crouching_subject_dances_with_bent_knees_where_the_picture_is_low() -> None:
    subject = standing(ground=560, height=500)
    subject[[R_ANKLE, L_ANKLE]] -= (0, 160)
    subject[[R_KNEE, L_KNEE]] += np.array([(-60, -60), (60, -60)])
    subject[:, 1] -= 60
    size = (900, 420)
    danced = retarget(dancing(), subject, np.ones(V), size).joints
    assert danced[:, FACE_JOINTS, 1].min() >= 0
    nose = lengths(danced[..., :2], (NECK, NOSE))
    assert nose.min() > 0.7 * np.linalg.norm(subject[NOSE] - subject[NECK]), "the head is not squashed"


def test_somebody_drawn_in_a_leap_is_made_smaller_where_they_do_not_fit_at_all() -> None:
    subject = standing(x=450, ground=500, height=500)
    for hip, knee, ankle, side in ((R_HIP, R_KNEE, R_ANKLE, -1), (L_HIP, L_KNEE, L_ANKLE, 1)):
        subject[knee], subject[ankle] = subject[hip] + (side * 190, 20), subject[hip] + (side * 380, 40)
    subject[:, 1] -= subject[[R_ANKLE, L_ANKLE], 1].max() - 280
    danced = retarget(dancing(), subject, np.ones(V), (900, 300)).joints
    assert danced[:, FACE_JOINTS, 1].min() >= 0
    assert danced[..., 1].max() <= 299


def test_a_knee_found_at_the_other_leg_does_not_make_legs_of_stilts() -> None:
    subject = standing()
    usual = measure(subject, np.ones(V)).lengths
    subject[[L_KNEE, L_ANKLE]] += ((-40, 0), (380, 0))  # the shin seems to cross half the picture
    found = measure(subject, np.ones(V)).lengths
    assert found["thigh"] + found["shin"] < 1.5 * (usual["thigh"] + usual["shin"])


def test_travel_is_full_where_there_is_room_and_less_where_not() -> None:
    def path(width: int) -> float:
        danced = retarget(dancing(travel=0.5), standing(x=width / 2), np.ones(V), (width, 800)).joints
        return float(np.ptp(mid_hip(danced)[:, 0]))

    assert path(3000) == pytest.approx(0.5 * 2 * 500, rel=0.15)
    assert path(700) < 0.6 * path(3000)


def test_the_dance_happens_where_the_subject_stands() -> None:
    for x in (300, 800, 1300):
        danced = retarget(dancing(travel=0.2), standing(x=x), np.ones(V), (1600, 800)).joints
        assert np.median(mid_hip(danced)[:, 0]) == pytest.approx(x, abs=60)


def test_nothing_pops() -> None:
    dance = dancing(seconds=8, travel=1.5)
    danced = retarget(dance, standing(x=100), np.ones(V), SIZE).joints[..., :2] / 500
    jerk = np.abs(np.diff(danced, 2, axis=0)).max()
    assert jerk < 2.5 * np.abs(np.diff(dance.joints[..., :2], 2, axis=0)).max()


def test_own_standing_pose_comes_back() -> None:
    subject = standing()
    dance = np.zeros((10, V, 3))
    dance[..., :2] = (subject - (320, 720)) / 500
    dance[:, NOSE, 2] = -0.01
    danced = retarget(SkeletonSequence(dance, 30), subject, np.ones(V), SIZE).joints
    assert np.abs(danced[5, :14, :2] - subject[:14]).max() < 12


def test_scales_with_the_picture() -> None:
    small = retarget(dancing(), standing(), np.ones(V), SIZE).joints
    large = retarget(dancing(), 2 * standing(), np.ones(V), (1280, 1600)).joints
    assert np.allclose(large, 2 * small, atol=3)


def test_joints_not_in_the_picture_are_placed_but_not_shown() -> None:
    confidence = np.ones(V)
    confidence[[R_KNEE, L_KNEE, R_ANKLE, L_ANKLE]] = 0
    subject = standing(ground=1000)
    subject[[R_KNEE, L_KNEE, R_ANKLE, L_ANKLE]] = np.nan
    danced = retarget(dancing(), np.where(np.isnan(subject), 0, subject), confidence, SIZE)
    assert np.isfinite(danced.joints).all()
    assert (danced.confidence[:, [R_KNEE, L_ANKLE]] == 0).all()
    assert (danced.confidence[:, [NECK, R_WRIST]] == 1).all()
    hips = np.median(mid_hip(danced.joints)[:, 1])
    assert hips == pytest.approx(mid_hip(subject)[1], abs=0.06 * 500), "hips stay about where they are in the picture"


def test_a_dance_without_depth_keeps_its_shortening() -> None:
    dance = dancing()
    flat = dance.joints.copy()
    flat[..., 2] = 0
    danced = retarget(SkeletonSequence(flat, 30), standing(), np.ones(V), (3000, 800)).joints
    assert not danced[..., 2].any()
    own = lengths(flat, (R_SHOULDER, R_ELBOW))
    got = lengths(danced, (R_SHOULDER, R_ELBOW))
    assert np.corrcoef(own, got)[0, 1] > 0.98
    assert got.max() == pytest.approx(measure(standing(), np.ones(V)).lengths["upper_arm"], rel=0.02)


def test_a_subject_seen_from_behind_is_not_twisted() -> None:
    behind = standing()[list(MIRROR)]
    danced = retarget(dancing(), behind, np.ones(V), SIZE).joints
    assert (danced[:, R_SHOULDER, 0] > danced[:, L_SHOULDER, 0]).all()
    assert (danced[:, R_HIP, 0] > danced[:, L_HIP, 0]).all()


def test_the_face_is_the_subjects_own() -> None:
    subject = standing()
    subject[NOSE] += (6, 4)
    danced = retarget(dancing(), subject, np.ones(V), SIZE).joints
    own = np.linalg.norm(subject[[14, 15]] - subject[NOSE], axis=-1)
    got = np.linalg.norm(danced[:, [14, 15], :2] - danced[:, NOSE, None, :2], axis=-1)
    assert np.allclose(got.mean(axis=0), own, rtol=0.35)
    ears = lengths(danced[..., :2], (R_EAR, L_EAR))
    assert ears.std() / ears.mean() < 0.1, "a flat face turns only a little"


def test_confidence_of_the_dance_is_kept() -> None:
    dance = dancing()
    seen = np.ones((len(dance), V), np.float32)
    seen[10:20, R_WRIST] = 0
    danced = retarget(SkeletonSequence(dance.joints, 30, seen), standing(), np.ones(V), SIZE)
    assert (danced.confidence[10:20, R_WRIST] == 0).all()
    assert (danced.confidence[:10] == 1).all()


def test_a_pose_without_a_torso_is_refused() -> None:
    confidence = np.zeros(V)
    confidence[list(FACE_JOINTS)] = 1
    with pytest.raises(DancegenError, match="torso"):
        retarget(dancing(), standing(), confidence, SIZE)


def test_one_pose_is_enough() -> None:
    danced = retarget(SkeletonSequence(dancing().joints[:1], 30), standing(), np.ones(V), SIZE)
    assert danced.joints.shape == (1, V, 3)


def test_arms_without_length_get_usual_ones() -> None:
    subject = standing()
    for shoulder, elbow, wrist in ((R_SHOULDER, R_ELBOW, R_WRIST), (L_SHOULDER, L_ELBOW, L_WRIST)):
        subject[elbow], subject[wrist] = subject[shoulder], subject[shoulder] + (3, 3)
    usual, found = measure(standing(), np.ones(V)).lengths, measure(subject, np.ones(V)).lengths
    assert all(0.6 * usual[name] < found[name] < usual[name] for name in ("upper_arm", "forearm"))
