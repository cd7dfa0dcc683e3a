"""Train the subject network: one loop over the three networks, each with its own samples, losses and AdamW.

Resumes exactly: samples depend on the step alone, and the state file holds weights, their average and the moments.
"""

from __future__ import annotations

import dataclasses
import json
import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor, nn

from dancegen.bf16 import is_bf16_quicker
from dancegen.errors import DancegenError
from dancegen.lab.train.log import append_log, cut_log
from dancegen.lab.train.subject import losses, samples
from dancegen.lab.train.subject.check import check, choose_cases, sheet
from dancegen.people.network.network import SubjectConfig, SubjectNetwork, load_subject_network
from dancegen.progress import Reporter, SilentReporter
from dancegen.weights.checkpoint import save_checkpoint
from dancegen.weights.run_state import follow, pack, unpack

NETWORKS = ("finder", "segmenter", "painter")
LOG, CHECKS = "log.csv", "checks.csv"


@dataclass(frozen=True)
class TrainSubjectConfig:
    """How it is trained. Sizes in px, the learning rate falls from its peak to 0 on a half cosine.

    Attributes:
        steps: of the whole run; the rate's schedule depends on it.
        learning: the networks that learn; others stay as they are.
        finder_batch, segmenter_batch, painter_batch: samples a step.
        segmenter_every, painter_every: steps between theirs; the finder, which needs most, learns at every step.
        finder_sizes, segmenter_sizes: sides that steps choose from.
        figures: share of the scenes read from the second and further folders (drawn figures, turned people).
        nobody: share of the finder's samples that show no person.
        elsewhere: chance that a person is put on another scene's background; clutter: that this has bars and strokes.
        in_front: chance of bars in front of the person that the finder looks at.
    """

    steps: int = 2400
    seed: int = 0
    rate: float = 2e-3
    warm_up: int = 60
    weight_decay: float = 0.02
    average: float = 0.995
    learning: tuple[str, ...] = NETWORKS
    finder_batch: int = 24
    segmenter_batch: int = 12
    painter_batch: int = 12
    segmenter_every: int = 8
    painter_every: int = 40
    finder_sizes: tuple[int, ...] = (96, 128, 128, 160)
    segmenter_sizes: tuple[int, ...] = (160, 192)
    painter_size: int = 128
    figures: float = 0.6
    nobody: float = 0.07
    elsewhere: float = 0.5
    clutter: float = 0.4
    in_front: float = 0.2
    log_every: int = 10
    check_every: int = 250


def train_subject(
    frames: list[Path],
    out: Path,
    settings: TrainSubjectConfig,
    *,
    config: SubjectConfig | None = None,
    start: Path | None = None,
    minutes: float = math.inf,
    reporter: Reporter | None = None,
) -> Path:
    """Train, or go on training what lies in `out`.

    Args:
        frames: the training sets; the first holds rigged characters, further ones drawn figures.
        out: gets state.safetensors, subject.safetensors (the averaged weights, fp16), log.csv and step_NNNNNN.png.
        settings: the schedule.
        config: the network's sizes, for a new run.
        start: weights that a new run starts from, rather than from nothing; their sizes count, not `config`.
        minutes: stop (and save) after this long; call again to go on.
        reporter: told of the steps.

    Returns:
        The file of the averaged weights.
    """
    reporter = reporter or SilentReporter()
    train_files = [samples.scene_files([folder], "train") for folder in frames]
    cases = choose_cases(samples.scene_files(frames, "val"))
    state_file = out / "state.safetensors"
    earlier = load_subject_network(start) if start is not None and not state_file.exists() else None
    trainer = Trainer(config or SubjectConfig(), settings, earlier)
    first = trainer.load(state_file) if state_file.exists() else 0
    out.mkdir(parents=True, exist_ok=True)
    for log in (LOG, CHECKS):
        cut_log(out / log, first)
    began = time.monotonic()
    reporter.stage("training", settings.steps - first, "steps")
    sums: dict[str, list[float]] = {}
    step = first
    while step < settings.steps and time.monotonic() - began < 60 * minutes:
        for name, value in trainer.step(step, train_files).items():
            sums.setdefault(name, []).append(value)
        step += 1
        reporter.advance()
        if step % settings.log_every == 0:
            means = {name: float(np.mean(values)) for name, values in sums.items()}
            append_log(out / LOG, step, {"seconds": time.monotonic() - began, **means})
            sums = {}
        if step % settings.check_every == 0 or step == settings.steps:
            trainer.save(state_file, step)
            network = trainer.average_network()
            found = check(network, cases)
            append_log(out / CHECKS, step, {"seconds": time.monotonic() - began, **found})
            reporter.note(f"step {step}: " + ", ".join(f"{name} {value:.3f}" for name, value in found.items()))
            sheet(network, cases[:8]).save(out / f"step_{step:06d}.png")
            export(network, out / "subject.safetensors", step, settings)
    trainer.save(state_file, step)
    export(trainer.average_network(), out / "subject.safetensors", step, settings)
    return out / "subject.safetensors"


def export(network: SubjectNetwork, path: Path, step: int, settings: TrainSubjectConfig) -> None:
    """Write the weights as they are shipped: fp16, the config in the metadata."""
    state = {
        name: value.half() if value.is_floating_point() else value
        for name, value in network.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    state |= {name: value for name, value in network.state_dict().items() if name.endswith("num_batches_tracked")}
    save_checkpoint(path, state, network.config, {"step": step, "settings": dataclasses.asdict(settings)})


class Trainer:
    """The network in training: its weights (those of `earlier` at first), their running average and the optimiser."""

    def __init__(
        self, config: SubjectConfig, settings: TrainSubjectConfig, earlier: SubjectNetwork | None = None
    ) -> None:
        self.settings = settings
        torch.manual_seed(settings.seed)  # the layers' own initialisation draws from the global generator
        self.network = earlier or SubjectNetwork(config)
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = {name: value.clone() for name, value in self.network.state_dict().items()}
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(), lr=settings.rate, weight_decay=settings.weight_decay, betas=(0.9, 0.98)
        )

    def step(self, step: int, files: list[list[Path]]) -> dict[str, float]:
        """Train on the samples of one step; returns its losses."""
        rng = np.random.default_rng([self.settings.seed, step])
        self.network.train()
        for group in self.optimiser.param_groups:
            group["lr"] = self._rate(step)
        self.optimiser.zero_grad(set_to_none=True)
        cases = self._cases(files, rng)
        values: dict[str, float] = {}
        for name, every, learn in (
            ("finder", 1, self._finder_step),
            ("segmenter", self.settings.segmenter_every, self._segmenter_step),
            ("painter", self.settings.painter_every, self._painter_step),
        ):
            if name in self.settings.learning and step % every == 0:
                values |= learn(cases, rng)
                nn.utils.clip_grad_norm_(getattr(self.network, name).parameters(), 1.0)
        self.optimiser.step()
        follow(self.average, self.network, self.settings.average, step)
        return values

    def average_network(self) -> SubjectNetwork:
        """The network with the averaged weights, for inference."""
        network = SubjectNetwork(self.network.config)
        network.load_state_dict(self.average)
        return network.eval()

    def save(self, path: Path, step: int) -> None:
        """Write everything that going on needs, whole or not at all."""
        state = pack(self.network, self.average, self.optimiser)
        save_checkpoint(path, state, self.network.config, {"step": step})

    def load(self, path: Path) -> int:
        """Read what `save` wrote; returns the step to go on from."""
        with safe_open(path, "pt") as file:
            step = int(json.loads(file.metadata()["dancegen_notes"])["step"])
        unpack(load_file(path), self.network, self.average, self.optimiser)
        return step

    def _rate(self, step: int) -> float:
        rise = min(1.0, (step + 1) / self.settings.warm_up)
        return self.settings.rate * rise * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / self.settings.steps)))

    def _cases(self, files: list[list[Path]], rng: np.random.Generator) -> list[samples.Case]:
        """Three frames each of as many scenes as the finder's batch needs."""
        cases: list[samples.Case] = []
        while len(cases) < self.settings.finder_batch:
            drawn = len(files) > 1 and rng.random() < self.settings.figures
            choice = files[int(rng.integers(1, len(files)))] if drawn else files[0]
            which = tuple(int(i) for i in rng.choice(8, 3, replace=False))
            try:
                cases += samples.read_cases(choice[int(rng.integers(len(choice)))], which)
            except (OSError, ValueError, KeyError) as cause:
                raise DancegenError("a training scene could not be read", "make it again: delete its file") from cause
        return cases[: self.settings.finder_batch]

    def _backdrop(self, cases: list[samples.Case], rng: np.random.Generator) -> np.ndarray | None:
        if rng.random() >= self.settings.elsewhere:
            return None
        background = cases[int(rng.integers(len(cases)))].background
        return samples.add_clutter(background, rng) if rng.random() < self.settings.clutter else background

    def _finder_step(self, cases: list[samples.Case], rng: np.random.Generator) -> dict[str, float]:
        size = int(rng.choice(self.settings.finder_sizes))
        cases = [samples.without_person(c) if rng.random() < self.settings.nobody else c for c in cases]
        batch = samples.gather(
            [samples.cut(c, samples.finder_view(c, rng), size, rng, self._backdrop(cases, rng)) for c in cases], rng
        )
        picture = samples.add_bars(batch.picture, self.settings.in_front, rng)
        with torch.autocast("cpu", torch.bfloat16, enabled=is_bf16_quicker()):
            heat, present = self.network.finder(_channels_last(picture))
        heat_loss, present_loss = losses.finder_loss(heat, present, batch)
        (heat_loss + losses.PRESENT_WEIGHT * present_loss).backward()
        return {"heat": heat_loss.item(), "present": present_loss.item()}

    def _segmenter_step(self, cases: list[samples.Case], rng: np.random.Generator) -> dict[str, float]:
        size = int(rng.choice(self.settings.segmenter_sizes))
        some = [cases[i] for i in rng.permutation(len(cases))[: self.settings.segmenter_batch]]
        batch = samples.gather(
            [samples.cut(c, samples.segmenter_view(c, rng), size, rng, self._backdrop(cases, rng)) for c in some], rng
        )
        joints, known = samples.noisy_joints(batch.joints, batch.present, rng)
        with torch.autocast("cpu", torch.bfloat16, enabled=is_bf16_quicker()):
            mask, parts = self.network.segmenter(_channels_last(batch.picture), joints, known)
        entropy, dice = losses.mask_loss(mask, batch)
        limbs = losses.parts_loss(parts, batch)
        (entropy + losses.DICE_WEIGHT * dice + losses.PARTS_WEIGHT * limbs).backward()
        return {"mask": entropy.item(), "dice": dice.item(), "parts": limbs.item()}

    def _painter_step(self, cases: list[samples.Case], rng: np.random.Generator) -> dict[str, float]:
        size = self.settings.painter_size
        some = [cases[i] for i in rng.permutation(len(cases))[: self.settings.painter_batch]]
        cut = [samples.cut(c, samples.finder_view(c, rng), size, rng, c.background) for c in some]
        empty = [dataclasses.replace(c, picture=c.background) for c in some]
        views = [samples.finder_view(c, rng) for c in some]
        truths = [samples.cut(c, v, size, rng, None)[0] for c, v in zip(empty, views, strict=True)]
        truth = samples.vary_colours(torch.stack(truths), rng)
        hole = samples.holes(torch.stack([sample[1] for sample in cut]), rng)
        with torch.autocast("cpu", torch.bfloat16, enabled=is_bf16_quicker()):
            painted = self.network.painter(_channels_last(truth), hole)
        loss = losses.plate_loss(painted, truth, hole)
        loss.backward()
        return {"plate": loss.item()}


def _channels_last(picture: Tensor) -> Tensor:
    return picture.contiguous(memory_format=torch.channels_last)
