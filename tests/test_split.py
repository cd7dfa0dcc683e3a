"""Training and validation are apart by choreography: twins are found, leave the training, and count once."""

from __future__ import annotations

import numpy as np
from conftest import shared_data

from dancegen.body.sequence import place_joints
from dancegen.lab.datasets.motion import read_motion
from dancegen.lab.datasets.split import WINDOW, Take, find_twins, is_validation, shares, twin_free_poses


def dance(seed: int, poses: int = 400) -> np.ndarray:
    """Joints (T, 18, 3) that swing at frequencies of their own."""
    rng = np.random.default_rng(seed)
    time = np.arange(poses)[:, None, None] / 30
    swing = rng.normal(0, 0.1, (1, 18, 3)) * np.sin(
        time * rng.uniform(2, 6, (1, 18, 3)) + rng.uniform(0, 6, (1, 18, 3))
    )
    return (rng.normal(0, 0.3, (1, 18, 3)) + swing).astype(np.float32)


def test_a_twin_is_found_wherever_it_begins_and_leaves_the_training() -> None:
    validation = Take("DANCE_C_4", dance(0))
    other = dance(1)
    other[137:260] = validation.joints[91:214] + 0.004  # 123 poses of the same dance
    training = [Take("a", other), Take("b", dance(2))]
    assert all(twin.other == 0 for twin in find_twins([validation], training))
    kept, untouched = twin_free_poses(training, [validation])
    assert not kept[140:257].any() and kept[:110].all() and kept[290:].all()
    assert untouched.all()
    rest = [Take("a", other[260:]), Take("a2", other[:137])]
    assert not find_twins([validation], rest)


def test_twins_in_training_count_once_together() -> None:
    same = dance(3)
    takes = [Take("a", same), Take("b", same + 0.003), Take("c", dance(4))]
    first, second, third = shares(takes)
    middle = slice(WINDOW, -WINDOW)
    assert np.allclose(first[middle] + second[middle], 1) and np.allclose(third, 1)


def test_no_window_of_the_real_training_has_a_twin_in_validation() -> None:
    folder = shared_data("dance", "m2d")
    takes = [
        Take(motion.source, place_joints(motion.directions, np.zeros((len(motion), 2))))
        for path in sorted(folder.glob("DANCE_C_*.npz"))
        for motion in read_motion(path, "cha-cha")
    ]
    validation = [take for take in takes if is_validation(take.name)]
    training = [take for take in takes if not is_validation(take.name)]
    free = twin_free_poses(training, validation)
    assert sum((~part).sum() for part in free) > 0  # there are twins to take out
    cut = []
    for take, part in zip(training, free, strict=True):
        edges = np.flatnonzero(np.diff(np.concatenate([[0], part.astype(int), [0]])))
        cut += [Take(take.name, take.joints[a:b]) for a, b in zip(edges[::2], edges[1::2], strict=True)]
    assert not find_twins(validation, [take for take in cut if len(take.joints) >= WINDOW])
