"""Learning how dancers of each style hold themselves: dances to training songs are compared with training dancers.

Of all linear maps between two Gaussians the one that moves least (their optimal transport) takes the posture's mean
and covariance to the dancers', and another the covariance of the movement's velocity. What the last touch of a dance
(smoothing, feet) changes is seen only after it: so dances are finished and compared again a few times.

Glossary: T poses, L = 17 bones, C = 3 L.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from dancegen.audio.beats import find_beats
from dancegen.audio.load import load_song
from dancegen.choreographers.finish.facing import turn_directions
from dancegen.choreographers.hotdance.carriage import Carriage, no_carriage, slow_yaw, split
from dancegen.choreographers.hotdance.dance import FPS, Listening, Wish, draw_limbs, finish, listen
from dancegen.choreographers.hotdance.dancer import canonical_dancer
from dancegen.choreographers.hotdance.generate import Sampling
from dancegen.choreographers.hotdance.model import HotDance, load_hotdance
from dancegen.choreographers.stg_mamba.config import STYLES
from dancegen.dances.metrics import gaussian_distance
from dancegen.lab.datasets.data import find_material, style_of
from dancegen.lab.datasets.footage import Limbs, read_limbs
from dancegen.lab.datasets.motion import SPIN, read_motion
from dancegen.lab.datasets.split import is_validation
from dancegen.progress import SilentReporter
from dancegen.weights.checkpoint import NOTES_KEY, read_metadata, save_checkpoint

SECONDS, ENDS = 32.0, 3.0  # of a song that are danced; at both ends, in which it begins and ends, that are left out
ENOUGH = 60.0  # seconds of dancers of a style
LEAST, MOST = 0.6, 1.6  # gains along any direction of a map: beyond, noise of few recordings would be learnt
SURE = 0.02  # deviation of a direction, below which its spread is not trusted
ROUNDS, DAMPING = 6, 0.6
WAY = 0.8  # of the dancers' way aside: with all of it hips went faster than theirs to songs of validation, VFD 5.2 x
QUICK = 0.1  # what a unit of the distance of velocities counts for, against one of postures


class Moments(NamedTuple):
    """Of dances: mean (C,) and covariance (C, C) of the posture, covariance (C, C) of the velocity of the movement, and
    deviation of the hips' speed aside."""

    mean: np.ndarray
    posture: np.ndarray
    velocity: np.ndarray
    travel: float


def moments(dances: Sequence[Limbs], fps: float) -> Moments:
    """Those of some dances, slow turns taken out."""
    slow, speed, aside = [], [], []
    for directions, root in dances:
        posture, movement = split(turn_directions(directions, -slow_yaw(directions, fps)), fps)
        slow.append(posture)
        speed.append(np.diff(movement, axis=0) * fps)
        aside.append(np.diff(root[:, 0]) * fps)
    every = np.concatenate(slow)
    still, quick = (np.cov(rows, rowvar=False) for rows in (every, np.concatenate(speed)))
    return Moments(every.mean(axis=0), still, quick, float(np.concatenate(aside).std()))


def transport(made: np.ndarray, real: np.ndarray, least: float) -> np.ndarray:
    """The symmetric map (C, C) that takes covariance `made` to `real` by the shortest way."""
    some = least**2 * np.eye(len(made))
    values, vectors = np.linalg.eigh(made + some)
    root, back = ((vectors * values**power) @ vectors.T for power in (0.5, -0.5))
    values, vectors = np.linalg.eigh(root @ (real + some) @ root)
    return back @ ((vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T) @ back


def bound(matrix: np.ndarray) -> np.ndarray:
    """The map (C, C) with its gains bounded."""
    left, gains, right = np.linalg.svd(matrix)
    return (left * np.clip(gains, LEAST, MOST)) @ right


def next_carriage(now: Carriage, made: Moments, real: Moments) -> Carriage:
    """A carriage whose dances are nearer to the real ones than those that were made with it."""
    step = np.eye(len(made.mean)) * (1 - DAMPING)
    posture = bound(now.posture @ (DAMPING * transport(made.posture, real.posture, SURE) + step))
    movement = bound(now.movement @ (DAMPING * transport(made.velocity, real.velocity, 4 * SURE) + step))
    drawn = (made.mean - now.shift) @ np.linalg.inv(now.posture)  # the mean before anything was moved
    shift = made.mean + DAMPING * (real.mean - made.mean) - drawn @ posture
    travel = now.travel * (WAY * real.travel / made.travel) ** DAMPING
    return Carriage(posture.astype(np.float32), shift.astype(np.float32), movement.astype(np.float32), float(travel))


def distance(made: Moments, real: Moments) -> float:
    """How far dances are from real ones: Frechet distances of postures and of velocities."""
    still = np.zeros_like(made.mean)
    quick = gaussian_distance(still, made.velocity, still, real.velocity)
    return gaussian_distance(made.mean, made.posture, real.mean, real.posture) + QUICK * quick


def fit_carriage(finish: Callable[[Carriage], Sequence[Limbs]], real: Moments, fps: float) -> Carriage:
    """The carriage of a style whose dances `finish` makes: of some rounds the one that is nearest."""
    now = no_carriage(len(real.mean))
    found: list[tuple[float, int, Carriage]] = []
    for _ in range(ROUNDS):
        made = moments(finish(now), fps)
        found.append((distance(made, real), len(found), now))
        now = next_carriage(now, made, real)
    return min(found)[-1]


class Drawn(NamedTuple):
    """A dance as it is drawn: its limbs, what it heard, what was wished."""

    limbs: Limbs
    heard: Listening
    wish: Wish

    def finish(self, how: Carriage) -> list[Limbs]:
        """The middle of the finished dance as footage is read."""
        joints = finish(self.limbs, self.heard, self.wish, canonical_dancer(), how).joints
        edge = round(ENDS * FPS)
        return read_limbs(joints[edge : len(joints) - edge])


def draw_dances(network: HotDance, data: Path, count: int) -> list[Drawn]:
    """Dances in every style to the beginnings of so many training songs that no take is paired with."""
    motions, sounds = find_material(data)
    paired = {path.stem for path in motions}
    free = [path for path in sounds if path.stem not in paired and not is_validation(path.stem)]
    made = []
    for path in free[:: max(1, len(free) // count)][:count]:
        song = load_song(path, duration=SECONDS)
        grid = find_beats(song)
        for style in STYLES[1:]:
            wish = Wish(0, style)
            heard = listen(song, grid, network, wish)
            limbs = draw_limbs(network, heard, wish, canonical_dancer(), Sampling(), SilentReporter())
            made.append(Drawn(limbs, heard, wish))
    return made


def read_dancers(data: Path) -> dict[str, Moments]:
    """The training dancers of each style of which there is enough."""
    found: dict[str, list[Limbs]] = {}
    for path in find_material(data)[0]:
        if not is_validation(path.stem):
            found.setdefault(style_of(path), []).extend(
                (motion.directions, motion.root) for motion in read_motion(path, "", 0.0, SPIN)
            )
    return {
        style: moments(dances, FPS)
        for style, dances in found.items()
        if style in STYLES and sum(len(root) for _, root in dances) > ENOUGH * FPS
    }


def set_carriages(network: HotDance, made: Sequence[Drawn], dancers: dict[str, Moments]) -> None:
    """Give a network the carriage of each style."""
    for style, real in dancers.items():
        some = [one for one in made if one.wish.style == style]

        def dance(how: Carriage, some: Sequence[Drawn] = some) -> list[Limbs]:
            return [limbs for one in some for limbs in one.finish(how)]

        for name, value in fit_carriage(dance, real, FPS)._asdict().items():
            getattr(network, name)[STYLES.index(style)] = torch.as_tensor(value)


def learn_carriages(weights: Path, data: Path, count: int) -> None:
    """Learn the carriages that the weights hold, from dances to `count` songs."""
    network = load_hotdance(weights, torch.device("cpu"))
    set_carriages(network, draw_dances(network, data, count), read_dancers(data))
    state = {name: value.half() for name, value in network.state_dict().items()}
    save_checkpoint(weights, state, network.config, read_metadata(weights)[NOTES_KEY])
