"""What both trainings of HotDance share: a network, the running mean of its weights, AdamW, a state that goes on.

All randomness of step n comes from (seed, n), so that a run that was interrupted goes on exactly.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from dancegen.errors import DancegenError
from dancegen.lab.train.log import append_log, cut_log
from dancegen.progress import Reporter, SilentReporter
from dancegen.weights.checkpoint import NOTES_KEY, load_checkpoint, read_metadata, save_checkpoint
from dancegen.weights.run_state import follow, pack, unpack

STATE, LOG = "state.safetensors", "log.csv"
LOG_EVERY = 50  # steps
LEAST_RATE = 0.02  # of the peak


@dataclass(frozen=True)
class Schedule:
    """How long and how fast; a run that goes on with fewer `steps` cools down at once.

    Attributes:
        steps: in all.
        rate: the learning rate at its peak.
        warm_up: steps until it.
        cooling: share of the steps over which it falls again.
        weight_decay: of AdamW.
        average: how much of itself the running mean keeps in a step.
        seed: of everything.
        save_every: steps.
    """

    steps: int
    rate: float = 1e-3
    warm_up: int = 200
    cooling: float = 0.5
    weight_decay: float = 0.01
    average: float = 0.998
    seed: int = 0
    save_every: int = 250


class Run:
    """A network in training.

    Args:
        network: has its frozen dataclass as `config`.
        schedule: how it is trained.
        losses: (step, generator) -> the loss to follow, and what is logged, by name.
    """

    def __init__(
        self,
        network: nn.Module,
        schedule: Schedule,
        losses: Callable[[torch.Generator], tuple[Tensor, dict[str, Tensor]]],
    ) -> None:
        self.network, self.schedule, self.losses, self.step = network, schedule, losses, 0
        self.mean = {name: value.detach().clone() for name, value in network.state_dict().items()}
        self.optimiser = torch.optim.AdamW(
            [p for p in network.parameters() if p.requires_grad],
            lr=schedule.rate,
            betas=(0.9, 0.98),
            weight_decay=schedule.weight_decay,
        )

    def advance(self) -> dict[str, float]:
        """One step; returns what is logged."""
        loss, told = self.losses(generator_of(self.schedule.seed, self.step + 1))
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_([p for p in self.network.parameters() if p.requires_grad], 1.0)
        for group in self.optimiser.param_groups:
            group["lr"] = self.rate()
        self.optimiser.step()
        follow(self.mean, self.network, self.schedule.average, self.step)
        self.step += 1
        return {name: float(value.detach()) for name, value in told.items()}

    def rate(self) -> float:
        """The learning rate of this step."""
        plan = self.schedule
        rise = min(1.0, (self.step + 1) / plan.warm_up)
        left = min(1.0, (plan.steps - self.step) / (plan.steps * plan.cooling))
        fall = LEAST_RATE + (1 - LEAST_RATE) * 0.5 * (1 - math.cos(math.pi * left))
        return plan.rate * min(rise, fall)

    def save(self, folder: Path) -> None:
        """Write everything that going on needs, whole or not at all."""
        notes = {"step": self.step}
        config: Any = self.network.config
        save_checkpoint(folder / STATE, pack(self.network, self.mean, self.optimiser), config, notes)

    def load(self, folder: Path) -> None:
        """Go on from what `save` wrote.

        Raises:
            DancegenError: it is of other sizes.
        """
        config: Any = self.network.config
        stored, state = load_checkpoint(folder / STATE, type(config))
        if stored != config:
            raise DancegenError(f"{folder} holds a run with other sizes", "give another --out or the same sizes")
        self.step = int(read_metadata(folder / STATE)[NOTES_KEY]["step"])
        unpack(state, self.network, self.mean, self.optimiser)


def generator_of(seed: int, step: int) -> torch.Generator:
    """The randomness of one step."""
    return torch.Generator().manual_seed(seed * 1_000_003 + step)


def go_on(run: Run, folder: Path, minutes: float = math.inf, reporter: Reporter | None = None) -> None:
    """Train in `folder`, from its saved state if there is one, to the end of the schedule or for so many minutes."""
    reporter = reporter or SilentReporter()
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / STATE).exists():
        run.load(folder)
        cut_log(folder / LOG, run.step)
        reporter.note(f"going on from step {run.step}")
    reporter.stage("training", max(run.schedule.steps - run.step, 0), "steps")
    sums: dict[str, list[float]] = {}
    began = time.monotonic()
    while run.step < run.schedule.steps and time.monotonic() - began < 60 * minutes:
        for name, value in run.advance().items():
            sums.setdefault(name, []).append(value)
        reporter.advance()
        if run.step % LOG_EVERY == 0:
            row = {name: round(sum(values) / len(values), 5) for name, values in sums.items()}
            append_log(folder / LOG, run.step, row | {"seconds": round(time.process_time(), 1)})
            sums.clear()
        if run.step % run.schedule.save_every == 0:
            run.save(folder)
    run.save(folder)
