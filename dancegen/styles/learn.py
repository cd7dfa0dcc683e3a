"""A style from a few dances: a copy of the prior, joined to the frozen one, learns their phrases.

A run that was stopped goes on exactly: what a step draws depends on (seed, step) alone, and the state file holds the
copy, its running mean and the optimiser's moments.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from dancegen.bf16 import is_bf16_quicker
from dancegen.choreographers.stg_mamba.imagine import Asked, carry
from dancegen.choreographers.stg_mamba.learnt import StyleBranch, StyleConfig, StyledPrior
from dancegen.choreographers.stg_mamba.model import Choreographer
from dancegen.choreographers.stg_mamba.prior import common_codes
from dancegen.errors import DancegenError
from dancegen.progress import Reporter
from dancegen.styles.flow import Phrases, flow_loss
from dancegen.weights.checkpoint import NOTES_KEY, load_checkpoint, read_metadata, save_checkpoint
from dancegen.weights.run_state import follow, pack, unpack

DRAWN = 96  # phrases that a style's size is measured on
SIZES = (0.9, 1.4)  # beyond is no style's, but one that has hardly been learnt


@dataclass(frozen=True)
class Training:
    """How a style is trained: the rate rises for `warm_up` steps and falls to 0 at the last."""

    steps: int = 800
    seed: int = 0
    batch: int = 48
    rate: float = 1e-3
    warm_up: int = 40
    weight_decay: float = 0.02
    average: float = 0.99
    save_every: int = 25


def learn(
    network: Choreographer,
    base: str,
    phrases: dict[int, Phrases],
    training: Training,
    state: Path,
    reporter: Reporter,
) -> StyleBranch:
    """Train the copy, or go on training what lies in `state`.

    Args:
        network: the choreographer; it stays as it is.
        base: sha256 of its weights.
        phrases: what is learnt, by meter.
        training: how.
        state: the file of a run that was stopped, and of this one while it runs.
        reporter: told of the steps; Ctrl-C in it stops the work.
    """
    trainer = Trainer(network, base, phrases, training)
    if state.exists():
        trainer.load(state)
    reporter.stage("learning the style", training.steps - trainer.step, "steps")
    while trainer.step < training.steps:
        trainer.advance()
        reporter.advance()
        if trainer.step % training.save_every == 0 or trainer.step == training.steps:
            trainer.save(state)
    return trainer.branch_of_mean()


@torch.inference_mode()
def measure_size(network: Choreographer, branch: StyleBranch, phrases: dict[int, Phrases], seed: int) -> float:
    """How much larger the phrases of the commoner meter are than what is imagined to the same music."""
    meter = max(phrases, key=lambda one: len(phrases[one]))
    generator, learnt = torch.Generator().manual_seed(seed), phrases[meter]
    rows = torch.randint(len(learnt), (DRAWN,), generator=generator)
    goal = learnt.codes[rows]  # (B, K, D)
    noise = torch.randn((len(rows), 1, *goal.shape[1:]), generator=generator)
    beside = common_codes(goal, goal, torch.zeros(len(rows), 2))
    asked = Asked(learnt.sound[rows], learnt.facts[rows], beside, learnt.style[rows], meter)
    prior: Any = StyledPrior(network.prior, branch).eval()  # asked as a `Prior` is
    drawn = carry(prior, noise, asked)[:, 0]
    return float((goal.square().sum() / drawn.square().sum()).sqrt().clamp(*SIZES))


class Trainer:
    """The copy in training, its running mean and the optimiser."""

    def __init__(self, network: Choreographer, base: str, phrases: dict[int, Phrases], training: Training) -> None:
        self.training, self.phrases, self.step = training, phrases, 0
        self.sizes, self.config = network.config, StyleConfig(base, network.config.prior_blocks)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(training.seed)
            self.branch = StyleBranch(network.config)
        self.branch.begin_as(network.prior)
        self.prior = StyledPrior(network.prior.requires_grad_(False), self.branch)
        self.mean = {name: value.clone() for name, value in self.branch.state_dict().items()}
        self.optimiser = torch.optim.AdamW(
            self.branch.parameters(), lr=training.rate, betas=(0.9, 0.98), weight_decay=training.weight_decay
        )

    def advance(self) -> float:
        """One step; returns the loss."""
        generator = torch.Generator().manual_seed(self.training.seed * 1_000_003 + self.step)
        sizes = torch.tensor([float(len(each)) for each in self.phrases.values()])
        meter = list(self.phrases)[int(torch.multinomial(sizes, 1, generator=generator))]
        rows = torch.randint(len(self.phrases[meter]), (self.training.batch,), generator=generator)
        with torch.autocast("cpu", torch.bfloat16, enabled=is_bf16_quicker()):  # the noise of the draws is far larger
            loss = flow_loss(self.prior, self.phrases[meter], rows, meter, generator)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.branch.parameters(), 1.0)
        self.optimiser.param_groups[0]["lr"] = self.rate()
        self.optimiser.step()
        follow(self.mean, self.branch, self.training.average, self.step)
        self.step += 1
        return float(loss.detach())

    def rate(self) -> float:
        """The learning rate of this step."""
        rise = min(1.0, (self.step + 1) / self.training.warm_up)
        return self.training.rate * rise * 0.5 * (1 + math.cos(math.pi * self.step / self.training.steps))

    def branch_of_mean(self) -> StyleBranch:
        """The copy with the mean weights."""
        branch = StyleBranch(self.sizes)
        branch.load_state_dict(self.mean)
        return branch.eval()

    def save(self, path: Path) -> None:
        """Write all that going on needs, whole or not at all."""
        state = pack(self.branch, self.mean, self.optimiser)
        save_checkpoint(path, state, self.config, self._notes())

    def load(self, path: Path) -> None:
        """Read what `save` wrote.

        Raises:
            DancegenError: it is a run of other options, or for another choreographer.
        """
        config, stored = load_checkpoint(path, StyleConfig)
        notes = read_metadata(path)[NOTES_KEY]
        if config != self.config or notes["training"] != self._notes()["training"]:
            raise DancegenError(f"{path} is a run with other options", "give the same ones, or remove it")
        unpack(stored, self.branch, self.mean, self.optimiser)
        self.step = int(notes["step"])

    def _notes(self) -> dict[str, object]:
        return {"step": self.step, "training": dataclasses.asdict(self.training)}
