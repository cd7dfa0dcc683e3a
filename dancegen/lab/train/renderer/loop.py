"""`dancegen train renderer`: one loop, read from top to bottom.

A step draws a batch of scenes (seeded by the step, so that a resumed run sees what an uninterrupted one would), makes
each run's frames with G_r, adds the regularisations of equations 3-6, and updates G_r and the discriminator. State is
kept in one safetensors file; the weights that are shipped are a running mean of the trained ones.

Glossary: B scenes, T targets of each, s the trained side.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from dancegen.body.capsules import limb_distances
from dancegen.lab.train.log import append_log, cut_log
from dancegen.lab.train.renderer.animate import Animated, animate
from dancegen.lab.train.renderer.data import Batch, find_scenes, make_batch, shrink
from dancegen.lab.train.renderer.losses import (
    difference,
    feature_matching,
    part_loss,
    realness_loss,
    supervised_terms,
    total,
)
from dancegen.lab.train.renderer.puppet import cut
from dancegen.lab.train.renderer.state import TrainingState, export, restore, save
from dancegen.progress import Reporter, SilentReporter
from dancegen.renderers.puppet.cues import foreign_colour
from dancegen.renderers.retouch.generator import Generator, RendererConfig


@dataclass(frozen=True)
class TrainingPlan:
    """What is trained, when. Shares are of `steps`.

    Attributes:
        steps, batch, seed: optimiser steps, scenes a step, and the seed of everything random.
        rate: the learning rate, reached after 100 steps; falls along a cosine to a tenth.
        large_from: from this share on frames are 256 wide, before 128.
        regularise_from: from this share on L_fsr and L_bsr are added, as far as they are wanted.
        adversarial_from: likewise the discriminator.
        fsr, bsr, gan: the ablation's switches (S2-1: none of fsr and bsr ... S2-4: both).
        bf16: convolutions in bfloat16.
    """

    steps: int = 4000
    batch: int = 4
    seed: int = 0
    rate: float = 6e-4
    large_from: float = 0.97
    regularise_from: float = 0.7
    adversarial_from: float = 0.6
    fsr: bool = True
    bsr: bool = True
    gan: bool = True
    bf16: bool = True


SMALL, LARGE = 128, 256  # the trained sides, pixels
SAVE_EVERY = 100
LOG_EVERY = 20


def train(
    frames: Path,
    out: Path,
    plan: TrainingPlan,
    config: RendererConfig,
    device: str = "cpu",
    reporter: Reporter | None = None,
    start: Path | None = None,
) -> Path:
    """Train, or go on training, what `out` holds; returns the path of the weights.

    Args:
        frames: a folder that `dancegen train frames` wrote.
        out: state, log.csv, cases_*.png and renderer.safetensors go there.
        start: weights of G_r a new run starts from; its limb network stays as it is there.
    """
    reporter = reporter or SilentReporter()
    scenes = find_scenes(frames, "train")
    state = restore(out, asdict(plan), TrainingState.begin(config, plan.seed, device, start))
    log = Means(out / "log.csv", state.step)
    reporter.stage("training", plan.steps - state.step, "steps")
    while state.step < plan.steps:
        rng = np.random.default_rng([plan.seed, state.step])
        in_runs = state.step >= plan.regularise_from * plan.steps  # every variant of the ablation sees the same frames
        side = LARGE if state.step >= plan.large_from * plan.steps else SMALL
        batch = make_batch(scenes, plan.batch, side, in_runs, rng)
        terms = train_step(state, plan, move_batch(batch, device), in_runs, rng)
        state.step += 1
        log.add(state.step, terms)
        reporter.advance()
        if state.step % SAVE_EVERY == 0 or state.step == plan.steps:
            save(out, state, asdict(plan))
            export(out / "renderer.safetensors", state, asdict(plan))
            show_cases(out / f"cases_{state.step:06d}.png", frames, state)
    return out / "renderer.safetensors"


def train_step(
    state: TrainingState, plan: TrainingPlan, batch: Batch, regularised: bool, rng: np.random.Generator
) -> dict[str, float]:
    """One update of G_r and, where it takes part, of the discriminator; the terms' values."""
    adversarial = plan.gan and state.step >= plan.adversarial_from * plan.steps
    set_rate(state, plan)
    made, terms = generator_terms(state.network, batch, plan, regularised, rng)
    truth = batch.frames.transpose(0, 1).flatten(0, 1)  # (T * B, 3, s, s), the order of `made`
    skeleton = torch.cat([torch.cat([m.conditions.painted, m.conditions.covered], 1) for m in made]).detach()
    frames = torch.cat([m.frame for m in made])
    if adversarial:
        with torch.autocast(truth.device.type, torch.bfloat16, enabled=plan.bf16):
            judged, real = state.discriminator(frames, skeleton), state.discriminator(truth, skeleton)
        terms["gan"] = realness_loss(judged, True)
        terms["features"] = feature_matching(judged, real)
    state.generator_optimiser.zero_grad(set_to_none=True)
    loss = total(terms)
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(state.network.parameters(), 1.0)
    state.generator_optimiser.step()
    if adversarial:
        terms["judge"] = discriminator_step(state, frames.detach(), truth, skeleton, plan.bf16)
    state.update_mean()
    return {"loss": float(loss.detach()), **{name: float(value.detach()) for name, value in terms.items()}}


def generator_terms(
    network: Generator, batch: Batch, plan: TrainingPlan, regularised: bool, rng: np.random.Generator
) -> tuple[list[Animated], dict[str, torch.Tensor]]:
    """The baseline frames of a batch, one `Animated` per target, and every term that needs no discriminator."""
    with torch.no_grad():
        cutout = cut(batch.picture, batch.matte, batch.joints)
    times = range(batch.frames.shape[1])
    made = [animate(network, cutout, batch.targets[:, t], batch.plate, plan.bf16) for t in times]  # equation 2
    each = [supervised_terms(m, batch.frames[:, t], batch.alpha[:, t]) for t, m in enumerate(made)]
    terms = {name: torch.stack([one[name] for one in each]).mean() for name in each[0]}
    terms["parts"] = limb_loss(network, batch, plan.bf16)
    if regularised:
        # One pair of neighbours a step stands for the sum over all: i and i - 1 forward, i and i + 1 backward.
        if plan.fsr:
            i = int(rng.integers(1, len(made)))
            terms["fsr"] = neighbour_loss(network, batch, made, i, i - 1, plan.bf16)
        if plan.bsr:
            i = int(rng.integers(0, len(made) - 1))
            terms["bsr"] = neighbour_loss(network, batch, made, i, i + 1, plan.bf16)
    return made, terms


def neighbour_loss(
    network: Generator, batch: Batch, made: list[Animated], i: int, neighbour: int, bf16: bool
) -> torch.Tensor:
    """L_fsr (neighbour = i - 1) or L_bsr (neighbour = i + 1): || I_i - G_r(concat(I_neighbour, S_i)) ||_1.

    The condition image is G_r's own baseline frame with its own alpha and its own skeleton.
    """
    condition = made[neighbour]
    cutout = cut(condition.frame, condition.alpha, batch.targets[:, neighbour])
    again = animate(network, cutout, batch.targets[:, i], batch.plate, bf16)
    return difference(made[i].frame, again.frame)


def limb_loss(network: Generator, batch: Batch, bf16: bool) -> torch.Tensor:
    """The once-per-picture network against the true limb labels of the condition image."""
    grid = network.config.grid
    local = (batch.joints[..., :2] * (grid / batch.picture.shape[-1])).astype(np.float32)
    picture, matte = (shrink(p, grid) for p in (batch.picture, batch.matte))
    capsules = limb_distances(local, grid, grid).to(picture.device)
    distances = capsules + foreign_colour(capsules, picture, matte)
    with torch.autocast(picture.device.type, torch.bfloat16, enabled=bf16):
        corrections = network.part_corrections(picture, matte, (1 - distances / 2).clamp_min(0))
    labels = F.interpolate(batch.labels[:, None].float(), (grid, grid), mode="nearest")[:, 0].long()
    return part_loss(distances - corrections, labels)


def discriminator_step(
    state: TrainingState, made: torch.Tensor, truth: torch.Tensor, skeleton: torch.Tensor, bf16: bool
) -> torch.Tensor:
    """One LSGAN update of the discriminator."""
    with torch.autocast(truth.device.type, torch.bfloat16, enabled=bf16):
        real, false = state.discriminator(truth, skeleton), state.discriminator(made, skeleton)
    loss = 0.5 * (realness_loss(real, True) + realness_loss(false, False))
    state.discriminator_optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    state.discriminator_optimiser.step()
    return loss


def set_rate(state: TrainingState, plan: TrainingPlan) -> None:
    """Warm up over 100 steps, then a cosine to a tenth; the discriminator at a third of it."""
    done = state.step / plan.steps
    rate = plan.rate * min(1.0, (state.step + 1) / 100) * (0.1 + 0.9 * 0.5 * (1 + np.cos(np.pi * done)))
    for optimiser, factor in ((state.generator_optimiser, 1.0), (state.discriminator_optimiser, 0.33)):
        for group in optimiser.param_groups:
            group["lr"] = float(rate * factor)


def move_batch(batch: Batch, device: str) -> Batch:
    """The batch with its tensors on `device`."""
    moved: dict[str, Any] = {key: v.to(device) if torch.is_tensor(v) else v for key, v in vars(batch).items()}
    return Batch(**moved)


class Means:
    """A log with one line every `LOG_EVERY` steps, the means of the terms since the last one."""

    def __init__(self, path: Path, step: int) -> None:
        self.path, self.began, self.sums, self.count = path, time.monotonic(), dict[str, float](), 0
        path.parent.mkdir(parents=True, exist_ok=True)
        cut_log(path, step)

    def add(self, step: int, terms: dict[str, float]) -> None:
        """Add one step's terms."""
        for name, value in terms.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
        self.count += 1
        if step % LOG_EVERY:
            return
        means = {name: value / self.count for name, value in self.sums.items()}
        append_log(self.path, step, {"seconds": time.monotonic() - self.began, **means})
        self.sums, self.count = {}, 0


@torch.no_grad()
def show_cases(path: Path, frames: Path, state: TrainingState) -> None:
    """The same 8 fixed cases: picture, truth, puppet and network side by side, two cases a row."""
    from PIL import Image

    from dancegen.lab.train.renderer.cases import fixed_cases

    batch, plate = fixed_cases(frames, LARGE)
    cutout = cut(batch.picture, batch.matte, batch.joints)
    made = animate(state.mean, cutout, batch.targets[:, 0], plate, bf16=False)
    zero = animate(Generator(state.network.config), cutout, batch.targets[:, 0], plate, bf16=False)
    strips = torch.cat([batch.picture, batch.frames[:, 0], zero.frame, made.frame], -1)  # (8, 3, s, 4 s)
    strips = F.pad(strips, (0, 0, 0, 0, 0, 0, 0, len(strips) % 2))  # a small set may have an odd number of scenes
    rows = [torch.cat([strips[i], strips[i + 1]], -1) for i in range(0, len(strips) - 1, 2)]
    picture = torch.cat(rows, 1).clamp(0, 1).permute(1, 2, 0).mul(255).round().byte().cpu().numpy()
    Image.fromarray(picture).save(path)
