"""How near the motion network's movement is to the truth, on held-out performances filmed by synthetic cameras.

Levels A to E are `synthetic/cameras.LEVELS`: static, moving, cuts, occlusion and close-ups, everything. Millimetres are
of a body of 1.70 m. Beside the network: a regression of the same sizes where its weights are given, the mean pose, and
lifting frame by frame (the nearest training pose by its 2D, under any heading), without a network.

Glossary: B windows, S frames, V = 18 joints, X and Y numbers of movement and 2D.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from dancegen.capture.diffusion import Sampling, sample
from dancegen.capture.feet import lift_feet
from dancegen.capture.imagine import several
from dancegen.capture.movement import ANKLES, CONTACT, FPS, place, rotate_vectors, to_channels
from dancegen.capture.network import Vimo
from dancegen.capture.refine import refine
from dancegen.capture.settle import calm, to_sequence
from dancegen.capture.sight import features
from dancegen.dances.metrics import kinematic_beats
from dancegen.lab.datasets.performances import Performances, draw_windows, keep_stretches, read_performances
from dancegen.lab.datasets.split import CHOICE_TAKES
from dancegen.lab.synthetic.cameras import LEVELS
from dancegen.lab.synthetic.sightings import drop_out
from dancegen.lab.train.vimo.samples import Windows, draw, generator_of
from dancegen.progress import Reporter, SilentReporter

MILLIMETRES = 1700.0
BATCH = 25  # windows at a time
SAMPLES = 5  # of each window, for the best of them
DROPPED = (0.0, 0.2, 0.4, 0.6)
BEAT_SECONDS = 0.1  # two kinematic beats are one within this
POSES = 4000  # training poses that lifting frame by frame chooses from
HEADINGS = 24  # from which each is looked at


@dataclass(frozen=True)
class Figures:
    """Of one method at one level: errors (mm) of windows, of windows without the path, and of poses; acceleration error
    (m/s2), skate (cm/s), F of beats."""

    window: float
    heading: float
    pose: float
    acceleration: float
    skate: float
    beats: float


def aligned_error(made: Tensor, true: Tensor) -> Tensor:
    """The mean distance (...) of points (..., K, 3) from others after the best similarity (Procrustes)."""
    a = (made - made.mean(-2, keepdim=True)).double()
    b = (true - true.mean(-2, keepdim=True)).double()
    left, size, right = torch.linalg.svd(a.transpose(-1, -2) @ b)
    sign = torch.ones_like(size)
    sign[..., 2] = torch.det(left @ right).sign()
    turn = (left * sign[..., None, :]) @ right
    scale = (size * sign).sum(-1) / a.square().sum((-1, -2)).clamp(min=1e-9)
    return (a @ turn * scale[..., None, None] - b).norm(dim=-1).mean(-1) * MILLIMETRES


def window_errors(made: Tensor, true: Tensor) -> Tensor:
    """(B,) mm: one similarity for each window of joints (B, S, V, 3)."""
    return aligned_error(made.flatten(1, 2), true.flatten(1, 2))


def in_place(joints: Tensor) -> Tensor:
    """Joints (B, S, V, 3) about the mid-hip of each frame."""
    return joints - joints[:, :, [8, 11]].mean(2, keepdim=True)


def figures(made: Tensor, moved: Tensor) -> Figures:
    """Of joints (B, S, V, 3) against the true movement (B, S, X)."""
    true = place(moved)
    bend = [(one[:, 2:] - 2 * one[:, 1:-1] + one[:, :-2]) * FPS**2 * MILLIMETRES / 1000 for one in (made, true)]
    step = (made[:, 1:, ANKLES] - made[:, :-1, ANKLES]).norm(dim=-1) * FPS * MILLIMETRES / 10
    stands = moved[:, 1:, CONTACT] * moved[:, :-1, CONTACT]
    found = [beats_agree(a.numpy(), b.numpy()) for a, b in zip(made, true, strict=True)]
    return Figures(
        float(window_errors(made, true).mean()),
        float(window_errors(in_place(made), in_place(true)).mean()),
        float(aligned_error(made, true).mean()),
        float((bend[0] - bend[1]).norm(dim=-1).mean()),
        float((step * stands).sum() / stands.sum()),
        float(np.mean(found)),
    )


def beats_agree(made: np.ndarray, true: np.ndarray) -> float:
    """F of the kinematic beats of joints (S, V, 3), within BEAT_SECONDS."""
    ours, theirs = kinematic_beats(made, FPS), kinematic_beats(true, FPS)
    if not len(ours) or not len(theirs):
        return float(len(ours) == len(theirs))
    near = np.abs(ours[:, None] - theirs) <= BEAT_SECONDS
    return float(2 * min(near.any(0).sum(), near.any(1).sum()) / (len(ours) + len(theirs)))


def dance_joints(moved: Tensor) -> Tensor:
    """Joints (B, S, V, 3) of movements (B, S, X) on the floor, with standing feet."""
    dances = [to_sequence(one) for one in moved]
    joints = torch.stack([torch.from_numpy(dance.joints) for dance in dances])
    joints[..., 2] += torch.stack([torch.from_numpy(dance.depth) for dance in dances])[..., None]
    return joints


def capture_joints(network: Vimo, windows: Windows, how: Sampling, seed: int) -> Tensor:
    """Joints (B, S, V, 3) as `dancegen capture` makes them, limbs bent to where they were seen."""
    return imagine_joints(network, windows.sight, how, seed, windows)


def imagine_joints(network: Vimo, sight: Tensor, how: Sampling, seed: int, bent_to: Windows | None = None) -> Tensor:
    """The joints (B, S, V, 3) of one sample of each window; a regression has but one."""
    parts = []
    for number, part in enumerate(sight.split(BATCH)):
        with torch.no_grad():
            if network.config.noise:
                moved = sample(network, part, how, generator_of(seed, number))
            else:
                moved = network.regress(part) * network.spread + network.centre
        moved = calm(moved)
        if bent_to is None:
            parts.append(place(moved))
            continue
        here = slice(number * BATCH, number * BATCH + len(part))
        points, cut = bent_to.points[here], bent_to.cut[here]
        parts.append(dance_joints(lift_feet(refine(moved, points, cut), points, cut)))
    return torch.cat(parts)


@dataclass(frozen=True)
class Lifting:
    """Training poses under all headings, to choose from by their 2D: flat (K, V, 2) about the mid-hip, size 1."""

    flat: Tensor
    joints: Tensor

    @classmethod
    def of(cls, performances: Performances) -> Lifting:
        """From poses at random."""
        directions, root = draw_windows(performances, POSES // HEADINGS + 1, HEADINGS, generator_of(5, 5))
        angle = torch.linspace(0, 2 * torch.pi, HEADINGS + 1)[:-1].expand(len(directions), -1)
        joints = place(to_channels(rotate_vectors(directions, angle.cos(), angle.sin()), root)).flatten(0, 1)
        joints = joints - joints[:, [8, 11]].mean(1, keepdim=True)
        flat = joints[..., :2]
        return cls(flat / flat.norm(dim=-1).mean(-1)[:, None, None], joints)

    def lift(self, points: Tensor) -> Tensor:
        """Joints (..., V, 3) for points (..., V, 3) with confidence: of the pose nearest in what is seen."""
        seen = (points[..., 2] > 0).float().flatten(0, -2)  # (N, V)
        flat = points[..., :2].flatten(0, -3)
        flat = flat - flat[:, [8, 11]].mean(1, keepdim=True)
        flat = flat / (flat.norm(dim=-1) * seen).sum(-1).div(seen.sum(-1).clamp(min=1)).clamp(min=1)[:, None, None]
        chosen = []
        for part, weight in zip(flat.split(500), seen.split(500), strict=True):
            square = torch.einsum("nvc,nv->n", part.square(), weight)[:, None]
            cross = torch.einsum("nvc,nv,kvc->nk", part, weight, self.flat)
            own = torch.einsum("nv,kvc->nk", weight, self.flat.square())
            chosen.append((square - 2 * cross + own).argmin(-1))
        return self.joints[torch.cat(chosen)].unflatten(0, points.shape[:-2])


@dataclass(frozen=True)
class Material:
    """The performances that are held out, and those that are not, to lift from."""

    held_out: Performances
    lifting: Lifting


def read_material(data: Path, *, choosing: bool = False) -> Material:
    """Both from a folder of motions, as the training reads it.

    Held out are the validation takes but those that choices are made on; where one is `choosing`, these alone.
    """
    held_out = read_performances(data, held_out=True)
    chosen_on = np.isin(held_out.names, CHOICE_TAKES)
    return Material(keep_stretches(held_out, chosen_on == choosing), Lifting.of(read_performances(data)))


def evaluate_levels(
    network: Vimo,
    material: Material,
    count: int,
    how: Sampling,
    regression: Vimo | None,
    reporter: Reporter | None = None,
    levels: str = "".join(LEVELS),
) -> dict[str, dict[str, Figures]]:
    """Level -> method -> figures, of `count` held-out windows each; "mean of 5" are those of 5 samples of the network
    alone, "best of 5" are those of that sample of each window which has the least window error."""
    reporter = reporter or SilentReporter()
    found: dict[str, dict[str, Figures]] = {}
    reporter.stage("levels", len(levels), "levels")
    for level in levels:
        casual = LEVELS[level]
        windows = draw(material.held_out, count, network.config.frames, casual, generator_of(100, ord(level)), 0.0)
        made = _several_samples(network, windows, how)
        found[level] = {"capture": figures(capture_joints(network, windows, how, 0), windows.moved)}
        found[level]["network alone"] = figures(made[0], windows.moved)
        found[level]["mean of 5"] = mean_figures([figures(one, windows.moved) for one in made])
        found[level]["best of 5"] = _best_samples(made, windows.moved)
        if regression is not None:
            found[level]["regression"] = figures(imagine_joints(regression, windows.sight, how, 0), windows.moved)
        found[level]["one step"] = figures(
            imagine_joints(network, windows.sight, Sampling(1, 1.0, 0.0), 0), windows.moved
        )
        found[level]["frame by frame"] = figures(material.lifting.lift(windows.points), windows.moved)
        still = network.centre.expand_as(windows.moved)
        found[level]["mean pose"] = figures(place(still), windows.moved)
        reporter.advance()
    return found


def _several_samples(network: Vimo, windows: Windows, how: Sampling) -> list[Tensor]:
    """Joints (B, S, V, 3) of SAMPLES samples, as `capture` draws them."""
    made = [
        place(calm(several(network, one.expand(SAMPLES, -1, -1), how, generator_of(0, number), None)))
        for number, one in enumerate(windows.sight)
    ]
    return list(torch.stack(made, dim=1))


def mean_figures(rows: list[Figures]) -> Figures:
    """The mean of each figure."""
    return Figures(*(float(np.mean(column)) for column in zip(*map(astuple, rows), strict=True)))


def _best_samples(made: list[Tensor], moved: Tensor) -> Figures:
    """Of the sample of each window with the least window error."""
    true = place(moved)
    errors = torch.stack([window_errors(one, true) for one in made])  # (SAMPLES, B)
    best = torch.stack(made)[errors.argmin(0), torch.arange(len(true))]
    return figures(best, moved)


def measure_drop_outs(network: Vimo, held_out: Performances, count: int, how: Sampling) -> dict[float, float]:
    """Window error without the path (mm), level B, with that share of the joints left out by half seconds."""
    windows = windows_at(network, held_out, count, "B")
    true, found = place(windows.moved), {}
    for share in DROPPED:
        gone = drop_out(torch.full((count, 1, 1), share), network.config.frames, generator_of(7, 7))
        points = windows.points * ~gone[..., None]
        sight = features(points, windows.cut, windows.size)
        found[share] = float(window_errors(in_place(imagine_joints(network, sight, how, 0)), in_place(true)).mean())
    return found


def windows_at(network: Vimo, held_out: Performances, count: int, level: str) -> Windows:
    """Windows that inputs are swapped and left out in."""
    return draw(held_out, count, network.config.frames, LEVELS[level], generator_of(200, ord(level)), 0.0)
