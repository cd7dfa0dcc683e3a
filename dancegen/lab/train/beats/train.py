"""Train the beat network on composed songs: one loop, AdamW, a running mean of the weights.

Resumes exactly: samples depend on the step alone, and the state file holds weights, their mean and the moments.
"""

from __future__ import annotations

import dataclasses
import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from dancegen.audio.network import BeatNet, BeatNetConfig, load_beat_net
from dancegen.lab.datasets.beat_songs import BEAT, DOWNBEAT, Songs, read_songs
from dancegen.lab.train.beats.samples import Batch, batch
from dancegen.lab.train.log import append_log, cut_log
from dancegen.progress import Reporter, SilentReporter
from dancegen.weights.checkpoint import NOTES_KEY, load_checkpoint, read_metadata, save_checkpoint
from dancegen.weights.run_state import follow, pack, unpack

RARE = (3.0, 6.0)  # how much more a frame with a beat, with a downbeat counts than one without
NEXT_TO = 0.5  # target of the frames beside a beat's
CHECKED = 64  # songs of the validation set that a check hears
LOG, COLUMNS = "log.csv", ("seconds", "loss", "beat", "downbeat")


@dataclass(frozen=True)
class TrainBeatsConfig:
    """How it is trained; the learning rate stays at its peak and falls to 0 over the last `cooling` of the steps.

    A run may be ended early: go on with fewer `steps`, and it cools down at once.
    """

    steps: int = 4000
    seed: int = 0
    batch: int = 4
    rate: float = 2e-3
    warm_up: int = 100
    cooling: float = 0.35
    weight_decay: float = 0.01
    average: float = 0.998
    check_every: int = 100


def train_beats(
    songs: Path,
    validation: Path,
    out: Path,
    settings: TrainBeatsConfig,
    *,
    config: BeatNetConfig | None = None,
    start: Path | None = None,
    minutes: float = math.inf,
    reporter: Reporter | None = None,
) -> Path:
    """Train, or go on training what lies in `out`.

    Args:
        songs, validation: folders of `dancegen train songs`, of different seeds.
        out: gets state.safetensors, beats.safetensors (the mean weights, fp16) and log.csv.
        settings: the schedule.
        config: the network's sizes, for a new run.
        start: weights that a new run starts from, rather than from nothing; their sizes count, not `config`.
        minutes: stop (and save) after this long; call again to go on.
        reporter: told of the steps.

    Returns:
        The file of the mean weights.
    """
    reporter = reporter or SilentReporter()
    heard, kept = read_songs(songs), read_songs(validation)
    out.mkdir(parents=True, exist_ok=True)
    state_file = out / "state.safetensors"
    earlier = load_beat_net(start) if start is not None and not state_file.exists() else None
    trainer = Trainer(config or BeatNetConfig(), settings, earlier)
    step = trainer.load(state_file) if state_file.exists() else 0
    cut_log(out / LOG, step)
    began, sums = time.monotonic(), []
    reporter.stage("training", settings.steps - step, "steps")
    while step < settings.steps and time.monotonic() - began < 60 * minutes:
        sums.append(trainer.step(step, heard))
        step += 1
        reporter.advance()
        if step % settings.check_every == 0 or step == settings.steps:
            found = check(trainer.mean_network(), kept)
            row = (time.monotonic() - began, float(np.mean(sums)), *found)
            append_log(out / LOG, step, dict(zip(COLUMNS, row, strict=True)))
            reporter.note(f"step {step}: beat {found[0]:.4f}, downbeat {found[1]:.4f}")
            sums = []
            trainer.save(state_file, step)
            export(trainer.mean_network(), out / "beats.safetensors", step, settings)
    trainer.save(state_file, step)
    return export(trainer.mean_network(), out / "beats.safetensors", step, settings)


def target(label: Tensor) -> Tensor:
    """What the log odds are trained to: labels (N, T) -> (N, 2, T), 1 at beats and downbeats, NEXT_TO beside them."""
    marked = torch.stack([label >= BEAT, label == DOWNBEAT], dim=1).float()
    return torch.maximum(marked, NEXT_TO * F.max_pool1d(marked, 3, stride=1, padding=1))


def loss_of(odds: Tensor, label: Tensor, known: Tensor) -> Tensor:
    """Cross-entropy of log odds (N, 2, T) over the frames that are known: (2,) beat, downbeat."""
    weight = torch.tensor(RARE)[None, :, None]
    each = F.binary_cross_entropy_with_logits(odds, target(label), pos_weight=weight, reduction="none")
    return (each * known[:, None]).sum(dim=(0, 2)) / known.sum().clamp(min=1)


@torch.no_grad()
def check(network: BeatNet, songs: Songs) -> tuple[float, float]:
    """The two losses on kept-apart songs."""
    parts = []
    for first in range(0, min(CHECKED, len(songs.mel)), 8):
        part = slice(first, first + 8)
        mel, pitch = (torch.from_numpy(array[part]).float() for array in (songs.mel, songs.pitch))
        label = torch.from_numpy(songs.label[part].astype(np.int64))
        parts.append(loss_of(network(mel, pitch), label, torch.ones(label.shape)))
    beat, downbeat = torch.stack(parts).mean(dim=0).tolist()
    return beat, downbeat


def export(network: BeatNet, path: Path, step: int, settings: TrainBeatsConfig) -> Path:
    """Write the weights as they are shipped: fp16, the config in the metadata."""
    state = {name: value.half() for name, value in network.state_dict().items()}
    save_checkpoint(path, state, network.config, {"step": step, "settings": dataclasses.asdict(settings)})
    return path


class Trainer:
    """The network in training: its weights (those of `earlier` at first), their running mean and the optimiser."""

    def __init__(self, config: BeatNetConfig, settings: TrainBeatsConfig, earlier: BeatNet | None = None) -> None:
        self.settings = settings
        torch.manual_seed(settings.seed)  # the layers' own initialisation draws from the global generator
        self.network = earlier or BeatNet(config)
        self.mean = {name: value.clone() for name, value in self.network.state_dict().items()}
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(), lr=settings.rate, weight_decay=settings.weight_decay
        )

    def step(self, step: int, songs: Songs) -> float:
        """Train on the samples of one step; returns its loss."""
        drawn: Batch = batch(songs, self.settings.batch, np.random.default_rng([self.settings.seed, step]))
        self.network.train()
        for group in self.optimiser.param_groups:
            group["lr"] = self._rate(step)
        loss = loss_of(self.network(drawn.mel, drawn.pitch), drawn.label, drawn.known).mean()
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimiser.step()
        follow(self.mean, self.network, self.settings.average, step)
        return loss.item()

    def mean_network(self) -> BeatNet:
        """The network with the mean weights, for listening."""
        network = BeatNet(self.network.config)
        network.load_state_dict(self.mean)
        return network.eval()

    def save(self, path: Path, step: int) -> None:
        """Write everything that going on needs, whole or not at all."""
        state = pack(self.network, self.mean, self.optimiser)
        save_checkpoint(path, state, self.network.config, {"step": step})

    def load(self, path: Path) -> int:
        """Read what `save` wrote; returns the step to go on from."""
        unpack(load_checkpoint(path, BeatNetConfig)[1], self.network, self.mean, self.optimiser)
        return int(read_metadata(path)[NOTES_KEY]["step"])

    def _rate(self, step: int) -> float:
        rise = min(1.0, (step + 1) / self.settings.warm_up)
        left = (self.settings.steps - step) / (self.settings.steps * self.settings.cooling)
        return self.settings.rate * min(rise, left)
