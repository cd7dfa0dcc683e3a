"""From 2D joints to dances: the motion network over windows that overlap, several samples, ranked.

Windows follow each other: what the last one said of the overlap is held in the next (equation 8 of the paper). The
heading is a sum of turning (`movement.py`), so that it goes on from window to window.

Glossary: T frames at 30 a second, S of a window, B samples, V = 18 joints, X numbers of movement, Y of 2D.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from dancegen.capture.diffusion import Given, Sampling, drifts, sample
from dancegen.capture.feet import lift_feet
from dancegen.capture.movement import CHANNELS, FPS, place
from dancegen.capture.network import Vimo, VimoConfig
from dancegen.capture.refine import refine
from dancegen.capture.settle import calm
from dancegen.capture.sight import SURE, features
from dancegen.progress import Reporter
from dancegen.weights.checkpoint import build_network, load_checkpoint

OVERLAP = 30  # frames, 1 s, that two windows share
BLIND = 0.5  # seconds without any joint beyond which no interpolation goes
JUMPY = 2.0  # weight of acceleration (body heights a frame squared) against misfit (body heights) in the ranking


@dataclass(frozen=True)
class Seen:
    """The 2D joints of one person: points (T, V, 3) pixels and confidence at `fps`, cut (T,) 0 or 1, the picture's
    size (width, height)."""

    points: Tensor
    cut: Tensor
    size: tuple[int, int]
    fps: float


def load_vimo(path: Path) -> Vimo:
    """The motion network of a weights file, for sampling."""
    config, state = load_checkpoint(path, VimoConfig)
    return build_network(Vimo, config, state, path).eval().requires_grad_(False)


def load(weights: Path, _device: torch.device | None = None) -> Vimo:
    """The registry's factory; it works on the CPU."""
    return load_vimo(weights)


def at_rate(seen: Seen) -> Seen:
    """The same at FPS: linear between two frames of one shot in which a joint is seen, else the earlier one."""
    count = max(2, round(len(seen.points) * FPS / seen.fps))
    if seen.fps == FPS:
        return seen
    at = (torch.arange(count) * seen.fps / FPS).clamp(max=len(seen.points) - 1)
    low = at.floor().long()
    high = (low + 1).clamp(max=len(seen.points) - 1)
    first, second = seen.points[low], seen.points[high]
    shot = seen.cut.cumsum(0)
    both = (first[..., 2] > SURE) & (second[..., 2] > SURE) & (shot[low] == shot[high])[:, None]
    mixed = torch.lerp(first, second, (at - low)[:, None, None])
    cut = torch.zeros(count)
    for frame in torch.nonzero(seen.cut)[:, 0].tolist():
        cut[min(math.ceil(frame * FPS / seen.fps), count - 1)] = 1
    return Seen(torch.where(both[..., None], mixed, first), cut, seen.size, FPS)


def imagine(
    network: Vimo, seen: Seen, count: int, how: Sampling, seed: int, reporter: Reporter
) -> list[tuple[Tensor, float]]:
    """Movements (T, X) that may have been seen, the most fitting first, each with its misfit (less is better)."""
    seen = at_rate(seen)
    frames, size = network.config.frames, torch.tensor([seen.size], dtype=torch.float32)
    length = len(seen.points)
    points, cut = pad(seen.points, frames), pad(seen.cut, frames)
    starts = window_starts(len(points), frames)
    generator = torch.Generator().manual_seed(seed)
    made = torch.zeros(count, 0, CHANNELS)
    reporter.stage("imagining the movement", len(starts), "windows")
    for start in starts:
        here = slice(start, start + frames)
        sight = features(points[None, here], cut[None, here], size).expand(count, -1, -1)
        given = known_overlap(made, start, frames)
        made = torch.cat([made[:, :start], several(network, sight, how, generator, given)], dim=1)
        reporter.advance()
    reporter.stage("bending limbs to where they were seen")
    points, cut = (one.expand(count, *one.shape) for one in (seen.points, seen.cut))
    made = lift_feet(refine(calm(made[:, :length]), points, cut), points, cut)
    misfits = [misfit(one, seen.points) for one in made]
    order = sorted(range(count), key=misfits.__getitem__)
    return [(made[number], misfits[number]) for number in order]


def several(network: Vimo, sight: Tensor, how: Sampling, generator: torch.Generator, given: Given | None) -> Tensor:
    """Samples (B, S, X) of one window, sight (B, S, Y): the first of what is likeliest, the others drift from there."""
    made = [sample(network, sight[:1], how, generator, given and given.rows(slice(0, 1)))]
    if len(sight) > 1:
        others = slice(1, len(sight))
        drift = drifts(len(sight) - 1, how.others, generator)
        made.append(sample(network, sight[others], how, generator, given and given.rows(others), drift))
    return torch.cat(made)


def pad(values: Tensor, frames: int) -> Tensor:
    """At least one window (T, ...): what is too short goes back and forth."""
    count = len(values)
    if count >= frames:
        return values
    at = torch.arange(frames) % (2 * max(count - 1, 1))
    return values[torch.minimum(at, 2 * max(count - 1, 1) - at)]


def window_starts(length: int, frames: int) -> list[int]:
    """Where windows begin, at least OVERLAP before the end of the last; the last ends with the clip."""
    return [*range(0, length - frames, frames - OVERLAP), length - frames]


def known_overlap(made: Tensor, start: int, frames: int) -> Given | None:
    """What is known of the window at `start`: all of the overlap."""
    known = made.shape[1] - start
    if known <= 0:
        return None
    moved, mask = torch.zeros(len(made), frames, CHANNELS), torch.zeros(len(made), frames, CHANNELS)
    moved[:, :known], mask[:, :known] = made[:, start:], 1
    return Given(moved, mask)


def misfit(moved: Tensor, points: Tensor) -> float:
    """How badly a movement (T, X) fits what was seen (T, V, 3), under the best view of each frame, and how jumpy it is.

    The view is a scaled orthographic one, of which only the best linear map is sought: cheap, and the same for all.
    """
    joints = place(moved[None])[0]  # (T, V, 3)
    weight = (points[..., 2] * (points[..., 2] > SURE))[..., None]  # (T, V, 1)
    total = weight.sum(1, keepdim=True).clamp(min=1e-6)
    body = joints - (joints * weight).sum(1, keepdim=True) / total
    flat = points[..., :2] - (points[..., :2] * weight).sum(1, keepdim=True) / total
    gram = body.transpose(1, 2) @ (weight * body) + 1e-3 * torch.eye(3)
    view = torch.linalg.solve(gram, body.transpose(1, 2) @ (weight * flat))  # (T, 3, 2)
    scale = view.norm(dim=1).amax(-1).clamp(min=1e-6)[:, None]  # pixels a body height
    gap = (body @ view - flat).norm(dim=-1) / scale  # (T, V)
    fit = (gap * weight[..., 0]).sum() / weight.sum().clamp(min=1e-6)
    jump = (joints[2:] - 2 * joints[1:-1] + joints[:-2]).norm(dim=-1).mean() if len(joints) > 2 else 0.0
    return float(fit + JUMPY * jump)
