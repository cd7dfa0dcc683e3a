"""Where training poses come from: dance clips, and still poses as people take them in pictures.

Poses are (18, 3), y up, facing +z, one body height = 1 for the still ones, metres for the dances.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dancegen.lab.synthetic.posing import about

VALIDATION_CLIPS = ("DANCE_C_4", "DANCE_R_2", "DANCE_W_24")  # the shared data's split, by song
FLOOR_WINDOW = 30  # frames each way: some clips drift in height
RUN_STEP = 2  # frames of the 30 Hz capture between the poses of a run: 1/15 s
FACING_LIMIT = np.radians(35)
TURNED_LIMIT = np.pi  # for sets in which people may also turn their side or their back
UPPER_ARM, FOREARM, THIGH, SHIN = 0.165, 0.145, 0.245, 0.235
SHOULDER, HIP, HIP_HEIGHT, NECK_HEIGHT = 0.105, 0.055, 0.53, 0.82
CALM_ARMS: tuple[str, ...] = ("relaxed",) * 3 + ("close",) * 2
CALM_ARMS += ("a", "hips", "crossed", "front", "back", "pocket", "t", "y", "wave", "head")
LIVELY_ARMS = ("t", "y", "free", "free", "free", "head", "over", "front", "hips")
EXERCISE_ARMS = ("clasp", "clasp", "clasp", "reach", "bar", "bar", "front", "hips", "over", "t", "free")
HEAD = np.array([[0, 0.06, 0.065], [0.017, 0.08, 0.05], [0.043, 0.07, 0]])  # nose, eye, ear from the neck; left side


@dataclass(frozen=True)
class Target:
    """A pose to take: joints (18, 3) and the height of a standing ankle in the same unit."""

    joints: np.ndarray
    floor: float


def load_clips(folder: Path, validation: bool) -> list[np.ndarray]:
    """The (T, 18, 3) float64 joints of every dance clip of the split under `folder` (m2d and choreonet)."""
    paths = [path for path in sorted(folder.glob("*/*.npz")) if (path.stem in VALIDATION_CLIPS) == validation]
    # Waltz in closed hold is most of m2d: the livelier takes count twice.
    paths += [path for path in paths if "_W_" not in path.stem]
    clips = []
    for path in paths:
        with np.load(path) as file:
            clips.append(file["joints"].astype(np.float64))
    return clips


def dance_run(clip: np.ndarray, count: int, rng: np.random.Generator, limit: float = FACING_LIMIT) -> list[Target]:
    """`count` poses of a clip, 1/15 s apart, turned so that the middle one faces the camera within `limit`."""
    start = int(rng.integers(0, len(clip) - RUN_STEP * count))
    frames = clip[start : start + RUN_STEP * count : RUN_STEP]  # (count, 18, 3)
    low = clip[max(0, start - FLOOR_WINDOW) : start + FLOOR_WINDOW, [10, 13], 1].min()
    facing = _facing(16, limit, rng)
    turn = about(np.array([0, 1.0, 0]), facing - _heading(frames[count // 2]))
    centre = _mid_hip(frames[count // 2]) * [1, 0, 1]
    head = _head_turn(rng) if rng.random() < 0.7 else None  # m2d's captured heads often look up
    turned = (frames - centre) @ turn.T
    return [Target(_with_head(joints, head) if head is not None else joints, float(low)) for joints in turned]


def still_pose(rng: np.random.Generator, lively: bool = False, limit: float = FACING_LIMIT) -> Target:
    """A pose as in a photo: standing, hands on hips, arms crossed, A, T and Y poses, steps, lunges, squats.

    Where people may turn far, they also leap, and exercise: deep squats and lunges that lean, hands clasped, ahead, on
    a bar.

    Args:
        rng: the scene's random numbers.
        lively: arms and legs anywhere, rather than mostly at rest.
        limit: the largest angle from the camera, radians.
    """
    joints = np.zeros((18, 3))
    joints[8], joints[11] = [-HIP, HIP_HEIGHT, 0], [HIP, HIP_HEIGHT, 0]
    legs = _legs(joints, rng, lively, leaping=limit > FACING_LIMIT)
    spread = 20 if lively else 6
    bend = rng.normal(0, np.radians([spread * 0.6, spread * 0.5, spread * 0.5]))
    exercise = limit > FACING_LIMIT and bool(rng.random() < 0.5)
    if exercise:
        forward = rng.uniform(0, 50) if legs in ("squat", "kneel", "bent") else rng.uniform(-5, 15)
        bend += np.radians([forward, 0, rng.choice([0, 0, rng.normal(0, 30)])])
    torso = _euler(bend)
    middle = _mid_hip(joints)
    joints[1] = middle + torso @ [0, NECK_HEIGHT - HIP_HEIGHT, 0]
    for side, shoulder in ((-1, 2), (1, 5)):
        joints[shoulder] = joints[1] + torso @ [side * SHOULDER, 0, 0]
    _arms(joints, torso, rng, EXERCISE_ARMS if exercise else LIVELY_ARMS if lively else CALM_ARMS)
    head = _head_turn(rng)
    joints = _with_head(joints, head)
    joints = joints @ about(np.array([0, 1.0, 0]), _facing(18 if lively else 12, limit, rng)).T
    return Target(joints, float(joints[[10, 13], 1].min()))


def still_run(count: int, rng: np.random.Generator, limit: float = FACING_LIMIT) -> list[Target]:
    """`count` poses on the way from one lively still pose to another."""
    first, second = still_pose(rng, True), still_pose(rng, True)
    start, step = rng.uniform(0.1, 0.6), rng.uniform(0.04, 0.15)
    shares = start + step * np.arange(count)
    turn = about(np.array([0, 1.0, 0]), _facing(0, limit, rng)) if limit > FACING_LIMIT else np.eye(3)
    # Straight lines between joints shorten limbs a little; the rig only takes their directions.
    mixed = [((1 - s) * first.joints + s * second.joints, (1 - s) * first.floor + s * second.floor) for s in shares]
    return [Target(joints @ turn.T, floor) for joints, floor in mixed]


def _facing(spread: float, limit: float, rng: np.random.Generator) -> float:
    """An angle about y: `spread` degrees of standard deviation, or anywhere where the limit is wide."""
    if limit > FACING_LIMIT:
        return float(rng.uniform(-limit, limit))
    return float(np.clip(rng.normal(0, np.radians(spread)), -limit, limit))


def _legs(joints: np.ndarray, rng: np.random.Generator, lively: bool, leaping: bool) -> str:
    """Puts knees and ankles; returns the kind of stance."""
    kinds = ["stand", "stand", "wide", "together", "crossed", "bent", "walk"]
    wild = ["lunge", "kneel", "squat", "kick", "wide", "walk", *(["leap", "leap"] if leaping else [])]
    kind = str(rng.choice(wild if lively and rng.random() < 0.75 else kinds))
    lead = int(rng.integers(2))
    for which, (side, hip) in enumerate(((-1, 8), (1, 11))):
        first = which == lead
        out, ahead, knee = rng.uniform(1, 5), rng.normal(0, 2), rng.uniform(0, 6)  # degrees
        if kind == "wide":
            out = rng.uniform(8, 28)
        elif kind == "together":
            out = rng.uniform(-3, 0)
        elif kind == "crossed":
            out, ahead = rng.uniform(-12, -6), (8 if first else -6) + rng.normal(0, 2)
        elif kind == "bent" and first:
            out, ahead, knee = rng.uniform(3, 12), rng.uniform(10, 25), rng.uniform(15, 40)
        elif kind == "walk":
            ahead, knee = (
                (rng.uniform(10, 30), rng.uniform(0, 15)) if first else (-rng.uniform(5, 25), rng.uniform(5, 40))
            )
        elif kind == "lunge":
            out, knee = (
                (rng.uniform(45, 80), rng.uniform(40, 85)) if first else (rng.uniform(25, 45), rng.uniform(0, 10))
            )
        elif kind == "kneel":  # one foot far in front, the other knee near the floor
            out = rng.uniform(0, 15)
            ahead, knee = (
                (rng.uniform(40, 95), rng.uniform(40, 110)) if first else (-rng.uniform(-5, 45), rng.uniform(15, 95))
            )
        elif kind == "squat":
            out, ahead, knee = rng.uniform(5, 30), rng.uniform(25, 80), rng.uniform(50, 115)
        elif kind == "kick" and first:
            out, ahead, knee = rng.uniform(0, 60), rng.uniform(20, 80), rng.uniform(0, 90)
        elif kind == "leap":
            out = rng.uniform(0, 35)
            ahead, knee = (
                (rng.uniform(20, 100), rng.uniform(0, 110)) if first else (-rng.uniform(0, 65), rng.uniform(0, 120))
            )
        sideways = kind == "lunge"
        thigh = _direction(out, ahead, side)
        shin = _direction(out - knee, ahead, side) if sideways else _direction(out * 0.6, ahead - knee, side)
        joints[hip + 1] = joints[hip] + THIGH * thigh
        joints[hip + 2] = joints[hip + 1] + SHIN * shin
    return kind


def _arms(joints: np.ndarray, torso: np.ndarray, rng: np.random.Generator, kinds: tuple[str, ...]) -> None:
    both = str(rng.choice(kinds))
    for side, shoulder in ((-1, 2), (1, 5)):
        kind = both if rng.random() < 0.75 else str(rng.choice(kinds))
        target = _hand_target(kind, side, rng)
        start = joints[shoulder]
        if target is not None:
            wrist = joints[1] + torso @ (np.array(target) + rng.normal(0, 0.012, 3))
            back = np.array([side * 0.8, -0.5, -0.6 if kind not in ("front",) else -0.2])
            if kind in ("head", "over"):
                back = np.array([side * 1.0, 0.1, 0.0])
            elif kind in ("clasp", "reach"):
                back = np.array([side * 1.0, rng.uniform(-0.8, 0.2), 0.0])
            elif kind == "bar":
                back = np.array([side * 0.3, -1.0, rng.uniform(-0.5, 0.5)])
            joints[shoulder + 1], joints[shoulder + 2] = _reach(start, wrist, torso @ back)
            continue
        upper, lower = _arm_directions(kind, side, rng)
        joints[shoulder + 1] = start + UPPER_ARM * (torso @ upper)
        joints[shoulder + 2] = joints[shoulder + 1] + FOREARM * (torso @ lower)


def _hand_target(kind: str, side: int, rng: np.random.Generator) -> tuple[float, float, float] | None:
    """Where the wrist goes, from the neck in the torso's axes, for poses that are made by the hand's place."""
    exercise = {  # drawn first: other kinds then take the numbers they always took
        "clasp": lambda: (side * 0.02, rng.uniform(-0.17, 0.0), rng.uniform(0.13, 0.29)),
        "reach": lambda: (side * rng.uniform(0.02, 0.14), rng.uniform(-0.15, 0.05), rng.uniform(0.25, 0.31)),
        "bar": lambda: (side * rng.uniform(0.12, 0.24), rng.uniform(-0.04, 0.08), rng.uniform(-0.06, 0.06)),
    }
    if kind in exercise:
        return exercise[kind]()
    places = {
        "hips": (side * 0.10, -0.25, 0.0),
        "crossed": (-side * 0.08, -0.14 + 0.02 * side, 0.12),
        "front": (side * 0.02, rng.uniform(-0.32, -0.12), 0.12),
        "back": (side * 0.03, -0.27, -0.10),
        "pocket": (side * 0.10, -0.31, 0.03),
        "wave": (side * 0.22, 0.12, 0.08),
        "head": (side * 0.09, rng.uniform(0.02, 0.12), rng.uniform(-0.03, 0.06)),
        "over": (side * rng.uniform(0, 0.05), rng.uniform(0.16, 0.27), 0.0),
    }
    return places.get(kind)


def _arm_directions(kind: str, side: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Upper arm and forearm, unit vectors in the torso's axes."""
    if kind == "free":
        upper = _spread(rng.uniform(15, 165), rng.uniform(-20, 75), side)
        lower = upper + 1.1 * rng.normal(0, 0.7, 3) + [0, 0, 0.3]
        return upper, lower / np.linalg.norm(lower)
    spreads = {"relaxed": (6, 20), "close": (2, 6), "a": (28, 52), "t": (75, 102), "y": (120, 165)}
    low, high = spreads[kind]
    out = rng.uniform(low, high)
    ahead = rng.uniform(-5, 20) if kind == "relaxed" else rng.normal(0, 6)
    bend = rng.uniform(-8, 4) if kind in ("close", "relaxed") else rng.normal(0, 8)
    upper = _spread(out, ahead, side)
    lower = _spread(out + bend, ahead + (rng.uniform(5, 50) if kind == "relaxed" else 5), side)
    return upper, lower


def _direction(out: float, ahead: float, side: int) -> np.ndarray:
    """A leg's direction: `out` degrees to its side, then `ahead` degrees forward, from hanging down."""
    down = np.array([side * np.sin(np.radians(out)), -np.cos(np.radians(out)), 0.0])
    return about(np.array([1.0, 0, 0]), -np.radians(ahead)) @ down


def _spread(elevation: float, forward: float, side: int) -> np.ndarray:
    """An arm's direction: `elevation` degrees from hanging down, in a plane turned `forward` degrees to the front."""
    e, f = np.radians(elevation), np.radians(forward)
    return np.array([side * np.sin(e) * np.cos(f), -np.cos(e), np.sin(e) * np.sin(f)])


def _reach(shoulder: np.ndarray, wrist: np.ndarray, hint: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Elbow and wrist of an arm that reaches for `wrist`, the elbow towards `hint`."""
    line = wrist - shoulder
    far = float(np.linalg.norm(line))
    reach = min(far, 0.98 * (UPPER_ARM + FOREARM))
    line = line / (far + 1e-9)
    along = (UPPER_ARM**2 - FOREARM**2 + reach**2) / (2 * reach + 1e-9)
    off = np.sqrt(max(0.0, UPPER_ARM**2 - along**2))
    side = hint - line * (hint @ line)
    return shoulder + along * line + off * side / (np.linalg.norm(side) + 1e-9), shoulder + reach * line


def _euler(angles: np.ndarray) -> np.ndarray:
    return (
        about(np.array([0, 1.0, 0]), angles[1])
        @ about(np.array([1.0, 0, 0]), angles[0])
        @ about(np.array([0, 0, 1.0]), angles[2])
    )


def _head_turn(rng: np.random.Generator) -> np.ndarray:
    return _euler(np.clip(rng.normal([0.03, 0, 0], np.radians([8, 14, 5])), -0.7, 0.7))


def _with_head(joints: np.ndarray, turn: np.ndarray) -> np.ndarray:
    """The pose with its face put on anew, turned by `turn` against the chest."""
    up = joints[1] - _mid_hip(joints)
    across = joints[5] - joints[2]
    first = across / (np.linalg.norm(across) + 1e-9)
    third = np.cross(first, up)
    third /= np.linalg.norm(third) + 1e-9
    chest = np.stack([first, np.cross(third, first), third], axis=1)
    height = float(np.linalg.norm(up)) / (NECK_HEIGHT - HIP_HEIGHT)
    mirror = np.array([-1.0, 1, 1])
    places = np.stack([HEAD[0], HEAD[1] * mirror, HEAD[1], HEAD[2] * mirror, HEAD[2]])  # nose, eyes, ears
    joints = joints.copy()
    joints[[0, 14, 15, 16, 17]] = joints[1] + height * places @ (chest @ turn).T
    return joints


def _mid_hip(joints: np.ndarray) -> np.ndarray:
    return (joints[8] + joints[11]) / 2


def _heading(joints: np.ndarray) -> float:
    """The angle about y that the person faces: 0 towards +z."""
    across = (joints[11] - joints[8]) + (joints[5] - joints[2])
    return float(np.arctan2(-across[2], across[0]))
