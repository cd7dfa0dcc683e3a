"""The paper's ablation of the dancing network (Table 4): the same small network with some of its scans, or with none.

Every row learns from the same windows by the same losses, without judges (critic and genre network), and is measured on
windows of held-out dancers; its weights are kept with a trained prior, so that it can be danced with and scored too.

Glossary: B windows, F pieces, T = 3 F poses.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dancegen.choreographers.stg_mamba.config import ChoreographerConfig
from dancegen.choreographers.stg_mamba.model import Choreographer
from dancegen.lab.datasets.bank import build_bank
from dancegen.lab.datasets.batches import Batch, draw_batch
from dancegen.lab.datasets.data import Material
from dancegen.lab.datasets.motion import SPIN
from dancegen.lab.datasets.placing import Stage
from dancegen.lab.train.stg_mamba.export import export
from dancegen.lab.train.stg_mamba.losses import LossWeights, reconstruction
from dancegen.progress import Reporter

ROWS = {  # of Table 4: which scans each block has
    "S1-1": (),
    "S1-2": ("sg",),
    "S1-3": ("tgf",),
    "S1-4": ("tgb",),
    "S1-5": ("tgf", "tgb"),
    "S1-6": ("sg", "tgf", "tgb"),
}
SMALL: dict[str, Any] = {"ear": (16, 16, 24), "hidden": 48, "node": 16, "head": 64}  # sizes that two cores can train
RATE = 1e-3
POOL, HELD_OUT = 400, 60  # batches that every row learns from, is measured on
MEASURED = ("position", "velocity", "speed")


@dataclass(frozen=True)
class Ablation:
    """How each row is trained."""

    steps: int = 2500
    batch: int = 4
    pieces: int = 16
    seeds: tuple[int, ...] = (0, 1)


def ablate(material: Material, shipped: Choreographer, out: Path, how: Ablation, reporter: Reporter) -> Path:
    """Train every row with every seed; a row of OUT/ablation.csv each, and OUT/ROW-SEED.safetensors.

    Rows that are there are kept, so that the same call goes on.

    Args:
        material: what is learnt from; its held-out dancers measure.
        shipped: whose prior and phrases the rows dance.
        out: folder of the run.
        how: steps, sizes, seeds.
        reporter: told of each step.
    """
    out.mkdir(parents=True, exist_ok=True)
    table = out / "ablation.csv"
    done = {tuple(row[:2]) for row in csv.reader(table.open(newline=""))} if table.exists() else set()
    left = [(name, seed) for seed in how.seeds for name in ROWS if (name, str(seed)) not in done]
    held_out = draw_pool(_held_out_stage(material, shipped), how, HELD_OUT, 10_000) if left else []
    for seed in sorted({seed for _, seed in left}):
        pool = draw_pool(material.stage, how, POOL, seed)
        for name in (name for name, of in left if of == seed):
            reporter.stage(f"{name}, seed {seed}", how.steps, "steps")
            network = train_row(replace(shipped.config, **SMALL, scans=ROWS[name]), pool, how.steps, seed, reporter)
            losses = measure(network, held_out)
            danced = network.state_dict() | _parts_of(shipped)
            network.load_state_dict(danced)
            export(network, out / f"{name}-{seed}.safetensors", {"row": name, "seed": seed, "steps": how.steps})
            with table.open("a", newline="") as file:
                writer = csv.writer(file)
                if file.tell() == 0:
                    writer.writerow(["row", "seed", *losses])
                writer.writerow([name, seed, *(f"{value:.6g}" for value in losses.values())])
    return table


def train_row(
    config: ChoreographerConfig, pool: list[Batch], steps: int, seed: int, reporter: Reporter
) -> Choreographer:
    """A network of one row, trained on the pool again and again."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = Choreographer(config)
    makers = [value for name, value in network.named_parameters() if not name.startswith("prior.")]
    optimiser = torch.optim.AdamW(makers, lr=RATE, betas=(0.9, 0.98), weight_decay=0.01)
    weights = LossWeights()
    for step in range(steps):
        losses = losses_of(network, pool[step % len(pool)])
        total = torch.stack([getattr(weights, name) * value for name, value in losses.items()]).sum()
        optimiser.zero_grad()
        total.backward()
        torch.nn.utils.clip_grad_norm_(makers, 30.0)
        optimiser.param_groups[0]["lr"] = RATE * (0.02 + 0.49 * (1 + float(np.cos(np.pi * step / steps))))
        optimiser.step()
        reporter.advance()
    return network.eval()


def losses_of(network: Choreographer, batch: Batch) -> dict[str, Tensor]:
    """The losses of `losses.reconstruction` and of the rate of turning, unweighted."""
    directions, root, rate = network(batch.mel, batch.beats, batch.sketch, batch.style)
    made, real = (network.place(*pose) for pose in ((directions, root), (batch.directions, batch.root)))
    return reconstruction(made, real) | {"turning": (rate - batch.rate).abs().mean()}


@torch.inference_mode()
def measure(network: Choreographer, batches: list[Batch]) -> dict[str, float]:
    """MEASURED on held-out windows, over those of the sketch as it is (1: the network adds nothing of use)."""
    rows = []
    for batch in batches:
        made = losses_of(network, batch)
        sketched, real = (
            network.place(poses[..., :-3].unflatten(-1, (-1, 3)), poses[..., -3:-1])
            for poses in (batch.sketch, batch.target)
        )
        plain = reconstruction(sketched, real)
        rows.append([(float(made[name]), float(plain[name])) for name in MEASURED])
    total = np.sum(rows, axis=0)  # (len(MEASURED), 2)
    return dict(zip(MEASURED, (total[:, 0] / total[:, 1]).tolist(), strict=True))


def draw_pool(stage: Stage, how: Ablation, count: int, seed: int) -> list[Batch]:
    """Batches that are the same for every row."""
    generator = torch.Generator().manual_seed(seed)
    return [draw_batch(stage, how.batch, how.pieces, generator) for _ in range(count)]


def _held_out_stage(material: Material, shipped: Choreographer) -> Stage:
    """The held-out dancers' phrases in four, to the songs of training."""
    motions = [motion for motion in material.held_out if motion.style != "waltz"]
    bank = build_bank(motions, [np.ones(len(motion), np.float32) for motion in motions], 4, SPIN)
    styles = dict.fromkeys(sorted(set(bank.style.tolist())), 1.0)
    sources = [motion.source for motion in motions]
    return Stage({4: bank}, material.stage.sounds, styles, sources, material.stage.codec)


def _parts_of(shipped: Choreographer) -> dict[str, Tensor]:
    """What a row takes over: the prior, the phrases' basis, ranks."""
    return {k: v for k, v in shipped.state_dict().items() if k.startswith(("prior.", "phrases.", "ranks"))}
