"""The training loop of the choreographer, in one place to read.

Each step draws windows of dances, lets the posterior say which movement each unit of two beats is, lets the
choreographer dance it to the music, and compares. From some step on, every second step also dances a few windows to
another song's noise, for which only the discriminator can say whether they look like dancing. A run that was
interrupted goes on exactly where its last save was: networks, averages, optimisers and random generator are all in
`state.safetensors`.

Glossary: B batch, F pieces, T poses, Q units, Z noise.
"""

from __future__ import annotations

import csv
import json
import math
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

from dancegen.body.sequence import rooted_paths
from dancegen.choreographers.stg_mamba.config import ChoreographerConfig
from dancegen.choreographers.stg_mamba.model import Choreographer
from dancegen.errors import DancegenError
from dancegen.lab.datasets.batches import Batch, draw_batch, draw_styles
from dancegen.lab.datasets.data import Material
from dancegen.lab.datasets.motion import Motion
from dancegen.lab.datasets.placing import Stage
from dancegen.lab.train.log import append_log, cut_log
from dancegen.lab.train.stg_mamba.losses import (
    PERCEPTUAL_LAYERS,
    LossWeights,
    feature_gap,
    reconstruction,
)
from dancegen.lab.train.stg_mamba.networks import Discriminator, GenreNetwork
from dancegen.progress import Reporter, SilentReporter
from dancegen.weights.run_state import follow, moments_of, part_of, restore_moments

LOSS_NAMES = (*LossWeights.__dataclass_fields__, "critic")
JUDGED_EVERY = 4  # steps: judges are costly
GENRE_POSES = 60  # of a stretch that a style is told by while training
GENRE_BATCH, GENRE_RATE = 32, 3e-3
STATE, LOG, OPTIONS = "state.safetensors", "log.csv", "options.json"


@dataclass(frozen=True)
class TrainOptions:
    """How to train; stored beside the state, and a resumed run must have the same."""

    steps: int = 4500
    batch: int = 8
    pieces: int = 64
    learning_rate: float = 1e-3
    critic_rate: float = 4e-4
    warmup: int = 100
    average: float = 0.998
    genre_steps: int = 500
    style_dropout: float = 0.3
    seed: int = 0
    save_every: int = 200
    judged_from: int = 600  # the step from which on the critic and the genre network judge
    weights: LossWeights = field(default_factory=LossWeights)


class Trainer:
    """The networks, optimisers and random state of one run.

    Args:
        config: the choreographer's sizes.
        options: how to train.
        stage: draws windows of music and dance.
        motions: performances, to learn the styles from.
        device: where to train.
    """

    def __init__(
        self,
        config: ChoreographerConfig,
        options: TrainOptions,
        stage: Stage,
        motions: list[Motion],
        device: torch.device,
    ) -> None:
        self.config, self.options, self.device, self.step = config, options, device, 0
        self.generator = torch.Generator().manual_seed(options.seed)
        self.stage, self.motions = stage, motions
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(options.seed)
            self.network = Choreographer(config).to(device)
            self.critic = Discriminator(config).to(device)
            self.genre = GenreNetwork().to(device)
        self.average = {name: value.detach().clone() for name, value in self.network.state_dict().items()}
        makers = [value for name, value in self.network.named_parameters() if not name.startswith("prior.")]
        self.optimiser = torch.optim.AdamW(makers, lr=options.learning_rate, betas=(0.9, 0.98), weight_decay=0.01)
        self.critic_optimiser = torch.optim.Adam(self.critic.parameters(), lr=options.critic_rate, betas=(0.5, 0.99))

    @property
    def modules(self) -> dict[str, nn.Module]:
        """All networks by the name under which they are saved."""
        return {"network": self.network, "critic": self.critic, "genre": self.genre}

    def begin_as(self, start: Choreographer) -> None:
        """Take over the weights of the network that dances phrases."""
        own = {k: v for k, v in start.state_dict().items() if not k.startswith(("prior.", "phrases."))}
        self.network.load_state_dict(self.network.state_dict() | own)
        self.average |= {name: value.detach().clone() for name, value in own.items()}

    def train_genre(self) -> float:
        """Train the genre network on the performances; its accuracy over the last steps, in %."""
        hits = fit_genre(self.genre, self.motions, self.options.genre_steps, self.generator, self.device)
        hold_still(self.genre)
        return hits

    def draw(self) -> Batch:
        """The next batch."""
        return draw_batch(self.stage, self.options.batch, self.options.pieces, self.generator).to(self.device)

    def advance(self) -> dict[str, float]:
        """One step; returns the losses, unweighted."""
        batch, weights = self.draw(), self.options.weights
        real = self.network.place(batch.directions, batch.root)  # (B, T, V, 3)
        dropped = torch.rand(len(batch.style), generator=self.generator).to(self.device) < self.options.style_dropout
        style = torch.where(dropped[:, None], F.one_hot(dropped * 0, batch.style.shape[1]), batch.style)  # (B, S)
        directions, root, rate = self.network(batch.mel, batch.beats, batch.sketch, style)
        made = self.network.place(directions, root)
        losses = reconstruction(made, real)
        losses["turning"] = (rate - batch.rate).abs().mean()
        judged = self.step >= self.options.judged_from and self.step % JUDGED_EVERY == 0
        if judged:
            losses |= self.judge(made, real, batch)
        total = torch.stack([getattr(weights, name) * value for name, value in losses.items()]).sum()
        self.optimiser.zero_grad()
        total.backward()
        nn.utils.clip_grad_norm_([p for group in self.optimiser.param_groups for p in group["params"]], 30.0)
        self.optimiser.param_groups[0]["lr"] = self.rate()
        self.optimiser.step()
        if judged:
            losses["critic"] = self.train_critic(made.detach(), real, batch)
        self.step += 1
        self.follow()
        return {name: float(value.detach()) for name, value in losses.items()}

    def judge(self, made: Tensor, real: Tensor, batch: Batch) -> dict[str, Tensor]:
        """The losses of the generator that other networks give."""
        scores, made_features = self.critic(made, batch.beats)
        with torch.no_grad():
            _, real_features = self.critic(real, batch.beats)
            _, real_poses = self.genre(real[:, ::2])
        _, made_poses = self.genre(made[:, ::2])
        return {
            "adversarial": (scores - 1).square().mean(),
            "matching": feature_gap(made_features, real_features),
            "perceptual": feature_gap(made_poses, real_poses, PERCEPTUAL_LAYERS),
        }

    def train_critic(self, made: Tensor, real: Tensor, batch: Batch) -> Tensor:
        """One step of the discriminator (least squares)."""
        loss = (
            (self.critic(made, batch.beats)[0]).square().mean()
            + (self.critic(real, batch.beats)[0] - 1).square().mean()
        )
        self.critic_optimiser.zero_grad()
        loss.backward()
        self.critic_optimiser.step()
        return loss.detach()

    def rate(self) -> float:
        """The learning rate: a warm-up, then a cosine down to 2 %."""
        share = torch.tensor(min(1.0, self.step / self.options.steps))
        cosine = 0.02 + 0.98 * 0.5 * (1 + float(torch.cos(torch.pi * share)))
        return self.options.learning_rate * min(1.0, (self.step + 1) / self.options.warmup) * cosine

    @torch.no_grad()
    def follow(self) -> None:
        """Let the averaged weights, which are shipped, follow the trained ones."""
        follow(self.average, self.network, self.options.average, self.step)

    @property
    def optimisers(self) -> dict[str, torch.optim.Optimizer]:
        """By the names that their tensors begin with."""
        return {"optimiser": self.optimiser, "critic_optimiser": self.critic_optimiser}

    def save(self, folder: Path) -> None:
        """Write everything that the next step depends on, whole or not at all."""
        tensors = {
            f"{name}.{key}": value
            for name, module in self.modules.items()
            for key, value in module.state_dict().items()
        }
        tensors |= {f"average.{key}": value for key, value in self.average.items()}
        for name, optimiser in self.optimisers.items():
            tensors |= moments_of(optimiser, name)
        tensors["generator"] = self.generator.get_state()
        part = folder / f".{STATE}.part"
        save_file(
            {key: value.cpu().contiguous().clone() for key, value in tensors.items()}, part, {"step": str(self.step)}
        )
        part.replace(folder / STATE)

    def load(self, folder: Path) -> None:
        """Go on from what `save` wrote."""
        from safetensors import safe_open

        tensors = load_file(folder / STATE)
        with safe_open(folder / STATE, "pt") as file:
            self.step = int(file.metadata()["step"])
        for name, module in self.modules.items():
            module.load_state_dict(part_of(tensors, name))
        self.average = {key: value.to(self.device) for key, value in part_of(tensors, "average").items()}
        for name, optimiser in self.optimisers.items():
            restore_moments(optimiser, part_of(tensors, name))
        self.generator.set_state(tensors["generator"])
        hold_still(self.genre)


def fit_genre(
    genre: GenreNetwork,
    motions: list[Motion],
    steps: int,
    generator: torch.Generator,
    device: torch.device,
    poses: int = GENRE_POSES,
) -> float:
    """Train a genre network on stretches of performances; its accuracy over the last steps, in %."""
    optimiser = torch.optim.AdamW(genre.parameters(), lr=GENRE_RATE, weight_decay=0.01)
    paths, hits = torch.from_numpy(rooted_paths().copy()).to(device), []
    genre.train()
    for step in range(steps):
        directions, root, style = draw_styles(motions, GENRE_BATCH, generator, poses)
        joints = paths @ directions.to(device) + F.pad(root.to(device), (0, 1))[..., None, :]
        logits, _ = genre(joints)
        optimiser.zero_grad()
        F.cross_entropy(logits, style.to(device), label_smoothing=0.05).backward()
        optimiser.param_groups[0]["lr"] = GENRE_RATE * (0.02 + 0.49 * (1 + math.cos(math.pi * step / steps)))
        optimiser.step()
        hits.append(float((logits.argmax(1).cpu() == style).float().mean()))
    return 100 * sum(hits[-50:]) / max(1, len(hits[-50:]))


def hold_still(genre: GenreNetwork) -> None:
    """Let a trained genre network judge, not learn."""
    genre.eval()
    for parameter in genre.parameters():
        parameter.requires_grad_(False)


@dataclass(frozen=True)
class Until:
    """When a call of `train` ends before options.steps: after so many more steps, or after so many minutes."""

    steps: int | None = None
    minutes: float = math.inf


TO_THE_END = Until()


def train(
    config: ChoreographerConfig,
    options: TrainOptions,
    material: Material,
    out: Path,
    *,
    device: torch.device | None = None,
    reporter: Reporter | None = None,
    until: Until = TO_THE_END,
    start: Choreographer | None = None,
) -> Trainer:
    """Train in `out`, from its saved state if there is one, to options.steps.

    It stops earlier where `until` says so; the same call goes on. A new run begins as `start`, if there is one.

    Raises:
        DancegenError: `out` holds a run with other options or sizes.
    """
    reporter = reporter or SilentReporter()
    out.mkdir(parents=True, exist_ok=True)
    trainer = Trainer(config, options, material.stage, material.motions, device or torch.device("cpu"))
    described = json.loads(json.dumps({"config": asdict(config), "options": asdict(options)}))
    if (out / STATE).exists():
        if json.loads((out / OPTIONS).read_text()) != described:
            raise DancegenError(f"{out} holds a run with other options", "give another --out or the same options")
        trainer.load(out)
        cut_log(out / LOG, trainer.step)
        reporter.note(f"going on from step {trainer.step}")
    else:
        (out / OPTIONS).write_text(json.dumps(described, indent=1))
        if start is not None:
            trainer.begin_as(start)
        reporter.note(f"genre network: {trainer.train_genre():.0f} % of windows right")
    last = options.steps if until.steps is None else min(options.steps, trainer.step + until.steps)
    reporter.stage("training", last - trainer.step, "steps")
    sums: dict[str, list[float]] = {}
    begun = time.monotonic()
    while trainer.step < last and time.monotonic() - begun < 60 * until.minutes:
        for name, value in trainer.advance().items():
            sums.setdefault(name, []).append(value)
        reporter.advance()
        if trainer.step % 50 == 0:
            row = {name: round(sum(values) / len(values), 6) for name, values in sums.items()}
            row |= {name: 0.0 for name in LOSS_NAMES if name not in row}
            row["seconds"] = round(time.monotonic() - begun, 1)
            append_log(out / LOG, trainer.step, row)
            sums.clear()
        if trainer.step % options.save_every == 0:
            trainer.save(out)
    trainer.save(out)
    return trainer


def draw_curves(out: Path) -> Path:
    """A picture of the losses in OUT/log.csv, each on its own scale; empty for a run too short to have logged any."""
    try:
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot
    except ImportError as cause:
        what = f"matplotlib is not installed, so there are no curves of {out / LOG}"
        raise DancegenError(what, 'install the extra: pip install "dancegen[train]"') from cause
    rows: list[dict[str, float]] = []
    if (out / LOG).exists():
        with (out / LOG).open(newline="") as file:
            rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    names = [name for name in (rows[0] if rows else {}) if name not in ("step", "seconds")]
    figure, axes = pyplot.subplots(2, math.ceil(max(len(names), 2) / 2), figsize=(14, 5), squeeze=False)
    for axis, name in zip(axes.flat, names, strict=False):
        axis.plot([row["step"] for row in rows], [row[name] for row in rows])
        axis.set_title(name)
    figure.tight_layout()
    figure.savefig(out / "curves.png", dpi=80)
    pyplot.close(figure)
    return out / "curves.png"
