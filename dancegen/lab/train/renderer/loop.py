"""`dancegen train renderer`: one loop, read from top to bottom.

A step draws a batch of scenes (seeded by the step, so that a resumed run sees what an uninterrupted one would), makes
each run's frames with G_r, adds the regularisations of equations 3-6, and updates G_r and the discriminator. State is
kept in one safetensors file; the weights that are shipped are a running mean of the trained ones.

Glossary: B scenes, T targets of each, s the trained side.
"""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from dancegen.lab.train.log import append_log, cut_log
from dancegen.lab.train.renderer.judged import Judged
from dancegen.lab.train.renderer.losses import feature_matching, realness_loss, total
from dancegen.lab.train.renderer.plan import TrainingPlan
from dancegen.lab.train.renderer.puppet_task import PuppetTask
from dancegen.lab.train.renderer.shell_task import ShellTask
from dancegen.lab.train.renderer.state import Sizes, TrainingState, export, restore, save
from dancegen.progress import Reporter, SilentReporter
from dancegen.renderers.retouch.shells import ShellConfig

SMALL, LARGE = 128, 256  # the trained sides, pixels
SAVE_EVERY = 100
LOG_EVERY = 20


class Task(Protocol):
    """A kind of G_r: of the puppet, or of the avatar."""

    def find_scenes(self, frames: Path, split: str) -> list[Path]:
        """The scenes of a split."""
        ...

    def make_batch(
        self, scenes: list[Path], batch: int, side: int, in_runs: bool, rng: np.random.Generator, device: str
    ) -> Any:
        """A batch of random scenes; their targets are a run where `in_runs`, else any frames."""
        ...

    def terms(
        self, network: Any, batch: Any, plan: TrainingPlan, regularised: bool, rng: np.random.Generator
    ) -> tuple[Judged, dict[str, torch.Tensor]]:
        """What the discriminator looks at, and every term that needs none."""
        ...

    def show_cases(self, path: Path, frames: Path, network: Any, side: int) -> None:
        """A picture of the same validation cases."""
        ...


def task_of(config: Sizes) -> Task:
    """Whose G_r has such sizes."""
    return ShellTask() if isinstance(config, ShellConfig) else PuppetTask()


def train(
    frames: Path,
    out: Path,
    plan: TrainingPlan,
    config: Sizes,
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
    task = task_of(config)
    scenes = task.find_scenes(frames, "train")
    state = restore(out, asdict(plan), TrainingState.begin(config, plan.seed, device, start))
    log = Means(out / "log.csv", state.step)
    reporter.stage("training", plan.steps - state.step, "steps")
    while state.step < plan.steps:
        rng = np.random.default_rng([plan.seed, state.step])
        in_runs = state.step >= plan.regularise_from * plan.steps  # every variant of the ablation sees the same frames
        side = LARGE if state.step >= plan.large_from * plan.steps else SMALL
        batch = task.make_batch(scenes, plan.batch, side, in_runs, rng, device)
        terms = train_step(state, plan, batch, in_runs, rng)
        state.step += 1
        log.add(state.step, terms)
        reporter.advance()
        if state.step % SAVE_EVERY == 0 or state.step == plan.steps:
            save(out, state, asdict(plan))
            export(out / "renderer.safetensors", state, asdict(plan))
            task.show_cases(out / f"cases_{state.step:06d}.png", frames, state.mean, LARGE)
    return out / "renderer.safetensors"


def train_step(
    state: TrainingState, plan: TrainingPlan, batch: Any, regularised: bool, rng: np.random.Generator
) -> dict[str, float]:
    """One update of G_r and, where it takes part, of the discriminator; the terms' values."""
    adversarial = plan.gan and state.step >= plan.adversarial_from * plan.steps
    set_rate(state, plan)
    (frames, truth, condition), terms = task_of(state.network.config).terms(
        state.network, batch, plan, regularised, rng
    )
    if adversarial:
        with torch.autocast(truth.device.type, torch.bfloat16, enabled=plan.bf16):
            judged, real = state.discriminator(frames, condition), state.discriminator(truth, condition)
        terms["gan"] = realness_loss(judged, True)
        terms["features"] = feature_matching(judged, real)
    state.generator_optimiser.zero_grad(set_to_none=True)
    loss = total(terms)
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(state.network.parameters(), 1.0)
    state.generator_optimiser.step()
    if adversarial:
        terms["judge"] = discriminator_step(state, frames.detach(), truth, condition, plan.bf16)
    state.update_mean()
    return {"loss": float(loss.detach()), **{name: float(value.detach()) for name, value in terms.items()}}


def discriminator_step(
    state: TrainingState, made: torch.Tensor, truth: torch.Tensor, condition: torch.Tensor, bf16: bool
) -> torch.Tensor:
    """One LSGAN update of the discriminator."""
    with torch.autocast(truth.device.type, torch.bfloat16, enabled=bf16):
        real, false = state.discriminator(truth, condition), state.discriminator(made, condition)
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
