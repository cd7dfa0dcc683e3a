"""From a training run to shipped weights: averaged, half precision, with the codes of the training phrases.

Glossary: N codes, Z noise, F pieces, T = 3 F poses, Q phrases.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dancegen.audio.beats import BEAT_FEATURES
from dancegen.body.canonical import place_joints
from dancegen.body.joints import L_WRIST, NECK, R_WRIST
from dancegen.choreographers.stg_mamba.config import STYLES
from dancegen.choreographers.stg_mamba.model import CODE_FACTS, Choreographer
from dancegen.choreographers.stg_mamba.phrasebook import HELD
from dancegen.choreographers.stg_mamba.phrases import UNITS
from dancegen.dances.metrics import joint_speed
from dancegen.errors import DancegenError
from dancegen.lab.datasets.data import Dance
from dancegen.lab.datasets.material import window
from dancegen.lab.datasets.motion import FPS
from dancegen.lab.train.stg_mamba.bows import collect_bows
from dancegen.lab.train.stg_mamba.train import Trainer
from dancegen.weights.checkpoint import save_checkpoint

CODES = 1200
RUN = 4  # consecutive phrases taken from one dance
CALM = 0.3  # body heights per second; calmer phrases are not remembered
CALM_ARMS = 0.4  # body heights per second of the wrists about the neck, likewise, but for styles in closed hold


@torch.no_grad()
def dance_codes(trainer: Trainer, dance: Dance, flip: bool) -> tuple[Tensor, np.ndarray]:
    """The posterior's means of each whole phrase of a dance and of the unit before it, (Q, 1 + UNITS, Z).

    Also (Q, 3): energy, seconds per beat, speed of the wrists about the neck.
    """
    batch = window(dance, 0, dance.pieces, flip)
    values = torch.cat([batch.directions.flatten(1), batch.root], dim=-1)[None]
    mean, _ = trainer.posterior.cpu()(values, batch.beats[None], batch.unit[None])  # (1, units, Z)
    first = int(np.floor(dance.track.position[0] * UNITS))
    skipped = -first % UNITS or UNITS  # units up to the first whole phrase; the first unit may be cut
    count = max(0, (mean.shape[1] - 1 - skipped) // UNITS)
    at = skipped - 1 + UNITS * torch.arange(count)[:, None] + torch.arange(1 + UNITS)  # (Q, 1 + UNITS)
    codes = mean[0, at]  # (Q, 1 + UNITS, Z)
    phrase = (batch.unit.numpy() - skipped) // UNITS  # (F,), -1 before the first
    joints = place_joints(batch.directions.numpy(), batch.root.numpy())  # (T, V, 3)
    per_piece = joint_speed(joints, FPS).reshape(-1, 3).mean(axis=1)
    arms = joint_speed(joints - joints[:, [NECK]], FPS, (R_WRIST, L_WRIST)).reshape(-1, 3).mean(axis=1)
    period = batch.beats[:, BEAT_FEATURES.index("beat_period")].numpy()
    known = [[values[phrase == q].mean() for values in (per_piece, period, arms)] for q in range(count)]
    return codes, np.asarray(known, np.float32).reshape(-1, 3)


def collect_codes(trainer: Trainer, dances: list[Dance], count: int, seed: int) -> tuple[Tensor, Tensor]:
    """About `count` codes in runs of RUN consecutive phrases, (N, 1 + UNITS, Z); facts (N, len(CODE_FACTS))."""
    generator = np.random.default_rng(seed)
    whole = [dance for dance in dances if dance.first == 0 and dance.track.grid.confidence > 0]
    rows: list[Tensor] = []
    facts: list[tuple[float, ...]] = []
    for run in range(8 * count // RUN):
        dance = whole[int(generator.integers(len(whole)))]
        codes, known = dance_codes(trainer, dance, bool(generator.random() < 0.5))
        if not len(codes):
            continue
        length = min(RUN, len(codes))
        first = int(generator.integers(len(codes) - length + 1))
        part = known[first : first + length]
        still = part[:, 2].min() < CALM_ARMS and STYLES[dance.style] not in HELD
        if part[:, 0].min() < CALM or still:
            continue
        for k in range(first, first + length):
            rows.append(codes[k])
            facts.append((dance.style, run, known[k, 0], known[k, 1]))
        if len(rows) >= count:
            break
    if not rows:
        raise DancegenError("no training dance has whole lively phrases", "give longer songs or livelier motion")
    table = np.asarray(facts, np.float32)
    column = CODE_FACTS.index("energy")
    table[:, column] = table[:, column].argsort().argsort() / max(1, len(table) - 1)
    return torch.stack(rows), torch.from_numpy(table)


def export(
    trainer: Trainer, dances: list[Dance], path: Path, notes: dict[str, Any], codes: int = CODES
) -> Choreographer:
    """Write the averaged weights and the codes in half precision; returns the network as it will be loaded."""
    book, facts = collect_codes(trainer, dances, codes, trainer.options.seed)
    danced = Choreographer(trainer.config)
    danced.load_state_dict({key: value.cpu() for key, value in trainer.average.items()})
    bows = collect_bows(danced.eval(), trainer.posterior, dances)
    if bows:
        book = torch.cat([book, torch.stack([code for code, _ in bows])])
        facts = torch.cat([facts, torch.tensor([fact for _, fact in bows], dtype=facts.dtype)])
    config = replace(trainer.config, codes=len(book))
    state = {key: value.cpu() for key, value in trainer.average.items() if not key.startswith("code")}
    state |= {"codes": book[:, 1:], "code_before": book[:, 0]}
    half = {key: value.half() if value.is_floating_point() else value for key, value in state.items()}
    half["code_facts"] = facts  # run numbers do not fit half precision
    save_checkpoint(path, half, config, notes)
    network = Choreographer(config)
    network.load_state_dict({key: value.float() for key, value in half.items()})
    return network.eval()
