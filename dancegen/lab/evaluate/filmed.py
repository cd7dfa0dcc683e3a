"""What real detectors see of filmed characters: how far off their joints are, and what is captured from that.

Held-out performances are danced by rigged characters before the cameras of a level (`synthetic/filmed.py`); the
detector looks as `dancegen capture` does. Beside what is captured stand mediapipe's landmarks in space, frame by frame.

Glossary: B windows, S frames, V = 18 joints.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dancegen.capture.clip import Clip
from dancegen.capture.diffusion import Sampling, sample
from dancegen.capture.feet import lift_feet
from dancegen.capture.movement import ANKLES, CONTACT, FPS, paths, place
from dancegen.capture.network import Vimo
from dancegen.capture.refine import refine
from dancegen.capture.settle import calm
from dancegen.capture.sight import SURE, features
from dancegen.capture.watch import Eyes
from dancegen.lab.datasets.performances import Performances, draw_windows
from dancegen.lab.evaluate.vimo import MILLIMETRES, aligned_error, beats_agree, dance_joints, in_place
from dancegen.lab.synthetic.cameras import Casual, Film, film
from dancegen.lab.synthetic.character import is_validation
from dancegen.lab.synthetic.filmed import Studio
from dancegen.lab.synthetic.sightings import behind, size_of
from dancegen.lab.train.vimo.samples import filmed_movement, generator_of
from dancegen.people.detectors.base import Detector
from dancegen.people.detectors.mediapipe import LANDMARKS
from dancegen.progress import Reporter

NEAREST = 0.12  # body heights; what is further off is another thing, no noise
LAGS = (1, 2, 5, 10, 20)  # frames


@dataclass(frozen=True)
class Looked:
    """What was filmed and seen: moved (B, S, X) the true movement; film its cameras with the characters' joints; points
    (B, S, V, 3) the detector's; space (B, S, V, 3) mediapipe's landmarks in space, metres, or None; rate, frames a
    second of one core that the detector looked at."""

    moved: Tensor
    film: Film
    points: Tensor
    space: Tensor | None
    rate: float


def look(
    performances: Performances,
    data: Path,
    count: int,
    casual: Casual,
    detector: Detector,
    seed: int,
    reporter: Reporter,
) -> Looked:
    """Film `count` windows and look at them; data is the folder with characters/ and backgrounds/."""
    generator = generator_of(seed, count)
    directions, root = draw_windows(performances, count, 150, generator, 0.0)
    joints = paths() @ directions + root[..., None, :]
    cameras = film(joints, casual, generator)
    characters = [path for path in sorted(data.glob("characters/[mv]*/*.npz")) if is_validation(path)]
    studio = Studio(characters, sorted(data.glob("backgrounds/*.jpg")))
    in_space = landmarks_in_space()
    rng, spent = np.random.default_rng(seed), 0.0
    true, depth, points, space, sizes = [], [], [], [], []
    reporter.stage("filming and looking", count, "windows")
    for number in range(count):
        eyes = None
        for frame, shown in enumerate(studio.film(joints, cameras, number, rng)):
            high, wide = shown.picture.shape[:2]
            if eyes is None:
                eyes = Eyes(Clip(Path("film"), (wide, high), (wide, high), float(FPS), 0.0, 5.0, False), detector)
                sizes.append((wide, high))
            began = time.process_time()
            found = eyes.people(shown.picture, bool(cameras.cut[number, frame]))
            spent += time.process_time() - began
            points.append(nearest(found, shown.points))
            space.append(in_space(shown.picture))
            true.append(shown.points)
            depth.append(shown.depth)
        reporter.advance()
    whole = {"points": true, "depth": depth, "seen": points, "space": space}
    parts = {name: torch.from_numpy(np.stack(of)).float().unflatten(0, (count, -1)) for name, of in whole.items()}
    seen_by = cameras._replace(points=parts["points"], depth=parts["depth"], size=torch.tensor(sizes).float())
    moved = filmed_movement(directions, root, cameras.yaw)
    return Looked(moved, seen_by, parts["seen"], parts["space"], len(points) / max(spent, 1e-9))


def nearest(found: list[np.ndarray], true: np.ndarray) -> np.ndarray:
    """Of people (V, 3) the one nearest to the true joints (V, 2); zeros where nobody is."""
    return min(
        found, key=lambda one: float(np.median(np.linalg.norm(one[:, :2] - true, axis=1))), default=np.zeros((18, 3))
    )


def landmarks_in_space() -> Callable[[np.ndarray], np.ndarray]:
    """mediapipe by itself: a picture to joints (V, 3) in space, metres, x right, y down; not a number where none."""
    from mediapipe.python.solutions import pose

    model: Any = pose.Pose(static_image_mode=True, model_complexity=1)

    def joints(picture: np.ndarray) -> np.ndarray:
        said = model.process(picture).pose_world_landmarks
        if said is None:
            return np.full((18, 3), np.nan)
        marks = np.array([(mark.x, mark.y, mark.z) for mark in said.landmark])
        body = np.stack([marks[LANDMARKS.get(joint, 11)] for joint in range(18)])
        body[1] = (body[2] + body[5]) / 2
        return body

    return joints


def noise_rows(looked: Looked) -> dict[str, dict[str, float]]:
    """How far off joints are, in body heights, that are seen, hidden by the body, and outside; how many are left out.

    Of seen ones also: the spread about their own mean, that mean's own, and how the rest goes on after some frames.
    """
    film, points = looked.film, looked.points
    tall = size_of(film)[..., None]  # (B, S, 1)
    off = (points[..., :2] - film.points) / tall[..., None]  # (B, S, V, 2)
    far, there = off.norm(dim=-1), points[..., 2] > SURE
    outside = ((film.points < 0) | (film.points > film.size[:, None, None])).any(-1)
    hidden = behind(film, tall[..., 0]) & ~outside
    anybody = there.any(-1, keepdim=True)
    rows = {}
    for name, chosen in {"seen": ~hidden & ~outside, "hidden": hidden, "outside": outside}.items():
        of = chosen & anybody
        kept = of & there
        rows[name] = {
            "share": float(chosen.float().mean()),
            "left out": 1 - float(kept.sum() / of.sum().clamp(min=1)),
            "off, median": float(far[kept].median()) if kept.any() else float("nan"),
            "off, 90 %": float(far[kept].quantile(0.9)) if kept.any() else float("nan"),
            "sure, mean": float(points[..., 2][kept].mean()) if kept.any() else float("nan"),
        }
    sound = there & ~hidden & ~outside & (far < NEAREST)
    weight = sound.float()[..., None]
    own = (off * weight).sum(1, keepdim=True) / weight.sum(1, keepdim=True).clamp(min=1)
    rest = (off - own) * weight
    power = float(rest.square().sum() / weight.sum() / 2)
    rows["seen"]["spread"] = power**0.5
    rows["seen"]["bias"] = float(own[weight.sum(1, keepdim=True)[..., 0] > 60].std())
    for lag in LAGS:
        both = (weight[:, lag:] * weight[:, :-lag]).sum() * 2
        rows["seen"][f"goes on, {lag}"] = float((rest[:, lag:] * rest[:, :-lag]).sum() / both) / power
    return rows


def capture_rows(network: Vimo, looked: Looked, how: Sampling) -> dict[str, dict[str, float]]:
    """What is captured from the detector's joints, and mediapipe's landmarks in space as they are, against the truth:
    pose (mm), acceleration error (m/s2) and skate (cm/s) after one similarity for the window, F of beats."""
    film, true = looked.film, place(looked.moved)
    sight = features(looked.points, film.cut.float(), film.size)
    moved = calm(sample(network, sight, how, generator_of(0, 0)))
    seen = (looked.points, film.cut.float())
    rows = {"capture": _row(dance_joints(lift_feet(refine(moved, *seen), *seen)), true, looked.moved)}
    if looked.space is not None:
        rows["mediapipe in space"] = _row(_fill_gaps(looked.space), in_place(true), looked.moved)
    return rows


def _fill_gaps(space: Tensor) -> Tensor:
    """With what was seen last, where nobody was."""
    out = space.clone()
    for frame in range(1, out.shape[1]):
        out[:, frame] = torch.where(out[:, frame].isnan(), out[:, frame - 1], out[:, frame])
    return out.nan_to_num()


def _row(made: Tensor, true: Tensor, moved: Tensor) -> dict[str, float]:
    laid = torch.stack([lay_on(a, b) for a, b in zip(made, true, strict=True)])
    bend = [(one[:, 2:] - 2 * one[:, 1:-1] + one[:, :-2]) * FPS**2 * MILLIMETRES / 1000 for one in (laid, true)]
    step = (laid[:, 1:, ANKLES] - laid[:, :-1, ANKLES]).norm(dim=-1) * FPS * MILLIMETRES / 10
    stands = moved[:, 1:, CONTACT] * moved[:, :-1, CONTACT]
    return {
        "pose": float(aligned_error(made, true).mean()),
        "acceleration": float((bend[0] - bend[1]).norm(dim=-1).mean()),
        "skate": float((step * stands).sum() / stands.sum().clamp(min=1)),
        "beats": float(np.mean([beats_agree(a.numpy(), b.numpy()) for a, b in zip(laid, true, strict=True)])),
    }


def lay_on(made: Tensor, true: Tensor) -> Tensor:
    """Joints (S, V, 3) after the one similarity that brings them nearest to others."""
    a, b = made.flatten(0, 1).double(), true.flatten(0, 1).double()
    middle, other = a.mean(0), b.mean(0)
    left, size, right = torch.linalg.svd((a - middle).T @ (b - other))
    sign = torch.tensor([1.0, 1.0, float(torch.det(left @ right).sign())], dtype=torch.float64)
    scale = (size * sign).sum() / (a - middle).square().sum().clamp(min=1e-9)
    return (((a - middle) @ ((left * sign) @ right)) * scale + other).float().unflatten(0, made.shape[:2])
