"""Poses that drawings like and photos seldom show, in the plane of the paper: running, leaping, falling; and standing
with arms and legs spread, as children draw people."""

from __future__ import annotations

import numpy as np

TORSO, SHOULDER, HIP = 0.29, 0.105, 0.055  # body heights
LENGTHS = {"arm": (0.165, 0.145), "leg": (0.245, 0.235)}
CHAINS = ((2, "arm"), (5, "arm"), (8, "leg"), (11, "leg"))
Ranges = tuple[tuple[float, float], ...]
# Degrees from hanging down, and how far the outer part turns further outward, of arms and legs that are spread.
ARMS: Ranges = ((5, 40), (30, 70), (65, 105), (80, 100), (110, 170))
ELBOWS: Ranges = ((0, 0), (-12, 12), (-12, 12), (20, 100), (-70, -20))
LEGS: Ranges = ((0, 8), (4, 16), (10, 35))
KNEES: Ranges = ((0, 0), (-10, 10), (-25, 5))
STEP = 0.05  # of the way from one pose to another between the frames of a run


def random_leaps(rng: np.random.Generator) -> list[tuple[np.ndarray, float]]:
    """Eight poses (18, 2), y down, body height 1, the face left out, each with the way it looks (-1..1).

    0 and 7 are any poses, 1-3 and 4-6 runs, as `random_targets` makes them.
    """
    way = float(rng.choice([-1, 1]))
    depth, look = rng.uniform(0.15, 1.0), way * rng.uniform(0.1, 0.95)
    angles = []
    for count in (1, 3, 3, 1):
        first, other = _angles(rng), _angles(rng)
        angles += [first + STEP * step * (other - first) for step in range(count)]
    return [(_place(pose, way, depth), look) for pose in angles]


def random_stances(rng: np.random.Generator) -> list[tuple[np.ndarray, float]]:
    """Eight poses as `random_leaps`, seen from the front: arms down, out or up, mostly alike, and legs apart."""
    look = float(rng.choice([0.0, rng.uniform(-0.6, 0.6)]))
    angles = []
    for count in (1, 3, 3, 1):
        first, other = _spread(rng), _spread(rng)
        angles += [first + STEP * step * (other - first) for step in range(count)]
    return [(_stand(pose), look) for pose in angles]


def _spread(rng: np.random.Generator) -> np.ndarray:
    """Radians: the torso's lean, then root and bend of R arm, L arm, R leg, L leg; outward from hanging is positive."""
    limbs = []
    for ranges, bends, alike in ((ARMS, ELBOWS, 0.7), (LEGS, KNEES, 0.85)):
        right = _limb_angles(ranges, bends, rng)
        left = right if rng.random() < alike else _limb_angles(ranges, bends, rng)
        limbs += [right + rng.normal(0, 6, 2), left + rng.normal(0, 6, 2)]
    return np.radians(np.concatenate([[rng.normal(0, 4)], *limbs]))


def _limb_angles(ranges: Ranges, bends: Ranges, rng: np.random.Generator) -> np.ndarray:
    root, bend = ranges[int(rng.integers(len(ranges)))], bends[int(rng.integers(len(bends)))]
    return np.array([rng.uniform(*root), rng.uniform(*bend)])


def _stand(angles: np.ndarray) -> np.ndarray:
    """The joints of one pose seen from the front."""
    joints = np.zeros((18, 2))
    up = np.array([np.sin(angles[0]), -np.cos(angles[0])])
    across = np.array([-up[1], up[0]])
    joints[1] = TORSO * up
    for number, (root, kind) in enumerate(CHAINS):
        side = -1 if root in (2, 8) else 1
        joints[root] = (joints[1] + side * SHOULDER * across) if kind == "arm" else side * HIP * across
        angle = angles[1 + 2 * number]
        for step, length in enumerate(LENGTHS[kind]):
            direction = np.array([side * np.sin(angle), np.cos(angle)])
            joints[root + step + 1] = joints[root + step] + length * direction
            angle = angle + angles[2 + 2 * number]
    return joints


def _angles(rng: np.random.Generator) -> np.ndarray:
    """Radians: the torso's lean, then root and bend of R arm, L arm, R leg, L leg; forward is positive."""
    wild = rng.random() < 0.6
    legs = rng.uniform(-80, 100, 2) if wild else rng.uniform(-30, 40, 2)
    bends = rng.choice([0.0, 1.0], 2) * rng.uniform(0, 130 if wild else 50, 2) + rng.uniform(0, 12, 2)
    arms, elbows = rng.uniform(-150, 170, 2), rng.uniform(-10, 120, 2) * rng.choice([0.2, 1.0], 2)
    lean = rng.normal(16, 23)
    order = [lean, arms[0], elbows[0], arms[1], elbows[1], legs[0], -bends[0], legs[1], -bends[1]]
    return np.radians(order)


def _place(angles: np.ndarray, way: float, depth: float) -> np.ndarray:
    """The joints of one pose; `way`: -1 to the left, 1 to the right; `depth`: how wide shoulders and hips are seen."""
    joints = np.zeros((18, 2))
    up = np.array([way * np.sin(angles[0]), -np.cos(angles[0])])
    across = np.array([-up[1], up[0]])
    joints[1] = TORSO * up
    for number, (root, kind) in enumerate(CHAINS):
        side = -1 if root in (2, 8) else 1
        joints[root] = (joints[1] + side * SHOULDER * depth * across) if kind == "arm" else side * HIP * depth * across
        angle = angles[0] * 0.5 + angles[1 + 2 * number]
        for step, length in enumerate(LENGTHS[kind]):
            direction = np.array([way * np.sin(angle), np.cos(angle)])
            joints[root + step + 1] = joints[root + step] + length * direction
            angle = angle + angles[2 + 2 * number]
    return joints
