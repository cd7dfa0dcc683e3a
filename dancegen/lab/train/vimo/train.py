"""Train the motion network: one loop, AdamW, a running mean of the weights.

Resumes exactly: the samples and the noise of a step depend on (seed, step) alone, and the state file holds weights,
their mean and the optimiser's moments.

Glossary: B windows, S frames, X numbers of movement.
"""

from __future__ import annotations

import dataclasses
import math
import time
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from dancegen.bf16 import is_bf16_quicker
from dancegen.capture.diffusion import add_noise
from dancegen.capture.movement import canonical_numbers
from dancegen.capture.network import Memory, Vimo, VimoConfig
from dancegen.errors import DancegenError
from dancegen.lab.datasets.performances import (
    Performances,
    load_performances,
    read_performances,
    save_performances,
)
from dancegen.lab.synthetic.cameras import Casual
from dancegen.lab.train.log import append_log, cut_log
from dancegen.lab.train.vimo.losses import LossWeights, losses
from dancegen.lab.train.vimo.samples import Windows, draw, generator_of
from dancegen.lab.train.vimo.units import revive_units
from dancegen.progress import Reporter, SilentReporter
from dancegen.weights.checkpoint import NOTES_KEY, load_checkpoint, read_metadata, save_checkpoint
from dancegen.weights.run_state import follow, pack, unpack

STATE, WEIGHTS, LOG, MATERIAL = "state.safetensors", "vimo.safetensors", "log.csv", "material.npz"
MEAN = "mean.safetensors"
SPREAD_WINDOWS = 256  # that the numbers' centres and spreads are measured on
UNIT_WINDOWS = 64  # among which a unit that is alive wakes
LEAST_SPREAD = 0.1  # of a number that hardly moves, so that no noise of the capture is blown up
LATE = 0.3  # of the time before the end that is late
SECOND = (0.3, 0.7)  # times of the second step of sampling, which is at 0.5
LOSSES = tuple(LossWeights.__dataclass_fields__)


@dataclass(frozen=True)
class TrainVimoConfig:
    """How it is trained; the rate stays at its peak and falls to 0 over the last `cooling` of the steps.

    A run may be ended early: go on with fewer `steps`, and it cools down at once.
    """

    steps: int = 10000
    seed: int = 0
    batch: int = 32
    rate: float = 8e-4
    warm_up: int = 500
    cooling: float = 0.7
    weight_decay: float = 0.02
    average: float = 0.997
    dropped: float = 0.25  # of the windows are shown no 2D sequence
    late: float = 0.6  # of the windows are nearly or all noise, where only the 2D sequence tells what was danced
    calm: float = 0.6  # of the windows with 2D have noise of less spread, as a clip's first sample begins with
    own: float = 0.4  # of the windows with 2D are what the network said of noise alone, as in sampling's second step
    foot_from: int = 1000  # the step from which on feet count: before, saying "no contact" would be the cheap way out
    save_every: int = 100
    weights: LossWeights = field(default_factory=LossWeights)
    casual: Casual = field(default_factory=Casual)


def train_vimo(
    data: Path,
    out: Path,
    settings: TrainVimoConfig,
    *,
    config: VimoConfig | None = None,
    begin: Path | None = None,
    minutes: float = math.inf,
    reporter: Reporter | None = None,
) -> Path:
    """Train, or go on training what lies in `out`.

    Args:
        data: a folder of NAME.npz motions, as `lab/datasets/data.py` reads them.
        out: gets material.npz, state.safetensors, vimo.safetensors (the mean weights, fp16) and log.csv.
        settings: the schedule.
        config: the network's sizes, for a new run.
        begin: weights that a new run begins with, of these sizes; dead units begin anew.
        minutes: stop (and save) after this long; call again to go on.
        reporter: told of the steps.

    Returns:
        The file of the mean weights.
    """
    reporter = reporter or SilentReporter()
    out.mkdir(parents=True, exist_ok=True)
    performances = material(data, out / MATERIAL, reporter)
    trainer = Trainer(config or VimoConfig(), settings, performances)
    if (out / STATE).exists():
        trainer.load(out / STATE)
        cut_log(out / LOG, trainer.step)
    elif begin is not None:
        trainer.begin(begin)
    began, sums = time.monotonic(), []
    reporter.stage("training", settings.steps - trainer.step, "steps")
    while trainer.step < settings.steps and time.monotonic() - began < 60 * minutes:
        sums.append(trainer.advance())
        reporter.advance()
        if trainer.step % settings.save_every == 0 or trainer.step == settings.steps:
            mean = {name: sum(one[name] for one in sums) / len(sums) for name in LOSSES}
            append_log(out / LOG, trainer.step, {"cpu_seconds": time.process_time(), **mean})
            trainer.save(out / STATE)
            trainer.export(out / WEIGHTS)
            sums = []
    trainer.save(out / STATE)
    return trainer.export(out / WEIGHTS)


def material(data: Path, kept: Path, reporter: Reporter) -> Performances:
    """The training motion, read once for a run."""
    if not kept.exists():
        reporter.stage("reading motion")
        save_performances(kept, read_performances(data))
    return load_performances(kept)


class Trainer:
    """The network in training, the running mean of its weights, and the optimiser."""

    def __init__(self, config: VimoConfig, settings: TrainVimoConfig, performances: Performances) -> None:
        self.settings, self.performances, self.step = settings, performances, 0
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            self.network = Vimo(config)
        self.measure()
        self.mean = {name: value.clone() for name, value in self.network.state_dict().items()}
        parameters, decay = self.network.parameters(), settings.weight_decay
        self.optimiser = torch.optim.AdamW(
            parameters, lr=settings.rate, betas=(0.9, 0.99), weight_decay=decay, fused=True
        )

    def measure(self) -> None:
        """Set the centres and spreads of the numbers of movement."""
        drawn = self.draw(SPREAD_WINDOWS, generator_of(self.settings.seed, 0))
        moved, sight = drawn.moved.flatten(0, 1), drawn.sight.flatten(0, 1)
        self.network.centre.copy_(moved.mean(0))
        self.network.spread.copy_(moved.std(0).clamp(min=LEAST_SPREAD))
        self.network.sight_centre.copy_(sight.mean(0))
        self.network.sight_spread.copy_(sight.std(0).clamp(min=LEAST_SPREAD))

    def draw(self, count: int, generator: torch.Generator) -> Windows:
        """Windows of training."""
        return draw(self.performances, count, self.network.config.frames, self.settings.casual, generator)

    def advance(self) -> dict[str, float]:
        """One step; returns the losses, unweighted."""
        settings, network = self.settings, self.network
        generator = generator_of(settings.seed, self.step + 1)
        drawn = self.draw(settings.batch, generator)
        with torch.autocast("cpu", torch.bfloat16, enabled=is_bf16_quicker()):
            if network.config.noise:
                made = self.denoise(drawn.moved, drawn.sight, generator)
            else:
                made = network.regress(drawn.sight)
        made = made.float() * network.spread + network.centre
        found = losses(made, drawn.moved, network.spread, drawn.view, drawn.seen)
        weights = dataclasses.asdict(settings.weights)
        if self.step < settings.foot_from:
            weights["foot"] = 0.0
        total = torch.stack([weights[name] * value for name, value in found.items()]).sum()
        self.optimiser.zero_grad(set_to_none=True)
        total.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        for group in self.optimiser.param_groups:
            group["lr"] = self.rate()
        self.optimiser.step()
        follow(self.mean, self.network, self.settings.average, self.step)
        self.step += 1
        return {name: float(value.detach()) for name, value in found.items()}

    def denoise(self, clean: Tensor, sight: Tensor, generator: torch.Generator) -> Tensor:
        """What the network says of noisy movement, at random times; of some windows it is shown nothing.

        Where the movement in the noise is what the network itself said, it learns to mend that: sampling never has the
        truth in its noise.
        """
        network, count = self.network, len(clean)
        clean = (clean - network.centre) / network.spread
        at = torch.rand(count, generator=generator)
        late = torch.rand(count, generator=generator) < self.settings.late
        at = torch.where(late, 1 - at.square() * LATE, at)
        noise = torch.randn(clean.shape, generator=generator)
        shown = torch.rand(count, generator=generator) >= self.settings.dropped
        draw = torch.rand(4, count, generator=generator)
        noise = noise * torch.where(shown & (draw[0] < self.settings.calm), draw[1], 1.0)[:, None, None]
        memory = network.watch(sight, shown)
        own = shown & (draw[2] < self.settings.own)
        at = torch.where(own, SECOND[0] + (SECOND[1] - SECOND[0]) * draw[3], at)
        with torch.no_grad():
            said = network.denoise(noise[own], torch.ones(int(own.sum())), Memory(*(one[own] for one in memory)))
        said = canonical_numbers(said.float() * network.spread + network.centre)
        clean[own] = (said - network.centre) / network.spread
        return network.denoise(add_noise(clean, at, noise), at, memory)

    def begin(self, weights: Path) -> None:
        """Take over weights, of a regression too; what nothing in training wakes in them begins anew.

        Raises:
            DancegenError: they are of other sizes.
        """
        config, state = load_checkpoint(weights, VimoConfig)
        if dataclasses.replace(config, noise=self.network.config.noise) != self.network.config:
            raise DancegenError(f"{weights} has other sizes", "begin with weights of the same sizes")
        self.network.load_state_dict({name: value.float() for name, value in state.items()})
        generator = generator_of(self.settings.seed, 0)
        drawn = self.draw(UNIT_WINDOWS, generator)
        revive_units(self.network, drawn.moved, drawn.sight, generator)
        self.mean = {name: value.clone() for name, value in self.network.state_dict().items()}

    def rate(self) -> float:
        """The learning rate of this step."""
        settings = self.settings
        rise = min(1.0, (self.step + 1) / settings.warm_up)
        return settings.rate * min(rise, (settings.steps - self.step) / (settings.steps * settings.cooling))

    def save(self, path: Path) -> None:
        """Write everything that going on needs, whole or not at all."""
        state = pack(self.network, self.mean, self.optimiser)
        save_checkpoint(path, state, self.network.config, self.notes())

    def load(self, path: Path) -> None:
        """Read what `save` wrote.

        Raises:
            DancegenError: it is a run of other sizes or options; fewer or more steps are the same run.
        """
        config, stored = load_checkpoint(path, VimoConfig)
        notes = read_metadata(path)[NOTES_KEY]
        if config != self.network.config or notes["settings"] != self.notes()["settings"]:
            raise DancegenError(f"{path} is a run with other options", "give the same options or another --out")
        unpack(stored, self.network, self.mean, self.optimiser)
        self.step = int(notes["step"])

    def notes(self) -> dict[str, object]:
        """What is said of a run in its files; `settings` without the steps, which may change."""
        settings = dataclasses.asdict(self.settings)
        settings["casual"]["noise"] = list(settings["casual"]["noise"])
        return {"step": self.step, "steps": settings.pop("steps"), "settings": settings}

    def export(self, path: Path) -> Path:
        """Write the mean weights as they are shipped: fp16, the config in the metadata."""
        save_checkpoint(
            path, {name: value.half() for name, value in self.mean.items()}, self.network.config, self.notes()
        )
        return path


def mean_of(first: Path, second: Path, out: Path) -> Path:
    """Write the mean of two weights files that began with the same weights, the first's notes beside it.

    Raises:
        DancegenError: they are of other sizes.
    """
    (config, state), (other, added) = (load_checkpoint(path, VimoConfig) for path in (first, second))
    if dataclasses.replace(other, noise=config.noise) != config:
        raise DancegenError(f"{second} has other sizes than {first}", "give weights that began with the same ones")
    mean = {name: ((value.float() + added[name].float()) / 2).half() for name, value in state.items()}
    save_checkpoint(out, mean, config, read_metadata(first)[NOTES_KEY])
    return out
