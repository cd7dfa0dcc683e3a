"""Training of the prior: codes of the stage's phrases, and a flow from plain noise to them.

Flow matching (Lipman et al., ICLR 2023): on the straight way from a draw of N(0, 1) to a phrase's code the velocity is
known; the prior learns to predict it from the place on the way, the time and what the phrase is danced to.

Glossary: N phrases, U = 4 units, D numbers of a code, A sound features.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional as F

from dancegen.choreographers.stg_mamba.config import STYLES, ChoreographerConfig
from dancegen.choreographers.stg_mamba.counting import BEATS_OF_UNIT, UNITS
from dancegen.choreographers.stg_mamba.hearing import unit_sound
from dancegen.choreographers.stg_mamba.prior import USUAL_PERIOD, Prior
from dancegen.lab.datasets.placing import Stage, Window
from dancegen.progress import Reporter, SilentReporter

PIECES = 180  # of a window that phrases are taken from: two at least
TOLD_EVERY = 100  # steps
DEAF = 0.15  # share of the steps' rows that hear nothing
ALONE = 0.15  # that have no phrase before
STYLELESS = 0.2  # whose style is left to the music


@dataclass(frozen=True)
class Phrases:
    """Phrases on music.

    Attributes:
        code: (N, D).
        before: (N, D) of the phrase before.
        sound: (N, U, A).
        facts: (N, 3) log of seconds per beat over 0.55, 1 in three, 1 with spins.
        style: (N,) index into STYLES.
    """

    code: Tensor
    before: Tensor
    sound: Tensor
    facts: Tensor
    style: Tensor

    def __len__(self) -> int:
        return len(self.style)


def phrases_of(window: Window) -> list[tuple[Tensor, ...]]:
    """The rows of `Phrases` that a window which begins with a phrase holds: each whole phrase but the first."""
    whole = min(int(window.position[-1] // window.phrase), len(window.codes))
    unit = np.floor(window.position / BEATS_OF_UNIT[window.meter]).astype(int)
    sound = torch.from_numpy(unit_sound(window.mel, window.position, unit, whole * UNITS))  # (whole U, A)
    codes = torch.from_numpy(window.codes)
    style = torch.tensor(STYLES.index(window.style) if window.style in STYLES else 0)
    rows: list[tuple[Tensor, ...]] = []
    for phrase in range(1, whole):
        inside = (window.position >= phrase * window.phrase) & (window.position < (phrase + 1) * window.phrase)
        facts = [np.log(window.period[inside].mean() / USUAL_PERIOD), window.meter == 3, window.spins[phrase]]
        heard = sound[phrase * UNITS : (phrase + 1) * UNITS]
        rows.append((codes[phrase], codes[phrase - 1], heard, torch.tensor(facts, dtype=torch.float32), style))
    return rows


def collect(stage: Stage, windows: int, seed: int) -> Phrases:
    """The phrases of `windows` windows."""
    rng = np.random.default_rng([seed, 7])
    rows: list[tuple[Tensor, ...]] = []
    for _ in range(windows):
        rows += phrases_of(stage.draw(PIECES, rng, whole=True))
    return Phrases(*(torch.stack(column) for column in zip(*rows, strict=True)))


def flow_loss(prior: Prior, phrases: Phrases, rows: Tensor, generator: torch.Generator) -> Tensor:
    """Mean squared error of the velocity, for the phrases `rows` (B,)."""
    count = len(rows)
    draw = torch.rand(4, count, generator=generator)
    goal = phrases.code[rows]
    noise = torch.randn(goal.shape, generator=generator)
    time = torch.sigmoid(torch.randn(count, generator=generator))  # more often in the middle of the way
    place = noise + time[:, None] * (goal - noise)
    follows = (draw[0] > ALONE).float()
    facts = torch.cat([phrases.facts[rows], follows[:, None]], dim=1)
    style = torch.where(draw[1] < STYLELESS, torch.zeros_like(phrases.style[rows]), phrases.style[rows])
    told = prior.told(phrases.sound[rows], (draw[2] > DEAF).float(), phrases.before[rows], facts, style)
    return F.mse_loss(prior(place, time, told), goal - noise)


def fit_prior(
    prior: Prior,
    phrases: Phrases,
    *,
    steps: int,
    batch: int,
    seed: int,
    rate: float = 1e-3,
    average: float = 0.998,
    tell: Callable[[int, float], None] | None = None,
) -> dict[str, Tensor]:
    """Train a prior; returns the averaged weights."""
    generator = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.AdamW(prior.parameters(), lr=rate, betas=(0.9, 0.98), weight_decay=0.02)
    kept = {name: value.detach().clone() for name, value in prior.state_dict().items()}
    recent = 0.0
    for step in range(steps):
        rows = torch.randint(len(phrases), (batch,), generator=generator)
        loss = flow_loss(prior, phrases, rows, generator)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(prior.parameters(), 1.0)
        warm = min(1.0, (step + 1) / 100)
        optimiser.param_groups[0]["lr"] = rate * warm * (0.02 + 0.49 * (1 + float(np.cos(np.pi * step / steps))))
        optimiser.step()
        keep = min(average, (step + 1) / (step + 10))
        with torch.no_grad():
            for name, value in prior.state_dict().items():
                kept[name].lerp_(value, 1 - keep)
        recent = 0.98 * recent + 0.02 * float(loss.detach()) if step else float(loss.detach())
        if tell and (step + 1) % TOLD_EVERY == 0:
            tell(step + 1, recent)
    return kept


def trained_prior(
    config: ChoreographerConfig,
    stage: Stage,
    out: Path,
    *,
    windows: int,
    steps: int,
    seed: int,
    batch: int = 192,
    reporter: Reporter | None = None,
) -> dict[str, Tensor]:
    """The averaged weights of a prior, trained or as OUT/prior.safetensors has them from a run before."""
    reporter, file = reporter or SilentReporter(), out / "prior.safetensors"
    if file.exists():
        return load_file(file)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        prior = Prior(config)
    phrases = collect(stage, windows, seed)
    reporter.stage("training the prior", steps, "steps")

    def tell(step: int, loss: float) -> None:
        for _ in range(TOLD_EVERY):
            reporter.advance()

    kept = fit_prior(prior, phrases, steps=steps, batch=batch, seed=seed, tell=tell)
    part = file.with_name(f".{file.name}.part")
    save_file({name: value.contiguous() for name, value in kept.items()}, part)
    part.replace(file)
    return kept
