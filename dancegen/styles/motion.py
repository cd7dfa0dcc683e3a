"""Motion capture to canonical dances: turned to the camera, on the floor, bounded travel, one body.

The dancers of the data travel and turn freely. A canonical dance faces the camera within about 35 degrees, stands on
y = 0 and stays near x = 0 (`SkeletonSequence`). The turning that is taken out is kept beside it.

Glossary: T poses at 30 a second, V = 18 joints, L = 17 bones.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from dancegen.body.joints import BONE_MIRROR, L_ANKLE, L_HIP, L_SHOULDER, R_ANKLE, R_HIP, R_SHOULDER
from dancegen.body.sequence import ANKLE_HEIGHT, bone_directions, place_joints
from dancegen.dances.metrics import gaussian_smooth

FPS = 30
HUMAN_HEIGHT = 1.72  # metres, to turn speeds and heights of the capture into body heights
MAX_YAW = np.radians(35.0)
YAW_SMOOTHING = 0.6  # seconds: turns slower than this are taken out of the dance
SPIN = np.radians(80.0)  # per second; a faster slow turn is a spin, whose steps make no sense when it is taken out
MAX_TURN = np.radians(300.0)  # per second; faster is a glitch
TRAVEL_SMOOTHING = 3.0  # seconds: travel slower than this is taken out
MAX_SPEED = 7.0  # metres per second of any joint; faster is a glitch of the capture
MIN_SECONDS = 2.0  # shorter usable stretches are left out


@dataclass(frozen=True)
class Motion:
    """One usable stretch of a performance.

    Attributes:
        directions: (T, L, 3) float32 unit vectors in canonical axes.
        root: (T, 2) float32 mid-hip x and y, body heights.
        style: a name, of `config.STYLES` or another.
        source: the file's name, to split by.
        start: seconds into the file.
        turn: (T,) float32 radians, how far the dancer has slowly turned since the file's first pose, which `directions`
            no longer show; `finish.facing.turn_directions` puts it back. Empty: not known.
    """

    directions: np.ndarray
    root: np.ndarray
    style: str
    source: str
    start: float
    turn: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))

    def __len__(self) -> int:
        return len(self.root)

    @property
    def joints(self) -> np.ndarray:
        """(T, V, 3) canonical."""
        return place_joints(self.directions, self.root)


def mirror_motion(directions: np.ndarray, root: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mirror image: left and right swapped and x negated."""
    flipped = directions[..., list(BONE_MIRROR), :] * np.array([-1, 1, 1], directions.dtype)
    return flipped, root * np.array([-1, 1], root.dtype)


def body_yaw(joints: np.ndarray) -> np.ndarray:
    """The unwrapped angle (T,) of the body's right in the floor plane, radians; y-up axes."""
    right = 0.5 * (joints[:, R_SHOULDER] - joints[:, L_SHOULDER]) + (joints[:, R_HIP] - joints[:, L_HIP])  # (T, 3)
    return np.unwrap(np.arctan2(right[:, 2], right[:, 0]))


def slow_turn(joints: np.ndarray) -> np.ndarray:
    """The turning (T,) float32 that `face_camera` takes out of y-up joints, in radians from the first pose."""
    slow = gaussian_smooth(body_yaw(joints.astype(np.float64)), YAW_SMOOTHING * FPS)
    return (slow - slow[0]).astype(np.float32)


def face_camera(joints: np.ndarray, camera: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Take the slow turning out of y-up joints (T, V, 3); `camera` is where the camera stands beside the front (rad).

    Returns:
        Joints about the mid-hip in canonical axes (T, V, 3), the removed angle (T,), and its rate (T,) per second.
    """
    yaw = body_yaw(joints)
    slow = gaussian_smooth(yaw, YAW_SMOOTHING * FPS)
    kept = MAX_YAW * np.tanh((yaw - slow) / MAX_YAW)
    removed = yaw - np.pi - kept - camera  # the body's right comes to lie at -x
    floor = (joints[..., 0] + 1j * joints[..., 2]) * np.exp(-1j * removed)[:, None]  # (T, V)
    turned = np.stack([floor.real, -joints[..., 1], -floor.imag], axis=-1)  # (T, V, 3)
    return turned, removed, np.gradient(slow) * FPS


def travel(joints: np.ndarray, turned: np.ndarray, body: np.ndarray, removed: np.ndarray) -> np.ndarray:
    """The x of the mid-hip (T,): driven by the standing foot, so that turning and new bone lengths do not slide it."""
    ankles = joints[:, [R_ANKLE, L_ANKLE]]  # (T, 2, 3) y-up metres
    velocity = np.gradient(ankles, 1 / FPS, axis=0)  # (T, 2, 3)
    speed = np.linalg.norm(velocity, axis=-1)  # (T, 2)
    height = ankles[..., 1] - ankles[..., 1].min(axis=1, keepdims=True)
    weight = np.exp(-height / 0.02 - speed / 0.3) + 1e-6
    weight = gaussian_smooth(weight / weight.sum(axis=1, keepdims=True), 1.0)  # (T, 2)
    floor = (velocity[..., 0] + 1j * velocity[..., 2]) * np.exp(-1j * removed)[:, None]
    foot = floor.real / HUMAN_HEIGHT  # (T, 2) the feet's own speed along x
    relative = np.gradient(body[:, [R_ANKLE, L_ANKLE], 0], 1 / FPS, axis=0)  # (T, 2)
    x = np.cumsum(((foot - relative) * weight).sum(axis=1)) / FPS
    return x - gaussian_smooth(x, TRAVEL_SMOOTHING * FPS)


def floor_gap(joints: np.ndarray) -> np.ndarray:
    """How far the lower ankle is above where it stands (T,), metres, free of the capture's floor drift."""
    low = joints[:, [R_ANKLE, L_ANKLE], 1].min(axis=1)  # (T,)
    reach = 3 * FPS
    floor = np.array([np.quantile(low[max(0, i - reach) : i + reach], 0.15) for i in range(0, len(low), 5)])
    floor = np.interp(np.arange(len(low)), np.arange(0, len(low), 5), floor)
    return np.maximum(low - gaussian_smooth(floor, FPS), 0.0)


def to_canonical(
    joints: np.ndarray, camera: float = 0.0, fastest: float = MAX_TURN, quickest: float = MAX_SPEED
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Captured joints (T, V, 3), y up, metres, 30 a second, to directions, root and a mask of usable poses.

    Args:
        joints: (T, V, 3).
        camera: radians by which the camera stands beside the dancer's front.
        fastest: radians per second of slow turning beyond which a pose is not usable.
        quickest: metres per second of a joint, likewise.

    Returns:
        (T, L, 3) float32, (T, 2) float32, (T,) bool.
    """
    joints = gaussian_smooth(joints.astype(np.float64), 0.7)  # float16 steps of up to 1 mm shake at 30 poses a second
    turned, removed, rate = face_camera(joints, camera)
    directions = bone_directions(turned)  # (T, L, 3)
    body = place_joints(directions, np.zeros((len(directions), 2)))  # (T, V, 3)
    x = travel(joints, turned, body, removed)
    ankles = body[:, [R_ANKLE, L_ANKLE], 1]  # (T, 2), y down: the larger is the lower
    lowest = np.log(np.exp(ankles / 0.008).sum(axis=1)) * 0.008
    y = -lowest - ANKLE_HEIGHT - floor_gap(joints) / HUMAN_HEIGHT
    root = np.stack([x, gaussian_smooth(y, 1.0)], axis=1)  # (T, 2)
    speed = np.linalg.norm(np.diff(joints, axis=0, prepend=joints[:1]), axis=-1).max(axis=1) * FPS
    glitch = np.convolve(speed > quickest, np.ones(9), mode="same") > 0
    usable = (np.abs(rate) < fastest) & ~glitch & (np.abs(x) < 0.5)
    return directions.astype(np.float32), root.astype(np.float32), usable


def usable_stretches(usable: np.ndarray) -> list[tuple[int, int]]:
    """The runs of True of at least MIN_SECONDS, as (start, stop) poses."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], usable, [False]]).astype(int)))
    runs = list(zip(edges[::2], edges[1::2], strict=True))
    return [(int(a), int(b)) for a, b in runs if b - a >= MIN_SECONDS * FPS]
